//! How soon a change by another process is noticed: at once where somebody tells, by asking often where nobody does.

use crate::Sextant;
use sextant_store::Wakeups;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How often the database is asked while nobody tells.
const OFTEN: Duration = Duration::from_millis(40);
/// How often while somebody does: being told is a hint, asking is the truth.
const SELDOM: Duration = Duration::from_millis(500);
/// The least time between two questions, however much is told.
const BREATH: Duration = Duration::from_millis(5);
/// For how many questions nobody is relied on after a change came untold.
const DISTRUST: u32 = 1500;

/// Being told by the wiring.
#[derive(Debug, Default)]
pub(crate) struct Nudges {
    told: Notify,
    expected: AtomicBool,
}

impl Sextant {
    /// Tells that something was committed, which is then looked for at once.
    pub fn nudge(&self) {
        self.nudges.told.notify_one();
    }

    /// Says whether the wiring will [nudge](Self::nudge) after commits of other processes.
    pub fn expect_nudges(&self, expected: bool) {
        self.nudges.expected.store(expected, Ordering::Relaxed);
    }
}

/// When to ask next.
pub(crate) struct Pace<'a> {
    nudges: &'a Nudges,
    wakeups: Wakeups,
    distrust: u32,
}

impl<'a> Pace<'a> {
    /// Listens to the wiring and to the database.
    pub(crate) fn new(nudges: &'a Nudges, wakeups: Wakeups) -> Self {
        Self { nudges, wakeups, distrust: 0 }
    }

    /// Waits until it is time to ask. Answers whether somebody told.
    pub(crate) async fn next(&mut self) -> bool {
        tokio::time::sleep(BREATH).await;
        let rest = self.pause().saturating_sub(BREATH);
        tokio::select! {
            () = self.wakeups.next() => true,
            () = self.nudges.told.notified() => true,
            () = tokio::time::sleep(rest) => false,
        }
    }

    fn pause(&self) -> Duration {
        let heard = self.wakeups.are_heard() || self.nudges.expected.load(Ordering::Relaxed);
        if heard && self.distrust == 0 { SELDOM } else { OFTEN }
    }

    /// Learns from what asking brought: who did not tell once is not relied on for a while.
    pub(crate) fn learn(&mut self, told: bool, found: bool) {
        self.distrust = if found && !told { DISTRUST } else { self.distrust.saturating_sub(1) };
    }
}
