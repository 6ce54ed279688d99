//! What is measured: the product with so many keys, nginx with the same keys in a `map`, a bare axum route.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::process::{SERVER_CPU, Server, free_port, pinned};
use crate::{commands, prerequisites, secrets, workspace};

/// The request that all subjects answer.
pub(super) const SCHEMA: &str = "/gateway/sei/api/v2/developers/schema";

const START: Duration = Duration::from_mins(5);

/// A data directory with keys in it, and what else holds the same number of keys.
pub(super) struct Seeded {
    pub(super) keys: usize,
    pub(super) data: PathBuf,
    /// Keys that the server knows, one a line.
    pub(super) sample: PathBuf,
    /// As many keys as the data directory has, the sample among them; the rest are fillers of the same form.
    pub(super) all: PathBuf,
    pub(super) seconds: f64,
}

/// The product as it ships.
pub(super) fn product() -> PathBuf {
    workspace::built("release", "sextant")
}

/// `sextant` with what it needs to start without a person.
pub(super) fn sextant(mut command: Command) -> Command {
    command
        .env("SEXTANT_ADMIN_EMAIL", "admin@example.com")
        .env("SEXTANT_ADMIN_PASSWORD", "correct horse battery staple 7");
    command.env_remove("SEXTANT_DATA").env_remove("SEXTANT_DATABASE_URL").env_remove("SEXTANT_LISTEN");
    command
}

/// Makes a data directory with that many keys, and the files that the other subjects and the load read.
pub(super) fn seed(folder: &Path, keys: usize) -> Result<Seeded> {
    let data = folder.join(format!("data-{keys}"));
    let started = Instant::now();
    let mut command = sextant(Command::new(product()));
    command.arg("bench-seed").arg("--data").arg(&data).arg("--keys").arg(keys.to_string());
    let printed: Value =
        serde_json::from_str(&commands::output(&mut command)?).context("what bench-seed printed")?;
    let known: Vec<&str> =
        printed["keys"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    anyhow::ensure!(!known.is_empty(), "bench-seed printed no keys");
    let seconds = printed["seconds"].as_f64().unwrap_or_else(|| started.elapsed().as_secs_f64());

    let sample = folder.join(format!("sample-{keys}"));
    workspace::write(&sample, known.join("\n") + "\n")?;
    let all = folder.join(format!("all-{keys}"));
    let fillers = made_up(keys.saturating_sub(known.len()), keys as u64);
    workspace::write(
        &all,
        known.iter().map(ToString::to_string).chain(fillers).collect::<Vec<_>>().join("\n") + "\n",
    )?;
    Ok(Seeded { keys, data, sample, all, seconds })
}

/// Well-formed keys with the right checksum that no server knows.
pub(super) fn made_up(count: usize, seed: u64) -> impl Iterator<Item = String> {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut state = seed ^ 0x9E37_79B9_7F4A_7C15;
    // splitmix64: any sequence without repeats will do, and the same one each time.
    let mut digit = move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        char::from(DIGITS[usize::try_from((mixed ^ (mixed >> 31)) % 62).unwrap_or_default()])
    };
    (0..count).map(move |_| {
        let mut key = String::from("sxt_");
        key.extend((0..12).map(|_| digit()));
        key.push('_');
        key.extend((0..43).map(|_| digit()));
        let checksum = secrets::checksum(key.as_bytes());
        key.extend(checksum.map(char::from));
        key
    })
}

/// The same keys with a wrong last character.
pub(super) fn broken(key: &str) -> String {
    let (rest, last) = key.split_at(key.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

/// Starts the product on its data and returns the time until it was ready.
pub(super) fn start_sextant(
    seeded: &Seeded,
    pin: bool,
    folder: &Path,
) -> Result<(Server, SocketAddr, Duration)> {
    let mut command = sextant(if pin { pinned(SERVER_CPU, &product()) } else { Command::new(product()) });
    command.args(["serve", "--listen", "127.0.0.1:0"]).arg("--data").arg(&seeded.data);
    let started = Instant::now();
    let server = Server::start(&mut command, &folder.join(format!("sextant-{}.log", seeded.keys)))?;
    let address = server.wait_for_line("listening on http://", START)?;
    let took = started.elapsed();
    Ok((server, address.trim().parse().with_context(|| format!("the address `{address}`"))?, took))
}

/// Makes a key by the product's command line while its server runs.
pub(super) fn create_key(data: &Path, name: &str) -> Result<String> {
    let mut command = sextant(Command::new(product()));
    command
        .args(["keys", "create", "--name", name, "--role", "ingestion", "--output", "json", "--data"])
        .arg(data);
    let printed: Value = serde_json::from_str(&commands::output(&mut command)?)?;
    Ok(printed["key"].as_str().context("`sextant keys create` printed no key")?.to_owned())
}

/// Starts nginx with the keys in a `map`, answering with a body of so many bytes.
pub(super) fn start_nginx(seeded: &Seeded, body: usize, folder: &Path) -> Result<(Server, SocketAddr)> {
    let folder = folder.join(format!("nginx-{}", seeded.keys));
    let port = free_port()?;
    let keys = workspace::read(&seeded.all)?;
    let map: Vec<String> =
        keys.lines().enumerate().map(|(index, key)| format!("{key} p{};\n", index % 100)).collect();
    workspace::write(&folder.join("keys.map"), map.concat())?;
    let configuration = folder.join("nginx.conf");
    workspace::write(&configuration, nginx_configuration(port, seeded.keys, body))?;
    let program = prerequisites::nginx_program().context("nginx is not installed")?;
    let mut command = pinned(SERVER_CPU, &program);
    command.arg("-p").arg(&folder).arg("-c").arg(&configuration).args(["-e", "stderr"]);
    let mut server = Server::start(&mut command, &folder.join("error.log"))?;
    let address = server.wait_for_port(port, START)?;
    Ok((server, address))
}

fn nginx_configuration(port: u16, keys: usize, body: usize) -> String {
    let slots = (keys * 2).max(2048);
    format!(
        "daemon off;\nworker_processes 1;\npid nginx.pid;\nerror_log stderr warn;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         access_log off;\nkeepalive_timeout 600s;\nkeepalive_requests 1000000000;\n\
         client_body_temp_path body;\nproxy_temp_path proxy;\nfastcgi_temp_path fastcgi;\nuwsgi_temp_path uwsgi;\nscgi_temp_path scgi;\n\
         map_hash_max_size {slots};\nmap_hash_bucket_size 512;\n\
         map $http_x_api_key $project {{ default \"\"; include keys.map; }}\n\
         server {{\nlisten 127.0.0.1:{port};\ndefault_type application/json;\n\
         location / {{\nif ($project = \"\") {{ return 401; }}\nreturn 200 '{}';\n}}\n}}\n}}\n",
        "x".repeat(body)
    )
}

/// Starts the bare axum route with the keys in a hash map.
pub(super) fn start_bare_axum(seeded: &Seeded, body: usize, folder: &Path) -> Result<(Server, SocketAddr)> {
    let port = free_port()?;
    let mut command = pinned(SERVER_CPU, &workspace::built("release", "examples/bare_axum"));
    command.arg(port.to_string()).arg(&seeded.all).arg(body.to_string());
    let mut server = Server::start(&mut command, &folder.join("bare-axum.log"))?;
    let address = server.wait_for_port(port, START)?;
    Ok((server, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_keys_are_whole_and_differ_and_broken_ones_are_not_whole() {
        let keys: Vec<String> = made_up(100, 7).collect();
        assert!(keys.iter().all(|key| secrets::keys_in(key.as_bytes()) == [0]));
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), 100);
        assert!(keys.iter().all(|key| secrets::keys_in(broken(key).as_bytes()).is_empty()));
    }

    #[test]
    fn nginx_gets_room_for_the_keys() {
        let text = nginx_configuration(81, 1_000_000, 3);
        assert!(text.contains("map_hash_max_size 2000000;") && text.contains("return 200 'xxx';"), "{text}");
        assert!(text.contains("listen 127.0.0.1:81;"));
    }
}
