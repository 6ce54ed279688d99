//! Leases: a serving process vouches for what it has applied, for a few seconds at a time. Whoever takes power away
//! waits until every lease has applied it or run out; a process whose lease ran out answers "cannot tell".
//!
//! Nobody compares clocks between machines. The holder counts from before it sent the renewal; the one who waits counts
//! from after it saw the last renewal, a quarter longer. It holds as long as clocks run at rates within that quarter.

use super::Ring;
use sextant_core::access::{Housekeeping, Permit, Scope};
use sextant_core::source::Clock;
use sextant_store::{LeaseRow, Store, StoreError};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// For how long a renewal counts.
pub const LEASE: Duration = Duration::from_secs(4);
/// How often it is renewed.
pub(crate) const RENEWAL: Duration = Duration::from_millis(1500);

/// This process's own lease, and waiting for those of others.
pub(crate) struct Fence {
    store: Store,
    ring: Arc<Ring>,
    clock: Arc<dyn Clock>,
    /// This process's lease, if it serves.
    own: Option<String>,
}

fn housekeeping(reason: &'static str) -> Permit<Housekeeping> {
    Permit::system(reason, Scope::Account)
}

impl Fence {
    pub(crate) fn new(store: Store, ring: Arc<Ring>, clock: Arc<dyn Clock>, own: Option<String>) -> Self {
        Self { store, ring, clock, own }
    }

    /// Takes this process's lease, after the ring is loaded.
    pub(crate) async fn take(&self) -> Result<(), StoreError> {
        let Some(own) = &self.own else { return Ok(()) };
        let sent = self.clock.monotonic();
        let mut tx = self.store.begin(housekeeping("taking a lease"), self.clock.now()).await?;
        let valid_for = i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
        let lease = LeaseRow { id: own.clone(), applied: self.ring.applied(), renewal: 0, valid_for };
        tx.take_lease(&lease).await?;
        tx.commit(Vec::new()).await?;
        self.ring.trust_until(sent + LEASE);
        Ok(())
    }

    /// Renews this process's lease with what it has applied. `false` if others have ended it.
    pub(crate) async fn renew(&self) -> Result<bool, StoreError> {
        let Some(own) = &self.own else { return Ok(true) };
        let sent = self.clock.monotonic();
        let applied = self.ring.applied();
        let mut tx = self.store.begin(housekeeping("renewing a lease"), self.clock.now()).await?;
        let held = tx.renew_lease(own, applied).await?;
        tx.commit(Vec::new()).await?;
        if held {
            self.ring.trust_until(sent + LEASE);
        } else {
            self.ring.trust_until(Duration::ZERO);
        }
        Ok(held)
    }

    /// Gives the lease back, at a clean stop.
    pub(crate) async fn give_back(&self) -> Result<(), StoreError> {
        let Some(own) = &self.own else { return Ok(()) };
        self.ring.trust_until(Duration::ZERO);
        let mut tx = self.store.begin(housekeeping("returning a lease"), self.clock.now()).await?;
        tx.return_lease(own).await?;
        tx.commit(Vec::new()).await?;
        Ok(())
    }

    /// Waits until every other process has applied change `number` or can no longer be believed, at most `patience`.
    /// Answers whether all have.
    pub(crate) async fn wait(&self, number: i64, patience: Option<Duration>) -> Result<bool, StoreError> {
        let began = self.clock.monotonic();
        let mut seen: HashMap<String, (i64, Duration)> = HashMap::new();
        loop {
            let now = self.clock.monotonic();
            let leases = self.store.leases().await?;
            let mut waiting = false;
            for lease in leases {
                if lease.applied >= number || self.own.as_ref() == Some(&lease.id) {
                    continue;
                }
                let (renewal, since) = *seen
                    .entry(lease.id.clone())
                    .and_modify(|(renewal, since)| {
                        if *renewal != lease.renewal {
                            (*renewal, *since) = (lease.renewal, now);
                        }
                    })
                    .or_insert((lease.renewal, now));
                let valid_for = Duration::from_micros(u64::try_from(lease.valid_for).unwrap_or(0));
                if now.saturating_sub(since) < valid_for + valid_for / 4 {
                    waiting = true;
                } else {
                    let mut tx = self.store.begin(housekeeping("ending a lease"), self.clock.now()).await?;
                    tx.end_lease(&lease.id, renewal).await?;
                    tx.commit(Vec::new()).await?;
                }
            }
            if !waiting {
                return Ok(true);
            }
            if patience.is_some_and(|patience| now.saturating_sub(began) >= patience) {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl std::fmt::Debug for Fence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fence").field("own", &self.own).finish_non_exhaustive()
    }
}
