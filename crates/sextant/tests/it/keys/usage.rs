//! How often a key was used, over time.

use crate::site::{Client, Ground, Key, Session, Site, eventually, on_both_databases};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;

on_both_databases! {
    hours_add_up_to_what_clients_counted
    spans_are_bounded
}

fn usage(client: &Client, by: &Session, key: &Key, query: &str) -> Value {
    client.get(&format!("/v2/api-keys/{}/usage?{query}", key.id)).session(by).expect(200).json()
}

fn sum(usage: &Value) -> i64 {
    usage["buckets"].as_array().unwrap().iter().map(|bucket| bucket["requests"].as_i64().unwrap()).sum()
}

fn hours_add_up_to_what_clients_counted(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let (used, unused) = (site.ingestion_key(&admin, "used"), site.ingestion_key(&admin, "unused"));
    // On SQLite the second server begins when the first has ended; on PostgreSQL both count at once.
    let second = ground.postgres.then(|| site.another());
    let other = second.as_ref().map(|server| site.client_of(server));
    let mut sent = 0;
    for _ in 0..5 {
        for client in [Some(&*site), other.as_ref()].into_iter().flatten() {
            assert_eq!(client.opens(&used), 200);
            sent += 1;
        }
    }
    // What is refused for its permission is a use; what is refused for its secret is none.
    site.get("/v2/audit").key(&used).refused(403, "PERMISSION_DENIED");
    sent += 1;
    site.get("/v2/audit").key(crate::site::other_secret(&used.secret)).refused(401, "INVALID_API_KEY");
    if other.is_none() {
        assert_eq!(usage(&site, &admin, &used, "")["totalRequests"], sent, "before it is written down");
    }
    if let Some(second) = second {
        assert_eq!(second.stop().0.code(), Some(0));
    }
    for interval in ["HOUR", "DAY"] {
        let found = usage(&site, &admin, &used, &format!("interval={interval}"));
        assert_eq!((sum(&found), &found["totalRequests"]), (sent, &sent.into()), "{found}");
        let buckets = found["buckets"].as_array().unwrap();
        assert_eq!(buckets.len(), if interval == "HOUR" { 169 } else { 8 });
        assert_eq!((&found["id"], &found["interval"]), (&used.id.clone().into(), &interval.into()));
        assert_eq!(buckets[0]["start"], found["from"]);
        let starts: Vec<&str> = buckets.iter().map(|bucket| bucket["start"].as_str().unwrap()).collect();
        assert!(starts.is_sorted_by(|one, next| one < next));
        let last_used = site.shown(&admin, &used.id)["lastUsedAt"].as_str().unwrap().to_owned();
        let holds = starts.iter().rposition(|start| **start <= *last_used).unwrap();
        assert!(
            buckets[holds]["requests"].as_i64().unwrap() > 0,
            "{last_used} lies in a bucket with requests"
        );
    }
    site.stop();
    site.serve();
    assert_eq!(site.opens(&used), 200);
    sent += 1;
    assert_eq!(usage(&site, &admin, &used, "")["totalRequests"], sent, "written and pending together");
    site.stop();
    site.serve();
    let found = usage(&site, &admin, &used, "");
    assert_eq!(found["totalRequests"], site.shown(&admin, &used.id)["requestCount"]);
    assert_eq!((&found["totalRequests"], sum(&found)), (&sent.into(), sent), "nothing twice");
    assert_eq!(usage(&site, &admin, &unused, "")["totalRequests"], 0);
    let early = usage(&site, &admin, &used, "from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z");
    assert_eq!((sum(&early), early["buckets"].as_array().unwrap().len()), (0, 24));

    site.delete(&format!("/v2/api-keys/{}", used.id)).session(&admin).expect(204);
    let path = format!("/v2/api-keys/{}/usage", used.id);
    site.get(&path).session(&admin).refused(404, "NOT_FOUND");
    site.get("/v2/api-keys/short/usage").session(&admin).refused(404, "NOT_FOUND");
}

fn spans_are_bounded(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "asked for");
    for wrong in [
        "from=yesterday",
        "to=2026-13-01T00:00:00Z",
        "interval=WEEK",
        "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z",
        "from=2026-01-01T00:00:00Z&to=2026-06-01T00:00:00Z&interval=DAY",
    ] {
        let path = format!("/v2/api-keys/{}/usage?{wrong}", key.id);
        site.get(&path).session(&admin).refused(400, "INVALID_REQUEST");
    }
    let quarter =
        usage(&site, &admin, &key, "from=2026-01-01T12:00:00Z&to=2026-04-01T00:00:00Z&interval=day");
    assert_eq!((&quarter["from"], &quarter["interval"]), (&"2026-01-01T00:00:00.000Z".into(), &"DAY".into()));
    assert_eq!(quarter["buckets"].as_array().unwrap().len(), 90);
    // Another project's key is not there.
    site.post("/v1/orgs/default/projects", &serde_json::json!({"identifier": "other"}))
        .session(&admin)
        .expect(201);
    let path = format!("/v2/api-keys/{}/usage?projectIdentifier=other", key.id);
    site.get(&path).session(&admin).refused(404, "NOT_FOUND");
}

/// Changes the file of SQLite behind the server's back. (On PostgreSQL the same statement clears the same rows.)
#[test]
fn hours_that_are_no_longer_kept_are_cleared() {
    let mut site = Site::start(Ground { postgres: false, name: "usage-sweep" });
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "old");
    assert_eq!(site.opens(&key), 200);
    site.stop();
    let file = site.data.join("sextant.db");
    let rows = |script: &str| -> i64 {
        let script =
            format!("import sqlite3, sys, time\nc = sqlite3.connect(sys.argv[1])\n{script}\nc.commit()\n");
        let done = Command::new("python3").args(["-c", &script]).arg(&file).arg(&key.id).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().parse().unwrap()
    };
    let count = "print(c.execute('select count(*) from api_key_usage_hours').fetchone()[0])";
    let aged = "for days in (91, 93, 300):\n \
        c.execute('insert into api_key_usage_hours values (?, ?, 1)', (sys.argv[2], int((time.time() - days * 86400) * 1e6)))";
    assert_eq!(rows(&format!("{aged}\n{count}")), 4);
    // The first sweep comes with the start.
    site.serve();
    eventually("the old ones are gone", Duration::from_secs(20), || rows(count) == 2);
}
