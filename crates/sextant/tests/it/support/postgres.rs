//! A PostgreSQL for tests, made from the programs of the machine and shared by every test process of a run: the first
//! one starts it, the last one stops it. Each test has a database of its own.
//!
//! The server's files lie in the system's folder for temporary files: the user `postgres`, as whom it must run when we
//! are root, need not be able to reach ours. What a test left in its database is written to the artefacts at its end.

use super::{artifacts, folder};
use sextant_core::key::sha256_hex;
use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A database of its own, dropped in the end.
pub(crate) struct Database {
    pub(crate) url: String,
    name: String,
    home: Home,
    kept: PathBuf,
    /// Held shared for as long as this process uses the server.
    users: File,
}

/// Where the server is.
#[derive(Clone)]
struct Home {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl Database {
    /// Makes one, starting the server if nobody has yet.
    pub(crate) fn new(test: &str) -> Self {
        let run = artifacts();
        std::fs::create_dir_all(&run).unwrap();
        let run = run.canonicalize().unwrap();
        let mark = sha256_hex(run.as_os_str().as_encoded_bytes());
        let base = std::env::temp_dir().join(format!("sextant-test-postgres-{}", &mark[..12]));
        std::fs::create_dir_all(&base).unwrap();
        let users = File::create(base.join("users")).unwrap();
        let starting = File::create(base.join("starting")).unwrap();
        starting.lock().unwrap();
        users.lock_shared().unwrap();
        let home = start(&base);
        starting.unlock().unwrap();

        let kept = folder(test);
        let name = kept.file_name().unwrap().to_string_lossy().replace('-', "_").to_lowercase();
        home.client("createdb", &[&name]);
        let url = format!("postgres://postgres@127.0.0.1:{}/{name}", home.port);
        Self { url, name, home, kept, users }
    }
}

impl Database {
    /// Runs statements and answers what they print, a row a line with `|` between the columns.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let arguments = ["--no-psqlrc", "--tuples-only", "--no-align", "--command", statements, &self.name];
        self.home.client("psql", &arguments)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let dump = self.kept.join("database.sql");
        self.home.client("pg_dump", &["--file", &dump.display().to_string(), &self.name]);
        self.home.client("dropdb", &["--force", &self.name]);
        let base = self.home.folder.parent().unwrap();
        let starting = File::create(base.join("starting")).unwrap();
        starting.lock().unwrap();
        self.users.unlock().unwrap();
        match self.users.try_lock() {
            Ok(()) => {
                self.home.server("pg_ctl", &["stop", "--mode", "fast", "--wait"]);
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => panic!("{error}"),
        }
    }
}

/// Called with `starting` locked.
fn start(base: &Path) -> Home {
    let programs = programs();
    let folder = base.join("data");
    let mut home = Home { programs, folder, port: 0 };
    if !home.folder.join("PG_VERSION").exists() {
        let _ = std::fs::remove_dir_all(&home.folder);
        std::fs::create_dir(&home.folder).unwrap();
        give_away(base);
        let made = home.server(
            "initdb",
            &["--no-sync", "--auth", "trust", "--username", "postgres", "--encoding", "UTF8"],
        );
        assert!(made, "initdb failed");
    }
    let port_file = base.join("port");
    if home.server("pg_ctl", &["status"])
        && let Ok(port) = std::fs::read_to_string(&port_file)
    {
        home.port = port.trim().parse().unwrap();
        return home;
    }
    home.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let settings = format!(
        "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c fsync=off -c max_connections=200",
        home.port
    );
    let log = base.join("log").display().to_string();
    let started = home.server("pg_ctl", &["start", "--wait", "--log", &log, "--options", &settings]);
    assert!(started, "{}", std::fs::read_to_string(base.join("log")).unwrap_or_default());
    std::fs::write(port_file, home.port.to_string()).unwrap();
    home
}

/// PostgreSQL refuses to run as root; the files must then be the other user's.
fn give_away(base: &Path) {
    if is_root() {
        assert!(
            Command::new("chown")
                .arg("postgres:postgres")
                .arg(base)
                .arg(base.join("data"))
                .status()
                .unwrap()
                .success()
        );
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn programs() -> PathBuf {
    if let Some(given) = std::env::var_os("SEXTANT_TEST_POSTGRES_BIN") {
        return given.into();
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect::<Vec<_>>());
    let found =
        folders.into_iter().find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists());
    found.expect("PostgreSQL's programs; name their folder in SEXTANT_TEST_POSTGRES_BIN")
}

impl Home {
    /// Runs a program of the server itself.
    fn server(&self, program: &str, arguments: &[&str]) -> bool {
        let program = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("--pgdata").arg(&self.folder).args(arguments).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }

    /// Runs a program that connects.
    fn client(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(self.programs.join(program));
        command.args(["--host", "127.0.0.1", "--username", "postgres", "--port", &self.port.to_string()]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}
