//! Where time and randomness come from: given by the wiring, so that rules stay rules.

use crate::time::Time;
use std::time::Duration;

/// A clock. Expiry is judged by [`Clock::now`]; leases and time-outs by [`Clock::monotonic`].
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> Time;
    /// Time since some fixed point of this process; never steps back.
    fn monotonic(&self) -> Duration;
}

/// A source of unpredictable bytes. It has no error: a process that cannot have randomness must not go on.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}
