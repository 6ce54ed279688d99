//! HTTP into use cases, results into HTTP. What a request passes, in order: [`edge`] (id, address, prefix, limits,
//! headers, log), [`guard`] (who, and may they), the handler in [`routes`] (shapes in, use case, shapes out), and on the
//! way back [`error`], the one file where failures become answers.

mod body;
mod docs_page;
mod edge;
mod error;
mod extract;
mod guard;
mod origin;
mod query;
mod rooms;
mod routes;
mod stream;

use axum::body::Body;
use bytes::Bytes;
use edge::Edge;
use http::{Request, Response};
use sextant_core::network::Networks;
use sextant_service::Sextant;
use std::net::SocketAddr;
use std::sync::Arc;

/// How the outside reaches this server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where people reach it, such as `https://sextant.example.com`.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Option<Networks>,
    /// Whether this process speaks TLS itself.
    pub tls: bool,
    /// Whether successes are logged, too.
    pub access_log: bool,
}

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) sextant: Arc<Sextant>,
    pub(crate) options: Options,
}

impl std::ops::Deref for Shared {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Everything that answers requests. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    edge: Edge,
}

impl Api {
    /// Puts the routes together.
    pub fn new(sextant: Arc<Sextant>, options: Options) -> Self {
        let shared = Shared(Arc::new(Inner { sextant, options }));
        Self { edge: Edge::new(shared) }
    }

    /// Answers one request from the network.
    pub async fn handle<B>(&self, request: Request<B>, peer: SocketAddr) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.edge.answer(request.map(Body::new), Some(peer.ip())).await
    }

    /// Answers one request of someone with a shell on this machine: no credential is needed, everything is permitted,
    /// and the audit log shows the command line.
    pub async fn handle_local(&self, mut request: Request<Body>) -> Response<Body> {
        request.extensions_mut().insert(guard::Shell);
        self.edge.answer(request, None).await
    }
}

/// The OpenAPI 3.1 document of everything that [`Api`] serves.
pub fn document() -> serde_json::Value {
    rooms::document()
}
