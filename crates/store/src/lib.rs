//! The only SQL there is. [`Store`] reads; [`Tx`] writes, and exists only against a [`Permit`], so that a use case that
//! forgot to decide does not compile; a change is committed together with its audit notes.
//!
//! [`Permit`]: sextant_core::access::Permit

mod audit;
mod db;
mod developers;
mod error;
mod keys;
mod people;
mod ring;
mod rollback;
mod tenancy;
mod tx;

pub use audit::{AuditFilter, AuditPage};
pub use db::{Glance, Location};
pub use developers::{ChangesDevelopers, StoredDeveloper, StoredVersion};
pub use error::StoreError;
pub use keys::{FormerSecret, KeyFilter, KeyOrder, KeyRecord, NewKey};
pub use people::{PasswordHash, SessionRecord, UserRecord};
pub use ring::{ChangeKind, Changes, LeaseRow, RingRow, RingSnapshot, UsageDelta};
pub use tenancy::{OrganizationRecord, ProjectRecord};
pub use tx::Tx;

use db::Db;
use sextant_core::key::{MasterKey, Seal};

/// The open database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    seal: Seal,
}

impl Store {
    /// Opens the database that belongs to this master key and brings it to this version's shape. Another's is refused
    /// before anything in it is changed.
    pub async fn open(location: &Location, master: &MasterKey) -> Result<Self, StoreError> {
        let db = Db::connect(location).await?;
        let known: Vec<(String,)> = db
            .peek("installation", "select value from installation where name = 'master-key-fingerprint'")
            .await?;
        if let Some((known,)) = known.into_iter().next()
            && known != master.fingerprint()
        {
            db.close().await;
            return Err(StoreError::OtherKey(known));
        }
        db.migrate().await?;
        Ok(Self { db, seal: master.seal() })
    }

    /// What the database looks like at a glance: equal means that most likely nothing was committed between. `None` where
    /// only a query can tell.
    pub fn glance(&self) -> Option<Glance> {
        self.db.glance()
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
