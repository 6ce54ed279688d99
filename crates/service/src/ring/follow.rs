//! Following the change number: what was committed, by whomever, comes into the ring in the order of its commits.

use super::{Entry, Ring};
use crate::rekeying::Rekeying;
use sextant_core::id::KeyId;
use sextant_store::{ChangeKind, Changes, Glance, Store, StoreError};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use tokio::sync::{Mutex, watch};

/// Every so many polls the database is asked, whatever a glance says.
const ASK_EVERY: u64 = 6;

/// Brings the ring up to what the database says.
#[derive(Debug)]
pub(crate) struct Follower {
    store: Store,
    ring: Arc<Ring>,
    rekeying: Arc<Rekeying>,
    /// One catch-up at a time: what it reads and what it writes belong together.
    turn: Mutex<()>,
    /// What the database looked like when nothing new was found in it.
    seen: std::sync::Mutex<Option<Glance>>,
    polls: AtomicU64,
    /// Raised when the developer records changed.
    developers: watch::Sender<i64>,
}

impl Follower {
    pub(crate) fn new(store: Store, ring: Arc<Ring>, rekeying: Arc<Rekeying>) -> Self {
        Self {
            store,
            ring,
            rekeying,
            turn: Mutex::default(),
            seen: std::sync::Mutex::default(),
            polls: AtomicU64::new(0),
            developers: watch::Sender::new(0),
        }
    }

    /// Tells when the developer records have changed: the number of the change.
    pub(crate) fn developers(&self) -> watch::Receiver<i64> {
        self.developers.subscribe()
    }

    /// Loads everything.
    pub(crate) async fn load(&self) -> Result<(), StoreError> {
        let turn = self.turn.lock().await;
        self.reload().await?;
        drop(turn);
        // Keys that changed while the others were read come now.
        self.catch_up(self.store.change_number().await?).await?;
        Ok(())
    }

    async fn reload(&self) -> Result<(), StoreError> {
        let ring = &self.ring;
        let was_empty = ring.is_empty();
        let mut seen: HashSet<KeyId> = HashSet::new();
        let snapshot = self
            .store
            .ring_snapshot(|row| {
                if !was_empty {
                    seen.insert(row.id);
                }
                ring.put(Entry::from(row));
            })
            .await?;
        if was_empty {
            ring.reserve_exactly();
        } else {
            ring.retain(|entry| seen.contains(&entry.id) || entry.change > snapshot.number);
        }
        ring.set_projects(snapshot.projects);
        ring.advance(snapshot.number);
        self.developers.send_replace(snapshot.number);
        Ok(())
    }

    /// Applies what was committed up to now, at least up to `number`. Answers whether anything was new.
    pub(crate) async fn catch_up(&self, number: i64) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        if self.ring.applied() >= number {
            return Ok(false);
        }
        match self.store.changes_since(self.ring.applied()).await? {
            Changes::Behind => self.reload().await?,
            Changes::Known { number, keys, gone, kinds, projects } => {
                if kinds.contains(&ChangeKind::MasterKey) {
                    self.rekeying.write().await?;
                }
                for id in gone {
                    self.ring.bury(id, number);
                }
                for row in keys {
                    self.ring.put(Entry::from(row));
                }
                if let Some(projects) = projects {
                    self.ring.set_projects(projects);
                }
                self.ring.advance(number);
                if kinds.contains(&ChangeKind::Developers) {
                    self.developers.send_replace(number);
                }
            }
        }
        Ok(true)
    }

    /// Looks whether anything was committed, and applies it.
    pub(crate) async fn poll(&self) -> Result<bool, StoreError> {
        let glance = self.store.glance();
        // A glance can miss a commit that follows another within the file system's clock: every so often the database is
        // asked all the same.
        let ask = self.polls.fetch_add(1, Ordering::Relaxed).is_multiple_of(ASK_EVERY);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !ask && glance.is_some() && seen == glance {
            return Ok(false);
        }
        let number = self.store.change_number().await?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = glance;
        if number < self.ring.applied() {
            // The database went back: a copy was put in its place under a running server.
            let _turn = self.turn.lock().await;
            return Err(StoreError::Unavailable(
                "the database is older than what this server has seen".to_owned(),
            ));
        }
        let caught_up = self.catch_up(number).await;
        if caught_up.is_err() {
            *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        caught_up
    }
}
