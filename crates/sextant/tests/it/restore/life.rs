//! What was deleted stays dead; what lost power comes back switched off.

use super::{backup, is_sound, named, path, restore};
use crate::site::{Ground, Key, Site, on_both_databases};
use serde_json::json;

on_both_databases! {
    what_was_deleted_after_the_backup_stays_dead
    what_lost_power_after_the_backup_is_switched_off
    a_restore_can_be_repeated
}

fn what_was_deleted_after_the_backup_stays_dead(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let before = site.ingestion_key(&admin, "deleted before");
    site.delete(&path(&before)).session(&admin).expect(204);
    let kept = site.ingestion_key(&admin, "kept");
    let parent = site.admin_key(&admin, "parent");
    let child = site.ingestion_key(&parent, "child");
    let alone = site.admin_key(&admin, "ends itself");
    let file = backup(&site, "before.backup");
    site.delete(&path(&parent)).session(&admin).expect(204);
    site.delete("/v2/api-keys/self").key(&alone).expect(204);
    let late = site.ingestion_key(&admin, "made since");
    let number = site.command(&["backup", &format!("{file}.late")])["changeNumber"].as_i64().unwrap();

    let done = restore(&mut site, &file);
    assert_eq!(named(&done, "keysDeleted").len(), 3, "{done}");
    for name in ["parent", "child", "ends itself"] {
        assert!(named(&done, "keysDeleted").contains(&name), "{done}");
    }
    assert_eq!((named(&done, "keysDisabled").len(), &done["keys"]), (0, &json!(1)));
    assert!(done["changeNumber"].as_i64().unwrap() > number, "no number is used twice");
    assert_eq!(site.opens(&kept), 200);
    for key in [&before, &parent, &child, &alone, &late] {
        site.get("/v2/developers/schema").key(key).refused(401, "INVALID_API_KEY");
    }
    site.get("/v1/session").session(&admin).expect(401);
    is_sound(&site);
    let admin = site.admin();
    let entries = site.entries(&admin, "");
    let by_restore = |action: &str, kind: &str| {
        entries
            .iter()
            .filter(|one| one["actor"]["name"] == "a restored backup")
            .filter(|one| one["action"] == action && one["type"] == kind)
            .count()
    };
    assert_eq!((by_restore("DELETED", "API_ACCESS_KEY"), by_restore("EDITED", "INSTALLATION")), (3, 1));

    // A backup that is older still finds the same, and so does a place that never saw the deletion but this data.
    let again = restore(&mut site, &file);
    assert_eq!(named(&again, "keysDeleted").len(), 3);
    assert_eq!((site.opens(&kept), site.opens(&child)), (200, 401));
    is_sound(&site);
}

fn what_lost_power_after_the_backup_is_switched_off(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let make = |name: &str| site.ingestion_key(&admin, name);
    let [whole, disabled, narrowed, rotated, renamed, ended] =
        ["whole", "disabled", "narrowed", "rotated", "renamed", "overlap"].map(make);
    let rotate = |key: &Key, body: &serde_json::Value| {
        Key::of(&site.post(&format!("{}/rotate", path(key)), body).session(&admin).expect(200))
    };
    let overlapping = rotate(&ended, &json!({"overlapSeconds": 3600, "endOverlapOnFirstUse": true}));
    let file = backup(&site, "before.backup");
    let change =
        |key: &Key, body: &serde_json::Value| site.patch(&path(key), body).session(&admin).expect(200);
    change(&disabled, &json!({"enabled": false}));
    change(&disabled, &json!({"enabled": true}));
    change(&narrowed, &json!({"allowedCidrs": ["192.0.2.0/24"]}));
    change(&renamed, &json!({"name": "renamed since"}));
    let fresh = rotate(&rotated, &json!({}));
    assert_eq!((site.opens(&overlapping), site.opens(&ended)), (200, 401), "the first use ends the overlap");

    let done = restore(&mut site, &file);
    let mut off = named(&done, "keysDisabled");
    off.sort_unstable();
    assert_eq!(off, ["disabled", "narrowed", "overlap", "rotated"], "{done}");
    assert_eq!(done["keysDeleted"], json!([]));
    assert_eq!((site.opens(&whole), site.opens(&renamed)), (200, 200));
    for key in [&disabled, &narrowed, &rotated, &ended, &overlapping] {
        site.get("/v2/developers/schema").key(key).refused(401, "API_KEY_DISABLED");
    }
    site.get("/v2/developers/schema").key(&fresh).refused(401, "INVALID_API_KEY");

    // A person who has looked at it may switch it on, and it is as it was then.
    let admin = site.admin();
    site.patch(&path(&narrowed), &json!({"enabled": true})).session(&admin).expect(200);
    assert_eq!(site.opens(&narrowed), 200);
    assert_eq!(site.command(&["keys", "enable", &rotated.id])["apiKey"]["status"], "ACTIVE");
    assert_eq!(site.opens(&rotated), 200);

    // What was looked at is in the next backup, and comes back with it.
    let later = backup(&site, "later.backup");
    let done = restore(&mut site, &later);
    assert_eq!(done["keysDisabled"], json!([]), "nothing happened since");
    assert_eq!((site.opens(&narrowed), site.opens(&rotated), site.opens(&disabled)), (200, 200, 401));
    let done = restore(&mut site, &file);
    assert_eq!(named(&done, "keysDisabled").len(), 4, "the old one is as old as before");
    is_sound(&site);
}

fn a_restore_can_be_repeated(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let [gone, kept] = ["gone", "kept"].map(|name| site.ingestion_key(&admin, name));
    let file = backup(&site, "before.backup");
    site.delete(&path(&gone)).session(&admin).expect(204);
    site.stop();
    let numbers: Vec<i64> =
        (0..3).map(|_| site.command(&["restore", &file])["changeNumber"].as_i64().unwrap()).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    site.serve();
    assert_eq!((site.opens(&kept), site.opens(&gone)), (200, 401));
    // Nothing of it is left lying about.
    let names: Vec<String> = std::fs::read_dir(&site.data)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(!names.iter().any(|name| name.contains("restoring")), "{names:?}");
    let previous = names.iter().filter(|name| name.contains(".before-restore-")).count();
    assert_eq!(previous, if ground.postgres { 0 } else { 3 }, "{names:?}");
}
