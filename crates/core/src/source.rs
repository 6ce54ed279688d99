//! Where time and randomness come from: given by the wiring, so that rules stay rules.

use crate::key::MasterKey;
use crate::revocation::Revocation;
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

/// Where this process's master key came from: another can come to lie there, or must be put there.
pub trait KeyHome: Send + Sync + 'static {
    /// The keys that lie there at this moment.
    fn read(&self) -> Vec<MasterKey>;
    /// Puts the master key that is in force from now on there, for the next start.
    fn keep(&self, master: &MasterKey) -> Result<(), String>;
}

/// What this node remembers beside the database: the last change and the latest time that it has seen, so that a
/// copied-back database, or a clock that was set back, is noticed; and every revocation, so that none is undone by one.
pub trait HighWater: Send + Sync + 'static {
    /// The last change number seen, and the latest time.
    fn seen(&self) -> (i64, Time);
    /// The change up to which every revocation is written down here.
    fn recorded(&self) -> i64;
    /// Writes down revocations, which must be all after [`HighWater::recorded`] up to change `number`, then raises the
    /// mark; never lowers it. All is on the disk before it returns. A failure is for the log: what stands here protects a
    /// later start, not this process.
    fn raise(&self, number: i64, time: Time, revocations: &[Revocation]) -> Result<(), String>;
    /// Every revocation that is written down.
    fn revocations(&self) -> Result<Vec<Revocation>, String>;
}
