//! What leaves a trace without being a change.

use crate::site::{Ground, Site, eventually, on_both_databases};
use crate::support::client::Answer;
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    refusals_are_counted
    keys_in_texts_are_redacted_and_marked_exposed
}

fn refusals_are_counted(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "curious");
    for _ in 0..5 {
        site.get("/v2/audit").key(&key).refused(403, "PERMISSION_DENIED");
    }
    site.get("/v2/developers/schema?projectIdentifier=other").key(&key).refused(403, "WRONG_PROJECT");
    site.get("/v2/developers?account=other").key(&key).refused(403, "WRONG_PROJECT");
    let viewer = site.person(&admin, "viewer@example.com", &json!([{"role": "VIEWER"}]));
    site.post("/v2/api-keys", &json!({})).session(&viewer).refused(403, "PERMISSION_DENIED");
    // Refused by the use case, not at the door.
    let strong = site.admin_key(&admin, "strong");
    site.post("/v2/api-keys", &json!({"name": "x", "role": "ADMIN"}))
        .key(&strong)
        .refused(403, "PERMISSION_DENIED");
    let found = |site: &Site, who: &str, route: &str| -> Vec<Value> {
        let all = site.entries(&admin, "&type=ACCESS&action=FAIL");
        all.into_iter()
            .filter(|entry| entry["actor"]["name"] == who && entry["after"]["route"] == route)
            .collect()
    };
    for (who, route, code) in [
        ("curious", "GET /v2/audit", "PERMISSION_DENIED"),
        ("curious", "GET /v2/developers/schema", "WRONG_PROJECT"),
        ("curious", "GET /v2/developers", "WRONG_PROJECT"),
        ("viewer@example.com", "POST /v2/api-keys", "PERMISSION_DENIED"),
        ("strong", "POST /v2/api-keys", "PERMISSION_DENIED"),
    ] {
        eventually(&format!("{who} {route}"), Duration::from_secs(8), || {
            !found(&site, who, route).is_empty()
        });
        let entry = &found(&site, who, route)[0];
        assert_eq!(
            (&entry["after"]["what"], &entry["address"]),
            (&json!(code), &json!("127.0.0.1")),
            "{entry}"
        );
    }
    // Counted, not one entry for each; what is not written yet is written at the end.
    site.get("/v2/audit").key(&key).refused(403, "PERMISSION_DENIED");
    site.stop();
    site.serve();
    let entries = found(&site, "curious", "GET /v2/audit");
    let counted: i64 = entries.iter().map(|entry| entry["after"]["count"].as_i64().unwrap()).sum();
    assert!(entries.len() <= 3 && counted == 6, "{entries:?}");
}

fn keys_in_texts_are_redacted_and_marked_exposed(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let keys: Vec<_> =
        (0..7).map(|number| site.ingestion_key(&admin, &format!("exposed {number}"))).collect();
    let clean = |what: &str, number: usize, answer: Answer| -> Answer {
        let secret = &keys[number].secret[17..];
        assert!(!answer.text().contains(secret), "{what}: {}", answer.text());
        answer
    };
    let make = |body: &Value| site.post("/v2/api-keys", body).session(&admin).send();
    let made = make(&json!({"name": format!("for {}", keys[0].secret), "role": "INGESTION"}));
    let made = clean("a name", 0, made).expect(201).json();
    assert!(
        made["apiKey"]["name"].as_str().unwrap().contains(&keys[0].id),
        "it can be told which key it was"
    );
    let path = format!("/v2/api-keys/{}", made["apiKey"]["id"].as_str().unwrap());
    let described = json!({"description": keys[1].secret});
    clean("a description", 1, site.patch(&path, &described).session(&admin).expect(200));
    let user =
        json!({"email": "named@example.com", "name": keys[2].secret, "password": "long enough a word"});
    clean("a person's name", 2, site.post("/v1/users", &user).session(&admin).expect(201));
    let org = json!({"identifier": "org", "name": keys[3].secret});
    clean("an organisation's name", 3, site.post("/v1/orgs", &org).session(&admin).expect(201));
    let field = json!({"name": "x", "role": "INGESTION", keys[4].secret.clone(): 1});
    clean("an unknown field", 4, make(&field).expect(400));
    let escaped = format!("{{\"name\":\"\\u0073{}\",\"role\":\"INGESTION\"}}", &keys[5].secret[1..]);
    let call = site.call("POST", "/v2/api-keys").session(&admin).body("application/json", escaped);
    clean("an escaped name", 5, call.expect(201));
    let agent = format!("curl/8 {}", keys[6].secret);
    site.get("/v2/developers/schema").key(&keys[0]).header("user-agent", &agent).expect(200);
    site.patch(&path, &json!({"description": "by agent"}))
        .session(&admin)
        .header("user-agent", &agent)
        .expect(200);
    clean("a user agent", 6, site.get("/v2/api-keys").session(&admin).expect(200));

    let exposed = |id: &str| site.entries(&admin, &format!("&action=EXPOSED&subjectId={id}"));
    for (number, key) in keys.iter().enumerate() {
        eventually(&format!("key {number} is marked"), Duration::from_secs(8), || {
            !exposed(&key.id).is_empty()
        });
        assert_eq!(exposed(&key.id)[0]["type"], "API_ACCESS_KEY");
    }
    let everything = json!(site.entries(&admin, "")).to_string() + &site.server().said();
    assert!(keys.iter().all(|key| !everything.contains(&key.secret[17..])));
    assert_eq!(site.opens(&keys[6]), 200);
}
