//! `/v2/api-keys`.

use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Asked, Calling, Here, Json};
use crate::guard::{Needs, Own};
use crate::rooms::Rooms;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, Serialize};
use sextant_core::network::Networks;
use sextant_core::permission::Permission;
use sextant_core::permission::action::{ApiKeysRead, ApiKeysWrite};
use sextant_core::time::Time;
use sextant_service::{CreateKey, Failure, Idempotency, KeyQuery, KeyView, Minted, PatchKey, RotateKey};
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Needs<ApiKeysWrite>>(routes!(create))
        .open::<Needs<ApiKeysRead>>(routes!(list))
        .open::<Own>(routes!(delete_own))
        .open::<Needs<ApiKeysRead>>(routes!(read))
        .open::<Needs<ApiKeysWrite>>(routes!(patch))
        .open::<Needs<ApiKeysWrite>>(routes!(delete))
        .open::<Needs<ApiKeysWrite>>(routes!(rotate))
}

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBody {
    /// 1 to 128 characters, unique in the project without regard to case.
    #[schema(min_length = 1, max_length = 128, example = "github-actions")]
    name: String,
    /// What it is for.
    description: Option<String>,
    /// `ADMIN` or `INGESTION`, in any case.
    #[schema(example = "INGESTION")]
    role: String,
    /// Fewer permissions than the role's; absent: all of them.
    #[schema(example = json!(["ingestion:write"]))]
    scopes: Option<Vec<String>>,
    /// RFC 3339; absent: never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Networks it may be used from; absent: any.
    #[schema(example = json!(["10.0.0.0/8"]))]
    allowed_cidrs: Option<Vec<String>>,
    /// Absent: unlimited.
    rate_limit_per_minute: Option<i64>,
}

/// What is to change. Power can be narrowed, never widened.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PatchBody {
    /// A new name.
    name: Option<String>,
    /// A new description.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// Whether it is switched on.
    enabled: Option<bool>,
    /// Fewer permissions.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    scopes: Option<Option<Vec<String>>>,
    /// An earlier end.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// Narrower networks.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_cidrs: Option<Option<Vec<String>>>,
    /// A lower rate.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>)]
    rate_limit_per_minute: Option<Option<i64>>,
}

/// Tells `null` from absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

/// How to rotate.
#[derive(Deserialize, Default, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RotateBody {
    /// For how long the old secret lives on: 0 (default) to 2592000.
    #[schema(minimum = 0, maximum = 2_592_000, default = 0)]
    overlap_seconds: Option<i64>,
    /// Whether the first use of the new secret ends the overlap.
    end_overlap_on_first_use: Option<bool>,
    /// Whether keys that this key made are deleted.
    delete_offspring: Option<bool>,
}

/// Who made something.
#[derive(Serialize, ToSchema)]
struct CreatedBy {
    /// `USER`, `API_KEY` or `SYSTEM`.
    r#type: String,
    /// Their id.
    id: String,
    /// Their name at that time.
    name: String,
}

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApiKey {
    /// Twelve base62 characters.
    id: String,
    name: String,
    description: String,
    /// `ADMIN` or `INGESTION`.
    role: &'static str,
    /// The permissions in force, fixed when it was made.
    scopes: Vec<&'static str>,
    org_identifier: String,
    project_identifier: String,
    /// `sxt_` and the id: what may be shown of the key.
    prefix: String,
    /// `ACTIVE`, `DISABLED` or `EXPIRED`.
    status: &'static str,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: CreatedBy,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it last got a new secret.
    #[schema(format = DateTime)]
    rotated_at: Option<String>,
    /// Until when the secret before lives on.
    #[schema(format = DateTime)]
    previous_valid_until: Option<String>,
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
    last_used_address: Option<String>,
    last_used_user_agent: Option<String>,
    request_count: i64,
    allowed_cidrs: Option<Vec<String>>,
    rate_limit_per_minute: Option<u32>,
}

impl From<KeyView> for ApiKey {
    fn from(view: KeyView) -> Self {
        let text = |time: Option<Time>| time.map(|time| time.to_string());
        let record = view.record;
        Self {
            id: record.id.to_string(),
            name: record.name,
            description: record.description,
            role: record.role.name(),
            scopes: record.power.permissions.iter().map(Permission::name).collect(),
            org_identifier: view.project.organization.to_string(),
            project_identifier: view.project.identifier.to_string(),
            prefix: format!("sxt_{}", record.id),
            status: view.status,
            created_at: record.created_at.to_string(),
            created_by: CreatedBy {
                r#type: record.created_by_type,
                id: record.created_by_id,
                name: record.created_by_name,
            },
            expires_at: text(record.power.expires_at),
            rotated_at: text(record.rotated_at),
            previous_valid_until: text(record.previous_valid_until),
            last_used_at: text(record.last_used_at),
            last_used_address: record.last_used_address,
            last_used_user_agent: record.last_used_user_agent,
            request_count: record.request_count,
            allowed_cidrs: record.power.networks.as_ref().map(Networks::to_texts),
            rate_limit_per_minute: record.power.rate_per_minute,
        }
    }
}

/// One key.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OneKey {
    api_key: ApiKey,
}

/// A key with its secret, which is shown this one time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MintedKey {
    api_key: ApiKey,
    /// The whole key; `null` where a retried request is answered.
    #[schema(example = "sxt_…")]
    key: Option<String>,
}

/// A page of keys.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct KeyPage {
    api_keys: Vec<ApiKey>,
    page_index: i64,
    page_size: i64,
    total_count: i64,
}

fn retry(headers: &HeaderMap, canonical: String) -> Result<Option<Idempotency>, Failure> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.any(|other| other != value) {
        return Err(Failure::invalid("Idempotency-Key", "is given more than once with different values"));
    }
    let key = value
        .to_str()
        .map_err(|_| Failure::invalid("Idempotency-Key", "must be visible ASCII characters"))?;
    Ok(Some(Idempotency { key: key.to_owned(), body: canonical }))
}

fn minted(status: StatusCode, minted: Minted) -> Response {
    let body = MintedKey {
        key: minted.key.as_ref().map(|key| key.reveal().to_owned()),
        api_key: minted.view.into(),
    };
    let mut response = (status, axum::Json(body)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    timed(response, minted.fence)
}

/// Make a key. The secret is in this answer and never again.
#[utoipa::path(
    post, path = "/v2/api-keys", tag = "API keys", operation_id = "createApiKey",
    params(
        ("orgIdentifier" = Option<String>, Query, description = "The key's own, or `default`"),
        ("projectIdentifier" = Option<String>, Query, description = "The key's own, or `default`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A retried request is answered with the same key, without its secret"),
    ),
    request_body = CreateBody,
    responses((status = 201, description = "Made", body = MintedKey))
)]
async fn create(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Here(project): Here,
    headers: HeaderMap,
    body: Json<CreateBody>,
) -> Result<Response, ApiError> {
    let retry = retry(&headers, body.canonical)?;
    let body = body.value;
    let input = CreateKey {
        name: body.name,
        description: body.description,
        role: body.role,
        scopes: body.scopes,
        expires_at: body.expires_at,
        allowed_cidrs: body.allowed_cidrs,
        rate_limit_per_minute: body.rate_limit_per_minute,
    };
    Ok(minted(StatusCode::CREATED, shared.sextant.create_key(&caller, &project, input, retry).await?))
}

/// List a project's keys.
#[utoipa::path(
    get, path = "/v2/api-keys", tag = "API keys", operation_id = "listApiKeys",
    params(
        ("orgIdentifier" = Option<String>, Query), ("projectIdentifier" = Option<String>, Query),
        ("role" = Option<String>, Query, description = "`ADMIN` or `INGESTION`"),
        ("status" = Option<String>, Query, description = "`ACTIVE`, `DISABLED` or `EXPIRED`"),
        ("search" = Option<String>, Query, description = "Part of the name, description or id"),
        ("unusedForDays" = Option<i64>, Query, description = "Not used for so many days"),
        ("expiringWithinDays" = Option<i64>, Query, description = "Running out within so many days"),
        ("createdBy" = Option<String>, Query, description = "Made by the key or person with this id"),
        ("sortKey" = Option<String>, Query, description = "`name`, `role`, `createdAt`, `expiresAt`, `lastUsedAt`, `requestCount`"),
        ("sortOrder" = Option<String>, Query, description = "`asc` or `desc`"),
        ("pageIndex" = Option<i64>, Query, description = "From 0"),
        ("pageSize" = Option<i64>, Query, description = "1 to 1000, default 50"),
    ),
    responses((status = 200, description = "A page of keys", body = KeyPage))
)]
async fn list(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Here(project): Here,
    Asked(params): Asked,
) -> Result<Response, ApiError> {
    let page = params.page()?;
    let query = KeyQuery {
        role: params.one("role")?,
        status: params.one("status")?,
        search: params.one("search")?,
        unused_for_days: params.number("unusedForDays")?,
        expiring_within_days: params.number("expiringWithinDays")?,
        created_by: params.one("createdBy")?,
        sort_key: params.one("sortKey")?,
        sort_order: params.one("sortOrder")?,
    };
    let list = shared.sextant.list_keys(&caller, &project, query, page.window()).await?;
    let body = KeyPage {
        api_keys: list.keys.into_iter().map(Into::into).collect(),
        page_index: page.index,
        page_size: page.size,
        total_count: list.total,
    };
    Ok(axum::Json(body).into_response())
}

/// Read one key.
#[utoipa::path(
    get, path = "/v2/api-keys/{id}", tag = "API keys", operation_id = "readApiKey",
    params(("id" = String, Path, description = "The key's id"), ("orgIdentifier" = Option<String>, Query), ("projectIdentifier" = Option<String>, Query)),
    responses((status = 200, description = "The key", body = OneKey))
)]
async fn read(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Here(project): Here,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let view = shared.sextant.read_key(&caller, &project, &id).await?;
    Ok(axum::Json(OneKey { api_key: view.into() }).into_response())
}

/// Rename, describe, switch or narrow a key.
#[utoipa::path(
    patch, path = "/v2/api-keys/{id}", tag = "API keys", operation_id = "patchApiKey",
    params(("id" = String, Path, description = "The key's id"), ("orgIdentifier" = Option<String>, Query), ("projectIdentifier" = Option<String>, Query)),
    request_body = PatchBody,
    responses((status = 200, description = "The key as it is now, everywhere", body = OneKey, headers(("server-timing" = String, description = "`fence;dur=…`: for how many milliseconds it was waited until this was so everywhere"))))
)]
async fn patch(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Here(project): Here,
    Path(id): Path<String>,
    body: Json<PatchBody>,
) -> Result<Response, ApiError> {
    let body = body.value;
    let input = PatchKey {
        name: body.name,
        description: body.description,
        enabled: body.enabled,
        scopes: body.scopes,
        expires_at: body.expires_at,
        allowed_cidrs: body.allowed_cidrs,
        rate_limit_per_minute: body.rate_limit_per_minute,
    };
    let (view, fence) = shared.sextant.patch_key(&caller, &project, &id, input).await?;
    Ok(timed(axum::Json(OneKey { api_key: view.into() }).into_response(), fence))
}

/// Give a key a new secret. The secret is in this answer and never again.
#[utoipa::path(
    post, path = "/v2/api-keys/{id}/rotate", tag = "API keys", operation_id = "rotateApiKey",
    params(
        ("id" = String, Path, description = "The key's id"),
        ("orgIdentifier" = Option<String>, Query), ("projectIdentifier" = Option<String>, Query),
        ("Idempotency-Key" = Option<String>, Header, description = "A retried request is answered without a secret and changes nothing"),
    ),
    request_body = RotateBody,
    responses((status = 200, description = "The key with its new secret", body = MintedKey, headers(("server-timing" = String, description = "`fence;dur=…`: for how many milliseconds it was waited until this was so everywhere"))))
)]
async fn rotate(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Here(project): Here,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Json<RotateBody>,
) -> Result<Response, ApiError> {
    let retry = retry(&headers, body.canonical)?;
    let input = RotateKey {
        overlap_seconds: body.value.overlap_seconds.unwrap_or(0),
        end_overlap_on_first_use: body.value.end_overlap_on_first_use.unwrap_or(false),
        delete_offspring: body.value.delete_offspring.unwrap_or(false),
    };
    Ok(minted(StatusCode::OK, shared.sextant.rotate_key(&caller, &project, &id, input, retry).await?))
}

/// Delete a key, and the keys that it made. Nothing brings them back.
#[utoipa::path(
    delete, path = "/v2/api-keys/{id}", tag = "API keys", operation_id = "deleteApiKey",
    params(("id" = String, Path, description = "The key's id"), ("orgIdentifier" = Option<String>, Query), ("projectIdentifier" = Option<String>, Query)),
    responses((status = 204, description = "Dead, everywhere", headers(("server-timing" = String, description = "`fence;dur=…`: for how many milliseconds it was waited until this was so everywhere"))))
)]
async fn delete(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Here(project): Here,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(dead(shared.sextant.delete_key(&caller, &project, &id).await?))
}

/// An answer says how long it took until what it says was so everywhere.
fn timed(mut response: Response, fence: Duration) -> Response {
    let timing = format!("fence;dur={:.3}", fence.as_secs_f64() * 1000.0);
    if let Ok(timing) = HeaderValue::from_str(&timing) {
        response.headers_mut().insert("server-timing", timing);
    }
    response
}

fn dead(fence: Duration) -> Response {
    timed(StatusCode::NO_CONTENT.into_response(), fence)
}

/// End the key that asks.
#[utoipa::path(
    delete, path = "/v2/api-keys/self", tag = "API keys", operation_id = "deleteOwnApiKey",
    responses((status = 204, description = "Dead, everywhere", headers(("server-timing" = String, description = "`fence;dur=…`: for how many milliseconds it was waited until this was so everywhere"))))
)]
async fn delete_own(State(shared): State<Shared>, Calling(caller): Calling) -> Result<Response, ApiError> {
    Ok(dead(shared.sextant.delete_own_key(&caller).await?))
}
