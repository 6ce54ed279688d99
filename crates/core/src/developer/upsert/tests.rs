use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::developer::ErrorType;

fn mapping() -> Mapping {
    Mapping::new(vec![
        FieldMapping::new("Email", FieldType::Email),
        FieldMapping::new("Manager Email", FieldType::ManagerEmail),
        FieldMapping::new("Full Name", FieldType::Name),
        FieldMapping::new("Team", FieldType::Custom),
        FieldMapping::new("Level", FieldType::Custom),
    ])
    .unwrap()
}

fn items(value: Value) -> Vec<Map<String, Value>> {
    serde_json::from_value(value).unwrap()
}

fn merge_json(existing: &Roster, payload: Value) -> Result<Merged, MergeError> {
    merge(existing, &items(payload), &mapping())
}

/// Ann manages Bo, who manages Cy.
fn staff() -> Roster {
    let merged = merge_json(
        &Roster::default(),
        json!([
            {"Email": "Ann@x", "Full Name": "Ann", "Team": "Core"},
            {"Email": "bo@x", "Full Name": "Bo", "Manager Email": "ann@x"},
            {"Email": "cy@x", "Full Name": "Cy", "Manager Email": "bo@x"},
        ]),
    );
    Roster::new(merged.unwrap().added)
}

fn apply(existing: &Roster, merged: &Merged) -> Roster {
    let changed = merged.updated.iter().map(|(_, after)| after);
    existing.records().iter().chain(changed).chain(&merged.added).cloned().collect()
}

fn errors_of(payload: Value) -> Vec<(ErrorType, String, usize)> {
    match merge_json(&staff(), payload) {
        Err(MergeError::Invalid(errors)) => errors
            .into_iter()
            .map(|error| (error.error_type, error.field_name.unwrap(), error.error_developer_count))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn items_add_update_or_change_nothing() {
    let merged = merge_json(
        &staff(),
        json!([
            {"email": "ANN@X", "Team": "Edge", "level": 7, "Shoe Size": 44},
            {"E-mail": "di@x", "name": "Di", "manager": "cy@x", "TEAM": true, "shoe size": 1},
            {"Email": "bo@x", "Full Name": " Bo ", "manager_email": "ANN@x"},
        ]),
    )
    .unwrap();
    let (before, after) = &merged.updated[0];
    assert_eq!(before.attributes["team"], "Core");
    assert_eq!(after.email.written(), "Ann@x", "the stored spelling stays");
    assert_eq!((after.attributes["team"].as_str(), after.attributes["level"].as_str()), ("Edge", "7"));
    assert_eq!(after.name, "Ann", "what is not named stays");
    assert_eq!(merged.added[0].attributes["team"], "true");
    assert_eq!(merged.added[0].manager_email, Some(Email::parse("cy@x").unwrap()));
    assert_eq!((merged.updated.len(), merged.added.len(), merged.unchanged), (1, 1, 1));
    assert_eq!(merged.ignored_fields, ["Shoe Size", "shoe size"]);
}

#[test]
fn null_and_blank_clear() {
    let merged = merge_json(
        &staff(),
        json!([{"Email": "ann@x", "Team": null}, {"Email": "bo@x", "Manager Email": " "}]),
    )
    .unwrap();
    assert!(merged.updated[0].1.attributes.is_empty());
    assert_eq!(merged.updated[1].1.manager_email, None);
}

#[test]
fn every_kind_of_error_is_reported_at_once() {
    use ErrorType::{
        CircularReference, DuplicateEmail, ManagerEmailMissingInDeveloperEmails, RequiredValueMissing,
    };
    let told = errors_of(json!([
        {"Email": "ann@x", "Manager Email": "cy@x"},
        {"Email": "bo@x", "Full Name": null},
        {"Email": "new@x"},
        {"Email": null, "Full Name": "Nobody"},
        {"Full Name": "Nobody either"},
        {"Email": "di@x", "Full Name": "Di", "Manager Email": "gone@x"},
        {"Email": "ed@x", "Full Name": "Ed"},
        {"Email": "ED@x", "Full Name": "Ed"},
    ]));
    assert_eq!(
        told,
        [
            (RequiredValueMissing, "Full Name".to_owned(), 2),
            (RequiredValueMissing, "Email".to_owned(), 2),
            (DuplicateEmail, "Email".to_owned(), 2),
            (ManagerEmailMissingInDeveloperEmails, "Manager Email".to_owned(), 1),
            (CircularReference, "Manager Email".to_owned(), 3),
        ]
    );
}

#[test]
fn a_circle_through_stored_developers_is_found_and_shown() {
    let Err(MergeError::Invalid(errors)) =
        merge_json(&staff(), json!([{"Email": "ann@x", "Manager Email": "CY@x"}]))
    else {
        panic!("a circle was accepted");
    };
    let members: Vec<&str> =
        errors[0].sample_error_developers.iter().map(|sample| sample["Full Name"].as_str()).collect();
    assert_eq!(members, ["Ann", "Cy", "Bo"]);
}

#[test]
fn a_manager_may_be_stored_or_in_the_payload() {
    let merged = merge_json(
        &staff(),
        json!([
            {"Email": "di@x", "Full Name": "Di", "Manager Email": "ed@x"},
            {"Email": "ed@x", "Full Name": "Ed", "Manager Email": "ann@x"},
            {"Email": "ann@x", "Full Name": "Anne"},
        ]),
    )
    .unwrap();
    assert_eq!((merged.added.len(), merged.updated.len()), (2, 1));
}

#[test]
fn what_cannot_be_understood_names_the_field() {
    for (payload, message) in [
        (
            json!([{}, {"Email": "a@x", "Team": ["a"]}]),
            "item 1: `Team` must be text, a number, true, false or null",
        ),
        (json!([{"Team": {}}]), "item 0: `Team` must be text, a number, true, false or null"),
        (json!([{"Team": "a\u{0}"}]), "item 0: `Team` contains a NUL character"),
        (json!([{"Team": "a".repeat(32 * 1024 + 1)}]), "item 0: `Team` is longer than 32 KiB"),
        (
            json!([{"Email": "a@x", "email": "b@x"}]),
            "item 0: `email` names a field that the item already gives another value",
        ),
    ] {
        assert_eq!(merge_json(&staff(), payload).unwrap_err().to_string(), message);
    }
    let ignored = merge_json(&staff(), json!([{"Email": "ann@x", "email": "ann@x", "Unknown": {}}])).unwrap();
    assert_eq!((ignored.unchanged, ignored.ignored_fields.len()), (1, 1));
}

fn payload() -> impl Strategy<Value = Value> {
    let text = "[ a-cé\",\n]{0,4}";
    let level = prop_oneof![
        Just(json!(null)),
        any::<i32>().prop_map(|n| json!(n)),
        any::<bool>().prop_map(|b| json!(b))
    ];
    let item = (0_usize..12, prop::option::of(0_usize..12), text, level);
    prop::collection::vec(item, 0..12).prop_map(|rows| {
        let mut seen = BTreeSet::new();
        rows.into_iter()
            .filter(|(person, ..)| seen.insert(*person))
            .map(|(person, manager, team, level)| {
                let manager = manager.map(|number| format!("P{number}@x"));
                json!({"Email": format!("p{person}@x"), "Name": format!("P{person}"), "Manager": manager,
                       "Team": team, "level": level})
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn the_second_time_nothing_changes(first in payload(), second in payload()) {
        let mut roster = Roster::default();
        for payload in [first, second] {
            let Ok(merged) = merge_json(&roster, payload.clone()) else { continue };
            let total = merged.added.len() + merged.updated.len() + merged.unchanged;
            prop_assert_eq!(total, payload.as_array().map_or(0, Vec::len));
            roster = apply(&roster, &merged);
            let again = merge_json(&roster, payload).unwrap();
            prop_assert_eq!((again.added.len(), again.updated.len(), again.unchanged), (0, 0, total));
        }
    }
}
