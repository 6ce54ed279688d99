//! Noticing that a database was put back, and going on all the same if someone says so.

use crate::Sextant;
use crate::error::Failure;
use serde_json::json;
use sextant_core::access::{Permit, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::permission::action::ApiKeysWrite;
use std::sync::Arc;

impl Sextant {
    /// How far the database is behind what this node has seen: the mark and the database's number, if it is.
    pub async fn rolled_back(&self) -> Result<Option<(i64, i64)>, Failure> {
        let (seen, _) = self.mark.seen();
        let number = self.store.change_number().await?;
        Ok((number < seen).then_some((seen, number)))
    }

    /// Goes on with a database that was put back: every key is switched off, since nobody can tell which of them were
    /// deleted or narrowed in what was lost. Answers how many were on.
    pub async fn accept_rollback(&self) -> Result<u64, Failure> {
        let Some((seen, number)) = self.rolled_back().await? else { return Ok(0) };
        let permit: Permit<ApiKeysWrite> = Permit::system("an accepted rollback", Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        let disabled = tx.disable_all_keys(seen).await?;
        let note = Note {
            kind: Kind::Installation,
            event: Event::Edited,
            subject_id: "database".to_owned(),
            subject_name: "the database was put back".to_owned(),
            before: Some(json!({"changeNumberSeen": seen, "changeNumberFound": number})),
            after: Some(json!({"keysDisabled": disabled})),
        };
        let changed = tx.commit(vec![note]).await?;
        if let Some(changed) = changed {
            self.raise_mark(changed).await;
        }
        Ok(disabled)
    }

    /// Writes down what this node has seen; off the threads that answer requests, since it waits for the disk.
    pub(crate) async fn raise_mark(&self, number: i64) {
        let (mark, now) = (Arc::clone(&self.mark), self.latest(self.clock.now()));
        let raised = tokio::task::spawn_blocking(move || mark.raise(number, now)).await;
        let problem = match raised {
            Ok(Ok(())) => return,
            Ok(Err(problem)) => problem,
            Err(error) => error.to_string(),
        };
        tracing::error!(
            problem,
            "could not write the high-water mark; a copied-back database may not be noticed"
        );
    }
}
