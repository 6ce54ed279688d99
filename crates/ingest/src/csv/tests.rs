use proptest::prelude::*;
use sextant_core::developer::{FieldMapping, FieldType, Mapping, suggest, validate, write_csv};

use super::*;

fn table(columns: &[&str], rows: &[&[&str]]) -> Table {
    let strings = |cells: &[&str]| cells.iter().map(ToString::to_string).collect::<Vec<_>>();
    Table { columns: strings(columns), rows: rows.iter().map(|row| strings(row)).collect() }
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(unit).collect()
}

#[test]
fn encodings_delimiters_and_line_endings_give_the_same_table() {
    let expected = table(&["Full Name", "E-mail"], &[&["Zoë, \"Z\"", "z@x"], &["", "b@x"]]);
    let text = "Full Name,E-mail\n\"Zoë, \"\"Z\"\"\",z@x\n,b@x";
    let semicolons = "\r\n Full Name ;E-mail\r\n\r\n\"Zoë, \"\"Z\"\"\";z@x\r\n;b@x\r\n";
    let tabs = "\"Full Name\"\tE-mail\rZoë, \"Z\"\tz@x\r\tb@x\r";
    for bytes in [
        text.as_bytes().to_vec(),
        format!("\u{feff}{text}").into_bytes(),
        semicolons.as_bytes().to_vec(),
        utf16(semicolons, u16::to_le_bytes),
        utf16(tabs, u16::to_be_bytes),
        utf16("\"Full Name\"\tE-mail\r\"Zoë, \"\"Z\"\"\"\tz@x\r\tb@x\r", u16::to_be_bytes),
    ] {
        assert_eq!(read(&bytes).unwrap(), expected, "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn the_delimiter_is_the_one_the_header_has_most_of() {
    assert_eq!(read(b"a,b;c\n1,2\n").unwrap().columns, ["a", "b;c"]);
    assert_eq!(read(b"\"a,x,y\";b\n1;2\n").unwrap().columns, ["a,x,y", "b"]);
    assert_eq!(read(b"\"a;\n;\",b\n1,2\n").unwrap().columns, ["a;\n;", "b"]);
    assert_eq!(read(b"alone\n1\n\n2\n").unwrap(), table(&["alone"], &[&["1"], &["2"]]));
}

#[test]
fn empty_files_and_blank_column_names_have_their_own_errors() {
    for empty in [&b""[..], b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\n", b"a,b", b"a,b\r\n\r\n"] {
        assert_eq!(read(empty).unwrap_err(), CsvProblem::Empty, "{empty:?}");
    }
    for (text, column) in [("a,,c\n1,2,3", 2), (" \t,b\n1,2", 1), ("a,b,\n", 3), ("a,\" \"\n1,2", 2)] {
        assert_eq!(read(text.as_bytes()).unwrap_err(), CsvProblem::BlankColumnName { column }, "{text:?}");
    }
    assert_eq!(CsvProblem::Empty.validation_error().error_type, ErrorType::EmptyCsv);
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    let odd = [utf16("a\n1", u16::to_le_bytes), vec![0]].concat();
    let surrogate = [utf16("a\n1", u16::to_le_bytes), vec![0, 0xd8]].concat();
    let wide = format!("{}\n", vec!["c"; 201].join(","));
    let long = format!("a,b\n1,2\n1,{}\n", "x".repeat(MAX_VALUE_BYTES + 1));
    for (bytes, message) in [
        (&b"a,b\n1,2\n3\n"[..], "line 3: the row has 1 values, the header has 2 columns"),
        (b"a,b\n1,2,3\n", "line 2: the row has 3 values, the header has 2 columns"),
        (b"a,b\n1,2\n\"3,4\n5,6\n", "line 3: the quote that opens a value here is never closed"),
        (b"a,b\n\"1,2\n3,\"4\n\"", "line 3: text follows a closing quote"),
        (b"a,b\n\"1\" ,2\n", "line 2: text follows a closing quote"),
        (b"a,b\nM\xfcller,2\n", "line 2: the text is not valid UTF-8; save the file as UTF-8 or UTF-16"),
        (b"a,b\n1,\0\n", "line 2: the file contains a NUL character"),
        (&odd, "line 2: the UTF-16 text ends within a character"),
        (&surrogate, "line 2: the text is not valid UTF-16"),
        (b"a,b, A \n1,2,3\n", "line 1: the column `A` occurs twice"),
        (wide.as_bytes(), "line 1: the header has 201 columns; 200 are allowed"),
        (long.as_bytes(), "line 3: the value of `b` is longer than 32 KiB"),
    ] {
        let problem = read(bytes).unwrap_err();
        assert_eq!(problem.to_string(), message);
        assert_eq!(problem.error_type(), ErrorType::InvalidCsv);
    }
}

#[test]
fn quotes_within_a_plain_value_are_text() {
    assert_eq!(read(b"a,b\nAnn \"the \"\"boss\",x\"\n").unwrap().rows, [["Ann \"the \"\"boss\"", "x\""]]);
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\",;\t\r\n a\u{feff}=@é]{0,8}",
        "\\PC{0,12}",
        prop::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter),
    ]
    .prop_map(|text| text.replace('\0', "").trim().to_owned())
}

proptest! {
    #[test]
    fn any_bytes_are_a_table_or_a_problem(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    #[test]
    fn bytes_that_look_like_csv_give_full_rows(
        bytes in prop::collection::vec(prop::sample::select(&b"ab,;\t\"\r\n \xc3\xa9"[..]), 0..60),
    ) {
        if let Ok(table) = read(&bytes) {
            prop_assert!(!table.rows.is_empty());
            prop_assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
        }
    }

    #[test]
    fn downloaded_and_uploaded_again_nothing_changes(
        titles in prop::collection::vec(cell(), 0..4),
        people in prop::collection::vec((cell(), prop::collection::vec(cell(), 4), any::<bool>()), 1..6),
        order in any::<prop::sample::Index>(),
    ) {
        let mut fields = FieldMapping::list(titles.iter().enumerate().map(|(number, title)| {
            (format!("{title}{number}").trim().to_owned(), FieldType::Custom)
        }));
        for (column, field_type) in
            [("Email", FieldType::Email), ("Name", FieldType::Name), ("Boss", FieldType::ManagerEmail)]
        {
            fields.insert(order.index(fields.len() + 1), FieldMapping::new(column, field_type));
        }
        let Ok(mapping) = Mapping::new(fields) else { return Ok(()) };
        let columns: Vec<String> = mapping.fields().iter().map(|field| field.csv_column.clone()).collect();
        let rows: Vec<Vec<String>> = people
            .iter()
            .enumerate()
            .map(|(number, (name, values, managed))| {
                let mut values = values.iter();
                let cell = |field: &FieldMapping| match field.field_type {
                    FieldType::Email => format!("P{number}@x"),
                    FieldType::Name => format!("{number}{name}"),
                    FieldType::ManagerEmail if *managed && number > 0 => format!("p{}@X", number - 1),
                    FieldType::ManagerEmail => String::new(),
                    FieldType::Custom => values.next().cloned().unwrap_or_default(),
                };
                mapping.fields().iter().map(cell).collect()
            })
            .collect();
        let records = validate(&columns, &rows, mapping.fields(), &[]).unwrap();

        let file = write_csv(&records, &mapping);
        let uploaded = read(file.as_bytes()).unwrap();
        prop_assert_eq!(&uploaded.columns, &columns);
        prop_assert_eq!(&uploaded.rows, &rows);
        let again = validate(&uploaded.columns, &uploaded.rows, mapping.fields(), &[]).unwrap();
        prop_assert_eq!(&again, &records);
        prop_assert_eq!(write_csv(&again, &mapping), file);
    }
}

#[test]
fn an_upload_with_usual_columns_becomes_developers() {
    let table = read(b"Email;Manager Email;Full Name;Site\nann@x;;Ann;Oslo\nbo@x;ANN@x;Bo;\n").unwrap();
    let fields: Vec<FieldMapping> =
        suggest(&table.columns).into_iter().map(|suggestion| suggestion.mapping).collect();
    let records = validate(&table.columns, &table.rows, &fields, &[]).unwrap();
    assert_eq!(records[0].attributes["site"], "Oslo");
    assert_eq!(records[1].manager_email.as_ref(), Some(&records[0].email));
}
