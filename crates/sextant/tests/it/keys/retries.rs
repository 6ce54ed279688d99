//! Requests that are sent twice.

use crate::site::{By, Ground, Key, Site, on_both_databases};
use crate::support::client::Answer;
use serde_json::{Value, json};

on_both_databases! {
    a_retried_request_changes_nothing
}

fn a_retried_request_changes_nothing(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let send = |path: &str, by: By<'_>, retry: &str, body: &Value| -> Answer {
        site.post(path, body).by(by).header("idempotency-key", retry).send()
    };
    let me = || By::from(&admin);
    let body = json!({"name": "once", "role": "INGESTION"});
    let first = send("/v2/api-keys", me(), "retry-1", &body).expect(201);
    let key = Key::of(&first);
    // The same again, and the same in another order with other spaces.
    for text in [body.to_string(), "{ \"role\":\"INGESTION\",\n \"name\" : \"once\" }".to_owned()] {
        let call = site.call("POST", "/v2/api-keys").session(&admin).body("application/json", text);
        let again = call.header("idempotency-key", "retry-1").expect(201).json();
        assert_eq!((&again["apiKey"], &again["key"]), (&key.shown, &Value::Null));
    }
    let other = json!({"name": "twice", "role": "INGESTION"});
    send("/v2/api-keys", me(), "retry-1", &other).refused(409, "IDEMPOTENCY_MISMATCH");
    let (one, two) = (site.admin_key(&admin, "one"), site.admin_key(&admin, "two"));
    // Someone else's retry is another request.
    let theirs = Key::of(&send("/v2/api-keys", By::from(&one), "retry-1", &other).expect(201));
    send("/v2/api-keys", By::from(&two), "retry-1", &other).refused(409, "NAME_TAKEN");
    let list = site.get("/v2/api-keys").session(&admin).expect(200).json();
    assert_eq!(list["totalCount"], 4);
    for wrong in ["x".repeat(256).as_str(), "a\u{e9}"] {
        send("/v2/api-keys", me(), wrong, &json!({"name": "wrong", "role": "INGESTION"}))
            .refused(400, "INVALID_REQUEST");
    }
    let path = format!("/v2/api-keys/{}/rotate", key.id);
    let rotated = Key::of(&send(&path, me(), "retry-1", &json!({"overlapSeconds": 60})).expect(200));
    let again = send(&path, me(), "retry-1", &json!({"overlapSeconds": 60})).expect(200).json();
    assert_eq!((&again["key"], &again["apiKey"]["rotatedAt"]), (&Value::Null, &rotated.shown["rotatedAt"]));
    send(&path, me(), "retry-1", &json!({"overlapSeconds": 61})).refused(409, "IDEMPOTENCY_MISMATCH");
    assert_eq!((site.opens(&key), site.opens(&rotated), site.opens(&theirs)), (200, 200, 200));
    let changes = site.entries(&admin, &format!("&subjectId={}", key.id));
    assert_eq!(changes.len(), 2, "made once, rotated once");
    // What the first request made is gone: the retry says so and makes nothing.
    site.delete(&format!("/v2/api-keys/{}", key.id)).session(&admin).expect(204);
    send("/v2/api-keys", me(), "retry-1", &body).refused(404, "NOT_FOUND");
}
