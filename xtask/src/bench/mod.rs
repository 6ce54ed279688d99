//! `cargo xtask bench …`: one file per bench; what they share is in `process`, `load`, `http` and `table`.
//!
//! A figure counts only beside its yardstick, measured in the same run, on the same machine, by the same load.

mod http;
mod keys;
mod load;
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
}

pub(crate) fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Keys(options) => keys::run(options),
    }
}
