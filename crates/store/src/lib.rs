//! The only SQL there is. [`Store`] reads; [`Tx`] writes, and exists only against a [`Permit`], so that a use case that
//! forgot to decide does not compile; a change is committed together with its audit notes.
//!
//! [`Permit`]: sextant_core::access::Permit

mod audit;
mod backup;
mod db;
mod developers;
mod error;
mod keys;
mod people;
mod rekeying;
mod revocations;
mod ring;
mod rollback;
mod rotation;
mod secrets;
mod sessions;
mod tenancy;
mod tx;
mod usage;

pub use audit::{AuditEnd, AuditFilter, AuditPage, AuditPlace, AuditSelection};
pub use backup::{Backup, Standing};
pub use db::{Location, Wakeups, is_database_file};
pub use developers::{ChangesDevelopers, StoredDeveloper, StoredVersion};
pub use error::StoreError;
pub use keys::{FormerSecret, KeyFilter, KeyOrder, KeyRecord, NewKey};
pub use people::{PasswordHash, SessionRecord, UserFilter, UserRecord};
pub use rekeying::Rekeyed;
pub use ring::{ChangeKind, Changes, LeaseRow, RingRow, RingSnapshot, UsageDelta};
pub use rotation::{Doomed, DoomedKey, Ended, PepperUse};
pub use secrets::Secrets;
pub use sessions::SessionEntry;
pub use tenancy::{OrganizationRecord, ProjectRecord};
pub use tx::Tx;
pub use usage::USAGE_HOURS_KEPT;

use db::Db;
use secrets::Keeping;
use sextant_core::key::MasterKey;
use sextant_core::source::{Entropy, KeyHome};
use sextant_core::wrap::Heir;
use std::sync::Arc;

/// The open database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    keeping: Arc<Keeping>,
}

/// What a database is opened with.
#[derive(Clone)]
pub struct Keys<'a> {
    /// The master key.
    pub master: &'a MasterKey,
    /// Where it came from.
    pub home: Arc<dyn KeyHome>,
    /// Randomness.
    pub entropy: &'a dyn Entropy,
}

impl Keys<'_> {
    fn keeping(self) -> Arc<Keeping> {
        Arc::new(Keeping::new(self.master.clone(), self.home, Heir::draw(self.entropy)))
    }
}

impl Store {
    /// Opens the database that belongs to this master key and brings it to this version's shape. Another's is refused
    /// before anything in it is changed.
    pub async fn open(location: &Location, keys: Keys<'_>) -> Result<Self, StoreError> {
        let db = Db::connect(location).await?;
        let known: Vec<(String,)> = db
            .peek("installation", "select value from installation where name = 'master-key-fingerprint'")
            .await?;
        if let Some((known,)) = known.into_iter().next()
            && known != keys.master.fingerprint()
        {
            db.close().await;
            return Err(StoreError::OtherKey(known));
        }
        db.migrate().await?;
        let keeping = keys.keeping();
        keeping.follow(&mut db.snapshot().await?).await?;
        Ok(Self { db, keeping })
    }

    /// Tells when something was committed by whomever, where the database can tell.
    pub fn wakeups(&self) -> Wakeups {
        self.db.wakeups()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        db::ping(&self.db).await
    }

    /// Ends all connections; what is under way is finished first.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// The fingerprint of the master key in force; `None` while the database is nobody's.
    pub async fn fingerprint(&self) -> Result<Option<String>, StoreError> {
        let known: Option<(String,)> = self
            .db
            .optional("select value from installation where name = $1", db::args![tx::FINGERPRINT])
            .await?;
        Ok(known.map(|(fingerprint,)| fingerprint))
    }
}
