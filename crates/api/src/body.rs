//! Reading bodies: bounded in size and time, and looked through for keys that do not belong there.

use axum::body::Body;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::Value;
use sextant_core::code::Code;
use sextant_core::key::ApiKey;
use sextant_core::redact::{holds_key, keys_in, redact};
use sextant_service::Failure;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A client that sends nothing for so long has given up.
const SILENCE: Duration = Duration::from_secs(10);
/// Bodies must arrive at this rate (bytes a second) on average, with so much time to begin with.
const SLOWEST: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads a body of at most `most` bytes.
pub(crate) async fn read(headers: &HeaderMap, mut body: Body, most: usize) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        Failure::new(
            Code::PayloadTooLarge,
            format!("the body is larger than the {most} bytes that this call takes"),
        )
    };
    let declared: Option<usize> = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok())
        .and_then(|length| length.parse().ok());
    if declared.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0).min(64 * 1024));
    let mut deadline = pin!(sleep(PATIENCE));
    loop {
        let frame = tokio::select! {
            frame = timeout(SILENCE, body.frame()) => {
                frame.map_err(|_| Failure::invalid("the body", "did not arrive in time"))?
            }
            () = &mut deadline => return Err(Failure::invalid("the body", "arrives too slowly")),
        };
        let Some(frame) = frame else { return Ok(bytes) };
        let frame = frame.map_err(|_| Failure::invalid("the body", "ended before it was complete"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
        // What arrived buys time for the rest.
        let earned = Duration::from_millis(u64::try_from(data.len() * 1000 / SLOWEST).unwrap_or(0));
        let later = deadline.deadline() + earned;
        deadline.as_mut().reset(later);
    }
}

/// Whether a JSON body is declared as one; nothing declared is taken as JSON.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let json = essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence[essence.len() - 5..].eq_ignore_ascii_case("+json"));
    if json {
        Ok(())
    } else {
        let shown: String = essence.chars().take(60).collect();
        Err(Failure::new(
            Code::UnsupportedMediaType,
            format!("send Content-Type: application/json (not `{shown}`)"),
        ))
    }
}

/// The keys in a body, for marking live ones exposed.
pub(crate) fn keys(bytes: &[u8]) -> Vec<ApiKey> {
    keys_in(bytes)
}

/// The document without secrets of keys, in names and values alike, and the keys that were in it: escapes in a JSON text
/// can hide them from whoever looks at its bytes.
pub(crate) fn clean(mut document: Value) -> (Value, Vec<ApiKey>) {
    let mut found = Vec::new();
    clean_in(&mut document, &mut found);
    (document, found)
}

fn clean_in(value: &mut Value, found: &mut Vec<ApiKey>) {
    match value {
        Value::String(text) => clean_text(text, found),
        Value::Array(list) => list.iter_mut().for_each(|one| clean_in(one, found)),
        Value::Object(fields) => {
            if fields.keys().any(|name| holds_key(name.as_bytes())) {
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(mut name, value)| {
                        clean_text(&mut name, found);
                        (name, value)
                    })
                    .collect();
            }
            fields.values_mut().for_each(|one| clean_in(one, found));
        }
        _ => {}
    }
}

fn clean_text(text: &mut String, found: &mut Vec<ApiKey>) {
    if holds_key(text.as_bytes()) {
        found.extend(keys_in(text.as_bytes()));
        *text = redact(text).into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_secret_stays_in_a_document_wherever_it_stands() {
        let key = format!("sxt_{}_{}", "a".repeat(12), "b".repeat(49));
        let escaped = format!("{{\"{}\":[{{\"x\":\"see \\u0073{}\"}}]}}", key, &key[1..]);
        let (clean, _) = clean(serde_json::from_str(&escaped).unwrap());
        assert_eq!(clean, json!({"sxt_aaaaaaaaaaaa_…": [{"x": "see sxt_aaaaaaaaaaaa_…"}]}));
    }
}
