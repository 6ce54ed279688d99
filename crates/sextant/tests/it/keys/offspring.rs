//! What keys may do with keys.

use crate::site::{Ground, Key, Site, on_both_databases};
use serde_json::json;

on_both_databases! {
    keys_hand_on_what_they_hold_and_no_more
    offspring_stop_and_die_with_their_parent
    offspring_share_the_rate_of_their_parent
}

const KEYS: &str = "/v2/api-keys";

fn keys_hand_on_what_they_hold_and_no_more(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let strong = site.admin_key(&admin, "strong");
    let weak = site.ingestion_key(&admin, "weak");
    let other = site.admin_key(&admin, "other admin");
    let make = |by: &Key, body: &serde_json::Value| site.post(KEYS, body).key(by).send();
    make(&strong, &json!({"name": "x", "role": "ADMIN"})).refused(403, "PERMISSION_DENIED");
    make(&weak, &json!({"name": "x", "role": "INGESTION"})).refused(403, "PERMISSION_DENIED");
    let child = site.ingestion_key(&strong, "child");
    assert_eq!(child.shown["createdBy"], json!({"type": "API_KEY", "id": strong.id, "name": "strong"}));
    make(&child, &json!({"name": "x", "role": "INGESTION"})).refused(403, "PERMISSION_DENIED");

    // Bounds of the maker bound what it makes.
    let bounded = site.make_key(&admin, &json!({
        "name": "bounded", "role": "ADMIN", "scopes": ["api_keys:read", "api_keys:write", "ingestion:write"],
        "expiresAt": "2098-01-01T00:00:00Z", "allowedCidrs": ["127.0.0.0/8"], "rateLimitPerMinute": 6000,
    }));
    let within = json!({
        "name": "within", "role": "INGESTION", "scopes": ["ingestion:write"], "expiresAt": "2098-01-01T00:00:00Z",
        "allowedCidrs": ["127.0.0.1"], "rateLimitPerMinute": 6000,
    });
    for (field, value) in [
        ("scopes", json!(null)),
        ("scopes", json!(["ingestion:write", "ingestion:read"])),
        ("expiresAt", json!(null)),
        ("expiresAt", json!("2098-01-01T00:00:01Z")),
        ("allowedCidrs", json!(null)),
        ("allowedCidrs", json!(["0.0.0.0/0"])),
        ("rateLimitPerMinute", json!(null)),
        ("rateLimitPerMinute", json!(6001)),
    ] {
        let mut beyond = within.clone();
        beyond[field] = value;
        make(&bounded, &beyond).refused(403, "PERMISSION_DENIED");
    }
    make(&bounded, &within).expect(201);

    // Managing: Ingestion keys that its power covers, and itself.
    let path = |key: &Key| format!("{KEYS}/{}", key.id);
    for target in [&other, &bounded] {
        site.patch(&path(target), &json!({"description": "x"}))
            .key(&strong)
            .refused(403, "PERMISSION_DENIED");
        site.post(&format!("{}/rotate", path(target)), &json!({}))
            .key(&strong)
            .refused(403, "PERMISSION_DENIED");
        site.delete(&path(target)).key(&strong).refused(403, "PERMISSION_DENIED");
    }
    for target in [&weak, &child] {
        site.patch(&path(target), &json!({"description": "x"}))
            .key(&bounded)
            .refused(403, "PERMISSION_DENIED");
        site.delete(&path(target)).key(&bounded).refused(403, "PERMISSION_DENIED");
        site.post(&format!("{}/rotate", path(target)), &json!({}))
            .key(&bounded)
            .refused(403, "PERMISSION_DENIED");
    }
    site.patch(&path(&weak), &json!({"enabled": false})).key(&strong).expect(200);
    site.patch(&path(&weak), &json!({"enabled": true})).key(&strong).expect(200);
    site.get(&path(&other)).key(&strong).expect(200);
    site.delete(&path(&child)).key(&strong).expect(204);

    // On itself a key may narrow, and not widen; any key may end itself, and that is the end.
    site.patch(&path(&bounded), &json!({"rateLimitPerMinute": 600})).key(&bounded).expect(200);
    site.patch(&path(&bounded), &json!({"rateLimitPerMinute": 6000}))
        .key(&bounded)
        .refused(409, "WOULD_WIDEN");
    site.delete("/v2/api-keys/self").key(&weak).expect(204);
    site.get("/v2/developers/schema").key(&weak).refused(401, "INVALID_API_KEY");
    site.delete("/v2/api-keys/self").key(&weak).refused(401, "INVALID_API_KEY");
    site.delete("/v2/api-keys/self").session(&admin).refused(400, "INVALID_REQUEST");
    site.delete("/v2/api-keys/self").refused(401, "MISSING_CREDENTIALS");
    site.delete(&path(&other)).key(&other).expect(204);
    assert_eq!(site.opens(&other), 401);
    site.delete(&path(&other)).session(&admin).refused(404, "NOT_FOUND");
}

fn offspring_stop_and_die_with_their_parent(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let parent =
        site.make_key(&admin, &json!({"name": "parent", "role": "ADMIN", "rateLimitPerMinute": 60_000}));
    let body = json!({"name": "child", "role": "INGESTION", "rateLimitPerMinute": 60_000});
    let child = site.make_key(&parent, &body);
    let path = format!("{KEYS}/{}", parent.id);
    let schema = || site.get("/v2/developers/schema").key(&child);
    assert_eq!(schema().expect(200).header("ratelimit-policy"), Some("\"default\";q=60000;w=60"));

    // Narrowing the parent narrows the child, whatever the child's own record says.
    let set = |body: serde_json::Value| site.patch(&path, &body).session(&admin).expect(200);
    set(json!({"rateLimitPerMinute": 6000}));
    assert_eq!(schema().expect(200).header("ratelimit-policy"), Some("\"default\";q=6000;w=60"));
    set(json!({"enabled": false}));
    schema().refused(401, "API_KEY_DISABLED");
    set(json!({"enabled": true}));
    schema().expect(200);
    set(json!({"scopes": ["api_keys:write", "ingestion:write"]}));
    schema().refused(403, "PERMISSION_DENIED");
    set(json!({"allowedCidrs": ["10.0.0.0/8"]}));
    schema().refused(403, "ADDRESS_NOT_ALLOWED");

    let maker = site.admin_key(&admin, "maker");
    let children: Vec<Key> = (0..3).map(|number| site.ingestion_key(&maker, &format!("c{number}"))).collect();
    let stranger = site.ingestion_key(&admin, "stranger");
    let made_by = |id: &str| {
        let list =
            site.get(&format!("{KEYS}?createdBy={id}&sortKey=name")).session(&admin).expect(200).json();
        let names: Vec<String> = list["apiKeys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(list["totalCount"], names.len());
        names
    };
    assert_eq!(made_by(&maker.id), ["c0", "c1", "c2"]);
    assert_eq!(made_by(&format!("sxt_{}", maker.id)).len(), 3);
    assert_eq!(made_by(&admin.user), ["maker", "parent", "stranger"]);
    assert_eq!(made_by("nobody").len(), 0);
    site.delete(&format!("{KEYS}/{}", maker.id)).session(&admin).expect(204);
    for key in children.iter().chain([&maker]) {
        site.get("/v2/developers/schema").key(key).refused(401, "INVALID_API_KEY");
        site.get(&format!("{KEYS}/{}", key.id)).session(&admin).refused(404, "NOT_FOUND");
    }
    assert_eq!(site.opens(&stranger), 200);
    let gone = site.entries(&admin, "&action=DELETED");
    assert_eq!(gone.len(), 4, "each has its entry");
    site.stop();
    site.serve();
    assert!(children.iter().all(|key| site.opens(key) == 401), "nothing brings them back");
}

fn offspring_share_the_rate_of_their_parent(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let parent = site.make_key(&admin, &json!({"name": "parent", "role": "ADMIN", "rateLimitPerMinute": 6}));
    let body = |name: &str| json!({"name": name, "role": "INGESTION", "rateLimitPerMinute": 6});
    let children = [site.make_key(&parent, &body("one")), site.make_key(&parent, &body("two"))];
    // Making them cost two of the six; together they have the other four, and then nobody of the family has any.
    let answers: Vec<u16> = (0..8).map(|turn: usize| site.opens(&children[turn % 2])).collect();
    assert_eq!(answers, [200, 200, 200, 200, 429, 429, 429, 429]);
    assert_eq!(site.opens(&parent), 429);
}
