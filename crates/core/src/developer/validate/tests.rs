use proptest::prelude::*;

use super::*;
use crate::developer::{Mapping, suggest, write_csv};

fn strings(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn table(rows: &[[&str; 4]]) -> (Vec<String>, Vec<Vec<String>>, Vec<FieldMapping>) {
    let columns = strings(&["Email", "Manager Email", "Full Name", "Team"]);
    let fields = suggest(&columns).into_iter().map(|suggestion| suggestion.mapping).collect();
    (columns, rows.iter().map(|row| strings(row)).collect(), fields)
}

fn errors_of(rows: &[[&str; 4]]) -> Vec<(ErrorType, String, usize)> {
    let (columns, rows, fields) = table(rows);
    validate(&columns, &rows, &fields, &[])
        .unwrap_err()
        .into_iter()
        .map(|error| (error.error_type, error.field_name.unwrap(), error.error_developer_count))
        .collect()
}

#[test]
fn good_rows_become_records() {
    let (columns, rows, fields) =
        table(&[["Ann@X.org ", "", " Ann ", "Core"], ["bo@x.org", "ann@x.ORG", "Bo", "  "]]);
    let records = validate(&columns, &rows, &fields, &strings(&["team"])).unwrap();
    assert_eq!(records[0].email.written(), "Ann@X.org");
    assert_eq!(records[0].name, "Ann");
    assert_eq!(records[0].attributes["team"], "Core");
    assert_eq!(records[1].manager_email.as_ref(), Some(&records[0].email));
    assert!(records[1].attributes.is_empty());
}

#[test]
fn every_kind_of_error_is_reported_at_once() {
    use ErrorType::{
        CircularReference, DuplicateEmail, ManagerEmailMissingInDeveloperEmails, RequiredFieldMissing,
        RequiredValueMissing,
    };
    let (columns, rows, fields) = table(&[
        ["ann@x", "", " ", ""],
        ["", "", "Nobody", ""],
        ["no address", "", "Nowhere", ""],
        ["bo@x", "cy@x", "Bo", ""],
        ["cy@x", "bo@x", "Cy", ""],
        ["di@x", "gone@x", "Di", ""],
        ["ed@x", "the boss", "Ed", ""],
        ["fy@x", "", "Fy", ""],
        ["FY@X", "", "Fy again", ""],
        ["me@x", "ME@x", "Me", ""],
    ]);
    let errors = validate(&columns, &rows, &fields, &strings(&["Site", "Team"])).unwrap_err();
    let told: Vec<_> = errors
        .iter()
        .map(|error| (error.error_type, error.field_name.as_deref().unwrap(), error.error_developer_count))
        .collect();
    assert_eq!(
        told,
        [
            (RequiredFieldMissing, "Site", 0),
            (RequiredValueMissing, "Full Name", 1),
            (RequiredValueMissing, "Email", 2),
            (DuplicateEmail, "Email", 2),
            (ManagerEmailMissingInDeveloperEmails, "Manager Email", 2),
            (CircularReference, "Manager Email", 3),
        ]
    );
    let sample = &errors[2].sample_error_developers[1];
    assert_eq!((sample["Email"].as_str(), sample["Full Name"].as_str()), ("no address", "Nowhere"));
    assert_eq!(errors[4].sample_error_developers[1]["Manager Email"], "the boss");
}

#[test]
fn samples_are_limited_and_counts_are_not() {
    let rows = [["same@x", "", "Same", ""]; 25];
    let (columns, rows, fields) = table(&rows);
    let errors = validate(&columns, &rows, &fields, &[]).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].error_developer_count, 25);
    assert_eq!(errors[0].sample_error_developers.len(), super::super::MAX_SAMPLES);
}

#[test]
fn missing_columns_are_named_and_their_values_are_not_blamed() {
    let columns = strings(&["Name", "Site"]);
    let fields: Vec<_> = suggest(&columns).into_iter().map(|suggestion| suggestion.mapping).collect();
    let errors = validate(&columns, &[strings(&["Ann", "Oslo"])], &fields, &[]).unwrap_err();
    assert_eq!(
        errors,
        ["EMAIL", "MANAGER_EMAIL"]
            .map(|name| ValidationError::of_table(ErrorType::RequiredFieldMissing, Some(name.into())))
    );

    let (_, _, mut stored) = table(&[]);
    stored[3].required = true;
    let columns = strings(&["EMAIL", "full name"]);
    let errors = validate(&columns, &[strings(&["ann@x"])], &stored, &strings(&["team"])).unwrap_err();
    let told: Vec<_> = errors.iter().map(|error| (error.error_type, error.field_name.as_deref())).collect();
    assert_eq!(
        told,
        [
            (ErrorType::RequiredFieldMissing, Some("Manager Email")),
            (ErrorType::RequiredFieldMissing, Some("Team")),
            (ErrorType::RequiredValueMissing, Some("Full Name")),
        ]
    );
}

#[test]
fn those_who_lead_into_a_circle_are_not_in_it() {
    let told = errors_of(&[["a@x", "b@x", "A", ""], ["b@x", "b@x", "B", ""], ["c@x", "a@x", "C", ""]]);
    assert_eq!(told, [(ErrorType::CircularReference, "Manager Email".to_owned(), 1)]);
}

fn value() -> impl Strategy<Value = String> {
    "[a-zA-Z\",;\t\n\r é=@]{0,12}".prop_map(|text| text.trim().to_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn forests_of_managers_pass_and_closing_them_fails(
        people in prop::collection::vec((any::<prop::sample::Index>(), value()), 1..40),
        loops in any::<bool>(),
    ) {
        let mut rows: Vec<[String; 4]> = people
            .iter()
            .enumerate()
            .map(|(number, (pick, team))| {
                let manager = pick.index(number + 1);
                let manager = if manager < number { format!("P{manager}@x") } else { String::new() };
                [format!("p{number}@x"), manager, format!("P {number}"), team.clone()]
            })
            .collect();
        if loops {
            rows[0][1] = format!("p{}@x", people.len() - 1);
            for (number, row) in rows.iter_mut().enumerate().skip(1) {
                row[1] = format!("p{}@x", number - 1);
            }
        }
        let (columns, _, fields) = table(&[]);
        let rows: Vec<Vec<String>> = rows.into_iter().map(Vec::from).collect();
        match validate(&columns, &rows, &fields, &[]) {
            Ok(records) => {
                prop_assert!(!loops);
                prop_assert_eq!(records.len(), people.len());
                let text = write_csv(&records, &Mapping::new(fields).unwrap());
                prop_assert!(text.starts_with("Email,Manager Email,Full Name,Team\n"));
            }
            Err(errors) => {
                prop_assert!(loops);
                prop_assert_eq!(errors.len(), 1);
                prop_assert_eq!(errors[0].error_type, ErrorType::CircularReference);
                prop_assert_eq!(errors[0].error_developer_count, people.len());
            }
        }
    }
}
