//! A master key that the environment gives, and secrets that stay secret.

use crate::site::{Ground, Site, on_both_databases};
use crate::support::client::get;
use crate::support::{Done, Server, folder, sextant};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use std::process::Command;

on_both_databases! {
    no_master_key_and_no_pepper_is_anywhere_else
}

const SCHEMA: &str = "/v2/developers/schema";

fn run(data: &Path, key: &str, next: Option<&str>, arguments: &[&str]) -> Done {
    let mut command = sextant(arguments);
    command.arg("--data").arg(data).env("SEXTANT_MASTER_KEY", key);
    if let Some(next) = next {
        command.env("SEXTANT_NEW_MASTER_KEY", next);
    }
    command.output().unwrap().into()
}

#[test]
fn whoever_keeps_the_master_key_gives_the_new_one() {
    let data = folder("rotation-environment").join("data");
    let (old, new) = (STANDARD.encode([3; 32]), STANDARD.encode([4; 32]));
    assert_eq!(run(&data, &old, None, &["init"]).code, Some(0));
    let serve = |key: &str| {
        Server::start_with(&data, &[], |command| {
            command.env("SEXTANT_MASTER_KEY", key);
        })
    };
    let server = serve(&old);
    let made = run(&data, &old, None, &["keys", "create", "--name", "one", "--role", "ingestion"]).json();
    let key = made["key"].as_str().unwrap();
    assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200);

    let rotate = ["master-key", "rotate", "--yes"];
    run(&data, &old, None, &rotate).refused(2, &["SEXTANT_NEW_MASTER_KEY", "openssl rand -base64 32"]);
    run(&data, &old, Some("short"), &rotate).refused(2, &["SEXTANT_NEW_MASTER_KEY must be 32 bytes"]);
    run(&data, &old, Some(&old), &rotate).refused(2, &["in force already"]);
    run(&data, &new, Some(&new), &rotate).refused(1, &["is not the one that"]);
    let done = run(&data, &old, Some(&new), &rotate);
    assert_eq!(done.json()["keptIn"], "SEXTANT_MASTER_KEY");
    assert!(done.err.contains("put the new master key into SEXTANT_MASTER_KEY"), "{}", done.err);
    server.wait_until_said("put it into SEXTANT_MASTER_KEY before the next start");
    assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200);
    assert!(!data.join("master.key").exists() && !data.join("master.key.next").exists());
    assert!(server.stop().0.success());

    run(&data, &old, None, &["keys", "list"])
        .refused(1, &["the master key in SEXTANT_MASTER_KEY is not the one"]);
    let server = serve(&new);
    assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200);
    // Back to the first one: its pepper of today is not that of then.
    assert_eq!(run(&data, &new, Some(&old), &rotate).code, Some(0));
    assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200);
    assert!(server.stop().0.success());
    let server = serve(&old);
    assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200);
    assert_eq!(run(&data, &old, None, &["master-key", "retire", "--yes"]).code, Some(0));
    assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200);
    assert_eq!(run(&data, &old, None, &["audit", "verify"]).code, Some(0));
}

fn no_master_key_and_no_pepper_is_anywhere_else(ground: Ground) {
    let mut site = Site::start_with(ground, &["--log-level", "debug"]);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "one");
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    let mut said = String::new();
    for pepper in 1..=3 {
        let master = std::fs::read(site.data.join("master.key")).unwrap();
        let script = "import hmac, sys\nprint(hmac.new(open(sys.argv[1], 'rb').read(), b'sextant/pepper/' + sys.argv[2].encode(), 'sha256').hexdigest())\n";
        let mut python = Command::new("python3");
        let seed: Done = python
            .args(["-c", script])
            .arg(site.data.join("master.key"))
            .arg(pepper.to_string())
            .output()
            .unwrap()
            .into();
        let seed = seed.out.trim().to_owned();
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
        };
        let hex = sextant_core::key::hex(&master);
        secrets.extend([STANDARD.encode(&master).into_bytes(), hex.into_bytes(), master]);
        secrets.extend([bytes(&seed), STANDARD.encode(bytes(&seed)).into_bytes(), seed.into_bytes()]);
        assert_eq!(site.opens(&key), 200);
        let done = site.run(&["master-key", "rotate", "--yes", "--log-level", "debug"]);
        assert_eq!(done.code, Some(0), "{}", done.err);
        said = said + &done.out + &done.err;
    }
    let own = site.data.parent().unwrap().to_owned();
    look(&secrets, &said, &own);
    site.stop();
    let name = own.file_name().unwrap().to_string_lossy().into_owned();
    let mark = name.rsplit_once('-').unwrap().0.to_owned();
    let home = own.parent().unwrap().to_owned();
    drop(site);
    let mut seen = 0;
    for entry in std::fs::read_dir(home).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with(&mark) {
            seen += look(&secrets, &said, &entry.path());
        }
    }
    assert!(seen > 2, "{seen} files");
}

fn look(secrets: &[Vec<u8>], said: &str, folder: &Path) -> usize {
    let mut seen = 0;
    for secret in secrets {
        assert!(memchr::memmem::find(said.as_bytes(), secret).is_none(), "a secret was printed");
    }
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            seen += look(secrets, said, &entry.path());
            continue;
        }
        // A file may go while others are read, and one is where the master key belongs.
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        if entry.file_name() == "master.key" {
            continue;
        }
        seen += 1;
        for secret in secrets {
            assert!(memchr::memmem::find(&bytes, secret).is_none(), "a secret in {}", entry.path().display());
        }
    }
    seen
}
