//! No secret stays anywhere.

use crate::site::{Ground, PASSWORD, Site, on_both_databases};
use crate::support::artifacts;
use serde_json::json;
use std::path::PathBuf;

on_both_databases! {
    no_secret_is_in_any_file_log_or_metric
}

fn no_secret_is_in_any_file_log_or_metric(ground: Ground) {
    let mut site = Site::start_with(ground, &["--access-log", "--log-level", "debug"]);
    let admin = site.admin();
    let password = "a password of my own 4711";
    let mut secrets = vec![PASSWORD.to_owned(), password.to_owned(), admin.token().to_owned()];
    let strong = site.admin_key(&admin, "strong");
    let weak = site.ingestion_key(&strong, "weak");
    let rotated = site
        .post(&format!("/v2/api-keys/{}/rotate", weak.id), &json!({"overlapSeconds": 60}))
        .session(&admin);
    let rotated = crate::site::Key::of(&rotated.expect(200));
    let made = site.command(&["keys", "create", "--name", "shell", "--role", "ingestion"]);
    let shell = made["key"].as_str().unwrap().to_owned();
    for (number, key) in [&strong.secret, &weak.secret, &rotated.secret, &shell].into_iter().enumerate() {
        site.get("/v2/developers/schema").key(key).expect(200);
        site.get("/v2/developers").header("authorization", format!("Bearer {key}")).expect(200);
        site.get(&format!("/v2/developers?key={key}")).expect(400);
        site.get(&format!("/v2/developers/{}", key.replace('_', "%5f"))).expect(400);
        site.post("/v2/api-keys", &json!({"name": key, "role": "INGESTION", key.clone(): key}))
            .session(&admin)
            .expect(400);
        let named = json!({"name": format!("{number} {key}"), "role": "INGESTION"});
        site.post("/v2/api-keys", &named).session(&admin).expect(201);
        let csv = format!("Full Name,Email,Manager Email\n{key},a@example.com,\n");
        site.call("POST", "/v2/developers").session(&admin).header("user-agent", key).file(csv).expect(200);
        site.get("/v2/nowhere").header("x-request-id", key).header("referer", key).expect(404);
        site.call("POST", "/v2/api-keys")
            .session(&admin)
            .body("application/json", format!("{{{key}"))
            .expect(400);
        let login = json!({"email": format!("{key}@example.com"), "password": password});
        let origin = format!("http://{}", site.address);
        site.post("/v1/session", &login).header("origin", origin).expect(401);
        secrets.push(key[17..60].to_owned());
    }
    let ada =
        site.post("/v1/users", &json!({"email": "ada@example.com", "password": password})).session(&admin);
    ada.expect(201);
    secrets.push(site.sign_in("ada@example.com", password).token().to_owned());
    let bob = site.post("/v1/users", &json!({"email": "bob@example.com"})).session(&admin).expect(201).json();
    let link = bob["setupLink"].as_str().unwrap();
    secrets.push(link.split_once("#token=").unwrap().1.to_owned());
    let metrics = site.get("/metrics").expect(200).text();
    assert!(metrics.contains("sextant"), "{metrics}");
    for name in ["default", "strong", &strong.id, "example.com"] {
        assert!(!metrics.contains(&format!("\"{name}")), "no label names {name}");
    }
    // While it runs, when it has stopped, and with what the database's own dump says.
    let own = site.data.parent().unwrap().to_owned();
    let name = own.file_name().unwrap().to_string_lossy().into_owned();
    let mark = name.rsplit_once('-').unwrap().0.to_owned();
    look(&secrets, vec![own.clone()], &metrics);
    site.stop();
    drop(site);
    let folders: Vec<PathBuf> = std::fs::read_dir(artifacts())
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&mark))
        .map(|entry| entry.path())
        .collect();
    let seen = look(&secrets, folders, &metrics);
    assert!(seen > 3, "{seen} files");
}

fn look(secrets: &[String], mut folders: Vec<PathBuf>, metrics: &str) -> usize {
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).unwrap();
            seen += 1;
            for secret in secrets {
                let found = holds(&bytes, secret.as_bytes());
                assert!(!found, "a secret ({}…) in {}", &secret[..4], entry.path().display());
                assert!(!metrics.contains(secret));
            }
        }
    }
    seen
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}
