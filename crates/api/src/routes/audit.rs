//! `/v2/audit`.

use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Asked, Calling, Here, WantsCsv};
use crate::guard::Needs;
use crate::query::Params;
use crate::rooms::Rooms;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use sextant_core::audit::Entry;
use sextant_core::permission::action::AuditRead;
use sextant_service::{AuditQuery, Failure};
use utoipa::ToSchema;
use utoipa_axum::routes;

/// The most entries that one CSV holds.
const MOST_LINES: i64 = 100_000;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms.open::<Needs<AuditRead>>(routes!(list))
}

/// Who did it.
#[derive(Serialize, ToSchema)]
struct ActorBody {
    /// `USER`, `API_KEY` or `SYSTEM`.
    r#type: String,
    id: String,
    name: String,
}

/// An entry of the audit log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EntryBody {
    /// `account`, or the project's id.
    chain: String,
    /// Its number in the chain.
    sequence: i64,
    #[schema(format = DateTime)]
    at: String,
    actor: ActorBody,
    /// What kind of thing it is about.
    #[schema(example = "API_ACCESS_KEY")]
    r#type: String,
    /// What happened.
    #[schema(example = "CREATED")]
    action: String,
    subject_id: String,
    subject_name: String,
    /// Its fields before, without secrets.
    #[schema(value_type = Option<Object>)]
    before: Option<serde_json::Value>,
    /// Its fields after, without secrets.
    #[schema(value_type = Option<Object>)]
    after: Option<serde_json::Value>,
    address: Option<String>,
    user_agent: Option<String>,
    request_id: Option<String>,
    /// SHA-256 over the entry and the one before it.
    hash: String,
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl From<Entry> for EntryBody {
    fn from(entry: Entry) -> Self {
        Self {
            chain: entry.chain,
            sequence: entry.sequence,
            at: entry.at.to_string(),
            actor: ActorBody { r#type: entry.actor_type, id: entry.actor_id, name: entry.actor_name },
            r#type: entry.kind,
            action: entry.event,
            subject_id: entry.subject_id,
            subject_name: entry.subject_name,
            before: serde_json::from_str(&entry.before).ok(),
            after: serde_json::from_str(&entry.after).ok(),
            address: some(entry.address),
            user_agent: some(entry.user_agent),
            request_id: some(entry.request_id),
            hash: entry.hash,
        }
    }
}

/// A page of entries, newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EntryPage {
    entries: Vec<EntryBody>,
    page_index: i64,
    page_size: i64,
    total_count: i64,
}

/// Read the audit log as JSON, or as CSV with `Accept: text/csv`.
#[utoipa::path(
    get, path = "/v2/audit", tag = "Audit", operation_id = "listAuditEntries",
    params(
        ("email" = Option<Vec<String>>, Query, description = "People's e-mail addresses, or names of keys; repeated or comma-joined"),
        ("type" = Option<Vec<String>>, Query, description = "Such as `API_ACCESS_KEY`, `USER`, `DEVELOPER`"),
        ("action" = Option<Vec<String>>, Query, description = "Such as `CREATED`, `EDITED`, `DELETED`"),
        ("subjectId" = Option<String>, Query, description = "Of one thing only"),
        ("from" = Option<String>, Query, description = "RFC 3339, not before"),
        ("to" = Option<String>, Query, description = "RFC 3339, before"),
        ("orgIdentifier" = Option<String>, Query), ("projectIdentifier" = Option<String>, Query, description = "Of this project only; without it everything that the caller may see"),
        ("pageIndex" = Option<i64>, Query), ("pageSize" = Option<i64>, Query),
    ),
    responses((status = 200, description = "A page of entries, or the CSV", content(
        (EntryPage = "application/json"), (String = "text/csv")
    )))
)]
async fn list(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Here(project): Here,
    Asked(params): Asked,
    WantsCsv(csv): WantsCsv,
) -> Result<Response, ApiError> {
    let query = AuditQuery {
        project: params.one("projectIdentifier")?.is_some().then_some(project),
        ..query(&params)?
    };
    if csv {
        let page = shared.sextant.audit(&caller, &query, (0, MOST_LINES)).await?;
        return Ok(csv_file(lines(page.entries)?, "audit.csv"));
    }
    let page = params.page()?;
    let found = shared.sextant.audit(&caller, &query, page.window()).await?;
    let body = EntryPage {
        entries: found.entries.into_iter().map(Into::into).collect(),
        page_index: page.index,
        page_size: page.size,
        total_count: found.total,
    };
    Ok(axum::Json(body).into_response())
}

fn query(params: &Params) -> Result<AuditQuery, Failure> {
    Ok(AuditQuery {
        project: None,
        emails: [params.list("email"), params.list("emails")].concat(),
        types: params.list("type"),
        actions: params.list("action"),
        subject: params.one("subjectId")?,
        from: params.one("from")?,
        to: params.one("to")?,
    })
}

fn lines(entries: Vec<Entry>) -> Result<String, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let broken = |error: csv::Error| {
        let mut failure = Failure::of(sextant_core::code::Code::Internal);
        failure.cause = Some(error.to_string());
        failure
    };
    let head = [
        "At",
        "Actor Type",
        "Actor",
        "Type",
        "Action",
        "Subject",
        "Subject Id",
        "Before",
        "After",
        "Address",
        "User Agent",
        "Request Id",
        "Chain",
        "Sequence",
        "Hash",
    ];
    writer.write_record(head).map_err(broken)?;
    for entry in entries {
        let at = entry.at.to_string();
        let sequence = entry.sequence.to_string();
        let cells = [
            &at,
            &entry.actor_type,
            &entry.actor_name,
            &entry.kind,
            &entry.event,
            &entry.subject_name,
            &entry.subject_id,
            &entry.before,
            &entry.after,
            &entry.address,
            &entry.user_agent,
            &entry.request_id,
            &entry.chain,
            &sequence,
            &entry.hash,
        ];
        writer.write_record(cells.map(|cell| plain(cell))).map_err(broken)?;
    }
    let bytes = writer.into_inner().unwrap_or_default();
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

/// Keeps a spreadsheet from taking text for a formula.
fn plain(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

/// A CSV to be saved.
pub(super) fn csv_file(text: String, name: &str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let (header, value) = super::developers::attachment(name);
    headers.insert(header, value);
    response
}
