//! Where a command's requests go: over HTTP to a server, or in this process to the same routes on the data itself. Both
//! take the same requests and give the same answers.

use crate::config::Config;
use crate::data::{self, Absent};
use crate::flags::{LogFlags, StoreFlags, TargetFlags};
use crate::high_water::Rollback;
use crate::output::{clean, note};
use crate::refusal::Refusal;
use crate::usage;
use crate::wiring::System;
use anyhow::{Context, Result, anyhow};
use axum::body::Body;
use http::{Method, StatusCode, header};
use http_body_util::BodyExt;
use reqwest::Url;
use serde_json::{Map, Value};
use sextant_api::{Api, Options};
use sextant_service::Sextant;
use std::sync::Arc;
use std::time::Duration;

/// Holds the key for a server.
pub(crate) const KEY_VARIABLE: &str = "SEXTANT_API_KEY";
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_mins(5);

/// One request.
pub(crate) struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Payload,
}

enum Payload {
    Nothing,
    Json(Value),
    File { name: String, content: Vec<u8> },
}

impl Request {
    /// With a path below the base, such as `/v2/api-keys`.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: Payload::Nothing }
    }

    /// A question.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// With a query parameter, if there is a value.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// With a parameter for each value.
    #[must_use]
    pub(crate) fn with_each(mut self, name: &'static str, values: &[String]) -> Self {
        self.query.extend(values.iter().map(|value| (name, value.clone())));
        self
    }

    /// With a JSON body.
    #[must_use]
    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Payload::Json(body);
        self
    }

    /// With an uploaded file.
    #[must_use]
    pub(crate) fn file(mut self, name: &str, content: Vec<u8>) -> Self {
        self.body = Payload::File { name: name.to_owned(), content };
        self
    }

    /// The address under a base, with the query.
    fn address(&self, base: &str) -> Result<Url> {
        let mut url = Url::parse(&format!("{base}{}", self.path))?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

impl Payload {
    fn encode(self) -> (Option<String>, Vec<u8>) {
        match self {
            Self::Nothing => (None, Vec::new()),
            Self::Json(value) => (Some("application/json".to_owned()), value.to_string().into_bytes()),
            Self::File { name, content } => {
                let boundary = boundary(&content);
                // A quote or line break in a file's name must not end the header.
                let name: String =
                    name.chars().filter(|letter| !letter.is_control() && *letter != '"').collect();
                let mut body = format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                     Content-Type: text/csv\r\n\r\n"
                )
                .into_bytes();
                body.extend_from_slice(&content);
                body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
                (Some(format!("multipart/form-data; boundary={boundary}")), body)
            }
        }
    }
}

/// A line that the content does not hold.
fn boundary(content: &[u8]) -> String {
    let mut number = 0_u64;
    loop {
        let candidate = format!("sextant-upload-{number}");
        if memchr::memmem::find(content, candidate.as_bytes()).is_none() {
            return candidate;
        }
        number += 1;
    }
}

/// Where requests go.
pub(crate) enum Backend {
    /// To a server.
    Remote(Remote),
    /// To the data on this machine.
    Local(Local),
}

/// A server and a key for it.
pub(crate) struct Remote {
    client: reqwest::Client,
    base: String,
    key: reqwest::header::HeaderValue,
}

/// The data on this machine.
pub(crate) struct Local {
    api: Api,
    sextant: Arc<Sextant>,
}

impl Backend {
    /// What the flags name. `absent`: whether data that is not there is made.
    pub(crate) async fn open(
        target: &TargetFlags,
        log: &LogFlags,
        system: &System,
        absent: Absent,
    ) -> Result<Self> {
        match &target.url {
            Some(url) => Ok(Self::Remote(Remote::from_environment(url)?)),
            None => Ok(Self::Local(Local::open(&target.store, log, system, absent).await?)),
        }
    }

    /// Sends a request; an answer of 400 and above is a [`Refusal`].
    pub(crate) async fn send(&self, request: Request) -> Result<Value> {
        match self {
            Self::Remote(remote) => remote.send(request).await,
            Self::Local(local) => local.send(request).await,
        }
    }

    /// All pages of a list as one answer, whose `list` holds everything.
    pub(crate) async fn all(&self, list: &str, question: impl Fn() -> Request) -> Result<Value> {
        const AT_ONCE: usize = 1000;
        let mut whole = Value::Null;
        let mut items: Vec<Value> = Vec::new();
        for page in 0.. {
            let request = question().with("pageIndex", Some(page)).with("pageSize", Some(AT_ONCE));
            let mut answer = self.send(request).await?;
            let Value::Array(some) = answer[list].take() else {
                return Err(anyhow!("the server answered no `{list}`; is it a Sextant server?"));
            };
            let is_last = some.len() < AT_ONCE;
            items.extend(some);
            if page == 0 {
                whole = answer;
            }
            if is_last {
                break;
            }
        }
        whole["pageSize"] = items.len().into();
        whole[list] = Value::Array(items);
        Ok(whole)
    }

    /// Lets go of what was opened.
    pub(crate) async fn close(self) {
        if let Self::Local(local) = self {
            local.sextant.finish().await;
        }
    }
}

impl Remote {
    /// A server with the environment's key.
    fn from_environment(url: &str) -> Result<Self> {
        let key = std::env::var(KEY_VARIABLE)
            .ok()
            .filter(|key| !key.trim().is_empty())
            .ok_or_else(|| usage(format!("`--url` needs an API key in the environment as {KEY_VARIABLE}")))?;
        let remote = Self::new(url, key.trim(), false)?;
        let host = Url::parse(&remote.base).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
        if remote.base.starts_with("http://") && !host.is_some_and(|host| is_this_machine(&host)) {
            note("warning: this address is plain HTTP; whoever is on the way can read the key");
        }
        Ok(remote)
    }

    /// A server with this key. `own`: it is in this process, so its certificate need not be one that others trust.
    pub(crate) fn new(url: &str, key: &str, own: bool) -> Result<Self> {
        let base = url.trim().trim_end_matches('/').to_owned();
        let parsed = Url::parse(&base).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        if parsed.is_none_or(|url| !url.has_host() || url.query().is_some() || url.fragment().is_some()) {
            return Err(usage(format!(
                "`--url {}` is no address such as http://127.0.0.1:7117",
                clean(&base)
            )));
        }
        let mut key = reqwest::header::HeaderValue::from_str(key)
            .map_err(|_| usage(format!("{KEY_VARIABLE} holds characters that no key has")))?;
        key.set_sensitive(true);
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("sextant/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry the key elsewhere.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(ANSWER);
        if own {
            builder = builder.no_proxy().tls_danger_accept_invalid_certs(true);
        }
        Ok(Self { client: builder.build()?, base, key })
    }

    async fn send(&self, request: Request) -> Result<Value> {
        let url = request.address(&self.base)?;
        let (content_type, body) = request.body.encode();
        let mut sent = self
            .client
            .request(request.method, url)
            .header("x-api-key", self.key.clone())
            .header(header::ACCEPT, "application/json");
        if let Some(content_type) = content_type {
            sent = sent.header(header::CONTENT_TYPE, content_type).body(body);
        }
        let answer = sent.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        judged(status, &bytes)
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        let mut cause: &dyn std::error::Error = error;
        while let Some(below) = cause.source() {
            cause = below;
        }
        let fix = if error.is_connect() {
            "; is the server running? `sextant serve` starts one"
        } else if error.is_timeout() {
            "; it did not answer in time"
        } else {
            ""
        };
        anyhow!("cannot reach {}: {cause}{fix}", self.base)
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Local {
    async fn open(store: &StoreFlags, log: &LogFlags, system: &System, absent: Absent) -> Result<Self> {
        let config = Config::for_data(store, log)?;
        let sextant =
            data::open(&config, system, absent).await?.sextant(system, None, Rollback::Refuse).await?;
        let api = Api::new(sextant.clone(), Options::default());
        Ok(Self { api, sextant })
    }

    async fn send(&self, request: Request) -> Result<Value> {
        local_answer(&self.api, request).await
    }
}

/// Answers a request in this process, as someone with a shell on this machine.
pub(crate) async fn local_answer(api: &Api, request: Request) -> Result<Value> {
    let url = request.address("http://localhost")?;
    let target = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let (content_type, body) = request.body.encode();
    let mut built = http::Request::builder()
        .method(request.method)
        .uri(target)
        .header(header::HOST, "localhost")
        .header(header::ACCEPT, "application/json");
    if let Some(content_type) = content_type {
        built = built.header(header::CONTENT_TYPE, content_type).header(header::CONTENT_LENGTH, body.len());
    }
    let answer = api.handle_local(built.body(Body::from(body))?).await;
    let status = answer.status();
    let bytes = answer.into_body().collect().await.context("cannot read the answer")?.to_bytes();
    judged(status, &bytes)
}

fn judged(status: StatusCode, bytes: &[u8]) -> Result<Value> {
    let body: Option<Value> =
        if bytes.is_empty() { Some(Value::Object(Map::new())) } else { serde_json::from_slice(bytes).ok() };
    if !status.is_success() {
        return Err(Refusal::new(status, &body.unwrap_or_default()).into());
    }
    body.ok_or_else(|| anyhow!("the answer is no JSON; is this the address of a Sextant server?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded() {
        let request = Request::get("/v2/api-keys").with("search", Some("a b&c")).with("role", None::<String>);
        assert_eq!(request.address("http://h/x").unwrap().as_str(), "http://h/x/v2/api-keys?search=a+b%26c");
    }

    #[test]
    fn an_upload_cannot_end_its_own_part() {
        let content = b"a\r\n--sextant-upload-0--\r\n".to_vec();
        let (content_type, body) = Payload::File { name: "a\"\r\n.csv".to_owned(), content }.encode();
        assert_eq!(content_type.as_deref(), Some("multipart/form-data; boundary=sextant-upload-1"));
        let text = String::from_utf8(body).unwrap();
        assert!(text.starts_with(
            "--sextant-upload-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n"
        ));
        assert!(text.ends_with("\r\n--sextant-upload-1--\r\n"));
    }

    #[test]
    fn an_address_must_be_one() {
        for url in ["", "localhost:7117", "ftp://a", "http://a?x=1"] {
            assert!(Remote::new(url, "k", false).is_err(), "{url}");
        }
    }
}
