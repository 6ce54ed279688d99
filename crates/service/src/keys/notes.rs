//! What the audit log says of a change to a key.

use serde_json::{Value, json};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::id::KeyId;
use sextant_core::network::Networks;
use sextant_core::permission::Permission;
use sextant_store::KeyRecord;

pub(super) fn note(event: Event, record: &KeyRecord, before: Option<Value>, after: Option<Value>) -> Note {
    Note {
        kind: Kind::ApiAccessKey,
        event,
        subject_id: record.id.to_string(),
        subject_name: record.name.clone(),
        before,
        after,
    }
}

pub(super) fn deletion(id: KeyId, name: &str) -> Note {
    Note {
        kind: Kind::ApiAccessKey,
        event: Event::Deleted,
        subject_id: id.to_string(),
        subject_name: name.to_owned(),
        before: Some(json!({"reason": "the key that made it ended"})),
        after: None,
    }
}

/// The fields that people decide on, as the audit log shows them.
pub(super) fn shown(record: &KeyRecord) -> Value {
    let power = &record.power;
    json!({
        "name": record.name,
        "description": record.description,
        "role": record.role.name(),
        "enabled": record.enabled,
        "scopes": power.permissions.iter().map(Permission::name).collect::<Vec<_>>(),
        "expiresAt": power.expires_at.map(|time| time.to_string()),
        "allowedCidrs": power.networks.as_ref().map(Networks::to_texts),
        "rateLimitPerMinute": power.rate_per_minute,
    })
}
