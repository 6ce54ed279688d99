//! What a developer or CI runs: `up`, `test`, `tidy`, `openapi`, `bench`.
//!
//! Built first on a fresh machine, so it stays small: the standard library, `anyhow`, `clap` and `serde_json`. It never links a
//! crate of the product; what it needs from the product it asks of the built binary.
#![expect(clippy::print_stdout, reason = "a tool for a terminal")]
#![expect(
    clippy::disallowed_methods,
    reason = "it times commands; the wiring's clock belongs to the product"
)]

mod bench;
mod commands;
mod documents;
mod prerequisites;
mod secrets;
mod steps;
mod tidy;
mod up;
mod web;
mod workspace;

use clap::{Parser, Subcommand};

/// Sextant's workshop.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and run `sextant quickstart` in the foreground.
    Up(up::Options),
    /// Run every check, in order, and stop at the first that fails.
    Test(steps::Options),
    /// Prove the invariants that Cargo cannot.
    Tidy,
    /// Write openapi.json and docs/configuration.md from the built binary.
    Openapi(documents::Options),
    /// Measure, against a yardstick in the same run.
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Up(options) => up::run(&options),
        Command::Test(options) => steps::run(&options),
        Command::Tidy => tidy::run(),
        Command::Openapi(options) => documents::run(&options),
        Command::Bench(bench) => bench::run(&bench),
    }
}
