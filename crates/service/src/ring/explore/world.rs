//! The world that the processes of an exploration live in: one time, one database, what was promised to whom.
//!
//! What belongs to the world is behind the standard library's locks, never held over a step: only the code under
//! exploration and the calls to the database are steps of a schedule.

use super::fault::Fault;
use sextant_core::id::KeyId;
use sextant_store::{LeaseRow, StoreError};
use shuttle::rand::{Rng, thread_rng};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Microseconds.
pub(super) const SECOND: u64 = 1_000_000;
pub(super) const MILLI: u64 = 1_000;

pub(super) fn chance(one_in: u32) -> bool {
    thread_rng().gen_ratio(1, one_in)
}

pub(super) fn upto(limit: u64) -> u64 {
    thread_rng().gen_range(0..=limit)
}

pub(super) fn below(limit: usize) -> usize {
    thread_rng().gen_range(0..limit)
}

pub(super) fn one_of<T: Copy, const N: usize>(choices: [T; N]) -> T {
    choices[below(N)]
}

pub(super) struct World {
    time: Mutex<Time>,
    database: Mutex<Database>,
    promises: Mutex<Vec<Promise>>,
    /// Time goes on at one in so many of its turns.
    slow: u32,
    /// One in so many ways to the database takes long.
    rough: u32,
    /// This kind of question takes long.
    slow_call: Call,
    /// After this kind of question servers tend to be cut off or stopped.
    sore_call: Call,
    /// How far apart one publisher's changes are, at most.
    pub(super) gap: u64,
    /// Nothing goes wrong any more.
    calm: AtomicBool,
    over: AtomicBool,
    pub(super) fault: Option<Fault>,
}

#[derive(Default)]
struct Time {
    now: u64,
    sleepers: BTreeMap<(u64, u64), Waker>,
    counter: u64,
    stopped: bool,
}

/// What may not happen any more with a key.
#[derive(Clone, Copy)]
pub(super) struct Promise {
    pub(super) id: KeyId,
    /// Nobody is let in by a state from before this change.
    pub(super) not_before: i64,
}

/// The model of the database.
#[derive(Default)]
pub(super) struct Database {
    pub(super) number: i64,
    pub(super) keys: BTreeMap<KeyId, i64>,
    pub(super) changes: Vec<Change>,
    pub(super) leases: BTreeMap<String, LeaseRow>,
    drawn: i64,
}

#[derive(Clone, Copy)]
pub(super) struct Change {
    pub(super) number: i64,
    pub(super) id: KeyId,
    pub(super) deleted: bool,
}

/// What a process asks of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Number,
    Changes,
    Snapshot,
    Leases,
    Take,
    Renew,
    End,
    Commit,
}

impl Call {
    const ALL: [Self; 8] = [
        Self::Number,
        Self::Changes,
        Self::Snapshot,
        Self::Leases,
        Self::Take,
        Self::Renew,
        Self::End,
        Self::Commit,
    ];
}

/// What a publisher does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Write,
    Delete,
}

impl Database {
    pub(super) fn commit(&mut self, id: KeyId, deed: Deed, number: i64) {
        match deed {
            Deed::Delete => drop(self.keys.remove(&id)),
            Deed::Write => drop(self.keys.insert(id, number)),
        }
        self.changes.push(Change { number, id, deleted: deed == Deed::Delete });
    }

    /// A number as a sequence gives it, which asks nobody what is committed.
    pub(super) fn draw_number(&mut self) -> i64 {
        self.drawn = self.drawn.max(self.number) + 1;
        self.drawn
    }
}

impl World {
    pub(super) fn new(fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Self {
            time: Mutex::new(Time { now: upto(10 * SECOND), ..Time::default() }),
            database: Mutex::default(),
            promises: Mutex::default(),
            slow: one_of([1, 3, 8]),
            rough: one_of([8, 25, 75]),
            sore_call: fault.and_then(Fault::shows_where_sore).unwrap_or_else(|| one_of(Call::ALL)),
            gap: one_of([SECOND, 8 * SECOND]),
            slow_call: fault.and_then(Fault::shows_where_slow).unwrap_or_else(|| one_of(Call::ALL)),
            calm: AtomicBool::new(false),
            over: AtomicBool::new(false),
            fault,
        })
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    pub(super) fn now(&self) -> u64 {
        self.time.lock().unwrap().now
    }

    pub(super) fn database(&self) -> MutexGuard<'_, Database> {
        self.database.lock().unwrap()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_calm(&self) -> bool {
        self.calm.load(Ordering::SeqCst)
    }

    pub(super) fn calm_down(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    /// What is promised at this moment.
    pub(super) fn promises(&self) -> Vec<Promise> {
        self.promises.lock().unwrap().clone()
    }

    pub(super) fn know(&self, id: KeyId) {
        self.promises.lock().unwrap().push(Promise { id, not_before: 0 });
    }

    /// A change was published: from now on nobody is let in by a state from before it.
    pub(super) fn promise(&self, id: KeyId, deed: Deed, number: i64) {
        let mut promises = self.promises.lock().unwrap();
        let promise = promises.iter_mut().find(|promise| promise.id == id).unwrap();
        let floor = if deed == Deed::Delete { i64::MAX } else { number };
        promise.not_before = promise.not_before.max(floor);
    }

    pub(super) fn stop_time(&self) {
        self.time.lock().unwrap().stopped = true;
    }

    /// Lets time pass, by a turn. `false` when it has stopped.
    pub(super) fn advance(&self) -> bool {
        // In peace the database answers soon.
        if !chance(if self.is_calm() { 10 } else { self.slow }) {
            return true;
        }
        let mut time = self.time.lock().unwrap();
        if time.stopped {
            return false;
        }
        let next = time.sleepers.keys().next().map(|(until, _)| *until);
        let little = time.now + upto(30 * MILLI);
        time.now = match next {
            Some(next) if chance(4) => little.min(next.max(time.now)),
            Some(next) => next.max(time.now),
            None => little,
        };
        let now = time.now;
        let mut due = Vec::new();
        while let Some(entry) = time.sleepers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            due.push(entry.remove());
        }
        drop(time);
        due.into_iter().for_each(Waker::wake);
        true
    }

    /// Waits until a moment of the one time.
    pub(super) fn sleep_until(self: &Arc<Self>, until: u64) -> impl Future<Output = ()> + Send + use<> {
        Sleep { world: self.clone(), until }
    }

    pub(super) async fn sleep(self: &Arc<Self>, micros: u64) {
        self.sleep_until(self.now() + micros).await;
    }
}

struct Sleep {
    world: Arc<World>,
    until: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut time = self.world.time.lock().unwrap();
        if time.now >= self.until {
            return Poll::Ready(());
        }
        time.counter += 1;
        let place = (self.until, time.counter);
        time.sleepers.insert(place, context.waker().clone());
        Poll::Pending
    }
}

/// A process of the model: its clock, and what goes wrong with it.
pub(super) struct Process {
    pub(super) name: String,
    world: Arc<World>,
    serves: bool,
    /// By how many thousandths its clock goes.
    rate: u64,
    offset: u64,
    stopped_until: AtomicU64,
    cut_until: AtomicU64,
    dead: AtomicBool,
    /// Until when, by its own clock, it may let anybody in.
    may_until: AtomicU64,
}

impl Process {
    pub(super) fn new(world: &Arc<World>, name: String, serves: bool) -> Arc<Self> {
        // Any two differ by less than a quarter.
        let rate = one_of([1000, 1249]);
        Arc::new(Self {
            name,
            world: world.clone(),
            serves,
            rate,
            offset: upto(100 * SECOND),
            stopped_until: AtomicU64::new(0),
            cut_until: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            may_until: AtomicU64::new(0),
        })
    }

    /// Its own clock.
    pub(super) fn clock(&self) -> u64 {
        self.offset + self.world.now() * self.rate / 1000
    }

    /// Waits by its own clock.
    pub(super) async fn pause(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap();
        self.world.sleep(micros * 1000 / self.rate + 1).await;
        self.go_on().await;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_dead() || self.world.is_over()
    }

    pub(super) fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    pub(super) fn stop_for(&self, micros: u64) {
        self.stopped_until.store(self.world.now() + micros, Ordering::SeqCst);
    }

    pub(super) fn cut_for(&self, micros: u64) {
        self.cut_until.store(self.world.now() + micros, Ordering::SeqCst);
    }

    /// Nothing of a stopped process goes on.
    pub(super) async fn go_on(&self) {
        loop {
            let until = self.stopped_until.load(Ordering::SeqCst);
            if self.world.is_calm() || self.world.now() >= until {
                return;
            }
            self.world.sleep_until(until).await;
        }
    }

    pub(super) fn may_until(&self) -> u64 {
        self.may_until.load(Ordering::SeqCst)
    }

    pub(super) fn may_until_at_least(&self, moment: u64) {
        self.may_until.fetch_max(moment, Ordering::SeqCst);
    }

    /// The way to the database, or back: takes its time, or is cut.
    async fn way(&self, call: Call) -> Result<(), StoreError> {
        self.go_on().await;
        let one_in = if self.world.slow_call == call { 3 } else { self.world.rough };
        if !self.world.is_calm() && chance(one_in) {
            self.world.sleep(upto(3 * SECOND)).await;
        } else {
            shuttle::future::yield_now().await;
        }
        self.go_on().await;
        let cut = !self.world.is_calm() && self.world.now() < self.cut_until.load(Ordering::SeqCst);
        if cut || self.is_dead() {
            return Err(StoreError::Unavailable("cut off".to_owned()));
        }
        Ok(())
    }

    /// One transaction. An error leaves open whether it happened.
    pub(super) async fn ask<R>(
        &self,
        call: Call,
        transaction: impl FnOnce(&mut Database) -> R,
    ) -> Result<R, StoreError> {
        self.way(call).await?;
        let answer = transaction(&mut self.world.database());
        self.way(call).await?;
        if self.serves && !self.world.is_calm() && self.world.sore_call == call && chance(8) {
            let micros = upto(9 * SECOND);
            if chance(3) { self.stop_for(micros) } else { self.cut_for(micros) }
        }
        Ok(answer)
    }
}
