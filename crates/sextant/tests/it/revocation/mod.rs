//! Taking power away holds everywhere when the call returns, and what was acknowledged stays.

mod clocks;
mod counts;
mod overlap;
mod steps;
mod storm;
mod trio;
mod wire;

use crate::site::{Client, Ground, Key, Site, eventually, on_both_databases, timed};
use serde_json::json;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use wire::{CUT, OPEN, SILENT, Wire};

on_both_databases! {
    the_command_line_counts_at_once
    no_request_begun_after_a_deletion_succeeds
    what_was_acknowledged_survives_a_kill
    without_a_database_nobody_is_let_in
}

/// Longer than a lease, with what the one who waits adds to it.
const LEASE: Duration = Duration::from_secs(6);

fn delete(client: &Client, by: &crate::site::Session, key: &Key) {
    client.delete(&format!("/v2/api-keys/{}", key.id)).session(by).expect(204);
}

fn the_command_line_counts_at_once(ground: Ground) {
    let site = Site::start(ground);
    for number in 0..3 {
        let name = format!("shell {number}");
        let made = site.command(&["keys", "create", "--name", &name, "--role", "ingestion"]);
        let key = made["key"].as_str().unwrap();
        assert_eq!(site.opens(key), 200, "usable when the command returns");
        let id = made["apiKey"]["id"].as_str().unwrap();
        let rotated = site.command(&["keys", "rotate", id, "--yes"]);
        let renewed = rotated["key"].as_str().unwrap();
        assert_eq!((site.opens(key), site.opens(renewed)), (401, 200));
        let (_, took) = timed(|| site.command(&["keys", "delete", id, "--yes"]));
        site.get("/v2/developers/schema").key(renewed).refused(401, "INVALID_API_KEY");
        assert!(took < Duration::from_secs(4), "{took:?}: nobody waits for a lease to run out");
    }
}

fn no_request_begun_after_a_deletion_succeeds(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    for round in 0..50 {
        let key = site.ingestion_key(&admin, &format!("round {round}"));
        let gone = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..3)
            .map(|_| {
                let (client, key, gone) =
                    (Client { document: None, ..(*site).clone() }, key.clone(), gone.clone());
                std::thread::spawn(move || {
                    let mut after = 0;
                    let mut before = 0;
                    while after < 3 {
                        let late = gone.load(Ordering::SeqCst);
                        let status = client.opens(&key);
                        assert!(status == 401 || (status == 200 && !late), "{status} after the deletion");
                        after += usize::from(late);
                        before += usize::from(status == 200);
                    }
                    before
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(5));
        delete(&site, &admin, &key);
        gone.store(true, Ordering::SeqCst);
        let before: usize = load.into_iter().map(|one| one.join().expect("none got through")).sum();
        assert!(before > 0 || round > 0, "there was load before");
    }
}

#[test]
fn two_servers_agree_before_a_deletion_is_answered() {
    let site = Site::start(Ground { postgres: true, name: "revocation-two-servers" });
    let admin = site.admin();
    let mut second = site.another();
    let other = site.client_of(&second);
    for number in 0..10 {
        let key = site.ingestion_key(&admin, &format!("both {number}"));
        assert_eq!((site.opens(&key), other.opens(&key)), (200, 200), "made on one, usable on both");
        let ((), took) = timed(|| delete(&site, &admin, &key));
        assert_eq!((other.opens(&key), site.opens(&key)), (401, 401));
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    let path = |key: &Key| format!("/v2/api-keys/{}", key.id);
    let key = other.make_key(&admin, &json!({"name": "narrowed", "role": "INGESTION"}));
    other.patch(&path(&key), &json!({"enabled": false})).session(&admin).expect(200);
    site.get("/v2/developers/schema").key(&key).refused(401, "API_KEY_DISABLED");
    other.patch(&path(&key), &json!({"enabled": true})).session(&admin).expect(200);
    other.patch(&path(&key), &json!({"scopes": ["ingestion:write"]})).session(&admin).expect(200);
    site.get("/v2/developers/schema").key(&key).refused(403, "PERMISSION_DENIED");
    // Sessions and their end are the same everywhere, too.
    other.delete("/v1/session").session(&site.admin()).expect(204);

    // A server that died is waited for as long as it could still be believed, and no longer.
    let key = site.ingestion_key(&admin, "widow");
    second.signal("KILL");
    second.wait();
    let ((), took) = timed(|| delete(&site, &admin, &key));
    assert!(took < LEASE + Duration::from_secs(1), "{took:?}");
    let key = site.ingestion_key(&admin, "after");
    let ((), took) = timed(|| delete(&site, &admin, &key));
    assert!(took < Duration::from_secs(1), "{took:?}: it is not waited for again");

    // A server that was stopped in its tracks does not believe itself when it goes on.
    let second = site.another();
    let other = site.client_of(&second);
    let key = site.ingestion_key(&admin, "frozen");
    assert_eq!(other.opens(&key), 200);
    second.signal("STOP");
    let ((), took) = timed(|| delete(&site, &admin, &key));
    assert!(took < LEASE + Duration::from_secs(1), "{took:?}");
    second.signal("CONT");
    let status = other.opens(&key);
    assert!(status == 401 || status == 503, "{status}");
    let live = site.ingestion_key(&admin, "live");
    eventually("it serves again", Duration::from_secs(15), || other.opens(&live) == 200);
    assert_eq!(other.opens(&key), 401);
}

fn what_was_acknowledged_survives_a_kill(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let (mut made, mut deleted, mut rotated) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..3 {
        for number in 0..4 {
            let key = site.ingestion_key(&admin, &format!("{round} {number}"));
            match number {
                0 => {
                    delete(&site, &admin, &key);
                    deleted.push(key);
                }
                1 => {
                    let path = format!("/v2/api-keys/{}/rotate", key.id);
                    made.push(Key::of(&site.post(&path, &json!({})).session(&admin).expect(200)));
                    rotated.push(key);
                }
                _ => made.push(key),
            }
        }
        site.kill();
        site.serve();
        assert!(made.iter().all(|key| site.opens(key) == 200), "made keys are there");
        assert!(deleted.iter().chain(&rotated).all(|key| site.opens(key) == 401), "ended keys are not");
    }
    assert_eq!(site.command(&["audit", "verify"])["sound"], true);
}

fn without_a_database_nobody_is_let_in(ground: Ground) {
    if ground.postgres {
        let wire = Arc::new(Mutex::new(None));
        let tied = wire.clone();
        let site = Site::start_through(ground, &[], move |url| {
            let (address, made) = Wire::to(url);
            *tied.lock().unwrap() = Some(made);
            address
        });
        let wire = wire.lock().unwrap().take().unwrap();
        // Cut, and silent: one is noticed at once, the other never.
        refuses_while(&site, || wire.set(CUT), || wire.set(OPEN));
        let mend = || {
            // What was silent has lost what was said: those connections are of no more use.
            wire.set(CUT);
            wire.set(OPEN);
        };
        refuses_while(&site, || wire.set(SILENT), mend);
        return;
    }
    // Whoever cannot write cannot renew the lease.
    let site = Site::start(ground);
    let file = site.data.join("sextant.db");
    let holder = Mutex::new(None);
    refuses_while(
        &site,
        || {
            let script = "import sqlite3, sys, time\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                c.execute('pragma busy_timeout = 5000')\nc.execute('begin immediate')\nprint('held', flush=True)\n\
                time.sleep(60)\n";
            let mut child = Command::new("python3")
                .args(["-c", script])
                .arg(&file)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdout.as_mut().unwrap().read_exact(&mut [0; 4]).unwrap();
            *holder.lock().unwrap() = Some(child);
        },
        || {
            let mut child = holder.lock().unwrap().take().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        },
    );
}

fn refuses_while(site: &Site, take: impl Fn(), give: impl Fn()) {
    eventually("ready", Duration::from_secs(20), || site.get("/readyz").send().status == 200);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, &format!("{:?}", Instant::now()));
    assert_eq!(site.opens(&key), 200);
    take();
    let began = Instant::now();
    eventually("it says that it cannot tell", LEASE, || site.opens(&key) == 503);
    assert!(began.elapsed() < LEASE);
    let refused = site.get("/v2/developers/schema").key(&key).refused(503, "UNAVAILABLE");
    assert!(refused.header("retry-after").is_some());
    assert_eq!(site.get("/healthz").send().status, 200, "the process is up all the same");
    for _ in 0..10 {
        assert_eq!(site.opens(&key), 503, "and stays with that");
        std::thread::sleep(Duration::from_millis(50));
    }
    give();
    eventually("it serves again", Duration::from_secs(30), || site.opens(&key) == 200);
}
