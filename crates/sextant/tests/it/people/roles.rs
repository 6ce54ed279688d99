//! Roles at the account, an organisation and a project.

use crate::site::{Ground, Session, Site, eventually, on_both_databases};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    roles_hold_where_they_were_given
    people_mint_only_what_they_hold
}

const CSV: &str = "Full Name,Email,Manager Email\nAda,ada@example.com,\n";

/// An organisation `one` with projects `a` and `b`, besides what is there.
fn places(site: &Site, admin: &Session) {
    site.post("/v1/orgs", &json!({"identifier": "one"})).session(admin).expect(201);
    for project in ["a", "b"] {
        let body = json!({"identifier": project});
        site.post("/v1/orgs/one/projects", &body).session(admin).expect(201);
    }
}

fn roles_hold_where_they_were_given(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    places(&site, &admin);
    let at_org =
        site.person(&admin, "org@example.com", &json!([{"role": "SEI_ADMIN", "orgIdentifier": "one"}]));
    let at_a = json!([{"role": "SEI_ADMIN", "orgIdentifier": "one", "projectIdentifier": "a"}]);
    let at_a = site.person(&admin, "a@example.com", &at_a);
    let nowhere = site.person(&admin, "none@example.com", &json!([]));
    let keys =
        |who: &Session, query: &str| site.get(&format!("/v2/api-keys?{query}")).session(who).send().status;
    let (a, b) = ("orgIdentifier=one&projectIdentifier=a", "orgIdentifier=one&projectIdentifier=b");
    for (who, expected) in [
        (&admin, [200, 200, 200]),
        (&at_org, [200, 200, 403]),
        (&at_a, [200, 403, 403]),
        (&nowhere, [403, 403, 403]),
    ] {
        assert_eq!([keys(who, a), keys(who, b), keys(who, "")], expected, "{who:?}");
    }
    // Such a refusal leaves a trace, too.
    let traces = || site.entries(&admin, "&type=ACCESS&email=a@example.com");
    eventually("noted", Duration::from_secs(10), || !traces().is_empty());

    // What belongs to the account is seen from a project and changed at the account only.
    for who in [&at_org, &at_a] {
        site.get("/v2/developers/schema").session(who).expect(200);
        site.get("/v2/developers").session(who).expect(200);
        site.call("POST", "/v2/developers").session(who).file(CSV).refused(403, "PERMISSION_DENIED");
        site.patch("/v2/developers", &json!([])).session(who).refused(403, "PERMISSION_DENIED");
        site.get("/v1/users").session(who).refused(403, "PERMISSION_DENIED");
        site.get("/v1/orgs").session(who).refused(403, "PERMISSION_DENIED");
    }
    site.get("/v2/developers").session(&nowhere).refused(403, "PERMISSION_DENIED");
    let sei = site.person(&admin, "sei@example.com", &json!([{"role": "SEI_ADMIN"}]));
    site.call("POST", "/v2/developers").session(&sei).file(CSV).expect(200);
    site.get("/v1/users").session(&sei).refused(403, "PERMISSION_DENIED");

    // The log of another project, and the account's own, is not theirs.
    let key = site.post(&format!("/v2/api-keys?{b}"), &json!({"name": "in b", "role": "INGESTION"}));
    key.session(&admin).expect(201);
    let seen = site.entries(&at_a, "");
    assert!(
        seen.iter().all(|entry| entry["subjectName"] != "in b" && entry["chain"] != "account"),
        "{seen:?}"
    );
    assert!(site.entries(&at_org, "").iter().any(|entry| entry["subjectName"] == "in b"));
    site.get(&format!("/v2/audit?{b}")).session(&at_a).refused(403, "PERMISSION_DENIED");
    let visible = |who: &Session| {
        let session = site.get("/v1/session").session(who).expect(200).json();
        session["projects"].as_array().unwrap().len()
    };
    assert_eq!([visible(&admin), visible(&at_org), visible(&at_a), visible(&nowhere)], [3, 2, 1, 0]);
}

fn people_mint_only_what_they_hold(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    places(&site, &admin);
    let a = "/v2/api-keys?orgIdentifier=one&projectIdentifier=a";
    let role = |role: &str| json!([{"role": role, "orgIdentifier": "one", "projectIdentifier": "a"}]);
    let at_a = site.person(&admin, "a@example.com", &role("SEI_ADMIN"));
    let manager = site.person(&admin, "m@example.com", &json!([{"role": "TEAM_MANAGER"}]));
    let make = |who: &Session, name: &str, role: &str, scopes: Value| {
        site.post(a, &json!({"name": name, "role": role, "scopes": scopes})).session(who).send()
    };
    // An Admin key could change what belongs to the account; so can an Ingestion key with its whole set.
    let refused = make(&at_a, "x", "ADMIN", json!(null)).refused(403, "PERMISSION_DENIED");
    assert!(refused.message().contains("data_settings:write"), "{}", refused.message());
    make(&at_a, "x", "INGESTION", json!(null)).refused(403, "PERMISSION_DENIED");
    make(&at_a, "x", "ADMIN", json!(["profiles:write"])).refused(403, "PERMISSION_DENIED");
    make(&at_a, "narrow admin", "ADMIN", json!(["teams:write", "api_keys:write", "api_keys:read"]))
        .expect(201);
    let within = json!(["ingestion:write", "developer_records:read", "identities:write"]);
    make(&at_a, "within", "INGESTION", within).expect(201);
    make(&manager, "x", "INGESTION", json!(["developer_records:read"])).refused(403, "PERMISSION_DENIED");

    // Nor is power obtained by rotating or switching on; taking it away is allowed.
    let strong = make(&admin, "strong", "ADMIN", json!(null)).expect(201).json();
    let id = strong["apiKey"]["id"].as_str().unwrap();
    let path = |rest: &str| format!("/v2/api-keys/{id}{rest}?orgIdentifier=one&projectIdentifier=a");
    site.post(&path("/rotate"), &json!({})).session(&at_a).refused(403, "PERMISSION_DENIED");
    site.patch(&path(""), &json!({"enabled": false})).session(&at_a).expect(200);
    site.patch(&path(""), &json!({"enabled": true})).session(&at_a).refused(403, "PERMISSION_DENIED");
    site.patch(&path(""), &json!({"enabled": true})).session(&admin).expect(200);
    site.delete(&path("")).session(&at_a).expect(204);

    // What someone made outlives their role: it is the key's, and is seen by those who look after it.
    let mine =
        make(&at_a, "mine", "INGESTION", json!(["ingestion:write", "developer_records:read"])).expect(201);
    let mine = crate::site::Key::of(&mine);
    site.patch(&format!("/v1/users/{}", at_a.user), &json!({"roles": []})).session(&admin).expect(200);
    make(&at_a, "late", "INGESTION", json!(["ingestion:write"])).refused(403, "PERMISSION_DENIED");
    assert_eq!(site.opens(&mine), 200);
}
