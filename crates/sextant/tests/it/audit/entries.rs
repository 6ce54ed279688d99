//! Every change leaves one entry, and every entry can be found.

use crate::site::{ADMIN, By, Ground, Key, PASSWORD, Site, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    every_change_leaves_one_entry
    entries_are_filtered_paged_and_exported
}

/// A change and what its entry must say: type, action, whether there is a before, whether there is an after.
type Change<'a> = (&'a str, String, Value, (&'a str, &'a str, bool, bool));

fn every_change_leaves_one_entry(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let id = |answer: &Value| {
        answer.as_object().unwrap().values().next().unwrap()["id"].as_str().unwrap().to_owned()
    };
    let mut made: Vec<(String, Value)> = Vec::new();
    let mut change = |name: &str, by: By<'_>, (method, path, body, expected): Change<'_>| -> Value {
        let call =
            site.call(method, &path).by(by).header("x-request-id", name).header("user-agent", "tests/1");
        let call = match &body {
            Value::String(csv) => call.file(csv),
            Value::Null => call,
            body => call.json(body),
        };
        let answer = call.send();
        assert!(answer.status < 300, "{name}: {}", answer.text());
        let (kind, action, before, after) = expected;
        made.push((name.to_owned(), json!([kind, action, before, after])));
        serde_json::from_slice(&answer.body).unwrap_or_default()
    };
    let me = By::from(&admin);
    let key_kind = "API_ACCESS_KEY";
    let body = json!({"name": "audited", "role": "ADMIN"});
    let key =
        change("k-create", me, ("POST", "/v2/api-keys".into(), body, (key_kind, "CREATED", false, true)));
    let path = format!("/v2/api-keys/{}", id(&key));
    let body = json!({"description": "narrower", "rateLimitPerMinute": 6000});
    change("k-patch", me, ("PATCH", path.clone(), body, (key_kind, "EDITED", true, true)));
    let rotated = change(
        "k-rotate",
        me,
        ("POST", format!("{path}/rotate"), json!({}), (key_kind, "ROTATED", false, true)),
    );
    let by_key =
        Key { id: id(&key), secret: rotated["key"].as_str().unwrap().to_owned(), shown: Value::Null };
    let child = json!({"name": "child", "role": "INGESTION", "rateLimitPerMinute": 60});
    let child = change(
        "k-child",
        By::from(&by_key),
        ("POST", "/v2/api-keys".into(), child, (key_kind, "CREATED", false, true)),
    );
    let child_path = format!("/v2/api-keys/{}", id(&child));
    change(
        "k-delete",
        By::from(&by_key),
        ("DELETE", child_path, Value::Null, (key_kind, "DELETED", true, false)),
    );
    change(
        "k-self",
        By::from(&by_key),
        ("DELETE", "/v2/api-keys/self".into(), Value::Null, (key_kind, "DELETED", true, false)),
    );

    let body = json!({"email": "ada@example.com", "password": PASSWORD, "roles": [{"role": "VIEWER"}]});
    let user = change("u-create", me, ("POST", "/v1/users".into(), body, ("USER", "CREATED", false, true)));
    let path = format!("/v1/users/{}", id(&user));
    let body = json!({"roles": [{"role": "SEI_ADMIN"}]});
    change("u-patch", me, ("PATCH", path.clone(), body, ("USER", "EDITED", true, true)));
    change("u-delete", me, ("DELETE", path, Value::Null, ("USER", "DELETED", true, false)));
    let sign_in = json!({"email": ADMIN, "password": PASSWORD});
    change("u-in", me, ("POST", "/v1/session".into(), sign_in, ("USER_LOGIN", "SUCCESS", false, false)));
    let words = json!({"currentPassword": PASSWORD, "newPassword": "quite another one"});
    change(
        "u-word",
        me,
        ("PUT", "/v1/session/password".into(), words, ("USER", "PASSWORD_RESET_FINISHED", false, false)),
    );
    change(
        "org",
        me,
        ("POST", "/v1/orgs".into(), json!({"identifier": "o"}), ("ORGANIZATION", "CREATED", false, true)),
    );
    change(
        "project",
        me,
        (
            "POST",
            "/v1/orgs/o/projects".into(),
            json!({"identifier": "p"}),
            ("PROJECT", "CREATED", false, true),
        ),
    );
    let csv = json!("Full Name,Email,Manager Email\nAda,ada@example.com,\n");
    let preview = change(
        "d-upload",
        me,
        ("POST", "/v2/developers".into(), csv, ("DEVELOPER", "SUBMITTED", false, true)),
    );
    let path = format!("/v2/developers/versions/{}/fieldMappings", preview["versionId"].as_str().unwrap());
    let mapping = json!({"fieldMappings": [
        {"csvColumn": "Full Name", "fieldType": "NAME"}, {"csvColumn": "Email", "fieldType": "EMAIL"},
        {"csvColumn": "Manager Email", "fieldType": "MANAGER_EMAIL"}]});
    change("d-save", me, ("PUT", path, mapping, ("DEVELOPER", "EDITED", false, true)));
    let upsert = json!([{"Email": "ada@example.com", "Full Name": "Ada L."}]);
    change("d-upsert", me, ("PATCH", "/v2/developers".into(), upsert, ("DEVELOPER", "EDITED", true, true)));

    let entries = site.entries(&site.sign_in(ADMIN, "quite another one"), "");
    for (request, expected) in &made {
        let found: Vec<&Value> =
            entries.iter().filter(|entry| entry["requestId"] == request.as_str()).collect();
        let [entry] = found.as_slice() else { panic!("{request}: not one entry but {found:?}") };
        let told =
            json!([entry["type"], entry["action"], entry["before"].is_object(), entry["after"].is_object()]);
        assert_eq!(&told, expected, "{request}: {entry}");
        let by_key = ["k-child", "k-delete", "k-self"].contains(&request.as_str());
        let actor = if by_key { json!(["API_KEY", "audited"]) } else { json!(["USER", ADMIN]) };
        assert_eq!(json!([entry["actor"]["type"], entry["actor"]["name"]]), actor, "{request}");
        assert_eq!(
            (&entry["address"], &entry["userAgent"]),
            (&json!("127.0.0.1"), &json!("tests/1")),
            "{request}"
        );
        assert!(
            entry["at"].as_str().unwrap().ends_with('Z') && !entry["subjectId"].as_str().unwrap().is_empty()
        );
    }
    let narrowed = entries.iter().find(|entry| entry["requestId"] == "k-patch").unwrap();
    assert_eq!(
        (&narrowed["before"]["rateLimitPerMinute"], &narrowed["after"]["rateLimitPerMinute"]),
        (&Value::Null, &json!(6000))
    );
    let moved = entries.iter().find(|entry| entry["requestId"] == "u-patch").unwrap();
    assert!(
        moved["before"].to_string().contains("VIEWER") && moved["after"].to_string().contains("SEI_ADMIN")
    );
    let text = json!(entries).to_string();
    assert!(
        !text.contains(&by_key.secret[17..]) && !text.contains(PASSWORD) && !text.contains("quite another")
    );
    // What was refused or changed nothing is no change.
    let before = entries.len();
    let admin = site.sign_in(ADMIN, "quite another one");
    site.post("/v2/api-keys", &json!({"name": "", "role": "ADMIN"})).session(&admin).expect(400);
    site.patch("/v2/developers", &json!([{"Email": "ada@example.com"}])).session(&admin).expect(200);
    assert_eq!(site.entries(&admin, "").len(), before + 1, "one more: signing in");
}

fn entries_are_filtered_paged_and_exported(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let sei = site.person(&admin, "sei@example.com", &json!([{"role": "SEI_ADMIN"}]));
    let key = site.admin_key(&admin, "=cmd|' /C calc'!A0");
    site.ingestion_key(&sei, "+sei's");
    site.ingestion_key(&key, "by a key");
    let path = format!("/v2/api-keys/{}", key.id);
    site.patch(&path, &json!({"description": "@sum"})).session(&admin).expect(200);
    let count = |query: &str| site.entries(&admin, query).len();
    assert_eq!(count("&type=API_ACCESS_KEY"), 4);
    assert_eq!(count("&type=api_access_key&action=created"), 3);
    assert_eq!(count("&type=API_ACCESS_KEY,USER&action=CREATED&email=admin@example.com"), 2);
    assert_eq!(count("&type=API_ACCESS_KEY&email=sei@example.com&email=admin@example.com"), 3);
    assert_eq!(count(&format!("&subjectId={}", key.id)), 2);
    assert_eq!(count("&type=DASHBOARD"), 0, "a published word that nothing here has");
    assert_eq!(count("&projectIdentifier=default"), 4, "of the project only");
    let all = site.entries(&admin, "");
    let times: Vec<&str> = all.iter().map(|entry| entry["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest first");
    let newest = times[0];
    assert_eq!(count(&format!("&to={newest}")) + count(&format!("&from={newest}")), all.len(), "half-open");
    let page = site.get("/v2/audit?pageSize=2&pageIndex=1").session(&admin).expect(200).json();
    assert_eq!((&page["entries"][0], &page["totalCount"]), (&all[2], &json!(all.len())));
    for wrong in ["type=NONSENSE", "action=NONSENSE", "from=yesterday", "pageSize=1001"] {
        site.get(&format!("/v2/audit?{wrong}")).session(&admin).refused(400, "INVALID_REQUEST");
    }
    let export =
        site.get("/v2/audit?type=API_ACCESS_KEY").session(&admin).header("accept", "text/csv").expect(200);
    assert_eq!(export.header("content-disposition"), Some("attachment; filename=\"audit.csv\""));
    let text = export.text();
    assert_eq!(text.matches("\r\n").count(), 5, "{text}");
    let by_link = site.get("/v2/audit?type=API_ACCESS_KEY&format=csv").session(&admin).expect(200);
    assert_eq!(
        (by_link.text(), by_link.header("content-type")),
        (text.clone(), Some("text/csv; charset=utf-8"))
    );
    let json = site.get("/v2/audit?format=json").session(&admin).header("accept", "text/csv").expect(200);
    assert!(json.json()["entries"].is_array());
    let none = site.get("/v2/audit?type=DASHBOARD&format=csv").session(&admin).expect(200).text();
    assert_eq!(none.matches("\r\n").count(), 1, "the head alone: {none}");
    site.get("/v2/audit?format=xml").session(&admin).refused(400, "INVALID_REQUEST");
    assert!(text.contains("'=cmd|") && text.contains("'+sei") && !text.contains(",=cmd"), "{text}");
    for line in text.lines().flat_map(|line| line.split(',')) {
        let cell = line.trim_start_matches('"');
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
    }
    // A key sees the account's log and its own project's, an Ingestion key none.
    assert_eq!(site.get("/v2/audit").key(&key).expect(200).json()["totalCount"], json!(all.len()));
}
