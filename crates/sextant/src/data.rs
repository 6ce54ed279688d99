//! The data directory: its locks, the master key, and opening the database that belongs to that key.

use crate::config::Config;
use crate::high_water::{self, Mark, Rollback};
use crate::usage;
use crate::wiring::System;
use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sextant_core::base62;
use sextant_core::key::MasterKey;
use sextant_service::{Installation, Sextant, Sources};
use sextant_store::{Store, StoreError};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

const KEY_FILE: &str = "master.key";
/// Holds the master key in base64, instead of the file.
pub(crate) const KEY_VARIABLE: &str = "SEXTANT_MASTER_KEY";

/// Whether a command may make what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It is made.
    Make,
    /// It is an error: whoever mistypes a path must not be told that there are no keys.
    Refuse,
}

/// Held while serving; the system lets go of it when the process ends, however it ends.
pub(crate) struct Locks {
    /// The data directory's.
    pub(crate) folder: File,
    #[expect(dead_code, reason = "an open file holds the lock")]
    database: Option<File>,
}

/// The open installation.
pub(crate) struct Opened {
    /// The database.
    pub(crate) store: Store,
    /// Its master key.
    pub(crate) master: MasterKey,
    mark: Arc<Mark>,
}

impl Opened {
    /// Puts the use cases on it. `node` names the node where this process will answer requests.
    pub(crate) async fn sextant(
        self,
        system: &System,
        node: Option<String>,
        rollback: Rollback,
    ) -> Result<Arc<Sextant>> {
        let sources = Sources {
            clock: system.clock.clone(),
            entropy: system.entropy.clone(),
            mark: self.mark,
            master: self.master.clone(),
        };
        let store = self.store.clone();
        let sextant = Sextant::new(self.store, &sources, node);
        sextant.prepare(&self.master).await.context("cannot prepare the database")?;
        // Two first starts at once: whose key the database remembers is decided there, not here.
        if !Installation::read(&store).await?.accepts(&self.master) {
            bail!(
                "another process set this database up with another master key in this moment; use that key"
            );
        }
        high_water::face_rollback(&sextant, rollback).await?;
        Ok(sextant)
    }
}

/// Makes the directory if it is not there, for its owner only, and makes sure that it can be written.
pub(crate) fn directory(path: &Path, absent: Absent) -> Result<()> {
    if !path.is_dir() {
        if absent == Absent::Refuse && !path.exists() {
            bail!(
                "there is no data directory {}; name the right one with `--data`, or make it with `sextant init`",
                path.display()
            );
        }
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(|| {
            format!("cannot make the data directory {}; name another one with `--data`", path.display())
        })?;
    }
    lock_file(&path.join("lock")).map(drop).map_err(|error| {
        anyhow!(error).context(format!(
            "cannot write in the data directory {}; give it to the user that runs `sextant`, or name another one with `--data`",
            path.display()
        ))
    })
}

fn lock_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Takes the directory, and the database's file where that lies elsewhere, for this server alone.
pub(crate) fn lock_for_serving(config: &Config) -> Result<Locks> {
    let folder = lock(&config.data.join("lock"), &format!("the data directory {}", config.data.display()))?;
    let mut file = None;
    if let Some(database) = config.database_file() {
        let home =
            config.data.canonicalize().with_context(|| format!("cannot read {}", config.data.display()))?;
        let real = resolved(database);
        if real.parent() != Some(home.as_path()) {
            let mut name = real.file_name().unwrap_or_default().to_owned();
            name.push(".lock");
            file = Some(lock(&real.with_file_name(name), &format!("the database {}", database.display()))?);
        }
    }
    Ok(Locks { folder, database: file })
}

/// The file that is meant, whichever links lead there: two names of one file must meet at one lock.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

fn lock(path: &Path, what: &str) -> Result<File> {
    let file = lock_file(path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another server is using {what}; stop it, or use another one"),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Opens directory, key and database, and makes sure that they belong together.
pub(crate) async fn open(config: &Config, system: &System, absent: Absent) -> Result<Opened> {
    directory(&config.data, absent)?;
    // Read before the database: a change made in this moment then is behind the database, not ahead of it.
    let mark = Arc::new(Mark::open(&config.data)?);
    let (store, master) = open_pair(config, system, absent).await?;
    Ok(Opened { store, master, mark })
}

async fn open_pair(config: &Config, system: &System, absent: Absent) -> Result<(Store, MasterKey)> {
    let path = config.data.join(KEY_FILE);
    if let Some(master) = given_key(&path)? {
        if absent == Absent::Refuse {
            refuse_without_database(config)?;
        }
        let store = open_store(config, &master).await?;
        return belonging(config, store, master, &path).await;
    }
    let has_file =
        config.database_file().is_some_and(|file| file.metadata().is_ok_and(|data| data.len() > 0));
    if has_file {
        // Another process may have made both since the key was looked for.
        let Some(master) = given_key(&path)? else { return Err(missing_key(config, &path)) };
        let store = open_store(config, &master).await?;
        return belonging(config, store, master, &path).await;
    }
    refuse_new(config, absent)?;
    let master = MasterKey::draw(&*system.entropy);
    if config.database_file().is_some() {
        let master = keep_key(&path, master, system)?;
        let store = open_store(config, &master).await?;
        return belonging(config, store, master, &path).await;
    }
    // A database that other machines share: only it knows whether it is new.
    let store = open_store(config, &master).await?;
    if Installation::read(&store).await?.fingerprint.is_some() {
        store.close().await;
        return Err(missing_key(config, &path));
    }
    let drawn = master.fingerprint();
    let master = keep_key(&path, master, system)?;
    if master.fingerprint() != drawn {
        bail!("another process made a master key in {} in this moment; try again", path.display());
    }
    Ok((store, master))
}

fn refuse_new(config: &Config, absent: Absent) -> Result<()> {
    if absent == Absent::Refuse {
        bail!(
            "there is no Sextant data in {}; name the right directory with `--data`, or begin with `sextant init`",
            config.data.display()
        );
    }
    Ok(())
}

fn refuse_without_database(config: &Config) -> Result<()> {
    match config.database_file() {
        Some(file) if !file.exists() => refuse_new(config, Absent::Refuse),
        _ => Ok(()),
    }
}

async fn open_store(config: &Config, master: &MasterKey) -> Result<Store> {
    if let Some(file) = config.database_file() {
        // Made here so that only its owner can read it, wherever it lies; the files beside it follow it in that.
        match OpenOptions::new().create_new(true).write(true).mode(0o600).open(file) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make {}", config.location.describe()));
            }
        }
    }
    Store::open(&config.location, master.seal()).await.map_err(|error| match error {
        StoreError::Newer => anyhow!("{}: {error}", config.location.describe()),
        other => anyhow!(other).context(format!("cannot open {}", config.location.describe())),
    })
}

async fn belonging(
    config: &Config,
    store: Store,
    master: MasterKey,
    path: &Path,
) -> Result<(Store, MasterKey)> {
    let installation = Installation::read(&store).await?;
    if !installation.accepts(&master) {
        store.close().await;
        let source = if std::env::var_os(KEY_VARIABLE).is_some() {
            KEY_VARIABLE.to_owned()
        } else {
            path.display().to_string()
        };
        bail!(
            "the master key in {source} is not the one that {} was set up with (its fingerprint is {}, not {}); \
             put the right key there",
            config.location.describe(),
            master.fingerprint(),
            installation.fingerprint.as_deref().unwrap_or("set"),
        );
    }
    Ok((store, master))
}

fn missing_key(config: &Config, path: &Path) -> anyhow::Error {
    anyhow!(
        "{} is there, but its master key is not: put {} back, or set {KEY_VARIABLE}; without it no key or password \
         in the database can be checked",
        config.location.describe(),
        path.display()
    )
}

/// The key of the environment, or of the file.
fn given_key(path: &Path) -> Result<Option<MasterKey>> {
    if let Ok(text) = std::env::var(KEY_VARIABLE).map(Zeroizing::new) {
        return decode(&text).map(Some);
    }
    read_key(path)
}

fn decode(text: &str) -> Result<MasterKey> {
    let text = text.trim();
    let decoded = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD]
        .into_iter()
        .find_map(|engine| engine.decode(text).ok().map(Zeroizing::new));
    let bytes: Option<[u8; 32]> = decoded.and_then(|bytes| bytes.as_slice().try_into().ok());
    bytes.map(MasterKey::from_bytes).ok_or_else(|| {
        usage(format!("{KEY_VARIABLE} must be 32 bytes in base64; `openssl rand -base64 32` makes one"))
    })
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

/// Writes the key where no key is yet: whole, or not at all. Answers the key that stands there afterwards, which is
/// another process's if that was faster.
fn keep_key(path: &Path, master: MasterKey, system: &System) -> Result<MasterKey> {
    let mut suffix = [0; 8];
    base62::draw(&*system.entropy, &mut suffix);
    let draft = path.with_extension(format!("key.{}", String::from_utf8_lossy(&suffix)));
    let written = (|| {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(master.reveal())?;
        file.sync_all()?;
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
    if let Some(folder) = path.parent() {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .context("cannot write the data directory down")?;
    }
    read_key(path)?.ok_or_else(|| anyhow!("the master key {} is gone", path.display()))
}

/// The master key that is in place, for `doctor`.
pub(crate) fn present_key(config: &Config) -> Result<Option<MasterKey>> {
    given_key(&config.data.join(KEY_FILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        let system = System::new();
        let first = keep_key(&path, MasterKey::draw(&*system.entropy), &system).unwrap();
        let second = keep_key(&path, MasterKey::draw(&*system.entropy), &system).unwrap();
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(path.metadata().unwrap().len(), 32);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_environment_s_key_may_be_in_any_base64() {
        let bytes = [0xfb; 32];
        for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
            assert_eq!(decode(&engine.encode(bytes)).unwrap().reveal(), &bytes);
        }
        for wrong in ["", "short", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33])] {
            assert!(decode(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_database_has_one_lock_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        std::fs::write(&file, "").unwrap();
        let link = folder.path().join("b.db");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(resolved(&link), resolved(&file));
    }
}
