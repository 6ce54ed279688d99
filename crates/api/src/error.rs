//! The one file where failures become answers.

use crate::routes::ValidationErrorBody;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use sextant_core::code::Code;
use sextant_service::Failure;
use std::sync::Arc;
use utoipa::ToSchema;

/// A failure on its way out. The edge writes its body, since that depends on the path.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Failure);

impl<F: Into<Failure>> From<F> for ApiError {
    fn from(failure: F) -> Self {
        Self(failure.into())
    }
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorBody {
    /// Always `error`.
    #[schema(example = "error")]
    status: &'static str,
    /// One of a closed list.
    #[schema(example = "INVALID_API_KEY")]
    code: &'static str,
    /// For people: names the field and the fix.
    message: String,
    /// The request's id, as in `x-request-id`.
    request_id: String,
    /// The message again, under `/v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Developer records that break the rules.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValidationFailure {
    /// Always `FAILURE`.
    #[schema(example = "FAILURE")]
    status: &'static str,
    /// What is wrong, all of it.
    errors: Vec<ValidationErrorBody>,
}

/// Marks an answer whose body the edge still has to write, and carries the cause to the log.
#[derive(Clone, Debug)]
pub(crate) struct Pending(pub(crate) Arc<Failure>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let failure = self.0;
        let status = StatusCode::from_u16(failure.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey"));
        }
        if let Some(wait) = failure.retry_after {
            // Rounded up: who comes back at the second named must not be too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response.extensions_mut().insert(Pending(Arc::new(failure)));
        response
    }
}

/// Writes the body of a failure.
pub(crate) fn write(response: &mut Response, failure: &Failure, under_v1: bool, request_id: &str) {
    let text = match &failure.validation {
        Some(errors) => serde_json::to_vec(&ValidationFailure {
            status: "FAILURE",
            errors: errors.iter().cloned().map(Into::into).collect(),
        }),
        None => serde_json::to_vec(&ErrorBody {
            status: "error",
            code: failure.code.name(),
            message: failure.message.clone(),
            request_id: request_id.to_owned(),
            error: under_v1.then(|| failure.message.clone()),
        }),
    };
    *response.body_mut() = Body::from(text.unwrap_or_default());
    // The router has counted the empty body that stood here before.
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

/// An answer for something that broke under a request.
pub(crate) fn broken(cause: String) -> Response {
    let mut failure = Failure::of(Code::Internal);
    failure.cause = Some(cause);
    ApiError(failure).into_response()
}
