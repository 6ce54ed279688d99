//! What every answer has in common, and what becomes of requests that make no sense.

use crate::site::{Ground, Site, on_both_databases, timed};
use crate::support::client::{connect, read_answer};
use serde_json::json;
use std::io::Write;
use std::time::Duration;

on_both_databases! {
    every_answer_has_a_request_id_and_a_shape
    every_prefix_leads_to_the_same_place
    bodies_that_do_not_fit_are_refused_by_name
    bodies_that_are_too_large_are_refused_at_once
}

fn every_answer_has_a_request_id_and_a_shape(ground: Ground) {
    let site = Site::start(ground);
    let key = site.ingestion_key(&site.admin(), "manners");
    for id in ["a", "Abc-123_x", &"z".repeat(64)] {
        let answer = site.get("/v2/api-keys").key(&key).header("x-request-id", id).expect(403);
        assert_eq!(answer.header("x-request-id"), Some(id));
        assert_eq!(answer.json()["requestId"], id);
    }
    let long = "z".repeat(65);
    for id in ["", "with space", "semi;colon", "<b>", "ümlaut", &long, &key.secret] {
        let answer = site.get("/healthz").header("x-request-id", id).expect(200);
        let given = answer.header("x-request-id").unwrap();
        assert!(given != id && (1..=64).contains(&given.len()), "{given}");
    }
    let answer = site.get("/v2/nowhere").refused(404, "NOT_FOUND");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let fields = |answer: crate::support::client::Answer| {
        let body = answer.json();
        let mut names: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(body["status"], "error");
        names.join(" ")
    };
    assert_eq!(fields(answer), "code message requestId status");
    for path in ["/v1/users", "/sei/api/v1/orgs", "/v1/nowhere", "/gateway/sei/api/v1/v1/users"] {
        let answer = site.get(path).send();
        let body = answer.json();
        assert_eq!(body["error"], body["message"], "{path}: {body}");
        assert_eq!(fields(answer), "code error message requestId status", "{path}");
    }
    // Control characters end at the door and take nothing with them.
    for value in [&b"a\x01b"[..], b"a\x7fb", b"a\0b"] {
        for name in ["x-api-key", "user-agent", "x-request-id", "x-anything"] {
            let call = site.get("/v2/developers/schema").header(name, value);
            let answer = site.exchange(&call.bytes()).map(|answer| answer.status);
            assert!(matches!(answer, Ok(400)), "{name} {value:?}: {answer:?}");
        }
    }
    let split = site.get("/healthz").header("x-request-id", "a\r\nset-cookie: b=c").expect(200);
    assert_eq!(split.header("set-cookie"), None);
    assert_eq!(site.opens(&key), 200);
}

fn every_prefix_leads_to_the_same_place(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "prefixes");
    let plain = site.get("/v2/developers/schema").key(&key).expect(200).json();
    for base in ["", "/sei/api", "/gateway/sei/api", "/prod1/sei/api", "/gratis/sei/api"] {
        let answer = site.get(&format!("{base}/v2/developers/schema?a=b")).key(&key).expect(200);
        assert_eq!(answer.json(), plain, "{base}");
        for path in ["/v1/session", "/v1/v1/session"] {
            site.get(&format!("{base}{path}")).session(&admin).expect(200);
        }
        for path in ["/v1/nowhere", "/v1/v1/v1/session", "/v2/nowhere", "/v1", "/v2/developers/schema/"] {
            site.get(&format!("{base}{path}")).key(&key).refused(404, "NOT_FOUND");
        }
        site.call("PUT", &format!("{base}/v2/api-keys")).key(&key).refused(405, "METHOD_NOT_ALLOWED");
    }
    for path in
        ["/sei", "/sei/api/x", "/gateway/x", "/prod1", "/gratis/sei/apix/v2/api-keys", "/scim/v2/Users"]
    {
        let answer = site.get(path).refused(404, "NOT_FOUND");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
    }
    for path in ["/gateway/gateway/sei/api/v2/api-keys", "/sei/api/sei/api/v2/api-keys"] {
        site.get(path).session(&admin).refused(404, "NOT_FOUND");
    }
    let wrong = site.delete("/v2/audit").key(&key).refused(405, "METHOD_NOT_ALLOWED");
    assert!(wrong.header("allow").is_some_and(|allowed| allowed.contains("GET")), "{wrong:?}");
    assert_eq!(site.call("HEAD", "/v2/developers/schema").key(&key).expect(200).body, b"");
    site.call("OPTIONS", "/v2/api-keys").header("origin", "http://evil.example").expect(405);
    assert_eq!(
        site.get("/healthz")
            .header("origin", "http://evil.example")
            .expect(200)
            .header("access-control-allow-origin"),
        None
    );
}

fn bodies_that_do_not_fit_are_refused_by_name(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let create =
        |body: &str| site.call("POST", "/v2/api-keys").session(&admin).body("application/json", body);
    let wrong = [
        ("{\"name\":", "JSON"),
        ("not json", "JSON"),
        ("[]", "object"),
        ("[\"a\",null,\"INGESTION\",null,null,null,null]", "object"),
        ("{\"name\":\"a\"}", "role"),
        ("{\"role\":\"ADMIN\"}", "name"),
        ("{\"name\":7,\"role\":\"ADMIN\"}", "name"),
        ("{\"name\":\"a\",\"role\":\"ROOT\"}", "role"),
        ("{\"name\":\"a\",\"role\":\"ADMIN\",\"scopes\":[7]}", "scopes[0]"),
        ("{\"name\":\"a\",\"role\":\"ADMIN\",\"rateLimitPerMinute\":\"7\"}", "rateLimitPerMinute"),
        ("{\"name\":\"a\",\"role\":\"ADMIN\",\"expiresAt\":\"tomorrow\"}", "expiresAt"),
        ("{\"name\":\"a\",\"role\":\"ADMIN\",\"enabeld\":true}", "enabeld"),
        ("", "name"),
    ];
    for (body, named) in wrong {
        let answer = create(body).refused(400, "INVALID_REQUEST");
        assert!(answer.message().contains(named), "{body}: {}", answer.message());
    }
    let unknown = json!({"surprise": 1});
    for (method, path) in [("POST", "/v1/users"), ("POST", "/v1/orgs"), ("POST", "/v1/session")] {
        let call = site.call(method, path).json(&unknown).session(&admin);
        assert!(call.refused(400, "INVALID_REQUEST").message().contains("surprise"), "{path}");
    }
    for query in ["pageSize=1001", "pageSize=0", "pageSize=-1", "pageIndex=-1", "pageIndex=x", "pageSize=1e3"]
    {
        for path in ["/v2/api-keys", "/v2/audit", "/v1/users", "/v2/developers"] {
            site.get(&format!("{path}?{query}")).session(&admin).refused(400, "INVALID_REQUEST");
        }
    }
    let page = site.get("/v2/api-keys").session(&admin).expect(200).json();
    assert_eq!(
        (&page["pageIndex"], &page["pageSize"], &page["totalCount"]),
        (&json!(0), &json!(50), &json!(0))
    );
    site.get("/v2/api-keys?pageSize=1000").session(&admin).expect(200);

    let good = json!({"name": "plain", "role": "INGESTION"}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "multipart/form-data"]
    {
        let call = site.call("POST", "/v2/api-keys").session(&admin).body(kind, &good);
        call.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    site.post("/v2/developers", &json!({})).session(&admin).refused(415, "UNSUPPORTED_MEDIA_TYPE");
    let form = site.call("POST", "/v2/developers").session(&admin);
    form.body("multipart/form-data; boundary=x", "--x--\r\n").refused(400, "INVALID_REQUEST");
    let json = site.call("POST", "/v2/api-keys").session(&admin);
    json.body("application/json; charset=utf-8", &good).expect(201);
}

fn bodies_that_are_too_large_are_refused_at_once(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    for (path, kind) in
        [("/v2/api-keys", "application/json"), ("/v2/developers", "multipart/form-data; boundary=x")]
    {
        let call = site.call("POST", path).session(&admin).header("content-type", kind);
        let call = call.header("content-length", "1073741824");
        let (answer, took) = timed(|| call.send());
        answer.refused(413, "PAYLOAD_TOO_LARGE");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    // A body that does not say how long it is ends where the limit is.
    let call = site.call("POST", "/v2/api-keys").session(&admin).header("content-type", "application/json");
    let mut stream = connect(site.address);
    stream.write_all(&call.header("transfer-encoding", "chunked").bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    for _ in 0..17 {
        let _ = stream.write_all(&chunk);
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    read_answer(&mut stream).refused(413, "PAYLOAD_TOO_LARGE");
    // Who may not is told so before the body is looked at.
    let key = site.ingestion_key(&admin, "weak");
    let call = site.call("POST", "/v2/api-keys").key(&key).header("content-length", "1073741824");
    call.refused(403, "PERMISSION_DENIED");
}
