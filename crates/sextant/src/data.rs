//! The data directory: its locks, and opening the database that belongs to the master key.

use crate::config::Config;
use crate::high_water::{self, Mark, Rollback};
use crate::master_key::{KEY_VARIABLE, Place};
use crate::wiring::System;
use anyhow::{Context, Result, anyhow, bail};
use sextant_core::key::MasterKey;
use sextant_core::source::KeyHome;
use sextant_service::{Sextant, Sources};
use sextant_store::{Keys, Store, StoreError};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        let sources =
            Sources { clock: system.clock.clone(), entropy: system.entropy.clone(), mark: self.mark };
        let serves = node.is_some();
        let sextant = Sextant::new(self.store, &sources, node);
        sextant.prepare().await.context("cannot prepare the database")?;
        high_water::face_rollback(&sextant, rollback).await?;
        if serves {
            high_water::face_copies(&sextant).await?;
        }
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
pub(crate) fn resolved(path: &Path) -> PathBuf {
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
    let store = open_pair(config, system, absent).await?;
    Ok(Opened { store, mark })
}

async fn open_pair(config: &Config, system: &System, absent: Absent) -> Result<Store> {
    let place = Place::of(&config.data);
    if let Some(master) = place.given()? {
        if absent == Absent::Refuse {
            refuse_without_database(config)?;
        }
        return open_store(config, system, master, place).await;
    }
    let has_file =
        config.database_file().is_some_and(|file| file.metadata().is_ok_and(|data| data.len() > 0));
    if has_file {
        // Another process may have made both since the key was looked for.
        let Some(master) = place.given()? else { return Err(missing_key(config, &place)) };
        return open_store(config, system, master, place).await;
    }
    refuse_new(config, absent)?;
    let master = MasterKey::draw(&*system.entropy);
    if config.database_file().is_some() {
        let master = place.found(master, system)?;
        return open_store(config, system, master, place).await;
    }
    // A database that other machines share: only it knows whether it is new.
    let home = Arc::new(place.clone());
    let store = match Store::open(&config.location, keys(&master, home, system)).await {
        Err(StoreError::OtherKey(_)) => return Err(missing_key(config, &place)),
        other => other.map_err(|error| cannot_open(config, error))?,
    };
    let drawn = master.fingerprint();
    if place.found(master, system)?.fingerprint() != drawn {
        bail!("another process made a master key in {} in this moment; try again", place.describe());
    }
    Ok(store)
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

async fn open_store(config: &Config, system: &System, master: MasterKey, place: Place) -> Result<Store> {
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
    let home = Arc::new(place.clone());
    let mut opened = Store::open(&config.location, keys(&master, home.clone(), system)).await;
    if let Err(StoreError::OtherKey(fingerprint)) = &opened {
        // A rotation is under way or was cut off: the new key lies beside the old one, or has just taken its place.
        let next = place.read().into_iter().find(|found| found.fingerprint() == *fingerprint);
        let Some(next) = next else { return Err(other_key(config, &master, fingerprint, &place)) };
        place.put(&next)?;
        tracing::info!(fingerprint, "the master key of an unfinished rotation is put in place");
        opened = Store::open(&config.location, keys(&next, home, system)).await;
    }
    let store = opened.map_err(|error| cannot_open(config, error))?;
    place.clear(&store).await?;
    Ok(store)
}

/// What a database is opened with by this process.
pub(crate) fn keys<'a>(master: &'a MasterKey, home: Arc<Place>, system: &'a System) -> Keys<'a> {
    Keys { master, home, entropy: &*system.entropy }
}

fn cannot_open(config: &Config, error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Newer => anyhow!("{}: {error}", config.location.describe()),
        other => anyhow!(other).context(format!("cannot open {}", config.location.describe())),
    }
}

fn other_key(config: &Config, master: &MasterKey, fingerprint: &str, place: &Place) -> anyhow::Error {
    anyhow!(
        "the master key in {} is not the one that {} was set up with (its fingerprint is {}, not {fingerprint}); \
         put the right key there",
        place.describe(),
        config.location.describe(),
        master.fingerprint(),
    )
}

pub(crate) fn missing_key(config: &Config, place: &Place) -> anyhow::Error {
    anyhow!(
        "{} is there, but its master key is not: put {} back, or set {KEY_VARIABLE}; without it no key or password \
         in the database can be checked",
        config.location.describe(),
        place.file().display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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
