//! The model's map, timer and source. Sound, they are the server's own ring, a clock that goes at its own rate, and a
//! database in memory; with a [`Fault`] one of them breaks a rule.

use super::fault::Fault;
use super::world::{Call, Change, MILLI, Process, World};
use crate::ring::parts::{Former, Map, Source, Timer};
use crate::ring::{Entry, LEASE, Ring};
use sextant_core::access::Project;
use sextant_core::id::{Identifier, KeyId, ProjectId};
use sextant_core::key::{KeyMac, PepperId};
use sextant_core::permission::PermissionSet;
use sextant_store::{Changes, LeaseRow, RingRow, RingSnapshot, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

const LEASE_MICROS: u64 = 4_000 * MILLI;
const _: () = assert!(LEASE_MICROS as u128 == LEASE.as_micros());

pub(super) struct ModelMap {
    pub(super) ring: Ring,
    world: Arc<World>,
    process: Arc<Process>,
}

impl ModelMap {
    pub(super) fn new(world: &Arc<World>, process: &Arc<Process>) -> Arc<Self> {
        Arc::new(Self { ring: Ring::default(), world: world.clone(), process: process.clone() })
    }
}

impl Map for ModelMap {
    fn put(&self, entry: Entry) {
        self.ring.put(entry);
    }

    fn bury(&self, id: KeyId, change: i64) {
        if self.world.has(Fault::NoTombstones) {
            self.ring.bury(id, 0);
            self.ring.forget_tombstones();
        } else {
            self.ring.bury(id, change);
        }
    }

    fn retain(&self, keep: impl Fn(&Entry) -> bool) {
        self.ring.retain(keep);
    }

    fn forget_tombstones(&self) {
        self.ring.forget_tombstones();
    }

    fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    fn settle(&self) {
        self.ring.settle();
    }

    fn set_projects(&self, projects: Vec<Arc<Project>>) {
        self.ring.set_projects(projects);
    }

    fn applied(&self) -> i64 {
        self.ring.applied()
    }

    fn advance(&self, number: i64) {
        self.ring.advance(number);
    }

    fn trust_until(&self, moment: Duration) {
        if self.world.has(Fault::CountedFromTheAnswer) && moment > Duration::ZERO {
            self.ring.trust_until(Duration::from_micros(self.process.clock()) + LEASE);
        } else {
            self.ring.trust_until(moment);
        }
    }
}

pub(super) struct ModelTimer {
    world: Arc<World>,
    process: Arc<Process>,
    last: AtomicU64,
}

impl ModelTimer {
    pub(super) fn new(world: &Arc<World>, process: &Arc<Process>) -> Self {
        Self { world: world.clone(), process: process.clone(), last: AtomicU64::new(process.clock()) }
    }
}

impl Timer for ModelTimer {
    fn monotonic(&self) -> Duration {
        let now = self.process.clock();
        let last = self.last.swap(now, Ordering::SeqCst);
        let told = if self.world.has(Fault::CountedFromTheQuestion) { last } else { now };
        Duration::from_micros(told)
    }

    async fn pause(&self, time: Duration) {
        self.process.pause(time).await;
    }
}

pub(super) struct ModelSource {
    world: Arc<World>,
    process: Arc<Process>,
    project: Arc<Project>,
    /// With [`Fault::TrustBeforeCatchUp`]: what is answered instead of the number.
    stale: AtomicI64,
}

impl ModelSource {
    pub(super) fn new(world: &Arc<World>, process: &Arc<Process>) -> Self {
        let name = Identifier::parse("default").unwrap();
        let project = Project { id: ProjectId::first(), organization: name.clone(), identifier: name };
        Self {
            world: world.clone(),
            process: process.clone(),
            project: Arc::new(project),
            stale: AtomicI64::new(-1),
        }
    }

    fn row(&self, id: KeyId, change: i64) -> RingRow {
        RingRow {
            id,
            project: self.project.clone(),
            permissions: PermissionSet::EMPTY,
            enabled: true,
            expires_at: None,
            rate_per_minute: None,
            networks: None,
            parent: None,
            mac: KeyMac::from_hex(&"0".repeat(64)).unwrap(),
            pepper: PepperId(1),
            generation: 1,
            change,
            former: Vec::new(),
        }
    }

    /// The name of a lease in the database.
    fn named(&self, lease: &str) -> String {
        let same = self.world.has(Fault::NameUsedTwice).then(|| lease.rsplit_once('-')).flatten();
        same.map_or_else(|| lease.to_owned(), |(process, _)| format!("{process}-"))
    }
}

impl Source for ModelSource {
    async fn write_waiting(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn change_number(&self) -> Result<i64, StoreError> {
        let number = self.process.ask(Call::Number, |database| database.number).await?;
        let stale = self.stale.swap(-1, Ordering::SeqCst);
        Ok(if stale >= 0 { stale } else { number })
    }

    async fn changes_since(&self, after: i64) -> Result<Changes, StoreError> {
        self.process
            .ask(Call::Changes, |database| {
                let number = database.number;
                let oldest = database.changes.iter().map(|change| change.number).min();
                if number < after || (number > after && oldest.is_none_or(|oldest| oldest > after + 1)) {
                    return Changes::Behind;
                }
                let new: Vec<Change> =
                    database.changes.iter().filter(|change| change.number > after).copied().collect();
                let there = |change: &Change| {
                    database.keys.get(&change.id).map(|number| self.row(change.id, *number))
                };
                Changes::Known {
                    number,
                    keys: new.iter().filter(|change| !change.deleted).filter_map(there).collect(),
                    gone: new.iter().filter(|change| change.deleted).map(|change| change.id).collect(),
                    kinds: Vec::new(),
                    projects: None,
                }
            })
            .await
    }

    async fn snapshot(&self, mut take: impl FnMut(RingRow) + Send) -> Result<RingSnapshot, StoreError> {
        // As the store does: the number first, then the keys in parts, and what changed since is left out.
        let (number, half) = self
            .process
            .ask(Call::Snapshot, |database| {
                (database.number, database.keys.keys().nth(database.keys.len() / 2).copied())
            })
            .await?;
        for first in [true, false] {
            let part = |id: &KeyId| half.is_none_or(|half| (*id < half) == first);
            let rows: Vec<(KeyId, i64)> = self
                .process
                .ask(Call::Snapshot, |database| {
                    database
                        .keys
                        .iter()
                        .filter(|(id, _)| part(id))
                        .map(|(id, change)| (*id, *change))
                        .collect()
                })
                .await?;
            for (id, change) in rows.into_iter().filter(|(_, change)| *change <= number) {
                shuttle::future::yield_now().await;
                take(self.row(id, change));
            }
        }
        Ok(RingSnapshot { number, projects: Vec::new() })
    }

    async fn leases(&self) -> Result<Vec<LeaseRow>, StoreError> {
        let mut leases: Vec<LeaseRow> =
            self.process.ask(Call::Leases, |database| database.leases.values().cloned().collect()).await?;
        if self.world.has(Fault::NoMargin) {
            leases.iter_mut().for_each(|lease| lease.valid_for = lease.valid_for * 4 / 5);
        }
        Ok(leases)
    }

    async fn take_lease(&self, lease: &LeaseRow, former: Option<&str>) -> Result<(), StoreError> {
        let (name, former) = (self.named(&lease.id), former.map(|former| self.named(former)));
        let taken = LeaseRow { id: name.clone(), ..lease.clone() };
        self.process
            .ask(Call::Take, |database| {
                former.map(|former| database.leases.remove(&former));
                let before = database.leases.insert(name, taken);
                assert!(before.is_none(), "no lease is there twice");
            })
            .await?;
        if self.world.has(Fault::TrustBeforeCatchUp) {
            self.stale.store(lease.applied, Ordering::SeqCst);
        }
        Ok(())
    }

    async fn renew_lease(&self, id: &str, applied: i64) -> Result<bool, StoreError> {
        let told_before_applied = self.world.has(Fault::ToldBeforeApplied);
        let id = self.named(id);
        let may_until = self.process.clock() + LEASE_MICROS;
        let renewed = self
            .process
            .ask(Call::Renew, |database| {
                let number = database.number;
                let Some(lease) = database.leases.get_mut(&id) else { return false };
                lease.applied = if told_before_applied { number } else { applied };
                lease.renewal += 1;
                self.process.may_until_at_least(may_until);
                true
            })
            .await;
        match renewed {
            Err(_) if self.world.has(Fault::UnansweredRenewal) => Ok(true),
            Ok(false) if self.world.has(Fault::EndUnnoticed) => {
                // Whatever the database said, the process goes on counting.
                self.process.may_until_at_least(may_until);
                Ok(true)
            }
            renewed => renewed,
        }
    }

    async fn end_lease(&self, id: &str, renewal: i64) -> Result<bool, StoreError> {
        let ended = self
            .process
            .ask(Call::End, |database| {
                let is_as_seen = database.leases.get(id).is_some_and(|lease| lease.renewal == renewal);
                is_as_seen && database.leases.remove(id).is_some()
            })
            .await?;
        Ok(ended || self.world.has(Fault::EndUnchecked))
    }

    async fn end_former(&self, former: &Former) -> Result<(), StoreError> {
        self.process
            .ask(Call::Take, |database| match former {
                Former::Everyone => database.leases.clear(),
                Former::OfNode(node) => {
                    database.leases.retain(|id, _| !id.starts_with(&format!("{node}-")));
                }
            })
            .await
    }

    async fn return_lease(&self, id: &str) -> Result<(), StoreError> {
        let id = self.named(id);
        self.process.ask(Call::Take, |database| drop(database.leases.remove(&id))).await
    }
}
