//! The rules that hold for a set of developers, whichever way it came in.

use std::collections::{BTreeMap, HashMap};

use super::{DeveloperRecord, ErrorType, FieldMapping, FieldType, Roster, ValidationError, hierarchy};
use crate::email::Email;

/// What is to become a developer record, possibly wrong: the texts are kept beside what could be read from them,
/// so that all errors can be told and shown at once.
pub(super) struct Draft {
    pub(super) email_text: String,
    pub(super) email: Option<Email>,
    pub(super) name: String,
    pub(super) manager_text: String,
    pub(super) manager_email: Option<Email>,
    pub(super) attributes: BTreeMap<String, String>,
}

impl Draft {
    /// The record, if name and address are there.
    pub(super) fn into_record(self) -> Option<DeveloperRecord> {
        if self.name.is_empty() {
            return None;
        }
        Some(DeveloperRecord {
            email: self.email?,
            name: self.name,
            manager_email: self.manager_email,
            attributes: self.attributes,
        })
    }

    fn value(&self, field: &FieldMapping) -> &str {
        match field.field_type {
            FieldType::Email => &self.email_text,
            FieldType::Name => &self.name,
            FieldType::ManagerEmail => &self.manager_text,
            FieldType::Custom => self.attributes.get(&field.field_key).map_or("", String::as_str),
        }
    }
}

/// Someone in the graph of managers: new, or stored and unchanged.
#[derive(Clone, Copy)]
enum Node<'a> {
    Draft(&'a Draft),
    Stored(&'a DeveloperRecord),
}

impl<'a> Node<'a> {
    fn manager_email(self) -> Option<&'a Email> {
        match self {
            Self::Draft(draft) => draft.manager_email.as_ref(),
            Self::Stored(record) => record.manager_email.as_ref(),
        }
    }

    fn sample(&self, fields: &[FieldMapping]) -> BTreeMap<String, String> {
        let value = |field| match self {
            Self::Draft(draft) => draft.value(field),
            Self::Stored(record) => record.value(field),
        };
        fields.iter().map(|field| (field.csv_column.clone(), value(field).to_owned())).collect()
    }
}

/// Everything that is wrong with `drafts` standing in for, or beside, the records of `stored`, which are themselves
/// free of errors. `fields` are those that there is a column for; what has none is not checked.
pub(super) fn check(drafts: &[Draft], stored: &Roster, fields: &[FieldMapping]) -> Vec<ValidationError> {
    let column = |field_type| {
        fields.iter().find(|field| field.field_type == field_type).map(|field| field.csv_column.as_str())
    };
    let report = |error_type, field_name: &str, concerned: &[Node<'_>]| {
        ValidationError::of_developers(error_type, field_name, concerned, |node| node.sample(fields))
    };
    let select = |test: &dyn Fn(usize, &Draft) -> bool| -> Vec<Node<'_>> {
        drafts
            .iter()
            .enumerate()
            .filter(|(position, draft)| test(*position, draft))
            .map(|(_, draft)| Node::Draft(draft))
            .collect()
    };
    let mut errors = Vec::new();

    if let Some(name) = column(FieldType::Name) {
        let nameless = select(&|_, draft| draft.name.is_empty());
        errors.extend(report(ErrorType::RequiredValueMissing, name, &nameless));
    }
    let Some(email) = column(FieldType::Email) else { return errors };
    let unreachable = select(&|_, draft| draft.email.is_none());
    errors.extend(report(ErrorType::RequiredValueMissing, email, &unreachable));

    let mut first_with: HashMap<&Email, usize> = HashMap::with_capacity(drafts.len());
    let mut shared = vec![false; drafts.len()];
    for (position, draft) in drafts.iter().enumerate() {
        let Some(address) = &draft.email else { continue };
        let first = *first_with.entry(address).or_insert(position);
        if first != position {
            shared[first] = true;
            shared[position] = true;
        }
    }
    errors.extend(report(ErrorType::DuplicateEmail, email, &select(&|position, _| shared[position])));

    let Some(manager) = column(FieldType::ManagerEmail) else { return errors };
    let is_developer = |address: &Email| first_with.contains_key(address) || stored.get(address).is_some();
    let unmanaged = select(&|_, draft| {
        !draft.manager_text.is_empty() && !draft.manager_email.as_ref().is_some_and(is_developer)
    });
    errors.extend(report(ErrorType::ManagerEmailMissingInDeveloperEmails, manager, &unmanaged));

    let circular = circular(drafts, first_with, stored);
    errors.extend(report(ErrorType::CircularReference, manager, &circular));
    errors
}

/// The members of all circles. Stored records are visited only where a draft leads to them, because a circle that
/// did not exist before goes through a draft.
fn circular<'a>(
    drafts: &'a [Draft],
    mut positions: HashMap<&'a Email, usize>,
    stored: &'a Roster,
) -> Vec<Node<'a>> {
    let mut nodes: Vec<Node<'a>> = drafts.iter().map(Node::Draft).collect();
    let mut managers = Vec::with_capacity(nodes.len());
    while managers.len() < nodes.len() {
        let address = nodes[managers.len()].manager_email();
        managers.push(address.and_then(|address| {
            if let Some(position) = positions.get(address) {
                return Some(*position);
            }
            let record = stored.get(address)?;
            nodes.push(Node::Stored(record));
            positions.insert(&record.email, nodes.len() - 1);
            Some(nodes.len() - 1)
        }));
    }
    hierarchy::cycles(&managers).concat().into_iter().map(|position| nodes[position]).collect()
}
