//! Backups: everything as of one moment in one file, whichever database it comes from, and back.

use crate::db::{Db, Value, args};
use crate::error::StoreError;
use crate::ring::LeaseRow;
use crate::{Keys, Store, Tx};
use sextant_core::access::Housekeeping;
use sextant_core::id::UserId;
use sextant_core::permission::action::UsersWrite;
use sextant_core::revocation::{Revocation, RevocationKind};
use sextant_core::time::Time;
use std::path::Path;

const TAKEN_AT: &str = "backup-taken-at";
const NUMBER: &str = "backup-change-number";
const VERSION: &str = "backup-version";

/// What a backup is.
#[derive(Clone, Debug)]
pub struct Backup {
    /// When it was taken.
    pub taken_at: Time,
    /// The last change that is in it.
    pub number: i64,
    /// By which version of Sextant.
    pub version: String,
    /// How many keys it holds.
    pub keys: i64,
    /// How many audit entries.
    pub audit_entries: i64,
}

/// What stands in the way of a backup, or goes with it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The number of the last change.
    pub number: i64,
    /// How many keys there are.
    pub keys: i64,
    /// Every revocation, as far as they are remembered.
    pub revocations: Vec<Revocation>,
}

impl Store {
    /// Writes everything as of one moment into an empty file, while others read and write.
    pub async fn back_up(&self, file: &Path, taken_at: Time, version: &str) -> Result<Backup, StoreError> {
        let copied = self.db.copy_file(file).await?;
        let draft = Self { db: Db::open_draft(file).await?, keeping: self.keeping.clone() };
        let done = async {
            if !copied {
                let tables = draft.db.tables().await?;
                let (mut from, mut to) = (self.db.snapshot().await?, draft.db.begin().await?);
                to.empty(&tables).await?;
                to.fill_from(&mut from, &tables, &|_| {}).await?;
                to.commit().await?;
            }
            draft.mark_as_backup(taken_at, version).await?;
            draft
                .backup()
                .await?
                .ok_or_else(|| StoreError::Broken("the backup does not read back".to_owned()))
        };
        let done = done.await;
        draft.close().await;
        done
    }

    // tidy: no permit: it writes into the copy, which is nobody's yet
    async fn mark_as_backup(&self, taken_at: Time, version: &str) -> Result<(), StoreError> {
        let mut tx = self.db.begin().await?;
        for transient in TRANSIENT {
            tx.execute(transient, Vec::new()).await?;
        }
        let (number,): (i64,) = tx.one("select number from change_counter where id = 1", Vec::new()).await?;
        let facts = [
            args![TAKEN_AT, taken_at.micros().to_string()],
            args![NUMBER, number.to_string()],
            args![VERSION, version],
        ];
        tx.insert_many("insert into installation (name, value) values", facts.to_vec(), "").await?;
        tx.commit().await
    }

    /// Opens a backup for reading only; nothing is written to it or made beside it.
    pub async fn open_backup(file: &Path, keys: Keys<'_>) -> Result<Self, StoreError> {
        Ok(Self { db: Db::open_still(file).await?, keeping: keys.keeping() })
    }

    /// Opens a copy that nobody else uses and brings it to this version's shape. Closed, it is one file that can be moved.
    pub async fn open_draft(file: &Path, keys: Keys<'_>) -> Result<Self, StoreError> {
        let store = Self { db: Db::open_draft(file).await?, keeping: keys.keeping() };
        store.keeping.follow(&mut store.db.snapshot().await?).await?;
        Ok(store)
    }

    /// Opens a database that is a file in whatever shape it is, whosever it is.
    pub async fn open_as_is(file: &Path, keys: Keys<'_>) -> Result<Self, StoreError> {
        Ok(Self { db: Db::open_as_is(file).await?, keeping: keys.keeping() })
    }

    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let found: Option<(String,)> =
            self.db.optional("select value from installation where name = $1", args![name]).await?;
        Ok(found.map(|(value,)| value))
    }

    /// What kind of backup this is; `None` if it is none.
    pub async fn backup(&self) -> Result<Option<Backup>, StoreError> {
        let number = |text: Option<String>| text.and_then(|text| text.parse::<i64>().ok());
        let (Some(taken_at), Some(change), Some(version)) =
            (number(self.fact(TAKEN_AT).await?), number(self.fact(NUMBER).await?), self.fact(VERSION).await?)
        else {
            return Ok(None);
        };
        let entries: Option<(i64,)> =
            self.db.optional("select count(*) from audit_entries", Vec::new()).await?;
        Ok(Some(Backup {
            taken_at: Time::from_micros(taken_at),
            number: change,
            version,
            keys: self.key_count().await?,
            audit_entries: entries.map_or(0, |(count,)| count),
        }))
    }

    /// What is wrong with the file itself, if anything.
    pub async fn damage(&self) -> Result<Option<String>, StoreError> {
        self.db.damage().await
    }

    /// Copies a file into an empty one.
    pub async fn copy_into(&self, file: &Path) -> Result<(), StoreError> {
        self.db.copy_file(file).await.map(drop)
    }

    /// What is in the database now. Of an older shape, what can be read of it.
    pub async fn standing(&self) -> Result<Standing, StoreError> {
        let (number, keys) = (self.change_number().await?, self.key_count().await?);
        let revocations = match self.revocations_since(-1).await {
            // A version before this one remembered none.
            Err(StoreError::Broken(_)) => Vec::new(),
            read => read?,
        };
        Ok(Standing { number, keys, revocations })
    }

    /// Brings everything into the file itself, before it is moved. `false`: another program has it open.
    pub async fn settle(&self) -> Result<bool, StoreError> {
        self.db.settle().await
    }
}

/// What ends with the process or the moment that it belongs to, and must not live in a copy.
const TRANSIENT: [&str; 4] =
    ["delete from leases", "delete from sessions", "delete from setup_links", "delete from changes"];

impl Tx<Housekeeping> {
    /// Puts what is in `draft` in the place of everything; only if nobody has changed anything or begun to serve since
    /// `number` and `leases` were read. `done` hears how many rows are there.
    pub async fn refill(
        &mut self,
        draft: &Store,
        (number, leases): (i64, &[LeaseRow]),
        done: &(dyn Fn(u64) + Sync),
    ) -> Result<(), StoreError> {
        let tables = draft.db.tables().await?;
        let mut from = draft.db.snapshot().await?;
        // Whoever changes anything waits at the counter from here on.
        let (found,): (i64,) = self
            .inner
            .one("update change_counter set number = number where id = 1 returning number", Vec::new())
            .await?;
        let held: Vec<LeaseRow> = self
            .inner
            .all("select id, applied, renewal, valid_for from leases order by id", Vec::new())
            .await?;
        if found != number || held != leases {
            return Err(StoreError::Unavailable(
                "somebody has changed something or begun to serve meanwhile; nothing was restored, try again"
                    .to_owned(),
            ));
        }
        self.inner.empty(&tables).await?;
        self.inner.fill_from(&mut from, &tables, done).await
    }

    /// Takes out what was of the moment in which a backup was taken, and that it is one.
    pub async fn unmark_backup(&mut self) -> Result<(), StoreError> {
        for transient in TRANSIENT {
            self.inner.execute(transient, Vec::new()).await?;
        }
        self.inner
            .execute("delete from installation where name in ($1, $2, $3)", args![TAKEN_AT, NUMBER, VERSION])
            .await?;
        Ok(())
    }
}

impl Tx<UsersWrite> {
    /// The active people from whom a change after number `after` took something: id, e-mail address, and whether they
    /// are Account Admin at the account.
    pub async fn reduced_users(&mut self, after: i64) -> Result<Vec<(UserId, String, bool)>, StoreError> {
        self.change_number().await?;
        let rows: Vec<(String, String, bool)> = self
            .inner
            .all(
                "select u.id, u.email, exists (select 1 from role_bindings b where b.user_id = u.id
                     and b.role = 'ACCOUNT_ADMIN' and b.organization is null and b.project_id is null)
                 from users u where u.active and u.id in (
                     select subject_id from revocations where kind = 'user-reduced' and number > $1)
                 order by u.email_folded",
                args![after],
            )
            .await?;
        Ok(rows.into_iter().map(|(id, email, admin)| (UserId::new(id), email, admin)).collect())
    }

    /// Takes from people that they may sign in.
    pub async fn deactivate_users(&mut self, ids: &[UserId]) -> Result<(), StoreError> {
        self.revoke(RevocationKind::UserReduced, ids.iter().map(UserId::as_str)).await?;
        let ids = ids.iter().map(|id| Value::from(id.as_str())).collect();
        self.inner.execute_in("update users set active = false where id in", Vec::new(), ids).await?;
        Ok(())
    }
}
