//! What goes on beside the requests: following the change number, renewing the lease, writing usage and notices down,
//! clearing what has run out.

use crate::Sextant;
use crate::error::Failure;
use crate::nudges::Pace;
use crate::ring::{Former, RENEWAL};
use sextant_core::access::{Housekeeping, Permit, Scope};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
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
    /// Loads the ring, takes the lease, reads the developers, and starts the jobs. `alone`: no other process can serve
    /// from this database, so leases that a crash left behind are ended, whosever they were.
    pub async fn start(
        self: &Arc<Self>,
        alone: bool,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<(), Failure> {
        let node = self.node.clone().unwrap_or_default();
        let former = if alone { Former::Everyone } else { Former::OfNode(node) };
        self.member.begin(&former).await?;
        tasks.spawn(self.clone().follow(stop.clone()));
        tasks.spawn(self.clone().keep_lease(stop.clone()));
        let changed = self.member.developers();
        self.refresh_directory().await?;
        tasks.spawn(self.clone().follow_developers(changed, stop.clone()));
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
        if let Err(error) = self.member.leave().await {
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
            match self.member.follow().await {
                Ok(new) => {
                    pace.learn(told, new);
                    // Others may wait for the lease; nobody waits for the mark.
                    if new {
                        self.raise_mark(self.ring.applied()).await;
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
        let mut tick = interval(RENEWAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            if let Err(error) = self.member.keep().await {
                tracing::warn!(%error, "could not renew the lease");
            }
        }
    }

    async fn follow_developers(self: Arc<Self>, mut changed: watch::Receiver<i64>, stop: CancellationToken) {
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
        self.member.forget_tombstones().await;
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
