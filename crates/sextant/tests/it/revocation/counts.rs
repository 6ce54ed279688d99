//! What several processes count of one key adds up: nothing is lost, nothing is counted twice.

use super::trio::Trio;
use super::wire::Wire;
use crate::site::{Ground, Site, eventually};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SCHEMA: &str = "/v2/developers/schema";

#[test]
fn three_servers_and_the_command_line_add_up() {
    let mut trio = Trio::start("counts-servers");
    let keys: Vec<_> = (0..6).map(|number| trio.make(&format!("counted {number}"), &json!({}))).collect();
    let mut expected = vec![0_u64; keys.len()];
    for round in 0..3 {
        let clients: Vec<_> = (0..3).map(|number| trio.client(number)).collect();
        std::thread::scope(|scope| {
            for client in &clients {
                scope.spawn(|| {
                    for key in &keys {
                        for _ in 0..10 {
                            client.get(SCHEMA).key(key).expect(200);
                        }
                        // Let in and then refused counts; not let in does not.
                        client.get("/v2/api-keys").key(key).refused(403, "PERMISSION_DENIED");
                        let wrong = crate::site::other_secret(&key.secret);
                        client.get(SCHEMA).key(wrong).refused(401, "INVALID_API_KEY");
                    }
                });
            }
        });
        expected.iter_mut().for_each(|count| *count += 33);
        // Each ends cleanly once, while the others go on and commands change the same keys.
        trio.stop(round);
        assert_eq!(trio.run(&["keys", "list"]).code, Some(0));
        trio.serve(round);
    }
    (0..3).for_each(|number| trio.stop(number));
    let listed = trio.run(&["keys", "list", "--output", "json"]).json();
    let count = |id: &str| {
        let list = listed["apiKeys"].as_array().unwrap();
        list.iter().find(|key| key["id"] == id).map(|key| key["requestCount"].clone()).unwrap_or_default()
    };
    let counted: Vec<Value> = keys.iter().map(|key| count(&key.id)).collect();
    assert_eq!(counted, expected.iter().map(|count| json!(count)).collect::<Vec<_>>());
}

/// The database wrote a batch down, and the connection ended before it could say so.
#[test]
fn a_batch_whose_answer_was_lost_is_counted_once() {
    let held = Arc::new(Mutex::new(None));
    let tied = held.clone();
    let ground = Ground { postgres: true, name: "counts-lost-answer" };
    let mut site = Site::start_through(ground, &[], move |url| {
        let (address, wire) = Wire::to(url);
        *tied.lock().unwrap() = Some(wire);
        address
    });
    let wire: Wire = held.lock().unwrap().take().unwrap();
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "counted");
    wire.cut_after("api_key_usage", "COMMIT");
    (0..50).for_each(|_| assert_eq!(site.opens(&key), 200));
    eventually("a batch was cut off", Duration::from_secs(30), || wire.has_cut());
    eventually("it serves again", Duration::from_secs(30), || site.get("/readyz").send().status == 200);
    let written = || site.get("/metrics").send().text().contains("sextant_usage_batches_total 1");
    eventually("the next batch was written", Duration::from_secs(30), written);
    assert_eq!(site.shown(&admin, &key.id)["requestCount"], 50, "while it runs");
    site.stop();
    site.serve();
    assert_eq!(site.shown(&admin, &key.id)["requestCount"], 50, "written down");
}
