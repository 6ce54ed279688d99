//! The locks and counters of the key ring: the standard library's, or shuttle's where its schedules are explored.

use std::sync::PoisonError;

#[cfg(feature = "explore")]
pub(super) use self::explored::*;
#[cfg(not(feature = "explore"))]
pub(super) use self::plain::*;

#[cfg(not(feature = "explore"))]
mod plain {
    pub(in crate::ring) use hashbrown::DefaultHashBuilder as KeyHasher;
    pub(in crate::ring) use std::sync::atomic::{AtomicI64, AtomicU64};
    pub(in crate::ring) use std::sync::{Mutex, MutexGuard, RwLock};

    /// Into how many parts the ring is divided, so that threads seldom meet at one lock.
    pub(in crate::ring) const SHARDS: usize = 64;
}

#[cfg(feature = "explore")]
mod explored {
    pub(in crate::ring) use shuttle::sync::atomic::{AtomicI64, AtomicU64};
    pub(in crate::ring) use shuttle::sync::{Mutex, MutexGuard, RwLock};

    /// The same in every run, so that a schedule can be run again.
    pub(in crate::ring) type KeyHasher = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

    /// Few: taking each lock is a step of a schedule.
    pub(in crate::ring) const SHARDS: usize = 2;
}

/// Locks; what a panic left behind is used all the same, since every change to it is whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
