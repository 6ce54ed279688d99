//! One process's part in the protocol by which taking power away holds everywhere; `docs/revocation.md` says why it holds.
//!
//! The steps here are whole: the jobs only say when. Filling the map is in `fill.rs`, leases are in `lease.rs`.

use super::lease::Seat;
use super::parts::{Former, Map, Source, Timer};
use sextant_core::id::KeyId;
use sextant_store::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A process that takes part.
pub(crate) struct Member<M, T, S: Source> {
    pub(super) map: Arc<M>,
    pub(super) timer: T,
    pub(super) source: S,
    /// One fill at a time: what it reads and what it writes belong together.
    pub(super) fill: tokio::sync::Mutex<()>,
    /// Raised when the developer records changed.
    pub(super) developers: watch::Sender<i64>,
    /// Its lease, if it serves.
    pub(super) seat: Option<Seat>,
}

impl<M: Map, T: Timer, S: Source> Member<M, T, S> {
    /// `process` names the process among all, if it serves: no two ever have the same name.
    pub(crate) fn new(map: Arc<M>, timer: T, source: S, process: Option<String>) -> Self {
        Self {
            map,
            timer,
            source,
            fill: tokio::sync::Mutex::default(),
            developers: watch::Sender::new(0),
            seat: process.map(Seat::new),
        }
    }

    /// Tells when the developer records have changed: the number of the change.
    pub(crate) fn developers(&self) -> watch::Receiver<i64> {
        self.developers.subscribe()
    }

    /// Begins to serve: ends the leases of those who are dead, loads everything, takes a lease. When this returns the map
    /// can be believed.
    pub(crate) async fn begin(&self, former: &Former) -> Result<(), StoreError> {
        self.source.end_former(former).await?;
        self.vouch().await
    }

    /// A look at the database, many times a second: applies what is new there and tells the others, who may be waiting for
    /// it. Answers whether there was anything.
    pub(crate) async fn follow(&self) -> Result<bool, StoreError> {
        let new = self.poll().await?;
        // A change of one's own is in before it is polled for; others wait for the changes before it all the same.
        if self.has_more_to_tell()
            && let Err(error) = self.vouch().await
        {
            tracing::warn!(%error, "could not tell what was applied");
        }
        Ok(new)
    }

    /// Keeps the lease, several times while it is valid. A database that is older than what was seen is not vouched for.
    pub(crate) async fn keep(&self) -> Result<(), StoreError> {
        self.poll().await?;
        self.vouch().await
    }

    /// Makes a committed change count: here at once, everywhere when this returns `true`. `gone` are the keys that it
    /// deleted. With `patience` it waits no longer than that, and answers `false` if someone had not applied it by then.
    pub(crate) async fn publish(
        &self,
        number: i64,
        gone: &[KeyId],
        patience: Option<Duration>,
    ) -> Result<bool, StoreError> {
        if self.seat.is_some() {
            for id in gone {
                self.map.bury(*id, number);
            }
            if let Err(error) = self.catch_up(number).await {
                // The change stands in the database, and this process does not know it: it must not be believed.
                self.map.trust_until(Duration::ZERO);
                return Err(error);
            }
        }
        self.wait(number, patience).await
    }

    /// Forgets tombstones of changes that are in. No fill is under way meanwhile, and a later one finds no row of those
    /// keys.
    pub(crate) async fn forget_tombstones(&self) {
        let _turn = self.fill.lock().await;
        self.map.forget_tombstones();
    }
}
