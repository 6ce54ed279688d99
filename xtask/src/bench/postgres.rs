//! A PostgreSQL of the benches' own, as durable as it is by default; it ends when this is dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};

use super::process::free_port;
use crate::{commands, prerequisites};

pub(super) struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    pub(super) fn start() -> Result<Self> {
        let programs = prerequisites::postgresql_programs().context("PostgreSQL is not installed")?;
        // Where the user `postgres`, as whom it must run when we are root, can reach it.
        let base = env::temp_dir().join(format!("sextant-bench-postgres-{}", std::process::id()));
        fs::create_dir_all(&base).with_context(|| format!("cannot make {}", base.display()))?;
        let postgres = Self { programs, folder: base.join("data"), port: free_port()? };
        if is_root()? {
            commands::run(Command::new("chown").arg("postgres:postgres").arg(&base))?;
        }
        postgres.server("initdb", &["--auth", "trust", "--username", "postgres", "--encoding", "UTF8"])?;
        let settings = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c max_connections=200",
            postgres.port
        );
        let log = base.join("log").display().to_string();
        postgres.server("pg_ctl", &["start", "--wait", "--log", &log, "--options", &settings])?;
        Ok(postgres)
    }

    /// Makes a database and returns its address.
    pub(super) fn database(&self, name: &str) -> Result<String> {
        self.client("createdb", &[name])?;
        Ok(format!("postgres://postgres@127.0.0.1:{}/{name}", self.port))
    }

    /// One row of figures. Asked from another database, so that asking does not count in the one that is measured.
    pub(super) fn figures(&self, sql: &str) -> Result<Vec<f64>> {
        let printed = self.client("psql", &["--no-align", "--tuples-only", "--command", sql, "postgres"])?;
        let figures: Result<Vec<f64>, _> = printed.trim().split('|').map(str::parse).collect();
        figures.with_context(|| format!("`{sql}` answered {printed}"))
    }

    /// The times of bare durable commits, one after the other on one connection, in milliseconds.
    pub(super) fn commits(&self, seconds: u32, folder: &Path) -> Result<Vec<f64>> {
        self.client("createdb", &["yardstick"])?;
        let make = "create table yardstick (id bigint primary key, number bigint); insert into yardstick values (1, 0)";
        self.client("psql", &["--quiet", "--command", make, "yardstick"])?;
        let script = folder.join("commit.sql");
        fs::write(
            &script,
            "begin;\nupdate yardstick set number = number + 1 where id = 1 returning number;\ncommit;\n",
        )?;
        let prefix = folder.join("commits").display().to_string();
        self.client(
            "pgbench",
            &[
                "--no-vacuum",
                "--protocol=prepared",
                "--client=1",
                &format!("--time={seconds}"),
                &format!("--file={}", script.display()),
                "--log",
                &format!("--log-prefix={prefix}"),
                "yardstick",
            ],
        )?;
        let mut times = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("commits.")) {
                // client, transaction, microseconds, …
                let text = fs::read_to_string(&path)?;
                times.extend(text.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<f64>().ok()));
            }
        }
        ensure!(!times.is_empty(), "pgbench logged no transaction");
        Ok(times.into_iter().map(|micros| micros / 1e3).collect())
    }

    pub(super) fn version(&self) -> Result<String> {
        Ok(commands::output(Command::new(self.programs.join("postgres")).arg("--version"))?.trim().to_owned())
    }

    fn server(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let program = self.programs.join(program);
        let mut command = if is_root()? {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("--pgdata").arg(&self.folder).args(arguments).current_dir("/");
        // Its own output would be held open by what it leaves running.
        commands::run(command.stdin(Stdio::null()).stdout(Stdio::null()))
    }

    fn client(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(self.programs.join(program));
        command.args(["--host", "127.0.0.1", "--username", "postgres", "--port", &self.port.to_string()]);
        commands::output(command.args(arguments))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server("pg_ctl", &["stop", "--mode", "fast", "--wait"]).is_ok()
            && let Some(base) = self.folder.parent()
        {
            fs::remove_dir_all(base).unwrap_or_default();
        }
    }
}

fn is_root() -> Result<bool> {
    Ok(commands::output(Command::new("id").arg("-u"))?.trim() == "0")
}
