//! A backup of either database goes into either.

use super::{backup, is_sound, named, path};
use crate::site::{Ground, Site, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    an_installation_moves_to_the_other_database
}

/// Numbers and letters that a copy could mistake.
const CSV: &str = "Full Name,Email,Manager Email,Note\n\
    Ada Lovelace,Ada@Example.com,,=1+1\n\
    \"Ömer, \"\"the third\"\"\",omer@example.com,ada@example.com,\n\
    \u{1f980},crab@example.com,ada@example.com,'null'\n";

/// All that can be asked of an installation without changing it.
fn everything(site: &Site) -> Vec<Value> {
    let mut audit = site.command(&["audit", "list", "--all"])["entries"].take();
    let of_before = |one: &Value| one["actor"]["name"] != "a restored backup";
    audit.as_array_mut().unwrap().retain(of_before);
    vec![
        site.command(&["keys", "list", "--all"]),
        site.command(&["developers", "list", "--all"]),
        site.command(&["developers", "schema"]),
        audit,
    ]
}

fn an_installation_moves_to_the_other_database(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let csv = site.data.with_file_name("developers.csv");
    std::fs::write(&csv, CSV).unwrap();
    site.command(&["developers", "upload", &super::text(&csv), "--yes"]);
    let bounded = json!({
        "name": "bounded", "role": "INGESTION", "description": "with everything", "scopes": ["ingestion:write"],
        "expiresAt": "2098-01-01T00:00:00Z", "allowedCidrs": ["192.0.2.0/24", "2001:db8::/32"],
        "rateLimitPerMinute": 60,
    });
    site.make_key(&admin, &bounded);
    let parent = site.admin_key(&admin, "parent");
    let child = site.ingestion_key(&parent, "child");
    let gone = site.ingestion_key(&admin, "gone");
    site.delete(&path(&gone)).session(&admin).expect(204);
    let download = |site: &Site, by: &str| {
        site.get("/v2/developers").key(by).header("accept", "text/csv").expect(200).text()
    };
    let downloaded = download(&site, parent.as_ref());
    site.stop();
    let before = everything(&site);
    assert!(before[0]["totalCount"] == 3 && before[1]["totalCount"] == 3, "{before:?}");
    let file = backup(&site, "moved.backup");

    // There, with the record of what was revoked: `late` is deleted after the backup.
    site.serve();
    let late = site.ingestion_key(&site.admin(), "late");
    let file_with_late = backup(&site, "late.backup");
    site.delete(&path(&late)).session(&site.admin()).expect(204);
    let name = if ground.postgres { "moved-to-sqlite" } else { "moved-to-postgres" };
    let mut place = site.elsewhere(Ground { postgres: !ground.postgres, name });
    let done = place.command(&["restore", &file]);
    assert_eq!((named(&done, "keysDeleted").len(), named(&done, "keysDisabled").len()), (0, 0), "{done}");
    assert_eq!(everything(&place), before, "all of it, and nothing else");
    is_sound(&place);
    place.serve();
    assert_eq!((place.opens(&child), place.opens(&gone)), (200, 401));
    assert_eq!(download(&place, parent.as_ref()), downloaded);
    let newer = place.ingestion_key(&place.admin(), "made there");
    assert_eq!(place.opens(&newer), 200);
    place.stop();

    std::fs::copy(site.data.join("revocations"), place.data.join("revocations")).unwrap();
    std::fs::remove_file(place.data.join("high-water")).unwrap();
    let done = place.command(&["restore", &file_with_late]);
    assert_eq!(named(&done, "keysDeleted"), ["late"], "{done}");
    place.serve();
    assert_eq!((place.opens(&late), place.opens(&child)), (401, 200));
    place.stop();

    // And back.
    let file = backup(&place, "back.backup");
    site.stop();
    site.command(&["restore", &file]);
    site.serve();
    assert_eq!((site.opens(&late), site.opens(&child), site.opens(&gone)), (401, 200, 401));
    is_sound(&site);
}
