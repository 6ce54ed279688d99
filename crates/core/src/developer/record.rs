//! A developer, and a set of developers that can be asked by e-mail address.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{FieldMapping, FieldType};
use crate::email::Email;

/// A developer as the account describes them. Values carry no surrounding whitespace, and an attribute that is
/// blank is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeveloperRecord {
    /// Identifies the developer.
    pub email: Email,
    /// Never blank.
    pub name: String,
    /// Another developer of the same set.
    pub manager_email: Option<Email>,
    /// Custom values by field key.
    pub attributes: BTreeMap<String, String>,
}

impl DeveloperRecord {
    /// The text that stands for `field` in a CSV; blank if there is none.
    pub fn value(&self, field: &FieldMapping) -> &str {
        match field.field_type {
            FieldType::Email => self.email.written(),
            FieldType::Name => &self.name,
            FieldType::ManagerEmail => self.manager_email.as_ref().map_or("", Email::written),
            FieldType::Custom => self.attributes.get(&field.field_key).map_or("", String::as_str),
        }
    }
}

/// A set of developers in their order, found by e-mail address in constant time.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    records: Vec<DeveloperRecord>,
    positions: HashMap<Email, usize>,
}

impl Roster {
    /// A set of these records. Of several with one address the last is kept, in the place of the first.
    pub fn new(records: Vec<DeveloperRecord>) -> Self {
        let mut roster = Self {
            records: Vec::with_capacity(records.len()),
            positions: HashMap::with_capacity(records.len()),
        };
        for record in records {
            if let Some(position) = roster.positions.get(&record.email) {
                roster.records[*position] = record;
                continue;
            }
            roster.positions.insert(record.email.clone(), roster.records.len());
            roster.records.push(record);
        }
        roster
    }

    /// The developer with this address.
    pub fn get(&self, email: &Email) -> Option<&DeveloperRecord> {
        self.positions.get(email).map(|position| &self.records[*position])
    }

    /// All developers in their order.
    pub fn records(&self) -> &[DeveloperRecord] {
        &self.records
    }

    /// The developers themselves.
    pub fn into_records(self) -> Vec<DeveloperRecord> {
        self.records
    }

    /// How many developers there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

impl FromIterator<DeveloperRecord> for Roster {
    fn from_iter<I: IntoIterator<Item = DeveloperRecord>>(records: I) -> Self {
        Self::new(records.into_iter().collect())
    }
}
