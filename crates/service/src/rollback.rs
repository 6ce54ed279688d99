//! Noticing that a database was put back, and going on all the same if someone says so.

use crate::Sextant;
use crate::error::Failure;
use serde_json::json;
use sextant_core::access::{Permit, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::id::KeyId;
use sextant_core::permission::action::ApiKeysWrite;
use sextant_core::revocation::{Revocation, RevocationKind};
use sextant_store::Tx;
use std::sync::Arc;

impl Sextant {
    /// How far the database is behind what this node has seen: the mark and the database's number, if it is.
    pub async fn rolled_back(&self) -> Result<Option<(i64, i64)>, Failure> {
        let (seen, _) = self.mark.seen();
        let number = self.store.change_number().await?;
        Ok((number < seen).then_some((seen, number)))
    }

    /// Goes on with a database that was put back: every key is switched off, since nobody can tell which of them were
    /// narrowed in what was lost; those that this node knows were deleted are deleted. Answers how many were on.
    pub async fn accept_rollback(&self) -> Result<u64, Failure> {
        let Some((seen, number)) = self.rolled_back().await? else { return Ok(0) };
        let known = self.known_revocations().await?;
        let permit: Permit<ApiKeysWrite> = Permit::system("an accepted rollback", Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        let disabled = tx.disable_all_keys(seen).await?;
        let buried = bury(&mut tx, &known).await?;
        let mut notes = burials(&buried);
        notes.push(Note {
            kind: Kind::Installation,
            event: Event::Edited,
            subject_id: "database".to_owned(),
            subject_name: "the database was put back".to_owned(),
            before: Some(json!({"changeNumberSeen": seen, "changeNumberFound": number})),
            after: Some(json!({"keysDisabled": disabled, "keysDeleted": buried.len()})),
        });
        let changed = tx.commit(notes).await?;
        self.record_taken(changed).await;
        Ok(disabled)
    }

    /// Ends the keys that this node knows were deleted and that are in the database all the same: somebody put a copy of
    /// them there. Answers how many they were, with those that they made.
    pub async fn bury_deleted(&self) -> Result<usize, Failure> {
        // A node that is new to this database has it all to learn.
        self.raise_mark(self.store.change_number().await?).await;
        let known = self.known_revocations().await?;
        let deleted: Vec<&str> = known
            .iter()
            .filter(|revocation| revocation.kind == RevocationKind::Deleted)
            .map(|revocation| revocation.subject.as_str())
            .collect();
        if !self.store.has_any_key(&deleted).await? {
            return Ok(0);
        }
        let permit: Permit<ApiKeysWrite> = Permit::system("deleted before", Scope::Account);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        let buried = bury(&mut tx, &known).await?;
        let changed = tx.commit(burials(&buried)).await?;
        self.record_taken(changed).await;
        Ok(buried.len())
    }

    async fn known_revocations(&self) -> Result<Vec<Revocation>, Failure> {
        let mark = Arc::clone(&self.mark);
        let read = tokio::task::spawn_blocking(move || mark.revocations()).await;
        read.map_err(|error| error.to_string()).flatten().map_err(Failure::unavailable)
    }

    /// Writes down what a committed change took, where it took something.
    pub(crate) async fn record_taken(&self, number: Option<i64>) {
        if let Some(number) = number {
            self.raise_mark(number).await;
        }
    }

    /// Writes down what this node has seen and what was revoked; off the threads that answer requests, since it waits for
    /// the disk.
    pub(crate) async fn raise_mark(&self, number: i64) {
        let (mark, now) = (Arc::clone(&self.mark), self.latest(self.clock.now()));
        let recorded = mark.recorded();
        let revoked =
            if recorded < number { self.store.revocations_since(recorded).await } else { Ok(Vec::new()) };
        let raised = match revoked {
            Ok(revoked) => tokio::task::spawn_blocking(move || mark.raise(number, now, &revoked)).await,
            Err(error) => Ok(Err(error.to_string())),
        };
        let problem = match raised {
            Ok(Ok(())) => return,
            Ok(Err(problem)) => problem,
            Err(error) => error.to_string(),
        };
        tracing::error!(
            problem,
            "could not write beside the database what was seen and revoked; a copied-back database may not be noticed"
        );
    }
}

/// Ends the keys that are remembered as deleted and are alive, with those that they made; answers which they were.
pub(crate) async fn bury(
    tx: &mut Tx<ApiKeysWrite>,
    known: &[Revocation],
) -> Result<Vec<(KeyId, String)>, Failure> {
    tx.remember_revocations(known).await?;
    let alive = tx.deleted_keys_alive().await?;
    let ids: Vec<KeyId> = alive.iter().map(|(id, _)| *id).collect();
    tx.delete_keys(&ids).await?;
    Ok(alive)
}

fn burials(buried: &[(KeyId, String)]) -> Vec<Note> {
    let reason = "it was deleted before, and came back with a copy of the database";
    buried.iter().map(|(id, name)| note_of_key(*id, name, Event::Deleted, reason)).collect()
}

/// What the audit log says of a key that lost power since the copy that it came back with.
pub(crate) fn note_of_key(id: KeyId, name: &str, event: Event, reason: &str) -> Note {
    Note {
        kind: Kind::ApiAccessKey,
        event,
        subject_id: id.to_string(),
        subject_name: name.to_owned(),
        before: Some(json!({"reason": reason})),
        after: None,
    }
}
