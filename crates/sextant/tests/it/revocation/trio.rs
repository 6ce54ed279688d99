//! Several servers on one PostgreSQL, each with a wall clock that a test may set.

use super::storm::share_master_key;
use crate::site::{ADMIN, Client, Key, PASSWORD};
use crate::support::clock::WallClock;
use crate::support::postgres::Database;
use crate::support::{Done, Server, folder, sextant};
use serde_json::{Value, json};
use std::path::PathBuf;

pub(super) struct Trio {
    folder: PathBuf,
    pub(super) clocks: Vec<WallClock>,
    servers: Vec<Option<Server>>,
    /// An Admin key.
    pub(super) admin: String,
    // The last to go: servers end before their database.
    database: Database,
}

impl Trio {
    pub(super) fn start(name: &str) -> Self {
        let (database, folder) = (Database::new(name), folder(name));
        let clocks = (0..3).map(|number| WallClock::new(&folder.join(format!("clock-{number}")))).collect();
        let mut trio =
            Self { folder, clocks, servers: vec![None, None, None], admin: String::new(), database };
        for number in 0..3 {
            if number > 0 {
                share_master_key(&trio.data(0), &trio.data(number));
            }
            trio.serve(number);
        }
        let made = trio.run(&["keys", "create", "--name", "operator", "--role", "admin"]).json();
        made["key"].as_str().unwrap().clone_into(&mut trio.admin);
        trio
    }

    fn data(&self, number: usize) -> PathBuf {
        self.folder.join(format!("server-{number}"))
    }

    /// Starts a server (again).
    pub(super) fn serve(&mut self, number: usize) {
        let flags = ["--database-url", &self.database.url];
        let server = Server::start_with(&self.data(number), &flags, |command| {
            command.env("SEXTANT_ADMIN_EMAIL", ADMIN).env("SEXTANT_ADMIN_PASSWORD", PASSWORD);
            self.clocks[number].give_to(command);
        });
        self.servers[number] = Some(server);
    }

    /// Kills a server without a chance to do anything.
    pub(super) fn kill(&mut self, number: usize) {
        let mut server = self.servers[number].take().expect("it runs");
        server.signal("KILL");
        server.wait();
    }

    /// Stops a server as an operator would.
    pub(super) fn stop(&mut self, number: usize) {
        let (status, _) = self.servers[number].take().expect("it runs").stop();
        assert_eq!(status.code(), Some(0), "a clean stop");
    }

    pub(super) fn client(&self, number: usize) -> Client {
        Client { address: self.servers[number].as_ref().expect("it runs").address, document: None }
    }

    /// What each server answers to a secret.
    pub(super) fn answers(&self, secret: &str) -> Vec<u16> {
        (0..3).map(|number| self.client(number).opens(secret)).collect()
    }

    /// Makes a key.
    pub(super) fn make(&self, name: &str, more: &Value) -> Key {
        let mut body = json!({"name": name, "role": "INGESTION"});
        let more = more.as_object().cloned().unwrap_or_default();
        body.as_object_mut().unwrap().extend(more);
        Key::of(&self.client(0).post("/v2/api-keys", &body).key(&self.admin).expect(201))
    }

    /// Rotates a key through a server.
    pub(super) fn rotate(&self, number: usize, key: &Key, body: &Value) -> Key {
        let path = format!("/v2/api-keys/{}/rotate", key.id);
        Key::of(&self.client(number).post(&path, body).key(&self.admin).expect(200))
    }

    /// Runs a command on the database, beside the servers.
    pub(super) fn run(&self, arguments: &[&str]) -> Done {
        let mut command = sextant(arguments);
        command.arg("--data").arg(self.data(0)).args(["--database-url", &self.database.url]);
        command.output().unwrap().into()
    }
}
