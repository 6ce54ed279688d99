//! A request rate limit in one atomic word: the generic cell rate algorithm (GCRA).
//!
//! The word holds the theoretical arrival time in microseconds of the process clock. A request is let through
//! when that time is not more than one minute ahead; burst and sustained rate are both the limit per minute.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WINDOW: u64 = 60_000_000;

/// The state of one key's limit. Nothing has been used at the start.
#[derive(Debug, Default)]
pub struct RateLimit(AtomicU64);

/// The outcome of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Whether the request may pass.
    pub allowed: bool,
    /// How many more may follow at once.
    pub remaining: u32,
    /// When one that was refused may come again.
    pub retry_after: Duration,
    /// When the whole burst is there again.
    pub reset_after: Duration,
}

impl RateLimit {
    /// Asks for one request under `per_minute` at `now` (process clock).
    pub fn ask(&self, per_minute: u32, now: Duration) -> Allowance {
        let interval = WINDOW / u64::from(per_minute.max(1));
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let burst = interval * u64::from(per_minute.max(1));
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let start = seen.max(now);
            let after = start + interval;
            let allowed = after - now <= burst;
            if !allowed {
                return Allowance {
                    allowed,
                    remaining: 0,
                    retry_after: Duration::from_micros(after - now - burst),
                    reset_after: Duration::from_micros(start - now),
                };
            }
            match self.0.compare_exchange_weak(seen, after, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    let remaining = (burst - (after - now)) / interval;
                    return Allowance {
                        allowed,
                        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
                        retry_after: Duration::ZERO,
                        reset_after: Duration::from_micros(after - now),
                    };
                }
                Err(current) => seen = current,
            }
        }
    }

    /// Takes one request back that turned out not to count.
    pub fn give_back(&self, per_minute: u32) {
        let interval = WINDOW / u64::from(per_minute.max(1));
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seen| Some(seen.saturating_sub(interval)));
    }

    /// Whether nothing is used up at `now`.
    pub fn is_full(&self, now: Duration) -> bool {
        u128::from(self.0.load(Ordering::Relaxed)) <= now.as_micros()
    }

    /// The state, so that an entry that is replaced keeps what was used.
    #[must_use]
    pub fn carry(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_burst_is_the_limit_and_comes_back() {
        let limit = RateLimit::default();
        let start = Duration::from_secs(1000);
        for left in (0..5).rev() {
            assert_eq!(limit.ask(5, start).remaining, left);
        }
        let refused = limit.ask(5, start);
        assert!(!refused.allowed);
        assert_eq!(refused.retry_after, Duration::from_secs(12));
        assert!(limit.ask(5, start + Duration::from_secs(12)).allowed);
        assert!(!limit.ask(5, start + Duration::from_secs(12)).allowed);
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_twice_the_limit(per_minute in 1u32..200, steps in proptest::collection::vec(0u64..2_000_000, 1..600)) {
            let limit = RateLimit::default();
            let mut now = 1_000_000_000u64;
            let mut passed: Vec<u64> = Vec::new();
            for step in steps {
                now += step;
                if limit.ask(per_minute, Duration::from_micros(now)).allowed {
                    passed.push(now);
                }
            }
            for (at, first) in passed.iter().enumerate() {
                let inside = passed[at..].iter().take_while(|time| **time < first + WINDOW).count();
                prop_assert!(inside <= 2 * per_minute as usize + 1);
            }
        }
    }
}
