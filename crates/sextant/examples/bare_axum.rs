//! The least that checking a key can cost on this stack: one axum route, one HMAC, one map look-up.
//!
//! `cargo xtask bench keys` measures it beside the product. Arguments: port, file with one key a line, length of the answer.
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Where the key id stands in a key.
const ID: std::ops::Range<usize> = 4..16;

struct Keys {
    pepper: Hmac<Sha256>,
    verifiers: HashMap<[u8; ID.end - ID.start], [u8; 32]>,
    answer: Bytes,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &'static str| arguments.next().context(what);
    let port: u16 = next("a port")?.parse()?;
    let keys = std::fs::read_to_string(next("a file with keys")?)?;
    let length: usize = next("the length of the answer")?.parse()?;

    let pepper = Hmac::new_from_slice(&[7; 32])?;
    let mut verifiers = HashMap::new();
    for key in keys.lines() {
        let id = id(key.as_bytes()).context("a line that is no key")?;
        verifiers.insert(id, mac(&pepper, key.as_bytes()).finalize().into_bytes().into());
    }
    let answer = Bytes::from(vec![b'x'; length]);
    let router = Router::new().fallback(get(check)).with_state(Arc::new(Keys { pepper, verifiers, answer }));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        axum::serve(listener, router).await?;
        Ok(())
    })
}

fn id(key: &[u8]) -> Option<[u8; ID.end - ID.start]> {
    key.get(ID)?.try_into().ok()
}

fn mac(pepper: &Hmac<Sha256>, key: &[u8]) -> Hmac<Sha256> {
    let mut mac = pepper.clone();
    mac.update(key);
    mac
}

async fn check(State(keys): State<Arc<Keys>>, headers: HeaderMap) -> Response {
    let key = headers.get("x-api-key").map_or(&[][..], |value| value.as_bytes());
    let verifier = id(key).and_then(|id| keys.verifiers.get(&id));
    match verifier {
        Some(verifier) if mac(&keys.pepper, key).verify_slice(verifier).is_ok() => {
            ([(header::CONTENT_TYPE, "application/json")], keys.answer.clone()).into_response()
        }
        _ => StatusCode::UNAUTHORIZED.into_response(),
    }
}
