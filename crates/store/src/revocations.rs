//! What took power away is remembered for ever: written where it is taken, read by whoever keeps it beside the database,
//! and held against a database that was put back.

use crate::db::{Value, args};
use crate::error::StoreError;
use crate::{Store, Tx};
use sextant_core::id::KeyId;
use sextant_core::permission::action::ApiKeysWrite;
use sextant_core::revocation::{Revocation, RevocationKind};

const INSERT: &str = "insert into revocations (number, kind, subject_id, at) values";

fn read(rows: Vec<(i64, String, String)>) -> Result<Vec<Revocation>, StoreError> {
    rows.into_iter()
        .map(|(number, kind, subject)| {
            let kind = RevocationKind::parse(&kind)
                .ok_or_else(|| StoreError::unreadable("kind of revocation", &kind))?;
            Ok(Revocation { number, kind, subject })
        })
        .collect()
}

fn named(rows: Vec<(String, String)>) -> Result<Vec<(KeyId, String)>, StoreError> {
    rows.into_iter()
        .map(|(id, name)| {
            KeyId::parse(&id).map(|key| (key, name)).ok_or_else(|| StoreError::unreadable("key id", &id))
        })
        .collect()
}

impl Store {
    /// What was revoked by the changes after number `after`, in their order.
    pub async fn revocations_since(&self, after: i64) -> Result<Vec<Revocation>, StoreError> {
        let rows = self
            .db
            .all(
                "select number, kind, subject_id from revocations where number > $1
                 order by number, kind, subject_id",
                args![after],
            )
            .await?;
        read(rows)
    }

    /// Whether any of these keys is in the database.
    pub async fn has_any_key(&self, ids: &[&str]) -> Result<bool, StoreError> {
        let mut tx = self.db.snapshot().await?;
        let ids = ids.iter().map(|id| Value::from(*id)).collect();
        let found: Vec<(i64,)> =
            tx.all_in("select count(*) from api_keys where id in", Vec::new(), ids).await?;
        Ok(found.iter().any(|(count,)| *count > 0))
    }
}

impl<A> Tx<A> {
    /// Remembers that this change takes power from these.
    pub(crate) async fn revoke(
        &mut self,
        kind: RevocationKind,
        subjects: impl IntoIterator<Item = &str>,
    ) -> Result<(), StoreError> {
        let number = self.change_number().await?;
        let now = self.now().micros();
        let rows =
            subjects.into_iter().map(|subject| args![number, kind.name(), subject, now]).collect::<Vec<_>>();
        self.inner.insert_many(INSERT, rows, "on conflict do nothing").await
    }
}

impl Tx<ApiKeysWrite> {
    /// Remembers what others knew was revoked, with the numbers that they knew it by.
    pub async fn remember_revocations(&mut self, known: &[Revocation]) -> Result<(), StoreError> {
        let now = self.now().micros();
        let rows = known
            .iter()
            .map(|revocation| args![revocation.number, revocation.kind.name(), &revocation.subject, now])
            .collect();
        self.inner.insert_many(INSERT, rows, "on conflict do nothing").await
    }

    /// Every revocation, as this change sees it.
    pub async fn revocations(&mut self) -> Result<Vec<Revocation>, StoreError> {
        let rows = self
            .inner
            .all(
                "select number, kind, subject_id from revocations order by number, kind, subject_id",
                Vec::new(),
            )
            .await?;
        read(rows)
    }

    /// The keys that are remembered as deleted and are there all the same, with those that they made.
    pub async fn deleted_keys_alive(&mut self) -> Result<Vec<(KeyId, String)>, StoreError> {
        self.change_number().await?;
        let rows = self
            .inner
            .all(
                "with recursive family (id, name) as (
                     select id, name from api_keys
                     where id in (select subject_id from revocations where kind = 'deleted')
                     union select k.id, k.name from api_keys k join family f on k.parent_id = f.id
                 ) select id, name from family order by id",
                Vec::new(),
            )
            .await?;
        named(rows)
    }

    /// Switches off the keys from which a change after number `after` took power. Answers which were on.
    pub async fn disable_reduced_keys(&mut self, after: i64) -> Result<Vec<(KeyId, String)>, StoreError> {
        let number = self.change_number().await?;
        let rows: Vec<(String, String)> = self
            .inner
            .all(
                "update api_keys set enabled = false, change_number = $1
                 where enabled and (
                     id in (select subject_id from revocations where kind = 'reduced' and number > $2)
                     or exists (select 1 from revocations where kind = 'all-reduced' and number > $2)
                 ) returning id, name",
                args![number, after],
            )
            .await?;
        let mut disabled = named(rows)?;
        disabled.sort_unstable();
        for (id, _) in &disabled {
            self.announce("key", id.as_str()).await?;
        }
        self.revoke(RevocationKind::Reduced, disabled.iter().map(|(id, _)| id.as_str())).await?;
        Ok(disabled)
    }
}
