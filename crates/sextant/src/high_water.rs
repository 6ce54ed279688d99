//! `DIR/high-water`: the last change number and the latest time that this node has seen, and how many revocations it has
//! written down. A database that is behind it was copied back.

use crate::revocations::Record;
use anyhow::{Context, Result, bail};
use sextant_core::revocation::Revocation;
use sextant_core::source::HighWater;
use sextant_core::time::Time;
use sextant_service::Sextant;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

const FILE: &str = "high-water";
/// Held, shared, by every process that has the installation open, and alone by one that puts another database there.
const PRESENCE: &str = "restore.lock";
/// A time that is later by less than this is not worth a write of its own.
const TIME_STEP: i64 = 100_000;

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
    folder: PathBuf,
    path: PathBuf,
    number: AtomicI64,
    micros: AtomicI64,
    recorded: AtomicI64,
    written: Mutex<Written>,
    _presence: File,
}

/// What is on the disk.
struct Written {
    number: i64,
    micros: i64,
    record: Record,
}

/// What the file says.
#[derive(Clone, Copy, Default)]
struct Seen {
    number: i64,
    micros: i64,
    revocations: u64,
}

impl Mark {
    /// Reads the mark; a directory without one has seen nothing. Until it is dropped no database is put back here.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let presence = presence(folder)?;
        match presence.try_lock_shared() {
            Ok(()) => Self::with(folder, presence),
            Err(TryLockError::WouldBlock) => {
                bail!("a backup is being restored in {}; wait for its end", folder.display())
            }
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data directory"),
        }
    }

    /// The same for the one process that puts another database there.
    pub(crate) fn open_alone(folder: &Path) -> Result<Self> {
        let presence = presence(folder)?;
        match presence.try_lock() {
            Ok(()) => Self::with(folder, presence),
            Err(TryLockError::WouldBlock) => bail!(
                "another `sextant` command is at work in {}; wait for its end, or stop it",
                folder.display()
            ),
            Err(TryLockError::Error(error)) => Err(error).context("cannot lock the data directory"),
        }
    }

    fn with(folder: &Path, presence: File) -> Result<Self> {
        let path = folder.join(FILE);
        let seen = read(&path)?;
        let record = Record::open(folder, seen.revocations)?;
        // A revocation is written down before the mark that goes with it.
        let number = seen.number.max(record.highest());
        Ok(Self {
            folder: folder.to_owned(),
            path,
            number: AtomicI64::new(number),
            micros: AtomicI64::new(seen.micros),
            recorded: AtomicI64::new(record.complete()),
            written: Mutex::new(Written { number: seen.number, micros: seen.micros, record }),
            _presence: presence,
        })
    }

    /// Writes down what a restored database knows, of whatever number, and raises the mark.
    pub(crate) fn take_over(&self, number: i64, time: Time, revocations: &[Revocation]) -> Result<()> {
        self.write((number, time), |record, counted| record.append_missing(counted, revocations, number))
    }

    fn write(
        &self,
        (number, time): (i64, Time),
        append: impl FnOnce(&mut Record, u64) -> Result<()>,
    ) -> Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        self.number.fetch_max(number, Ordering::AcqRel);
        self.micros.fetch_max(time.micros(), Ordering::AcqRel);
        // Another process of this node may have seen more: between reading and replacing only one may be at it.
        let lock = self.path.with_extension("lock");
        let turn = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock)?;
        turn.lock()?;
        let seen = read(&self.path)?;
        let appended = append(&mut written.record, seen.revocations);
        self.recorded.store(written.record.complete(), Ordering::Release);
        let number = self.number.fetch_max(seen.number, Ordering::AcqRel).max(seen.number);
        let micros = self.micros.fetch_max(seen.micros, Ordering::AcqRel).max(seen.micros);
        let lines = written.record.lines().max(seen.revocations);
        let body = format!("{number} {} {lines}", Time::from_micros(micros));
        let line = format!("{body} {:08x}\n", checksum(&body));
        let draft = self.path.with_extension(std::process::id().to_string());
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&draft)?;
        file.write_all(line.as_bytes())?;
        file.sync_data()?;
        std::fs::rename(&draft, &self.path)?;
        File::open(&self.folder)?.sync_all()?;
        (written.number, written.micros) = (number, micros);
        appended
    }

    /// Whether all of it is on the disk: another thread may have written it down together with its own.
    fn has(&self, number: i64, time: Time, revocations: &[Revocation]) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let complete = written.record.complete();
        number <= written.number
            && time.micros() < written.micros.saturating_add(TIME_STEP)
            && revocations.iter().all(|revocation| revocation.number <= complete)
    }
}

impl HighWater for Mark {
    fn seen(&self) -> (i64, Time) {
        (self.number.load(Ordering::Acquire), Time::from_micros(self.micros.load(Ordering::Acquire)))
    }

    fn recorded(&self) -> i64 {
        self.recorded.load(Ordering::Acquire)
    }

    fn raise(&self, number: i64, time: Time, revocations: &[Revocation]) -> Result<(), String> {
        if self.has(number, time, revocations) {
            return Ok(());
        }
        self.write((number, time), |record, counted| record.append(counted, revocations, number))
            .map_err(|error| format!("{error:#}"))
    }

    fn revocations(&self) -> Result<Vec<Revocation>, String> {
        Record::all(&self.folder).map_err(|error| format!("{error:#}"))
    }
}

fn presence(folder: &Path) -> Result<File> {
    let path = folder.join(PRESENCE);
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))
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

/// Ends what this node knows was deleted and is in the database all the same, whatever its change number says.
pub(crate) async fn face_copies(sextant: &Sextant) -> Result<()> {
    let buried = sextant.bury_deleted().await?;
    if buried > 0 {
        tracing::warn!(
            keys = buried,
            "the database held keys that were deleted before: somebody put a copy of them there; they are deleted again"
        );
    }
    Ok(())
}

fn checksum(body: &str) -> u32 {
    crc32fast::hash(body.as_bytes())
}

fn read(path: &Path) -> Result<Seen> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Seen::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let read = || {
        let (body, sum) = text.trim_end().rsplit_once(' ')?;
        (u32::from_str_radix(sum, 16).ok()? == checksum(body)).then_some(())?;
        let mut fields = body.split(' ');
        let number = fields.next()?.parse().ok()?;
        let micros = Time::parse(fields.next()?).ok()?.micros();
        // Marks of before revocations were written down have no third field.
        let revocations = fields.next().map_or(Some(0), |lines| lines.parse().ok())?;
        fields.next().is_none().then_some(Seen { number, micros, revocations })
    };
    match read() {
        Some(seen) => Ok(seen),
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
    use crate::revocations;
    use sextant_core::revocation::RevocationKind;

    #[test]
    fn the_mark_only_rises_and_survives() {
        let folder = tempfile::tempdir().unwrap();
        let mark = Mark::open(folder.path()).unwrap();
        assert_eq!(mark.seen().0, 0);
        mark.raise(7, Time::parse("2026-01-02T00:00:00Z").unwrap(), &[]).unwrap();
        mark.raise(5, Time::parse("2026-01-01T00:00:00Z").unwrap(), &[]).unwrap();
        let again = Mark::open(folder.path()).unwrap();
        assert_eq!(again.seen(), (7, Time::parse("2026-01-02T00:00:00Z").unwrap()));
        // Two processes of one node: neither takes back what the other saw.
        mark.raise(9, Time::parse("2026-01-03T00:00:00Z").unwrap(), &[]).unwrap();
        again.raise(8, Time::parse("2026-01-04T00:00:00Z").unwrap(), &[]).unwrap();
        let third = Mark::open(folder.path()).unwrap();
        assert_eq!(third.seen(), (9, Time::parse("2026-01-04T00:00:00Z").unwrap()));
    }

    #[test]
    fn a_mark_that_was_edited_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Mark::open(folder.path()).unwrap().raise(70, Time::from_micros(0), &[]).unwrap();
        let path = folder.path().join(FILE);
        let edited = std::fs::read_to_string(&path).unwrap().replacen("70", "10", 1);
        std::fs::write(&path, edited).unwrap();
        assert!(Mark::open(folder.path()).is_err());
    }

    #[test]
    fn a_mark_from_before_revocations_were_counted_reads() {
        let folder = tempfile::tempdir().unwrap();
        let body = "7 2026-01-02T00:00:00.000Z";
        let text = format!("{body} {:08x}\n", checksum(body));
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let mark = Mark::open(folder.path()).unwrap();
        assert_eq!(mark.seen().0, 7);
        let deleted = Revocation { number: 8, kind: RevocationKind::Deleted, subject: "a".to_owned() };
        mark.raise(8, mark.seen().1, std::slice::from_ref(&deleted)).unwrap();
        drop(mark);
        std::fs::remove_file(folder.path().join(revocations::FILE)).unwrap();
        assert!(Mark::open(folder.path()).is_err(), "the line is counted");
    }

    #[test]
    fn nobody_restores_beside_others() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Mark::open(folder.path()).unwrap(), Mark::open(folder.path()).unwrap());
        assert!(Mark::open_alone(folder.path()).is_err());
        drop((one, two));
        let alone = Mark::open_alone(folder.path()).unwrap();
        assert!(Mark::open(folder.path()).is_err());
        drop(alone);
        assert!(Mark::open(folder.path()).is_ok());
    }
}
