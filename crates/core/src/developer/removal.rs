//! Removing developers.

use std::collections::{BTreeMap, HashSet};

use super::{DeveloperRecord, ErrorType, FieldType, Mapping, Roster, ValidationError};
use crate::email::Email;

/// What a removal would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// The developers that go, in the order of the request.
    pub removed: Vec<DeveloperRecord>,
    /// The texts of the request that are no developer's address.
    pub unknown: Vec<String>,
}

/// Works out what remains when the developers with these addresses go.
///
/// # Errors
/// [`ErrorType::DuplicateEmail`] if the request names a developer twice, and
/// [`ErrorType::ManagerEmailMissingInDeveloperEmails`] with the developers that would lose their manager.
pub fn remove(
    existing: &Roster,
    emails: &[String],
    mapping: &Mapping,
) -> Result<Removal, Vec<ValidationError>> {
    let email_column = mapping.column(FieldType::Email).unwrap_or_default();
    let manager_column = mapping.column(FieldType::ManagerEmail).unwrap_or_default();
    let mut removal = Removal::default();
    let mut leaving: HashSet<Email> = HashSet::new();
    let mut repeated: Vec<&str> = Vec::new();
    for text in emails {
        let found = Email::parse(text).ok().and_then(|email| existing.get(&email));
        match found {
            None => removal.unknown.push(text.clone()),
            Some(record) if leaving.insert(record.email.clone()) => removal.removed.push(record.clone()),
            Some(_) => repeated.push(text),
        }
    }
    let left_behind: Vec<&DeveloperRecord> = existing
        .records()
        .iter()
        .filter(|record| record.manager_email.as_ref().is_some_and(|manager| leaving.contains(manager)))
        .filter(|record| !leaving.contains(&record.email))
        .collect();

    let mut errors = Vec::new();
    errors.extend(ValidationError::of_developers(
        ErrorType::DuplicateEmail,
        email_column,
        &repeated,
        |text| BTreeMap::from([(email_column.to_owned(), (*text).to_owned())]),
    ));
    errors.extend(ValidationError::of_developers(
        ErrorType::ManagerEmailMissingInDeveloperEmails,
        manager_column,
        &left_behind,
        |record| {
            let cell =
                |field: &super::FieldMapping| (field.csv_column.clone(), record.value(field).to_owned());
            mapping.fields().iter().map(cell).collect()
        },
    ));
    if errors.is_empty() { Ok(removal) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::developer::FieldMapping;

    fn mapping() -> Mapping {
        Mapping::new(vec![
            FieldMapping::new("Email", FieldType::Email),
            FieldMapping::new("Manager", FieldType::ManagerEmail),
            FieldMapping::new("Name", FieldType::Name),
        ])
        .unwrap()
    }

    fn staff() -> Roster {
        [("ann@x", None), ("bo@x", Some("ann@x")), ("cy@x", Some("Bo@x"))]
            .map(|(email, manager)| DeveloperRecord {
                email: Email::parse(email).unwrap(),
                name: email.to_owned(),
                manager_email: manager.map(|manager| Email::parse(manager).unwrap()),
                attributes: BTreeMap::new(),
            })
            .into_iter()
            .collect()
    }

    fn remove_texts(emails: &[&str]) -> Result<Removal, Vec<ValidationError>> {
        let emails: Vec<String> = emails.iter().map(ToString::to_string).collect();
        remove(&staff(), &emails, &mapping())
    }

    #[test]
    fn a_manager_goes_together_with_all_reports() {
        let removal = remove_texts(&["BO@x", "cy@x", "gone@x", "?"]).unwrap();
        assert_eq!(removal.removed.len(), 2);
        assert_eq!(removal.unknown, ["gone@x", "?"]);
    }

    #[test]
    fn a_manager_whose_reports_remain_stays_and_no_one_is_named_twice() {
        let errors = remove_texts(&["ann@x", "cy@x", "CY@x"]).unwrap_err();
        let types: Vec<ErrorType> = errors.iter().map(|error| error.error_type).collect();
        assert_eq!(types, [ErrorType::DuplicateEmail, ErrorType::ManagerEmailMissingInDeveloperEmails]);
        assert_eq!(errors[0].sample_error_developers[0]["Email"], "CY@x");
        assert_eq!(errors[1].sample_error_developers[0]["Email"], "bo@x");
    }
}
