//! Exploring the protocol: shuttle runs the very code of [`super::protocol`], with a model of the database, clocks that go
//! at different rates, and processes that are stopped, cut off, killed and started again, in many schedules.
//!
//! `cargo xtask test --only explore` runs a bounded number of schedules, the same ones each time; `SEXTANT_LONG=1` many
//! more, others each time, and prints the seed. `SEXTANT_EXPLORE_SEED` runs those of one seed again.

mod fault;
mod model;
mod scenario;
mod world;

use fault::Fault;
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SEED: u64 = 20_261_123;
/// Far more than any schedule takes: one that reaches it goes on for ever.
const STEPS: usize = 2_000_000;

fn long() -> bool {
    std::env::var_os("SEXTANT_LONG").is_some()
}

/// Runs schedules until one violates something: answers which one, and what.
fn explore(fault: Option<Fault>, seed: u64, schedules: usize) -> Option<(usize, String)> {
    let mut config = Config::new();
    config.silence_warnings = true;
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = MaxSteps::FailAfter(STEPS);
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let runner = Runner::new(RandomScheduler::new_from_seed(seed, schedules), config);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        runner.run(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            scenario::run(fault);
        })
    }));
    let panic = outcome.err()?;
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Some((count.load(Ordering::SeqCst), text.unwrap_or_default()))
}

#[test]
fn no_schedule_violates_anything() {
    let given = std::env::var("SEXTANT_EXPLORE_SEED").ok().map(|seed| seed.parse().unwrap());
    let seed = given.unwrap_or_else(|| if long() { u64::from(std::process::id()) } else { SEED });
    let schedules = if long() { 100_000 } else { 2_000 };
    println!("{schedules} schedules of seed {seed}");
    let found = explore(None, seed, schedules);
    assert_eq!(found, None, "again with SEXTANT_EXPLORE_SEED={seed}");
}

#[test]
fn every_broken_rule_is_noticed() {
    for fault in Fault::ALL {
        // Few schedules show these: a slow answer must fall on a lease that is renewed, or taken, just after it was sent.
        let seldom = matches!(fault, Fault::CountedFromTheQuestion | Fault::NameUsedTwice);
        match (seldom, long()) {
            (false, _) => is_noticed(fault, 10_000),
            (true, true) => is_noticed(fault, 1_000_000),
            (true, false) => {}
        }
    }
}

fn is_noticed(fault: Fault, within: usize) {
    let found = explore(Some(fault), SEED, within);
    let (schedule, what) = found.unwrap_or_else(|| panic!("{fault:?} goes unnoticed"));
    println!("{fault:?}: noticed in schedule {schedule}: {what}");
    assert!(what.contains("violation"), "{fault:?}: {what}");
}
