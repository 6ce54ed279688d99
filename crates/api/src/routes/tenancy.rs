//! `/v1/orgs` and `/v1/orgs/{org}/projects`.

use crate::Shared;
use crate::error::ApiError;
use crate::extract::{Calling, Json};
use crate::guard::Needs;
use crate::rooms::Rooms;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use sextant_core::permission::action::{UsersRead, UsersWrite};
use sextant_service::{OrganizationView, ProjectView};
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Needs<UsersRead>>(routes!(list_organizations))
        .open::<Needs<UsersWrite>>(routes!(create_organization))
        .open::<Needs<UsersRead>>(routes!(list_projects))
        .open::<Needs<UsersWrite>>(routes!(create_project))
}

/// An organisation or project to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlaceBody {
    /// 1 to 128 letters, digits, `_`, `-` or `$`; it stays.
    #[schema(example = "platform")]
    identifier: String,
    name: Option<String>,
}

/// An organisation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrganizationBody {
    identifier: String,
    name: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<OrganizationView> for OrganizationBody {
    fn from(view: OrganizationView) -> Self {
        Self {
            identifier: view.identifier.to_string(),
            name: view.name,
            created_at: view.created_at.to_string(),
        }
    }
}

/// A project.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProjectBody {
    org_identifier: String,
    identifier: String,
    name: String,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<ProjectView> for ProjectBody {
    fn from(view: ProjectView) -> Self {
        Self {
            org_identifier: view.project.organization.to_string(),
            identifier: view.project.identifier.to_string(),
            name: view.name,
            created_at: view.created_at.to_string(),
        }
    }
}

/// All organisations.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Organizations {
    orgs: Vec<OrganizationBody>,
    total_count: usize,
}

/// One organisation.
#[derive(Serialize, ToSchema)]
struct OneOrganization {
    org: OrganizationBody,
}

/// The projects of an organisation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Projects {
    projects: Vec<ProjectBody>,
    total_count: usize,
}

/// One project.
#[derive(Serialize, ToSchema)]
struct OneProject {
    project: ProjectBody,
}

/// List organisations.
#[utoipa::path(
    get, path = "/v1/orgs", tag = "Tenancy", operation_id = "listOrganizations",
    responses((status = 200, description = "All of them", body = Organizations))
)]
async fn list_organizations(
    State(shared): State<Shared>,
    Calling(caller): Calling,
) -> Result<Response, ApiError> {
    let orgs: Vec<OrganizationBody> =
        shared.sextant.list_organizations(&caller).await?.into_iter().map(Into::into).collect();
    Ok(axum::Json(Organizations { total_count: orgs.len(), orgs }).into_response())
}

/// Make an organisation.
#[utoipa::path(
    post, path = "/v1/orgs", tag = "Tenancy", operation_id = "createOrganization",
    request_body = PlaceBody,
    responses((status = 201, description = "Made", body = OneOrganization))
)]
async fn create_organization(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    body: Json<PlaceBody>,
) -> Result<Response, ApiError> {
    let PlaceBody { identifier, name } = body.value;
    let made = shared.sextant.create_organization(&caller, &identifier, name.as_deref()).await?;
    Ok((StatusCode::CREATED, axum::Json(OneOrganization { org: made.into() })).into_response())
}

/// List an organisation's projects.
#[utoipa::path(
    get, path = "/v1/orgs/{org}/projects", tag = "Tenancy", operation_id = "listProjects",
    params(("org" = String, Path, description = "The organisation's identifier")),
    responses((status = 200, description = "All of them", body = Projects))
)]
async fn list_projects(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Path(org): Path<String>,
) -> Result<Response, ApiError> {
    let projects: Vec<ProjectBody> =
        shared.sextant.list_projects(&caller, &org).await?.into_iter().map(Into::into).collect();
    Ok(axum::Json(Projects { total_count: projects.len(), projects }).into_response())
}

/// Make a project.
#[utoipa::path(
    post, path = "/v1/orgs/{org}/projects", tag = "Tenancy", operation_id = "createProject",
    params(("org" = String, Path, description = "The organisation's identifier")),
    request_body = PlaceBody,
    responses((status = 201, description = "Made", body = OneProject))
)]
async fn create_project(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Path(org): Path<String>,
    body: Json<PlaceBody>,
) -> Result<Response, ApiError> {
    let PlaceBody { identifier, name } = body.value;
    let made = shared.sextant.create_project(&caller, &org, &identifier, name.as_deref()).await?;
    Ok((StatusCode::CREATED, axum::Json(OneProject { project: made.into() })).into_response())
}
