//! Databases that are made beside their place and come there whole: a crash leaves the old one or the new one.

use anyhow::{Context, Result, bail};
use sextant_core::source::Clock;
use sextant_core::time::Time;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::output::Progress;

/// What a database keeps beside its file while it is open.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A database under way. Whatever was not put in its place is removed.
pub(crate) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Makes an empty file, for its owner only, in the place of one that an earlier try left behind.
    pub(crate) fn begin(path: PathBuf) -> Result<Self> {
        remove(&path)?;
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that it is on the disk and that nothing of it lies elsewhere. It must be closed.
    pub(crate) fn seal(&self) -> Result<()> {
        for companion in COMPANIONS {
            let beside = with_suffix(&self.path, companion);
            if beside.metadata().is_ok_and(|found| found.len() > 0) {
                bail!("{} was not closed", self.path.display());
            }
            remove_one(&beside)?;
        }
        File::open(&self.path)
            .and_then(|file| file.sync_all())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Puts it in its place: whoever looks there sees what was there before, or all of this.
    pub(crate) fn put(self, place: &Path) -> Result<()> {
        std::fs::rename(&self.path, place)
            .with_context(|| format!("cannot put the database at {}", place.display()))?;
        sync_folder(place)
    }

    /// Does something that fills it, and shows how far that is on a terminal.
    pub(crate) async fn filled<T>(&self, progress: &Progress, work: impl Future<Output = T>) -> T {
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = tick.tick() => progress.at(self.path.metadata().map_or(0, |found| found.len())),
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was put in its place there is nothing left to remove.
        let _ = remove(&self.path);
    }
}

/// Keeps the database that is at `place` under another name, which is answered, beside it. It must be closed.
pub(crate) fn keep(place: &Path, clock: &dyn Clock) -> Result<Option<PathBuf>> {
    if !place.metadata().is_ok_and(|found| found.len() > 0) {
        return Ok(None);
    }
    let kept = free_name(place, clock.now());
    let keep = |from: &Path, to: &Path| {
        std::fs::hard_link(from, to)
            .or_else(|_| std::fs::copy(from, to).and_then(|_| File::open(to)?.sync_all()))
            .with_context(|| format!("cannot keep the database as {}", to.display()))
    };
    let log = with_suffix(place, COMPANIONS[0]);
    if log.metadata().is_ok_and(|found| found.len() > 0) {
        keep(&log, &with_suffix(&kept, COMPANIONS[0]))?;
    }
    keep(place, &kept)?;
    sync_folder(place)?;
    // What belongs to the old file must not be taken for the new one's.
    for companion in COMPANIONS {
        remove_one(&with_suffix(place, companion))?;
    }
    sync_folder(place)?;
    Ok(Some(kept))
}

fn free_name(place: &Path, now: Time) -> PathBuf {
    let time: String = now.to_string().chars().take(19).filter(|sign| !matches!(sign, '-' | ':')).collect();
    let name = with_suffix(place, &format!(".before-restore-{time}"));
    let numbered = (2..).map(|number| with_suffix(&name, &format!("-{number}")));
    std::iter::once(name.clone()).chain(numbered).find(|path| !path.exists()).unwrap_or(name)
}

/// A path with something behind its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether two names are one file.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| path.metadata().ok().map(|found| (found.dev(), found.ino()));
    identity(one).is_some_and(|found| identity(other) == Some(found))
        || crate::data::resolved(one) == crate::data::resolved(other)
}

fn remove(path: &Path) -> Result<()> {
    remove_one(path)?;
    COMPANIONS.into_iter().try_for_each(|companion| remove_one(&with_suffix(path, companion)))
}

fn remove_one(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn sync_folder(place: &Path) -> Result<()> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot write {} down", folder.display()))
}
