//! `sextant backup`: everything as of one moment, in one file.

use crate::config::Config;
use crate::data::{self, Absent};
use crate::draft::{self, Draft, with_suffix};
use crate::flags::OutputFlags;
use crate::output::{self, Progress};
use crate::usage;
use crate::wiring::System;
use anyhow::{Context, Result, bail};
use serde_json::json;
use sextant_core::source::Clock;
use std::path::Path;
use std::process::ExitCode;

/// What a data directory consists of, besides the database.
const OWN_FILES: [&str; 6] =
    ["master.key", "high-water", "high-water.lock", "revocations", "restore.lock", "lock"];

pub(super) async fn run(
    config: &Config,
    system: &System,
    file: &Path,
    force: bool,
    flags: OutputFlags,
) -> Result<ExitCode> {
    refuse_own(config, file)?;
    refuse_existing(file, force)?;
    let opened = data::open(config, system, Absent::Refuse).await?;
    let size = config.database_file().and_then(|path| path.metadata().ok()).map(|found| found.len());
    let progress = Progress::new("writing the backup", size, system.clock.clone());
    let draft = Draft::begin(with_suffix(file, &format!(".{}.draft", std::process::id())))?;
    let version = env!("CARGO_PKG_VERSION");
    let work = Box::pin(opened.store.back_up(draft.path(), system.clock.now(), version));
    let backup = draft.filled(&progress, work).await;
    drop(progress);
    opened.store.close().await;
    let backup = backup.with_context(|| format!("cannot write {}", file.display()))?;
    draft.seal()?;
    refuse_existing(file, force)?;
    draft.put(file)?;
    let done = json!({
        "file": file.display().to_string(),
        "size": file.metadata()?.len(),
        "takenAt": backup.taken_at.to_string(),
        "changeNumber": backup.number,
        "keys": backup.keys,
        "auditEntries": backup.audit_entries,
    });
    flags.print(&done, output::fields)?;
    Ok(ExitCode::SUCCESS)
}

fn refuse_existing(file: &Path, force: bool) -> Result<()> {
    match file.symlink_metadata() {
        Ok(found) if found.is_dir() => Err(usage(format!("{} is a folder; name a file", file.display()))),
        Ok(_) if !force => {
            bail!("{} is there already; name another file, or replace it with `--force`", file.display())
        }
        _ => Ok(()),
    }
}

/// The backup must not take the place of what it is a backup of.
fn refuse_own(config: &Config, file: &Path) -> Result<()> {
    let beside = |path: &Path| ["", "-wal", "-shm", "-journal"].map(|suffix| with_suffix(path, suffix));
    let own = OWN_FILES.map(|name| config.data.join(name));
    let mut database = config.database_file().into_iter().flat_map(beside);
    if own.iter().any(|path| draft::is_same(path, file)) || database.any(|path| draft::is_same(&path, file)) {
        return Err(usage(format!(
            "{} belongs to the installation itself; name another file for the backup",
            file.display()
        )));
    }
    Ok(())
}
