//! A whole table of developers, checked before any of it is believed.

use std::collections::{BTreeMap, HashMap};

use super::{
    DeveloperRecord, ErrorType, FieldMapping, FieldType, Roster, ValidationError,
    check::{Draft, check},
    mapping::{fold, named},
};
use crate::email::Email;

/// Reads the rows of a table as developers.
///
/// `columns` and `rows` are as they were uploaded; `fields` is a [`super::Mapping`]'s list, or a proposal that may
/// still lack essential types; `required_columns` names what org trees filter or group by, as column or key. Cells
/// lose surrounding whitespace, cells beyond a row's end are blank, and columns that no field is mapped to are
/// ignored ([`super::Mapping::unmapped`] names them).
///
/// # Errors
/// Everything that is wrong, in the order of [`ErrorType`]. A cell in the e-mail column that is no address is a
/// [`ErrorType::RequiredValueMissing`] there, its closest published type; a manager cell that is no address is a
/// [`ErrorType::ManagerEmailMissingInDeveloperEmails`], since no developer can have it. Values of a column that is
/// missing as a whole are not reported as well.
pub fn validate(
    columns: &[String],
    rows: &[Vec<String>],
    fields: &[FieldMapping],
    required_columns: &[String],
) -> Result<Vec<DeveloperRecord>, Vec<ValidationError>> {
    let positions: HashMap<String, usize> =
        columns.iter().enumerate().map(|(position, column)| (fold(column), position)).collect();
    let (present, sources): (Vec<FieldMapping>, Vec<usize>) = fields
        .iter()
        .filter_map(|field| Some((field.clone(), *positions.get(&fold(&field.csv_column))?)))
        .unzip();

    let mut errors = missing_fields(fields, &present, required_columns);
    let drafts: Vec<Draft> = rows.iter().map(|row| draft(row, &present, &sources)).collect();
    errors.extend(check(&drafts, &Roster::default(), &present));
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(drafts.into_iter().filter_map(Draft::into_record).collect())
}

fn missing_fields(
    fields: &[FieldMapping],
    present: &[FieldMapping],
    required_columns: &[String],
) -> Vec<ValidationError> {
    let mut missing: Vec<&str> = Vec::new();
    for field_type in FieldType::ESSENTIAL {
        if !fields.iter().any(|field| field.field_type == field_type) {
            missing.push(field_type.name());
        }
    }
    for field in fields {
        let needed = field.required || field.field_type != FieldType::Custom;
        if needed && !present.contains(field) {
            missing.push(&field.csv_column);
        }
    }
    for column in required_columns {
        let name = named(fields, column).map_or(column.as_str(), |position| &fields[position].csv_column);
        if named(present, column).is_none() && !missing.contains(&name) {
            missing.push(name);
        }
    }
    missing
        .into_iter()
        .map(|name| ValidationError::of_table(ErrorType::RequiredFieldMissing, Some(name.to_owned())))
        .collect()
}

fn draft(row: &[String], fields: &[FieldMapping], sources: &[usize]) -> Draft {
    let mut draft = Draft {
        email_text: String::new(),
        email: None,
        name: String::new(),
        manager_text: String::new(),
        manager_email: None,
        attributes: BTreeMap::new(),
    };
    for (field, source) in fields.iter().zip(sources) {
        let value = row.get(*source).map_or("", |cell| cell.trim());
        if value.is_empty() {
            continue;
        }
        match field.field_type {
            FieldType::Email => {
                draft.email = Email::parse(value).ok();
                value.clone_into(&mut draft.email_text);
            }
            FieldType::Name => value.clone_into(&mut draft.name),
            FieldType::ManagerEmail => {
                draft.manager_email = Email::parse(value).ok();
                value.clone_into(&mut draft.manager_text);
            }
            FieldType::Custom => {
                draft.attributes.insert(field.field_key.clone(), value.to_owned());
            }
        }
    }
    draft
}

#[cfg(test)]
mod tests;
