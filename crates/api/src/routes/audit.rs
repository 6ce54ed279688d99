//! `/v2/audit`.

use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Asked, Calling, Here, WantsCsv};
use crate::guard::Needs;
use crate::query::Params;
use crate::rooms::Rooms;
use crate::stream::pieces;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use sextant_core::audit::{Entry, Event, Kind};
use sextant_core::permission::action::AuditRead;
use sextant_service::{AuditQuery, Failure};
use std::borrow::Cow;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms.open::<Needs<AuditRead>>(routes!(list))
}

/// Closed lists of words as schemas, so that whoever reads the document knows them all.
macro_rules! words {
    ($($name:ident $words:ident $doc:literal;)*) => {$(
        #[doc = $doc]
        struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($doc))
                    .enum_values(Some($words::ALL.iter().map(|word| word.name())))
                    .into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

words! {
    AuditType Kind "What kind of thing an entry is about.";
    AuditAction Event "What happened.";
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
    #[schema(value_type = AuditType)]
    r#type: String,
    /// What happened.
    #[schema(value_type = AuditAction)]
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

/// Read the audit log as JSON, page by page; or all that fits as CSV, with `Accept: text/csv`.
#[utoipa::path(
    get, path = "/v2/audit", tag = "Audit", operation_id = "listAuditEntries",
    params(
        ("email" = Option<Vec<String>>, Query, description = "People's e-mail addresses, or names of keys; repeated or comma-joined"),
        ("type" = Option<Vec<AuditType>>, Query, description = "Repeated or comma-joined, in any case"),
        ("action" = Option<Vec<AuditAction>>, Query, description = "Repeated or comma-joined, in any case"),
        ("subjectId" = Option<String>, Query, description = "Of one thing only"),
        ("from" = Option<String>, Query, description = "RFC 3339, not before"),
        ("to" = Option<String>, Query, description = "RFC 3339, before"),
        ("orgIdentifier" = Option<String>, Query), ("projectIdentifier" = Option<String>, Query, description = "Of this project only; without it everything that the caller may see"),
        ("pageIndex" = Option<i64>, Query), ("pageSize" = Option<i64>, Query),
        ("format" = Option<String>, Query, description = "`csv` or `json`, for links, which have no `Accept` of their own"),
    ),
    responses((status = 200, description = "A page of entries, or all of them as CSV", content(
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
    let csv = match params.one("format")?.as_deref() {
        None => csv,
        Some("csv") => true,
        Some("json") => false,
        Some(_) => return Err(Failure::invalid("format", "must be csv or json").into()),
    };
    if csv {
        let mut export = shared.sextant.audit_export(&caller, &query).await?;
        // What goes wrong at the beginning is still answered as an error.
        let first = export.next().await?;
        let body = pieces((export, first, true), |(mut export, entries, is_first)| async move {
            if entries.is_empty() && !is_first {
                return Ok(None);
            }
            let text = lines(is_first, &entries)?;
            let rest = export.next().await?;
            Ok(Some((text, (export, rest, false))))
        });
        return Ok(csv_file(body, "audit.csv"));
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

const HEAD: [&str; 15] = [
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

/// Lines as RFC 4180 has them, with the head before the first.
fn lines(first: bool, entries: &[Entry]) -> Result<Bytes, Failure> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let broken = |cause: String| {
        let mut failure = Failure::of(sextant_core::code::Code::Internal);
        failure.cause = Some(cause);
        failure
    };
    if first {
        writer.write_record(HEAD).map_err(|error| broken(error.to_string()))?;
    }
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
        writer.write_record(cells.map(|cell| plain(cell))).map_err(|error| broken(error.to_string()))?;
    }
    writer.into_inner().map(Bytes::from).map_err(|error| broken(error.to_string()))
}

/// Keeps a spreadsheet from taking text for a formula.
fn plain(cell: &str) -> Cow<'_, [u8]> {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if formula { Cow::Owned(format!("'{cell}").into_bytes()) } else { Cow::Borrowed(cell.as_bytes()) }
}

/// A CSV to be saved.
pub(super) fn csv_file(text: impl Into<Body>, name: &str) -> Response {
    let mut response = Response::new(text.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let (header, value) = super::developers::attachment(name);
    headers.insert(header, value);
    response
}
