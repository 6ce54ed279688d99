//! An installation as the suites use it: data directory, database, a server, its administrator, and a client that holds
//! every answer against the OpenAPI document.

mod document;
mod forge;
mod http;
mod people;

pub(crate) use document::{Document, Operation};
pub(crate) use forge::{forged, other_secret};
pub(crate) use http::{Call, Client};
pub(crate) use people::{By, Key, Session};

use crate::support::postgres::Database;
use crate::support::{Done, Server, folder, sextant};
use serde_json::Value;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The first administrator.
pub(crate) const ADMIN: &str = "admin@example.com";
/// Everyone's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Which database a test runs on, and the test's name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground {
    /// Whether it is PostgreSQL.
    pub(crate) postgres: bool,
    /// The test's name, for its folder.
    pub(crate) name: &'static str,
}

/// Makes two tests of each function: one on SQLite, one on PostgreSQL.
macro_rules! on_both_databases {
    ($($name:ident)*) => {$(
        mod $name {
            use crate::site::Ground;

            #[test]
            fn sqlite() {
                super::$name(Ground { postgres: false, name: module_path!() });
            }

            #[test]
            fn postgres() {
                super::$name(Ground { postgres: true, name: module_path!() });
            }
        }
    )*};
}
pub(crate) use on_both_databases;

/// An installation.
pub(crate) struct Site {
    pub(crate) data: PathBuf,
    client: Client,
    server: Option<Server>,
    database_url: Option<String>,
    flags: Vec<String>,
    // The last to go: servers end before their database.
    database: Option<Database>,
}

impl Deref for Site {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Site {
    /// A new installation with a running server.
    pub(crate) fn start(ground: Ground) -> Self {
        Self::start_with(ground, &[])
    }

    /// The same with flags.
    pub(crate) fn start_with(ground: Ground, flags: &[&str]) -> Self {
        Self::start_through(ground, flags, ToOwned::to_owned)
    }

    /// The same, reaching PostgreSQL by another address.
    pub(crate) fn start_through(
        ground: Ground,
        flags: &[&str],
        address: impl FnOnce(&str) -> String,
    ) -> Self {
        let mut site = Self::empty(ground, flags, address);
        site.serve();
        site
    }

    /// A place without data, from which nobody serves.
    fn empty(ground: Ground, flags: &[&str], address: impl FnOnce(&str) -> String) -> Self {
        let name = short(ground.name);
        let database = ground.postgres.then(|| Database::new(&name));
        Self {
            data: folder(&name).join("data"),
            client: Client { address: ([127, 0, 0, 1], 0).into(), document: None },
            server: None,
            database_url: database.as_ref().map(|database| address(&database.url)),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            database,
        }
    }

    /// Another place, for this installation to be moved to: its master key is there, and nothing else.
    pub(crate) fn elsewhere(&self, ground: Ground) -> Self {
        let mut place = Self::empty(ground, &[], ToOwned::to_owned);
        place.client.document.clone_from(&self.client.document);
        std::fs::create_dir_all(&place.data).unwrap();
        std::fs::copy(self.data.join("master.key"), place.data.join("master.key")).unwrap();
        place
    }

    /// Another server on the same database, with a data directory of its own.
    pub(crate) fn another(&self) -> Server {
        let data = self.data.with_file_name("another");
        std::fs::create_dir_all(&data).unwrap();
        std::fs::copy(self.data.join("master.key"), data.join("master.key")).unwrap();
        self.serve_on(&data)
    }

    /// A client for another server of this site.
    pub(crate) fn client_of(&self, server: &Server) -> Client {
        Client { address: server.address, document: self.client.document.clone() }
    }

    fn serve_on(&self, data: &Path) -> Server {
        let mut flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        if let Some(url) = &self.database_url {
            flags.extend(["--database-url", url]);
        }
        Server::start_with(data, &flags, |command| {
            command.env("SEXTANT_ADMIN_EMAIL", ADMIN).env("SEXTANT_ADMIN_PASSWORD", PASSWORD);
        })
    }

    /// Starts the server (again).
    pub(crate) fn serve(&mut self) {
        let server = self.serve_on(&self.data);
        self.client.address = server.address;
        self.server = Some(server);
        if self.client.document.is_none() {
            let document = self.client.get("/openapi.json").expect(200).json();
            self.client.document = Some(Document::new(document));
        }
    }

    /// Whether the server runs.
    pub(crate) const fn is_running(&self) -> bool {
        self.server.is_some()
    }

    /// The address of the database, where it is a server's.
    pub(crate) fn database_url(&self) -> Option<&str> {
        self.database_url.as_deref()
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("the server runs")
    }

    /// Stops the server cleanly.
    pub(crate) fn stop(&mut self) {
        let (status, _) = self.server.take().expect("the server runs").stop();
        assert_eq!(status.code(), Some(0), "a clean stop");
    }

    /// Kills the server without a chance to do anything.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().expect("the server was started");
        if server.lives() {
            server.signal("KILL");
        }
        server.wait();
    }

    /// The administrator, signed in.
    pub(crate) fn admin(&self) -> Session {
        self.sign_in(ADMIN, PASSWORD)
    }

    /// The document that the server serves.
    pub(crate) fn document(&self) -> &Document {
        self.client.document.as_deref().expect("read at the start")
    }

    /// Runs a command on this installation's data.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.run_from(&self.data, arguments)
    }

    /// The same from another data directory.
    pub(crate) fn run_from(&self, data: &Path, arguments: &[&str]) -> Done {
        let mut command = sextant(arguments);
        command.arg("--data").arg(data);
        if let Some(url) = &self.database_url {
            command.args(["--database-url", url]);
        }
        command.output().unwrap().into()
    }

    /// Runs a statement behind Sextant's back and answers the rows, a line each with `|` between the columns.
    pub(crate) fn sql(&self, statement: &str) -> String {
        if let Some(database) = &self.database {
            return database.sql(statement);
        }
        let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=30)\n\
            for r in c.execute(sys.argv[2]): print(*r, sep='|')\nc.commit()\n";
        let mut python = Command::new("python3");
        python.args(["-c", script]).arg(self.data.join("sextant.db")).arg(statement);
        let done: Done = python.output().unwrap().into();
        assert_eq!(done.code, Some(0), "{}", done.err);
        done.out
    }

    /// Runs a command that must succeed and print JSON.
    #[track_caller]
    pub(crate) fn command(&self, arguments: &[&str]) -> Value {
        self.run(arguments).json()
    }
}

/// A test's name as folders and databases can have it.
fn short(path: &str) -> String {
    let name: String = path
        .trim_start_matches("it::")
        .chars()
        .map(|one| if one.is_ascii_alphanumeric() { one } else { '-' })
        .collect();
    name.chars().take(44).collect()
}

/// Asks until it is so, at most so long.
#[track_caller]
pub(crate) fn eventually(what: &str, patience: Duration, mut ask: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ask() {
        assert!(began.elapsed() < patience, "after {patience:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(25));
    }
}

/// Runs something and says how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = work();
    (result, began.elapsed())
}
