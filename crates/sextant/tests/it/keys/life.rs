//! Making, finding, reading and narrowing keys.

use crate::site::{Ground, Site, on_both_databases};
use serde_json::{Value, json};
use sextant_core::permission::KeyRole;

on_both_databases! {
    a_key_is_made_as_asked_and_its_secret_is_shown_once
    what_no_key_can_have_is_refused
    lists_are_filtered_sorted_and_paged
    power_is_narrowed_and_never_widened
    usage_is_exact_after_a_clean_stop
}

const KEYS: &str = "/v2/api-keys";

fn a_key_is_made_as_asked_and_its_secret_is_shown_once(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    for (name, role) in [("one", KeyRole::Admin), ("two", KeyRole::Ingestion)] {
        let asked =
            json!({"name": name, "role": role.name().to_lowercase(), "scopes": null, "expiresAt": null});
        let answer = site.post(KEYS, &asked).session(&admin).expect(201);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let key = crate::site::Key::of(&answer);
        let names: Vec<&str> =
            role.permissions().iter().map(sextant_core::permission::Permission::name).collect();
        assert_eq!(key.shown["scopes"], json!(names), "the role's set");
        assert_eq!(key.shown["role"], role.name());
        let (id, secret) = (&key.id, &key.secret);
        assert_eq!((id.len(), secret.len()), (12, 66));
        assert!(secret.starts_with(&format!("sxt_{id}_")));
        assert!(secret[4..].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        assert_eq!(key.shown["prefix"], format!("sxt_{id}"));
        for field in ["expiresAt", "allowedCidrs", "rateLimitPerMinute", "rotatedAt", "previousValidUntil"] {
            assert_eq!(key.shown[field], Value::Null, "{field}");
        }
        for field in ["lastUsedAt", "lastUsedAddress", "lastUsedUserAgent"] {
            assert_eq!(key.shown[field], Value::Null, "{field}");
        }
        assert_eq!(key.shown["requestCount"], 0);
        let by = &key.shown["createdBy"];
        assert_eq!((&by["type"], &by["id"]), (&json!("USER"), &json!(admin.user)));
        let read = site.get(&format!("{KEYS}/{id}")).session(&admin).expect(200);
        assert_eq!(read.json()["apiKey"], key.shown);
        assert!(!read.text().contains(&secret[17..]));
        site.get(&format!("{KEYS}/sxt_{id}")).session(&admin).expect(200);
    }
    let asked = json!({
        "name": "  Everything  ", "description": "a\nb", "role": "Ingestion",
        "scopes": ["ingestion:write", "developer_records:read", "ingestion:write"],
        "expiresAt": "2099-01-02T03:04:05.678Z", "allowedCidrs": ["10.0.0.0/8", "127.0.0.1"],
        "rateLimitPerMinute": 600,
    });
    let key = site.make_key(&admin, &asked);
    assert_eq!(key.shown["name"], "Everything");
    assert_eq!(key.shown["scopes"], json!(["developer_records:read", "ingestion:write"]));
    assert_eq!(key.shown["expiresAt"], "2099-01-02T03:04:05.678Z");
    assert_eq!(key.shown["rateLimitPerMinute"], 600);
    assert_eq!(key.shown["allowedCidrs"][0], "10.0.0.0/8");
    assert_eq!(key.shown["status"], "ACTIVE");
    site.get("/v2/developers/schema").key(&key).expect(200);
    site.patch("/v2/developers", &json!([{"Email": "a@example.com"}]))
        .key(&key)
        .refused(403, "PERMISSION_DENIED");
    let list = site.get(KEYS).session(&admin).expect(200).text();
    assert!(!list.contains(&key.secret[17..]));
}

fn what_no_key_can_have_is_refused(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let make = |field: &str, value: Value| {
        let mut body = json!({"name": "wrong", "role": "INGESTION"});
        body[field] = value;
        site.post(KEYS, &body).session(&admin).send()
    };
    let wrong = [
        ("name", json!("")),
        ("name", json!("   ")),
        ("name", json!("x".repeat(129))),
        ("name", json!("a\u{7}b")),
        ("role", json!("OWNER")),
        ("scopes", json!([])),
        ("scopes", json!(["api_keys:write"])),
        ("scopes", json!(["everything"])),
        ("expiresAt", json!("2001-01-01T00:00:00Z")),
        ("expiresAt", json!("soon")),
        ("allowedCidrs", json!([])),
        ("allowedCidrs", json!(["10.0.0.0/33"])),
        ("allowedCidrs", json!(["localhost"])),
        ("rateLimitPerMinute", json!(0)),
        ("rateLimitPerMinute", json!(-5)),
        ("rateLimitPerMinute", json!(1.5)),
    ];
    for (field, value) in wrong {
        let answer = make(field, value.clone()).refused(400, "INVALID_REQUEST");
        assert!(answer.message().contains(field), "{field} {value}: {}", answer.message());
    }
    assert_eq!(site.get(KEYS).session(&admin).expect(200).json()["totalCount"], 0, "nothing was made");
    make("name", json!("x".repeat(128))).expect(201);
    make("name", json!("Straße")).expect(201);
    for taken in ["straße", "STRASSE", " Straße "] {
        make("name", json!(taken)).refused(409, "NAME_TAKEN");
    }
    let other = make("name", json!("other")).expect(201).json();
    let path = format!("{KEYS}/{}", other["apiKey"]["id"].as_str().unwrap());
    site.patch(&path, &json!({"name": "STRASSE"})).session(&admin).refused(409, "NAME_TAKEN");
    site.patch(&path, &json!({"name": "OTHER"})).session(&admin).expect(200);
    site.delete(&path).session(&admin).expect(204);
    make("name", json!("other")).expect(201);
    for id in ["aaaaaaaaaaaa", "short", "..", "%2e%2e", "self"] {
        site.get(&format!("{KEYS}/{id}")).session(&admin).expect(if id == "self" { 405 } else { 404 });
    }
}

fn lists_are_filtered_sorted_and_paged(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    for (name, role, expiry) in [
        ("Alpha", "ADMIN", None),
        ("beta", "INGESTION", Some("2099-01-01T00:00:00Z")),
        ("Gamma ray", "INGESTION", None),
        ("delta_100%", "INGESTION", None),
        ("epsilon", "ADMIN", Some("2098-01-01T00:00:00Z")),
    ] {
        site.make_key(
            &admin,
            &json!({"name": name, "role": role, "expiresAt": expiry, "description": "made by Ada"}),
        );
    }
    let keys = |query: &str| {
        let answer = site.get(&format!("{KEYS}?{query}")).session(&admin).expect(200).json();
        let names: Vec<String> = answer["apiKeys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["name"].as_str().unwrap().to_owned())
            .collect();
        (names, answer)
    };
    let names = |query: &str| keys(query).0;
    assert_eq!(names(""), ["epsilon", "delta_100%", "Gamma ray", "beta", "Alpha"], "newest first");
    assert_eq!(names("sortKey=name"), ["Alpha", "beta", "delta_100%", "epsilon", "Gamma ray"]);
    assert_eq!(names("sortKey=name&sortOrder=desc&role=ingestion"), ["Gamma ray", "delta_100%", "beta"]);
    assert_eq!(names("sortKey=createdAt&sortOrder=asc&role=ADMIN"), ["Alpha", "epsilon"]);
    assert_eq!(names("sortKey=role&sortOrder=asc").len(), 5);
    assert_eq!(names("search=gamma"), ["Gamma ray"]);
    assert_eq!(names("search=100%25"), ["delta_100%"]);
    assert_eq!(names("search=a_"), ["delta_100%"], "no wildcard");
    assert_eq!(names("search=ADA").len(), 5, "descriptions are searched, too");
    let (_, page) = keys("sortKey=name&pageSize=2&pageIndex=1");
    let middle: Vec<&str> =
        page["apiKeys"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(
        (middle, &page["totalCount"], &page["pageIndex"]),
        (vec!["delta_100%", "epsilon"], &json!(5), &json!(1))
    );
    assert_eq!(names("pageIndex=9"), Vec::<String>::new());

    let id = |name: &str| keys(&format!("search={name}")).1["apiKeys"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(names(&format!("search={}", id("beta"))), ["beta"]);
    site.patch(&format!("{KEYS}/{}", id("beta")), &json!({"enabled": false})).session(&admin).expect(200);
    assert_eq!(names("status=disabled"), ["beta"]);
    assert_eq!(names("status=ACTIVE").len(), 4);
    assert_eq!(names("status=EXPIRED").len(), 0);
    assert_eq!(names("expiringWithinDays=1").len(), 0);
    assert_eq!(names("expiringWithinDays=36000&sortKey=expiresAt&sortOrder=asc"), ["epsilon", "beta"]);
    assert_eq!(names("unusedForDays=0").len(), 5);
    assert_eq!(names("unusedForDays=1").len(), 0, "all are younger than a day");
    for query in
        ["role=owner", "status=gone", "sortKey=secret", "sortOrder=up", "unusedForDays=-1", "unusedForDays=x"]
    {
        site.get(&format!("{KEYS}?{query}")).session(&admin).refused(400, "INVALID_REQUEST");
    }
}

fn power_is_narrowed_and_never_widened(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.make_key(&admin, &json!({
        "name": "narrow", "role": "INGESTION", "scopes": ["developer_records:read", "ingestion:write"],
        "expiresAt": "2098-01-01T00:00:00Z", "allowedCidrs": ["127.0.0.0/8", "10.0.0.0/8"], "rateLimitPerMinute": 6000,
    }));
    let path = format!("{KEYS}/{}", key.id);
    let patch = |body: Value| site.patch(&path, &body).session(&admin).send();
    let wider = [
        ("scopes", json!(null)),
        ("scopes", json!(["developer_records:read", "ingestion:read"])),
        ("scopes", json!(["api_keys:write"])),
        ("expiresAt", json!(null)),
        ("expiresAt", json!("2098-01-01T00:00:00.001Z")),
        ("allowedCidrs", json!(null)),
        ("allowedCidrs", json!(["127.0.0.0/7"])),
        ("allowedCidrs", json!(["192.168.0.0/16"])),
        ("rateLimitPerMinute", json!(null)),
        ("rateLimitPerMinute", json!(6001)),
    ];
    for (field, value) in &wider {
        let answer = patch(json!({*field: value})).refused(409, "WOULD_WIDEN");
        assert!(answer.message().contains(field), "{field}: {}", answer.message());
    }
    let all =
        patch(json!({"scopes": null, "expiresAt": null, "allowedCidrs": null, "rateLimitPerMinute": null}));
    let message = all.refused(409, "WOULD_WIDEN").message();
    for field in ["scopes", "expiresAt", "allowedCidrs", "rateLimitPerMinute"] {
        assert!(message.contains(field), "{message}");
    }
    for (field, value) in [
        ("scopes", json!([])),
        ("scopes", json!(["nothing:known"])),
        ("allowedCidrs", json!([])),
        ("expiresAt", json!("2020-01-01T00:00:00Z")),
        ("rateLimitPerMinute", json!(0)),
        ("name", json!("")),
        ("role", json!("ADMIN")),
    ] {
        patch(json!({field: value})).refused(400, "INVALID_REQUEST");
    }
    assert_eq!(site.shown(&admin, &key.id), key.shown, "nothing of it was done");

    let narrower = json!({
        "name": "Narrower", "description": "now described", "scopes": ["developer_records:read"],
        "expiresAt": "2097-01-01T00:00:00Z", "allowedCidrs": ["127.0.0.1/32"], "rateLimitPerMinute": 60,
    });
    let shown = patch(narrower.clone()).expect(200).json()["apiKey"].clone();
    for field in ["name", "description", "scopes", "rateLimitPerMinute"] {
        assert_eq!(shown[field], narrower[field], "{field}");
    }
    assert_eq!(shown["expiresAt"], "2097-01-01T00:00:00.000Z");
    let told = site.get("/v2/developers/schema").key(&key).expect(200);
    assert_eq!(told.header("ratelimit-policy"), Some("\"default\";q=60;w=60"), "in force at once");
    assert_eq!(patch(json!({"description": null})).expect(200).json()["apiKey"]["description"], "");
    patch(json!({})).expect(200);

    // A bound that was not there can be set; taken off again it cannot be.
    let free = site.ingestion_key(&admin, "free");
    let path = format!("{KEYS}/{}", free.id);
    let bounds = json!({"expiresAt": "2097-01-01T00:00:00Z", "allowedCidrs": ["::/0", "0.0.0.0/0"], "rateLimitPerMinute": 1000});
    site.patch(&path, &bounds).session(&admin).expect(200);
    site.patch(&path, &json!({"expiresAt": null})).session(&admin).refused(409, "WOULD_WIDEN");
}

fn usage_is_exact_after_a_clean_stop(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let (used, unused) = (site.ingestion_key(&admin, "used"), site.ingestion_key(&admin, "unused"));
    for number in 0..7 {
        let call = site.get("/v2/developers/schema").key(&used);
        call.header("user-agent", format!("agent/{number}")).expect(200);
    }
    // What is refused for its permission is a use; what is refused for its secret is none.
    site.get(KEYS).key(&used).header("user-agent", "last/1").refused(403, "PERMISSION_DENIED");
    site.get(KEYS).key(crate::site::other_secret(&used.secret)).refused(401, "INVALID_API_KEY");
    let before = site.shown(&admin, &used.id);
    assert_eq!((&before["requestCount"], &before["lastUsedUserAgent"]), (&json!(8), &json!("last/1")));
    assert_eq!(before["lastUsedAddress"], "127.0.0.1");
    assert!(before["lastUsedAt"].as_str() >= before["createdAt"].as_str());
    site.stop();
    site.serve();
    assert_eq!(site.shown(&admin, &used.id), before, "nothing is lost, nothing is counted twice");
    assert_eq!(site.shown(&admin, &unused.id)["lastUsedAt"], Value::Null);
    let found = site.get(&format!("{KEYS}?sortKey=requestCount&sortOrder=desc")).session(&admin).expect(200);
    assert_eq!(found.json()["apiKeys"][0]["id"], used.id.as_str());
}
