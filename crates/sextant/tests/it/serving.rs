//! The server from its ready line to its end.

use crate::support::client::{connect, get, read_answer, send};
use crate::support::{Server, folder, run_on};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn the_ready_line_is_the_only_one_on_stdout() {
    let server = Server::start(&folder("ready-line").join("data"), &["--access-log"]);
    assert_eq!(server.ready_line, format!("listening on http://{}", server.address));
    assert_eq!(get(server.address, "/healthz", None).status, 200);
    assert_eq!(get(server.address, "/readyz", None).status, 200);
    server.wait_until_said("/setup#token=");
    let (status, rest) = server.stop();
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
}

#[test]
fn the_first_administrator_can_come_from_the_environment() {
    let data = folder("first-admin").join("data");
    let with = |command: &mut std::process::Command| {
        command.env("SEXTANT_ADMIN_EMAIL", "ada@example.com");
        command.env("SEXTANT_ADMIN_PASSWORD", "correct horse battery staple");
    };
    let server = Server::start_with(&data, &[], with);
    assert!(!server.said().contains("/setup#token="));
    assert!(server.stop().0.success());
    let half = crate::support::sextant(&["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder("first-admin-half").join("data"))
        .env("SEXTANT_ADMIN_EMAIL", "ada@example.com")
        .output();
    crate::support::Done::from(half.unwrap()).refused(2, &["SEXTANT_ADMIN_PASSWORD"]);
}

#[test]
fn who_sends_nothing_or_half_a_head_is_shown_the_door() {
    let server = Server::start(&folder("silent").join("data"), &["--header-timeout-ms", "300"]);
    for sent in ["", "GET /healthz HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = connect(server.address);
        stream.write_all(sent.as_bytes()).unwrap();
        let began = Instant::now();
        assert_eq!(closed(&mut stream), 0, "{sent}");
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    // One byte at a time does not buy more time.
    let mut stream = connect(server.address);
    let began = Instant::now();
    while stream.write_all(b"G").is_ok() && began.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(began.elapsed() < Duration::from_secs(20));
    // A connection that was used is not kept for ever either.
    let mut stream = connect(server.address);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(closed(&mut stream) > 0);
    assert_eq!(get(server.address, "/healthz", None).status, 200);
}

/// Reads until the other side closes; how much there was.
fn closed(stream: &mut TcpStream) -> usize {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    rest.len()
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = Server::start(&folder("large-head").join("data"), &[]);
    let mut stream = connect(server.address);
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nx-filler: {}\r\n\r\n", "a".repeat(300_000));
    // The server stops reading before everything is sent, which can reset the connection under its own answer.
    let _ = stream.write_all(head.as_bytes());
    let mut status = [0; 12];
    let answered = stream.read_exact(&mut status);
    assert!(answered.is_err() || &status == b"HTTP/1.1 431", "{status:?}");
    assert_eq!(get(server.address, "/healthz", None).status, 200);
}

#[test]
fn what_is_under_way_is_finished_before_the_end() {
    let data = folder("graceful").join("data");
    let mut server = Server::start(&data, &[]);
    let made = run_on(&data, &["keys", "create", "--name", "admin", "--role", "admin"]).json();
    let key = made["key"].as_str().unwrap();
    let body = json!({"name": "made while stopping", "role": "INGESTION"}).to_string();
    let head = format!(
        "POST /v2/api-keys HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let idle = connect(server.address);
    let mut stream = connect(server.address);
    stream.write_all(format!("{head}{}", &body[..10]).as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    server.signal("TERM");
    server.wait_until_said("stopping");
    std::thread::sleep(Duration::from_millis(200));
    assert!(TcpStream::connect(server.address).is_err(), "nobody is let in any more");
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let answer = read_answer(&mut stream);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(server.wait().success());
    drop(idle);
    let names = run_on(&data, &["keys", "list", "--search", "while stopping"]).json();
    assert_eq!(names["totalCount"], 1);
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start(&folder("second-signal").join("data"), &[]);
    let mut stream = connect(server.address);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    server.signal("TERM");
    server.wait_until_said("stopping");
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(1));
    assert!(began.elapsed() < Duration::from_secs(8));
}

#[test]
fn usage_is_exact_after_a_clean_stop() {
    let data = folder("usage").join("data");
    let server = Server::start(&data, &[]);
    let made = run_on(&data, &["keys", "create", "--name", "one", "--role", "ingestion"]).json();
    for _ in 0..7 {
        assert_eq!(get(server.address, "/v2/developers/schema", made["key"].as_str()).status, 200);
    }
    assert!(server.stop().0.success());
    let key = run_on(&data, &["keys", "show", made["apiKey"]["id"].as_str().unwrap()]).json();
    assert_eq!(key["apiKey"]["requestCount"], 7);
    assert_eq!(key["apiKey"]["lastUsedAddress"], "127.0.0.1");
}

#[test]
fn more_clients_than_allowed_wait_their_turn() {
    let server = Server::start(&folder("crowded").join("data"), &["--max-connections", "1"]);
    let first = connect(server.address);
    let address = server.address;
    let (send_answer, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || send_answer.send(get(address, "/healthz", None).status));
    assert!(answer.recv_timeout(Duration::from_millis(500)).is_err(), "there was no room yet");
    drop(first);
    assert_eq!(answer.recv_timeout(Duration::from_secs(30)), Ok(200));
}

#[test]
fn a_key_never_reaches_the_log() {
    let data = folder("log").join("data");
    let server = Server::start(&data, &["--access-log", "--log-level", "trace"]);
    let made = run_on(&data, &["keys", "create", "--name", "one", "--role", "ingestion"]).json();
    let key = made["key"].as_str().unwrap();
    assert_eq!(get(server.address, &format!("/v2/developers?emails={key}"), None).status, 400);
    assert_eq!(send(server.address, "PUT", &format!("/v2/{key}"), Some(key), None).status, 400);
    assert_eq!(get(server.address, "/v2/developers/schema", Some(key)).status, 200);
    let log = server.log.clone();
    assert!(server.stop().0.success());
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/v2/developers") && !log.contains(&key[17..]));
}
