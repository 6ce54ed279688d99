//! The one list of routes, which is the router and the OpenAPI document at once.

use crate::error::{ApiError, ErrorBody, ValidationFailure};
use crate::guard::{Demand, GuardLayer, Rule};
use crate::{Shared, routes};
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::Method;
use serde_json::{Value, json};
use sextant_core::code::Code;
use sextant_core::permission::{KeyRole, Permission, PermissionSet, PersonRole};
use sextant_service::Failure;
use utoipa::OpenApi;
use utoipa::openapi::path::PathItem;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sextant",
        description = "Software engineering insights behind project-scoped API keys. Every path also answers under \
                       `/gateway/sei/api`, `/prod1/sei/api`, `/gratis/sei/api` and `/sei/api`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ErrorBody, ValidationFailure)),
    tags(
        (name = "API keys", description = "Make, see, narrow, rotate and end keys."),
        (name = "Developers", description = "Developer records of the account."),
        (name = "Session", description = "Signing in."),
        (name = "People", description = "People and their roles."),
        (name = "Tenancy", description = "Organisations and projects."),
        (name = "Audit", description = "Who changed what."),
        (name = "Operations", description = "Health, metrics, this document.")
    )
)]
struct Document;

/// Routes as they are added: each with what it demands.
pub(crate) struct Rooms {
    shared: Option<Shared>,
    router: OpenApiRouter<Shared>,
    rules: Vec<(String, Method, Rule)>,
}

impl Rooms {
    fn new(shared: Option<Shared>) -> Self {
        Self { shared, router: OpenApiRouter::with_openapi(Document::openapi()), rules: Vec::new() }
    }

    /// Adds routes that demand `D`. There is no other way to add one.
    pub(crate) fn open<D: Demand>(mut self, (schemas, paths, methods): UtoipaMethodRouter<Shared>) -> Self {
        for (path, item) in &paths.paths {
            for (method, operation) in operations(item) {
                if operation {
                    self.rules.push((path.clone(), method, D::RULE));
                }
            }
        }
        let methods = match &self.shared {
            Some(shared) => {
                let path = paths.paths.keys().next().map_or("", String::as_str);
                methods.route_layer(GuardLayer { shared: shared.clone(), rule: D::RULE, path: path.into() })
            }
            None => methods,
        };
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    fn all(shared: Option<Shared>) -> Self {
        routes::add(Self::new(shared))
    }
}

fn operations(item: &PathItem) -> [(Method, bool); 5] {
    [
        (Method::GET, item.get.is_some()),
        (Method::POST, item.post.is_some()),
        (Method::PUT, item.put.is_some()),
        (Method::PATCH, item.patch.is_some()),
        (Method::DELETE, item.delete.is_some()),
    ]
}

/// The router.
pub(crate) fn router(shared: &Shared) -> Router {
    let (router, _) = Rooms::all(Some(shared.clone())).router.split_for_parts();
    router.fallback(not_found).method_not_allowed_fallback(wrong_method).with_state(shared.clone())
}

async fn not_found(request: Request) -> Response {
    if let Some(page) = routes::console_page(&request) {
        return page;
    }
    ApiError(Failure::new(Code::NotFound, "there is no such path; see /docs")).into_response()
}

async fn wrong_method() -> Response {
    ApiError(Failure::of(Code::MethodNotAllowed)).into_response()
}

/// The document, with what every route has in common written out.
pub(crate) fn document() -> Value {
    let rooms = Rooms::all(None);
    let rules = rooms.rules;
    let (_, openapi) = rooms.router.split_for_parts();
    let mut document = serde_json::to_value(openapi).unwrap_or_default();
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["servers"] = json!(
        ["/", "/gateway/sei/api", "/prod1/sei/api", "/gratis/sei/api", "/sei/api"]
            .map(|url| json!({"url": url}))
    );
    document["components"]["securitySchemes"] = json!({
        "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key",
            "description": "Also `Authorization: ApiKey …`, `Authorization: Bearer …` or `SEI_API_KEY`."},
        "session": {"type": "apiKey", "in": "cookie", "name": "sextant_session",
            "description": "A console session; `__Host-sextant_session` under TLS."}
    });
    document["components"]["schemas"]["ErrorBody"]["properties"]["code"]["enum"] =
        json!(Code::ALL.iter().map(|code| code.name()).collect::<Vec<_>>());
    document["x-permissions"] =
        json!(Permission::ALL.iter().map(|permission| permission.name()).collect::<Vec<_>>());
    let names = |set: PermissionSet| json!(set.iter().map(Permission::name).collect::<Vec<_>>());
    document["x-key-roles"] = KeyRole::ALL
        .iter()
        .map(|role| (role.name().to_owned(), names(role.permissions())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    document["x-person-roles"] = PersonRole::ALL
        .iter()
        .map(|role| (role.name().to_owned(), names(role.permissions())))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for (path, method, rule) in rules {
        let operation = &mut document["paths"][&path][method.as_str().to_lowercase()];
        operation["x-permission"] = json!(rule.name());
        operation["security"] = match rule {
            Rule::Open => json!([]),
            Rule::Own => json!([{"apiKey": []}]),
            Rule::Needs(_) => json!([{"apiKey": []}, {"session": []}]),
        };
        add_common_answers(&mut operation["responses"], rule);
    }
    document
}

/// Answers that any route can give; what a handler declares itself stays.
fn add_common_answers(responses: &mut Value, rule: Rule) {
    // Whatever has rules about records can be asked in a form that it does not understand, too.
    if let Some(bad) = responses.pointer_mut("/400/content/application~1json/schema")
        && bad["$ref"] == "#/components/schemas/ValidationFailure"
    {
        *bad = json!({"oneOf": [bad.clone(), {"$ref": "#/components/schemas/ErrorBody"}]});
    }
    let mut answer = |status: &str, meaning: &str| {
        if responses.get(status).is_none() {
            responses[status] = json!({
                "description": meaning,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
            });
        }
    };
    answer("400", "The request does not fit; the message names the field.");
    answer("500", "Something broke here.");
    answer("503", "The server cannot tell at this moment.");
    if matches!(rule, Rule::Open) {
        return;
    }
    answer("401", "No valid credential.");
    answer("403", "The caller lacks the permission, or names another project.");
    answer("404", "There is no such thing here.");
    answer("409", "The object's state does not allow this.");
    answer("413", "The body is too large.");
    answer("415", "The body's Content-Type is not one that this call takes.");
    answer("429", "Too many requests; `Retry-After` says when to come back.");
}
