//! What a call that takes power away waits for, and what it says of that.

use crate::site::{Client, Ground, Key, Site, eventually, on_both_databases};
use crate::support::client::Answer;
use serde_json::json;
use std::time::Duration;

on_both_databases! {
    the_answer_says_for_how_long_it_was_waited
}

/// For how long a process is believed after it last said what it has applied.
const LEASE: Duration = Duration::from_secs(4);

/// What the answer says of the fence.
fn waited(answer: &Answer) -> Duration {
    let timing = answer.header("server-timing").expect("it says so");
    let milliseconds: f64 = timing.strip_prefix("fence;dur=").unwrap().parse().unwrap();
    Duration::from_secs_f64(milliseconds / 1000.0)
}

fn path(key: &Key) -> String {
    format!("/v2/api-keys/{}", key.id)
}

fn the_answer_says_for_how_long_it_was_waited(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "one");
    waited(&site.patch(&path(&key), &json!({"enabled": false})).session(&admin).expect(200));
    waited(&site.patch(&path(&key), &json!({"enabled": true})).session(&admin).expect(200));
    waited(&site.post(&format!("{}/rotate", path(&key)), &json!({})).session(&admin).expect(200));
    waited(&site.delete(&path(&key)).session(&admin).expect(204));
    let key = site.ingestion_key(&admin, "another");
    waited(&site.delete("/v2/api-keys/self").key(&key).expect(204));
    assert!(site.get(&path(&key)).session(&admin).send().header("server-timing").is_none());
}

#[test]
fn a_server_that_is_back_is_not_waited_for_as_it_was_before() {
    let mut site = Site::start(Ground { postgres: true, name: "fence-back" });
    let admin = site.admin();
    for round in 0..2 {
        let key = site.ingestion_key(&admin, &format!("round {round}"));
        site.kill();
        site.serve();
        let answer = site.delete(&path(&key)).session(&admin).expect(204);
        assert!(waited(&answer) < LEASE, "{:?}: it knows that it was killed itself", waited(&answer));
        assert_eq!(site.opens(&key), 401);
    }
}

#[test]
fn a_repeated_call_waits_as_the_first_one_does() {
    let site = Site::start(Ground { postgres: true, name: "fence-repeated" });
    let admin = site.admin();
    let repeated = |what: &str, first: &(dyn Fn(&Client, &Key) -> Answer + Sync)| {
        let mut second = site.another();
        let other = site.client_of(&second);
        let key = site.ingestion_key(&admin, what);
        let number = site.entries(&admin, "").len();
        let client: &Client = &site;
        assert_eq!(other.opens(&key), 200);
        second.signal("STOP");
        std::thread::scope(|scope| {
            let first_call = scope.spawn(|| first(client, &key));
            eventually("the change is there", Duration::from_secs(20), || {
                site.entries(&admin, "").len() > number
            });
            let answer = first(client, &key);
            second.signal("CONT");
            let status = other.opens(&key);
            assert!(status == 401 || status == 503, "{what}: {status} after it was answered again");
            assert!(first_call.join().unwrap().status < 300, "{what}");
            assert!(answer.status < 300 || answer.status == 404, "{what}: {}", answer.status);
        });
        second.signal("KILL");
        second.wait();
        site.delete(&path(&key)).session(&admin).send();
    };
    repeated("disabled", &|client, key| {
        client.patch(&path(key), &json!({"enabled": false})).session(&admin).send()
    });
    repeated("rotated", &|client, key| {
        let call = client.post(&format!("{}/rotate", path(key)), &json!({})).session(&admin);
        call.header("Idempotency-Key", "again").send()
    });
    repeated("deleted", &|client, key| client.delete(&path(key)).session(&admin).send());
}
