//! `/v2/developers`.

use crate::Shared;
use crate::error::{ApiError, ValidationFailure};
use crate::extract::{Asked, Calling, Json, RECORDS, Upload, WantsCsv};
use crate::guard::Needs;
use crate::rooms::Rooms;
use axum::body::Body;
use axum::extract::{FromRequest, Path, State};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sextant_core::developer::{DeveloperRecord, FieldMapping, ValidationError};
use sextant_core::permission::action::{DataSettingsWrite, DeveloperRecordsRead, DeveloperRecordsWrite};
use sextant_service::{DeveloperQuery, Failure, Upserted};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Needs<DataSettingsWrite>>(routes!(upload))
        .open::<Needs<DeveloperRecordsRead>>(routes!(list))
        .open::<Needs<DeveloperRecordsWrite>>(routes!(upsert))
        .open::<Needs<DeveloperRecordsRead>>(routes!(schema))
        .open::<Needs<DataSettingsWrite>>(routes!(save_mappings))
}

/// One kind of error in one field.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ValidationErrorBody {
    /// One of the nine published types.
    #[schema(example = "DUPLICATE_EMAIL")]
    error_type: &'static str,
    /// The column concerned.
    field_name: Option<String>,
    /// How many developers are concerned; 0 where it is about the table as a whole.
    error_developer_count: usize,
    /// At most ten of them, as column and value.
    sample_error_developers: Vec<BTreeMap<String, String>>,
}

impl From<ValidationError> for ValidationErrorBody {
    fn from(error: ValidationError) -> Self {
        Self {
            error_type: error.error_type.name(),
            field_name: error.field_name,
            error_developer_count: error.error_developer_count,
            sample_error_developers: error.sample_error_developers,
        }
    }
}

/// What a column means.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FieldMappingBody {
    /// The column as the CSV has it.
    #[schema(example = "Full Name")]
    csv_column: String,
    /// The attribute's key in answers.
    #[schema(example = "full_name")]
    field_key: String,
    /// `NAME`, `EMAIL`, `MANAGER_EMAIL` or `CUSTOM`.
    #[schema(example = "NAME")]
    field_type: &'static str,
    /// Whether uploads must have the column.
    required: bool,
    /// How sure a suggestion is, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<f64>,
}

impl FieldMappingBody {
    fn new(mapping: &FieldMapping, confidence: Option<f64>) -> Self {
        Self {
            csv_column: mapping.csv_column.clone(),
            field_key: mapping.field_key.clone(),
            field_type: mapping.field_type.name(),
            required: mapping.required,
            confidence,
        }
    }
}

/// What an upload holds. Nothing of it is saved yet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PreviewBody {
    /// `SUCCESS`, or `FAILURE` where rows break the rules.
    status: &'static str,
    /// Name it when saving the mappings.
    version_id: String,
    /// The same, for old clients.
    upload_id: String,
    /// What the columns probably mean.
    field_mappings: Vec<FieldMappingBody>,
    total_developers: usize,
    /// The first rows.
    sample_developers: Vec<BTreeMap<String, String>>,
    /// What breaks the rules, all of it.
    errors: Vec<ValidationErrorBody>,
}

/// What the columns of an upload mean.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MappingsBody {
    field_mappings: Vec<MappingBody>,
}

/// What one column means.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MappingBody {
    /// The column as the CSV has it.
    #[schema(example = "Full Name")]
    csv_column: String,
    /// `NAME`, `EMAIL`, `MANAGER_EMAIL` or `CUSTOM`.
    #[schema(example = "NAME")]
    field_type: String,
}

/// What was changed.
#[derive(Serialize, ToSchema)]
struct Changes {
    added: usize,
    updated: usize,
    removed: usize,
    unchanged: usize,
}

/// The developers are saved.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SavedBody {
    /// Always `SUCCESS`.
    status: &'static str,
    message: String,
    /// The version in force.
    version_id: String,
    changes: Changes,
    /// How many developers there are now.
    total_developers: usize,
    /// Keys of the payload that are no column and were left out.
    ignored_fields: Vec<String>,
}

impl SavedBody {
    fn new(message: &str, saved: Upserted) -> Self {
        Self {
            status: "SUCCESS",
            message: message.to_owned(),
            version_id: saved.version_id.to_string(),
            changes: Changes {
                added: saved.added,
                updated: saved.updated,
                removed: saved.removed,
                unchanged: saved.unchanged,
            },
            total_developers: saved.total,
            ignored_fields: saved.ignored_fields,
        }
    }
}

/// The account's columns.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SchemaBody {
    /// Always `SUCCESS`.
    status: &'static str,
    /// The version in force; `null` before initial set-up.
    version_id: Option<String>,
    field_mappings: Vec<FieldMappingBody>,
}

/// A developer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeveloperBody {
    /// Stays when fields change; 32-bit.
    developer_ref_id: i64,
    email: String,
    name: String,
    manager_email: Option<String>,
    /// Other columns by key.
    attributes: BTreeMap<String, String>,
}

impl From<(i64, DeveloperRecord)> for DeveloperBody {
    fn from((ref_id, record): (i64, DeveloperRecord)) -> Self {
        Self {
            developer_ref_id: ref_id,
            email: record.email.written().to_owned(),
            name: record.name,
            manager_email: record.manager_email.map(|email| email.written().to_owned()),
            attributes: record.attributes,
        }
    }
}

/// A page of developers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeveloperPageBody {
    developers: Vec<DeveloperBody>,
    page_index: i64,
    page_size: i64,
    total_count: usize,
}

/// The file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form; the handler reads the bytes")]
struct UploadForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Send a first CSV, or one that starts a new mapping. Answers a preview; nothing is saved.
#[utoipa::path(
    post, path = "/v2/developers", tag = "Developers", operation_id = "uploadDevelopers",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The preview, with what breaks the rules", body = PreviewBody),
        (status = 400, description = "The file cannot be read", body = ValidationFailure),
    )
)]
async fn upload(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Upload(file): Upload,
) -> Result<Response, ApiError> {
    let preview = shared.sextant.upload_developers(&caller, file).await?;
    let version = preview.version_id.map_or_else(String::new, |id| id.to_string());
    let body = PreviewBody {
        status: if preview.errors.is_empty() { "SUCCESS" } else { "FAILURE" },
        upload_id: version.clone(),
        version_id: version,
        field_mappings: preview
            .suggestions
            .iter()
            .map(|one| FieldMappingBody::new(&one.mapping, Some(one.confidence)))
            .collect(),
        total_developers: preview.total,
        sample_developers: preview.sample,
        errors: preview.errors.into_iter().map(Into::into).collect(),
    };
    Ok(axum::Json(body).into_response())
}

/// Save what an upload's columns mean, and its developers: all or nothing.
#[utoipa::path(
    put, path = "/v2/developers/versions/{versionId}/fieldMappings", tag = "Developers", operation_id = "saveFieldMappings",
    params(("versionId" = String, Path, description = "From the preview")),
    request_body = MappingsBody,
    responses(
        (status = 200, description = "Saved and in force", body = SavedBody),
        (status = 400, description = "The developers break the rules; nothing was saved", body = ValidationFailure),
    )
)]
async fn save_mappings(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Path(version): Path<String>,
    body: Json<MappingsBody>,
) -> Result<Response, ApiError> {
    let fields = body.value.field_mappings.into_iter().map(|one| (one.csv_column, one.field_type)).collect();
    let saved = shared.sextant.save_mappings(&caller, &version, fields).await?;
    Ok(axum::Json(SavedBody::new("Field mappings and developers saved.", saved)).into_response())
}

/// Add and change developers by e-mail address: an array of flat objects, keys are the account's columns.
#[utoipa::path(
    patch, path = "/v2/developers", tag = "Developers", operation_id = "upsertDevelopers",
    request_body(content = Vec<BTreeMap<String, Option<String>>>, example = json!([{"Email": "ada@example.com", "Full Name": "Ada Lovelace"}])),
    responses(
        (status = 200, description = "Saved and in force", body = SavedBody),
        (status = 400, description = "The developers break the rules; nothing was saved", body = ValidationFailure),
        (status = 412, description = "Developers were never uploaded and mapped", body = crate::error::ErrorBody),
    )
)]
async fn upsert(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    request: axum::extract::Request,
) -> Result<Response, ApiError> {
    // Before set-up nothing else is looked at, the body neither.
    if shared.sextant.developer_schema().await?.version.is_none() {
        shared.sextant.upsert_developers(&caller, Vec::new()).await?;
    }
    let body = Json::<Vec<Map<String, Value>>, RECORDS, true>::from_request(request, &shared).await?;
    if body.value.is_empty() {
        return Err(Failure::invalid("the body", "must be an array with at least one developer").into());
    }
    let saved = shared.sextant.upsert_developers(&caller, body.value).await?;
    Ok(axum::Json(SavedBody::new("Developers updated.", saved)).into_response())
}

/// List developers as JSON, or all of them as CSV with `Accept: text/csv`.
#[utoipa::path(
    get, path = "/v2/developers", tag = "Developers", operation_id = "listDevelopers",
    params(
        ("emails" = Option<Vec<String>>, Query, description = "Repeated or comma-joined"),
        ("developerRefIds" = Option<Vec<i64>>, Query, description = "Repeated or comma-joined"),
        ("searchKey" = Option<String>, Query, description = "The column to search in; names if absent"),
        ("searchValue" = Option<String>, Query, description = "Anywhere in it, without regard to case"),
        ("sortKey" = Option<String>, Query, description = "The column to order by"),
        ("sortOrder" = Option<String>, Query, description = "`asc` or `desc`"),
        ("pageIndex" = Option<i64>, Query, description = "From 0"),
        ("pageSize" = Option<i64>, Query, description = "1 to 1000, default 50"),
    ),
    responses((status = 200, description = "A page of developers, or the CSV", content(
        (DeveloperPageBody = "application/json"), (String = "text/csv")
    )))
)]
async fn list(
    State(shared): State<Shared>,
    Calling(caller): Calling,
    Asked(params): Asked,
    WantsCsv(csv): WantsCsv,
) -> Result<Response, ApiError> {
    let ref_ids = params
        .list("developerRefIds")
        .iter()
        .map(|text| text.parse().map_err(|_| Failure::invalid("developerRefIds", "must be whole numbers")))
        .collect::<Result<Vec<i64>, _>>()?;
    let query = DeveloperQuery {
        emails: params.list("emails"),
        ref_ids,
        search_key: params.one("searchKey")?,
        search_value: params.one("searchValue")?,
        sort_key: params.one("sortKey")?,
        sort_order: params.one("sortOrder")?,
    };
    if csv {
        let text = shared.sextant.developers_csv(&caller, query).await?;
        return Ok(super::audit::csv_file(text, "developers.csv"));
    }
    let page = params.page()?;
    let found = shared.sextant.list_developers(&caller, query, page.window()).await?;
    let body = DeveloperPageBody {
        developers: found.developers.into_iter().map(Into::into).collect(),
        page_index: page.index,
        page_size: page.size,
        total_count: found.total,
    };
    Ok(axum::Json(body).into_response())
}

/// The account's columns: what an upsert's keys are. Answered from memory.
#[utoipa::path(
    get, path = "/v2/developers/schema", tag = "Developers", operation_id = "developerSchema",
    responses((status = 200, description = "The columns; none before initial set-up", body = SchemaBody))
)]
async fn schema(State(shared): State<Shared>) -> Result<Response, ApiError> {
    let directory = shared.sextant.developer_schema().await?;
    let mut response = Response::new(Body::from(directory.schema.0.clone()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// An attachment's name for a header.
pub(super) fn attachment(name: &str) -> (http::HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    (CONTENT_DISPOSITION, value.unwrap_or_else(|_| HeaderValue::from_static("attachment")))
}
