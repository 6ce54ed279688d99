//! `/v1/session`: signing in and out, the set-up link, one's own password.

use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Json, Person, Whence};
use crate::guard::{Open, cookie_name, is_secure};
use crate::origin::check_page;
use crate::rooms::Rooms;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use sextant_core::access::{Caller, Scope};
use sextant_core::permission::Permission;
use sextant_core::time::Time;
use sextant_service::{Failure, SignedIn};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Open>(routes!(sign_in))
        .open::<Open>(routes!(who))
        .open::<Open>(routes!(sign_out))
        .open::<Open>(routes!(set_up))
        .open::<Open>(routes!(change_password))
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignInBody {
    email: String,
    #[schema(format = Password)]
    password: String,
}

/// What a set-up link is used for.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SetUpBody {
    /// From the link's fragment.
    token: String,
    /// The first administrator's e-mail address; not needed for a link that someone was sent.
    email: Option<String>,
    name: Option<String>,
    #[schema(format = Password)]
    password: String,
}

/// A new password of one's own.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PasswordBody {
    #[schema(format = Password)]
    current_password: String,
    #[schema(format = Password)]
    new_password: String,
}

/// The person who is signed in.
#[derive(Serialize, ToSchema)]
struct Me {
    id: String,
    email: String,
    name: String,
}

/// A project that the person can do something in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VisibleProject {
    org_identifier: String,
    project_identifier: String,
    name: String,
    /// What they may do there.
    permissions: Vec<&'static str>,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionBody {
    user: Me,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    expires_at: String,
    /// What they may do with what belongs to the account.
    permissions: Vec<&'static str>,
    projects: Vec<VisibleProject>,
}

fn names(caller: &Caller, scope: &Scope) -> Vec<&'static str> {
    caller.permissions_at(scope).iter().map(Permission::name).collect()
}

async fn session_body(
    shared: &Shared,
    caller: &Caller,
    user: &sextant_service::UserRecord,
    expires_at: Time,
) -> Result<SessionBody, Failure> {
    let projects = shared.sextant.visible_projects(caller).await?;
    let projects = projects
        .into_iter()
        .map(|view| {
            let project = Arc::new(view.project);
            VisibleProject {
                org_identifier: project.organization.to_string(),
                project_identifier: project.identifier.to_string(),
                name: view.name,
                permissions: names(caller, &Scope::Project(project)),
            }
        })
        .collect();
    Ok(SessionBody {
        user: Me { id: user.id.to_string(), email: user.email.clone(), name: user.name.clone() },
        expires_at: expires_at.to_string(),
        permissions: names(caller, &Scope::Account),
        projects,
    })
}

fn cookie(shared: &Shared, value: &str, lives: Duration) -> Result<HeaderValue, Failure> {
    let name = cookie_name(shared);
    let secure = if is_secure(shared) { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", lives.as_secs());
    HeaderValue::from_str(&text).map_err(|_| Failure::of(sextant_core::code::Code::Internal))
}

async fn begun(shared: &Shared, signed_in: SignedIn) -> Result<Response, ApiError> {
    let now = shared.sextant.now();
    let caller = sextant_service::person_caller(&signed_in.user);
    let body = session_body(shared, &caller, &signed_in.user, signed_in.expires_at).await?;
    let mut response = axum::Json(body).into_response();
    let cookie = cookie(shared, signed_in.token.reveal(), signed_in.expires_at.since(now))?;
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

/// Sign in. Failed attempts are throttled.
#[utoipa::path(
    post, path = "/v1/session", tag = "Session", operation_id = "signIn",
    request_body = SignInBody,
    responses(
        (status = 200, description = "Signed in; the cookie is set", body = SessionBody),
        (status = 401, description = "The e-mail address or password is wrong", body = crate::error::ErrorBody),
        (status = 403, description = "The request comes from another page", body = crate::error::ErrorBody),
        (status = 415, description = "Not JSON", body = crate::error::ErrorBody),
        (status = 413, description = "Too large", body = crate::error::ErrorBody),
        (status = 429, description = "Too many failed attempts", body = crate::error::ErrorBody),
    )
)]
async fn sign_in(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Whence(origin): Whence,
    body: Json<SignInBody>,
) -> Result<Response, ApiError> {
    check_page(&headers, &shared.options)?;
    let signed_in = shared.sextant.sign_in(&body.value.email, &body.value.password, origin).await?;
    begun(&shared, signed_in).await
}

/// Who is signed in, and what they may do.
#[utoipa::path(
    get, path = "/v1/session", tag = "Session", operation_id = "whoAmI",
    responses(
        (status = 200, description = "The session", body = SessionBody),
        (status = 401, description = "Nobody is signed in", body = crate::error::ErrorBody),
    )
)]
async fn who(State(shared): State<Shared>, Person(who): Person) -> Result<Response, ApiError> {
    let body = session_body(&shared, &who.caller, &who.session.user, who.session.expires_at).await?;
    Ok(axum::Json(body).into_response())
}

/// Sign out.
#[utoipa::path(
    delete, path = "/v1/session", tag = "Session", operation_id = "signOut",
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "Nobody is signed in", body = crate::error::ErrorBody),
        (status = 403, description = "The request comes from another page", body = crate::error::ErrorBody),
    )
)]
async fn sign_out(State(shared): State<Shared>, Person(who): Person) -> Result<Response, ApiError> {
    shared.sextant.sign_out(&who).await?;
    Ok(sign_off(&shared)?)
}

/// The answer to whoever ended the session that asks: the browser forgets its cookie.
pub(super) fn sign_off(shared: &Shared) -> Result<Response, Failure> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(SET_COOKIE, cookie(shared, "", Duration::ZERO)?);
    Ok(response)
}

/// Use a one-time link: become the first administrator, or set one's password.
#[utoipa::path(
    post, path = "/v1/session/setup", tag = "Session", operation_id = "setUp",
    request_body = SetUpBody,
    responses(
        (status = 200, description = "Signed in; the cookie is set", body = SessionBody),
        (status = 403, description = "The request comes from another page", body = crate::error::ErrorBody),
        (status = 404, description = "The link was used or has run out", body = crate::error::ErrorBody),
        (status = 409, description = "The first administrator is there already", body = crate::error::ErrorBody),
        (status = 413, description = "Too large", body = crate::error::ErrorBody),
        (status = 415, description = "Not JSON", body = crate::error::ErrorBody),
        (status = 429, description = "Too many failed attempts", body = crate::error::ErrorBody),
    )
)]
async fn set_up(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Whence(origin): Whence,
    body: Json<SetUpBody>,
) -> Result<Response, ApiError> {
    check_page(&headers, &shared.options)?;
    let body = body.value;
    let signed_in = shared
        .sextant
        .set_up(&body.token, body.email.as_deref(), body.name.as_deref(), &body.password, origin)
        .await?;
    begun(&shared, signed_in).await
}

/// Change one's own password. Other sessions end.
#[utoipa::path(
    put, path = "/v1/session/password", tag = "Session", operation_id = "changePassword",
    request_body = PasswordBody,
    responses(
        (status = 204, description = "Changed"),
        (status = 401, description = "Nobody is signed in", body = crate::error::ErrorBody),
        (status = 403, description = "The request comes from another page", body = crate::error::ErrorBody),
        (status = 413, description = "Too large", body = crate::error::ErrorBody),
        (status = 415, description = "Not JSON", body = crate::error::ErrorBody),
        (status = 429, description = "Too many failed attempts", body = crate::error::ErrorBody),
    )
)]
async fn change_password(
    State(shared): State<Shared>,
    Person(who): Person,
    body: Json<PasswordBody>,
) -> Result<StatusCode, ApiError> {
    shared.sextant.change_password(&who, &body.value.current_password, &body.value.new_password).await?;
    Ok(StatusCode::NO_CONTENT)
}
