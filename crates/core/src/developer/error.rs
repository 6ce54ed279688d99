//! The published vocabulary of what can be wrong with developer records.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// How many of the developers concerned an error shows.
pub const MAX_SAMPLES: usize = 10;

/// What is wrong. The names on the wire are published; the order here is the order in which errors are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorType {
    /// The upload cannot be read: encoding, quotes, ragged rows.
    InvalidCsv,
    /// The upload holds no rows.
    EmptyCsv,
    /// A column has no name.
    BlankCsvColumnName,
    /// Name, e-mail and manager's e-mail are not each mapped exactly once.
    MissingNameOrEmailOrManagerEmailFieldMapping,
    /// A column that must be there is not.
    RequiredFieldMissing,
    /// A developer without a name or without a usable e-mail address.
    RequiredValueMissing,
    /// Several records share an e-mail address.
    DuplicateEmail,
    /// A manager's e-mail that is no developer's.
    ManagerEmailMissingInDeveloperEmails,
    /// Developers who, through their managers, manage themselves.
    CircularReference,
}

impl ErrorType {
    /// Every type, in the order of reports.
    pub const ALL: [Self; 9] = [
        Self::InvalidCsv,
        Self::EmptyCsv,
        Self::BlankCsvColumnName,
        Self::MissingNameOrEmailOrManagerEmailFieldMapping,
        Self::RequiredFieldMissing,
        Self::RequiredValueMissing,
        Self::DuplicateEmail,
        Self::ManagerEmailMissingInDeveloperEmails,
        Self::CircularReference,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidCsv => "INVALID_CSV",
            Self::EmptyCsv => "EMPTY_CSV",
            Self::BlankCsvColumnName => "BLANK_CSV_COLUMN_NAME",
            Self::MissingNameOrEmailOrManagerEmailFieldMapping => {
                "MISSING_NAME_OR_EMAIL_OR_MANAGER_EMAIL_FIELD_MAPPING"
            }
            Self::RequiredFieldMissing => "REQUIRED_FIELD_MISSING",
            Self::RequiredValueMissing => "REQUIRED_VALUE_MISSING",
            Self::DuplicateEmail => "DUPLICATE_EMAIL",
            Self::ManagerEmailMissingInDeveloperEmails => "MANAGER_EMAIL_MISSING_IN_DEVELOPER_EMAILS",
            Self::CircularReference => "CIRCULAR_REFERENCE",
        }
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One kind of error in one field, with how many developers it concerns and the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationError {
    /// What is wrong.
    pub error_type: ErrorType,
    /// The CSV column concerned; where no column is mapped, the name of the field type or the missing column's name.
    pub field_name: Option<String>,
    /// How many developers are concerned; 0 where the error is about the table as a whole.
    pub error_developer_count: usize,
    /// At most [`MAX_SAMPLES`] of them, as column and value.
    pub sample_error_developers: Vec<BTreeMap<String, String>>,
}

impl ValidationError {
    /// An error about the table or the mapping rather than about certain developers.
    pub fn of_table(error_type: ErrorType, field_name: Option<String>) -> Self {
        Self { error_type, field_name, error_developer_count: 0, sample_error_developers: Vec::new() }
    }

    /// An error about developers, or nothing if there are none. Of the iterator only the first
    /// [`MAX_SAMPLES`] values are rendered.
    pub(super) fn of_developers<T>(
        error_type: ErrorType,
        field_name: &str,
        concerned: &[T],
        render: impl Fn(&T) -> BTreeMap<String, String>,
    ) -> Option<Self> {
        if concerned.is_empty() {
            return None;
        }
        Some(Self {
            error_type,
            field_name: Some(field_name.to_owned()),
            error_developer_count: concerned.len(),
            sample_error_developers: concerned.iter().take(MAX_SAMPLES).map(render).collect(),
        })
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.error_type)?;
        if let Some(field) = &self.field_name {
            write!(formatter, " in `{field}`")?;
        }
        match self.error_developer_count {
            0 => Ok(()),
            1 => write!(formatter, " (1 developer)"),
            count => write!(formatter, " ({count} developers)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_shape_is_the_published_one() {
        let error = ValidationError {
            error_type: ErrorType::DuplicateEmail,
            field_name: Some("Email".into()),
            error_developer_count: 2,
            sample_error_developers: vec![BTreeMap::from([("Email".into(), "a@x".into())])],
        };
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"errorType":"DUPLICATE_EMAIL","fieldName":"Email","errorDeveloperCount":2,"sampleErrorDevelopers":[{"Email":"a@x"}]}"#
        );
        assert_eq!(error.to_string(), "DUPLICATE_EMAIL in `Email` (2 developers)");
    }

    #[test]
    fn every_name_is_the_serialized_name() {
        for error_type in ErrorType::ALL {
            assert_eq!(serde_json::to_value(error_type).unwrap(), error_type.name());
        }
        assert!(ErrorType::ALL.is_sorted());
    }
}
