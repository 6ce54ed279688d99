//! `/v2/api-keys/{id}/usage`.

use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Asked, Calling, Here};
use crate::guard::Needs;
use crate::rooms::Rooms;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sextant_core::permission::action::ApiKeysRead;
use sextant_core::time::Time;
use sextant_service::{KeyUsage, UsageQuery};
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms.open::<Needs<ApiKeysRead>>(routes!(read))
}

/// A key's requests over time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UsageBody {
    /// The key's id.
    id: String,
    /// `HOUR` or `DAY`.
    interval: &'static str,
    /// When the first interval begins.
    #[schema(format = DateTime)]
    from: String,
    /// When the last one ends.
    #[schema(format = DateTime)]
    to: String,
    /// The sum of all intervals.
    total_requests: i64,
    /// Every interval in order, those without requests, too.
    buckets: Vec<UsageBucket>,
}

/// The requests of one interval, by the time at which the key was let in.
#[derive(Serialize, ToSchema)]
struct UsageBucket {
    /// When it begins.
    #[schema(format = DateTime)]
    start: String,
    requests: i64,
}

impl From<KeyUsage> for UsageBody {
    fn from(usage: KeyUsage) -> Self {
        let bucket = |(start, requests): (Time, i64)| UsageBucket { start: start.to_string(), requests };
        Self {
            id: usage.id.to_string(),
            interval: usage.interval,
            from: usage.from.to_string(),
            to: usage.to.to_string(),
            total_requests: usage.buckets.iter().map(|(_, requests)| requests).sum(),
            buckets: usage.buckets.into_iter().map(bucket).collect(),
        }
    }
}

/// How often a key was used, by the hour or by the day (UTC). Kept for 92 days.
#[utoipa::path(
    get, path = "/v2/api-keys/{id}/usage", tag = "API keys", operation_id = "readApiKeyUsage",
    params(
        ("id" = String, Path, description = "The key's id"),
        ("orgIdentifier" = Option<String>, Query), ("projectIdentifier" = Option<String>, Query),
        ("from" = Option<String>, Query, description = "RFC 3339, not before; moved back to the beginning of its interval. Absent: 7 days before `to`"),
        ("to" = Option<String>, Query, description = "RFC 3339, before; moved on to the end of its interval. Absent: now"),
        ("interval" = Option<String>, Query, description = "`HOUR` (default; at most 31 days) or `DAY` (at most 92 days)"),
    ),
    responses((status = 200, description = "The requests in equal intervals", body = UsageBody))
)]
async fn read(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Here(project): Here,
    Path(id): Path<String>,
    Asked(params): Asked,
) -> Result<Response, ApiError> {
    let query =
        UsageQuery { from: params.one("from")?, to: params.one("to")?, interval: params.one("interval")? };
    let usage = shared.sextant.key_usage(&caller, &project, &id, &query).await?;
    Ok(axum::Json(UsageBody::from(usage)).into_response())
}
