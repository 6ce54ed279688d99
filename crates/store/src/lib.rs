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
mod revocations;
mod ring;
mod rollback;
mod sessions;
mod tenancy;
mod tx;
mod usage;

pub use audit::{AuditFilter, AuditPage, AuditPlace, AuditSelection};
pub use backup::{Backup, Standing};
pub use db::{Glance, Location, Wakeups, is_database_file};
pub use developers::{ChangesDevelopers, StoredDeveloper, StoredVersion};
pub use error::StoreError;
pub use keys::{FormerSecret, KeyFilter, KeyOrder, KeyRecord, NewKey};
pub use people::{PasswordHash, SessionRecord, UserFilter, UserRecord};
pub use ring::{ChangeKind, Changes, LeaseRow, RingRow, RingSnapshot, UsageDelta};
pub use sessions::SessionEntry;
pub use tenancy::{OrganizationRecord, ProjectRecord};
pub use tx::Tx;
pub use usage::USAGE_HOURS_KEPT;

use db::Db;
use sextant_core::key::Seal;

/// The open database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    seal: Seal,
}

impl Store {
    /// Opens the database and brings it to this version's shape. `seal` is the master key's, for chain heads.
    pub async fn open(location: &Location, seal: Seal) -> Result<Self, StoreError> {
        Ok(Self { db: Db::open(location).await?, seal })
    }

    /// What the database looks like at a glance: equal means that most likely nothing was committed between. `None` where
    /// only a query can tell.
    pub fn glance(&self) -> Option<Glance> {
        self.db.glance()
    }

    /// Tells when something was committed by whomever, where the database can tell.
    pub fn wakeups(&self) -> Wakeups {
        self.db.wakeups()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        db::ping(&self.db).await
    }

    /// The seal of chain heads.
    pub const fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Ends all connections; what is under way is finished first.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// A fact about the installation itself, such as the master key's fingerprint.
    pub async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let found: Option<(String,)> =
            self.db.optional("select value from installation where name = $1", db::args![name]).await?;
        Ok(found.map(|(value,)| value))
    }
}
