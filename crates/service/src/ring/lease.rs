//! Leases: a serving process vouches for what it has applied, for a few seconds at a time. Whoever takes power away
//! waits until every lease has applied it or run out; a process whose lease ran out answers "cannot tell".
//!
//! Nobody compares clocks between machines. The holder counts from before it sent the renewal; the one who waits counts
//! from after it saw the last renewal, a quarter longer. It holds as long as clocks run at rates within that quarter.

use super::parts::{Map, Source, Timer};
use super::protocol::Member;
use super::sync::AtomicI64;
use sextant_store::{LeaseRow, StoreError};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// For how long a renewal counts.
pub const LEASE: Duration = Duration::from_secs(4);
/// How often it is renewed.
pub(crate) const RENEWAL: Duration = Duration::from_millis(1500);
/// How often one who waits looks.
const LOOK: Duration = Duration::from_millis(5);

/// What a serving process has of its lease.
pub(super) struct Seat {
    /// Names the process among all.
    process: String,
    /// One at a time takes or renews.
    held: tokio::sync::Mutex<Held>,
    /// What the others were last told.
    told: AtomicI64,
}

#[derive(Default)]
struct Held {
    /// The lease that was last asked for; whether it was taken is not always known.
    name: Option<String>,
    /// Whether it was taken, and everything from before it was there is in.
    good: bool,
    /// How many were asked for.
    count: u64,
}

impl Seat {
    pub(super) fn new(process: String) -> Self {
        Self { process, held: tokio::sync::Mutex::default(), told: AtomicI64::new(-1) }
    }
}

impl<M: Map, T: Timer, S: Source> Member<M, T, S> {
    /// Whether more is in than others were told.
    pub(super) fn has_more_to_tell(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.told.load(Ordering::Acquire) < self.map.applied())
    }

    /// Tells the others what is in: renews the lease. Where others have ended it, loads everything and takes another.
    pub(super) async fn vouch(&self) -> Result<(), StoreError> {
        let Some(seat) = &self.seat else { return Ok(()) };
        let mut held = seat.held.lock().await;
        if let (true, Some(name)) = (held.good, &held.name) {
            if self.renew(seat, name).await? {
                return Ok(());
            }
            tracing::warn!("the lease was ended by another process; loading everything anew");
        }
        held.good = false;
        self.enter(seat, &mut held).await
    }

    /// Loads everything, takes a lease, and vouches for the map under it.
    async fn enter(&self, seat: &Seat, held: &mut Held) -> Result<(), StoreError> {
        self.map.trust_until(Duration::ZERO);
        self.load().await?;
        // A name is used once: whoever still wants to end the lease before must not meet this one.
        held.count += 1;
        let name = format!("{}-{}", seat.process, held.count);
        let former = held.name.replace(name.clone());
        let valid_for = i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
        let lease = LeaseRow { id: name.clone(), applied: self.map.applied(), renewal: 0, valid_for };
        self.source.take_lease(&lease, former.as_deref()).await?;
        // Changes from before the lease was there were published without waiting for it. Only now is nothing missed.
        self.catch_up(self.source.change_number().await?).await?;
        held.good = true;
        if self.renew(seat, &name).await? {
            return Ok(());
        }
        held.good = false;
        Err(StoreError::Unavailable("the lease was ended while it was taken".to_owned()))
    }

    /// The one place where trust begins. `false` if others have ended the lease.
    async fn renew(&self, seat: &Seat, name: &str) -> Result<bool, StoreError> {
        let before = self.timer.monotonic();
        let applied = self.map.applied();
        let renewed = self.source.renew_lease(name, applied).await?;
        if renewed {
            self.map.trust_until(before + LEASE);
            seat.told.store(applied, Ordering::Release);
        } else {
            self.map.trust_until(Duration::ZERO);
        }
        Ok(renewed)
    }

    /// Gives the lease back, at a clean stop.
    pub(crate) async fn leave(&self) -> Result<(), StoreError> {
        let Some(seat) = &self.seat else { return Ok(()) };
        let mut held = seat.held.lock().await;
        self.map.trust_until(Duration::ZERO);
        held.good = false;
        match held.name.take() {
            Some(name) => self.source.return_lease(&name).await,
            None => Ok(()),
        }
    }

    /// Waits until every other process has applied change `number` or can no longer be believed, at most `patience`.
    /// Answers whether all have.
    pub(super) async fn wait(&self, number: i64, patience: Option<Duration>) -> Result<bool, StoreError> {
        let began = self.timer.monotonic();
        let mut seen: HashMap<String, (i64, Duration)> = HashMap::new();
        loop {
            let leases = self.source.leases().await?;
            // Read after the answer: what it shows was sent before.
            let now = self.timer.monotonic();
            let mut waiting = false;
            for lease in leases {
                if lease.applied >= number || self.is_own(&lease.id) {
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
                let run_out = now.saturating_sub(since) >= valid_for + valid_for / 4;
                // It may be renewed in the very moment in which it is ended: then it is waited for again.
                waiting |= !(run_out && self.source.end_lease(&lease.id, renewal).await?);
            }
            if !waiting {
                return Ok(true);
            }
            if patience.is_some_and(|patience| now.saturating_sub(began) >= patience) {
                return Ok(false);
            }
            self.timer.pause(LOOK).await;
        }
    }

    fn is_own(&self, lease: &str) -> bool {
        let name = |seat: &Seat| lease.strip_prefix(&seat.process).is_some_and(|rest| rest.starts_with('-'));
        self.seat.as_ref().is_some_and(name)
    }
}
