//! `/v1/sessions` and `/v1/users/{id}/sessions`: where people are signed in, and ending it.

use super::session::sign_off;
use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Asked, Calling, Person};
use crate::guard::{Needs, Open};
use crate::query::Page;
use crate::rooms::Rooms;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use sextant_core::permission::action::{UsersRead, UsersWrite};
use sextant_service::SessionEntry;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Open>(routes!(list_own))
        .open::<Open>(routes!(end_own))
        .open::<Needs<UsersRead>>(routes!(list_of_user))
        .open::<Needs<UsersWrite>>(routes!(end_all_of_user))
        .open::<Needs<UsersWrite>>(routes!(end_of_user))
}

/// Where someone is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionEntryBody {
    /// Names the session; opens nothing.
    id: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last used, to the minute.
    #[schema(format = DateTime)]
    seen_at: String,
    /// When it ends at the latest; without use it ends after 12 hours.
    #[schema(format = DateTime)]
    expires_at: String,
    /// From where it was begun.
    address: Option<String>,
    /// With which program.
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

/// A page of sessions, the one used last first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionPage {
    sessions: Vec<SessionEntryBody>,
    page_index: i64,
    page_size: i64,
    total_count: i64,
}

fn answer((entries, total): (Vec<SessionEntry>, i64), page: Page, current: Option<&str>) -> Response {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let body = SessionPage {
        sessions: entries
            .into_iter()
            .map(|entry| SessionEntryBody {
                created_at: entry.created_at.to_string(),
                seen_at: entry.seen_at.to_string(),
                expires_at: entry.expires_at.to_string(),
                address: some(entry.address),
                user_agent: some(entry.user_agent),
                current: current == Some(entry.id.as_str()),
                id: entry.id,
            })
            .collect(),
        page_index: page.index,
        page_size: page.size,
        total_count: total,
    };
    axum::Json(body).into_response()
}

/// Where one is signed in oneself.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "Session", operation_id = "listOwnSessions",
    params(("pageIndex" = Option<i64>, Query), ("pageSize" = Option<i64>, Query)),
    responses(
        (status = 200, description = "A page of one's own sessions", body = SessionPage),
        (status = 401, description = "Nobody is signed in", body = crate::error::ErrorBody),
    )
)]
async fn list_own(
    State(shared): State<Shared>,
    Person(who): Person,
    Asked(params): Asked,
) -> Result<Response, ApiError> {
    let page = params.page()?;
    let found = shared.sextant.own_sessions(&who, page.window()).await?;
    Ok(answer(found, page, Some(&who.session.id)))
}

/// End one of one's own sessions, wherever it is.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "Session", operation_id = "endOwnSession",
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = 204, description = "It has ended, on every server"),
        (status = 401, description = "Nobody is signed in", body = crate::error::ErrorBody),
        (status = 403, description = "The request comes from another page", body = crate::error::ErrorBody),
        (status = 404, description = "One has no such session", body = crate::error::ErrorBody),
    )
)]
async fn end_own(
    State(shared): State<Shared>,
    Person(who): Person,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    shared.sextant.end_own_session(&who, &id).await?;
    if id == who.session.id {
        return Ok(sign_off(&shared)?);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where a person is signed in.
#[utoipa::path(
    get, path = "/v1/users/{id}/sessions", tag = "People", operation_id = "listUserSessions",
    params(("id" = String, Path, description = "The person's id"), ("pageIndex" = Option<i64>, Query), ("pageSize" = Option<i64>, Query)),
    responses((status = 200, description = "A page of the person's sessions", body = SessionPage))
)]
async fn list_of_user(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    person: Result<Person, ApiError>,
    Path(id): Path<String>,
    Asked(params): Asked,
) -> Result<Response, ApiError> {
    let page = params.page()?;
    let found = shared.sextant.user_sessions(&caller, &id, page.window()).await?;
    // A shell has no session.
    let current = person.ok().map(|Person(who)| who.session.id);
    Ok(answer(found, page, current.as_deref()))
}

/// End all sessions of a person.
#[utoipa::path(
    delete, path = "/v1/users/{id}/sessions", tag = "People", operation_id = "endUserSessions",
    params(("id" = String, Path, description = "The person's id")),
    responses((status = 204, description = "They have ended, on every server"))
)]
async fn end_all_of_user(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    shared.sextant.end_user_sessions(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End one session of a person.
#[utoipa::path(
    delete, path = "/v1/users/{id}/sessions/{sessionId}", tag = "People", operation_id = "endUserSession",
    params(("id" = String, Path, description = "The person's id"), ("sessionId" = String, Path, description = "The session's id")),
    responses((status = 204, description = "It has ended, on every server"))
)]
async fn end_of_user(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Path((id, session)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    shared.sextant.end_user_session(&caller, &id, &session).await?;
    Ok(StatusCode::NO_CONTENT)
}
