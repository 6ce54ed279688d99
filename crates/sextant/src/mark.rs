//! The high-water mark in `DIR/high-water`: the last change number and the latest time that this node has seen.
//!
//! Server and commands share the file. Whoever raises it reads it again under a lock first, so that it never falls; it
//! is replaced as a whole, so that a crash leaves the old mark or the new one.

use anyhow::{Context, Result, bail};
use sextant_core::source::HighWater;
use sextant_core::time::Time;
use sextant_service::Sextant;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

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

/// The mark of a data directory.
pub(crate) struct Mark {
    folder: PathBuf,
    // Two values that need not fit together: each alone only rises.
    number: AtomicI64,
    micros: AtomicI64,
}

impl Mark {
    /// Reads it; a directory without one has seen nothing.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let (number, time) = read(folder)?;
        let micros = AtomicI64::new(time.micros());
        Ok(Self { folder: folder.to_owned(), number: AtomicI64::new(number), micros })
    }

    fn write(&self, number: i64, time: Time) -> Result<()> {
        let _turn = turn(&self.folder)?;
        let (known, latest) = read(&self.folder)?;
        let (number, time) = (number.max(known), time.max(latest));
        self.note(number, time);
        if (number, time) == (known, latest) {
            return Ok(());
        }
        let draft = self.folder.join(format!("{FILE}.new"));
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        writeln!(file, "{number} {}", time.micros())?;
        file.sync_all()?;
        std::fs::rename(&draft, self.folder.join(FILE))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(())
    }

    fn note(&self, number: i64, time: Time) {
        self.number.fetch_max(number, Ordering::Relaxed);
        self.micros.fetch_max(time.micros(), Ordering::Relaxed);
    }
}

impl HighWater for Mark {
    fn seen(&self) -> (i64, Time) {
        (self.number.load(Ordering::Relaxed), Time::from_micros(self.micros.load(Ordering::Relaxed)))
    }

    fn raise(&self, number: i64, time: Time) -> Result<(), String> {
        self.write(number, time).map_err(|error| format!("{error:#}"))
    }
}

/// Held while the file is replaced.
fn turn(folder: &Path) -> Result<File> {
    let path = folder.join(format!("{FILE}.lock"));
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    file.lock()?;
    Ok(file)
}

fn read(folder: &Path) -> Result<(i64, Time)> {
    let path = folder.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((0, Time::from_micros(0))),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let mut words = text.split_whitespace().map(str::parse::<i64>);
    match (words.next(), words.next(), words.next()) {
        (Some(Ok(number)), Some(Ok(micros)), None) => Ok((number, Time::from_micros(micros))),
        _ => bail!(
            "{} does not read as a change number and a time; if the database was not put back from a copy, remove the file",
            path.display()
        ),
    }
}

/// Refuses a database that was put back, or goes on with it as was asked.
pub(crate) async fn face_rollback(sextant: &Sextant, rollback: Rollback) -> Result<()> {
    let Some((seen, number)) = sextant.rolled_back().await? else { return Ok(()) };
    if rollback == Rollback::Accept {
        let disabled = sextant.accept_rollback().await?;
        tracing::warn!(
            seen,
            number,
            disabled,
            "went on with a database that was put back; its keys are switched off"
        );
        return Ok(());
    }
    bail!(
        "the database is behind what this node has seen (change {number}, not {seen}): it was put back from a copy, in \
         which deleted keys would live again. Bring the newer one back, or start with `sextant serve --accept-rollback`, \
         which switches every key off"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_never_falls_whoever_raises_it() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (Mark::open(folder.path()).unwrap(), Mark::open(folder.path()).unwrap());
        one.raise(7, Time::from_micros(70)).unwrap();
        other.raise(5, Time::from_micros(90)).unwrap();
        assert_eq!(other.seen(), (7, Time::from_micros(90)));
        assert_eq!(Mark::open(folder.path()).unwrap().seen(), (7, Time::from_micros(90)));
        one.raise(1, Time::from_micros(1)).unwrap();
        assert_eq!(one.seen(), (7, Time::from_micros(90)));
    }

    #[test]
    fn what_does_not_read_is_no_mark() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "1", "1 2 3", "a b"] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            assert!(Mark::open(folder.path()).is_err(), "{text}");
        }
    }
}
