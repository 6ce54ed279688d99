//! Signing in and out.

use crate::site::{ADMIN, Ground, PASSWORD, Session, Site, eventually, on_both_databases};
use crate::support::{Server, folder};
use serde_json::json;
use std::time::Duration;

on_both_databases! {
    a_session_begins_and_ends
    changes_with_a_session_come_from_our_own_pages
    guessing_passwords_is_slowed_down
    a_public_url_decides_about_origin_and_cookie
}

/// Needs no second database: nothing of it is stored otherwise than by the calls above.
#[test]
fn a_set_up_link_works_once() {
    let data = folder("set-up-link").join("data");
    let server = Server::start(&data, &[]);
    let said = server.said();
    let (_, after) = said.split_once("/setup#token=").expect("the first start writes a link");
    let token: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
    // The log is a file that stays; a link that was used is worth nothing to who finds it there.
    let client = crate::site::Client { address: server.address, document: None };
    let origin = format!("http://{}", server.address);
    let set_up = |token: &str, password: &str| {
        let body =
            json!({"token": token, "email": "first@example.com", "name": "First", "password": password});
        client.post("/v1/session/setup", &body).header("origin", &origin).send()
    };
    set_up("wrong", PASSWORD).refused(404, "NOT_FOUND");
    set_up(&token, "short").refused(400, "INVALID_REQUEST");
    let session = Session::of(&set_up(&token, PASSWORD).expect(200));
    client.get("/v1/users").session(&session).expect(200);
    set_up(&token, PASSWORD).refused(404, "NOT_FOUND");
    client.sign_in("first@example.com", PASSWORD);
    client.get("/v1/users").session(&session).expect(200);
}

fn a_session_begins_and_ends(ground: Ground) {
    let mut site = Site::start(ground);
    let answer = site.signing_in("ADMIN@Example.com ", PASSWORD).expect(200);
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("sextant_session="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(attribute), "{attribute}");
    }
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"));
    let session = Session::of(&answer);
    assert!(!answer.text().contains(session.token()), "the token is in the cookie only");
    let me = site.get("/v1/session").session(&session).expect(200).json();
    assert_eq!(me["user"]["email"], ADMIN);
    assert!(me["permissions"].as_array().unwrap().contains(&json!("users:write")));
    assert_eq!(me["projects"][0]["projectIdentifier"], "default");

    for (email, password) in
        [(ADMIN, "wrong"), ("nobody@example.com", PASSWORD), ("no address", PASSWORD), ("", "")]
    {
        let refused = site.signing_in(email, password).refused(401, "MISSING_CREDENTIALS");
        assert_eq!(refused.header("set-cookie"), None);
        assert!(refused.message().contains("e-mail address or password"));
    }
    for cookie in ["sextant_session=", "sextant_session=x", "other=1", "__Host-sextant_session=abc"] {
        site.get("/v1/session").header("cookie", cookie).expect(401);
    }
    // Sessions survive a restart, and end everywhere when they end.
    let other = site.admin();
    site.stop();
    site.serve();
    site.get("/v1/session").session(&session).expect(200);
    let gone = site.delete("/v1/session").session(&session).expect(204);
    assert!(gone.header("set-cookie").unwrap().contains("Max-Age=0"));
    site.get("/v1/session").session(&session).refused(401, "MISSING_CREDENTIALS");
    site.get("/v2/api-keys").session(&session).refused(401, "MISSING_CREDENTIALS");
    site.get("/v1/session").session(&other).expect(200);

    // A new password ends the other sessions.
    let third = site.admin();
    let change = |current: &str, new: &str| {
        let body = json!({"currentPassword": current, "newPassword": new});
        site.put("/v1/session/password", &body).session(&third).send()
    };
    change("wrong", "another password").refused(400, "INVALID_REQUEST");
    change(PASSWORD, "short").refused(400, "INVALID_REQUEST");
    change(PASSWORD, "another password").expect(204);
    site.get("/v1/session").session(&other).expect(401);
    site.get("/v1/session").session(&third).expect(200);
    site.signing_in(ADMIN, PASSWORD).expect(401);
    site.signing_in(ADMIN, "another password").expect(200);
}

fn changes_with_a_session_come_from_our_own_pages(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let body = json!({"name": "from a page", "role": "INGESTION"});
    let change = |headers: &[(&str, &str)]| {
        let call = site.post("/v2/api-keys", &body).header("cookie", &admin.cookie);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    };
    let port = site.address.port();
    let own = format!("http://127.0.0.1:{port}");
    change(&[]).refused(403, "PERMISSION_DENIED");
    for origin in [
        "null",
        "http://evil.example",
        &own.replace("http:", "https:"),
        "http://127.0.0.1",
        &format!("{own}0"),
    ] {
        change(&[("origin", origin)]).refused(403, "PERMISSION_DENIED");
    }
    // A name could have been pointed here by anyone.
    change(&[("origin", "http://evil.example"), ("host", "evil.example")]).refused(403, "PERMISSION_DENIED");
    change(&[("origin", "http://localhost:1"), ("host", &format!("localhost:{port}"))]).expect(403);
    let local = format!("localhost:{port}");
    change(&[("origin", &format!("http://{local}")), ("host", &local)]).expect(201);
    change(&[("origin", &own)]).refused(409, "NAME_TAKEN");
    site.get("/v2/api-keys").header("cookie", &admin.cookie).expect(200);
    let sign_in = json!({"email": ADMIN, "password": PASSWORD});
    site.post("/v1/session", &sign_in).expect(403);
    site.post("/v1/session", &sign_in).header("origin", "http://evil.example").expect(403);
    site.post("/v1/session/setup", &json!({"token": "x", "password": "y"})).expect(403);
    site.delete("/v1/session").header("cookie", &admin.cookie).expect(403);
    // A key needs no page.
    let key = site.admin_key(&admin, "machine");
    let by_key = site.post("/v2/api-keys", &json!({"name": "by a machine", "role": "INGESTION"})).key(&key);
    by_key.header("origin", "http://evil.example").expect(201);
}

fn guessing_passwords_is_slowed_down(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let statuses: Vec<u16> =
        (0..14).map(|_| site.signing_in("victim@example.com", "guess").send().status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[13], 429);
    let refused = site.signing_in("VICTIM@example.com", "guess").refused(429, "RATE_LIMITED");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    // Others, and those who are in, are not concerned.
    site.signing_in(ADMIN, PASSWORD).expect(200);
    site.get("/v1/session").session(&admin).expect(200);
    for _ in 0..9 {
        site.signing_in(ADMIN, "typo").expect(401);
    }
    site.signing_in(ADMIN, PASSWORD).expect(200);
    eventually("let in again", Duration::from_secs(20), || {
        site.signing_in("victim@example.com", "guess").send().status == 401
    });
}

fn a_public_url_decides_about_origin_and_cookie(ground: Ground) {
    let site = Site::start_with(ground, &["--public-url", "https://sextant.example.com"]);
    let sign_in = json!({"email": ADMIN, "password": PASSWORD});
    let from = |origin: &str| site.post("/v1/session", &sign_in).header("origin", origin).send();
    from(&format!("http://{}", site.address)).refused(403, "PERMISSION_DENIED");
    from("https://sextant.example.com.evil").refused(403, "PERMISSION_DENIED");
    from("http://sextant.example.com").refused(403, "PERMISSION_DENIED");
    let answer = from("https://sextant.example.com").expect(200);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-sextant_session=") && cookie.contains("; Secure"), "{cookie}");
    let session = Session::of(&answer);
    site.get("/v1/session").header("cookie", &session.cookie).expect(200);
    let plain = session.cookie.replace("__Host-", "");
    site.get("/v1/session").header("cookie", &plain).expect(401);
    let user = json!({"email": "linked@example.com", "roles": []});
    let made = site.post("/v1/users", &user).header("cookie", &session.cookie);
    let made = made.header("origin", "https://sextant.example.com").expect(201).json();
    let link = made["setupLink"].as_str().unwrap();
    assert!(link.starts_with("https://sextant.example.com/setup#token="), "where people reach it");
}
