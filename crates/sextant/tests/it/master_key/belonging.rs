//! A database belongs to one master key.

use crate::site::{Ground, Site, on_both_databases};

on_both_databases! {
    with_another_master_key_nothing_in_the_database_changes
}

/// As if a version from before the last migration had made it: this one would migrate it, if it were let.
fn with_another_master_key_nothing_in_the_database_changes(ground: Ground) {
    let mut site = Site::start(ground);
    site.stop();
    let last = site.sql("select max(version) from _sqlx_migrations").trim().to_owned();
    site.sql(&format!("delete from _sqlx_migrations where version = {last}"));
    let right = std::fs::read(site.data.join("master.key")).unwrap();
    std::fs::write(site.data.join("master.key"), [7; 32]).unwrap();
    for command in [&["serve", "--listen", "127.0.0.1:0"][..], &["keys", "list"], &["init"]] {
        site.run(command).refused(1, &["is not the one that", "fingerprint"]);
        let versions = site.sql(&format!("select count(*) from _sqlx_migrations where version >= {last}"));
        assert_eq!(versions.trim(), "0", "{command:?} migrated a database that is another key's");
    }
    std::fs::write(site.data.join("master.key"), right).unwrap();
}
