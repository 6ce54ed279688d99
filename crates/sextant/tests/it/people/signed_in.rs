//! Where people are signed in, and ending it.

use crate::site::{ADMIN, Client, Ground, PASSWORD, Session, Site, on_both_databases};
use serde_json::{Value, json};

on_both_databases! {
    people_see_and_end_their_own_sessions
    account_admins_see_and_end_those_of_others
}

fn sign_in_with(client: &Client, email: &str, agent: &str) -> Session {
    Session::of(&client.signing_in(email, PASSWORD).header("user-agent", agent).expect(200))
}

fn sessions(client: &Client, path: &str, by: &Session) -> Vec<Value> {
    let answer = client.get(path).session(by).expect(200).json();
    let list = answer["sessions"].as_array().unwrap().clone();
    assert_eq!(answer["totalCount"], list.len());
    list
}

fn id_of(client: &Client, session: &Session) -> String {
    let list = sessions(client, "/v1/sessions", session);
    let current: Vec<&Value> = list.iter().filter(|one| one["current"] == true).collect();
    assert_eq!(current.len(), 1, "{list:?}");
    current[0]["id"].as_str().unwrap().to_owned()
}

fn people_see_and_end_their_own_sessions(ground: Ground) {
    let site = Site::start(ground);
    let laptop = sign_in_with(&site, ADMIN, "laptop/1");
    let phone = sign_in_with(&site, ADMIN, "phone/1");
    let other = site.person(&laptop, "other@example.com", &json!([]));
    let list = sessions(&site, "/v1/sessions", &laptop);
    assert_eq!(list.len(), 2, "one's own only");
    for (agent, current) in [("laptop/1", true), ("phone/1", false)] {
        let one = list.iter().find(|one| one["userAgent"] == agent).unwrap();
        assert_eq!((&one["current"], &one["address"]), (&json!(current), &json!("127.0.0.1")));
        assert!(one["createdAt"].as_str() <= one["seenAt"].as_str());
        assert!(one["seenAt"].as_str() < one["expiresAt"].as_str());
        assert!(!one.to_string().contains(laptop.token()) && !one.to_string().contains(phone.token()));
    }
    let page = site.get("/v1/sessions?pageSize=1&pageIndex=1").session(&laptop).expect(200).json();
    assert_eq!((&page["totalCount"], page["sessions"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(page["sessions"][0], list[1]);

    let (laptop_id, phone_id) = (id_of(&site, &laptop), id_of(&site, &phone));
    site.delete(&format!("/v1/sessions/{laptop_id}")).session(&other).refused(404, "NOT_FOUND");
    site.delete("/v1/sessions/unknown").session(&laptop).refused(404, "NOT_FOUND");
    site.delete(&format!("/v1/sessions/{phone_id}")).header("cookie", &laptop.cookie).expect(403);
    site.delete(&format!("/v1/sessions/{phone_id}")).expect(401);
    let key = site.admin_key(&laptop, "no person");
    site.get("/v1/sessions").key(&key).refused(401, "MISSING_CREDENTIALS");
    site.get("/v1/session").session(&phone).expect(200);

    let ended = site.delete(&format!("/v1/sessions/{phone_id}")).session(&laptop).expect(204);
    assert_eq!(ended.header("set-cookie"), None, "the one that asks goes on");
    for path in ["/v1/session", "/v1/sessions", "/v2/api-keys"] {
        site.get(path).session(&phone).refused(401, "MISSING_CREDENTIALS");
    }
    site.delete(&format!("/v1/sessions/{phone_id}")).session(&laptop).refused(404, "NOT_FOUND");
    let entries = site.entries(&laptop, "&type=USER_LOGIN&action=DELETED");
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!((&entries[0]["subjectName"], &entries[0]["actor"]["name"]), (&json!(ADMIN), &json!(ADMIN)));
    assert_eq!(entries[0]["before"]["session"], phone_id.as_str());
    assert_eq!(entries[0]["before"]["userAgent"], "phone/1");

    let ended = site.delete(&format!("/v1/sessions/{laptop_id}")).session(&laptop).expect(204);
    assert!(ended.header("set-cookie").unwrap().contains("Max-Age=0"), "its cookie is forgotten");
    site.get("/v1/session").session(&laptop).expect(401);
}

fn account_admins_see_and_end_those_of_others(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let ada = site.person(&admin, "ada@example.com", &json!([{"role": "SEI_ADMIN"}]));
    let again = sign_in_with(&site, "ada@example.com", "tablet/1");
    let path = format!("/v1/users/{}/sessions", ada.user);
    assert_eq!(sessions(&site, &path, &admin).len(), 2);
    assert!(sessions(&site, &path, &admin).iter().all(|one| one["current"] == false));
    let mine = sessions(&site, &format!("/v1/users/{}/sessions", admin.user), &admin);
    assert_eq!((mine.len(), &mine[0]["current"]), (1, &json!(true)));
    site.get(&path).session(&ada).refused(403, "PERMISSION_DENIED");
    site.delete(&path).session(&ada).refused(403, "PERMISSION_DENIED");
    for (method, path) in [
        ("GET", "/v1/users/nobody/sessions"),
        ("DELETE", "/v1/users/nobody/sessions"),
        ("DELETE", "/v1/users/nobody/sessions/unknown"),
        ("DELETE", &format!("{path}/unknown")),
        ("DELETE", &format!("{path}/{}", id_of(&site, &admin))),
    ] {
        site.call(method, path).session(&admin).refused(404, "NOT_FOUND");
    }

    // On another server, too, from the next request on.
    let second = ground.postgres.then(|| site.another());
    let other = second.as_ref().map(|server| site.client_of(server));
    let everywhere = [Some(&*site), other.as_ref()];
    let status = |session: &Session| -> Vec<u16> {
        everywhere
            .iter()
            .flatten()
            .map(|client| client.get("/v1/session").session(session).send().status)
            .collect()
    };
    assert!(status(&again).iter().chain(&status(&ada)).all(|status| *status == 200));
    site.delete(&format!("{path}/{}", id_of(&site, &again))).session(&admin).expect(204);
    assert!(status(&again).iter().all(|status| *status == 401));
    assert!(status(&ada).iter().all(|status| *status == 200));
    let third = sign_in_with(&site, "ada@example.com", "desk/1");
    site.delete(&path).session(&admin).expect(204);
    assert!(status(&ada).iter().chain(&status(&third)).all(|status| *status == 401));
    assert_eq!(sessions(&site, &path, &admin).len(), 0);
    site.delete(&path).session(&admin).expect(204);
    let entries = site.entries(&admin, "&type=USER_LOGIN&action=DELETED");
    assert_eq!(entries.len(), 3, "one for each session, none for ending nothing");
    for entry in &entries {
        assert_eq!((&entry["subjectId"], &entry["actor"]["name"]), (&json!(ada.user), &json!(ADMIN)));
    }
    site.get("/v1/session").session(&admin).expect(200);
    sign_in_with(&site, "ada@example.com", "back/1");
}
