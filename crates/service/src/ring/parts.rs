//! What the protocol is put together from: a map, a timer and a source. The server's own are here; where schedules are
//! explored there are models in their place.

use super::{Entry, Ring};
use crate::rekeying::Rekeying;
use sextant_core::access::{Housekeeping, Permit, Project, Scope};
use sextant_core::id::KeyId;
use sextant_core::source::Clock;
use sextant_store::{Changes, LeaseRow, RingRow, RingSnapshot, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// Where the keys are in memory.
pub(crate) trait Map: Send + Sync + 'static {
    /// Puts an entry in, unless a newer one is there or the key was deleted.
    fn put(&self, entry: Entry);
    /// Takes a key out for good.
    fn bury(&self, id: KeyId, change: i64);
    /// Drops every entry that is not to be kept.
    fn retain(&self, keep: impl Fn(&Entry) -> bool);
    /// Forgets tombstones of changes that are in.
    fn forget_tombstones(&self);
    /// Whether there is no entry.
    fn is_empty(&self) -> bool;
    /// Gives back memory that the first load took and does not need.
    fn settle(&self);
    /// Replaces the projects.
    fn set_projects(&self, projects: Vec<Arc<Project>>);
    /// The last change that is in.
    fn applied(&self) -> i64;
    /// Says that everything up to this change is in.
    fn advance(&self, number: i64);
    /// Vouches for the map until this moment of the process clock.
    fn trust_until(&self, moment: Duration);
}

/// The process clock, and waiting by it.
pub(crate) trait Timer: Send + Sync + 'static {
    /// Time since some fixed point; goes on while the process is stopped.
    fn monotonic(&self) -> Duration;
    /// Waits for about so long.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The database, as far as the protocol goes. Each call is one transaction, or reads from one.
pub(crate) trait Source: Send + Sync + 'static {
    /// The number of the last change.
    fn change_number(&self) -> impl Future<Output = Result<i64, StoreError>> + Send;
    /// What was committed after a number.
    fn changes_since(&self, after: i64) -> impl Future<Output = Result<Changes, StoreError>> + Send;
    /// Hands over every key that has not changed since the number that is answered.
    fn snapshot(
        &self,
        take: impl FnMut(RingRow) + Send,
    ) -> impl Future<Output = Result<RingSnapshot, StoreError>> + Send;
    /// Writes down what must be in the database before a change of the master key counts as applied.
    fn write_waiting(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// All leases.
    fn leases(&self) -> impl Future<Output = Result<Vec<LeaseRow>, StoreError>> + Send;
    /// Takes a lease and gives back the one that the same process had before.
    fn take_lease(
        &self,
        lease: &LeaseRow,
        former: Option<&str>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Renews a lease. `false` if it is not there any more.
    fn renew_lease(&self, id: &str, applied: i64) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// Ends a lease of another process. `false` if it has been renewed since, or was not there.
    fn end_lease(&self, id: &str, renewal: i64) -> impl Future<Output = Result<bool, StoreError>> + Send;
    /// Ends the leases of processes that are known to be dead.
    fn end_former(&self, former: &Former) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Gives a lease back.
    fn return_lease(&self, id: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Whose leases a process that begins can end without waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Former {
    /// Everyone's: it has the database for itself.
    Everyone,
    /// Those of the node: it holds the lock that every process of the node holds while it serves.
    OfNode(String),
}

/// The server's own timer.
pub(crate) struct ProcessTimer(pub(crate) Arc<dyn Clock>);

impl Timer for ProcessTimer {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
    }
}

/// The server's own source.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rekeying: Arc<Rekeying>,
}

impl Database {
    async fn begin(&self, reason: &'static str) -> Result<sextant_store::Tx<Housekeeping>, StoreError> {
        self.store.begin(Permit::system(reason, Scope::Account), self.clock.now()).await
    }
}

impl Source for Database {
    async fn change_number(&self) -> Result<i64, StoreError> {
        self.store.change_number().await
    }

    async fn changes_since(&self, after: i64) -> Result<Changes, StoreError> {
        self.store.changes_since(after).await
    }

    async fn snapshot(&self, take: impl FnMut(RingRow) + Send) -> Result<RingSnapshot, StoreError> {
        self.store.ring_snapshot(take).await
    }

    async fn write_waiting(&self) -> Result<(), StoreError> {
        self.rekeying.write().await.map(drop)
    }

    async fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        self.store.leases().await
    }

    async fn take_lease(&self, lease: &LeaseRow, former: Option<&str>) -> Result<(), StoreError> {
        let mut tx = self.begin("taking a lease").await?;
        if let Some(former) = former {
            tx.return_lease(former).await?;
        }
        tx.take_lease(lease).await?;
        tx.commit(Vec::new()).await?;
        Ok(())
    }

    async fn renew_lease(&self, id: &str, applied: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin("renewing a lease").await?;
        let held = tx.renew_lease(id, applied).await?;
        tx.commit(Vec::new()).await?;
        Ok(held)
    }

    async fn end_lease(&self, id: &str, renewal: i64) -> Result<bool, StoreError> {
        let mut tx = self.begin("ending a lease").await?;
        let ended = tx.end_lease(id, renewal).await?;
        tx.commit(Vec::new()).await?;
        Ok(ended)
    }

    async fn end_former(&self, former: &Former) -> Result<(), StoreError> {
        let mut tx = self.begin("ending the leases of dead processes").await?;
        match former {
            Former::Everyone => tx.end_all_leases().await?,
            Former::OfNode(node) => tx.end_leases_of(node).await?,
        }
        tx.commit(Vec::new()).await?;
        Ok(())
    }

    async fn return_lease(&self, id: &str) -> Result<(), StoreError> {
        let mut tx = self.begin("returning a lease").await?;
        tx.return_lease(id).await?;
        tx.commit(Vec::new()).await?;
        Ok(())
    }
}

impl Map for Ring {
    fn put(&self, entry: Entry) {
        Self::put(self, entry);
    }

    fn bury(&self, id: KeyId, change: i64) {
        Self::bury(self, id, change);
    }

    fn retain(&self, keep: impl Fn(&Entry) -> bool) {
        Self::retain(self, keep);
    }

    fn forget_tombstones(&self) {
        Self::forget_tombstones(self);
    }

    fn is_empty(&self) -> bool {
        Self::is_empty(self)
    }

    fn settle(&self) {
        Self::settle(self);
    }

    fn set_projects(&self, projects: Vec<Arc<Project>>) {
        Self::set_projects(self, projects);
    }

    fn applied(&self) -> i64 {
        Self::applied(self)
    }

    fn advance(&self, number: i64) {
        Self::advance(self, number);
    }

    fn trust_until(&self, moment: Duration) {
        Self::trust_until(self, moment);
    }
}
