//! Every operation of the document against every kind of caller. What is expected comes from `x-permission` and the
//! permission table; an operation that this cannot be said of stands in `unproven.txt`, which is empty.

use crate::site::{By, Ground, Key, Operation, PASSWORD, Session, Site, on_both_databases};
use crate::support::client::Answer;
use serde_json::{Value, json};
use sextant_core::permission::{KeyRole, Permission, PermissionSet, PersonRole};

on_both_databases! {
    every_operation_is_open_to_those_whom_the_table_names
    reading_changes_nothing
}

/// A kind of caller.
struct Kind {
    name: &'static str,
    who: Who,
    /// What the guard lets them do somewhere.
    permissions: PermissionSet,
    /// What is added to the path.
    query: &'static str,
}

enum Who {
    Nobody,
    Key(Key),
    Person(Session),
}

/// What must come of a request.
#[derive(Debug)]
enum Expected {
    Refused(u16, &'static str),
    Denied(Permission),
    Past,
}

impl Kind {
    fn send(&self, site: &Site, operation: &Operation) -> Answer {
        let mut path = operation.path.clone();
        for (name, value) in [
            ("{id}", "aaaaaaaaaaaa"),
            ("{sessionId}", "aaaaaaaaaaaaaa"),
            ("{versionId}", "999999"),
            ("{org}", "default"),
            ("{name}", "nothing.js"),
        ] {
            path = path.replace(name, value);
        }
        assert!(!path.contains('{'), "{path}: say what to put there");
        let call = site.call(&operation.method, &format!("{path}{}", self.query));
        // Nothing that a handler would do something with.
        let call = if operation.method == "GET" { call } else { call.json(&json!({"surprise": true})) };
        match &self.who {
            Who::Nobody => call.send(),
            Who::Key(key) => call.by(By::Key(key)).send(),
            Who::Person(session) => call.by(By::Session(session)).send(),
        }
    }

    fn expected(&self, operation: &Operation) -> Option<Expected> {
        let expired = self.name == "expired key";
        let needed = match operation.permission.as_str() {
            "none" => return Some(Expected::Past),
            "self" => None,
            name => Some(Permission::parse(name)?),
        };
        Some(match (&self.who, needed) {
            (Who::Nobody, _) => Expected::Refused(401, "MISSING_CREDENTIALS"),
            (Who::Key(_), _) if expired => Expected::Refused(401, "API_KEY_EXPIRED"),
            (_, Some(permission)) if !self.permissions.has(permission) => Expected::Denied(permission),
            (Who::Key(_), _) if !self.query.is_empty() => Expected::Refused(403, "WRONG_PROJECT"),
            _ => Expected::Past,
        })
    }
}

fn kinds(site: &Site, admin: &Session) -> Vec<Kind> {
    site.post("/v1/orgs/default/projects", &json!({"identifier": "other"})).session(admin).expect(201);
    let key = |name: &str, role: KeyRole, more: Value, query: &str| {
        let mut body = json!({"name": name, "role": role.name()});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Key::of(&site.post(&format!("/v2/api-keys{query}"), &body).session(admin).expect(201))
    };
    let none = json!({});
    let soon = sextant_core::time::Time::from_micros(
        i64::try_from(
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros(),
        )
        .unwrap()
            + 700_000,
    );
    let expired = key("expired", KeyRole::Admin, json!({"expiresAt": soon.to_string()}), "");
    let one = json!({"scopes": ["data_settings:read"]});
    let keys = [
        ("Admin key", key("a", KeyRole::Admin, none.clone(), ""), KeyRole::Admin.permissions(), ""),
        (
            "Ingestion key",
            key("i", KeyRole::Ingestion, none.clone(), ""),
            KeyRole::Ingestion.permissions(),
            "",
        ),
        (
            "narrowed key",
            key("n", KeyRole::Admin, one, ""),
            PermissionSet::of(&[Permission::DataSettingsRead]),
            "",
        ),
        (
            "another project's key",
            key("o", KeyRole::Admin, none, "?projectIdentifier=other"),
            KeyRole::Admin.permissions(),
            "?projectIdentifier=default",
        ),
        ("expired key", expired, PermissionSet::EMPTY, ""),
    ];
    let mut kinds =
        vec![Kind { name: "nobody", who: Who::Nobody, permissions: PermissionSet::EMPTY, query: "" }];
    kinds.extend(keys.into_iter().map(|(name, key, permissions, query)| Kind {
        name,
        who: Who::Key(key),
        permissions,
        query,
    }));
    for role in PersonRole::ALL {
        let email = format!("{}@example.com", role.name().to_lowercase());
        let session = site.person(admin, &email, &json!([{"role": role.name()}]));
        kinds.push(Kind {
            name: role.name(),
            who: Who::Person(session),
            permissions: role.permissions(),
            query: "",
        });
        let email = format!("{}-below@example.com", role.name().to_lowercase());
        let session =
            site.person(admin, &email, &json!([{"role": role.name(), "projectIdentifier": "default"}]));
        let permissions =
            role.permissions().iter().filter(|permission| !permission.needs_account()).collect();
        kinds.push(Kind { name: "at a project", who: Who::Person(session), permissions, query: "" });
    }
    kinds
}

fn every_operation_is_open_to_those_whom_the_table_names(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let kinds = kinds(&site, &admin);
    std::thread::sleep(std::time::Duration::from_millis(700));
    let mut unproven = Vec::new();
    let mut wrong = Vec::new();
    let operations = site.document().operations();
    assert!(operations.len() > 25, "the document has them all");
    for operation in &operations {
        for kind in &kinds {
            let what = format!("{} {}", operation.method, operation.path);
            let Some(expected) = kind.expected(operation) else {
                unproven.push(format!("{what}: {}", kind.name));
                continue;
            };
            // These two end whoever calls them; they have tests of their own besides this.
            let ends = matches!(what.as_str(), "DELETE /v2/api-keys/self" | "DELETE /v1/session");
            if ends && matches!(expected, Expected::Past) {
                if !ending_is_open(&site, &admin, kind) {
                    wrong.push(format!("{what} as {}", kind.name));
                }
                continue;
            }
            let answer = kind.send(&site, operation);
            let message =
                serde_json::from_slice::<Value>(&answer.body).unwrap_or_default()["message"].to_string();
            let fits = match &expected {
                Expected::Refused(status, code) => answer.status == *status && answer.code() == *code,
                Expected::Denied(permission) => {
                    answer.status == 403
                        && answer.code() == "PERMISSION_DENIED"
                        && message.contains(&format!("`{permission}`"))
                }
                Expected::Past => {
                    let own = operation.permission == "none" && operation.path.contains("/session");
                    let reached = !message.contains("no such path") && answer.status != 405;
                    reached
                        && !message.contains("this needs the permission")
                        && (own || answer.status != 401)
                        && answer.status < 500
                }
            };
            if !fits {
                wrong.push(format!("{what} as {}: {expected:?}, not {} {message}", kind.name, answer.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(unproven.join("\n"), include_str!("unproven.txt").trim());
}

/// Tries with another credential of the same kind, which ends by it.
fn ending_is_open(site: &Site, admin: &Session, kind: &Kind) -> bool {
    match &kind.who {
        Who::Nobody => site.delete("/v1/session").send().status == 401,
        Who::Key(_) => {
            let key =
                site.make_key(admin, &json!({"name": format!("to end {}", kind.name), "role": "INGESTION"}));
            let ended = site.delete("/v2/api-keys/self").key(&key).send().status == 204;
            ended && site.opens(&key) == 401 || site.delete("/v1/session").key(&key).send().status == 401
        }
        Who::Person(session) => {
            let refused = site.delete("/v2/api-keys/self").session(session).send().status == 400;
            let me = site.get("/v1/session").session(session).send().json();
            let again = site.sign_in(me["user"]["email"].as_str().unwrap(), PASSWORD);
            refused && site.delete("/v1/session").session(&again).send().status == 204
        }
    }
}

fn reading_changes_nothing(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.admin_key(&admin, "reader");
    let kind = |who: Who| Kind { name: "reader", who, permissions: PermissionSet::FULL, query: "" };
    let (person, machine) = (kind(Who::Person(admin.clone())), kind(Who::Key(key.clone())));
    let state = || {
        let keys = site.get("/v2/api-keys").session(&admin).expect(200).json()["apiKeys"].clone();
        let keys: Vec<Value> = keys
            .as_array()
            .unwrap()
            .iter()
            .map(|key| json!([key["id"], key["status"], key["scopes"]]))
            .collect();
        let rest: Vec<Value> =
            ["/v1/users", "/v1/orgs", "/v1/orgs/default/projects", "/v2/developers/schema"]
                .iter()
                .map(|path| site.get(path).session(&admin).expect(200).json())
                .collect();
        json!([keys, rest, site.entries(&admin, "").len()])
    };
    let before = state();
    for operation in site.document().operations() {
        let refused_for_keys = operation.permission.starts_with("users:");
        if operation.method == "GET" {
            person.send(&site, &operation);
            if !refused_for_keys {
                machine.send(&site, &operation);
            }
        }
    }
    assert_eq!(state(), before);
}
