//! What a machine or a client can do to a server: no room on the disk, a database from the future, a body that drips.

use crate::support::client::{connect, get, send};
use crate::support::{Done, Server, folder, run_on, sextant};
use serde_json::json;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

const SCHEMA: &str = "/v2/developers/schema";

/// Files of the server cannot grow beyond this many kilobytes: what a full disk looks like to it.
fn with_little_room(data: &std::path::Path, kilobytes: u32) -> Server {
    let serve = sextant(&["serve", "--listen", "127.0.0.1:0", "--data"]);
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).arg(serve.get_program()).args(serve.get_args()).arg(data);
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Server::spawn(command, data)
}

#[test]
fn a_full_disk_refuses_changes_and_loses_nothing() {
    let data = folder("full-disk").join("data");
    run_on(&data, &["init"]);
    let made = run_on(&data, &["keys", "create", "--name", "first", "--role", "admin"]).json();
    let key = made["key"].as_str().unwrap().to_owned();
    // With the log written back, the file is as small as it gets.
    assert!(Server::start(&data, &[]).stop().0.success());

    let server = with_little_room(&data, 1500);
    let mut acknowledged = Vec::new();
    let mut refused = None;
    for number in 0..2_000 {
        let description = "x".repeat(1000);
        let body = json!({"name": format!("key {number}"), "role": "INGESTION", "description": description});
        let answer = send(server.address, "POST", "/v2/api-keys", Some(&key), Some(&body));
        if answer.status == 201 {
            acknowledged.push(answer.json()["key"].as_str().unwrap().to_owned());
        } else {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the disk was full at some time");
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("UNAVAILABLE")));
    assert!(!refused.json()["message"].as_str().unwrap().contains("sqlite"), "nothing of the inside is told");
    assert!(acknowledged.len() > 10, "{} keys", acknowledged.len());
    drop(server);

    let server = Server::start(&data, &[]);
    for key in &acknowledged {
        assert_eq!(get(server.address, SCHEMA, Some(key)).status, 200, "what was acknowledged is there");
    }
    let list = get(server.address, "/v2/api-keys?pageSize=1", Some(&key)).json();
    assert_eq!(list["totalCount"].as_u64(), Some(acknowledged.len() as u64 + 1), "and nothing else");
    assert_eq!(run_on(&data, &["audit", "verify"]).code, Some(0));
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let data = folder("newer").join("data");
    run_on(&data, &["init"]);
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
        c.execute(\"insert into _sqlx_migrations select 9999, 'later', installed_on, success, checksum, execution_time \
        from _sqlx_migrations limit 1\")\nc.commit()\n";
    let file = data.join("sextant.db");
    let done = Command::new("python3").args(["-c", script]).arg(&file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    run_on(&data, &["serve", "--listen", "127.0.0.1:0"]).refused(1, &["newer version"]);
    let list: Done = run_on(&data, &["keys", "list"]);
    list.refused(1, &["newer version"]);
}

#[test]
fn a_body_that_drips_is_not_waited_for() {
    let data = folder("drip").join("data");
    run_on(&data, &["init"]);
    let made = run_on(&data, &["keys", "create", "--name", "first", "--role", "admin"]).json();
    let server = Server::start(&data, &[]);
    let mut stream = connect(server.address);
    let head = format!(
        "POST /v2/api-keys HTTP/1.1\r\nHost: x\r\nx-api-key: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100000\r\n\r\n",
        made["key"].as_str().unwrap()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let began = Instant::now();
    while stream.write_all(b" ").is_ok() && began.elapsed() < Duration::from_secs(40) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(began.elapsed() < Duration::from_secs(40), "the connection was ended");
    assert_eq!(get(server.address, "/healthz", None).status, 200);
}

/// SQLite's locks belong to the process: a server that opened and closed one of its files by itself would lose them, and
/// the next command would cut the shared index off under the server.
#[test]
fn commands_beside_a_server_take_nothing_apart() {
    let data = folder("beside").join("data");
    run_on(&data, &["init"]);
    let made = run_on(&data, &["keys", "create", "--name", "first", "--role", "admin"]).json();
    let key = made["key"].as_str().unwrap();
    let mut server = Server::start(&data, &[]);
    let address = server.address;
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The server reads and writes all the time, so that it notices whatever is done to the files it has mapped.
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    assert_eq!(get(address, "/v2/api-keys", Some(key)).status, 200);
                }
            });
        }
        for number in 0..25 {
            let name = format!("key {number}");
            let made = run_on(&data, &["keys", "create", "--name", &name, "--role", "ingestion"]).json();
            assert_eq!(get(address, SCHEMA, made["key"].as_str()).status, 200, "{name}");
            let id = made["apiKey"]["id"].as_str().unwrap();
            assert_eq!(run_on(&data, &["keys", "delete", id, "--yes"]).code, Some(0));
            assert_eq!(get(address, SCHEMA, made["key"].as_str()).status, 401, "{name}");
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    server.signal("TERM");
    assert!(server.wait().success(), "the server lived to its end");
    let script = "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute('pragma integrity_check').fetchone()[0])";
    let checked = Command::new("python3").args(["-c", script]).arg(data.join("sextant.db")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&checked.stdout).trim(), "ok");
}
