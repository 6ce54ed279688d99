//! How long a key still opens after its end was asked for: from DELETE sent to its answer, and to the first refusal.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::http::Connection;
use super::subjects::{SCHEMA, create_key};

/// A refusal that takes longer than this counts as none.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two requests of whoever uses the key: as fine as refusals are timed.
const PAUSE: Duration = Duration::from_micros(200);

/// What was seen of keys that were ended while they were used. Times are milliseconds.
#[derive(Default)]
pub(super) struct Endings {
    pub(super) answers: Vec<f64>,
    pub(super) refusals: Vec<f64>,
    /// What the server itself says of how long it waited for the others.
    pub(super) fences: Vec<f64>,
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

/// Makes keys one by one by the command line, uses each without a pause on one connection and ends it on another.
pub(super) fn measure(address: SocketAddr, data: &Path, repetitions: usize) -> Result<Endings> {
    let mut result = Endings::default();
    for number in 0..repetitions {
        let key = create_key(data, &format!("revocation {number}"))?;
        let mut connection = Connection::open(address)?;
        result.add(address, &key, || end(&mut connection, "/v2/api-keys/self", &key))?;
    }
    Ok(result)
}

/// Ends a key over HTTP; the server's own figure for the fence in milliseconds.
pub(super) fn end(connection: &mut Connection, path: &str, by: &str) -> Result<Option<f64>> {
    let answer = connection.send("DELETE", path, by)?;
    let fence =
        answer.header("server-timing").and_then(|value| value.strip_prefix("fence;dur=")?.parse().ok());
    answer.expect(204).context("DELETE")?;
    Ok(fence)
}

impl Endings {
    /// Ends a key by `end` while it is used at `address`.
    pub(super) fn add(
        &mut self,
        address: SocketAddr,
        key: &str,
        end: impl FnOnce() -> Result<Option<f64>>,
    ) -> Result<()> {
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
        let fence = end();
        let answered = Instant::now();
        if fence.is_err() {
            over.store(true, Ordering::Relaxed);
        }
        let seen = user.join().ok().context("the user's thread panicked")?;
        self.fences.extend(fence?);
        let seen = seen?;
        self.answers.push(millis(answered - sent));
        self.refusals.push(millis(seen.refused.saturating_duration_since(sent)));
        self.late_passes += seen.passed.iter().filter(|instant| **instant > answered).count();
        self.ended.push(key.to_owned());
        Ok(())
    }
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
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
        thread::sleep(PAUSE);
    }
    bail!("not refused within {LIMIT:?}")
}
