//! New secrets for old keys.

use crate::site::{Ground, Key, Session, Site, eventually, on_both_databases};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    a_rotated_key_has_at_most_two_secrets
    the_first_use_of_the_new_secret_can_end_the_old
}

fn rotate(site: &Site, admin: &Session, id: &str, body: &Value) -> Key {
    let answer = site.post(&format!("/v2/api-keys/{id}/rotate"), body).session(admin).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    Key::of(&answer)
}

fn a_rotated_key_has_at_most_two_secrets(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let first = site
        .make_key(&admin, &json!({"name": "r", "role": "INGESTION", "expiresAt": "2099-01-01T00:00:00Z"}));
    let id = first.id.clone();
    for (field, value) in [
        ("overlapSeconds", json!(-1)),
        ("overlapSeconds", json!(2_592_001)),
        ("overlapSeconds", json!("1h")),
        ("overlap", json!(1)),
    ] {
        let path = format!("/v2/api-keys/{id}/rotate");
        site.post(&path, &json!({field: value})).session(&admin).refused(400, "INVALID_REQUEST");
    }
    let second = rotate(&site, &admin, &id, &json!({"overlapSeconds": 3600}));
    assert_eq!(second.id, id, "the same record");
    for field in ["name", "createdAt", "createdBy", "expiresAt", "scopes"] {
        assert_eq!(second.shown[field], first.shown[field], "{field}");
    }
    assert!(second.shown["rotatedAt"].is_string() && second.shown["previousValidUntil"].is_string());
    assert_eq!((site.opens(&first), site.opens(&second)), (200, 200), "both, for an hour");

    let third = rotate(&site, &admin, &id, &json!({"overlapSeconds": 3600}));
    assert_eq!((site.opens(&first), site.opens(&second), site.opens(&third)), (401, 200, 200), "two at most");
    let fourth = rotate(&site, &admin, &id, &json!({}));
    assert_eq!((site.opens(&second), site.opens(&third), site.opens(&fourth)), (401, 401, 200), "no overlap");
    assert_eq!(fourth.shown["previousValidUntil"], Value::Null);

    let fifth = rotate(&site, &admin, &id, &json!({"overlapSeconds": 1}));
    assert_eq!(site.opens(&fifth), 200);
    eventually("the overlap is over", Duration::from_secs(10), || site.opens(&fourth) == 401);
    assert_eq!(site.shown(&admin, &id)["previousValidUntil"], Value::Null);
    // The use of a secret that was rotated out is noted.
    let noted = || site.entries(&admin, &format!("&subjectId={id}&action=FAIL"));
    eventually("noted", Duration::from_secs(10), || !noted().is_empty());
    assert!(noted()[0]["after"]["what"].as_str().unwrap().contains("rotated-out"));

    // A key can rotate itself, and with it can end what it made.
    let parent = site.admin_key(&admin, "parent");
    let child = site.ingestion_key(&parent, "child");
    let path = format!("/v2/api-keys/{}/rotate", parent.id);
    let renewed = Key::of(&site.post(&path, &json!({})).key(&parent).expect(200));
    assert_eq!((site.opens(&parent), site.opens(&renewed), site.opens(&child)), (401, 200, 200));
    let renewed = Key::of(&site.post(&path, &json!({"deleteOffspring": true})).key(&renewed).expect(200));
    assert_eq!((site.opens(&renewed), site.opens(&child)), (200, 401));
    site.get(&format!("/v2/api-keys/{}", child.id)).session(&admin).refused(404, "NOT_FOUND");
    assert_eq!(site.shown(&admin, &first.id)["status"], "ACTIVE");
}

fn the_first_use_of_the_new_secret_can_end_the_old(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let old = site.ingestion_key(&admin, "first use");
    let body = json!({"overlapSeconds": 3600, "endOverlapOnFirstUse": true});
    let new = rotate(&site, &admin, &old.id, &body);
    assert_eq!((site.opens(&old), site.opens(&old)), (200, 200), "as long as the new one rests");
    assert!(site.shown(&admin, &old.id)["previousValidUntil"].is_string());
    assert_eq!(site.opens(&new), 200);
    assert_eq!(site.opens(&old), 401);
    assert_eq!(site.shown(&admin, &old.id)["previousValidUntil"], Value::Null);
    // It was written down before that first request was answered.
    let again = rotate(&site, &admin, &old.id, &body);
    assert_eq!(site.opens(&again), 200);
    site.kill();
    site.serve();
    assert_eq!((site.opens(&new), site.opens(&again)), (401, 200));
}
