//! The only place that asks the system for time and randomness, and that says where log lines go.

use crate::flags::LogFormat;
use crate::usage;
use anyhow::Result;
use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use sextant_core::redact::redact;
use sextant_core::source::{Clock, Entropy};
use sextant_core::time::Time;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use zeroize::Zeroize;

/// The system's clocks.
pub(crate) struct SystemClock {
    started: Duration,
}

impl SystemClock {
    /// Starts counting.
    pub(crate) fn new() -> Self {
        Self { started: since_boot() }
    }
}

/// The clock that counts the time in which the machine sleeps: what a process vouched for before its machine was suspended
/// must not be believed after. Elsewhere than on Linux the monotonic clock is the nearest that there is.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

fn since_boot() -> Duration {
    let time = clock_gettime(CLOCK);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that the lint asks for")]
    fn now(&self) -> Time {
        // Before 1970 no key can have been made; the beginning of time then refuses nothing that it should not.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        since_boot().saturating_sub(self.started)
    }
}

/// How many buffers there are: about as many as threads ask at once.
const BUFFERS: usize = 4;
const BUFFER: usize = 1024;

/// The system's random source, asked for a kilobyte at a time: every request needs an identifier, and a system call
/// for each would cost more than the rest of it. Bytes are wiped when they are handed out.
pub(crate) struct SystemEntropy {
    buffers: [Mutex<Buffer>; BUFFERS],
}

struct Buffer {
    bytes: [u8; BUFFER],
    used: usize,
}

impl SystemEntropy {
    /// With empty buffers.
    pub(crate) fn new() -> Self {
        Self { buffers: std::array::from_fn(|_| Mutex::new(Buffer { bytes: [0; BUFFER], used: BUFFER })) }
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        let free = self.buffers.iter().find_map(|buffer| buffer.try_lock().ok());
        match free {
            Some(mut buffer) if out.len() <= BUFFER / 4 => buffer.take(out),
            _ => ask_the_system(out),
        }
    }
}

impl Buffer {
    fn take(&mut self, out: &mut [u8]) {
        if self.bytes.len() - self.used < out.len() {
            ask_the_system(&mut self.bytes);
            self.used = 0;
        }
        let handed_out = &mut self.bytes[self.used..self.used + out.len()];
        out.copy_from_slice(handed_out);
        handed_out.zeroize();
        self.used += out.len();
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the source that the lint asks for")]
fn ask_the_system(out: &mut [u8]) {
    if getrandom::fill(out).is_err() {
        // Without randomness any key or identifier would be a guess.
        let _ = writeln!(std::io::stderr(), "error: the system gives no randomness");
        std::process::abort();
    }
}

/// The system's sources.
pub(crate) struct System {
    /// Time.
    pub(crate) clock: Arc<SystemClock>,
    /// Randomness.
    pub(crate) entropy: Arc<SystemEntropy>,
}

impl System {
    /// Starts them.
    pub(crate) fn new() -> Self {
        Self { clock: Arc::new(SystemClock::new()), entropy: Arc::new(SystemEntropy::new()) }
    }
}

/// The runtime of jobs, database and commands. Requests are answered by threads of their own (`listen.rs`).
pub(crate) fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(1).thread_name("sextant-work").enable_all().build()?)
}

/// Lets this process have as many open files, and so connections, as it is allowed to ask for: shells hand down a
/// soft limit of about a thousand for the sake of old programs.
pub(crate) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "could not raise the limit of open files");
    }
}

/// Makes the one provider of cryptography known to TLS; without it, a first use would panic.
pub(crate) fn install_cryptography() {
    // An error means that it is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Sends log lines to stderr.
pub(crate) fn logging(level: &str, format: LogFormat) -> Result<()> {
    // The SQL crate repeats what the database says to it at `info`; nobody asked for that who asked for `info`.
    let bare = level.chars().all(char::is_alphabetic) && !matches!(level, "debug" | "trace");
    let filter = if bare { format!("{level},sqlx=warn") } else { level.to_owned() };
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        usage(format!("`--log-level {level}` is no level such as `info` and no filter: {error}"))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(CleanStderr);
    // A second initialisation can only be a test's.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(colour()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    Ok(())
}

fn colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Stderr without secrets: whatever is logged by whichever crate, what has the form of a key loses its secret.
#[derive(Clone, Copy)]
struct CleanStderr;

impl Write for CleanStderr {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        // Lines arrive whole.
        let text = String::from_utf8_lossy(line);
        std::io::stderr().write_all(redact(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for CleanStderr {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_random_byte_is_given_twice() {
        let source = SystemEntropy::new();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1_000 {
            let mut bytes = [0; 16];
            source.fill(&mut bytes);
            assert!(seen.insert(bytes));
        }
    }

    #[test]
    fn long_requests_are_filled_whole() {
        let mut bytes = [0; 4096];
        SystemEntropy::new().fill(&mut bytes);
        assert!(bytes.chunks(64).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
    }

    #[test]
    fn the_clock_is_of_this_century() {
        assert!(SystemClock::new().now() > Time::parse("2026-01-01T00:00:00Z").unwrap());
    }
}
