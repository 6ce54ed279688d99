//! `/v1/users`.

use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Asked, Calling, Json};
use crate::guard::Needs;
use crate::rooms::Rooms;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sextant_core::key::Token;
use sextant_core::permission::action::{UsersRead, UsersWrite};
use sextant_service::{BindingInput, CreateUser, Failure, PatchUser, UserFilter, UserView};
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Needs<UsersRead>>(routes!(list))
        .open::<Needs<UsersWrite>>(routes!(create))
        .open::<Needs<UsersRead>>(routes!(read))
        .open::<Needs<UsersWrite>>(routes!(patch))
        .open::<Needs<UsersWrite>>(routes!(delete))
}

/// A role and where it holds: at the account without identifiers.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RoleBody {
    /// `ACCOUNT_ADMIN`, `SEI_ADMIN`, `TEAM_MANAGER` or `VIEWER`.
    #[schema(example = "VIEWER")]
    role: String,
    #[serde(default)]
    org_identifier: Option<String>,
    #[serde(default)]
    project_identifier: Option<String>,
}

/// A person to be added.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateUserBody {
    email: String,
    name: Option<String>,
    /// Without one the answer has a one-time link by which they set it themselves.
    #[schema(format = Password)]
    password: Option<String>,
    #[serde(default)]
    roles: Vec<RoleBody>,
}

/// What is to change about a person.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PatchUserBody {
    name: Option<String>,
    /// `false` ends their sessions and keeps them out.
    active: Option<bool>,
    /// All roles from now on.
    roles: Option<Vec<RoleBody>>,
    /// Whether to make a one-time link for a new password; an earlier one no longer counts.
    reset_password: Option<bool>,
}

/// A person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserBody {
    id: String,
    email: String,
    name: String,
    active: bool,
    /// Whether they have set a password.
    has_password: bool,
    #[schema(format = DateTime)]
    created_at: String,
    roles: Vec<RoleBody>,
}

impl From<UserView> for UserBody {
    fn from(view: UserView) -> Self {
        Self {
            id: view.record.id.to_string(),
            email: view.record.email,
            name: view.record.name,
            active: view.record.active,
            has_password: view.record.password_hash.is_some(),
            created_at: view.record.created_at.to_string(),
            roles: view
                .roles
                .into_iter()
                .map(|(role, org_identifier, project_identifier)| RoleBody {
                    role: role.name().to_owned(),
                    org_identifier,
                    project_identifier,
                })
                .collect(),
        }
    }
}

/// One person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OneUser {
    user: UserBody,
    /// For a one-time link, shown this one time; it opens `/setup` and runs out after 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    setup_link: Option<String>,
}

/// A page of people.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserPage {
    users: Vec<UserBody>,
    page_index: i64,
    page_size: i64,
    total_count: i64,
}

fn roles(bodies: Vec<RoleBody>) -> Vec<BindingInput> {
    bodies
        .into_iter()
        .map(|body| BindingInput {
            role: body.role,
            org_identifier: body.org_identifier,
            project_identifier: body.project_identifier,
        })
        .collect()
}

fn one(shared: &Shared, status: StatusCode, view: UserView, token: Option<&Token>) -> Response {
    // A path where no public URL is known: whoever reads it knows by which address they came.
    let base = shared.options.public_url.as_deref().unwrap_or_default().trim_end_matches('/');
    let setup_link = token.map(|token| format!("{base}/setup#token={}", token.reveal()));
    (status, axum::Json(OneUser { user: view.into(), setup_link })).into_response()
}

/// List people.
#[utoipa::path(
    get, path = "/v1/users", tag = "People", operation_id = "listUsers",
    params(
        ("search" = Option<String>, Query, description = "Part of the e-mail address or name"),
        ("active" = Option<bool>, Query, description = "Only those who may sign in, or only those who may not"),
        ("pageIndex" = Option<i64>, Query), ("pageSize" = Option<i64>, Query),
    ),
    responses((status = 200, description = "A page of people", body = UserPage))
)]
async fn list(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Asked(params): Asked,
) -> Result<Response, ApiError> {
    let page = params.page()?;
    let active = match params.one("active")?.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Failure::invalid("active", "must be true or false").into()),
    };
    let filter = UserFilter { search: params.one("search")?.filter(|text| !text.trim().is_empty()), active };
    let (users, total) = shared.sextant.list_users(&caller, &filter, page.window()).await?;
    let body = UserPage {
        users: users.into_iter().map(Into::into).collect(),
        page_index: page.index,
        page_size: page.size,
        total_count: total,
    };
    Ok(axum::Json(body).into_response())
}

/// Add a person.
#[utoipa::path(
    post, path = "/v1/users", tag = "People", operation_id = "createUser",
    request_body = CreateUserBody,
    responses((status = 201, description = "Added", body = OneUser))
)]
async fn create(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    body: Json<CreateUserBody>,
) -> Result<Response, ApiError> {
    let body = body.value;
    let input =
        CreateUser { email: body.email, name: body.name, password: body.password, roles: roles(body.roles) };
    let (view, token) = shared.sextant.create_user(&caller, input).await?;
    Ok(one(&shared, StatusCode::CREATED, view, token.as_ref()))
}

/// Read one person.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "People", operation_id = "readUser",
    params(("id" = String, Path)),
    responses((status = 200, description = "The person", body = OneUser))
)]
async fn read(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(one(&shared, StatusCode::OK, shared.sextant.read_user(&caller, &id).await?, None))
}

/// Change a person's name, state or roles, or let them set a new password.
#[utoipa::path(
    patch, path = "/v1/users/{id}", tag = "People", operation_id = "patchUser",
    params(("id" = String, Path)),
    request_body = PatchUserBody,
    responses((status = 200, description = "The person as they are now", body = OneUser))
)]
async fn patch(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Path(id): Path<String>,
    body: Json<PatchUserBody>,
) -> Result<Response, ApiError> {
    let body = body.value;
    let input = PatchUser {
        name: body.name,
        active: body.active,
        roles: body.roles.map(roles),
        reset_password: body.reset_password.unwrap_or(false),
    };
    let (view, token) = shared.sextant.patch_user(&caller, &id, input).await?;
    Ok(one(&shared, StatusCode::OK, view, token.as_ref()))
}

/// Remove a person.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "People", operation_id = "deleteUser",
    params(("id" = String, Path)),
    responses((status = 204, description = "Removed; their sessions have ended"))
)]
async fn delete(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    shared.sextant.delete_user(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
