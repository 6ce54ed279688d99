//! `DIR/node`: by which name the processes of this data directory know each other's leases.
//!
//! A server that begins holds the directory's lock, so whoever served from it before is dead and need not be waited for.
//! That is only as true as the lock is the same one: the name is bound to the boot of the system and to the lock's file in
//! it, and a directory that was copied, mounted elsewhere or kept over a restart of the machine gets a new name. Then the
//! lease of whoever is dead runs out, as anyone's does.

use crate::wiring::System;
use anyhow::{Context, Result};
use sextant_core::id::KeyId;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

const FILE: &str = "node";
/// Drawn by the kernel each time it starts.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The node's name. `lock` is the directory's lock, held by this process.
pub(crate) fn name(folder: &Path, lock: &File, system: &System) -> Result<String> {
    let boot = std::fs::read_to_string(BOOT).ok();
    name_bound_to(folder, lock, boot.as_deref().map(str::trim), system)
}

fn name_bound_to(folder: &Path, lock: &File, boot: Option<&str>, system: &System) -> Result<String> {
    let fresh = || KeyId::draw(&*system.entropy).to_string();
    // A system that does not tell when it was started gives nothing to bind a name to.
    let Some(boot) = boot.filter(|boot| !boot.is_empty()) else { return Ok(fresh()) };
    let lock = lock.metadata().context("cannot look at the lock of the data directory")?;
    let binding = format!("{boot} {} {}", lock.dev(), lock.ino());
    let path = folder.join(FILE);
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((name, bound)) = known.trim_end().split_once(' ')
        && bound == binding
        && KeyId::parse(name).is_some()
    {
        return Ok(name.to_owned());
    }
    let name = fresh();
    // Not needed after a crash of the machine, so nothing waits for the disk; and whole or not at all.
    let draft = folder.join("node.draft");
    let written = (|| {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        writeln!(file, "{name} {binding}")?;
        std::fs::rename(&draft, &path)
    })();
    written.with_context(|| format!("cannot write {}", path.display()))?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_while_the_lock_is_the_same_and_no_longer() {
        let system = System::new();
        let folder = tempfile::tempdir().unwrap();
        let lock = File::create(folder.path().join("lock")).unwrap();
        let named = |boot| name_bound_to(folder.path(), &lock, boot, &system).unwrap();
        let first = named(Some("one"));
        assert_eq!(named(Some("one")), first);

        let copy = tempfile::tempdir().unwrap();
        std::fs::copy(folder.path().join(FILE), copy.path().join(FILE)).unwrap();
        let copied = File::create(copy.path().join("lock")).unwrap();
        assert_ne!(name_bound_to(copy.path(), &copied, Some("one"), &system).unwrap(), first);

        let restarted = named(Some("two"));
        assert_ne!(restarted, first);
        assert_ne!(named(Some("one")), first, "and the name of before never comes back");
        assert_ne!(named(None), named(None), "without a boot to bind it to every start has its own");
        std::fs::write(folder.path().join(FILE), "torn").unwrap();
        assert_eq!(named(Some("one")), named(Some("one")));
    }
}
