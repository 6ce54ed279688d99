//! The outermost layer: every request comes in here and every answer goes out here.

use crate::error::{self, ApiError, Pending};
use crate::guard::{Arrival, Shell};
use crate::{Shared, origin, rooms};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, STRICT_TRANSPORT_SECURITY, USER_AGENT,
    X_CONTENT_TYPE_OPTIONS,
};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Request, Uri};
use sextant_core::base62;
use sextant_core::code::Code;
use sextant_core::limit::RateLimit;
use sextant_core::redact::{holds_key, keys_in, redact};
use sextant_service::{Failure, Moment};
use std::borrow::Cow;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tower::Service;

/// Where the API lives besides the root; one of them is taken off before routing.
const PREFIXES: [&str; 4] = ["/gateway/sei/api", "/prod1/sei/api", "/gratis/sei/api", "/sei/api"];
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What takes longer is logged.
const SLOW: Duration = Duration::from_secs(1);
/// What takes longer is given up. Long enough for the largest upload over a slow line.
const LONGEST: Duration = Duration::from_mins(5);
/// Lines a minute about requests without a valid credential: anyone can provoke them.
const STRANGERS: u32 = 600;
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);

#[derive(Clone)]
pub(crate) struct Edge {
    shared: Shared,
    router: Router,
    strangers: Arc<RateLimit>,
}

impl Edge {
    pub(crate) fn new(shared: Shared) -> Self {
        let router = rooms::router(&shared);
        Self { shared, router, strangers: Arc::default() }
    }

    pub(crate) async fn answer(&self, mut request: Request<Body>, peer: Option<IpAddr>) -> Response {
        let moment = self.shared.sextant.moment();
        let request_id = self.request_id(&request);
        let address = peer.map(|peer| origin::client(request.headers(), peer, &self.shared.options));
        let under_v1 = shorten(&mut request);
        let line = LogLine::of(&request, address, &request_id, moment);
        if let Some(agent) = request.headers().get(USER_AGENT).filter(|agent| holds_key(agent.as_bytes())) {
            let keys = keys_in(agent.as_bytes());
            self.shared.sextant.note_exposed(&keys, "user agent of a request", address);
        }
        let mut response = match self.check_url(&request, address) {
            Ok(()) => {
                request.extensions_mut().insert(Arrival { request_id: request_id.clone(), address, moment });
                self.route(request).await
            }
            Err(failure) => ApiError(failure).into_response(),
        };
        let pending = response.extensions_mut().remove::<Pending>();
        if let Some(Pending(failure)) = &pending {
            error::write(
                &mut response,
                failure,
                under_v1 || line.under_v1(),
                request_id.to_str().unwrap_or_default(),
            );
            self.shared.sextant.metrics.refusal(failure.code);
        }
        self.dress(&mut response, request_id);
        let took = self.shared.sextant.monotonic().saturating_sub(moment.monotonic);
        self.shared.sextant.metrics.answer(response.status().as_u16(), took);
        self.log(&line, &response, pending.as_ref().map(|pending| &*pending.0), took);
        response
    }

    /// Runs the router. What answers at once needs no timer; what panics is an answer, not a lost connection.
    async fn route(&self, request: Request<Body>) -> Response {
        let mut router = self.router.clone();
        let mut answer = pin!(router.call(request));
        let mut poll =
            move |context: &mut std::task::Context<'_>| match catch_unwind(AssertUnwindSafe(|| {
                answer.as_mut().poll(context)
            })) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(Ok(response))) => Poll::Ready(response),
                Ok(Poll::Ready(Err(never))) => match never {},
                Err(panic) => {
                    let text = panic.downcast_ref::<String>().map(String::as_str);
                    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no text");
                    Poll::Ready(error::broken(format!("a panic: {text}")))
                }
            };
        let first = std::future::poll_fn(|context| Poll::Ready(poll(context))).await;
        if let Poll::Ready(response) = first {
            return response;
        }
        match tokio::time::timeout(LONGEST, std::future::poll_fn(poll)).await {
            Ok(response) => response,
            Err(_) => ApiError(Failure::unavailable("the request took too long")).into_response(),
        }
    }

    fn request_id(&self, request: &Request<Body>) -> HeaderValue {
        if let Some(sent) = request.headers().get(REQUEST_ID) {
            let bytes = sent.as_bytes();
            let fits = (1..=64).contains(&bytes.len())
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
                && !holds_key(bytes);
            if fits {
                return sent.clone();
            }
        }
        let mut digits = [0; 16];
        base62::draw(self.shared.sextant.entropy(), &mut digits);
        HeaderValue::from_bytes(&digits).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }

    /// Keys do not belong into an address: logs, histories and proxies keep those.
    fn check_url(&self, request: &Request<Body>, address: Option<IpAddr>) -> Result<(), Failure> {
        let uri = request.uri();
        let text = uri.path_and_query().map_or("", PathAndQuery::as_str);
        let plain: Cow<'_, [u8]> = if text.contains('%') {
            percent_encoding::percent_decode_str(text).into()
        } else {
            Cow::Borrowed(text.as_bytes())
        };
        if !holds_key(&plain) {
            return Ok(());
        }
        self.shared.sextant.note_exposed(&keys_in(&plain), "address of a request", address);
        Err(Failure::new(
            Code::KeyInUrl,
            "a key stands in the address, where logs keep it; send it in the x-api-key header, and rotate it",
        ))
    }

    fn dress(&self, response: &mut Response, request_id: HeaderValue) {
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, request_id);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
            headers.insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
            headers
                .insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
            headers.insert(HeaderName::from_static("x-frame-options"), HeaderValue::from_static("DENY"));
            headers.insert(
                HeaderName::from_static("cross-origin-opener-policy"),
                HeaderValue::from_static("same-origin"),
            );
        }
        if self.shared.options.tls {
            headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
        }
    }

    fn log(&self, line: &LogLine, response: &Response, failure: Option<&Failure>, took: Duration) {
        let status = response.status().as_u16();
        let slow = took >= SLOW;
        if status < 400 && !slow && !self.shared.options.access_log {
            return;
        }
        // Whoever has a shell here is told by the command itself.
        if line.local && status < 500 {
            return;
        }
        if status == 401 && !self.strangers.ask(STRANGERS, line.moment.monotonic).allowed {
            return;
        }
        let address = line.address.map(|address| address.to_string()).unwrap_or_default();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let code = failure.map(|failure| failure.code.name());
        let message = failure.map(|failure| failure.message.as_str());
        let cause = failure.and_then(|failure| failure.cause.as_deref());
        let path = line.path.to_string();
        // A key that was written with escapes would not be known as one where lines are cleaned.
        let plain = percent_encoding::percent_decode_str(&path).decode_utf8_lossy();
        let path = if holds_key(plain.as_bytes()) { redact(&plain) } else { Cow::Borrowed(path.as_str()) };
        let (method, id) = (&line.method, &line.request_id);
        if status >= 500 {
            tracing::error!(%method, %path, status, micros, address, request_id = ?id, code, refusal = message, cause, "request failed");
        } else if status >= 400 {
            tracing::info!(%method, %path, status, micros, address, request_id = ?id, code, message, "request refused");
        } else {
            tracing::info!(%method, %path, status, micros, address, request_id = ?id, slow, "request answered");
        }
    }
}

/// Marks a request that named the API's own place: what it does not find there is no page.
#[derive(Clone, Copy)]
pub(crate) struct Shortened;

/// What a log line needs of a request that the router consumes.
struct LogLine {
    method: http::Method,
    path: Uri,
    local: bool,
    address: Option<IpAddr>,
    request_id: HeaderValue,
    moment: Moment,
}

impl LogLine {
    fn of(
        request: &Request<Body>,
        address: Option<IpAddr>,
        request_id: &HeaderValue,
        moment: Moment,
    ) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().clone(),
            local: request.extensions().get::<Shell>().is_some(),
            address,
            request_id: request_id.clone(),
            moment,
        }
    }

    fn under_v1(&self) -> bool {
        self.path.path().starts_with("/v1/")
    }
}

/// Takes a prefix off the path, and the first of a doubled `/v1/v1`. Answers whether what remains is under `/v1`.
fn shorten(request: &mut Request<Body>) -> bool {
    let path = request.uri().path();
    let shell = request.extensions().get::<Shell>().is_some();
    let mut rest = path;
    for prefix in PREFIXES {
        if let Some(tail) = path.strip_prefix(prefix)
            && (tail.is_empty() || tail.starts_with('/'))
        {
            rest = tail;
            break;
        }
    }
    if let Some(tail) = rest.strip_prefix("/v1")
        && tail.starts_with("/v1/")
    {
        rest = tail;
    }
    let under_v1 = rest.starts_with("/v1/") || rest == "/v1";
    if rest.len() == path.len() || shell {
        return under_v1;
    }
    let rest = if rest.is_empty() { "/" } else { rest };
    let text = match request.uri().query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    request.extensions_mut().insert(Shortened);
    if let Ok(shorter) = PathAndQuery::from_maybe_shared(bytes::Bytes::from(text)) {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(shorter);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    under_v1
}
