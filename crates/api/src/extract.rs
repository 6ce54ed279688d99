//! What handlers ask for: who calls, which project, which page, which body.

use crate::Shared;
use crate::body;
use crate::error::ApiError;
use crate::guard::{Access, Identity};
use crate::query::Params;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;
use sextant_core::access::{Caller, Project};
use sextant_core::code::Code;
use sextant_core::key::ApiKey;
use sextant_service::{Failure, Who};
use std::sync::Arc;

/// The largest JSON body, unless a route says otherwise.
pub(crate) const SMALL: usize = 1024 * 1024;
/// The largest body of many records.
pub(crate) const RECORDS: usize = 16 * 1024 * 1024;
/// The largest upload.
pub(crate) const UPLOAD: usize = 32 * 1024 * 1024;

fn access(parts: &Parts) -> Result<Arc<Access>, ApiError> {
    parts.extensions.get::<Arc<Access>>().cloned().ok_or_else(|| {
        let mut failure = Failure::of(Code::Internal);
        failure.cause = Some("a route without a guard".to_owned());
        ApiError(failure)
    })
}

/// Who calls.
pub(crate) struct Calling(pub(crate) Caller);

impl FromRequestParts<Shared> for Calling {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let access = access(parts)?;
        let origin = access.origin(&parts.headers);
        Ok(Self(match &access.identity {
            Identity::Key(admission) => shared.sextant.key_caller(admission, origin),
            Identity::Person(who) => who.caller.clone(),
            Identity::Shell => shared.sextant.shell(origin),
            Identity::Nobody => return Err(Failure::of(Code::MissingCredentials).into()),
        }))
    }
}

/// The person who is signed in.
pub(crate) struct Person(pub(crate) Who);

impl FromRequestParts<Shared> for Person {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ApiError> {
        match &access(parts)?.identity {
            Identity::Person(who) => Ok(Self(who.clone())),
            _ => Err(Failure::new(Code::MissingCredentials, "nobody is signed in").into()),
        }
    }
}

/// Where a request without a caller comes from.
pub(crate) struct Whence(pub(crate) sextant_core::access::Origin);

impl FromRequestParts<Shared> for Whence {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ApiError> {
        Ok(Self(access(parts)?.origin(&parts.headers)))
    }
}

/// The project that a request is about: the key's own, the one it names, or `default`.
pub(crate) struct Here(pub(crate) Arc<Project>);

impl FromRequestParts<Shared> for Here {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, ApiError> {
        let access = access(parts)?;
        if let Identity::Key(admission) = &access.identity {
            // The guard has compared whatever the request names.
            return Ok(Self(admission.entry.project.clone()));
        }
        let organization = access.named.organization.as_deref().unwrap_or("default");
        let project = access.named.project.as_deref().unwrap_or("default");
        Ok(Self(shared.sextant.project(organization, project).await?))
    }
}

/// The query's parameters.
pub(crate) struct Asked(pub(crate) Params);

impl FromRequestParts<Shared> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ApiError> {
        Ok(Self(Params::read(parts.uri.query())))
    }
}

/// Whether the caller wants CSV.
pub(crate) struct WantsCsv(pub(crate) bool);

impl FromRequestParts<Shared> for WantsCsv {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ApiError> {
        let mut accepted = parts.headers.get_all(http::header::ACCEPT).iter();
        Ok(Self(
            accepted
                .any(|value| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("text/csv"))),
        ))
    }
}

/// A JSON body of at most `MOST` bytes, with the value it was read from: an object, or an array if it is a `LIST`.
pub(crate) struct Json<T, const MOST: usize = SMALL, const LIST: bool = false> {
    pub(crate) value: T,
    /// The body in a form that does not depend on spaces or the order of fields.
    pub(crate) canonical: String,
}

impl<T: DeserializeOwned, const MOST: usize, const LIST: bool> FromRequest<Shared> for Json<T, MOST, LIST> {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, ApiError> {
        let (parts, raw) = request.into_parts();
        body::check_json(&parts.headers)?;
        let bytes = body::read(&parts.headers, raw, MOST).await?;
        let mut exposed = body::keys(&bytes);
        let bytes = bytes.trim_ascii();
        let document = if bytes.is_empty() {
            Ok(serde_json::Value::Object(serde_json::Map::new()))
        } else {
            serde_json::from_slice(bytes)
        };
        let document = document.map(|document| {
            let (document, escaped) = body::clean(document);
            if exposed.is_empty() {
                exposed = escaped;
            }
            document
        });
        note_exposed(&parts, shared, &exposed)?;
        let document =
            document.map_err(|error| Failure::invalid("the body", format!("is not JSON: {error}")))?;
        // Serde would read an array as the fields of an object, in their order.
        if document.is_array() && !LIST {
            return Err(Failure::invalid("the body", "must be a JSON object").into());
        }
        let canonical = document.to_string();
        let value = serde_path_to_error::deserialize(document).map_err(|error| {
            let path = error.path().to_string();
            let problem = error.into_inner().to_string();
            match path.as_str() {
                "." => Failure::new(Code::InvalidRequest, problem),
                _ => Failure::invalid(&format!("`{path}`:"), problem),
            }
        })?;
        Ok(Self { value, canonical })
    }
}

/// A file from a multipart form, as it came.
pub(crate) struct Upload(pub(crate) Vec<u8>);

impl FromRequest<Shared> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, ApiError> {
        let (parts, raw) = request.into_parts();
        let kind = parts
            .headers
            .get(http::header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        if !kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
            return Err(Failure::new(
                Code::UnsupportedMediaType,
                "send the CSV as multipart/form-data with a part named `file` (curl -F file=@developers.csv)",
            )
            .into());
        }
        let bytes = body::read(&parts.headers, raw, UPLOAD).await?;
        note_exposed(&parts, shared, &body::keys(&bytes))?;
        let wrong = |error: axum::extract::multipart::MultipartError| {
            Failure::invalid("the body", format!("is no multipart form: {}", error.body_text()))
        };
        let request = Request::from_parts(parts, axum::body::Body::from(bytes));
        let mut form = axum::extract::Multipart::from_request(request, &()).await.map_err(|error| {
            Failure::invalid("the body", format!("is no multipart form: {}", error.body_text()))
        })?;
        while let Some(field) = form.next_field().await.map_err(wrong)? {
            if field.name() == Some("file") {
                return Ok(Self(field.bytes().await.map_err(wrong)?.to_vec()));
            }
        }
        Err(Failure::invalid("file", "is missing: send the CSV in a part with this name").into())
    }
}

fn note_exposed(parts: &Parts, shared: &Shared, keys: &[ApiKey]) -> Result<(), ApiError> {
    if !keys.is_empty() {
        shared.sextant.note_exposed(keys, "body of a request", access(parts)?.address);
    }
    Ok(())
}
