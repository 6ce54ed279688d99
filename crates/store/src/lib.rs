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
mod rekeying;
mod ring;
mod rollback;
mod rotation;
mod secrets;
mod tenancy;
mod tx;

pub use audit::{AuditEnd, AuditFilter, AuditPage};
pub use db::{Glance, Location};
pub use developers::{ChangesDevelopers, StoredDeveloper, StoredVersion};
pub use error::StoreError;
pub use keys::{FormerSecret, KeyFilter, KeyOrder, KeyRecord, NewKey};
pub use people::{PasswordHash, SessionRecord, UserRecord};
pub use rekeying::Rekeyed;
pub use ring::{ChangeKind, Changes, LeaseRow, RingRow, RingSnapshot, UsageDelta};
pub use rotation::{Doomed, DoomedKey, Ended, PepperUse};
pub use secrets::Secrets;
pub use tenancy::{OrganizationRecord, ProjectRecord};
pub use tx::Tx;

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

impl Store {
    /// Opens the database that belongs to this master key and brings it to this version's shape. Another's is refused
    /// before anything in it is changed. `home` is where the key came from.
    pub async fn open(
        location: &Location,
        master: &MasterKey,
        home: Arc<dyn KeyHome>,
        entropy: &dyn Entropy,
    ) -> Result<Self, StoreError> {
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
        let keeping = Arc::new(Keeping::new(master.clone(), home, Heir::draw(entropy)));
        keeping.follow(&mut db.snapshot().await?).await?;
        Ok(Self { db, keeping })
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
