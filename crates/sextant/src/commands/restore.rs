//! `sextant restore`: a backup in the place of the data, without giving back what was taken away since.

use crate::config::Config;
use crate::data::{self, Absent};
use crate::draft::{self, Draft, with_suffix};
use crate::flags::OutputFlags;
use crate::high_water::Mark;
use crate::master_key::{KEY_VARIABLE, Place};
use crate::output::{self, Progress};
use crate::wiring::System;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use sextant_core::access::{Housekeeping, Permit, Scope};
use sextant_core::id::KeyId;
use sextant_core::key::MasterKey;
use sextant_core::source::{Clock, HighWater, KeyHome};
use sextant_service::{LEASE, Restored, Since, hold_against};
use sextant_store::{Backup, Keys, LeaseRow, Standing, Store, StoreError, is_database_file};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// One restore.
struct Work<'a> {
    config: &'a Config,
    system: &'a System,
    file: &'a Path,
    master: MasterKey,
    place: Arc<Place>,
    mark: Mark,
    source: Store,
    backup: Backup,
    yes: bool,
}

pub(super) async fn run(
    config: &Config,
    system: &System,
    file: &Path,
    yes: bool,
    flags: OutputFlags,
) -> Result<ExitCode> {
    refuse_wrong_file(config, file)?;
    let place = Arc::new(Place::of(&config.data));
    let given = place.is_environment();
    // On a new machine the directory need not be there, if the key is.
    data::directory(&config.data, if given { Absent::Make } else { Absent::Refuse })?;
    let _locks = data::lock_for_serving(config)?;
    let mark = Mark::open_alone(&config.data)?;
    let master = place.given()?.ok_or_else(|| {
        anyhow!(
            "there is no master key in {}: put the `master.key` there that the backup was made with, or set {}",
            config.data.display(),
            KEY_VARIABLE
        )
    })?;
    let source = Store::open_backup(file, data::keys(&master, place.clone(), system))
        .await
        .map_err(|error| unreadable(file, &error))?;
    let backup = examined(&source, file, &master).await?;
    let work = Work { config, system, file, master, place, mark, source, backup, yes };
    let (restored, kept) =
        if config.is_shared() { (work.put_into_shared().await?, None) } else { work.put_into_file().await? };
    work.mark.take_over(restored.number, system.clock.now(), &restored.revocations).context(
        "the backup is in force, but what this node remembers could not be written; repeat the restore",
    )?;
    work.source.close().await;
    report(&work, &restored, kept.as_deref(), flags)?;
    if given {
        output::note(&format!(
            "the data belongs to the master key in {KEY_VARIABLE}: start the server with that key"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn refuse_wrong_file(config: &Config, file: &Path) -> Result<()> {
    if config.database_file().is_some_and(|database| draft::is_same(database, file)) {
        bail!("{} is the database itself, no backup of it", file.display());
    }
    if !is_database_file(file).with_context(|| format!("cannot read {}", file.display()))? {
        bail!("{} is no Sextant backup; `sextant backup FILE` makes one", file.display());
    }
    Ok(())
}

fn unreadable(file: &Path, error: &StoreError) -> anyhow::Error {
    anyhow!("{} is damaged: {error}", file.display())
}

/// What the file is, if it is sound, of this master key, and a backup.
async fn examined(source: &Store, file: &Path, master: &MasterKey) -> Result<Backup> {
    if let Some(damage) = source.damage().await.map_err(|error| unreadable(file, &error))? {
        bail!("{} is damaged: {damage}", file.display());
    }
    let Ok(Some(backup)) = source.backup().await else {
        bail!("{} is no Sextant backup; `sextant backup FILE` makes one", file.display());
    };
    let fingerprint = source.fingerprint().await?;
    if fingerprint.as_ref().is_some_and(|known| *known != master.fingerprint()) {
        bail!(
            "{} was made under another master key: its fingerprint is {}, that of the present one {}. Give the former key \
             in {} to restore it",
            file.display(),
            fingerprint.as_deref().unwrap_or("not known"),
            master.fingerprint(),
            KEY_VARIABLE
        );
    }
    Ok(backup)
}

impl Work<'_> {
    /// Builds the new database beside its place, from the backup and from what is known since.
    async fn build(&self, draft: &Draft, current: Option<&Standing>) -> Result<Restored> {
        let progress =
            Progress::new("restoring", self.file.metadata().ok().map(|found| found.len()), self.clock());
        let cannot = || format!("cannot write {}", draft.path().display());
        draft.filled(&progress, self.source.copy_into(draft.path())).await.with_context(cannot)?;
        let store = Store::open_draft(draft.path(), self.keys()).await.map_err(|error| match error {
            StoreError::Newer => anyhow!(
                "{} was made by a newer version of Sextant ({}); use that version or a newer one",
                self.file.display(),
                self.backup.version
            ),
            other => anyhow!(other).context(cannot()),
        })?;
        let since = self.since(current)?;
        let restored = hold_against(&store, &self.backup, &since, self.system.clock.now()).await;
        store.close().await;
        let restored = restored.with_context(cannot)?;
        draft.seal()?;
        Ok(restored)
    }

    fn since(&self, current: Option<&Standing>) -> Result<Since> {
        let mut revocations = self.mark.revocations().map_err(|problem| anyhow!(problem))?;
        revocations.extend(current.iter().flat_map(|standing| standing.revocations.iter().cloned()));
        let seen = current.map_or(0, |standing| standing.number);
        Ok(Since { seen: seen.max(self.mark.seen().0).max(self.backup.number), revocations })
    }

    async fn put_into_file(&self) -> Result<(Restored, Option<PathBuf>)> {
        let place = data::resolved(self.config.database_file().unwrap_or(Path::new("")));
        let current = self.current_file(&place).await?;
        let draft = Draft::begin(with_suffix(&place, ".restoring"))?;
        let restored = self.build(&draft, current.as_ref()).await?;
        let kept = draft::keep(&place, &*self.system.clock)?;
        draft.put(&place)?;
        Ok((restored, kept))
    }

    /// What is in the file that is to be replaced, which is closed and whole afterwards.
    async fn current_file(&self, place: &Path) -> Result<Option<Standing>> {
        if !place.metadata().is_ok_and(|found| found.len() > 0) {
            return Ok(None);
        }
        let here = self.config.location.describe();
        let opened = Store::open_as_is(place, self.keys()).await;
        let standing = match opened {
            Ok(store) => {
                let standing = store.standing().await;
                let settled = store.settle().await;
                store.close().await;
                if let (Ok(_), Ok(false)) = (&standing, &settled) {
                    bail!("another program has {here} open; end it first");
                }
                standing
            }
            Err(error) => Err(error),
        };
        match standing {
            Ok(standing) => {
                self.confirm(&standing)?;
                Ok(Some(standing))
            }
            Err(error @ StoreError::Unavailable(_)) => {
                Err(error).with_context(|| format!("cannot open {here}"))
            }
            Err(error) => {
                output::note(&format!(
                    "warning: {here} cannot be read ({error}); of what was taken away since the backup only that counts \
                     which stands in {}",
                    self.config.data.join(crate::revocations::FILE).display()
                ));
                output::confirm(&format!("Replace {here}?"), self.yes)?;
                Ok(None)
            }
        }
    }

    async fn put_into_shared(&self) -> Result<Restored> {
        let here = self.config.location.describe();
        let store = self.shared().await.with_context(|| format!("cannot open {here}"))?;
        let done = self.refill(&store).await;
        store.close().await;
        done
    }

    /// The database that is to be refilled. It may have gone on to another master key since the backup.
    async fn shared(&self) -> Result<Store> {
        let location = &self.config.location;
        let opened = Store::open(location, self.keys()).await;
        let Err(StoreError::OtherKey(fingerprint)) = &opened else { return Ok(opened?) };
        let file = Place::file_of(&self.config.data);
        let Some(later) = file.read().into_iter().find(|found| found.fingerprint() == *fingerprint) else {
            bail!(
                "what is in it belongs to another master key (its fingerprint is {fingerprint}); put that key into {} for \
                 the restore, or empty the database first",
                file.file().display()
            );
        };
        Ok(Store::open(location, data::keys(&later, Arc::new(file), self.system)).await?)
    }

    fn keys(&self) -> Keys<'_> {
        data::keys(&self.master, self.place.clone(), self.system)
    }

    async fn refill(&self, store: &Store) -> Result<Restored> {
        let leases = self.dead_leases(store).await?;
        let current = store.standing().await?;
        if current.number > 0 || current.keys > 0 {
            self.confirm(&current)?;
        }
        let draft = Draft::begin(self.config.data.join("restoring.db"))?;
        let restored = self.build(&draft, Some(&current)).await?;
        let filled = Store::open_backup(draft.path(), self.keys()).await?;
        let progress = Progress::new("writing rows", None, self.clock());
        let permit: Permit<Housekeeping> = Permit::system("a restored backup", Scope::Account);
        let written = async {
            let mut tx = store.begin(permit, self.system.clock.now()).await?;
            tx.refill(&filled, (current.number, &leases), &|rows| progress.at(rows)).await?;
            tx.commit(Vec::new()).await
        };
        let written = written.await;
        filled.close().await;
        written.with_context(|| format!("cannot restore into {}", self.config.location.describe()))?;
        Ok(restored)
    }

    /// The leases of servers that are gone; an error if one of them is seen to be renewed.
    async fn dead_leases(&self, store: &Store) -> Result<Vec<LeaseRow>> {
        let first = store.leases().await?;
        if first.is_empty() {
            return Ok(first);
        }
        output::note("a server has served from this database; waiting to see whether it still does");
        let began = self.system.clock.monotonic();
        while self.system.clock.monotonic().saturating_sub(began) < LEASE + LEASE / 4 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let now = store.leases().await?;
            let is_held = |lease: &LeaseRow| first.iter().all(|before| before != lease);
            if now.iter().any(is_held) {
                bail!(
                    "a server serves from {}; stop every server of this database first",
                    self.config.location.describe()
                );
            }
        }
        Ok(store.leases().await?)
    }

    fn confirm(&self, current: &Standing) -> Result<()> {
        let question = format!(
            "Replace {} ({} keys, change {}) by the backup of {} ({} keys, change {})?",
            self.config.location.describe(),
            current.keys,
            current.number,
            self.backup.taken_at,
            self.backup.keys,
            self.backup.number
        );
        output::confirm(&question, self.yes)
    }

    fn clock(&self) -> std::sync::Arc<dyn Clock> {
        self.system.clock.clone()
    }
}

fn report(work: &Work<'_>, restored: &Restored, kept: Option<&Path>, flags: OutputFlags) -> Result<()> {
    let named = |keys: &[(KeyId, String)]| -> Vec<Value> {
        keys.iter().map(|(id, name)| json!({"id": id.to_string(), "name": name})).collect()
    };
    let done = json!({
        "file": work.file.display().to_string(),
        "takenAt": work.backup.taken_at.to_string(),
        "backupChangeNumber": work.backup.number,
        "changeNumber": restored.number,
        "keys": restored.keys,
        "keysDeleted": named(&restored.deleted),
        "keysDisabled": named(&restored.disabled),
        "usersDeactivated": restored.deactivated,
        "usersLeftActive": restored.left_active,
        "previousDatabase": kept.map(|path| path.display().to_string()),
    });
    flags.print(&done, |done| {
        let mut shown = done.clone();
        for list in ["keysDeleted", "keysDisabled"] {
            let keys = done[list].as_array().into_iter().flatten();
            shown[list] = keys.map(|key| format!("{} ({})", text(&key["name"]), text(&key["id"]))).collect();
        }
        output::fields(&shown)
    })?;
    if !restored.disabled.is_empty() {
        output::note(
            "keys that were disabled, narrowed or rotated after the backup are switched off; look at each before `sextant \
             keys enable`",
        );
    }
    if !restored.left_active.is_empty() {
        output::note(
            "warning: people who lost something after the backup may sign in all the same, since nobody else could manage \
             people: look at their roles and passwords first",
        );
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
