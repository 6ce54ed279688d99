//! Adding, changing and removing people, organisations and projects.

use crate::site::{ADMIN, Ground, PASSWORD, Session, Site, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    people_are_added_changed_and_removed
    people_are_found_by_name_and_state
    a_new_link_voids_the_one_before
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

fn people_are_found_by_name_and_state(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    for (email, name) in
        [("ada@example.com", "Änne Lovelace"), ("bob_x@example.com", "Bob"), ("bobby@example.com", "B")]
    {
        site.post("/v1/users", &json!({"email": email, "name": name})).session(&admin).expect(201);
    }
    let found = |query: &str| {
        let answer = site.get(&format!("/v1/users?{query}")).session(&admin).expect(200).json();
        let emails: Vec<String> = answer["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["email"].as_str().unwrap().to_owned())
            .collect();
        (emails, answer)
    };
    let emails = |query: &str| found(query).0;
    assert_eq!(emails("search=%C3%A4NNE"), ["ada@example.com"], "names, whatever the case");
    assert_eq!(emails("search=BOB"), ["bob_x@example.com", "bobby@example.com"]);
    assert_eq!(emails("search=b_"), ["bob_x@example.com"], "no wildcard");
    assert_eq!(emails("search=").len(), 4);
    let (page, answer) = found("search=bob&pageSize=1&pageIndex=1");
    assert_eq!((page, &answer["totalCount"]), (vec!["bobby@example.com".to_owned()], &json!(2)));
    let id = found("search=bobby").1["users"][0]["id"].as_str().unwrap().to_owned();
    let patch = |body: &Value| site.patch(&format!("/v1/users/{id}"), body).session(&admin).expect(200);
    patch(&json!({"active": false, "name": "Ödön"}));
    assert_eq!(emails("active=false"), ["bobby@example.com"]);
    assert_eq!(emails("active=true&search=bob"), ["bob_x@example.com"]);
    assert_eq!(emails("search=%C3%B6d%C3%96n"), ["bobby@example.com"], "by the new name");
    for wrong in ["active=perhaps", "pageSize=0"] {
        site.get(&format!("/v1/users?{wrong}")).session(&admin).refused(400, "INVALID_REQUEST");
    }
}

fn a_new_link_voids_the_one_before(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let made =
        site.post("/v1/users", &json!({"email": "new@example.com"})).session(&admin).expect(201).json();
    let path = format!("/v1/users/{}", made["user"]["id"].as_str().unwrap());
    let token =
        |answer: &Value| answer["setupLink"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    let use_link = |token: &str, password: &str| {
        let body = json!({"token": token, "password": password});
        site.post("/v1/session/setup", &body).header("origin", format!("http://{}", site.address)).send()
    };
    let again = |body: &Value| site.patch(&path, body).session(&admin).expect(200).json();
    let second = again(&json!({"resetPassword": true}));
    use_link(&token(&made), PASSWORD).refused(404, "NOT_FOUND");
    let session = Session::of(&use_link(&token(&second), PASSWORD).expect(200));

    // A link to reset a password ends nothing until it is used; then all that was there.
    let third = again(&json!({"resetPassword": true, "name": "Renamed"}));
    site.get("/v1/session").session(&session).expect(200);
    site.sign_in("new@example.com", PASSWORD);
    use_link(&token(&third), "quite another one").expect(200);
    site.get("/v1/session").session(&session).expect(401);
    site.signing_in("new@example.com", PASSWORD).expect(401);

    let id = made["user"]["id"].as_str().unwrap();
    let actions = || -> Vec<String> {
        let entries = site.entries(&admin, &format!("&type=USER&subjectId={id}"));
        entries.iter().rev().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect()
    };
    let reset = ["PASSWORD_RESET_STARTED", "PASSWORD_RESET_FINISHED"];
    assert_eq!(actions(), [&["CREATED"][..], &reset, &["EDITED"], &reset].concat());
    again(&json!({}));
    again(&json!({"name": "Renamed", "active": true, "roles": []}));
    assert_eq!(actions().len(), 6, "nothing changed");
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
