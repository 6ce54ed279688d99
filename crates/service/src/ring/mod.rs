//! The key ring: every key in memory, so that verification touches no database.
//!
//! It is loaded in one snapshot and then follows the change number. An entry carries the number of its last change and
//! is never replaced by an older one; a deletion leaves a tombstone, and nothing fills over a tombstone. The ring vouches
//! for itself only while its lease is good ([`Ring::trust_until`]); after that every question is answered with "cannot
//! tell", never with yes.

mod entry;
#[cfg(test)]
#[cfg(feature = "explore")]
mod explore;
mod fill;
mod lease;
mod parts;
mod protocol;
mod sync;

pub use entry::Entry;
pub use lease::LEASE;
pub(crate) use lease::RENEWAL;
pub(crate) use parts::{Database, Former, ProcessTimer};
pub(crate) use protocol::Member;

use hashbrown::HashTable;
use sextant_core::access::Project;
use sextant_core::id::KeyId;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use sync::{AtomicI64, AtomicU64, KeyHasher, Mutex, RwLock, SHARDS, lock};

/// The process's part in the protocol, with the server's own map, clock and database.
pub(crate) type Server = Member<Ring, ProcessTimer, Database>;

/// The ring.
#[derive(Debug)]
pub struct Ring {
    hasher: KeyHasher,
    shards: Vec<RwLock<HashTable<Arc<Entry>>>>,
    /// Deleted keys and the change that deleted them.
    tombstones: Mutex<HashMap<KeyId, i64>>,
    projects: RwLock<Vec<Arc<Project>>>,
    applied: AtomicI64,
    trusted_until: AtomicU64,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            hasher: KeyHasher::default(),
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            tombstones: Mutex::default(),
            projects: RwLock::default(),
            applied: AtomicI64::new(0),
            trusted_until: AtomicU64::new(0),
        }
    }
}

impl Ring {
    fn place(&self, id: KeyId) -> (u64, &RwLock<HashTable<Arc<Entry>>>) {
        let hash = self.hasher.hash_one(id);
        // The table uses the low and the top bits; the shard is chosen by bits between.
        (hash, &self.shards[(hash >> 40) as usize % SHARDS])
    }

    /// The entry of a key.
    pub fn get(&self, id: KeyId) -> Option<Arc<Entry>> {
        let (hash, shard) = self.place(id);
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        shard.find(hash, |entry| entry.id == id).cloned()
    }

    /// Puts an entry in, unless a newer one is there or the key was deleted.
    pub fn put(&self, mut entry: Entry) {
        // The tombstones stay locked until the entry is in: a deletion cannot come between.
        let tombstones = lock(&self.tombstones);
        if tombstones.contains_key(&entry.id) {
            return;
        }
        let (hash, shard) = self.place(entry.id);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        match shard.find_mut(hash, |known| known.id == entry.id) {
            Some(known) if known.change > entry.change => {}
            Some(known) => {
                entry.limit = known.limit.carry();
                *known = Arc::new(entry);
            }
            None => {
                shard.insert_unique(hash, Arc::new(entry), |known| self.hasher.hash_one(known.id));
            }
        }
    }

    /// Takes a key out for good.
    pub fn bury(&self, id: KeyId, change: i64) {
        let mut tombstones = lock(&self.tombstones);
        tombstones.insert(id, change);
        let (hash, shard) = self.place(id);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(found) = shard.find_entry(hash, |entry| entry.id == id) {
            found.remove();
        }
    }

    /// Forgets tombstones of changes that are in. The caller makes sure that no fill is under way, which could have read a
    /// key before it was deleted.
    fn forget_tombstones(&self) {
        let applied = self.applied();
        let mut tombstones = lock(&self.tombstones);
        tombstones.retain(|_, change| *change > applied);
        tombstones.shrink_to_fit();
    }

    /// Drops every entry that is not among those that a fresh snapshot has.
    fn retain(&self, keep: impl Fn(&Entry) -> bool) {
        for shard in &self.shards {
            shard.write().unwrap_or_else(PoisonError::into_inner).retain(|entry| keep(entry));
        }
    }

    /// Gives back memory that loading took and the entries do not need.
    fn settle(&self) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.shrink_to_fit(|entry| self.hasher.hash_one(entry.id));
        }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last change that is in.
    pub fn applied(&self) -> i64 {
        self.applied.load(Ordering::Acquire)
    }

    fn advance(&self, number: i64) {
        self.applied.fetch_max(number, Ordering::AcqRel);
    }

    /// Vouches for the ring until this moment of the process clock.
    pub fn trust_until(&self, moment: Duration) {
        self.trusted_until.store(u64::try_from(moment.as_micros()).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// Whether the ring can be believed at this moment of the process clock.
    pub fn is_trusted(&self, moment: Duration) -> bool {
        moment.as_micros() < u128::from(self.trusted_until.load(Ordering::Acquire))
    }

    /// All projects.
    pub fn projects(&self) -> Vec<Arc<Project>> {
        self.projects.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_projects(&self, projects: Vec<Arc<Project>>) {
        *self.projects.write().unwrap_or_else(PoisonError::into_inner) = projects;
    }
}

// Outside of an exploration shuttle's locks do not work.
#[cfg(test)]
#[cfg(not(feature = "explore"))]
mod tests {
    use super::*;
    use sextant_core::id::{Identifier, ProjectId};
    use sextant_core::key::{KeyMac, PepperId};
    use sextant_core::permission::PermissionSet;
    use sextant_store::RingRow;

    fn entry(id: &str, change: i64) -> Entry {
        let name = Identifier::parse("default").unwrap();
        Entry::from(RingRow {
            id: KeyId::parse(id).unwrap(),
            project: Arc::new(Project {
                id: ProjectId::first(),
                organization: name.clone(),
                identifier: name,
            }),
            permissions: PermissionSet::EMPTY,
            enabled: change % 2 == 0,
            expires_at: None,
            rate_per_minute: None,
            networks: None,
            parent: None,
            mac: KeyMac::from_hex(&"0".repeat(64)).unwrap(),
            pepper: PepperId(1),
            generation: 1,
            change,
            former: Vec::new(),
        })
    }

    #[test]
    fn nothing_older_replaces_something_newer_and_nothing_fills_over_a_tombstone() {
        let ring = Ring::default();
        let id = KeyId::parse("abcdefghijkl").unwrap();
        ring.put(entry("abcdefghijkl", 2));
        ring.put(entry("abcdefghijkl", 5));
        ring.put(entry("abcdefghijkl", 4));
        assert_eq!(ring.get(id).map(|entry| entry.change), Some(5));
        ring.bury(id, 7);
        ring.put(entry("abcdefghijkl", 6));
        assert!(ring.get(id).is_none() && ring.is_empty());
        ring.forget_tombstones();
        ring.put(entry("abcdefghijkl", 6));
        assert!(ring.is_empty(), "a change that is not in yet keeps its tombstone");
        ring.advance(7);
        ring.forget_tombstones();
        assert!(lock(&ring.tombstones).is_empty());
    }

    #[test]
    fn trust_ends_with_the_lease() {
        let ring = Ring::default();
        assert!(!ring.is_trusted(Duration::ZERO), "a ring that was never vouched for is not believed");
        ring.trust_until(Duration::from_secs(4));
        assert!(ring.is_trusted(Duration::from_millis(3999)));
        assert!(!ring.is_trusted(Duration::from_secs(4)));
    }
}
