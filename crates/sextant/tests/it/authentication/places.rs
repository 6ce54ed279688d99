//! Keys where they do not belong, and projects that are not the key's.

use crate::site::{Ground, Site, forged, on_both_databases};
use serde_json::json;
use std::time::Duration;

on_both_databases! {
    a_key_in_the_address_is_refused_and_marked_exposed
    a_key_opens_its_own_project_only
    only_a_trusted_proxy_says_where_a_request_comes_from
}

fn a_key_in_the_address_is_refused_and_marked_exposed(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "exposed");
    let dead = forged("abcdefghijkl", &"b".repeat(43));
    let escaped = key.secret.replace('_', "%5F");
    let wholly = key.secret.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    let paths = [
        format!("/v2/developers/schema?key={}", key.secret),
        format!("/v2/developers/schema?{}", key.secret),
        format!("/v2/developers/schema?a=b&x-api-key=Bearer%20{escaped}"),
        format!("/v2/developers/schema?key={wholly}"),
        format!("/v2/api-keys/{}", key.secret),
        format!("/v2/api-keys/{escaped}"),
        format!("/gateway/sei/api/v2/api-keys/{wholly}/rotate"),
        format!("/nowhere/{}", key.secret),
        format!("/v2/developers/schema?key={dead}"),
    ];
    for path in &paths {
        let answer = site.get(path).key(&key).refused(400, "KEY_IN_URL");
        assert!(!answer.text().contains(&key.secret[17..]), "the secret is not repeated");
        site.get(path).refused(400, "KEY_IN_URL");
    }
    assert_eq!(site.opens(&key), 200, "it is exposed, not dead");
    let exposed = || site.entries(&admin, "&action=EXPOSED");
    crate::site::eventually("marked", Duration::from_secs(10), || !exposed().is_empty());
    let entries = exposed();
    assert!(entries.iter().all(|entry| entry["subjectId"] == key.id.as_str()), "{entries:?}");
    assert_eq!(entries[0]["type"], "API_ACCESS_KEY");
    assert!(!site.server().said().contains(&key.secret[17..]), "nor is it in the log");
}

fn a_key_opens_its_own_project_only(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    site.post("/v1/orgs", &json!({"identifier": "other"})).session(&admin).expect(201);
    for (org, project) in [("other", "default"), ("default", "second")] {
        let path = format!("/v1/orgs/{org}/projects");
        site.post(&path, &json!({"identifier": project})).session(&admin).expect(201);
    }
    let key = site.admin_key(&admin, "default's");
    let body = json!({"name": "second's", "role": "ADMIN"});
    let made = site.post("/v2/api-keys?projectIdentifier=second", &body).session(&admin).expect(201);
    let second = crate::site::Key::of(&made);
    assert_eq!(second.shown["projectIdentifier"], "second");

    let right = "/v2/api-keys?orgIdentifier=default&projectIdentifier=default&account=default";
    let right = format!("{right}&orgIdentifer=default&orgIdentifier=default&there_is_no_cache=true");
    site.get(&right).key(&key).header("harness-account", "default").expect(200);
    let wrong = [
        "projectIdentifier=second",
        "projectIdentifier=nowhere",
        "orgIdentifier=other",
        "orgIdentifer=other",
        "account=another",
        "orgIdentifier=other&projectIdentifier=default",
        "projectIdentifier=Default",
    ];
    for query in wrong {
        for path in ["/v2/api-keys", "/v2/developers/schema", "/v2/audit", "/v2/api-keys/aaaaaaaaaaaa"] {
            site.get(&format!("{path}?{query}")).key(&key).refused(403, "WRONG_PROJECT");
        }
    }
    site.get("/v2/api-keys").key(&key).header("harness-account", "another").refused(403, "WRONG_PROJECT");
    site.post("/v2/api-keys?projectIdentifier=second", &json!({"name": "x", "role": "INGESTION"}))
        .key(&key)
        .refused(403, "WRONG_PROJECT");
    let disagreeing = [
        "projectIdentifier=default&projectIdentifier=second",
        "orgIdentifier=default&orgIdentifier=other",
        "orgIdentifier=default&orgIdentifer=other",
        "account=default&account=another",
    ];
    for query in disagreeing {
        site.get(&format!("/v2/api-keys?{query}")).key(&key).refused(400, "INVALID_REQUEST");
        site.get(&format!("/v2/api-keys?{query}")).session(&admin).refused(400, "INVALID_REQUEST");
    }
    let accounts = site.get("/v2/api-keys?account=default").key(&key).header("harness-account", "another");
    accounts.refused(400, "INVALID_REQUEST");
    let accounts = site.get("/v2/api-keys").key(&key).header("harness-account", "default");
    accounts.header("harness-account", "another").refused(400, "INVALID_REQUEST");

    // The other project's key is there for its own project and nobody else's.
    let path = format!("/v2/api-keys/{}", second.id);
    site.get(&path).key(&key).refused(404, "NOT_FOUND");
    site.patch(&path, &json!({"enabled": false})).key(&key).refused(404, "NOT_FOUND");
    site.post(&format!("{path}/rotate"), &json!({})).key(&key).refused(404, "NOT_FOUND");
    site.delete(&path).key(&key).refused(404, "NOT_FOUND");
    site.get(&path).key(&second).expect(200);
    site.get(&path).session(&admin).refused(404, "NOT_FOUND");
    site.get(&format!("{path}?projectIdentifier=second")).session(&admin).expect(200);
    site.get("/v2/api-keys?projectIdentifier=nowhere").session(&admin).refused(404, "NOT_FOUND");
    // One name can be in both.
    site.post("/v2/api-keys", &json!({"name": "DEFAULT'S", "role": "INGESTION"})).key(&second).expect(201);
}

fn only_a_trusted_proxy_says_where_a_request_comes_from(ground: Ground) {
    let site =
        Site::start_with(ground, &["--trusted-proxy", "127.0.0.1/32", "--trusted-proxy", "10.0.0.0/8"]);
    let admin = site.admin();
    let body = json!({"name": "office", "role": "INGESTION", "allowedCidrs": ["203.0.113.0/24"]});
    let key = site.make_key(&admin, &body);
    let from = |chain: &[&str]| {
        let call = site.get("/v2/developers/schema").key(&key);
        chain.iter().fold(call, |call, hops| call.header("x-forwarded-for", hops)).send().status
    };
    assert_eq!(from(&[]), 403);
    assert_eq!(from(&["203.0.113.7"]), 200);
    assert_eq!(from(&["198.51.100.1, 203.0.113.7"]), 200);
    assert_eq!(from(&["203.0.113.7, 198.51.100.1"]), 403, "what a client claims before its own address");
    assert_eq!(from(&["203.0.113.7", "10.1.1.1"]), 200, "a chain of trusted proxies");
    assert_eq!(from(&["203.0.113.7, nonsense"]), 403);
    let shown = site.shown(&admin, &key.id);
    assert_eq!((&shown["lastUsedAddress"], &shown["requestCount"]), (&json!("203.0.113.7"), &json!(3)));
}
