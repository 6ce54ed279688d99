//! Nobody edits the log unnoticed.

use crate::site::{Ground, Site, on_both_databases};
use serde_json::{Value, json};
use std::process::Command;

on_both_databases! {
    an_untouched_log_is_sound
}

fn an_untouched_log_is_sound(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    for number in 0..5 {
        site.ingestion_key(&admin, &format!("key {number}"));
    }
    let report = site.command(&["audit", "verify"]);
    assert_eq!(report["sound"], true, "beside a running server: {report}");
    site.stop();
    let report = site.command(&["audit", "verify"]);
    assert_eq!(report["sound"], true);
    let chains = report["chains"].as_array().unwrap();
    assert!(chains.iter().any(|chain| chain["entries"] == 5) && chains.len() >= 2, "{report}");
}

/// Changes the file of SQLite behind the server's back. (On PostgreSQL the same rows are read by the same code.)
#[test]
fn whatever_is_done_to_the_rows_is_found() {
    let mut site = Site::start(Ground { postgres: false, name: "audit-tampering" });
    let admin = site.admin();
    for number in 0..5 {
        site.ingestion_key(&admin, &format!("key {number}"));
    }
    let chain = site.entries(&admin, "&type=API_ACCESS_KEY")[0]["chain"].as_str().unwrap().to_owned();
    site.stop();
    let file = site.data.join("sextant.db");
    let sound = std::fs::read(&file).unwrap();
    let rows = format!("audit_entries where chain = '{chain}' and sequence");
    let tamperings: [(&str, Vec<String>); 9] = [
        (
            "edited",
            vec![format!(
                "update audit_entries set subject_name = 'other' where chain = '{chain}' and sequence = 3"
            )],
        ),
        (
            "another actor",
            vec![
                "update audit_entries set actor_name = 'mallory' where chain = 'account' and sequence = 1"
                    .to_owned(),
            ],
        ),
        (
            "hidden from filters",
            vec![format!("update audit_entries set group_id = 0 where chain = '{chain}' and sequence = 3")],
        ),
        ("counted wrongly", vec![format!("update audit_groups set entry_count = 4 where chain = '{chain}'")]),
        ("removed", vec![format!("delete from {rows} = 3")]),
        (
            "reordered",
            vec![
                format!("update audit_entries set sequence = 99 where chain = '{chain}' and sequence = 2"),
                format!("update audit_entries set sequence = 2 where chain = '{chain}' and sequence = 3"),
                format!("update audit_entries set sequence = 3 where chain = '{chain}' and sequence = 99"),
            ],
        ),
        ("cut at the end", vec![format!("delete from {rows} > 3")]),
        (
            "a whole chain with its head",
            vec![
                format!("delete from audit_entries where chain = '{chain}'"),
                format!("delete from audit_heads where chain = '{chain}'"),
            ],
        ),
        (
            "cut with its head",
            vec![
                format!("delete from {rows} > 3"),
                format!(
                    "update audit_heads set sequence = 3, hash = (select hash from {rows} = 3) where chain = '{chain}'"
                ),
            ],
        ),
    ];
    for (what, statements) in tamperings {
        std::fs::write(&file, &sound).unwrap();
        for extra in ["sextant.db-wal", "sextant.db-shm"] {
            let _ = std::fs::remove_file(site.data.join(extra));
        }
        let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
            for s in sys.argv[2:]: assert c.execute(s).rowcount > 0, s\nc.commit()\n";
        let done =
            Command::new("python3").args(["-c", script]).arg(&file).args(&statements).output().unwrap();
        assert!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
        let report = site.run(&["audit", "verify"]);
        assert_eq!(report.code, Some(1), "{what} is found: {}", report.out);
        let report: Value = serde_json::from_str(&report.out).unwrap();
        assert_eq!(report["sound"], json!(false), "{what}");
    }
    std::fs::write(&file, &sound).unwrap();
    assert_eq!(site.command(&["audit", "verify"])["sound"], true);
}
