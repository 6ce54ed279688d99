//! A rotation that is cut off at any step leaves either master key in force, and that one in place.

use super::{is_sound, waiting};
use crate::site::{Ground, Key, Site, eventually, on_both_databases};
use crate::support::{Done, sextant};
use std::process::Command;
use std::time::Duration;

on_both_databases! {
    a_rotation_can_be_killed_at_every_step
}

/// Kills `sextant master-key rotate` when it asks the system for `call` the `nth` time. Answers whether it lived.
fn rotate_until(site: &Site, call: &str, nth: usize) -> bool {
    let inner = sextant(&["master-key", "rotate", "--yes"]);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    command.arg(format!("inject={call}:signal=KILL:when={nth}"));
    command.arg(inner.get_program()).args(inner.get_args()).arg("--data").arg(&site.data);
    if let Some(url) = site.database_url() {
        command.args(["--database-url", url]);
    }
    for (name, _) in inner.get_envs() {
        command.env_remove(name);
    }
    let done: Done = command.output().unwrap().into();
    assert!(done.code.is_none() || done.code == Some(0), "{call} {nth}: {:?} {}", done.code, done.err);
    done.code == Some(0)
}

fn a_rotation_can_be_killed_at_every_step(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "one");
    let lone = site.ingestion_key(&admin, "never used again");
    let mut kills = 0;
    // What makes files and their names last; and, where the database is another process, what is said to it.
    let calls: &[(&str, usize, usize)] = if ground.postgres {
        &[("fsync", 1, 1), ("rename", 1, 1), ("sendto", 20, 7)]
    } else {
        &[("fsync", 1, 1), ("fdatasync", 1, 1), ("rename", 1, 1), ("pwrite64", 1, 5)]
    };
    for (call, first, step) in calls {
        for nth in (*first..).step_by(*step) {
            // With a server running, and without.
            let with_server = (kills / 2) % 2 == 0;
            if with_server != site.is_running() {
                if with_server { site.serve() } else { site.stop() }
            }
            let lived = rotate_until(&site, call, nth);
            kills += usize::from(!lived);
            check(&mut site, &key, &format!("{call} {nth}"));
            if lived {
                break;
            }
        }
    }
    assert!(kills >= 8, "{kills} kills");
    if !site.is_running() {
        site.serve();
    }
    assert_eq!(site.opens(&key), 200);
    assert_eq!(site.opens(&lone), 200, "however many master keys ago it was made");
    eventually("all are re-keyed", Duration::from_secs(30), || waiting(&site) == 0);
    site.command(&["master-key", "retire", "--yes"]);
    assert_eq!((site.opens(&key), site.opens(&lone)), (200, 200));
    is_sound(&site);
}

fn check(site: &mut Site, key: &Key, when: &str) {
    if site.is_running() {
        assert_eq!(site.opens(key), 200, "{when}: a server goes on");
    }
    // Whichever is in force is found, and nothing is left beside it.
    is_sound(site);
    let status = site.command(&["master-key", "status"]);
    assert!(!site.data.join("master.key.next").exists(), "{when}: {status}");
    let in_place = site.run(&["doctor"]);
    let fingerprint = status["fingerprint"].as_str().unwrap();
    assert!(in_place.out.contains(fingerprint), "{when}: {}", in_place.out);
}
