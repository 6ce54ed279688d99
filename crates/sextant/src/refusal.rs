//! Answers of 400 and above, in words for people.

use crate::output::clean;
use http::StatusCode;
use serde_json::Value;
use std::fmt;

/// How the API said no.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The status.
    pub(crate) status: StatusCode,
    /// The code, such as `NAME_TAKEN`.
    pub(crate) code: String,
    message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.message, self.code, self.status.as_u16())
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// Reads an answer of 400 and above.
    pub(crate) fn new(status: StatusCode, body: &Value) -> Self {
        let text = |field: &str| body[field].as_str().map(clean);
        let records: Vec<String> =
            body["errors"].as_array().into_iter().flatten().map(record_error).collect();
        let message = if records.is_empty() {
            text("message").or_else(|| text("error")).unwrap_or_else(|| {
                format!("the server answered `{status}`; is this the address of a Sextant server?")
            })
        } else {
            format!("the developer records break the rules: {}", records.join("; "))
        };
        let code = text("code").or_else(|| text("status")).unwrap_or_else(|| "NO_CODE".to_owned());
        Self { status, code, message }
    }
}

/// An error in developer records in one line.
pub(crate) fn record_error(error: &Value) -> String {
    let text = |field: &str| error[field].as_str().map(clean).unwrap_or_default();
    let mut line = text("errorType");
    if !text("fieldName").is_empty() {
        line.push_str(&format!(" in `{}`", text("fieldName")));
    }
    if let Some(count) = error["errorDeveloperCount"].as_u64().filter(|count| *count > 0) {
        line.push_str(&format!(" ({count} developers)"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn refusals_say_what_the_server_said() {
        let plain = Refusal::new(StatusCode::CONFLICT, &json!({"code": "NAME_TAKEN", "message": "taken"}));
        assert_eq!(plain.to_string(), "taken (NAME_TAKEN, 409)");
        let records = json!({"status": "FAILURE", "errors": [
            {"errorType": "DUPLICATE_EMAIL", "fieldName": "Email", "errorDeveloperCount": 2, "sampleErrorDevelopers": []}
        ]});
        let records = Refusal::new(StatusCode::BAD_REQUEST, &records).to_string();
        assert!(records.contains("DUPLICATE_EMAIL in `Email` (2 developers)"), "{records}");
        let other = Refusal::new(StatusCode::BAD_GATEWAY, &Value::Null).to_string();
        assert!(other.contains("502"), "{other}");
    }
}
