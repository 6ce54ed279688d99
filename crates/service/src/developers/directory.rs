//! The developers in memory: what is read is answered from here.

use crate::error::Failure;
use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::json;
use sextant_core::code::Code;
use sextant_core::developer::{DeveloperRecord, Mapping, Roster};
use sextant_core::email::Email;
use sextant_store::{StoredDeveloper, StoredVersion};
use std::sync::Arc;

/// The developers of today, and how their columns are read.
#[derive(Debug, Default)]
pub struct Directory {
    /// The version in force; `None` before initial set-up.
    pub version: Option<StoredVersion>,
    /// Its field mappings.
    pub mapping: Option<Mapping>,
    /// The developers in order of number.
    pub roster: Roster,
    /// Their numbers, in the same order.
    pub ref_ids: Vec<i64>,
    /// The answer to a question for the schema, ready to send.
    pub schema: SchemaText,
}

/// JSON that is sent as it is.
#[derive(Clone, Debug)]
pub struct SchemaText(pub Bytes);

impl Default for SchemaText {
    fn default() -> Self {
        Self(Bytes::from_static(br#"{"status":"SUCCESS","versionId":null,"fieldMappings":[]}"#))
    }
}

impl Directory {
    pub(super) fn new(
        version: Option<StoredVersion>,
        developers: Vec<StoredDeveloper>,
    ) -> Result<Self, Failure> {
        let Some(version) = version else { return Ok(Self::default()) };
        let mapping: Mapping = serde_json::from_str(&version.mapping).map_err(|error| unreadable(&error))?;
        let mut records = Vec::with_capacity(developers.len());
        let mut ref_ids = Vec::with_capacity(developers.len());
        for developer in developers {
            ref_ids.push(developer.ref_id);
            records.push(record(developer)?);
        }
        let schema = schema_text(&version, &mapping);
        Ok(Self {
            version: Some(version),
            mapping: Some(mapping),
            roster: Roster::new(records),
            ref_ids,
            schema,
        })
    }

    pub(super) fn activation(&self) -> i64 {
        self.version.as_ref().map_or(0, |version| version.activation)
    }
}

pub(super) fn schema_text(version: &StoredVersion, mapping: &Mapping) -> SchemaText {
    let document = json!({
        "status": "SUCCESS",
        "versionId": version.id.to_string(),
        "fieldMappings": mapping.fields(),
    });
    SchemaText(document.to_string().into())
}

pub(super) fn unreadable(error: &dyn std::fmt::Display) -> Failure {
    let mut failure = Failure::of(Code::Internal);
    failure.cause = Some(format!("stored developer records do not read back: {error}"));
    failure
}

pub(super) fn record(developer: StoredDeveloper) -> Result<DeveloperRecord, Failure> {
    let manager_email = match developer.manager_email.as_str() {
        "" => None,
        text => Some(Email::parse(text).map_err(|error| unreadable(&error))?),
    };
    Ok(DeveloperRecord {
        email: Email::parse(&developer.email).map_err(|error| unreadable(&error))?,
        name: developer.name,
        manager_email,
        attributes: developer.attributes,
    })
}

pub(super) fn stored(ref_id: i64, record: DeveloperRecord) -> StoredDeveloper {
    StoredDeveloper {
        ref_id,
        email: record.email.written().to_owned(),
        email_folded: record.email.folded().to_owned(),
        name: record.name,
        manager_email: record.manager_email.map_or_else(String::new, |email| email.written().to_owned()),
        attributes: record.attributes,
    }
}

/// The directory in memory.
#[derive(Debug, Default)]
pub(crate) struct DirectoryCache(pub(super) ArcSwap<Directory>);

impl DirectoryCache {
    /// Puts a directory in place, unless a later one is there.
    pub(super) fn set(&self, directory: Directory) {
        let directory = Arc::new(directory);
        self.0.rcu(|known| {
            if known.activation() > directory.activation() { known.clone() } else { directory.clone() }
        });
    }
}
