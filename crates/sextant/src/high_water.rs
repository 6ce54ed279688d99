//! `DIR/high-water`: the last change number and the latest time that this node has seen. A database that is behind it was
//! copied back.

use anyhow::{Context, Result, bail};
use sextant_core::source::HighWater;
use sextant_core::time::Time;
use sextant_service::Sextant;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

const FILE: &str = "high-water";

/// What to do about a database that is behind what this node has seen, as one put back from a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rollback {
    /// It is not used: keys that were deleted since the copy would live again.
    Refuse,
    /// It is used with every key switched off.
    Accept,
    /// It is only looked at.
    Ignore,
}

/// The mark of one data directory.
pub(crate) struct Mark {
    path: PathBuf,
    number: AtomicI64,
    micros: AtomicI64,
    writing: Mutex<()>,
}

impl Mark {
    /// Reads the mark; a directory without one has seen nothing.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let (number, micros) = read(&path)?;
        Ok(Self {
            path,
            number: AtomicI64::new(number),
            micros: AtomicI64::new(micros),
            writing: Mutex::new(()),
        })
    }

    fn write(&self) -> Result<()> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Another process of this node may have seen more: between reading and replacing only one may be at it.
        let lock = self.path.with_extension("lock");
        let turn = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock)?;
        turn.lock()?;
        let (number, micros) = read(&self.path)?;
        let number = self.number.fetch_max(number, Ordering::AcqRel).max(number);
        let micros = self.micros.fetch_max(micros, Ordering::AcqRel).max(micros);
        let body = format!("{number} {}", Time::from_micros(micros));
        let line = format!("{body} {:08x}\n", checksum(&body));
        let draft = self.path.with_extension(std::process::id().to_string());
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        std::fs::rename(&draft, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl HighWater for Mark {
    fn seen(&self) -> (i64, Time) {
        (self.number.load(Ordering::Acquire), Time::from_micros(self.micros.load(Ordering::Acquire)))
    }

    fn raise(&self, number: i64, time: Time) -> Result<(), String> {
        let higher = self.number.fetch_max(number, Ordering::AcqRel) < number;
        let later = self.micros.fetch_max(time.micros(), Ordering::AcqRel) < time.micros();
        if !higher && !later {
            return Ok(());
        }
        self.write().map_err(|error| format!("{}: {error:#}", self.path.display()))
    }
}

/// Refuses a database that was copied back, or goes on with it as was asked: keys that were deleted since would live
/// again.
pub(crate) async fn face_rollback(sextant: &Sextant, rollback: Rollback) -> Result<()> {
    if rollback == Rollback::Ignore {
        return Ok(());
    }
    let Some((seen, found)) = sextant.rolled_back().await? else { return Ok(()) };
    if rollback == Rollback::Refuse {
        bail!(
            "the database is a copy from before: it stands at change {found}, this node has seen {seen}, so keys that were \
             deleted since may be in it. Put the right one back, or start `sextant serve --accept-rollback`, which switches \
             every key off"
        );
    }
    let disabled = sextant.accept_rollback().await?;
    tracing::warn!(seen, found, disabled, "an older database was accepted; every key is switched off");
    Ok(())
}

fn checksum(body: &str) -> u32 {
    crc32fast::hash(body.as_bytes())
}

fn read(path: &Path) -> Result<(i64, i64)> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let read = || {
        let (body, sum) = text.trim_end().rsplit_once(' ')?;
        let (number, time) = body.split_once(' ')?;
        (u32::from_str_radix(sum, 16).ok()? == checksum(body)).then_some(())?;
        Some((number.parse().ok()?, Time::parse(time).ok()?.micros()))
    };
    match read() {
        Some(mark) => Ok(mark),
        None => bail!(
            "{} does not read back: it was changed by hand or is damaged. Without it nobody can tell whether the database \
             is a restored copy; if you know that it is not, remove the file",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_only_rises_and_survives() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Mark::open(folder.path()).unwrap();
        assert_eq!(mark.seen().0, 0);
        mark.raise(7, Time::parse("2026-01-02T00:00:00Z").unwrap()).unwrap();
        mark.raise(5, Time::parse("2026-01-01T00:00:00Z").unwrap()).unwrap();
        let again = Mark::open(folder.path()).unwrap();
        assert_eq!(again.seen(), (7, Time::parse("2026-01-02T00:00:00Z").unwrap()));
        // Two processes of one node: neither takes back what the other saw.
        mark.raise(9, Time::parse("2026-01-03T00:00:00Z").unwrap()).unwrap();
        again.raise(8, Time::parse("2026-01-04T00:00:00Z").unwrap()).unwrap();
        let third = Mark::open(folder.path()).unwrap();
        assert_eq!(third.seen(), (9, Time::parse("2026-01-04T00:00:00Z").unwrap()));
    }

    #[test]
    fn a_mark_that_was_edited_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Mark::open(folder.path()).unwrap().raise(70, Time::from_micros(0)).unwrap();
        let path = folder.path().join(FILE);
        let edited = std::fs::read_to_string(&path).unwrap().replacen("70", "10", 1);
        std::fs::write(&path, edited).unwrap();
        assert!(Mark::open(folder.path()).is_err());
    }
}
