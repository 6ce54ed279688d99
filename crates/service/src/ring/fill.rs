//! Filling the map: what was committed, by whomever, comes in in the order of its commits.

use super::Entry;
use super::parts::{Map, Source, Timer};
use super::protocol::Member;
use sextant_core::id::KeyId;
use sextant_store::{ChangeKind, Changes, StoreError};
use std::collections::HashSet;

impl<M: Map, T: Timer, S: Source> Member<M, T, S> {
    /// Looks whether anything was committed, and applies it.
    pub(super) async fn poll(&self) -> Result<bool, StoreError> {
        // Read before the question: what this process commits and applies meanwhile is not ahead of the database.
        let applied = self.map.applied();
        let number = self.source.change_number().await?;
        if number < applied {
            return Err(went_back());
        }
        self.catch_up(number).await
    }

    /// Applies what was committed up to now, at least up to `number`. Answers whether anything was new.
    pub(super) async fn catch_up(&self, number: i64) -> Result<bool, StoreError> {
        let _turn = self.fill.lock().await;
        let applied = self.map.applied();
        if applied >= number {
            return Ok(false);
        }
        match self.source.changes_since(applied).await? {
            Changes::Behind => self.reload().await?,
            known @ Changes::Known { .. } => {
                let number = self.apply(known).await?;
                self.map.advance(number);
            }
        }
        Ok(true)
    }

    /// Loads everything.
    pub(super) async fn load(&self) -> Result<(), StoreError> {
        let _turn = self.fill.lock().await;
        self.reload().await
    }

    /// Reads all keys while others change, then what they changed, and drops what is in neither. Only then is anything said
    /// to be in. The caller has the turn.
    async fn reload(&self) -> Result<(), StoreError> {
        let map = &self.map;
        // An older database has keys that were deleted: none of them may come in, not even for a moment.
        if self.source.change_number().await? < map.applied() {
            return Err(went_back());
        }
        let was_empty = map.is_empty();
        let mut seen: HashSet<KeyId> = HashSet::new();
        let take = |row: sextant_store::RingRow| {
            if !was_empty {
                seen.insert(row.id);
            }
            map.put(Entry::from(row));
        };
        let snapshot = self.source.snapshot(take).await?;
        map.set_projects(snapshot.projects);
        let changes = self.source.changes_since(snapshot.number).await?;
        if matches!(changes, Changes::Behind) {
            return Err(StoreError::Unavailable("changes were cleared while keys were loaded".to_owned()));
        }
        let number = self.apply(changes).await?;
        if was_empty {
            map.settle();
        } else {
            map.retain(|entry| seen.contains(&entry.id) || entry.change > snapshot.number);
        }
        map.advance(number);
        self.developers.send_replace(number);
        Ok(())
    }

    /// Puts changes in; answers up to which number they go.
    async fn apply(&self, changes: Changes) -> Result<i64, StoreError> {
        let Changes::Known { number, keys, gone, kinds, projects } = changes else {
            return Ok(self.map.applied());
        };
        if kinds.contains(&ChangeKind::MasterKey) {
            self.source.write_waiting().await?;
        }
        for id in gone {
            self.map.bury(id, number);
        }
        for row in keys {
            self.map.put(Entry::from(row));
        }
        if let Some(projects) = projects {
            self.map.set_projects(projects);
        }
        if kinds.contains(&ChangeKind::Developers) {
            self.developers.send_replace(number);
        }
        Ok(number)
    }
}

/// A copy was put in the database's place under a running server.
fn went_back() -> StoreError {
    StoreError::Unavailable("the database is older than what this server has seen".to_owned())
}
