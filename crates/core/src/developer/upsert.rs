//! Adding and updating single developers without an upload.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
};

use serde_json::{Map, Value};

use super::{
    DeveloperRecord, FieldMapping, FieldType, MAX_VALUE_BYTES, Mapping, Roster, ValidationError,
    check::{Draft, check},
};
use crate::email::Email;

/// What an upsert would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Developers that are new.
    pub added: Vec<DeveloperRecord>,
    /// Developers that change, before and after.
    pub updated: Vec<(DeveloperRecord, DeveloperRecord)>,
    /// How many of the payload's developers already are as it says.
    pub unchanged: usize,
    /// Keys of the payload that are no field, each once, in order.
    pub ignored_fields: Vec<String>,
}

/// Why an upsert is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeError {
    /// An item cannot be understood: the first such field.
    Malformed {
        /// The item's position in the payload, from 0.
        index: usize,
        /// The key as the payload has it.
        field: String,
        /// What is wrong with its value.
        problem: &'static str,
    },
    /// The developers would break the rules.
    Invalid(Vec<ValidationError>),
}

impl fmt::Display for MergeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { index, field, problem } => {
                write!(formatter, "item {index}: `{field}` {problem}")
            }
            Self::Invalid(errors) => {
                let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
                formatter.write_str(&texts.join("; "))
            }
        }
    }
}

impl std::error::Error for MergeError {}

/// Works out what an array of flat objects does to the developers that exist.
///
/// Keys are column names, field keys or usual names of the essential fields ([`Mapping::position`]). Values are
/// strings, numbers or booleans; `null` and blank text clear a field; fields that an item does not name stay as they
/// are. Items are matched by address, whose stored spelling stays. A respelled manager address is no change. The
/// cost depends on the payload and the managers above it, not on how many developers there are.
///
/// # Errors
/// [`MergeError::Malformed`] for a value that is an object or an array, holds a NUL or is too long, and for a field
/// that an item names twice with different values; otherwise [`MergeError::Invalid`] with everything that is wrong.
pub fn merge(
    existing: &Roster,
    payload: &[Map<String, Value>],
    mapping: &Mapping,
) -> Result<Merged, MergeError> {
    let mut merged = Merged::default();
    let mut keys = Keys { mapping, positions: HashMap::new(), ignored: BTreeSet::new() };
    let mut drafts = Vec::with_capacity(payload.len());
    for (index, item) in payload.iter().enumerate() {
        let values = keys.read(item).map_err(|(field, problem)| MergeError::Malformed {
            index,
            field: field.to_owned(),
            problem,
        })?;
        drafts.push(draft(&values, existing, mapping.fields()));
    }
    merged.ignored_fields = keys.ignored.into_iter().map(str::to_owned).collect();

    let errors = check(&drafts, existing, mapping.fields());
    if !errors.is_empty() {
        return Err(MergeError::Invalid(errors));
    }
    for after in drafts.into_iter().filter_map(Draft::into_record) {
        match existing.get(&after.email) {
            None => merged.added.push(after),
            Some(before) if *before == after => merged.unchanged += 1,
            Some(before) => merged.updated.push((before.clone(), after)),
        }
    }
    Ok(merged)
}

/// Reads items, remembering what each key meant.
struct Keys<'a> {
    mapping: &'a Mapping,
    positions: HashMap<&'a str, Option<usize>>,
    ignored: BTreeSet<&'a str>,
}

impl<'a> Keys<'a> {
    /// One value for each field that the item names, by the field's position; blank where it is cleared.
    fn read(&mut self, item: &'a Map<String, Value>) -> Result<Vec<Option<String>>, (&'a str, &'static str)> {
        let mut values: Vec<Option<String>> = vec![None; self.mapping.fields().len()];
        for (key, value) in item {
            let mapping = self.mapping;
            let position = *self.positions.entry(key).or_insert_with(|| mapping.position(key));
            let Some(position) = position else {
                self.ignored.insert(key);
                continue;
            };
            let text = plain_text(value).map_err(|problem| (key.as_str(), problem))?;
            if values[position].as_ref().is_some_and(|other| *other != text) {
                return Err((key, "names a field that the item already gives another value"));
            }
            values[position] = Some(text);
        }
        Ok(values)
    }
}

fn plain_text(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(_) | Value::Object(_) => return Err("must be text, a number, true, false or null"),
    };
    if text.contains('\0') {
        return Err("contains a NUL character");
    }
    if text.len() > MAX_VALUE_BYTES {
        return Err("is longer than 32 KiB");
    }
    Ok(text)
}

fn draft(values: &[Option<String>], existing: &Roster, fields: &[FieldMapping]) -> Draft {
    let given = |field_type| {
        let position = fields.iter().position(|field| field.field_type == field_type)?;
        values[position].as_deref()
    };
    let email_text = given(FieldType::Email).unwrap_or_default().to_owned();
    let email = Email::parse(&email_text).ok();
    let base = email.as_ref().and_then(|email| existing.get(email));
    let manager_email = match given(FieldType::ManagerEmail) {
        Some(text) => Email::parse(text).ok(),
        None => base.and_then(|base| base.manager_email.clone()),
    };
    let manager_text = match given(FieldType::ManagerEmail) {
        Some(text) => text.to_owned(),
        None => manager_email.as_ref().map_or_else(String::new, |email| email.written().to_owned()),
    };
    let name = given(FieldType::Name).or_else(|| base.map(|base| base.name.as_str())).unwrap_or_default();
    let mut attributes = base.map(|base| base.attributes.clone()).unwrap_or_default();
    for (field, value) in fields.iter().zip(values) {
        match value.as_deref() {
            Some("") if field.field_type == FieldType::Custom => {
                attributes.remove(&field.field_key);
            }
            Some(text) if field.field_type == FieldType::Custom => {
                attributes.insert(field.field_key.clone(), text.to_owned());
            }
            _ => {}
        }
    }
    Draft {
        email: base.map(|base| base.email.clone()).or(email),
        email_text,
        name: name.to_owned(),
        manager_text,
        manager_email,
        attributes,
    }
}

#[cfg(test)]
mod tests;
