//! `cargo xtask bench …`: one file per bench; what they share is in `process`, `load`, `http`, `ending`,
//! `postgres`, `fleet` and `table`.
//!
//! A figure counts only beside its yardstick, measured in the same run, on the same machine, by the same load.

mod dying;
mod ending;
mod fleet;
mod http;
mod idle;
mod keys;
mod load;
mod postgres;
mod process;
mod revocation;
mod subjects;
mod table;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Bench {
    /// What a key costs: beside nginx and a bare axum route, with few keys and with a million.
    Keys(keys::Options),
    /// How long a key's end takes until it holds on every server, and what leases cost.
    Revocation(revocation::Options),
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Keys(options) => keys::run(options),
        Bench::Revocation(options) => revocation::run(options),
    }
}
