//! Where the master key lies: `DIR/master.key`, or the environment. `DIR/master.key.next` is a new one that is about to be
//! put in force, or has been: whichever of the two the database names is the right one, so that a rotation can be cut off
//! at any point.

use crate::usage;
use crate::wiring::System;
use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sextant_core::base62;
use sextant_core::key::MasterKey;
use sextant_core::source::KeyHome;
use sextant_store::Store;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const KEY_FILE: &str = "master.key";
/// Holds the master key in base64, instead of the file.
pub(crate) const KEY_VARIABLE: &str = "SEXTANT_MASTER_KEY";
/// Holds the master key that a rotation is to put in force.
pub(crate) const NEW_KEY_VARIABLE: &str = "SEXTANT_NEW_MASTER_KEY";

/// Where this process's master key comes from.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    path: PathBuf,
    /// Whether the environment gives it: then nothing is read from or written to the file.
    is_environment: bool,
}

impl Place {
    /// That of a data directory.
    pub(crate) fn of(data: &Path) -> Self {
        Self { path: data.join(KEY_FILE), is_environment: std::env::var_os(KEY_VARIABLE).is_some() }
    }

    /// The files of a data directory, whatever the environment gives.
    pub(crate) fn file_of(data: &Path) -> Self {
        Self { path: data.join(KEY_FILE), is_environment: false }
    }

    /// Whether the environment gives the key.
    pub(crate) const fn is_environment(&self) -> bool {
        self.is_environment
    }

    /// What to call it in messages.
    pub(crate) fn describe(&self) -> String {
        if self.is_environment { KEY_VARIABLE.to_owned() } else { self.path.display().to_string() }
    }

    /// The file where it would be, were it not for the environment.
    pub(crate) fn file(&self) -> &Path {
        &self.path
    }

    /// The key that is there.
    pub(crate) fn given(&self) -> Result<Option<MasterKey>> {
        match std::env::var(KEY_VARIABLE).map(Zeroizing::new) {
            Ok(text) => decode(KEY_VARIABLE, &text).map(Some),
            Err(_) => read_key(&self.path),
        }
    }

    /// Writes the key where no key is yet: whole, or not at all. Answers the key that stands there afterwards, which is
    /// another process's if that was faster.
    pub(crate) fn found(&self, master: MasterKey, system: &System) -> Result<MasterKey> {
        let path = &self.path;
        let mut suffix = [0; 8];
        base62::draw(&*system.entropy, &mut suffix);
        let draft = path.with_extension(format!("key.{}", String::from_utf8_lossy(&suffix)));
        let written = (|| {
            write(OpenOptions::new().create_new(true), &draft, &master)?;
            // A link, unlike a rename, does not replace what is there.
            std::fs::hard_link(&draft, path)
        })();
        let _ = std::fs::remove_file(&draft);
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write the master key {}", path.display()));
            }
        }
        self.sync_folder().context("cannot write the data directory down")?;
        read_key(path)?.ok_or_else(|| anyhow!("the master key {} is gone", path.display()))
    }

    /// Takes this place for one rotation: two at once would write over each other's next key.
    pub(crate) fn lock(&self) -> Result<File> {
        self.try_lock()?.ok_or_else(|| {
            let folder = self.path.parent().unwrap_or(&self.path);
            anyhow!("another rotation is under way in {}; wait for its end", folder.display())
        })
    }

    fn try_lock(&self) -> Result<Option<File>> {
        let path = self.path.with_extension("key.lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Writes down a key that is about to be put in force, before it is.
    pub(crate) fn announce(&self, next: &MasterKey) -> Result<()> {
        let path = self.next();
        let written = write(OpenOptions::new().create(true).truncate(true), &path, next);
        written
            .and_then(|()| self.sync_folder())
            .with_context(|| format!("cannot write the new master key {}", path.display()))
    }

    /// Puts the key that is in force in place of whatever is there.
    pub(crate) fn put(&self, master: &MasterKey) -> Result<()> {
        let path = &self.path;
        let written = (|| {
            if !holds(path, master) {
                let next = self.next();
                if holds(&next, master) {
                    match std::fs::rename(&next, path) {
                        // The other process that puts it there was faster.
                        Err(error) if error.kind() == ErrorKind::NotFound && holds(path, master) => {}
                        other => other?,
                    }
                } else {
                    let draft = path.with_extension(format!("key.{}", std::process::id()));
                    write(OpenOptions::new().create(true).truncate(true), &draft, master)?;
                    std::fs::rename(&draft, path)?;
                }
            }
            self.sync_folder()
        })();
        written.with_context(|| format!("cannot write the master key {}", path.display()))
    }

    /// Whether there is a key that was about to be put in force, and was or was not.
    fn has_next(&self) -> bool {
        !self.is_environment && self.next().exists()
    }

    /// Removes a key that was about to be put in force and was not. Only while no rotation is under way: until it has
    /// ended nobody can tell.
    pub(crate) async fn clear(&self, store: &Store) -> Result<()> {
        if !self.has_next() {
            return Ok(());
        }
        let Some(_turn) = self.try_lock()? else { return Ok(()) };
        let in_force = store.fingerprint().await?;
        let is_in_place = read_key(&self.path)?.is_some_and(|master| Some(master.fingerprint()) == in_force);
        if is_in_place {
            std::fs::remove_file(self.next()).or_else(|error| match error.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
            self.sync_folder()?;
            tracing::info!(path = %self.next().display(), "removed a master key that never came into force");
        }
        Ok(())
    }

    fn next(&self) -> PathBuf {
        self.path.with_extension("key.next")
    }

    fn sync_folder(&self) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl KeyHome for Place {
    fn read(&self) -> Vec<MasterKey> {
        if self.is_environment {
            return Vec::new();
        }
        [self.path.clone(), self.next()].iter().filter_map(|path| read_key(path).ok().flatten()).collect()
    }

    fn keep(&self, master: &MasterKey) -> Result<(), String> {
        let fingerprint = master.fingerprint();
        if self.is_environment {
            tracing::warn!(
                fingerprint,
                "took over a new master key; put it into {KEY_VARIABLE} before the next start"
            );
            return Ok(());
        }
        self.put(master).map_err(|error| format!("{error:#}"))?;
        tracing::info!(fingerprint, path = %self.path.display(), "took over a new master key");
        Ok(())
    }
}

/// The key that a rotation is to put in force, if the environment names one.
pub(crate) fn given_next() -> Result<Option<MasterKey>> {
    let given = std::env::var(NEW_KEY_VARIABLE).ok().filter(|text| !text.is_empty()).map(Zeroizing::new);
    given.map(|text| decode(NEW_KEY_VARIABLE, &text)).transpose()
}

fn decode(variable: &str, text: &str) -> Result<MasterKey> {
    let text = text.trim();
    let decoded = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
        .into_iter()
        .find_map(|engine| engine.decode(text).ok().map(Zeroizing::new));
    let bytes: Option<[u8; 32]> = decoded.and_then(|bytes| bytes.as_slice().try_into().ok());
    bytes.map(MasterKey::from_bytes).ok_or_else(|| {
        usage(format!("{variable} must be 32 bytes in base64; `openssl rand -base64 32` makes one"))
    })
}

fn write(options: &mut OpenOptions, path: &Path, master: &MasterKey) -> std::io::Result<()> {
    let mut file = options.write(true).mode(0o600).open(path)?;
    file.write_all(master.reveal())?;
    file.sync_all()
}

fn holds(path: &Path, master: &MasterKey) -> bool {
    read_key(path).ok().flatten().is_some_and(|found| found.fingerprint() == master.fingerprint())
}

fn read_key(path: &Path) -> Result<Option<MasterKey>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read the master key {}", path.display()));
        }
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(64));
    Read::by_ref(&mut file).take(64).read_to_end(&mut bytes)?;
    let Ok(bytes) = <[u8; 32]>::try_from(bytes.as_slice()) else {
        bail!(
            "{} is no master key: it has {} bytes instead of 32; put the right file back",
            path.display(),
            file.metadata()?.len()
        );
    };
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "others can read the master key; `chmod 600` it");
    }
    Ok(Some(MasterKey::from_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &Path) -> Place {
        Place { path: folder.join(KEY_FILE), is_environment: false }
    }

    #[test]
    fn a_key_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let system = System::new();
        let first = place.found(MasterKey::draw(&*system.entropy), &system).unwrap();
        let second = place.found(MasterKey::draw(&*system.entropy), &system).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(place.path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(place.path.metadata().unwrap().len(), 32);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_key_takes_its_place_whether_it_was_announced_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let [first, second, third] = [1, 2, 3].map(|byte| MasterKey::from_bytes([byte; 32]));
        place.put(&first).unwrap();
        place.announce(&second).unwrap();
        let read: Vec<String> = place.read().iter().map(MasterKey::fingerprint).collect();
        assert_eq!(read, [first.fingerprint(), second.fingerprint()]);
        for master in [&second, &third, &third] {
            place.put(master).unwrap();
            assert!(holds(&place.path, master));
            assert_eq!(place.path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn one_rotation_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let held = place.lock().unwrap();
        assert!(place.lock().unwrap_err().to_string().contains("another rotation"));
        drop(held);
        assert!(place.lock().is_ok());
    }

    #[test]
    fn the_environment_s_key_may_be_in_any_base64() {
        let bytes = [0xfb; 32];
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            assert_eq!(decode(KEY_VARIABLE, &engine.encode(bytes)).unwrap().reveal(), &bytes);
        }
        for wrong in ["", "short", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            assert!(decode(KEY_VARIABLE, wrong).is_err(), "{wrong}");
        }
    }
}
