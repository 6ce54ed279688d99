//! `DIR/revocations`: what is written there, and that nobody takes anything out of it.

use super::{change_file, copy_folder, path};
use crate::site::{Ground, Site, eventually, on_both_databases};
use crate::support::client::get;
use crate::support::{Server, folder, run_on};
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

on_both_databases! {
    every_revocation_is_written_down_before_it_is_answered
    a_new_node_learns_what_others_revoked
}

const SCHEMA: &str = "/v2/developers/schema";

/// The lines without sequence, number and checksum.
fn lines(data: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(data.join("revocations")).unwrap_or_default();
    let fields = |line: &str| line.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    text.lines().map(fields).map(|fields| (fields[2].clone(), fields[3].clone())).collect()
}

fn line(kind: &str, id: &str) -> (String, String) {
    (kind.to_owned(), id.to_owned())
}

fn every_revocation_is_written_down_before_it_is_answered(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "key");
    let person = site.person(&admin, "person@example.com", &json!([{"role": "VIEWER"}]));
    assert_eq!(lines(&site.data), [], "giving is not written down");
    let mut expected = Vec::new();
    let mut taken = |kind: &str, id: &str| {
        expected.push(line(kind, id));
        assert_eq!(lines(&site.data), expected);
    };
    let patch = |body: serde_json::Value| site.patch(&path(&key), &body).session(&admin).expect(200);
    patch(json!({"rateLimitPerMinute": 600}));
    taken("reduced", &key.id);
    patch(json!({"enabled": false}));
    taken("reduced", &key.id);
    patch(json!({"enabled": true, "name": "another name"}));
    site.post(&format!("{}/rotate", path(&key)), &json!({})).session(&admin).expect(200);
    taken("reduced", &key.id);
    site.patch(&format!("/v1/users/{}", person.user), &json!({"active": false})).session(&admin).expect(200);
    taken("user-reduced", &person.user);
    // The command line is another process of the same node.
    site.command(&["keys", "disable", &key.id]);
    taken("reduced", &key.id);
    site.delete(&path(&key)).session(&admin).expect(204);
    taken("deleted", &key.id);
}

fn a_new_node_learns_what_others_revoked(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "key");
    site.delete(&path(&key)).session(&admin).expect(204);
    let known = lines(&site.data);
    if ground.postgres {
        let other = site.another();
        let data = site.data.with_file_name("another");
        assert_eq!(lines(&data), known, "at its start");
        let key = site.ingestion_key(&admin, "second");
        site.delete(&path(&key)).session(&admin).expect(204);
        eventually("it follows", Duration::from_secs(10), || lines(&data).len() == 2);
        drop(other);
    }
    let known = lines(&site.data);
    site.stop();
    // Removed together, they are made anew: nobody can say that they were there.
    std::fs::remove_file(site.data.join("revocations")).unwrap();
    std::fs::remove_file(site.data.join("high-water")).unwrap();
    site.serve();
    assert_eq!(lines(&site.data), known);
}

#[test]
fn a_server_and_commands_write_the_same_file_without_loss() {
    let site = Site::start(Ground { postgres: false, name: "record-shared" });
    let admin = site.admin();
    let keys: Vec<_> = (0..30).map(|number| site.ingestion_key(&admin, &format!("key {number}"))).collect();
    let (client, data) = ((*site).clone(), site.data.as_path());
    let (mine, theirs) = keys.split_at(15);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for key in mine {
                client.delete(&path(key)).session(&admin).expect(204);
            }
        });
        for part in theirs.chunks(8) {
            scope.spawn(move || {
                for key in part {
                    assert_eq!(run_on(data, &["keys", "delete", &key.id, "--yes"]).code, Some(0));
                }
            });
        }
    });
    let mut found = lines(&site.data);
    found.sort();
    let mut wanted: Vec<_> = keys.iter().map(|key| line("deleted", &key.id)).collect();
    wanted.sort();
    assert_eq!(found, wanted);
}

/// An installation with two deletions written down, and a key that lives.
fn with_two_deletions(name: &str) -> (std::path::PathBuf, String) {
    let data = folder(name).join("data");
    run_on(&data, &["init"]);
    let make = |name: &str| run_on(&data, &["keys", "create", "--name", name, "--role", "ingestion"]).json();
    for name in ["first", "second"] {
        let id = make(name)["apiKey"]["id"].as_str().unwrap().to_owned();
        assert_eq!(run_on(&data, &["keys", "delete", &id, "--yes"]).code, Some(0));
    }
    let key = make("lives")["key"].as_str().unwrap().to_owned();
    assert_eq!(lines(&data).len(), 2);
    (data, key)
}

#[test]
fn a_record_that_was_touched_is_refused() {
    let (data, _) = with_two_deletions("record-touched");
    let file = data.join("revocations");
    let whole = std::fs::read_to_string(&file).unwrap();
    let (first, second) = whole.split_once('\n').unwrap();
    let tries = [
        ("cut off", format!("{first}\n")),
        ("does not read back", format!("{}\n{second}", first.replace("deleted", "reduced"))),
        ("does not read back", second.to_owned()),
        ("does not read back", whole[..whole.len() - 5].to_owned()),
    ];
    for (problem, text) in tries {
        std::fs::write(&file, text).unwrap();
        run_on(&data, &["serve", "--listen", "127.0.0.1:0"])
            .refused(1, &[problem, "revocations", "high-water"]);
        run_on(&data, &["keys", "list"]).refused(1, &[problem]);
    }
    std::fs::remove_file(&file).unwrap();
    run_on(&data, &["serve", "--listen", "127.0.0.1:0"]).refused(1, &["removed"]);
    std::fs::write(&file, &whole).unwrap();
    run_on(&data, &["keys", "list"]).json();
}

#[test]
fn a_line_that_was_being_written_is_written_again() {
    let (data, key) = with_two_deletions("record-torn");
    let file = data.join("revocations");
    let whole = std::fs::read_to_string(&file).unwrap();
    // The mark does not count it yet: nobody was told that anything was done.
    let torn = whole.lines().last().unwrap().replacen("2 ", "3 ", 1);
    std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(&torn.as_bytes()[..9]).unwrap();
    let server = Server::start(&data, &[]);
    assert_eq!(get(server.address, SCHEMA, Some(&key)).status, 200);
    let id = key[4..16].to_owned();
    assert_eq!(run_on(&data, &["keys", "delete", &id, "--yes"]).code, Some(0));
    let found = std::fs::read_to_string(&file).unwrap();
    assert!(found.starts_with(&whole), "{found}");
    assert_eq!(lines(&data).len(), 3);
    assert_eq!(lines(&data)[2], line("deleted", &id));
    assert!(server.stop().0.success());
    run_on(&data, &["keys", "list"]).json();
}

/// A copy on which somebody went on working is not behind by its number.
#[test]
fn what_the_record_calls_deleted_dies_at_the_start_whatever_the_number() {
    let data = folder("record-copied").join("data");
    run_on(&data, &["init"]);
    let make = |name: &str, by: &str| {
        let made = run_on(&data, &["keys", "create", "--name", name, "--role", by]).json();
        (made["apiKey"]["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    };
    let (id, key) = make("gone", "admin");
    let (_, kept) = make("kept", "ingestion");
    let server = Server::start(&data, &[]);
    let child = crate::support::client::send(
        server.address,
        "POST",
        "/v2/api-keys",
        Some(&key),
        Some(&json!({"name": "child", "role": "INGESTION"})),
    );
    let child = child.json()["key"].as_str().unwrap().to_owned();
    assert!(server.stop().0.success());
    let copy = copy_folder(&data, &data.with_file_name("copy"));
    assert_eq!(run_on(&data, &["keys", "delete", &id, "--yes"]).code, Some(0));
    std::fs::copy(copy.join("sextant.db"), data.join("sextant.db")).unwrap();
    change_file(&data.join("sextant.db"), "c.execute('update change_counter set number = 1000')");

    let server = Server::start(&data, &[]);
    assert!(server.said().contains("keys that were deleted before"), "{}", server.said());
    assert_eq!(get(server.address, SCHEMA, Some(&kept)).status, 200);
    for dead in [&key, &child] {
        assert_eq!(get(server.address, SCHEMA, Some(dead)).json()["code"], "INVALID_API_KEY");
    }
    assert!(server.stop().0.success());
    let server = Server::start(&data, &[]);
    assert!(!server.said().contains("keys that were deleted before"), "once is enough");
    assert_eq!(run_on(&data, &["audit", "verify"]).code, Some(0));
}
