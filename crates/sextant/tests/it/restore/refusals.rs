//! What is refused, before anything is touched.

use super::{backup, change_file, text};
use crate::site::{Ground, Site, on_both_databases};
use crate::support::client::get;
use crate::support::{Server, folder, run_on, sextant};
use std::path::{Path, PathBuf};
use std::process::Command;

on_both_databases! {
    nothing_is_restored_beside_a_server
}

fn nothing_is_restored_beside_a_server(ground: Ground) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let key = site.ingestion_key(&admin, "key");
    let file = backup(&site, "a.backup");
    site.run(&["restore", &file]).refused(1, &["another server is using the data directory"]);
    if ground.postgres {
        // From another machine only the lease tells.
        let other = site.data.with_file_name("other");
        std::fs::create_dir_all(&other).unwrap();
        std::fs::copy(site.data.join("master.key"), other.join("master.key")).unwrap();
        site.run_from(&other, &["restore", &file]).refused(1, &["a server serves", "stop every server"]);
        assert_eq!(site.opens(&key), 200);
        site.kill();
        assert_eq!(site.run_from(&other, &["restore", &file]).code, Some(0), "one that died is waited for");
        site.serve();
    }
    assert_eq!(site.opens(&key), 200);
}

/// An installation with one key, and a backup of it.
fn with_backup(name: &str) -> (PathBuf, String, PathBuf) {
    let data = folder(name).join("data");
    run_on(&data, &["init"]);
    let made = run_on(&data, &["keys", "create", "--name", "key", "--role", "ingestion"]).json();
    let file = data.with_file_name("a.backup");
    run_on(&data, &["backup", &text(&file)]).json();
    (data, made["key"].as_str().unwrap().to_owned(), file)
}

fn keys(data: &Path) -> u64 {
    run_on(data, &["keys", "list"]).json()["totalCount"].as_u64().unwrap()
}

#[test]
fn only_a_sound_backup_of_this_installation_is_restored() {
    let (data, key, file) = with_backup("restore-refusals");
    let whole = std::fs::read(&file).unwrap();
    let bad = data.with_file_name("bad.backup");
    let refused = |bytes: &[u8], words: &[&str]| {
        std::fs::write(&bad, bytes).unwrap();
        run_on(&data, &["restore", &text(&bad)]).refused(1, words);
        assert_eq!(keys(&data), 1, "nothing was changed");
        assert_eq!(std::fs::read(&bad).unwrap(), bytes, "nor the file");
    };
    refused(b"", &["is no Sextant backup"]);
    refused(b"#!/bin/sh\necho no database at all\n", &["is no Sextant backup"]);
    refused(&whole[..100], &["is damaged"]);
    refused(&whole[..whole.len() / 2], &["is damaged"]);
    let mut flipped = whole.clone();
    flipped[4096..40_960].fill(0x5a);
    refused(&flipped, &["is damaged"]);
    run_on(&data, &["restore", &text(&data.with_file_name("missing"))]).refused(1, &["cannot read"]);
    run_on(&data, &["restore", &text(&data.join("sextant.db"))]).refused(1, &["is the database itself"]);

    // A copy of the database is none: nobody can say of which moment it is.
    refused(&std::fs::read(data.join("sextant.db")).unwrap(), &["is no Sextant backup"]);
    let other = data.with_file_name("foreign.backup");
    std::fs::write(&other, b"").unwrap();
    change_file(&other, "c.execute('create table a (b)')");
    refused(&std::fs::read(&other).unwrap(), &["is no Sextant backup"]);
    std::fs::write(&other, &whole).unwrap();
    change_file(
        &other,
        "c.execute(\"insert into _sqlx_migrations select 9999, 'later', installed_on, success, checksum, \
         execution_time from _sqlx_migrations limit 1\")\n\
         c.execute(\"update installation set value = '99.1.0' where name = 'backup-version'\")",
    );
    refused(&std::fs::read(&other).unwrap(), &["newer version of Sextant (99.1.0)"]);

    let server = Server::start(&data, &[]);
    assert_eq!(get(server.address, "/v2/developers/schema", Some(&key)).status, 200);
}

#[test]
fn another_master_key_is_named_and_the_former_one_can_be_given() {
    let (former, key, file) = with_backup("restore-former-key");
    let (data, _, _) = with_backup("restore-other-key");
    let done = run_on(&data, &["restore", &text(&file)]);
    done.refused(1, &["made under another master key", "SEXTANT_MASTER_KEY", "former key"]);
    let fingerprint = |data: &Path| {
        let found = run_on(data, &["doctor"]).json()["checks"][1]["found"].as_str().unwrap().to_owned();
        found.rsplit(' ').next().unwrap().to_owned()
    };
    assert!(
        done.err.contains(&fingerprint(&data)) && done.err.contains(&fingerprint(&former)),
        "{}",
        done.err
    );

    let encoded = Command::new("base64").arg("-w0").arg(former.join("master.key")).output().unwrap().stdout;
    let encoded = String::from_utf8(encoded).unwrap();
    let restored = sextant(&["restore", &text(&file)])
        .arg("--data")
        .arg(&data)
        .env("SEXTANT_MASTER_KEY", &encoded)
        .output()
        .unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    run_on(&data, &["keys", "list"]).refused(1, &["master key"]);
    let server = Server::start_with(&data, &[], |command| {
        command.env("SEXTANT_MASTER_KEY", &encoded);
    });
    assert_eq!(get(server.address, "/v2/developers/schema", Some(&key)).status, 200);
    // Without any key there is nothing to begin with.
    let empty = folder("restore-no-key");
    run_on(&empty, &["restore", &text(&file)]).refused(1, &["no master key", "master.key"]);
}

const FIRST_MIGRATION: &str = include_str!("../../../../store/migrations/0001_house.sql");

/// Makes every table anew as the first version had it.
const FIRST_SHAPE: &str = "
import os
old = sqlite3.connect(sys.argv[1] + '.old')
old.executescript(house.replace(' collate \"C\"', ''))
tables = [name for (name,) in old.execute(\"select name from sqlite_master where type = 'table'\")]
(migrations,) = c.execute(\"select sql from sqlite_master where name = '_sqlx_migrations'\").fetchone()
old.execute(migrations)
for table in tables + ['_sqlx_migrations']:
    columns = ', '.join(row[1] for row in old.execute(f'pragma table_info({table})'))
    old.execute(f'delete from {table}')
    for row in c.execute(f'select {columns} from {table}'):
        old.execute(f'insert into {table} ({columns}) values ({\", \".join(\"?\" * len(row))})', row)
old.execute('delete from _sqlx_migrations where version > 1')
old.commit()
old.close()
c.close()
os.replace(sys.argv[1] + '.old', sys.argv[1])
c = sqlite3.connect(sys.argv[1])
";

#[test]
fn an_older_backup_is_brought_to_this_version_s_shape() {
    let (data, _, file) = with_backup("restore-older");
    change_file(&file, &format!("house = {FIRST_MIGRATION:?}\n{FIRST_SHAPE}"));
    let before = std::fs::read(&file).unwrap();
    let id = run_on(&data, &["keys", "list"]).json()["apiKeys"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(run_on(&data, &["keys", "delete", &id, "--yes"]).code, Some(0));
    let done = run_on(&data, &["restore", &text(&file)]).json();
    assert_eq!(super::named(&done, "keysDeleted"), ["key"]);
    assert_eq!(std::fs::read(&file).unwrap(), before, "the backup itself is as it was");
    assert_eq!(keys(&data), 0);
}

#[test]
fn a_database_that_cannot_be_read_is_replaced_and_kept() {
    let (data, _, file) = with_backup("restore-unreadable");
    let id = run_on(&data, &["keys", "list"]).json()["apiKeys"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(run_on(&data, &["keys", "delete", &id, "--yes"]).code, Some(0));
    let garbage = b"somebody wrote over it\n".repeat(1000);
    std::fs::write(data.join("sextant.db"), &garbage).unwrap();
    std::fs::write(data.join("sextant.db-wal"), b"and over this").unwrap();
    let done = run_on(&data, &["restore", &text(&file)]);
    assert!(done.err.contains("cannot be read"), "{}", done.err);
    let done = done.json();
    assert_eq!(super::named(&done, "keysDeleted"), ["key"], "the record beside it knows");
    let kept = done["previousDatabase"].as_str().unwrap();
    assert_eq!(std::fs::read(kept).unwrap(), garbage);
    assert_eq!(keys(&data), 0);
    // The file may be gone altogether.
    std::fs::remove_file(data.join("sextant.db")).unwrap();
    let done = run_on(&data, &["restore", &text(&file)]).json();
    assert_eq!((done["previousDatabase"].as_str(), done["keys"].as_u64()), (None, Some(0)));
    assert!(Server::start(&data, &[]).stop().0.success());
}

#[test]
fn a_backup_takes_the_place_of_nothing_that_matters() {
    let (data, _, file) = with_backup("backup-refusals");
    let before = std::fs::read(&file).unwrap();
    run_on(&data, &["backup", &text(&file)]).refused(1, &["is there already", "--force"]);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    for own in ["sextant.db", "sextant.db-wal", "master.key", "high-water", "revocations"] {
        let own = text(&data.join(own));
        run_on(&data, &["backup", &own, "--force"]).refused(2, &["belongs to the installation itself"]);
    }
    let link = data.with_file_name("link");
    std::os::unix::fs::symlink(data.join("sextant.db"), &link).unwrap();
    run_on(&data, &["backup", &text(&link), "--force"]).refused(2, &["belongs to the installation itself"]);
    run_on(&data, &["backup", &text(data.parent().unwrap()), "--force"]).refused(2, &["is a folder"]);
    run_on(&data, &["backup", &text(&data.join("no/such/folder"))]).refused(1, &["no/such/folder"]);

    run_on(&data, &["keys", "create", "--name", "second", "--role", "ingestion"]).json();
    let done = run_on(&data, &["backup", &text(&file), "--force"]).json();
    assert_eq!((done["keys"].as_u64(), done["changeNumber"].as_u64()), (Some(2), Some(2)));
    assert_eq!(done["size"].as_u64(), Some(file.metadata().unwrap().len()));
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let beside: Vec<_> = std::fs::read_dir(file.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("a.backup"))
        .collect();
    assert_eq!(beside, ["a.backup"], "no draft is left");
    let table = run_on(&data, &["backup", &text(&file), "--force", "--output", "table"]);
    assert!(table.out.contains("auditEntries"), "{}", table.out);
}

#[test]
fn without_room_nothing_is_half_done() {
    let (data, key, file) = with_backup("restore-no-room");
    let narrow = |arguments: &[&str], kilobytes: u32| {
        let run = sextant(arguments);
        let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script]).arg(run.get_program()).args(run.get_args()).arg("--data").arg(&data);
        crate::support::Done::from(command.output().unwrap())
    };
    let target = data.with_file_name("b.backup");
    narrow(&["backup", &text(&target)], 100).refused(1, &["cannot write", "b.backup", "not available"]);
    narrow(&["restore", &text(&file)], 100).refused(1, &["cannot write", "not available"]);
    let left = |folder: &Path| {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("draft") || name.contains("restoring") || name.contains("b.backup"))
            .collect::<Vec<_>>()
    };
    assert_eq!((left(&data), left(data.parent().unwrap())), (Vec::new(), Vec::new()));
    let server = Server::start(&data, &[]);
    assert_eq!(get(server.address, "/v2/developers/schema", Some(&key)).status, 200);
}
