//! What the key ring is fed with: one snapshot, then changes by number; and the leases of those who are fed.

use crate::db::{Transactional, Value, args};
use crate::error::StoreError;
use crate::keys::{FormerSecret, networks_from, scopes_from};
use crate::{Store, Tx, usage};
use sextant_core::access::{Housekeeping, Project};
use sextant_core::id::{Identifier, KeyId, ProjectId};
use sextant_core::key::{KeyMac, PepperId};
use sextant_core::network::Networks;
use sextant_core::permission::PermissionSet;
use sextant_core::time::Time;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// How many keys are read at once: a few megabytes of text.
const PART: i64 = 16_384;
const PART_STEP: usize = 16_384;

/// All that verification needs to know of a key.
#[derive(Debug)]
pub struct RingRow {
    /// Its public part.
    pub id: KeyId,
    /// Its project.
    pub project: Arc<Project>,
    /// What it may do.
    pub permissions: PermissionSet,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Until when.
    pub expires_at: Option<Time>,
    /// How often.
    pub rate_per_minute: Option<u32>,
    /// From where.
    pub networks: Option<Networks>,
    /// The key that made it.
    pub parent: Option<KeyId>,
    /// The verifier of its secret.
    pub mac: KeyMac,
    /// Under which pepper.
    pub pepper: PepperId,
    /// How many secrets it has had.
    pub generation: i64,
    /// The number of its last change.
    pub change: i64,
    /// Secrets that were rotated out, newest first.
    pub former: Vec<FormerSecret>,
}

/// What a snapshot says besides the keys.
#[derive(Debug)]
pub struct RingSnapshot {
    /// The last change it contains.
    pub number: i64,
    /// All projects.
    pub projects: Vec<Arc<Project>>,
}

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Developer records or their mapping.
    Developers,
    /// Projects.
    Projects,
    /// The master key, or which of its peppers count. It has been taken over when this is handed out; verifiers that wait
    /// to be written down are to be written before this change counts as applied.
    MasterKey,
}

/// What happened since a number.
#[derive(Debug)]
pub enum Changes {
    /// All of it.
    Known {
        /// The last change.
        number: i64,
        /// Keys as they are now.
        keys: Vec<RingRow>,
        /// Keys that are gone.
        gone: Vec<KeyId>,
        /// What else changed.
        kinds: Vec<ChangeKind>,
        /// All projects, if one was added.
        projects: Option<Vec<Arc<Project>>>,
    },
    /// The number is older than what is retained, or newer than the database: load a snapshot.
    Behind,
}

/// A process that vouches for having applied changes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LeaseRow {
    /// The process.
    pub id: String,
    /// The last change it has applied.
    pub applied: i64,
    /// How often it has renewed.
    pub renewal: i64,
    /// For how long a renewal counts, in microseconds.
    pub valid_for: i64,
}

/// How a key was used since this was last written down.
#[derive(Clone, Debug)]
pub struct UsageDelta {
    /// The key.
    pub id: KeyId,
    /// Requests.
    pub requests: i64,
    /// The same by the hour, named by its beginning.
    pub hours: Vec<(Time, i64)>,
    /// The last one.
    pub at: Time,
    /// From where.
    pub address: String,
    /// By which program.
    pub user_agent: String,
}

/// One line of text for each key, so that a million keys come in a few dozen rows: reading row by row costs a hundred
/// times more than reading text.
macro_rules! line {
    () => {
        "id || ' ' || project_id || ' ' || cast(scope_set as text) || ' ' || mac || ' ' || cast(pepper as text) || ' ' || \
         cast(generation as text) || ' ' || cast(change_number as text) || ' ' || \
         case when enabled then '1' else '0' end || ' ' || coalesce(cast(expires_at as text), '-') || ' ' || \
         coalesce(cast(rate_per_minute as text), '-') || ' ' || coalesce(parent_id, '-') || ' ' || \
         coalesce(allowed_cidrs, '-')"
    };
}

/// The number of a line's last change.
fn change_of(line: &str) -> Option<i64> {
    line.split(' ').nth(6)?.parse().ok()
}

/// What is needed to read lines.
struct Reader {
    projects: HashMap<String, Arc<Project>>,
    scope_sets: HashMap<i64, PermissionSet>,
    former: HashMap<KeyId, Vec<FormerSecret>>,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<RingRow, StoreError> {
        self.fields(line).ok_or_else(|| {
            // The line holds a verifier: only the id is shown.
            StoreError::unreadable("key", line.split(' ').next().unwrap_or_default())
        })
    }

    fn fields(&mut self, line: &str) -> Option<RingRow> {
        let mut fields = line.split(' ');
        let mut next = || fields.next();
        let id = KeyId::parse(next()?)?;
        let project = self.projects.get(next()?)?.clone();
        let permissions = *self.scope_sets.get(&next()?.parse().ok()?)?;
        let mac = KeyMac::from_hex(next()?)?;
        let pepper = PepperId(next()?.parse().ok()?);
        let generation = next()?.parse().ok()?;
        let change = next()?.parse().ok()?;
        let enabled = next()? == "1";
        let optional = |text: &str| if text == "-" { Some(None) } else { text.parse::<i64>().ok().map(Some) };
        let expires_at = optional(next()?)?.map(Time::from_micros);
        let rate_per_minute = optional(next()?)?.and_then(|rate| u32::try_from(rate).ok());
        let parent = match next()? {
            "-" => None,
            id => Some(KeyId::parse(id)?),
        };
        let networks = match next()? {
            "-" => None,
            text => Some(networks_from(text).ok()?),
        };
        let former = self.former.remove(&id).unwrap_or_default();
        Some(RingRow {
            id,
            project,
            permissions,
            enabled,
            expires_at,
            rate_per_minute,
            networks,
            parent,
            mac,
            pepper,
            generation,
            change,
            former,
        })
    }
}

type FormerRow = (String, i64, String, i64, i64, bool);

fn former_secrets(rows: Vec<FormerRow>) -> Result<HashMap<KeyId, Vec<FormerSecret>>, StoreError> {
    let mut former: HashMap<KeyId, Vec<FormerSecret>> = HashMap::new();
    for (key, generation, mac, pepper, valid_until, ends_on_first_use) in rows {
        let id = KeyId::parse(&key).ok_or_else(|| StoreError::unreadable("key id", &key))?;
        former.entry(id).or_default().push(FormerSecret {
            generation,
            mac: KeyMac::from_hex(&mac).ok_or_else(|| StoreError::unreadable("verifier of", &key))?,
            pepper: PepperId(u16::try_from(pepper).map_err(|_| StoreError::unreadable("pepper of", &key))?),
            valid_until: Time::from_micros(valid_until),
            ends_on_first_use,
        });
    }
    Ok(former)
}

async fn projects(tx: &mut Transactional) -> Result<Vec<Arc<Project>>, StoreError> {
    let rows: Vec<(String, String, String)> =
        tx.all("select id, organization, identifier from projects order by id", Vec::new()).await?;
    rows.into_iter()
        .map(|(id, organization, identifier)| {
            let read = |text: &str| {
                Identifier::parse(text).ok_or_else(|| StoreError::unreadable("identifier", text))
            };
            Ok(Arc::new(Project {
                id: ProjectId::new(id),
                organization: read(&organization)?,
                identifier: read(&identifier)?,
            }))
        })
        .collect()
}

async fn reader(tx: &mut Transactional, projects: &[Arc<Project>]) -> Result<Reader, StoreError> {
    let sets: Vec<(i64, String)> = tx.all("select id, scopes from scope_sets", Vec::new()).await?;
    Ok(Reader {
        projects: projects.iter().map(|project| (project.id.to_string(), project.clone())).collect(),
        scope_sets: sets
            .into_iter()
            .map(|(id, scopes)| Ok((id, scopes_from(&scopes)?)))
            .collect::<Result<_, StoreError>>()?,
        former: HashMap::new(),
    })
}

async fn counter(tx: &mut Transactional) -> Result<i64, StoreError> {
    let (number,): (i64,) = tx.one("select number from change_counter where id = 1", Vec::new()).await?;
    Ok(number)
}

impl Store {
    /// The number of the last change.
    pub async fn change_number(&self) -> Result<i64, StoreError> {
        let row: Option<(i64,)> =
            self.db.optional("select number from change_counter where id = 1", Vec::new()).await?;
        row.map(|(number,)| number)
            .ok_or_else(|| StoreError::Broken("the change counter is missing".to_owned()))
    }

    /// Hands every key that has not changed since the number that is answered to `take`. What was committed meanwhile comes
    /// by following the changes from that number on.
    pub async fn ring_snapshot(
        &self,
        mut take: impl FnMut(RingRow) + Send,
    ) -> Result<RingSnapshot, StoreError> {
        let mut tx = self.db.snapshot().await?;
        let number = counter(&mut tx).await?;
        self.keeping.follow(&mut tx).await?;
        let (last,): (Option<i64>,) =
            tx.one("select cast(max(ordinal) as bigint) from api_keys", Vec::new()).await?;
        let projects = projects(&mut tx).await?;
        let mut reader = reader(&mut tx, &projects).await?;
        reader.former = former_secrets(
            tx.all(
                "select key_id, generation, mac, pepper, valid_until, ends_on_first_use
                 from api_key_former_secrets order by key_id, generation desc",
                Vec::new(),
            )
            .await?,
        )?;
        tx.commit().await?;
        // The next part is fetched while this one is read.
        let mut bounds = (0..last.unwrap_or(0)).step_by(PART_STEP);
        let mut ahead = bounds.next().map(|low| self.part(low));
        while let Some(fetch) = ahead.take() {
            let text = fetch.await.map_err(|error| StoreError::Broken(error.to_string()))??;
            ahead = bounds.next().map(|low| self.part(low));
            for line in text.split_terminator(';') {
                // What was committed since is not read here: it may name projects that were not there yet.
                if change_of(line).is_some_and(|change| change <= number) {
                    take(reader.read(line)?);
                }
            }
        }
        Ok(RingSnapshot { number, projects })
    }

    /// The lines of the keys after one ordinal, fetched beside whatever the caller does.
    fn part(&self, low: i64) -> JoinHandle<Result<String, StoreError>> {
        let db = self.db.clone();
        let high = low + PART;
        self.db.beside(async move {
            let text: Option<(Option<String>,)> = db
                .optional(
                    concat!(
                        "select string_agg(",
                        line!(),
                        ", ';') from api_keys where ordinal > $1 and ordinal <= $2"
                    ),
                    args![low, high],
                )
                .await?;
            Ok(text.and_then(|(text,)| text).unwrap_or_default())
        })
    }

    /// What happened after change number `after`, all from one moment.
    pub async fn changes_since(&self, after: i64) -> Result<Changes, StoreError> {
        let mut tx = self.db.snapshot().await?;
        let number = counter(&mut tx).await?;
        let (oldest,): (Option<i64>,) = tx.one("select min(number) from changes", Vec::new()).await?;
        if number < after || (number > after && oldest.is_none_or(|oldest| oldest > after + 1)) {
            return Ok(Changes::Behind);
        }
        let rows: Vec<(String, String)> =
            tx.all("select distinct kind, subject_id from changes where number > $1", args![after]).await?;
        let mut ids: Vec<Value> = Vec::new();
        let mut gone = Vec::new();
        let mut kinds = Vec::new();
        for (kind, subject) in rows {
            match kind.as_str() {
                "key" => ids.push(subject.into()),
                "key-deleted" => gone.extend(KeyId::parse(&subject)),
                "developers" => kinds.push(ChangeKind::Developers),
                "project" => kinds.push(ChangeKind::Projects),
                "master-key" => kinds.push(ChangeKind::MasterKey),
                _ => {}
            }
        }
        // Keys that were made under a new pepper come with it: it must be there before they are.
        if kinds.contains(&ChangeKind::MasterKey) {
            self.keeping.follow(&mut tx).await?;
        }
        let projects =
            if ids.is_empty() && kinds.is_empty() { Vec::new() } else { projects(&mut tx).await? };
        let mut keys = Vec::with_capacity(ids.len());
        if !ids.is_empty() {
            let mut reader = reader(&mut tx, &projects).await?;
            reader.former = former_secrets(
                tx.all_in(
                    "select key_id, generation, mac, pepper, valid_until, ends_on_first_use
                     from api_key_former_secrets where key_id in",
                    Vec::new(),
                    ids.clone(),
                )
                .await?,
            )?;
            reader.former.values_mut().for_each(|list| list.sort_by_key(|secret| -secret.generation));
            let lines: Vec<(String,)> =
                tx.all_in(concat!("select ", line!(), " from api_keys where id in"), Vec::new(), ids).await?;
            for (line,) in lines {
                keys.push(reader.read(&line)?);
            }
        }
        let projects = kinds.contains(&ChangeKind::Projects).then_some(projects);
        Ok(Changes::Known { number, keys, gone, kinds, projects })
    }

    /// All leases, run out or not: whether one lives is seen by whether it is renewed.
    pub async fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        self.db.all("select id, applied, renewal, valid_for from leases order by id", Vec::new()).await
    }
}

impl Tx<Housekeeping> {
    /// Takes a lease for a process that has applied every change up to `applied`.
    pub async fn take_lease(&mut self, lease: &LeaseRow) -> Result<(), StoreError> {
        let heir = self.keeping.announce(&lease.id, &self.secrets);
        self.inner
            .execute(
                "insert into leases (id, applied, renewal, valid_for, heir) values ($1, $2, $3, $4, $5)",
                args![&lease.id, lease.applied, lease.renewal, lease.valid_for, heir],
            )
            .await?;
        Ok(())
    }

    /// Renews a lease. `false` if somebody has ended it: then nothing that this process knows counts any more.
    pub async fn renew_lease(&mut self, id: &str, applied: i64) -> Result<bool, StoreError> {
        let heir = self.keeping.announce(id, &self.secrets);
        let touched = self
            .inner
            .execute(
                "update leases set applied = $2, renewal = renewal + 1, heir = $3 where id = $1",
                args![id, applied, heir],
            )
            .await?;
        Ok(touched > 0)
    }

    /// Ends a lease that was seen not to be renewed. `false` if it has been by now, or is not there.
    pub async fn end_lease(&mut self, id: &str, renewal: i64) -> Result<bool, StoreError> {
        let touched = self
            .inner
            .execute("delete from leases where id = $1 and renewal = $2", args![id, renewal])
            .await?;
        Ok(touched > 0)
    }

    /// Gives one's own lease back, at a clean stop.
    pub async fn return_lease(&mut self, id: &str) -> Result<(), StoreError> {
        self.inner.execute("delete from leases where id = $1", args![id]).await?;
        Ok(())
    }

    /// Ends the leases of a node, whose names begin with its own: only for the process that holds the node's lock.
    pub async fn end_leases_of(&mut self, node: &str) -> Result<(), StoreError> {
        self.inner
            .execute("delete from leases where substr(id, 1, length($1)) = $1", args![format!("{node}-")])
            .await?;
        Ok(())
    }

    /// Ends every lease: only for the one process that holds the file's lock.
    pub async fn end_all_leases(&mut self) -> Result<(), StoreError> {
        self.inner.execute("delete from leases", Vec::new()).await?;
        Ok(())
    }

    /// Takes the number of a batch of usage for a process. `false` if it was taken before: that batch was written.
    pub async fn take_usage_batch(&mut self, process: &str, number: i64) -> Result<bool, StoreError> {
        let now = self.now().micros();
        let taken = self
            .inner
            .execute(
                "insert into usage_batches (process, number, at) values ($1, $2, $3)
                 on conflict (process) do update set number = excluded.number, at = excluded.at
                     where usage_batches.number < excluded.number",
                args![process, number, now],
            )
            .await?;
        Ok(taken > 0)
    }

    /// Adds to the keys' usage; the later use wins for where and by what.
    pub async fn add_usage(&mut self, mut deltas: Vec<UsageDelta>) -> Result<(), StoreError> {
        // The same order everywhere, so that two processes never wait for each other in a circle.
        deltas.sort_by_key(|delta| delta.id);
        let hours = usage::hour_rows(&deltas);
        let rows = deltas
            .into_iter()
            .map(|delta| {
                args![delta.id.as_str(), delta.requests, delta.at.micros(), delta.address, delta.user_agent]
            })
            .collect();
        self.inner
            .insert_many(
                "insert into api_key_usage (key_id, request_count, last_used_at, last_used_address, last_used_user_agent) \
                 values",
                rows,
                "on conflict (key_id) do update set request_count = api_key_usage.request_count + excluded.request_count, \
                 last_used_address = case when excluded.last_used_at >= api_key_usage.last_used_at \
                     then excluded.last_used_address else api_key_usage.last_used_address end, \
                 last_used_user_agent = case when excluded.last_used_at >= api_key_usage.last_used_at \
                     then excluded.last_used_user_agent else api_key_usage.last_used_user_agent end, \
                 last_used_at = case when excluded.last_used_at >= api_key_usage.last_used_at \
                     then excluded.last_used_at else api_key_usage.last_used_at end",
            )
            .await?;
        // After the keys' own rows, as where keys are deleted: nobody waits for another in a circle.
        self.add_usage_hours(hours).await
    }

    /// Clears what has run out: changes that everyone has long applied, remembered requests, sessions, links.
    pub async fn sweep(&mut self, changes_before: Time, requests_before: Time) -> Result<(), StoreError> {
        let now = self.now().micros();
        // The newest change stays, so that a gap can be told from an idle time.
        self.inner
            .execute(
                "delete from changes where at < $1 and number < (select number from change_counter where id = 1)",
                args![changes_before.micros()],
            )
            .await?;
        self.inner
            .execute("delete from idempotent_requests where created_at < $1", args![requests_before.micros()])
            .await?;
        // Of a process that has written nothing for so long, nothing is under way.
        self.inner
            .execute("delete from usage_batches where at < $1", args![requests_before.micros()])
            .await?;
        self.inner.execute("delete from sessions where expires_at < $1", args![now]).await?;
        self.inner.execute("delete from setup_links where expires_at < $1", args![now]).await?;
        self.sweep_usage_hours().await
    }
}
