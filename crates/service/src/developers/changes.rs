//! What comes in, cleaned; and what the audit log says of it.

use serde_json::{Map, Value, json};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::developer::upsert;
use sextant_core::redact::redact;
use sextant_ingest::csv::Table;

/// The audit log names those who changed, up to a number that a page can show.
pub(super) fn changes(merged: &upsert::Merged, before: bool) -> Value {
    const SHOWN: usize = 50;
    let updated: Vec<Value> =
        merged.updated.iter().take(SHOWN).map(|(old, new)| json!(if before { old } else { new })).collect();
    if before {
        return json!({"updated": updated});
    }
    json!({
        "added": merged.added.iter().take(SHOWN).map(|record| json!(record)).collect::<Vec<_>>(),
        "updated": updated,
        "addedCount": merged.added.len(),
        "updatedCount": merged.updated.len(),
    })
}

pub(super) fn developer_note(event: Event, version: i64, before: Option<Value>, after: Value) -> Note {
    Note {
        kind: Kind::Developer,
        event,
        subject_id: version.to_string(),
        subject_name: format!("developer records, version {version}"),
        before,
        after: Some(after),
    }
}

/// Takes secrets of keys out of cells, wherever someone pasted them.
pub(super) fn redacted(table: Table) -> Table {
    let clean = |text: String| match redact(&text) {
        std::borrow::Cow::Borrowed(_) => text,
        std::borrow::Cow::Owned(clean) => clean,
    };
    Table {
        columns: table.columns.into_iter().map(clean).collect(),
        rows: table.rows.into_iter().map(|row| row.into_iter().map(clean).collect()).collect(),
    }
}

pub(super) fn redacted_object(object: Map<String, Value>) -> Map<String, Value> {
    object
        .into_iter()
        .map(|(key, value)| match value {
            Value::String(text) => (key, Value::String(redact(&text).into_owned())),
            other => (key, other),
        })
        .collect()
}
