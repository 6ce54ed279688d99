//! What goes on beside the requests: following the change number, renewing the lease, writing usage and notices down,
//! clearing what has run out.

use crate::Sextant;
use crate::error::Failure;
use crate::nudges::Pace;
use crate::ring;
use sextant_core::access::{Housekeeping, Permit, Scope};
use sextant_store::StoreError;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How often usage is written down: what a crash can lose.
pub const USAGE_EVERY: Duration = Duration::from_secs(10);
const NOTICES_EVERY: Duration = Duration::from_secs(1);
const SWEEP_EVERY: Duration = Duration::from_mins(10);
const CHANGES_KEPT: Duration = Duration::from_hours(1);
const REQUESTS_KEPT: Duration = Duration::from_hours(24);

impl Sextant {
    /// Loads the ring and the developers, takes the lease, and starts the jobs. `alone`: no other process can serve
    /// from this database, so leases that a crash left behind are ended.
    pub async fn start(
        self: &Arc<Self>,
        alone: bool,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<(), Failure> {
        if alone {
            let mut tx = self.store.begin(housekeeping(), self.clock.now()).await?;
            tx.end_all_leases().await?;
            tx.commit(Vec::new()).await?;
        }
        self.follower.load().await?;
        self.refresh_directory().await?;
        self.fence.take().await?;
        tasks.spawn(self.clone().follow(stop.clone()));
        tasks.spawn(self.clone().keep_lease(stop.clone()));
        tasks.spawn(self.clone().follow_developers(stop.clone()));
        tasks.spawn(self.clone().write_down(stop.clone()));
        Ok(())
    }

    /// The last things: nothing counted is lost, and nobody waits for this process any more.
    pub async fn finish(&self) {
        if let Err(error) = self.flush_usage().await {
            tracing::error!(%error, "could not write key usage down");
        }
        if let Err(error) = self.rekeying.write().await {
            tracing::warn!(%error, "could not write verifiers anew; it is done at the next use");
        }
        if let Err(error) = self.notices.flush(&self.store, self.clock.now(), true).await {
            tracing::error!(%error, "could not write notices down");
        }
        self.raise_mark(self.ring.applied()).await;
        if let Err(error) = self.fence.give_back().await {
            tracing::warn!(%error, "could not give the lease back");
        }
        self.close().await;
    }

    async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut pace = Pace::new(&self.nudges, self.store.wakeups());
        let mut failing = false;
        loop {
            let told = tokio::select! {
                () = stop.cancelled() => return,
                told = pace.next() => told,
            };
            match self.follower.poll().await {
                Ok(new) => {
                    pace.learn(told, new);
                    if new {
                        self.raise_mark(self.ring.applied()).await;
                    }
                    if new && let Err(error) = self.fence.renew().await {
                        tracing::warn!(%error, "could not tell what was applied");
                    }
                    if failing {
                        tracing::info!("the database answers again");
                    }
                    failing = false;
                }
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "cannot follow the database; keys are trusted until the lease runs out");
                    }
                    failing = true;
                }
            }
        }
    }

    async fn keep_lease(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = interval(ring::RENEWAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            // What was missed while the lease was out must be in before it is good again.
            let renewed = async {
                self.follower.poll().await?;
                if !self.fence.renew().await? {
                    tracing::warn!("the lease was ended by another process; loading everything anew");
                    self.follower.load().await?;
                    self.fence.take().await?;
                }
                Ok::<_, StoreError>(())
            };
            if let Err(error) = renewed.await {
                tracing::warn!(%error, "could not renew the lease");
            }
        }
    }

    async fn follow_developers(self: Arc<Self>, stop: CancellationToken) {
        let mut changed = self.follower.developers();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                change = changed.changed() => if change.is_err() { return },
            }
            if let Err(error) = self.refresh_directory().await {
                tracing::error!(%error, "could not read the developer records");
            }
        }
    }

    async fn write_down(self: Arc<Self>, stop: CancellationToken) {
        let mut usage = interval(USAGE_EVERY);
        let mut notices = interval(NOTICES_EVERY);
        let mut sweep = interval(SWEEP_EVERY);
        for tick in [&mut usage, &mut notices, &mut sweep] {
            tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        loop {
            let done: Result<(), Failure> = tokio::select! {
                () = stop.cancelled() => return,
                _ = usage.tick() => {
                    self.raise_mark(self.ring.applied()).await;
                    self.flush_usage().await
                }
                _ = notices.tick() => {
                    self.metrics.rekeyed(self.rekeying.write().await.unwrap_or_else(|error| {
                        tracing::warn!(%error, "could not write verifiers anew; they are kept");
                        0
                    }));
                    self.notices.flush(&self.store, self.clock.now(), false).await.map_err(Into::into)
                }
                _ = sweep.tick() => self.sweep().await,
            };
            if let Err(error) = done {
                tracing::error!(%error, "could not write down what was counted; it is kept");
            }
        }
    }

    async fn sweep(&self) -> Result<(), Failure> {
        self.ring.clear_tombstones();
        let now = self.clock.now();
        let mut tx = self.store.begin(housekeeping(), now).await?;
        tx.sweep(now.minus(CHANGES_KEPT), now.minus(REQUESTS_KEPT)).await?;
        tx.commit(Vec::new()).await?;
        Ok(())
    }
}

fn housekeeping() -> Permit<Housekeeping> {
    Permit::system("housekeeping", Scope::Account)
}
