//! Headers that carry a key, and keys that are none any more.

use crate::site::{Ground, Site, forged, on_both_databases, other_secret};
use serde_json::{Value, json};
use std::time::Duration;

on_both_databases! {
    every_published_header_form_carries_a_key
    what_is_ambiguous_missing_or_foreign_is_refused
    one_body_answers_every_invalid_key
    a_right_secret_learns_why_it_is_refused
    any_credential_header_switches_the_session_off
    too_many_requests_are_told_when_to_come_back
}

const DOOR: &str = "/v2/developers/schema";

fn in_seconds(seconds: i64) -> String {
    let now = jiff_now_micros() + seconds * 1_000_000;
    sextant_core::time::Time::from_micros(now).to_string()
}

fn jiff_now_micros() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

fn every_published_header_form_carries_a_key(ground: Ground) {
    let site = Site::start(ground);
    let key = site.ingestion_key(&site.admin(), "forms").secret;
    let forms = [
        ("x-api-key", key.clone()),
        ("X-Api-Key", key.clone()),
        ("X-API-KEY", format!("  {key} ")),
        ("SEI_API_KEY", key.clone()),
        ("sei_api_key", key.clone()),
        ("authorization", format!("ApiKey {key}")),
        ("Authorization", format!("APIKEY {key}")),
        ("Authorization", format!("Apikey {key}")),
        ("authorization", format!("apikey   {key}")),
        ("Authorization", format!("Api Key {key}")),
        ("Authorization", format!("api key {key}")),
        ("Authorization", format!("Bearer {key}")),
        ("Authorization", format!("bearer {key}")),
        ("Authorization", key.clone()),
        ("x-api-key", format!("{key},{key}")),
        ("x-api-key", format!("{key}, {key} ,")),
        ("Authorization", format!("ApiKey {key}, Bearer {key}")),
        ("Authorization", format!("Basic dXNlcjpwYXNz, ApiKey {key}")),
    ];
    for (name, value) in &forms {
        let answer = site.get(DOOR).header(name, value).send();
        assert_eq!(answer.status, 200, "{name}: {}", value.replace(&key, "KEY"));
    }
    // All in one request, repeated headers included, as long as they agree.
    let all = forms.iter().fold(site.get(DOOR), |call, (name, value)| call.header(name, value));
    all.expect(200);
    let beside = site.get(DOOR).key(&key).header("authorization", "Basic dXNlcjpwYXNz");
    beside.header("authorization", "Digest username=\"a\", realm=\"b\"").expect(200);
}

fn what_is_ambiguous_missing_or_foreign_is_refused(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let (one, two) = (site.ingestion_key(&admin, "one").secret, site.ingestion_key(&admin, "two").secret);
    let ambiguous: [&[(&str, String)]; 6] = [
        &[("x-api-key", one.clone()), ("x-api-key", two.clone())],
        &[("x-api-key", format!("{one},{two}"))],
        &[("x-api-key", one.clone()), ("authorization", format!("ApiKey {two}"))],
        &[("SEI_API_KEY", one.clone()), ("authorization", two.clone())],
        &[("x-api-key", one.clone()), ("authorization", "Bearer nonsense".to_owned())],
        &[("authorization", format!("ApiKey {one}, Bearer {two}"))],
    ];
    for headers in ambiguous {
        let call = headers.iter().fold(site.get(DOOR), |call, (name, value)| call.header(name, value));
        let answer = call.refused(401, "AMBIGUOUS_CREDENTIALS");
        assert!(!answer.text().contains(&one) && !answer.text().contains(&two));
    }
    for headers in [None, Some(("x-api-key", "")), Some(("authorization", " "))] {
        let call = headers.into_iter().fold(site.get(DOOR), |call, (name, value)| call.header(name, value));
        let answer = call.refused(401, "MISSING_CREDENTIALS");
        assert_eq!(answer.header("www-authenticate"), Some("ApiKey"));
    }
    for value in ["Basic dXNlcjpwYXNz", "Digest a=1, b=2", "Negotiate abc", "ApiKey", "ApiKey ", "Bearer x y"]
    {
        site.get(DOOR).header("authorization", value).refused(401, "INVALID_API_KEY");
    }
    site.get(DOOR).header("authorization", format!("Token {one}")).refused(401, "INVALID_API_KEY");
}

fn one_body_answers_every_invalid_key(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let live = site.ingestion_key(&admin, "live");
    assert_eq!(forged(&live.id, &live.secret[17..60]), live.secret, "the contract's checksum");
    let deleted = site.ingestion_key(&admin, "deleted");
    site.delete(&format!("/v2/api-keys/{}", deleted.id)).session(&admin).expect(204);
    let rotated = site.ingestion_key(&admin, "rotated");
    site.post(&format!("/v2/api-keys/{}/rotate", rotated.id), &json!({})).session(&admin).expect(200);
    let mut checksum = live.secret.clone();
    let last = if checksum.ends_with('0') { "1" } else { "0" };
    checksum.replace_range(65.., last);
    let invalid = [
        "nonsense".to_owned(),
        "pat.xyz".to_owned(),
        "é".to_owned(),
        live.secret[..65].to_owned(),
        format!("{}0", live.secret),
        live.secret.to_uppercase(),
        checksum,
        forged("abcdefghijkl", &"a".repeat(43)),
        other_secret(&live.secret),
        deleted.secret,
        rotated.secret,
    ];
    let mut bodies: Vec<Value> = Vec::new();
    for key in &invalid {
        let answer = site.get(DOOR).header("x-api-key", key).refused(401, "INVALID_API_KEY");
        assert_eq!(answer.header("www-authenticate"), Some("ApiKey"));
        let mut body = answer.json();
        assert_eq!(body["requestId"].as_str(), answer.header("x-request-id"));
        body["requestId"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
    assert_eq!(site.opens(&live), 200);
}

fn a_right_secret_learns_why_it_is_refused(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let make = |name: &str, field: &str, value: Value| {
        let mut body = json!({"name": name, "role": "INGESTION"});
        body[field] = value;
        site.make_key(&admin, &body)
    };
    let short = make("short", "expiresAt", json!(in_seconds(2)));
    let soon = make("soon", "expiresAt", json!(in_seconds(13 * 86_400)));
    let later = make("later", "expiresAt", json!(in_seconds(15 * 86_400)));
    let elsewhere = make("elsewhere", "allowedCidrs", json!(["10.0.0.0/8", "2001:db8::/32"]));
    let here = make("here", "allowedCidrs", json!(["127.0.0.0/8"]));
    let off = make("off", "description", json!("to be switched off"));
    assert_eq!(site.opens(&short), 200);

    let told = site.get(DOOR).key(&soon).expect(200);
    assert_eq!(told.header("x-api-key-expires-at"), soon.shown["expiresAt"].as_str());
    assert_eq!(site.get(DOOR).key(&later).expect(200).header("x-api-key-expires-at"), None);

    let path = format!("/v2/api-keys/{}", off.id);
    site.patch(&path, &json!({"enabled": false})).session(&admin).expect(200);
    site.get(DOOR).key(&off).refused(401, "API_KEY_DISABLED");
    site.get(DOOR).key(other_secret(&off.secret)).refused(401, "INVALID_API_KEY");
    site.patch(&path, &json!({"enabled": true})).session(&admin).expect(200);
    assert_eq!(site.opens(&off), 200);

    assert_eq!(site.opens(&here), 200);
    site.get(DOOR).key(&elsewhere).refused(403, "ADDRESS_NOT_ALLOWED");
    // Nobody made this address believable.
    let forwarded = site.get(DOOR).key(&elsewhere).header("x-forwarded-for", "10.1.2.3");
    forwarded.refused(403, "ADDRESS_NOT_ALLOWED");

    crate::site::eventually("expired", Duration::from_secs(10), || site.opens(&short) == 401);
    let answer = site.get(DOOR).key(&short).refused(401, "API_KEY_EXPIRED");
    assert_eq!(answer.header("www-authenticate"), Some("ApiKey"));
    site.get(DOOR).key(other_secret(&short.secret)).refused(401, "INVALID_API_KEY");
    assert_eq!(site.shown(&admin, &short.id)["status"], "EXPIRED");
}

fn any_credential_header_switches_the_session_off(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "beside");
    site.get("/v2/api-keys").session(&admin).expect(200);
    let lists = || site.get("/v2/api-keys").session(&admin);
    lists().key("nonsense").refused(401, "INVALID_API_KEY");
    lists().header("authorization", "Basic abc").refused(401, "INVALID_API_KEY");
    lists().header("sei_api_key", "").refused(401, "MISSING_CREDENTIALS");
    lists().key(&key).refused(403, "PERMISSION_DENIED");
    site.get("/v1/session").session(&admin).key(&key).expect(401);
    site.delete("/v1/session").session(&admin).key("x").expect(401);
    site.get("/v1/session").session(&admin).expect(200);
}

fn too_many_requests_are_told_when_to_come_back(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.make_key(&admin, &json!({"name": "slow", "role": "INGESTION", "rateLimitPerMinute": 12}));
    let first = site.get(DOOR).key(&key).expect(200);
    assert_eq!(first.header("ratelimit-policy"), Some("\"default\";q=12;w=60"));
    assert!(first.header("ratelimit").unwrap().starts_with("\"default\";r=11;t="), "{first:?}");
    let answers: Vec<u16> = (0..15).map(|_| site.opens(&key)).collect();
    assert_eq!(answers[..11], [200; 11], "the burst is the limit");
    assert_eq!(*answers.last().unwrap(), 429);
    let refused = site.get(DOOR).key(&key).refused(429, "RATE_LIMITED");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "one every five seconds, not {wait}");
    assert!(refused.header("ratelimit").unwrap().starts_with("\"default\";r=0;t="), "{refused:?}");
    assert!(refused.header("ratelimit-policy").is_some());
    std::thread::sleep(Duration::from_secs(wait));
    assert_eq!(site.opens(&key), 200, "who comes back when told is let in");
    let unlimited = site.get(DOOR).key(site.ingestion_key(&admin, "free")).expect(200);
    assert_eq!(unlimited.header("ratelimit"), None);
}
