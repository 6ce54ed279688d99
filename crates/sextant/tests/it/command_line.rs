//! The command line: what it refuses and how, and that what it changes is in force when it returns.

use crate::support::client::{get, send};
use crate::support::postgres::Database;
use crate::support::{Server, folder, run, run_on, run_with_input, sextant};
use serde_json::json;
use std::net::TcpListener;
use std::process::Command;

const SCHEMA: &str = "/gateway/sei/api/v2/developers/schema";

#[test]
fn wrong_usage_exits_with_2_and_names_what_is_wrong() {
    run(&["serve", "--lisen", "x"]).refused(2, &["--lisen", "--listen"]);
    run(&["keys", "create", "--name", "n"]).refused(2, &["--role"]);
    run(&["keys", "list", "--url", "http://127.0.0.1:1"]).refused(2, &["SEXTANT_API_KEY"]);
    run(&["keys", "show", "nonsense"]).refused(2, &["twelve"]);
    let data = folder("wrong-usage");
    run_on(&data, &["serve", "--listen", "nowhere"]).refused(2, &["--listen nowhere"]);
    std::fs::write(data.join("sextant.toml"), "lisen = 1").unwrap();
    run_on(&data, &["serve"]).refused(2, &["sextant.toml", "lisen"]);
}

#[test]
fn a_busy_port_is_named_and_nothing_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = folder("busy-port").join("data");
    run_on(&data, &["serve", "--listen", &address]).refused(1, &[&address, "in use", "--listen"]);
    assert!(!data.exists());
}

#[test]
fn a_data_directory_that_cannot_be_made_is_named() {
    let file = folder("unwritable").join("file");
    std::fs::write(&file, "").unwrap();
    run_on(&file.join("data"), &["serve", "--listen", "127.0.0.1:0"]).refused(1, &["file/data", "--data"]);
    // Root may write anywhere but here.
    run_on("/proc/sextant".as_ref(), &["init"]).refused(1, &["/proc/sextant", "--data"]);
}

#[test]
fn one_server_at_a_time_on_one_set_of_data() {
    let folder = folder("two-servers");
    let (one, other) = (folder.join("one"), folder.join("other"));
    let url = format!("sqlite://{}", folder.join("shared.db").display());
    let _first = Server::start(&one, &["--database-url", &url]);
    let second = run_on(&one, &["serve", "--listen", "127.0.0.1:0", "--database-url", &url]);
    second.refused(1, &["another server", "one"]);
    let beside = run_on(&other, &["serve", "--listen", "127.0.0.1:0", "--database-url", &url]);
    beside.refused(1, &["another server", "shared.db"]);
}

#[test]
fn a_wrong_or_missing_master_key_refuses_to_start() {
    let data = folder("master-key").join("data");
    let link = run_on(&data, &["init"]).json();
    assert!(link["setupLink"].as_str().unwrap().contains("/setup#token="));
    let key = std::fs::read(data.join("master.key")).unwrap();
    assert_eq!(key.len(), 32);

    std::fs::write(data.join("master.key"), [7; 32]).unwrap();
    run_on(&data, &["serve", "--listen", "127.0.0.1:0"]).refused(1, &["master key", "fingerprint"]);
    std::fs::write(data.join("master.key"), [7; 31]).unwrap();
    run_on(&data, &["serve", "--listen", "127.0.0.1:0"]).refused(1, &["master.key", "31 bytes"]);
    std::fs::remove_file(data.join("master.key")).unwrap();
    run_on(&data, &["serve", "--listen", "127.0.0.1:0"]).refused(1, &["master.key", "SEXTANT_MASTER_KEY"]);
    assert!(!data.join("master.key").exists(), "no new key may take its place");
    let doctor = run_on(&data, &["doctor"]);
    assert!(doctor.code == Some(1) && doctor.out.contains("\"ok\": false"), "{}", doctor.out);

    std::fs::write(data.join("master.key"), key).unwrap();
    assert_eq!(run_on(&data, &["doctor"]).json()["ok"], true);
}

#[test]
fn reading_makes_nothing() {
    let data = folder("mistyped").join("data");
    run_on(&data, &["keys", "list"]).refused(1, &["--data", "sextant init"]);
    assert!(!data.exists());
}

#[test]
fn what_is_changed_here_is_in_force_at_the_server_on_return() {
    let data = folder("keys").join("data");
    let server = Server::start(&data, &[]);
    for _ in 0..5 {
        let made = run_on(&data, &["keys", "create", "--name", "one", "--role", "ingestion"]).json();
        let (id, key) = (made["apiKey"]["id"].as_str().unwrap(), made["key"].as_str().unwrap());
        assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200);
        let refused = send(server.address, "POST", "/v2/integrations", Some(key), Some(&json!({})));
        assert!(matches!(refused.status, 403 | 404), "{refused:?}");

        let rotated = run_on(&data, &["keys", "rotate", id]).json();
        assert_eq!(get(server.address, SCHEMA, Some(key)).status, 401);
        let key = rotated["key"].as_str().unwrap();
        assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200);

        assert_eq!(run_on(&data, &["keys", "delete", &format!("sxt_{id}")]).json()["deleted"], true);
        assert_eq!(get(server.address, SCHEMA, Some(key)).status, 401);
    }
    assert_eq!(run_on(&data, &["keys", "list", "--all"]).json()["totalCount"], 0);
    assert_eq!(run_on(&data, &["audit", "verify"]).json()["sound"], true);
    assert!(server.stop().0.success());
}

#[test]
fn a_command_works_over_http_as_on_the_data() {
    let data = folder("over-http").join("data");
    let server = Server::start(&data, &[]);
    let url = format!("http://{}", server.address);
    let admin = run_on(&data, &["keys", "create", "--name", "admin", "--role", "admin"]).json();
    let admin = admin["key"].as_str().unwrap();
    let remote = |arguments: &[&str]| {
        let output = sextant(arguments).args(["--url", &url]).env("SEXTANT_API_KEY", admin).output();
        crate::support::Done::from(output.unwrap())
    };
    let csv = folder("over-http-csv").join("developers.csv");
    std::fs::write(
        &csv,
        "Full Name,Email,Manager Email\nAda,ada@example.com,\nBo,bo@example.com,ada@example.com\n",
    )
    .unwrap();
    let saved = remote(&["developers", "upload", csv.to_str().unwrap()]).json();
    assert_eq!(saved["changes"]["added"], 2);
    assert_eq!(remote(&["developers", "list"]).json(), run_on(&data, &["developers", "list"]).json());
    remote(&["keys", "create", "--name", "x", "--role", "admin"]).refused(1, &["PERMISSION_DENIED"]);
    let wrong =
        sextant(&["keys", "list", "--url", &url]).env("SEXTANT_API_KEY", "nonsense").output().unwrap();
    crate::support::Done::from(wrong).refused(1, &["INVALID_API_KEY"]);
    drop(server);
    remote(&["keys", "list"]).refused(1, &["cannot reach", "sextant serve"]);
}

#[test]
fn a_key_is_inspected_without_a_server_and_without_being_shown() {
    let data = folder("inspect").join("data");
    let made = run_on(&data, &["keys", "create", "--name", "one", "--role", "ingestion"]).json();
    let key = made["key"].as_str().unwrap();
    let good = run_with_input(&["keys", "inspect"], format!("{key}\n").as_bytes());
    assert_eq!(
        good.json(),
        json!({"valid": true, "form": true, "checksum": true, "id": made["apiKey"]["id"]})
    );
    let wrong = key.replace(&key[60..], if key.ends_with('0') { "000001" } else { "000000" });
    for (input, form) in [(wrong.as_str(), true), ("nonsense", false), ("", false)] {
        let bad = run_with_input(&["keys", "inspect"], input.as_bytes());
        assert_eq!(bad.code, Some(1));
        let report: serde_json::Value = serde_json::from_str(&bad.out).unwrap();
        assert_eq!((&report["valid"], &report["form"]), (&json!(false), &json!(form)), "{input}");
        assert!(!bad.out.contains(&key[17..60]) && !bad.err.contains(&key[17..60]));
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let script = format!("'{}' reference | head -1; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_sextant"));
    let done: crate::support::Done = Command::new("bash").args(["-c", &script]).output().unwrap().into();
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
}

#[test]
fn quickstart_ends_with_a_key_that_works_and_changes_nothing_the_second_time() {
    let folder = folder("quickstart");
    let (repo, data) = (folder.join("repo"), folder.join("data"));
    for arguments in [
        vec!["init", "-q", repo.to_str().unwrap()],
        vec!["-C", repo.to_str().unwrap(), "commit", "-q", "--allow-empty", "-m", "first"],
    ] {
        let mut git = Command::new("git");
        git.envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.com")]);
        git.envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.com")]);
        assert!(git.args(arguments).status().unwrap().success());
    }
    let quickstart = || {
        let mut command = sextant(&["quickstart", "--listen", "127.0.0.1:0"]);
        command.arg("--data").arg(&data).arg("--repo").arg(&repo);
        Server::spawn(command, &data)
    };
    let server = quickstart();
    let curl = std::iter::from_fn(|| server.line()).find(|line| line.starts_with("curl ")).unwrap();
    let key = curl.split(['"', ' ']).find(|word| word.starts_with("sxt_")).unwrap().to_owned();
    assert!(curl.ends_with(&format!("http://{}{SCHEMA}", server.address)), "{curl}");
    let schema = get(server.address, SCHEMA, Some(&key));
    assert_eq!((schema.status, &schema.json()["fieldMappings"][0]["csvColumn"]), (200, &json!("Full Name")));
    let developers = get(server.address, "/v2/developers", Some(&key)).json();
    assert_eq!(developers["developers"][0]["email"], "ada@example.com");
    assert!(!server.said().contains(&key));
    assert!(server.stop().0.success());

    let server = quickstart();
    let words = std::iter::from_fn(|| server.line()).find(|line| line.contains("in use"));
    assert!(words.is_some());
    assert_eq!(get(server.address, SCHEMA, Some(&key)).status, 200);
    assert_eq!(run_on(&data, &["keys", "list"]).json()["totalCount"], 1);
    let (status, rest) = server.stop();
    assert!(status.success() && !rest.iter().any(|line| line.contains("sxt_")), "{rest:?}");
}

#[test]
fn another_machine_needs_the_same_master_key_for_a_shared_database() {
    let database = Database::new("shared-database");
    let folder = folder("shared-database-nodes");
    let (one, other) = (folder.join("one"), folder.join("other"));
    let with_url = ["--database-url", &database.url];
    let first = Server::start(&one, &with_url);
    run_on(&other, &["serve", "--listen", "127.0.0.1:0", "--database-url", &database.url])
        .refused(1, &["master key", "SEXTANT_MASTER_KEY"]);
    assert!(!other.join("master.key").exists());
    std::fs::copy(one.join("master.key"), other.join("master.key")).unwrap();
    let second = Server::start(&other, &with_url);
    let create = ["keys", "create", "--name", "one", "--role", "ingestion", "--database-url", &database.url];
    let made = run_on(&one, &create).json();
    for server in [&first, &second] {
        assert_eq!(get(server.address, SCHEMA, made["key"].as_str()).status, 200);
    }
}
