//! People who lost something after the backup do not get it back; somebody can still manage people.

use super::{backup, is_sound, restore};
use crate::site::{ADMIN, Ground, PASSWORD, Site, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    people_who_lost_something_after_the_backup_cannot_sign_in
    somebody_can_always_manage_people
}

const VIEWER: &str = "VIEWER";
const OTHER: &str = "another correct horse battery";

fn emails(done: &Value, list: &str) -> Vec<String> {
    done[list].as_array().unwrap().iter().map(|email| email.as_str().unwrap().to_owned()).collect()
}

fn people_who_lost_something_after_the_backup_cannot_sign_in(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let roles = json!([{"role": VIEWER}]);
    let made = ["same", "gone", "off", "weaker", "stronger", "password"]
        .map(|name| site.person(&admin, &format!("{name}@example.com"), &roles));
    let [_, gone, off, weaker, stronger, password] = &made;
    let file = backup(&site, "before.backup");
    let user = |id: &str| format!("/v1/users/{id}");
    site.delete(&user(&gone.user)).session(&admin).expect(204);
    site.patch(&user(&off.user), &json!({"active": false})).session(&admin).expect(200);
    let none =
        json!({"roles": [{"role": VIEWER, "orgIdentifier": "default", "projectIdentifier": "default"}]});
    site.patch(&user(&weaker.user), &none).session(&admin).expect(200);
    let more = json!({"roles": [{"role": VIEWER}, {"role": "SEI_ADMIN"}], "name": "Stronger"});
    site.patch(&user(&stronger.user), &more).session(&admin).expect(200);
    let change = json!({"currentPassword": PASSWORD, "newPassword": OTHER});
    site.put("/v1/session/password", &change).session(password).expect(204);

    let done = restore(&mut site, &file);
    let lost = ["gone", "off", "password", "weaker"].map(|name| format!("{name}@example.com"));
    assert_eq!(emails(&done, "usersDeactivated"), lost, "{done}");
    assert_eq!(emails(&done, "usersLeftActive"), Vec::<String>::new());
    for email in &lost {
        for word in [PASSWORD, OTHER] {
            site.signing_in(email, word).expect(401);
        }
    }
    site.sign_in("same@example.com", PASSWORD);
    site.sign_in("stronger@example.com", PASSWORD);
    let admin = site.admin();
    site.patch(&user(&password.user), &json!({"active": true})).session(&admin).expect(200);
    is_sound(&site);
}

fn somebody_can_always_manage_people(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let file = backup(&site, "before.backup");
    let change = json!({"currentPassword": PASSWORD, "newPassword": OTHER});
    site.put("/v1/session/password", &change).session(&admin).expect(204);
    site.stop();
    let restored = site.run(&["restore", &file]);
    assert!(restored.err.contains("may sign in all the same"), "{}", restored.err);
    let done = restored.json();
    assert_eq!(emails(&done, "usersLeftActive"), [ADMIN]);
    assert_eq!(emails(&done, "usersDeactivated"), Vec::<String>::new());
    site.serve();
    site.sign_in(ADMIN, PASSWORD);
}
