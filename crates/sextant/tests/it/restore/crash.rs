//! `kill -9` in the middle of a restore leaves the old database or the new one, and the deleted key dead in either.

use super::{backup, copy_folder, path};
use crate::site::{Ground, Site};
use crate::support::client::get;
use crate::support::{Server, run_on, sextant};
use std::path::Path;
use std::process::Command;

const SCHEMA: &str = "/v2/developers/schema";
/// More steps than a restore has: the loop ends when one comes through.
const MOST: usize = 80;

/// Runs a restore that is killed when it enters one of these calls for the `at`th time. Answers whether it came through.
fn restore_killed_at(data: &Path, file: &str, more: &[&str], calls: &str, at: usize) -> bool {
    let restore = sextant(&["restore", file]);
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq", "-o", "/dev/null"])
        .arg(format!("--trace={calls}"))
        .arg(format!("--inject={calls}:signal=KILL:when={at}"))
        .arg(restore.get_program())
        .args(restore.get_args())
        .arg("--data")
        .arg(data)
        .args(more);
    let done = command.output().unwrap();
    let killed = !done.status.success();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!killed || !said.contains("error:"), "it was killed, not refused: {said}");
    !killed
}

#[test]
fn a_killed_restore_leaves_the_old_database_or_the_new_one() {
    let mut site = Site::start(Ground { postgres: false, name: "restore-killed" });
    let admin = site.admin();
    let [gone, kept] = ["gone", "kept"].map(|name| site.ingestion_key(&admin, name));
    let file = backup(&site, "before.backup");
    site.delete(&path(&gone)).session(&admin).expect(204);
    let since = site.ingestion_key(&admin, "made since");
    site.stop();
    let work = site.data.with_file_name("work");
    let sets = [
        ("rename,renameat,renameat2,link,linkat,unlink,unlinkat", 1),
        ("fsync,fdatasync", 1),
        ("pwrite64,write", 7),
        ("openat,ftruncate", 23),
    ];
    let (mut old, mut new) = (0, 0);
    for (calls, stride) in sets {
        let mut came_through = false;
        for at in (1..).step_by(stride).take(MOST) {
            copy_folder(&site.data, &work);
            came_through = restore_killed_at(&work, &file, &[], calls, at);
            let listed = run_on(&work, &["keys", "list"]).json();
            let server = Server::start(&work, &[]);
            assert_eq!(get(server.address, SCHEMA, Some(gone.as_ref())).status, 401, "{calls} {at}");
            assert_eq!(get(server.address, SCHEMA, Some(kept.as_ref())).status, 200, "{calls} {at}");
            // The key that was made since tells which of the two it is.
            let status = get(server.address, SCHEMA, Some(since.as_ref())).status;
            assert_eq!(status == 200, listed["totalCount"] == 2, "{calls} {at}: {listed}");
            drop(server);
            if status == 200 {
                old += 1;
            } else {
                new += 1;
            }
            assert_eq!(run_on(&work, &["audit", "verify"]).code, Some(0), "{calls} {at}");
            if came_through {
                break;
            }
            if at % 3 == 1 {
                assert_eq!(
                    run_on(&work, &["restore", &file]).code,
                    Some(0),
                    "{calls} {at}: it can be repeated"
                );
                let listed = run_on(&work, &["keys", "list"]).json();
                assert_eq!(listed["totalCount"], 1, "{calls} {at}");
            }
        }
        assert!(came_through, "{calls}: the last one was not killed");
    }
    assert!(old > 3 && new > 3, "{old} old, {new} new");
}

#[test]
fn a_killed_restore_into_a_shared_database_leaves_one_of_the_two() {
    let mut site = Site::start(Ground { postgres: true, name: "restore-killed-shared" });
    let admin = site.admin();
    let [gone, kept] = ["gone", "kept"].map(|name| site.ingestion_key(&admin, name));
    let file = backup(&site, "before.backup");
    site.delete(&path(&gone)).session(&admin).expect(204);
    let since = site.ingestion_key(&admin, "made since");
    site.stop();
    let url = site.database_url().expect("a shared database").to_owned();
    let state = backup(&site, "state.backup");
    let mut came_through = false;
    let mut old = 0;
    for at in (1..).step_by(11).take(MOST) {
        assert_eq!(site.run(&["restore", &state]).code, Some(0));
        came_through =
            restore_killed_at(&site.data, &file, &["--database-url", &url], "sendto,sendmsg,writev", at);
        site.serve();
        assert_eq!((site.opens(&gone), site.opens(&kept)), (401, 200), "{at}");
        // The key that was made since tells which of the two it is.
        let status = site.opens(&since);
        assert!(status == 401 || (status == 200 && !came_through), "{at}: {status}");
        old += usize::from(status == 200);
        site.stop();
        super::is_sound(&site);
        if came_through {
            break;
        }
    }
    assert!(came_through && old > 0, "{old} old; the last one was not killed");
}
