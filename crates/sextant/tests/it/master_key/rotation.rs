//! A new master key comes into force while servers serve.

use super::{is_sound, printed, rotate, waiting};
use crate::site::{Client, Ground, Key, Session, Site, eventually, on_both_databases};
use crate::support::Server;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

on_both_databases! {
    nobody_notices_a_rotation
    what_is_used_is_re_keyed_and_nothing_that_ended_comes_back
    a_log_that_was_changed_is_not_sealed_anew
    a_link_made_before_works_after
}

const PATIENCE: Duration = Duration::from_secs(30);

/// Asks with these keys and this session until it is told to stop; every answer must be yes.
fn load(client: &Client, keys: Vec<Key>, session: Session, stop: &Arc<AtomicBool>) -> JoinHandle<usize> {
    let client = Client { document: None, ..client.clone() };
    let stop = stop.clone();
    std::thread::spawn(move || {
        let mut asked = 0;
        while !stop.load(Ordering::SeqCst) {
            for key in &keys {
                assert_eq!(client.opens(key), 200, "{} after {asked}", key.id);
                client.get("/v1/session").session(&session).expect(200);
                asked += 1;
            }
        }
        asked
    })
}

/// Makes keys on one server, and signs in there, until it is told to stop; each counts on the other at once.
fn making(
    which: usize,
    here: &Client,
    there: &Client,
    by: &Session,
    stop: &Arc<AtomicBool>,
) -> JoinHandle<Vec<Key>> {
    let (here, there) =
        (Client { document: None, ..here.clone() }, Client { document: None, ..there.clone() });
    let (by, stop) = (by.clone(), stop.clone());
    std::thread::spawn(move || {
        let mut made = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            let key = here.ingestion_key(&by, &format!("made by {which} {}", made.len()));
            assert_eq!((here.opens(&key), there.opens(&key)), (200, 200), "key {}", made.len());
            let path = format!("/v2/api-keys/{}/rotate", key.id);
            let renewed = Key::of(&here.post(&path, &json!({})).session(&by).expect(200));
            assert_eq!((there.opens(&key), there.opens(&renewed)), (401, 200), "key {}", made.len());
            made.push(renewed);
        }
        made
    })
}

fn nobody_notices_a_rotation(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let second = ground.postgres.then(|| site.another());
    let keys: Vec<Key> = (0..8).map(|number| site.ingestion_key(&admin, &format!("used {number}"))).collect();
    let idle: Vec<Key> = (0..3).map(|number| site.ingestion_key(&admin, &format!("idle {number}"))).collect();
    let first_key = std::fs::read(site.data.join("master.key")).unwrap();

    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = vec![load(&site, keys.clone(), admin.clone(), &stop)];
    threads.extend(
        second.iter().map(|second| load(&site.client_of(second), keys.clone(), admin.clone(), &stop)),
    );
    let (one, two) =
        (site.client_of(site.server()), site.client_of(second.as_ref().unwrap_or(site.server())));
    let makers = [making(1, &one, &two, &admin, &stop), making(2, &two, &one, &admin, &stop)];
    for round in 1..=3 {
        let report = rotate(&site);
        assert_eq!(report["servers"], 1 + usize::from(second.is_some()), "{report}");
        assert_eq!(report["serversLeftBehind"], 0);
        // What is made on one server counts on the other at once, keys and sessions.
        let key = site.ingestion_key(&admin, &format!("between {round}"));
        assert_eq!(two.opens(&key), 200);
        let session = site.admin();
        two.get("/v1/session").session(&session).expect(200);
        is_sound(&site);
    }
    stop.store(true, Ordering::SeqCst);
    let asked: Vec<usize> =
        threads.into_iter().map(|thread| thread.join().expect("every answer was yes")).collect();
    assert!(asked.iter().all(|asked| *asked > 0), "{asked:?}");
    let made: Vec<Key> =
        makers.into_iter().flat_map(|maker| maker.join().expect("every key counted")).collect();
    assert!(made.len() > 3, "{}", made.len());

    // The last of them are re-keyed a moment after their use; who was not used since waits.
    for key in keys.iter().chain(&made) {
        assert_eq!(site.opens(key), 200);
    }
    let between = 2;
    eventually("the used keys are re-keyed", PATIENCE, || waiting(&site) == idle.len() as u64 + between);
    let peppers = site.command(&["master-key", "status"])["peppers"].clone();
    assert_eq!(
        peppers.as_array().unwrap().len(),
        4,
        "every former master key has left its pepper: {peppers}"
    );

    let new_key = std::fs::read(site.data.join("master.key")).unwrap();
    assert_ne!(first_key, new_key);
    assert!(!site.data.join("master.key.next").exists());
    if let Some(second) = second {
        let own = site.data.with_file_name("another").join("master.key");
        assert_eq!(
            std::fs::read(&own).unwrap(),
            new_key,
            "the other server has put it in place for its next start"
        );
        second.stop();
    }
    site.stop();
    site.serve();
    for key in keys.iter().chain(&idle) {
        assert_eq!(site.opens(key), 200, "{}", key.shown["name"]);
    }
    site.get("/v1/session").session(&admin).expect(200);
    eventually("they are re-keyed, too", PATIENCE, || waiting(&site) == between);
    is_sound(&site);
    let entries = site.entries(&admin, "&type=INSTALLATION&action=ROTATED");
    assert_eq!(entries.len(), 3, "{entries:?}");

    site.stop();
    std::fs::write(site.data.join("master.key"), first_key).unwrap();
    site.run(&["keys", "list"]).refused(1, &["is not the one that", "fingerprint"]);
    std::fs::write(site.data.join("master.key"), new_key).unwrap();
    site.command(&["keys", "list"]);
}

fn what_is_used_is_re_keyed_and_nothing_that_ended_comes_back(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let path = |key: &Key| format!("/v2/api-keys/{}", key.id);
    let make = |name: &str| site.ingestion_key(&admin, name);
    let (deleted, disabled, rotated, overlapping) = (make("a"), make("b"), make("c"), make("d"));
    let rotate_key = |key: &Key, overlap: u64| {
        let body = json!({"overlapSeconds": overlap});
        Key::of(&site.post(&format!("{}/rotate", path(key)), &body).session(&admin).expect(200))
    };
    let renewed = rotate_key(&overlapping, 3600);
    rotate(&site);
    assert_eq!(waiting(&site), 4);
    // Each is used, and so noted, and changed before that is written down.
    for key in [&deleted, &disabled, &rotated, &overlapping, &renewed] {
        assert_eq!(site.opens(key), 200);
    }
    site.delete(&path(&deleted)).session(&admin).expect(204);
    site.patch(&path(&disabled), &json!({"enabled": false})).session(&admin).expect(200);
    let renewed_again = rotate_key(&rotated, 0);
    eventually("all that is left is re-keyed", PATIENCE, || waiting(&site) == 0);
    assert_eq!((site.opens(&deleted), site.opens(&rotated)), (401, 401));
    site.get("/v2/developers/schema").key(&disabled).refused(401, "API_KEY_DISABLED");
    assert_eq!((site.opens(&renewed_again), site.opens(&overlapping), site.opens(&renewed)), (200, 200, 200));
    let current = |status: &serde_json::Value| status["peppers"][0].clone();
    let status = site.command(&["master-key", "status"]);
    assert_eq!(current(&status)["pepper"], 2);
    assert_eq!(current(&status)["keys"], 3, "{status}");
    // The live former secret as well, and the one that was used before it was rotated out.
    eventually("former secrets follow", PATIENCE, || {
        current(&site.command(&["master-key", "status"]))["formerSecrets"] == 2
    });
    let metrics = site.get("/metrics").expect(200).text();
    assert!(metrics.contains("sextant_rekeyed_keys_total"), "{metrics}");
    // A key in an address was seen, not used.
    let seen = make("e");
    rotate(&site);
    site.get(&format!("/v2/developers?key={}", seen.secret)).expect(400);
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(waiting(&site) >= 1);
    is_sound(&site);
}

fn a_log_that_was_changed_is_not_sealed_anew(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    site.ingestion_key(&admin, "one");
    let before = std::fs::read(site.data.join("master.key")).unwrap();
    site.sql("update audit_entries set actor_name = 'mallory' where chain = 'account' and sequence = 1");
    site.run(&["master-key", "rotate", "--yes"]).refused(1, &["audit log", "sextant audit verify"]);
    site.sql(
        "update audit_entries set actor_name = 'admin@example.com' where chain = 'account' and sequence = 1",
    );
    site.sql("update audit_heads set seal = 'ab' where chain = 'account'");
    site.run(&["master-key", "rotate", "--yes"]).refused(1, &["audit log", "sextant audit verify"]);
    assert_eq!(std::fs::read(site.data.join("master.key")).unwrap(), before);
    assert!(!site.data.join("master.key.next").exists());
    assert_eq!(site.command(&["master-key", "status"])["peppers"].as_array().unwrap().len(), 1);
}

fn a_link_made_before_works_after(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let link = |email: &str| {
        let made = site.post("/v1/users", &json!({"email": email})).session(&admin).expect(201).json();
        made["setupLink"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned()
    };
    let use_link = |token: &str| {
        let body = json!({"token": token, "password": crate::site::PASSWORD});
        site.post("/v1/session/setup", &body)
            .header("origin", format!("http://{}", site.address))
            .send()
            .status
    };
    let (first, second) = (link("ada@example.com"), link("bob@example.com"));
    rotate(&site);
    site.get("/v1/session").session(&admin).expect(200);
    assert_eq!((use_link(&first), use_link(&first)), (200, 404), "once");
    assert_eq!(site.command(&["master-key", "status"])["peppers"][1]["links"], 1);
    site.command(&["master-key", "retire", "--yes"]);
    assert_eq!(use_link(&second), 404);
    // The administrator was seen since the rotation, so that session stays.
    site.get("/v1/session").session(&admin).expect(200);
}

#[test]
fn a_server_that_cannot_follow_lets_nobody_in() {
    let site = Site::start(Ground { postgres: true, name: "rotation-left-behind" });
    let admin = site.admin();
    let second = site.another();
    let other = site.client_of(&second);
    let key = site.ingestion_key(&admin, "one");
    assert_eq!(other.opens(&key), 200);
    second.signal("STOP");
    let done = site.run(&["master-key", "rotate", "--yes"]);
    let report = printed(&done);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert_eq!((&report["servers"], &report["serversLeftBehind"]), (&json!(1), &json!(1)));
    assert_eq!(site.opens(&key), 200);
    second.signal("CONT");
    second.wait_until_said("put it there and start again");
    for _ in 0..20 {
        assert_eq!(other.opens(&key), 503);
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(second);
    let again: Server = site.another();
    assert_eq!(site.client_of(&again).opens(&key), 200, "with the right key it serves again");
    is_sound(&site);
}
