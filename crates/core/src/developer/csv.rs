//! Developer records as CSV: the download, which uploaded again changes nothing.

use super::{DeveloperRecord, FieldMapping, Mapping};

/// All records under the mapping's columns, comma-separated, one line feed after each line.
///
/// Values are written as they are. In particular those that a spreadsheet would take for formulas are not escaped,
/// because an upload of the file would store the escapes.
pub fn write_csv<'a>(records: impl IntoIterator<Item = &'a DeveloperRecord>, mapping: &Mapping) -> String {
    let mut out = String::new();
    let columns = mapping.fields().iter().map(|field: &FieldMapping| field.csv_column.as_str());
    push_line(&mut out, columns);
    for record in records {
        push_line(&mut out, mapping.fields().iter().map(|field| record.value(field)));
    }
    out
}

/// A table as it was read, in the same form.
pub fn write_table(columns: &[String], rows: &[Vec<String>]) -> String {
    let mut out = String::new();
    push_line(&mut out, columns.iter().map(String::as_str));
    for row in rows {
        push_line(&mut out, row.iter().map(String::as_str));
    }
    out
}

fn push_line<'a>(out: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            out.push(',');
        }
        push_cell(out, cell);
    }
    out.push('\n');
}

/// Quotes whatever a reader could take for structure. Semicolons and tabs are among it, since readers guess the
/// delimiter from the header; so are byte order marks and surrounding whitespace, which some drop.
fn push_cell(out: &mut String, cell: &str) {
    let structural = |character| matches!(character, ',' | ';' | '\t' | '"' | '\r' | '\n' | '\u{feff}');
    if !cell.contains(structural) && cell.trim().len() == cell.len() {
        out.push_str(cell);
        return;
    }
    out.push('"');
    for character in cell.chars() {
        if character == '"' {
            out.push('"');
        }
        out.push(character);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{developer::FieldType, email::Email};

    #[test]
    fn columns_come_in_the_order_of_the_mapping_and_formulas_stay() {
        let mapping = Mapping::new(vec![
            FieldMapping::new("Manager Email", FieldType::ManagerEmail),
            FieldMapping::new("Team; Site", FieldType::Custom),
            FieldMapping::new("Name", FieldType::Name),
            FieldMapping::new("Email", FieldType::Email),
        ])
        .unwrap();
        let record = |email: &str, manager: Option<&str>, team: &str| DeveloperRecord {
            email: Email::parse(email).unwrap(),
            name: "Lee, \"Ann\"".into(),
            manager_email: manager.map(|text| Email::parse(text).unwrap()),
            attributes: BTreeMap::from([("team_site".to_owned(), team.to_owned())]),
        };
        let records = [record("a@x", None, "=1+1"), record("b@x", Some("A@x"), "two\nlines")];
        assert_eq!(
            write_csv(&records, &mapping),
            "Manager Email,\"Team; Site\",Name,Email\n\
             ,=1+1,\"Lee, \"\"Ann\"\"\",a@x\n\
             A@x,\"two\nlines\",\"Lee, \"\"Ann\"\"\",b@x\n"
        );
    }
}
