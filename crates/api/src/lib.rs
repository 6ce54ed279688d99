//! HTTP into use cases, results into HTTP.

use axum::body::Body;
use http::{Request, Response};
use sextant_service::Sextant;
use std::net::SocketAddr;
use std::sync::Arc;

/// How the outside reaches this server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where people reach it, such as `https://sextant.example.com`.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Option<sextant_core::network::Networks>,
    /// Whether this process speaks TLS itself.
    pub tls: bool,
    /// Whether successes are logged, too.
    pub access_log: bool,
}

/// Everything that answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Api {}

impl Api {
    /// Puts the routes together.
    pub fn new(sextant: Arc<Sextant>, options: Options) -> Self {
        let _ = (sextant, options);
        Self {}
    }

    /// Answers one request from the network.
    pub async fn handle<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<Body> {
        let _ = (request, peer);
        Response::new(Body::empty())
    }

    /// Answers one request of someone with a shell on this machine: no credential is needed, everything is permitted,
    /// and the audit log shows the command line.
    pub async fn handle_local(&self, request: Request<Body>) -> Response<Body> {
        let _ = request;
        Response::new(Body::empty())
    }
}

/// The OpenAPI 3.1 document of everything that [`Api`] serves.
pub fn document() -> serde_json::Value {
    serde_json::Value::Null
}
