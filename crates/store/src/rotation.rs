//! Another master key in the place of the one in force, in one transaction; what hangs on the peppers of those before it;
//! and the end of these.

use crate::audit::{chains_are_sealed, heads};
use crate::db::{Value, args};
use crate::error::StoreError;
use crate::keys::KeyRecord;
use crate::secrets::{Secrets, number, pepper_rows, seeds};
use crate::{Store, Tx};
use sextant_core::access::MasterKeyChange;
use sextant_core::id::{KeyId, ProjectId};
use sextant_core::key::{MasterKey, PepperId};
use sextant_core::permission::action::ApiKeysWrite;
use sextant_core::source::Entropy;
use sextant_core::time::Time;
use sextant_core::wrap::hand_over;
use std::sync::Arc;

/// A pepper and what hangs on it.
#[derive(Clone, Debug)]
pub struct PepperUse {
    /// Its number.
    pub id: PepperId,
    /// Whether new verifiers are made under it.
    pub current: bool,
    /// The fingerprint of the master key that it was derived from.
    pub fingerprint: String,
    /// Since when it has been there.
    pub created_at: Time,
    /// Keys whose secret has its verifier under it.
    pub keys: i64,
    /// Secrets that were rotated out and are still remembered.
    pub former_secrets: i64,
    /// Sessions.
    pub sessions: i64,
    /// One-time links.
    pub links: i64,
}

/// A key that ends with the former peppers.
#[derive(Clone, Debug)]
pub struct DoomedKey {
    /// The key.
    pub record: KeyRecord,
    /// Whether its own secret hangs on a former pepper. Otherwise it was made by a key whose does.
    pub itself: bool,
}

/// What ended with the former peppers, besides keys.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Secrets that had been rotated out.
    pub former_secrets: u64,
    /// Sessions.
    pub sessions: u64,
    /// One-time links.
    pub links: u64,
    /// The peppers themselves.
    pub peppers: u64,
}

impl Store {
    /// All peppers that count and what hangs on each, the newest first.
    pub async fn pepper_use(&self) -> Result<Vec<PepperUse>, StoreError> {
        type UseRow = (i64, Option<String>, String, i64, i64, i64, i64, i64);
        let rows: Vec<UseRow> = self
            .db
            .all(
                "select p.id, p.wrapped, p.fingerprint, p.created_at,
                     (select count(*) from api_keys k where k.pepper = p.id),
                     (select count(*) from api_key_former_secrets f where f.pepper = p.id),
                     (select count(*) from sessions s where s.pepper = p.id),
                     (select count(*) from setup_links l where l.pepper = p.id)
                 from peppers p order by p.id desc",
                Vec::new(),
            )
            .await?;
        rows.into_iter()
            .map(|(id, wrapped, fingerprint, created_at, keys, former_secrets, sessions, links)| {
                Ok(PepperUse {
                    id: number(id)?,
                    current: wrapped.is_none(),
                    fingerprint,
                    created_at: Time::from_micros(created_at),
                    keys,
                    former_secrets,
                    sessions,
                    links,
                })
            })
            .collect()
    }

    /// The keys that would end with the former peppers, by project and name: those that were not used since, and those
    /// that they made.
    pub async fn doomed_keys(&self) -> Result<Vec<DoomedKey>, StoreError> {
        let rows: Vec<(String,)> = self.db.all(ALL_DOOMED, Vec::new()).await?;
        let own: Vec<(String,)> = self
            .db
            .all(
                "select id from api_keys where pepper < (select max(id) from peppers) order by id",
                Vec::new(),
            )
            .await?;
        let mut doomed = Vec::with_capacity(rows.len());
        for record in self.keys_by_id(rows.into_iter().map(|(id,)| id.into()).collect()).await? {
            let itself = own.binary_search_by(|(id,)| id.as_str().cmp(record.id.as_str())).is_ok();
            doomed.push(DoomedKey { record, itself });
        }
        doomed.sort_by(|one, other| {
            let place = |key: &DoomedKey| (key.record.project_id.to_string(), key.record.name.clone());
            place(one).cmp(&place(other))
        });
        Ok(doomed)
    }
}

const ALL_DOOMED: &str = "with recursive family (id) as (
         select id from api_keys where pepper < (select max(id) from peppers)
         union select k.id from api_keys k join family f on k.parent_id = f.id
     ) select id from family order by id";

/// A key that ends with the former peppers: id, name, and whether its own secret hangs on one.
pub type Doomed = (KeyId, String, bool);

impl Tx<ApiKeysWrite> {
    /// Some of the keys of a project that end with the former peppers, as this change sees them, each with all that it
    /// made. The counter's row is taken first, so that a key which is used in this moment is either written anew already or
    /// comes too late.
    pub async fn doomed_keys_of(&mut self, project: &ProjectId) -> Result<Vec<Doomed>, StoreError> {
        self.change_number().await?;
        let rows: Vec<(String, String, bool)> = self
            .inner
            .all(
                "with recursive family (id) as (
                     select id from (
                         select id from api_keys
                         where project_id = $1 and pepper < (select max(id) from peppers)
                         order by id limit 500
                     ) first
                     union select k.id from api_keys k join family f on k.parent_id = f.id
                 )
                 select id, name, pepper < (select max(id) from peppers) from api_keys
                 where id in (select id from family) order by name, id",
                args![project.as_str()],
            )
            .await?;
        rows.into_iter()
            .map(|(id, name, itself)| {
                let key = KeyId::parse(&id).ok_or_else(|| StoreError::unreadable("key id", &id))?;
                Ok((key, name, itself))
            })
            .collect()
    }
}

impl Tx<MasterKeyChange> {
    /// Puts `new` in the place of the master key in force: its pepper is the current one from now on, those before it are
    /// wrapped under it, the audit log bears its seal, and every process that holds a lease is handed it. Answers the
    /// numbers of the former pepper and of the change.
    ///
    /// [`StoreError::Unsealed`] if the log does not bear the seal that it should: another seal would hide that.
    pub async fn rotate_master_key(
        &mut self,
        new: &MasterKey,
        entropy: &dyn Entropy,
    ) -> Result<(PepperId, i64), StoreError> {
        let old = self.secrets.clone();
        let (former, current) = (old.number(), old.number() + 1);
        let change = self.announce("master-key", &current.to_string()).await?;

        let heads = heads(&mut self.inner).await?;
        let unsealed =
            heads.iter().find(|head| old.seal.over(&head.chain, head.sequence, &head.hash) != head.seal);
        if let Some(head) = unsealed {
            return Err(StoreError::Unsealed(head.chain.clone()));
        }
        if !chains_are_sealed(&mut self.inner, &heads, &old.seal).await? {
            return Err(StoreError::Unsealed("all".to_owned()));
        }

        let mut kept = vec![old.master.pepper_seed(number(former)?)];
        kept.extend(seeds(&old.master, &pepper_rows(&mut self.inner).await?)?);
        for seed in &kept {
            self.inner
                .execute(
                    "update peppers set wrapped = $2 where id = $1",
                    args![i64::from(seed.id().0), seed.wrap(new, entropy)],
                )
                .await?;
        }
        let secrets = Secrets::new(new.clone(), number(current)?, &kept);
        let now = self.now().micros();
        self.inner
            .execute(
                "insert into peppers (id, wrapped, fingerprint, created_at) values ($1, null, $2, $3)",
                args![current, &secrets.fingerprint, now],
            )
            .await?;
        self.inner
            .execute(
                "update installation set value = $2 where name = $1",
                args![crate::tx::FINGERPRINT, &secrets.fingerprint],
            )
            .await?;
        self.secrets = Arc::new(secrets);
        self.replaces = true;

        for head in &heads {
            let seal = self.secrets.seal.over(&head.chain, head.sequence, &head.hash);
            self.inner
                .execute("update audit_heads set seal = $2 where chain = $1", args![&head.chain, seal])
                .await?;
        }
        if !heads.is_empty() {
            self.seal_chains().await?;
        }
        let leases: Vec<(String, String)> =
            self.inner.all("select id, heir from leases order by id", Vec::new()).await?;
        for (lease, heir) in leases {
            let handed = hand_over(&lease, &heir, (&old.master, new), entropy);
            self.inner.execute("update leases set handover = $2 where id = $1", args![lease, handed]).await?;
        }
        Ok((number(former)?, change))
    }

    /// Takes back what was handed over: everyone has it who will.
    pub async fn end_handover(&mut self) -> Result<(), StoreError> {
        self.inner
            .execute("update leases set handover = null where handover is not null", Vec::new())
            .await?;
        Ok(())
    }

    /// Has every process write down which keys it has seen in use, before it counts as having applied this change.
    pub async fn call_in_uses(&mut self) -> Result<(), StoreError> {
        let current = self.secrets.number();
        self.announce("master-key", &current.to_string()).await?;
        Ok(())
    }

    /// Ends the former peppers with all that still hangs on them. `None`, and nothing is done, while keys do.
    pub async fn end_former_peppers(&mut self) -> Result<Option<Ended>, StoreError> {
        let current = self.secrets.number();
        let change = self.announce("master-key", &current.to_string()).await?;
        let (keys,): (i64,) =
            self.inner.one("select count(*) from api_keys where pepper < $1", args![current]).await?;
        if keys > 0 {
            return Ok(None);
        }
        let touched: Vec<(String,)> = self
            .inner
            .all(
                "select distinct key_id from api_key_former_secrets where pepper < $1 order by key_id",
                args![current],
            )
            .await?;
        for (key,) in &touched {
            self.announce("key", key).await?;
        }
        let touched: Vec<Value> = touched.into_iter().map(|(id,)| id.into()).collect();
        self.inner
            .execute_in("update api_keys set change_number = $1 where id in", args![change], touched)
            .await?;
        let ended = Ended {
            former_secrets: self
                .inner
                .execute("delete from api_key_former_secrets where pepper < $1", args![current])
                .await?,
            sessions: self.inner.execute("delete from sessions where pepper < $1", args![current]).await?,
            links: self.inner.execute("delete from setup_links where pepper < $1", args![current]).await?,
            peppers: self.inner.execute("delete from peppers where id < $1", args![current]).await?,
        };
        self.secrets = Arc::new(Secrets::new(self.secrets.master.clone(), number(current)?, &[]));
        self.replaces = true;
        Ok(Some(ended))
    }
}
