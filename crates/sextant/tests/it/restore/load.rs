//! A backup is of one moment, whatever goes on meanwhile.

use super::path;
use crate::site::{Client, Ground, Site, on_both_databases};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

on_both_databases! {
    a_backup_under_load_is_of_one_moment
}

/// What the audit log of a file says of keys against the keys that are in it.
const LOOK: &str = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
ids = lambda sql: {row[0] for row in c.execute(sql)}
key = \"select subject_id from audit_entries where kind = 'API_ACCESS_KEY' and event = \"
made, ended = ids(key + \"'CREATED'\"), ids(key + \"'DELETED'\")
assert c.execute('pragma integrity_check').fetchone()[0] == 'ok'
assert made - ended == ids('select id from api_keys'), 'an entry without its key, or a key without its entry'
assert ended == ids(\"select subject_id from revocations where kind = 'deleted'\")
for transient in ['leases', 'sessions', 'setup_links', 'changes']:
    assert c.execute('select count(*) from ' + transient).fetchone()[0] == 0, transient
print(len(made), len(ended))
";

fn a_backup_under_load_is_of_one_moment(ground: Ground) {
    let site = Site::start(ground);
    let admin = site.admin();
    let done = AtomicBool::new(false);
    let mut files = Vec::new();
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let client = Client { document: None, ..(*site).clone() };
            let (admin, done) = (&admin, &done);
            scope.spawn(move || {
                let mut number = 0;
                while !done.load(Ordering::Relaxed) {
                    let key = client.ingestion_key(admin, &format!("{worker} {number}"));
                    if number % 2 == 0 {
                        client.delete(&path(&key)).session(admin).expect(204);
                    }
                    number += 1;
                }
            });
        }
        for number in 0..4 {
            std::thread::sleep(std::time::Duration::from_millis(200));
            files.push(super::backup(&site, &format!("{number}.backup")));
        }
        done.store(true, Ordering::Relaxed);
    });
    let mut before = (0, 0);
    for file in &files {
        let looked = Command::new("python3").args(["-c", LOOK, file]).output().unwrap();
        assert!(looked.status.success(), "{file}: {}", String::from_utf8_lossy(&looked.stderr));
        let counts = String::from_utf8(looked.stdout).unwrap();
        let (made, ended) = counts.trim().split_once(' ').unwrap();
        let now = (made.parse::<usize>().unwrap(), ended.parse::<usize>().unwrap());
        assert!(now > before, "{now:?} after {before:?}");
        before = now;
    }
    assert!(before.1 > 0, "keys were deleted meanwhile");
    // Its log is whole, too.
    let place = site.elsewhere(Ground { postgres: false, name: "backup-under-load" });
    place.command(&["restore", files.last().unwrap()]);
    super::is_sound(&place);
}
