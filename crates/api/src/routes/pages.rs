//! Pages for people: the console's files, and `/docs`.

use crate::docs_page;
use crate::edge::Shortened;
use crate::guard::Open;
use crate::rooms::{self, Rooms};
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sextant_console::Encodings;
use sextant_core::code::Code;
use sextant_service::Failure;
use utoipa_axum::routes;

/// First segments below which nothing is a page.
const NO_PAGES: [&str; 8] = ["v1", "v2", "sei", "gateway", "prod1", "gratis", "scim", "assets"];

pub(super) fn add(rooms: Rooms) -> Rooms {
    rooms
        .open::<Open>(routes!(home))
        .open::<Open>(routes!(setup))
        .open::<Open>(routes!(asset))
        .open::<Open>(routes!(docs))
}

/// The console, where a path that no route has can be one of its pages: it looks at the address itself.
pub(crate) fn console_page(request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let first = path.split('/').nth(1).unwrap_or_default();
    // Whoever takes no HTML is a program that mistook the path; an ending is of a file that is not there.
    let takes_html = request.headers().get(ACCEPT).is_none_or(|accept| {
        accept.to_str().is_ok_and(|text| text.contains("text/html") || text.contains("*/*"))
    });
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD)
        && takes_html
        && !NO_PAGES.contains(&first)
        && !path.rsplit('/').next().is_some_and(|last| last.contains('.'))
        && request.extensions().get::<Shortened>().is_none()
        && sextant_console::is_built();
    is_page.then(|| file("index.html", request.headers()))
}

fn file(name: &str, headers: &HeaderMap) -> Response {
    let Some(file) = sextant_console::file(name, encodings(headers)) else {
        return crate::error::ApiError(Failure::of(Code::NotFound)).into_response();
    };
    let known = headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == file.etag);
    let keep = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(file.bytes)) };
    let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    set(CONTENT_TYPE, HeaderValue::from_static(file.kind));
    set(CACHE_CONTROL, HeaderValue::from_static(keep));
    set(VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Ok(etag) = HeaderValue::from_str(&file.etag) {
        set(ETAG, etag);
    }
    if let Some(encoding) = file.encoding {
        set(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// The compressed forms that `Accept-Encoding` names and does not refuse by `q=0`.
fn encodings(headers: &HeaderMap) -> Encodings {
    let mut accepted = Encodings::default();
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for entry in values.flat_map(|value| value.split(',')) {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        let wanted = weight.parse::<f32>().is_ok_and(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("br") => accepted.brotli = wanted,
            name if name.eq_ignore_ascii_case("gzip") => accepted.gzip = wanted,
            _ => {}
        }
    }
    accepted
}

/// The console.
#[utoipa::path(
    get, path = "/", tag = "Operations", operation_id = "home",
    responses((status = 200, description = "The console", body = String, content_type = "text/html"))
)]
async fn home(headers: HeaderMap) -> Response {
    file("index.html", &headers)
}

/// Where a set-up link leads.
#[utoipa::path(
    get, path = "/setup", tag = "Operations", operation_id = "setupPage",
    responses((status = 200, description = "The set-up page", body = String, content_type = "text/html"))
)]
async fn setup(headers: HeaderMap) -> Response {
    let page = if sextant_console::is_built() { "index.html" } else { "setup.html" };
    file(page, &headers)
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
async fn asset(headers: HeaderMap, Path(name): Path<String>) -> Response {
    file(&format!("assets/{name}"), &headers)
}

/// The API, browsable.
#[utoipa::path(
    get, path = "/docs", tag = "Operations", operation_id = "docs",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
async fn docs(headers: HeaderMap) -> Response {
    if sextant_console::is_built() {
        return file("index.html", &headers);
    }
    let mut response = Response::new(Body::from(docs_page::render(&rooms::document())));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_accepted_is_sent() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            let accepted = encodings(&headers);
            (accepted.brotli, accepted.gzip)
        };
        assert_eq!(of("gzip, deflate, br, zstd"), (true, true));
        assert_eq!(of("br;q=0, GZIP;q=0.5"), (false, true));
        assert_eq!(of("identity"), (false, false));
        assert_eq!(of("br;q=nonsense"), (false, false));
    }
}
