//! Who calls, and may they: decided for every route before its body is read.

use crate::error::{ApiError, Pending};
use crate::query::Params;
use crate::{Shared, origin};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, COOKIE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sextant_core::access::{Denied, Origin};
use sextant_core::code::Code;
use sextant_core::credentials::{self, Credentials, Header};
use sextant_core::key::Token;
use sextant_core::limit::Allowance;
use sextant_core::permission::{Action, Permission};
use sextant_service::{Admission, Failure, Moment, Who};
use std::convert::Infallible;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

/// A key that expires sooner than this is told so with every answer.
const EXPIRES_SOON: Duration = Duration::from_hours(14 * 24);

/// What a route demands. There is no default: a route that names none does not compile.
pub(crate) trait Demand {
    const RULE: Rule;
}

/// Anyone: sign-in, health, documents.
pub(crate) struct Open;
/// Whoever has a valid credential, on themselves.
pub(crate) struct Own;
/// A permission.
pub(crate) struct Needs<A>(PhantomData<A>);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    Open,
    Own,
    Needs(Permission),
}

impl Rule {
    /// What the document says under `x-permission`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::Own => "self",
            Self::Needs(permission) => permission.name(),
        }
    }
}

impl Demand for Open {
    const RULE: Rule = Rule::Open;
}

impl Demand for Own {
    const RULE: Rule = Rule::Own;
}

impl<A: Action> Demand for Needs<A> {
    const RULE: Rule = Rule::Needs(A::PERMISSION);
}

/// Marks a request of someone with a shell on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shell;

/// What the edge found out before routing.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) request_id: HeaderValue,
    pub(crate) address: Option<IpAddr>,
    pub(crate) moment: Moment,
}

/// Whose credential it is.
pub(crate) enum Identity {
    Key(Admission),
    Person(Who),
    Shell,
    Nobody,
}

/// The project that a request names in its query, headers or path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) organization: Option<String>,
    pub(crate) project: Option<String>,
}

/// A request that may go on.
pub(crate) struct Access {
    pub(crate) identity: Identity,
    pub(crate) named: Named,
    pub(crate) address: Option<IpAddr>,
    pub(crate) request_id: HeaderValue,
}

impl Access {
    /// Where the request comes from, for the audit log.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Origin {
        Origin {
            address: self.address,
            user_agent: Some(user_agent(headers)).filter(|agent| !agent.is_empty()).map(ToOwned::to_owned),
            request_id: self.request_id.to_str().unwrap_or_default().to_owned(),
        }
    }

    /// Counts a refusal of a caller that is known.
    fn note_denied(&self, shared: &Shared, code: Code, headers: &HeaderMap, route: &str) {
        let caller = match &self.identity {
            Identity::Key(admission) => shared.sextant.key_caller(admission, self.origin(headers)),
            Identity::Person(who) => who.caller.clone(),
            Identity::Shell | Identity::Nobody => return,
        };
        shared.sextant.note_denied(&caller, code, route);
    }
}

fn user_agent(headers: &HeaderMap) -> &str {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    match agent.char_indices().nth(256) {
        Some((end, _)) => &agent[..end],
        None => agent,
    }
}

#[derive(Clone)]
pub(crate) struct GuardLayer {
    pub(crate) shared: Shared,
    pub(crate) rule: Rule,
    /// The route's path, for counting refusals.
    pub(crate) path: Arc<str>,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner: Some(inner), shared: self.shared.clone(), rule: self.rule, path: self.path.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Guard<S> {
    /// Taken by the one request that a clone is made for: cloning it again would cost an allocation for each.
    inner: Option<S>,
    shared: Shared,
    rule: Rule,
    path: Arc<str>,
}

impl<S> Service<Request> for Guard<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        match &mut self.inner {
            Some(inner) => inner.poll_ready(context),
            None => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let shared = self.shared.clone();
        let (rule, path) = (self.rule, self.path.clone());
        let inner = self.inner.take();
        Box::pin(async move {
            let Some(mut inner) = inner else {
                return Ok(crate::error::broken("a guard was used for a second request".to_owned()));
            };
            let mut told = Told::default();
            let (mut parts, body) = request.into_parts();
            let entered = enter(&shared, (rule, &path), &mut parts, &mut told).await;
            let mut response = match entered {
                Ok(access) => {
                    let method = parts.method.clone();
                    let response = inner.call(Request::from_parts(parts, body)).await?;
                    note_refusal(&shared, &access, (&method, &path), &response);
                    response
                }
                Err(failure) => ApiError(failure).into_response(),
            };
            told.write(response.headers_mut());
            Ok(response)
        })
    }
}

/// What an answer to a key says about the key.
#[derive(Default)]
struct Told {
    allowance: Option<(u32, Allowance)>,
    expires_at: Option<sextant_core::time::Time>,
}

impl Told {
    fn write(&self, headers: &mut HeaderMap) {
        if let Some((rate, allowance)) = self.allowance {
            let seconds = |span: Duration| span.as_secs() + u64::from(span.subsec_nanos() > 0);
            let wait = if allowance.allowed { allowance.reset_after } else { allowance.retry_after };
            let left = format!("\"default\";r={};t={}", allowance.remaining, seconds(wait));
            put(headers, HeaderName::from_static("ratelimit-policy"), &format!("\"default\";q={rate};w=60"));
            put(headers, HeaderName::from_static("ratelimit"), &left);
        }
        if let Some(expiry) = self.expires_at {
            put(headers, HeaderName::from_static("x-api-key-expires-at"), &expiry.to_string());
        }
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const SEI_API_KEY: HeaderName = HeaderName::from_static("sei_api_key");

/// Reads the credential headers in one pass: whether there is any, and what they say together.
fn collect(headers: &HeaderMap) -> (bool, Credentials) {
    let mut present = false;
    let values = headers.iter().filter_map(|(name, value)| {
        let header = match name {
            name if *name == API_KEY || *name == SEI_API_KEY => Header::Plain,
            name if *name == AUTHORIZATION => Header::Authorization,
            _ => return None,
        };
        present = true;
        Some((header, value.as_bytes()))
    });
    let credentials = credentials::collect(values);
    (present, credentials)
}

async fn enter(
    shared: &Shared,
    (rule, path): (Rule, &str),
    parts: &mut Parts,
    told: &mut Told,
) -> Result<Arc<Access>, Failure> {
    let arrival = parts.extensions.remove::<Arrival>();
    let Some(Arrival { request_id, address, moment }) = arrival else {
        let mut failure = Failure::of(Code::Internal);
        failure.cause = Some("a request that did not come through the edge".to_owned());
        return Err(failure);
    };
    let shell = parts.extensions.get::<Shell>().is_some();
    let identity = if shell {
        Identity::Shell
    } else {
        identify(shared, rule, parts, (address, &request_id), moment, told).await?
    };
    let access = Access { identity, named: Named::default(), address, request_id };
    let access = Arc::new(decide(shared, (rule, path), parts, access)?);
    parts.extensions.insert(access.clone());
    Ok(access)
}

/// Counts what a use case refused: the permission was there, and not for this object.
fn note_refusal(shared: &Shared, access: &Access, (method, path): (&Method, &str), response: &Response) {
    let Some(Pending(failure)) = response.extensions().get() else { return };
    if matches!(failure.code, Code::PermissionDenied | Code::WrongProject) {
        access.note_denied(shared, failure.code, &HeaderMap::new(), &format!("{method} {path}"));
    }
}

/// Finds out whose credential it is.
async fn identify(
    shared: &Shared,
    rule: Rule,
    request: &Parts,
    (address, request_id): (Option<IpAddr>, &HeaderValue),
    moment: Moment,
    told: &mut Told,
) -> Result<Identity, Failure> {
    let sextant = &shared.sextant;
    let headers = &request.headers;
    let (present, credentials) = collect(headers);
    match credentials {
        Credentials::Key(_) | Credentials::Ambiguous | Credentials::Invalid if matches!(rule, Rule::Open) => {
            Ok(Identity::Nobody)
        }
        Credentials::Ambiguous => Err(Failure::of(Code::AmbiguousCredentials)),
        Credentials::Invalid => Err(Failure::of(Code::InvalidApiKey)),
        Credentials::Key(key) => {
            let admission = sextant.admit(&key, address, moment)?;
            if let Some((_, allowance)) = admission.allowance {
                told.allowance = admission.allowance;
                if !allowance.allowed {
                    return Err(Failure::of(Code::RateLimited).after(allowance.retry_after));
                }
            }
            told.expires_at =
                admission.entry.expires_at.filter(|expiry| *expiry < moment.now.plus(EXPIRES_SOON));
            if admission.ends_overlap {
                sextant.end_overlap(&admission).await?;
            }
            sextant.count_use(&admission.entry, moment.now, address, user_agent(headers));
            Ok(Identity::Key(admission))
        }
        Credentials::Missing => {
            let token = if present { None } else { session_token(headers, shared) };
            let Some(token) = token else {
                return match rule {
                    Rule::Open => Ok(Identity::Nobody),
                    _ => Err(Failure::of(Code::MissingCredentials)),
                };
            };
            let origin = Origin {
                address,
                user_agent: Some(user_agent(headers).to_owned()),
                request_id: request_id.to_str().unwrap_or_default().to_owned(),
            };
            let Some(who) = sextant.who(&token, origin).await? else {
                return match rule {
                    Rule::Open => Ok(Identity::Nobody),
                    _ => Err(Failure::new(Code::MissingCredentials, "the session has ended; sign in again")),
                };
            };
            if !matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) {
                origin::check_page(headers, &shared.options)?;
            }
            Ok(Identity::Person(who))
        }
    }
}

/// The name of the session's cookie.
pub(crate) fn cookie_name(shared: &Shared) -> &'static str {
    if is_secure(shared) { "__Host-sextant_session" } else { "sextant_session" }
}

/// Whether people reach this server through TLS.
pub(crate) fn is_secure(shared: &Shared) -> bool {
    shared.options.tls || shared.options.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
}

fn session_token(headers: &HeaderMap, shared: &Shared) -> Option<Token> {
    let name = cookie_name(shared);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(known, _)| *known == name)
        .and_then(|(_, value)| Token::parse(value))
}

/// Holds the caller against the route's rule, and the project that the request names against the key's.
fn decide(
    shared: &Shared,
    (rule, path): (Rule, &str),
    request: &Parts,
    mut access: Access,
) -> Result<Access, Failure> {
    let denied = |failure: Failure| {
        let route = format!("{} {path}", request.method);
        access.note_denied(shared, failure.code, &request.headers, &route);
        failure
    };
    if let Rule::Needs(permission) = rule {
        let held = match &access.identity {
            Identity::Key(admission) => admission.permissions.has(permission),
            Identity::Person(who) => who.caller.holds_somewhere(permission),
            Identity::Shell => true,
            Identity::Nobody => false,
        };
        if !held {
            return Err(denied(Denied::Permission(permission).into()));
        }
    }
    if matches!(rule, Rule::Open) && !matches!(access.identity, Identity::Person(_)) {
        return Ok(access);
    }
    let named = named(request).map_err(|failure| match failure.code {
        Code::WrongProject => denied(failure),
        _ => failure,
    })?;
    if let Identity::Key(admission) = &access.identity {
        let own = &admission.entry.project;
        let same = |named: &Option<String>, own: &str| named.as_deref().is_none_or(|named| named == own);
        if !same(&named.organization, own.organization.as_str())
            || !same(&named.project, own.identifier.as_str())
        {
            return Err(denied(Failure::of(Code::WrongProject)));
        }
    }
    access.named = named;
    Ok(access)
}

/// The project that a request names, in whichever ways; they must agree.
fn named(request: &Parts) -> Result<Named, Failure> {
    let mut named = Named::default();
    let mut account = None;
    for value in request.headers.get_all("harness-account") {
        agree(&mut account, value.to_str().ok().map(ToOwned::to_owned), "account")?;
    }
    if let Some(query) = request.uri.query() {
        let params = Params::read(Some(query));
        named.project = params.one("projectIdentifier")?;
        for name in ["orgIdentifier", "orgIdentifer"] {
            agree(&mut named.organization, params.one(name)?, "orgIdentifier")?;
        }
        agree(&mut account, params.one("account")?, "account")?;
    }
    let mut segments = request.uri.path().split('/');
    while let Some(segment) = segments.next() {
        let value =
            |text: &str| Some(percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned());
        match (segment, segments.clone().next()) {
            ("orgs", Some(organization)) if !organization.is_empty() => {
                agree(&mut named.organization, value(organization), "orgIdentifier")?;
            }
            ("projects", Some(project)) if !project.is_empty() => {
                agree(&mut named.project, value(project), "projectIdentifier")?;
            }
            _ => {}
        }
    }
    if account.as_deref().is_some_and(|account| account != "default") {
        return Err(Failure::new(Code::WrongProject, "the account of this installation is `default`"));
    }
    Ok(named)
}

fn agree(known: &mut Option<String>, other: Option<String>, name: &str) -> Result<(), Failure> {
    match (&known, other) {
        (Some(first), Some(other)) if *first != other => {
            Err(Failure::invalid(name, "is given more than once with different values"))
        }
        (None, Some(other)) => {
            *known = Some(other);
            Ok(())
        }
        _ => Ok(()),
    }
}
