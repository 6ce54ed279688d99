//! The end of former master keys: what was not used since goes, by name.

use super::{is_sound, rotate};
use crate::site::{Ground, Key, Site, eventually, on_both_databases};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    who_was_not_used_since_is_revoked_by_name
    a_key_that_was_used_a_moment_before_stays
}

fn names(answer: &Value) -> Vec<String> {
    let keys = answer["keys"].as_array().unwrap();
    keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect()
}

fn who_was_not_used_since_is_revoked_by_name(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let idle_session = site.admin();
    let used = site.ingestion_key(&admin, "used");
    let unused = site.ingestion_key(&admin, "unused");
    let idle_parent = site.admin_key(&admin, "idle parent");
    let child = site.ingestion_key(&idle_parent, "child");
    let overlapping = site.ingestion_key(&admin, "overlapping");
    let path = format!("/v2/api-keys/{}/rotate", overlapping.id);
    let renewed = Key::of(&site.post(&path, &json!({"overlapSeconds": 3600})).session(&admin).expect(200));
    site.post("/v1/orgs/default/projects", &json!({"identifier": "other", "name": "Other"}))
        .session(&admin)
        .expect(201);
    let body = json!({"name": "elsewhere", "role": "INGESTION"});
    let elsewhere = site.post("/v2/api-keys?projectIdentifier=other", &body).session(&admin).expect(201);
    let elsewhere = Key::of(&elsewhere);

    let nothing = site.command(&["master-key", "retire", "--yes"]);
    assert_eq!(names(&nothing), Vec::<String>::new());
    rotate(&site);
    for key in [&used, &child, &renewed] {
        assert_eq!(site.opens(key), 200);
    }
    site.get("/v1/session").session(&admin).expect(200);
    eventually("the used ones are re-keyed", Duration::from_secs(30), || super::waiting(&site) == 3);
    let doctor = site.run(&["doctor"]);
    assert!(doctor.out.contains("3 keys still hang on a former one"), "{}", doctor.out);

    let expected = ["child", "elsewhere", "idle parent", "unused"];
    let listed = site.command(&["master-key", "retire", "--dry-run"]);
    let mut found = names(&listed);
    found.sort();
    assert_eq!(found, expected, "{listed}");
    assert_eq!(site.opens(&unused), 200, "that only lists");
    eventually("so it is used now", Duration::from_secs(30), || super::waiting(&site) == 2);

    let retired = site.command(&["master-key", "retire", "--yes"]);
    let mut found = names(&retired);
    found.sort();
    assert_eq!(found, expected[..3], "{retired}");
    assert_eq!((&retired["formerSecrets"], &retired["peppers"]), (&json!(1), &json!(1)), "{retired}");
    let child_shown = retired["keys"].as_array().unwrap().iter().find(|key| key["name"] == "child").unwrap();
    assert_eq!(child_shown["reason"], "made by a key that ends");
    for gone in [&child, &idle_parent, &elsewhere, &overlapping] {
        site.get("/v2/developers/schema").key(gone).refused(401, "INVALID_API_KEY");
    }
    for stays in [&used, &unused, &renewed] {
        assert_eq!(site.opens(stays), 200);
    }
    site.get("/v1/session").session(&admin).expect(200);
    site.get("/v1/session").session(&idle_session).expect(401);
    let deleted = site.entries(&admin, "&action=DELETED&type=API_ACCESS_KEY");
    for name in &expected[..3] {
        assert!(deleted.iter().any(|entry| entry["subjectName"] == *name), "{name}: {deleted:?}");
    }
    let status = site.command(&["master-key", "status"]);
    assert_eq!(status["peppers"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(site.sql("select count(*) from peppers").trim(), "1");
    assert!(site.run(&["doctor"]).out.contains("nothing hangs on one"));
    is_sound(&site);
}

fn a_key_that_was_used_a_moment_before_stays(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let keys: Vec<Key> = (0..30).map(|number| site.ingestion_key(&admin, &format!("key {number}"))).collect();
    let (used, unused) = keys.split_at(20);
    rotate(&site);
    for key in used {
        assert_eq!(site.opens(key), 200);
    }
    let retired = site.command(&["master-key", "retire", "--yes"]);
    assert_eq!(names(&retired).len(), unused.len(), "{retired}");
    site.stop();
    site.serve();
    assert!(used.iter().all(|key| site.opens(key) == 200));
    assert!(unused.iter().all(|key| site.opens(key) == 401));
    is_sound(&site);
}
