//! The commands: each turns flags into requests, and answers into what is printed.

mod audit;
mod backup;
mod developers;
mod ingest;
mod init;
mod keys;
mod master_key;
mod quickstart;
mod restore;
mod seed;

use crate::backend::{Backend, Request};
use crate::cli::{Cli, Command};
use crate::config::Config;
use crate::flags::{LogFlags, PageFlags, ProjectFlags, StoreFlags};
use crate::wiring::{self, System};
use crate::{doctor, output, reference, serve, usage};
use anyhow::Result;
use clap::CommandFactory;
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// What every command gets.
pub(crate) struct Context {
    /// Clocks and randomness.
    pub(crate) system: System,
    /// How much is logged.
    pub(crate) log: LogFlags,
}

/// Runs what was typed.
pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    let context = Context { system: System::new(), log: cli.log };
    match cli.command {
        Command::Completions { shell } => completions(shell),
        Command::Openapi => output::json(&sextant_api::document()).map(|()| ExitCode::SUCCESS),
        Command::Reference => output::line(reference::markdown().trim_end()).map(|()| ExitCode::SUCCESS),
        command => {
            wiring::install_cryptography();
            let runtime = wiring::runtime()?;
            let code = runtime.block_on(dispatch(command, &context));
            // What still runs is of no more use to anyone.
            runtime.shutdown_timeout(Duration::from_secs(1));
            code
        }
    }
}

async fn dispatch(command: Command, context: &Context) -> Result<ExitCode> {
    let log = &context.log;
    match command {
        Command::Serve { store, server } => {
            let config = logged(Config::for_server(&store, &server, log)?)?;
            serve::run(&config, &context.system).await
        }
        Command::Quickstart { store, server, repo, exit } => {
            let config = logged(Config::for_server(&store, &server, log)?)?;
            quickstart::run(&config, context, repo, exit).await
        }
        Command::Init { store, address, new_link, output } => {
            let config = logged(Config::for_address(&store, &address, log)?)?;
            init::run(&config, &context.system, new_link, output).await
        }
        Command::Doctor { store, output } => {
            let config = logged(Config::for_data(&store, log)?)?;
            doctor::run(&config, &context.system, output).await
        }
        Command::Backup { file, force, store, output } => {
            let config = logged(Config::for_data(&store, log)?)?;
            backup::run(&config, &context.system, &file, force, output).await
        }
        Command::Restore { file, yes, store, output } => {
            let config = logged(Config::for_data(&store, log)?)?;
            restore::run(&config, &context.system, &file, yes, output).await
        }
        Command::BenchSeed { store, keys, audit } => {
            let config = logged(Config::for_data(&store, log)?)?;
            seed::run(&config, &context.system, keys, audit).await
        }
        Command::Keys(command) => keys::run(command, context).await,
        Command::Developers(command) => developers::run(command, context).await,
        Command::Ingest(command) => ingest::run(command, context).await,
        Command::Audit(command) => audit::run(command, context).await,
        Command::MasterKey(command) => master_key::run(command, context).await,
        Command::Completions { .. } | Command::Openapi | Command::Reference => {
            unreachable!("answered without a runtime")
        }
    }
}

/// Begins to log as the configuration says.
fn logged(config: Config) -> Result<Config> {
    wiring::logging(&config.log_level, config.log_format)?;
    Ok(config)
}

impl Context {
    /// Begins to log for a command that works on data here or on a server.
    fn logging(&self, store: &StoreFlags) -> Result<()> {
        logged(Config::for_data(store, &self.log)?).map(drop)
    }
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sextant", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

impl ProjectFlags {
    /// The request, about this project.
    fn on(&self, request: Request) -> Request {
        request.with("orgIdentifier", self.org.clone()).with("projectIdentifier", self.project.clone())
    }
}

impl PageFlags {
    /// The list's page that was asked for, or all of it.
    async fn of(self, backend: &Backend, list: &str, question: impl Fn() -> Request) -> Result<Value> {
        if self.all {
            return backend.all(list, question).await;
        }
        backend.send(question().with("pageIndex", self.page).with("pageSize", self.limit)).await
    }
}

/// Says on stderr when a table is not the whole list.
fn note_rest(answer: &Value, list: &str) {
    let shown = answer[list].as_array().map_or(0, Vec::len);
    let total = answer["totalCount"].as_u64().unwrap_or(0);
    if total > shown as u64 {
        output::note(&format!("{shown} of {total} shown; `--all` shows all, `--page N` another page"));
    }
}

/// Reads a span such as `90d`, `12h`, `30m`, `45s` or `2w`.
fn span(flag: &str, text: &str) -> Result<Duration> {
    let wrong = || usage(format!("`{flag} {text}` is no time such as 90d, 12h or 30m"));
    let digits = text.trim_end_matches(char::is_alphabetic);
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_need_a_unit() {
        assert_eq!(span("--expires-in", "90d").unwrap(), Duration::from_hours(90 * 24));
        assert_eq!(span("--overlap", "15m").unwrap(), Duration::from_mins(15));
        for wrong in ["", "90", "d", "-1d", "1.5h", "1y", "99999999999999999999d", "9999999999999999999d"] {
            assert!(span("--expires-in", wrong).is_err(), "{wrong}");
        }
    }
}
