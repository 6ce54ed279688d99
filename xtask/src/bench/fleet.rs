//! Several servers on one database, and a key that may end others.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::http::Connection;
use super::process::Server;
use super::subjects::{product, sextant};
use crate::{commands, workspace};

const START: Duration = Duration::from_mins(1);

/// The administrator's way to keys; where they are listed, made and ended.
pub(super) const KEYS: &str = "/v2/api-keys";

pub(super) struct Fleet {
    pub(super) servers: Vec<(Server, SocketAddr)>,
    /// An Admin key.
    pub(super) admin: String,
    /// Keys that the load may use; they stay.
    pub(super) sample: PathBuf,
    /// Ids of keys that may be ended.
    pub(super) spare: Vec<String>,
    /// The data directory of the first server.
    pub(super) data: PathBuf,
    database: Option<String>,
}

/// A key with its id.
pub(super) struct Fresh {
    pub(super) id: String,
    pub(super) key: String,
}

impl Fleet {
    /// Starts so many servers on a new database with so many keys in it; without an address, on a file.
    pub(super) fn start(
        folder: &Path,
        servers: usize,
        keys: usize,
        database: Option<String>,
    ) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let data = folder.join("data-0");
        let sample = folder.join("sample");
        let mut fleet =
            Self { servers: Vec::new(), admin: String::new(), sample, spare: Vec::new(), data, database };
        let seeded = fleet.command(&["bench-seed", "--keys", &keys.max(1).to_string()])?;
        let known: Vec<&str> =
            seeded["keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        workspace::write(&fleet.sample, known.join("\n") + "\n")?;
        let made = fleet.command(&["keys", "create", "--name", "admin", "--role", "admin"])?;
        made["key"].as_str().context("`sextant keys create` printed no key")?.clone_into(&mut fleet.admin);

        for number in 0..servers {
            let data = folder.join(format!("data-{number}"));
            if number > 0 {
                fs::create_dir_all(&data)?;
                fs::copy(fleet.data.join("master.key"), data.join("master.key"))?;
            }
            let mut command = fleet.sextant(&["serve", "--listen", "127.0.0.1:0"], &data);
            let server = Server::start(&mut command, &folder.join(format!("server-{number}.log")))?;
            let address = server.wait_for_line("listening on http://", START)?;
            let address = address.trim().parse().with_context(|| format!("the address `{address}`"))?;
            fleet.servers.push((server, address));
        }
        fleet.spare = fleet.ids(&known)?;
        Ok(fleet)
    }

    pub(super) fn address(&self, number: usize) -> SocketAddr {
        self.servers[number % self.servers.len()].1
    }

    /// Makes a key through a server.
    pub(super) fn make(&self, at: SocketAddr, name: &str) -> Result<Fresh> {
        let body = json!({"name": name, "role": "INGESTION"});
        let answer =
            Connection::open(at)?.post(KEYS, &self.admin, &body)?.expect(201).context("making a key")?;
        let made: Value = serde_json::from_slice(&answer)?;
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned).context("no key was answered");
        Ok(Fresh { id: text(&made["apiKey"]["id"])?, key: text(&made["key"])? })
    }

    /// Runs a command on the database beside the servers; what it printed.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<Value> {
        let printed = commands::output(&mut self.sextant(arguments, &self.data))?;
        if printed.trim().is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_str(&printed)?) }
    }

    fn sextant(&self, arguments: &[&str], data: &Path) -> Command {
        let mut command = sextant(Command::new(product()));
        command.args(arguments).arg("--data").arg(data);
        if let Some(url) = &self.database {
            command.args(["--database-url", url]);
        }
        command
    }

    /// All keys but those that stay.
    fn ids(&self, kept: &[&str]) -> Result<Vec<String>> {
        let kept: Vec<&str> =
            kept.iter().chain([&self.admin.as_str()]).filter_map(|key| key.get(4..16)).collect();
        let mut connection = Connection::open(self.address(0))?;
        let mut ids = Vec::new();
        for page in 0.. {
            let path = format!("{KEYS}?pageSize=1000&pageIndex={page}");
            let body = connection.send("GET", &path, &self.admin)?.expect(200)?;
            let listed: Value = serde_json::from_slice(&body)?;
            let listed = listed["apiKeys"].as_array().context("no list of keys")?.clone();
            if listed.is_empty() {
                break;
            }
            ids.extend(listed.iter().filter_map(|key| key["id"].as_str()).map(ToOwned::to_owned));
        }
        ids.retain(|id| !kept.contains(&id.as_str()));
        ensure!(ids.iter().all(|id| id.len() == 12), "an id is not twelve characters");
        Ok(ids)
    }
}
