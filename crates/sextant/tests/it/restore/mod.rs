//! Backups, and that none of them gives back what was taken away.

mod crash;
mod life;
mod load;
mod moving;
mod people;
mod record;
mod refusals;

use crate::site::{Key, Site};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Takes a backup of a site and answers the file.
fn backup(site: &Site, name: &str) -> String {
    let file = text(&site.data.with_file_name(name));
    let done = site.command(&["backup", &file]);
    assert_eq!(done["file"], Value::from(file.clone()));
    file
}

/// Stops the server, restores, and starts it again.
fn restore(site: &mut Site, file: &str) -> Value {
    site.stop();
    let done = site.command(&["restore", file]);
    site.serve();
    done
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The names in a list of the report.
fn named<'a>(report: &'a Value, list: &str) -> Vec<&'a str> {
    report[list].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap()).collect()
}

fn path(key: &Key) -> String {
    format!("/v2/api-keys/{}", key.id)
}

fn is_sound(site: &Site) {
    assert_eq!(site.command(&["audit", "verify"])["sound"], true);
}

/// Runs statements on a file that nobody else has open.
fn change_file(file: &Path, script: &str) {
    let script =
        format!("import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n{script}\nc.commit()\nc.close()\n");
    let done = Command::new("python3").args(["-c", &script]).arg(file).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Copies a folder's files.
fn copy_folder(from: &Path, to: &Path) -> PathBuf {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    to.to_owned()
}
