//! `/healthz`, `/readyz`, `/metrics`, `/openapi.json`.

use crate::Shared;
use crate::error::ApiError;
use crate::guard::Open;
use crate::rooms::{self, Rooms};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Open>(routes!(healthz))
        .open::<Open>(routes!(readyz))
        .open::<Open>(routes!(metrics))
        .open::<Open>(routes!(openapi))
}

fn text(kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Whether the process is up.
#[utoipa::path(
    get, path = "/healthz", tag = "Operations", operation_id = "healthz",
    responses((status = 200, description = "Up", body = String, content_type = "text/plain"))
)]
async fn healthz() -> Response {
    text("text/plain; charset=utf-8", "ok\n")
}

/// Whether requests can be answered: the database is there and the key ring current.
#[utoipa::path(
    get, path = "/readyz", tag = "Operations", operation_id = "readyz",
    responses((status = 200, description = "Ready", body = String, content_type = "text/plain"))
)]
async fn readyz(State(shared): State<Shared>) -> Result<Response, ApiError> {
    shared.sextant.ready().await?;
    Ok(text("text/plain; charset=utf-8", "ready\n"))
}

/// Numbers for Prometheus. No label names a tenant, a person or a key.
#[utoipa::path(
    get, path = "/metrics", tag = "Operations", operation_id = "metrics",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "application/openmetrics-text"))
)]
async fn metrics(State(shared): State<Shared>) -> Response {
    text("application/openmetrics-text; version=1.0.0; charset=utf-8", shared.sextant.metrics_text())
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "Operations", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
async fn openapi() -> Response {
    axum::Json(rooms::document()).into_response()
}
