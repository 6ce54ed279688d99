//! Keys as records: what lists show and what changes. What verification needs of them is in `ring.rs`.

mod list;

pub(crate) use list::pattern;
pub use list::{KeyFilter, KeyOrder};

use crate::db::{Value, args};
use crate::error::StoreError;
use crate::{Store, Tx};
use sextant_core::id::{KeyId, ProjectId};
use sextant_core::key::{KeyMac, PepperId};
use sextant_core::network::Networks;
use sextant_core::permission::action::ApiKeysWrite;
use sextant_core::permission::{KeyRole, Permission, PermissionSet};
use sextant_core::power::Power;
use sextant_core::revocation::RevocationKind;
use sextant_core::time::Time;

/// The end of a secret that a change has ended: before whatever a clock shows, however far behind it is.
const ENDED: i64 = 0;

/// A key with everything that may be shown of it.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// Its public part.
    pub id: KeyId,
    /// Its project.
    pub project_id: ProjectId,
    /// Its name, unique in the project without regard to case.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The role it was made with.
    pub role: KeyRole,
    /// What it may do, from where, until when, how often.
    pub power: Power,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Time,
    /// `USER`, `API_KEY` or `SYSTEM`.
    pub created_by_type: String,
    /// Id of whoever made it.
    pub created_by_id: String,
    /// Their name at that time.
    pub created_by_name: String,
    /// The key that made it.
    pub parent: Option<KeyId>,
    /// When it last got a new secret.
    pub rotated_at: Option<Time>,
    /// Until when the secret before lives; `None` if it does not.
    pub previous_valid_until: Option<Time>,
    /// When it was last used, as far as written down.
    pub last_used_at: Option<Time>,
    /// From where.
    pub last_used_address: Option<String>,
    /// By which program.
    pub last_used_user_agent: Option<String>,
    /// How often it was used, as far as written down.
    pub request_count: i64,
    /// How many secrets it has had, from 1.
    pub generation: i64,
}

/// A key to be stored.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// Its public part.
    pub id: KeyId,
    /// Its project.
    pub project_id: ProjectId,
    /// Its name.
    pub name: String,
    /// The name for comparing.
    pub name_folded: String,
    /// What it is for.
    pub description: String,
    /// Its role.
    pub role: KeyRole,
    /// What it may do.
    pub power: Power,
    /// The key that makes it.
    pub parent: Option<KeyId>,
    /// Its verifier.
    pub mac: KeyMac,
    /// Under which pepper.
    pub pepper: PepperId,
}

/// A secret that was rotated out.
#[derive(Clone, Debug)]
pub struct FormerSecret {
    /// Which of the key's secrets it was.
    pub generation: i64,
    /// Its verifier.
    pub mac: KeyMac,
    /// Under which pepper.
    pub pepper: PepperId,
    /// Until when it lives.
    pub valid_until: Time,
    /// Whether the first use of the new secret ends it.
    pub ends_on_first_use: bool,
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    id: String,
    project_id: String,
    name: String,
    description: String,
    role: String,
    scopes: String,
    enabled: bool,
    created_at: i64,
    created_by_type: String,
    created_by_id: String,
    created_by_name: String,
    parent_id: Option<String>,
    expires_at: Option<i64>,
    allowed_cidrs: Option<String>,
    rate_per_minute: Option<i64>,
    rotated_at: Option<i64>,
    previous_valid_until: Option<i64>,
    generation: i64,
    request_count: Option<i64>,
    last_used_at: Option<i64>,
    last_used_address: Option<String>,
    last_used_user_agent: Option<String>,
}

/// Everything that is shown of keys, and what it is read from besides the keys.
macro_rules! shown {
    () => {
        "select k.id, k.project_id, k.name, k.description, k.role, s.scopes, k.enabled, k.created_at, \
     k.created_by_type, k.created_by_id, k.created_by_name, k.parent_id, k.expires_at, k.allowed_cidrs, \
     k.rate_per_minute, k.rotated_at, f.valid_until as previous_valid_until, k.generation, u.request_count, \
     u.last_used_at, u.last_used_address, u.last_used_user_agent "
    };
}
macro_rules! beside_keys {
    () => {
        "join scope_sets s on s.id = k.scope_set \
     left join api_key_usage u on u.key_id = k.id \
     left join api_key_former_secrets f on f.key_id = k.id and f.generation = k.generation - 1 "
    };
}
const SHOWN: &str = shown!();
const BESIDE_KEYS: &str = beside_keys!();

impl TryFrom<KeyRow> for KeyRecord {
    type Error = StoreError;

    fn try_from(row: KeyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: KeyId::parse(&row.id).ok_or_else(|| StoreError::unreadable("key id", &row.id))?,
            project_id: ProjectId::new(row.project_id),
            name: row.name,
            description: row.description,
            role: KeyRole::parse(&row.role).ok_or_else(|| StoreError::unreadable("role", &row.role))?,
            power: Power {
                permissions: scopes_from(&row.scopes)?,
                networks: row.allowed_cidrs.as_deref().map(networks_from).transpose()?,
                expires_at: row.expires_at.map(Time::from_micros),
                rate_per_minute: row.rate_per_minute.and_then(|rate| u32::try_from(rate).ok()),
            },
            enabled: row.enabled,
            created_at: Time::from_micros(row.created_at),
            created_by_type: row.created_by_type,
            created_by_id: row.created_by_id,
            created_by_name: row.created_by_name,
            parent: row.parent_id.as_deref().and_then(KeyId::parse),
            rotated_at: row.rotated_at.map(Time::from_micros),
            previous_valid_until: row
                .previous_valid_until
                .filter(|until| *until != ENDED)
                .map(Time::from_micros),
            last_used_at: row.last_used_at.map(Time::from_micros),
            last_used_address: row.last_used_address.filter(|text| !text.is_empty()),
            last_used_user_agent: row.last_used_user_agent.filter(|text| !text.is_empty()),
            request_count: row.request_count.unwrap_or(0),
            generation: row.generation,
        })
    }
}

/// The stored form of a set: names in the table's order, with one space between.
pub(crate) fn scopes_text(set: PermissionSet) -> String {
    set.iter().map(Permission::name).collect::<Vec<_>>().join(" ")
}

pub(crate) fn scopes_from(text: &str) -> Result<PermissionSet, StoreError> {
    text.split_ascii_whitespace()
        .map(|name| Permission::parse(name).ok_or_else(|| StoreError::unreadable("permission", name)))
        .collect()
}

pub(crate) fn networks_from(text: &str) -> Result<Networks, StoreError> {
    let entries: Vec<&str> = text.split(',').collect();
    Networks::parse(&entries).map_err(|_| StoreError::unreadable("networks", text))
}

fn networks_text(power: &Power) -> Option<String> {
    power.networks.as_ref().map(|networks| networks.to_texts().join(","))
}

impl Store {
    /// One key of a project.
    pub async fn key(&self, project: &ProjectId, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let row: Option<KeyRow> =
            self.db.optional(KEY_OF_PROJECT, args![project.as_str(), id.as_str()]).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// The keys with these ids.
    pub(crate) async fn keys_by_id(&self, ids: Vec<Value>) -> Result<Vec<KeyRecord>, StoreError> {
        let head = concat!(shown!(), "from api_keys k ", beside_keys!(), "where k.id in");
        let rows: Vec<KeyRow> = self.db.all_in(head, Vec::new(), ids).await?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many keys there are in a project.
    pub async fn key_count(&self) -> Result<i64, StoreError> {
        let count: Option<(i64,)> = self.db.optional("select count(*) from api_keys", Vec::new()).await?;
        Ok(count.map_or(0, |(count,)| count))
    }
}

impl Tx<ApiKeysWrite> {
    /// One key of a project, as this change sees it. The counter's row is taken first, so that no other change of a
    /// key comes between.
    pub async fn key(&mut self, project: &ProjectId, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.change_number().await?;
        let row: Option<KeyRow> =
            self.inner.optional(KEY_OF_PROJECT, args![project.as_str(), id.as_str()]).await?;
        row.map(TryInto::try_into).transpose()
    }

    /// Stores new keys. [`StoreError::Taken`] if a name is in use.
    pub async fn insert_keys(&mut self, keys: Vec<NewKey>) -> Result<(), StoreError> {
        let number = self.change_number().await?;
        let (author_type, author_id, author_name) = self.author().await?;
        let now = self.now().micros();
        let mut rows = Vec::with_capacity(keys.len());
        let mut announced = Vec::with_capacity(keys.len());
        let mut known: Option<(PermissionSet, i64)> = None;
        let (mut ordinal,): (i64,) = self
            .inner
            .one("select cast(coalesce(max(ordinal), 0) as bigint) from api_keys", Vec::new())
            .await?;
        for key in keys {
            let set = match known {
                Some((scopes, set)) if scopes == key.power.permissions => set,
                _ => self.scope_set(key.power.permissions).await?,
            };
            known = Some((key.power.permissions, set));
            announced.push(args![number, "key", key.id.as_str(), now]);
            ordinal += 1;
            rows.push(args![
                ordinal,
                key.project_id.as_str(),
                key.id.as_str(),
                key.name,
                key.name_folded,
                key.description,
                key.role.name(),
                set,
                true,
                now,
                author_type,
                &author_id,
                &author_name,
                key.parent.as_ref().map(KeyId::as_str),
                key.power.expires_at.map(Time::micros),
                networks_text(&key.power),
                key.power.rate_per_minute.map(i64::from),
                None::<i64>,
                key.mac.to_hex(),
                i64::from(key.pepper.0),
                1,
                number,
            ]);
        }
        self.inner
            .insert_many(
                "insert into api_keys (ordinal, project_id, id, name, name_folded, description, role, scope_set, enabled, created_at, \
                 created_by_type, created_by_id, created_by_name, parent_id, expires_at, allowed_cidrs, rate_per_minute, \
                 rotated_at, mac, pepper, generation, change_number) values",
                rows,
                "",
            )
            .await?;
        self.inner
            .insert_many(
                "insert into changes (number, kind, subject_id, at) values",
                announced,
                "on conflict do nothing",
            )
            .await
    }

    async fn scope_set(&mut self, scopes: PermissionSet) -> Result<i64, StoreError> {
        let text = scopes_text(scopes);
        let (id,): (i64,) = self
            .inner
            .one(
                "insert into scope_sets (id, scopes) values ((select coalesce(max(id), 0) + 1 from scope_sets), $1)
                 on conflict (scopes) do update set scopes = excluded.scopes returning id",
                args![text],
            )
            .await?;
        Ok(id)
    }

    /// Writes a key's changed fields: name, description, whether it is on, and its power.
    pub async fn update_key(
        &mut self,
        before: &KeyRecord,
        key: &KeyRecord,
        name_folded: &str,
    ) -> Result<(), StoreError> {
        if (before.enabled && !key.enabled) || before.power != key.power {
            self.revoke(RevocationKind::Reduced, [key.id.as_str()]).await?;
        }
        let set = self.scope_set(key.power.permissions).await?;
        let number = self.announce("key", key.id.as_str()).await?;
        self.inner
            .execute(
                "update api_keys set name = $2, name_folded = $3, description = $4, enabled = $5, scope_set = $6,
                     expires_at = $7, allowed_cidrs = $8, rate_per_minute = $9, change_number = $10 where id = $1",
                args![
                    key.id.as_str(),
                    &key.name,
                    name_folded,
                    &key.description,
                    key.enabled,
                    set,
                    key.power.expires_at.map(Time::micros),
                    networks_text(&key.power),
                    key.power.rate_per_minute.map(i64::from),
                    number,
                ],
            )
            .await?;
        Ok(())
    }

    /// Gives a key a new secret. The one before lives until `valid_until`, or dies now; those before it are kept only to
    /// notice their use, three at most.
    pub async fn rotate_key(
        &mut self,
        id: KeyId,
        (mac, pepper): (KeyMac, PepperId),
        valid_until: Option<Time>,
        ends_on_first_use: bool,
    ) -> Result<(), StoreError> {
        let number = self.announce("key", id.as_str()).await?;
        self.revoke(RevocationKind::Reduced, [id.as_str()]).await?;
        let now = self.now().micros();
        self.inner
            .execute(
                "insert into api_key_former_secrets (key_id, generation, mac, pepper, valid_until, ends_on_first_use)
                 select id, generation, mac, pepper, $2, $3 from api_keys where id = $1",
                args![id.as_str(), valid_until.map_or(ENDED, Time::micros), ends_on_first_use && valid_until.is_some()],
            )
            .await?;
        self.inner
            .execute(
                "update api_key_former_secrets set valid_until = $2, ends_on_first_use = false
                 where key_id = $1 and generation < (select generation from api_keys where id = $1)",
                args![id.as_str(), ENDED],
            )
            .await?;
        self.inner
            .execute(
                "delete from api_key_former_secrets
                 where key_id = $1 and generation < (select generation from api_keys where id = $1) - 2",
                args![id.as_str()],
            )
            .await?;
        self.inner
            .execute(
                "update api_keys set mac = $2, pepper = $3, generation = generation + 1, rotated_at = $4,
                     change_number = $5 where id = $1",
                args![id.as_str(), mac.to_hex(), i64::from(pepper.0), now, number],
            )
            .await?;
        Ok(())
    }

    /// Ends the overlap of a rotation now. Answers whether nobody had before.
    pub async fn end_overlap(&mut self, id: KeyId) -> Result<bool, StoreError> {
        self.change_former(
            "update api_key_former_secrets set valid_until = $2 where key_id = $1 and valid_until > $2",
            id,
        )
        .await
    }

    /// Remembers that every server knows of the end of an overlap. Answers whether nobody had before.
    pub async fn settle_overlap(&mut self, id: KeyId) -> Result<bool, StoreError> {
        self.change_former(
            "update api_key_former_secrets set ends_on_first_use = false
             where key_id = $1 and ends_on_first_use and valid_until = $2",
            id,
        )
        .await
    }

    async fn change_former(&mut self, sql: &'static str, id: KeyId) -> Result<bool, StoreError> {
        self.change_number().await?;
        let changed = self.inner.execute(sql, args![id.as_str(), ENDED]).await?;
        if changed > 0 {
            let number = self.announce("key", id.as_str()).await?;
            self.revoke(RevocationKind::Reduced, [id.as_str()]).await?;
            self.inner
                .execute("update api_keys set change_number = $2 where id = $1", args![id.as_str(), number])
                .await?;
        }
        Ok(changed > 0)
    }

    /// The keys that these keys made, and theirs, without these themselves.
    pub async fn offspring(&mut self, id: KeyId) -> Result<Vec<(KeyId, String)>, StoreError> {
        let rows: Vec<(String, String)> = self
            .inner
            .all(
                "with recursive family (id, name) as (
                     select id, name from api_keys where parent_id = $1
                     union select k.id, k.name from api_keys k join family f on k.parent_id = f.id
                 ) select id, name from family order by id",
                args![id.as_str()],
            )
            .await?;
        rows.into_iter()
            .map(|(id, name)| {
                KeyId::parse(&id).map(|key| (key, name)).ok_or_else(|| StoreError::unreadable("key id", &id))
            })
            .collect()
    }

    /// Removes keys and all that hangs on them. Nothing brings them back.
    pub async fn delete_keys(&mut self, ids: &[KeyId]) -> Result<(), StoreError> {
        self.keep_own_name().await?;
        for id in ids {
            self.announce("key-deleted", id.as_str()).await?;
        }
        self.revoke(RevocationKind::Deleted, ids.iter().map(KeyId::as_str)).await?;
        let list = || ids.iter().map(|id| Value::from(id.as_str())).collect::<Vec<_>>();
        self.inner
            .execute_in("delete from api_key_former_secrets where key_id in", Vec::new(), list())
            .await?;
        self.inner.execute_in("delete from api_key_usage where key_id in", Vec::new(), list()).await?;
        self.inner.execute_in("delete from api_key_usage_hours where key_id in", Vec::new(), list()).await?;
        self.inner.execute_in("delete from api_keys where id in", Vec::new(), list()).await?;
        Ok(())
    }

    /// What an earlier request with the same `Idempotency-Key` was about: its body's hash and the key's id.
    pub async fn idempotent(
        &mut self,
        project: &ProjectId,
        caller: &str,
        route: &str,
        key_hash: &str,
        not_before: Time,
    ) -> Result<Option<(String, String)>, StoreError> {
        self.change_number().await?;
        self.inner
            .optional(
                "select body_hash, subject_id from idempotent_requests
                 where project_id = $1 and caller = $2 and route = $3 and key_hash = $4 and created_at >= $5",
                args![project.as_str(), caller, route, key_hash, not_before.micros()],
            )
            .await
    }

    /// Remembers a request with an `Idempotency-Key`.
    pub async fn remember_request(
        &mut self,
        project: &ProjectId,
        caller: &str,
        route: &str,
        (key_hash, body_hash): (&str, &str),
        subject: KeyId,
    ) -> Result<(), StoreError> {
        let now = self.now().micros();
        self.inner
            .execute(
                "insert into idempotent_requests (project_id, caller, route, key_hash, body_hash, subject_id, created_at)
                 values ($1, $2, $3, $4, $5, $6, $7)
                 on conflict (project_id, caller, route, key_hash) do update
                     set body_hash = excluded.body_hash, subject_id = excluded.subject_id, created_at = excluded.created_at",
                args![project.as_str(), caller, route, key_hash, body_hash, subject.as_str(), now],
            )
            .await?;
        Ok(())
    }
}

const KEY_OF_PROJECT: &str =
    concat!(shown!(), "from api_keys k ", beside_keys!(), "where k.project_id = $1 and k.id = $2");
