//! Pages for people: the console's files, and `/docs`.

use crate::docs_page;
use crate::guard::Open;
use crate::rooms::{self, Rooms};
use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sextant_core::code::Code;
use sextant_service::Failure;
use utoipa_axum::routes;

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Open>(routes!(home))
        .open::<Open>(routes!(setup))
        .open::<Open>(routes!(asset))
        .open::<Open>(routes!(docs))
}

fn file(name: &str) -> Response {
    let Some(file) = sextant_console::file(name) else {
        return crate::error::ApiError(Failure::of(Code::NotFound)).into_response();
    };
    let mut response = Response::new(Body::from(file.bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(file.kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The console.
#[utoipa::path(
    get, path = "/", tag = "Operations", operation_id = "home",
    responses((status = 200, description = "The console", body = String, content_type = "text/html"))
)]
async fn home() -> Response {
    file("index.html")
}

/// Where a set-up link leads.
#[utoipa::path(
    get, path = "/setup", tag = "Operations", operation_id = "setupPage",
    responses((status = 200, description = "The set-up page", body = String, content_type = "text/html"))
)]
async fn setup() -> Response {
    file("setup.html")
}

/// The console's files.
#[utoipa::path(
    get, path = "/assets/{name}", tag = "Operations", operation_id = "asset",
    params(("name" = String, Path)),
    responses(
        (status = 200, description = "The file", body = String, content_type = "text/plain"),
        (status = 404, description = "There is none", body = crate::error::ErrorBody),
    )
)]
async fn asset(Path(name): Path<String>) -> Response {
    file(&format!("assets/{name}"))
}

/// The API, browsable.
#[utoipa::path(
    get, path = "/docs", tag = "Operations", operation_id = "docs",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
async fn docs() -> Response {
    let mut response = Response::new(Body::from(docs_page::render(&rooms::document())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}
