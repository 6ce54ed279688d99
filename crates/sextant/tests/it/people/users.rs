//! Adding, changing and removing people, organisations and projects.

use crate::site::{ADMIN, Ground, PASSWORD, Session, Site, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    people_are_added_changed_and_removed
    organisations_and_projects_are_made_and_listed
}

fn people_are_added_changed_and_removed(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let add = |body: &Value| site.post("/v1/users", body).session(&admin).send();
    let ada = add(
        &json!({"email": "Ada@Example.com", "name": "Ada", "password": PASSWORD, "roles": [{"role": "viewer"}]}),
    );
    let ada = ada.expect(201).json();
    assert_eq!(ada["user"]["email"], "Ada@Example.com", "as it was written");
    assert_eq!(ada["user"]["roles"][0]["role"], "VIEWER");
    assert!(ada.get("setupLink").is_none() && !ada.to_string().contains(PASSWORD));
    let path = format!("/v1/users/{}", ada["user"]["id"].as_str().unwrap());
    add(&json!({"email": "ada@example.COM", "password": PASSWORD})).refused(409, "NAME_TAKEN");
    for wrong in [
        json!({"email": "no address"}),
        json!({"email": "x@example.com", "password": "short"}),
        json!({"email": "x@example.com", "roles": [{"role": "ROOT"}]}),
        json!({"email": "x@example.com", "roles": [{"role": "VIEWER", "orgIdentifier": "nowhere"}]}),
        json!({"email": "x@example.com", "roles": [{"role": "VIEWER", "projectIdentifier": "nowhere"}]}),
        json!({"email": "x@example.com", "admin": true}),
    ] {
        add(&wrong).refused(400, "INVALID_REQUEST");
    }
    // Without a password there is a link, once; it sets one.
    let bob =
        add(&json!({"email": "bob@example.com", "roles": [{"role": "TEAM_MANAGER"}]})).expect(201).json();
    let link = bob["setupLink"].as_str().unwrap();
    let token = link.split_once("#token=").unwrap().1.to_owned();
    assert_eq!(bob["user"]["hasPassword"], false);
    site.signing_in("bob@example.com", "").expect(401);
    let use_link = || {
        let body = json!({"token": token, "password": PASSWORD});
        site.post("/v1/session/setup", &body).header("origin", format!("http://{}", site.address)).send()
    };
    let bob = Session::of(&use_link().expect(200));
    use_link().refused(404, "NOT_FOUND");
    site.get("/v1/session").session(&bob).expect(200);

    let session = site.sign_in("ada@example.com", PASSWORD);
    let patch = |body: &Value| site.patch(&path, body).session(&admin).send();
    let changed = patch(&json!({"name": "Ada L.", "roles": [{"role": "SEI_ADMIN"}]})).expect(200).json();
    assert_eq!(
        (&changed["user"]["name"], &changed["user"]["roles"][0]["role"]),
        (&json!("Ada L."), &json!("SEI_ADMIN"))
    );
    site.get("/v2/api-keys").session(&session).expect(200);
    // Who is deactivated is out at once, and stays out.
    patch(&json!({"active": false})).expect(200);
    site.get("/v1/session").session(&session).expect(401);
    site.signing_in("ada@example.com", PASSWORD).expect(401);
    patch(&json!({"active": true})).expect(200);
    site.get("/v1/session").session(&session).expect(401);
    let session = site.sign_in("ada@example.com", PASSWORD);
    let reset = patch(&json!({"resetPassword": true})).expect(200).json();
    assert!(reset["setupLink"].is_string());

    // Somebody must be able to manage people.
    let me = format!("/v1/users/{}", admin.user);
    for body in [json!({"active": false}), json!({"roles": []}), json!({"roles": [{"role": "SEI_ADMIN"}]})] {
        site.patch(&me, &body).session(&admin).refused(409, "CONFLICT");
    }
    let elsewhere = json!({"roles": [{"role": "ACCOUNT_ADMIN", "projectIdentifier": "default"}]});
    site.patch(&me, &elsewhere).session(&admin).refused(409, "CONFLICT");
    site.delete(&me).session(&admin).refused(409, "CONFLICT");
    site.get("/v1/users").session(&admin).expect(200);
    patch(&json!({"roles": [{"role": "ACCOUNT_ADMIN"}]})).expect(200);
    let listed = site.get("/v1/users?pageSize=2").session(&session).expect(200).json();
    assert_eq!((listed["users"].as_array().unwrap().len(), &listed["totalCount"]), (2, &json!(3)));
    site.delete(&me).session(&session).expect(204);
    site.get("/v1/session").session(&admin).expect(401);
    site.signing_in(ADMIN, PASSWORD).expect(401);
    site.get(&me).session(&session).refused(404, "NOT_FOUND");
    site.patch("/v1/users/nobody", &json!({})).session(&session).refused(404, "NOT_FOUND");
}

fn organisations_and_projects_are_made_and_listed(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let make = |path: &str, body: &Value| site.post(path, body).session(&admin).send();
    let made = make("/v1/orgs", &json!({"identifier": "platform", "name": "Platform"})).expect(201).json();
    assert_eq!((&made["org"]["identifier"], &made["org"]["name"]), (&json!("platform"), &json!("Platform")));
    make("/v1/orgs", &json!({"identifier": "platform"})).refused(409, "NAME_TAKEN");
    for wrong in ["", "with space", "a/b", "-a", &"x".repeat(129), "ü"] {
        make("/v1/orgs", &json!({"identifier": wrong})).refused(400, "INVALID_REQUEST");
    }
    let projects = "/v1/orgs/platform/projects";
    let made = make(projects, &json!({"identifier": "build", "name": "Build"})).expect(201).json();
    assert_eq!(made["project"]["orgIdentifier"], "platform");
    make(projects, &json!({"identifier": "build"})).refused(409, "NAME_TAKEN");
    make("/v1/orgs/default/projects", &json!({"identifier": "build"})).expect(201);
    make("/v1/orgs/nowhere/projects", &json!({"identifier": "a"})).refused(404, "NOT_FOUND");
    site.get("/v1/orgs/nowhere/projects").session(&admin).refused(404, "NOT_FOUND");
    let orgs = site.get("/v1/orgs").session(&admin).expect(200).json();
    assert_eq!((&orgs["totalCount"], &orgs["orgs"][0]["identifier"]), (&json!(2), &json!("default")));
    let listed = site.get("/v1/orgs/default/projects").session(&admin).expect(200).json();
    assert_eq!(listed["totalCount"], 2);
    // It is there for keys at once.
    let query = "orgIdentifier=platform&projectIdentifier=build";
    let key = site.post(&format!("/v2/api-keys?{query}"), &json!({"name": "b", "role": "ADMIN"}));
    let key = crate::site::Key::of(&key.session(&admin).expect(201));
    site.get(&format!("/v2/api-keys?{query}")).key(&key).expect(200);
    site.get("/v1/orgs").key(&key).refused(403, "PERMISSION_DENIED");
    let seen = site.get("/v1/session").session(&admin).expect(200).json();
    assert_eq!(seen["projects"].as_array().unwrap().len(), 3);
}
