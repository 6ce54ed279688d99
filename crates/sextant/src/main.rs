//! The `sextant` binary: command line, configuration, wiring, TLS, signals. What is decided here is where things come
//! from and where they go; what they mean is decided on the floors below.

mod backend;
mod cli;
mod commands;
mod config;
mod connection;
mod data;
mod doctor;
mod draft;
mod flags;
mod high_water;
mod listen;
mod master_key;
mod node;
mod nudge;
mod output;
mod reference;
mod refusal;
mod revocations;
mod serve;
mod tls;
mod wiring;

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// A request takes and gives back some forty small blocks; the system's allocator spends a tenth of its time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What was asked for cannot be meant: exit code 2. The text names the flag and the fix.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error that is wrong usage.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    Usage(text.into()).into()
}

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let text = format!("error: {error:#}");
            // A key that found its way into a message loses its secret here.
            let _ = writeln!(std::io::stderr(), "{}", sextant_core::redact::redact(&text));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

/// Whoever reads our output has seen enough, as with `| head`: no failure.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
