//! A database that was copied back is noticed, and nothing that was deleted comes back with it.

use crate::support::client::get;
use crate::support::{Server, folder, run_on};
use std::path::Path;

const SCHEMA: &str = "/v2/developers/schema";

fn make_key(data: &Path, name: &str) -> (String, String) {
    let made = run_on(data, &["keys", "create", "--name", name, "--role", "ingestion"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    (text(&made["apiKey"]["id"]), text(&made["key"]))
}

#[test]
fn a_database_from_before_starts_only_with_every_key_switched_off() {
    let data = folder("rollback").join("data");
    run_on(&data, &["init"]);
    let (deleted, deleted_key) = make_key(&data, "deleted later");
    let (_, kept_key) = make_key(&data, "kept");
    let copy = folder("rollback-copy");
    for file in ["sextant.db", "sextant.db-wal"] {
        if data.join(file).exists() {
            std::fs::copy(data.join(file), copy.join(file)).unwrap();
        }
    }

    let server = Server::start(&data, &[]);
    assert_eq!(get(server.address, SCHEMA, Some(&deleted_key)).status, 200);
    assert_eq!(run_on(&data, &["keys", "delete", &deleted, "--yes"]).code, Some(0));
    assert_eq!(get(server.address, SCHEMA, Some(&deleted_key)).status, 401);
    assert!(server.stop().0.success());

    for file in ["sextant.db", "sextant.db-wal", "sextant.db-shm"] {
        let _ = std::fs::remove_file(data.join(file));
        if copy.join(file).exists() {
            std::fs::copy(copy.join(file), data.join(file)).unwrap();
        }
    }
    run_on(&data, &["serve", "--listen", "127.0.0.1:0"])
        .refused(1, &["copy from before", "--accept-rollback"]);
    run_on(&data, &["keys", "list"]).refused(1, &["copy from before"]);

    assert!(run_on(&data, &["doctor"]).out.contains("--accept-rollback"));

    let server = Server::start(&data, &["--accept-rollback"]);
    for (key, code) in [(&deleted_key, "INVALID_API_KEY"), (&kept_key, "API_KEY_DISABLED")] {
        let answer = get(server.address, SCHEMA, Some(key));
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some(code)));
    }
    let (_, fresh_key) = make_key(&data, "fresh");
    assert_eq!(get(server.address, SCHEMA, Some(&fresh_key)).status, 200);
    assert!(server.stop().0.success());
    // Accepted once, it is the database again.
    let server = Server::start(&data, &[]);
    assert_eq!(get(server.address, SCHEMA, Some(&fresh_key)).status, 200);
    let verified = run_on(&data, &["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);
}

#[test]
fn a_clock_that_is_set_back_does_not_bring_an_expired_key_back() {
    let data = folder("clock-back").join("data");
    run_on(&data, &["init"]);
    let soon = ["keys", "create", "--name", "short", "--role", "ingestion", "--expires-in", "2s"];
    let key = run_on(&data, &soon).json()["key"].as_str().unwrap().to_owned();
    // What the mark says of a later time is what a server with a right clock left behind.
    let server = Server::start(&data, &[]);
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    assert_eq!(get(server.address, SCHEMA, Some(&key)).json()["code"].as_str(), Some("API_KEY_EXPIRED"));
    assert!(server.stop().0.success());
    let mark = std::fs::read_to_string(data.join("high-water")).unwrap();
    let seen = mark.split(' ').nth(1).unwrap().to_owned();
    let expiry =
        run_on(&data, &["keys", "list"]).json()["apiKeys"][0]["expiresAt"].as_str().unwrap().to_owned();
    assert!(seen > expiry, "the mark {seen} lies after {expiry}");
}
