//! How long a key still opens after its end was asked for: from DELETE sent to its answer, and to the first refusal.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::http::Connection;
use super::subjects::{SCHEMA, create_key};

/// A refusal that takes longer than this counts as none.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) struct Revocations {
    pub(super) answers: Vec<f64>,
    pub(super) refusals: Vec<f64>,
    /// Requests that were sent after the answer and still passed. There must be none.
    pub(super) late_passes: usize,
    /// The keys, all of them ended.
    pub(super) ended: Vec<String>,
}

struct Seen {
    /// When the first refused request was answered.
    refused: Instant,
    /// When each request that passed was sent.
    passed: Vec<Instant>,
}

/// Makes keys one by one, uses each without a pause on one connection and ends it on another.
pub(super) fn measure(address: SocketAddr, data: &Path, repetitions: usize) -> Result<Revocations> {
    let mut result =
        Revocations { answers: Vec::new(), refusals: Vec::new(), late_passes: 0, ended: Vec::new() };
    for number in 0..repetitions {
        let key = create_key(data, &format!("revocation {number}"))?;
        let (sent, answered, seen) = end_while_used(address, &key)?;
        result.answers.push(millis(answered - sent));
        result.refusals.push(millis(seen.refused.saturating_duration_since(sent)));
        result.late_passes += seen.passed.iter().filter(|instant| **instant > answered).count();
        result.ended.push(key);
    }
    Ok(result)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn end_while_used(address: SocketAddr, key: &str) -> Result<(Instant, Instant, Seen)> {
    let mut connection = Connection::open(address)?;
    let (passes, first_pass) = channel();
    let over = Arc::new(AtomicBool::new(false));
    let user = thread::spawn({
        let (key, over) = (key.to_owned(), Arc::clone(&over));
        move || use_until_refused(address, &key, &passes, &over)
    });
    if first_pass.recv_timeout(LIMIT).is_err() {
        over.store(true, Ordering::Relaxed);
        user.join().ok().context("the user's thread panicked")??;
        bail!("a fresh key did not pass");
    }
    let sent = Instant::now();
    let answer = connection.send("DELETE", "/v2/api-keys/self", key);
    let answered = Instant::now();
    if !matches!(&answer, Ok(answer) if answer.status == 204) {
        over.store(true, Ordering::Relaxed);
    }
    let seen = user.join().ok().context("the user's thread panicked")?;
    let answer = answer?;
    ensure!(
        answer.status == 204,
        "DELETE was answered {}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    Ok((sent, answered, seen?))
}

fn use_until_refused(address: SocketAddr, key: &str, passes: &Sender<()>, over: &AtomicBool) -> Result<Seen> {
    let mut connection = Connection::open(address)?;
    let mut sending_times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < LIMIT && !over.load(Ordering::Relaxed) {
        let sent = Instant::now();
        let answer = connection.send("GET", SCHEMA, key)?;
        match answer.status {
            200 => {
                // Only the first one is waited for.
                passes.send(()).unwrap_or_default();
                sending_times.push(sent);
            }
            401 => return Ok(Seen { refused: Instant::now(), passed: sending_times }),
            other => bail!("GET {SCHEMA} was answered {other}: {}", String::from_utf8_lossy(&answer.body)),
        }
    }
    bail!("not refused within {LIMIT:?}")
}
