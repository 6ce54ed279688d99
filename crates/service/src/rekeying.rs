//! Keys that were used under a former pepper: their verifiers under the current one are made beside the request, where the
//! secret is at hand, and written down in batches by a job. Until then, and if that is lost, the former pepper serves.

use hashbrown::HashMap;
use sextant_core::access::{Permit, Scope};
use sextant_core::id::KeyId;
use sextant_core::key::{ApiKey, KeyMac, PepperId, Peppers};
use sextant_core::source::Clock;
use sextant_store::{Rekeyed, Store, StoreError};
use std::sync::{Arc, Mutex, PoisonError};

/// How many keys wait at most; what comes beyond that is noted at a later use.
const MOST: usize = 100_000;
/// How many are written in one transaction: few enough that no other change waits for long.
const AT_ONCE: usize = 200;

/// The verifiers that wait.
pub(crate) struct Rekeying {
    store: Store,
    clock: Arc<dyn Clock>,
    waiting: Mutex<HashMap<KeyId, Vec<Rekeyed>>>,
    /// One writer at a time: whoever finds nothing waiting can rely on its being written.
    turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Rekeying {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rekeying").finish_non_exhaustive()
    }
}

impl Rekeying {
    pub(crate) fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Notes that a key was used whose verifier `old` is one under the pepper with the number `under`.
    pub(crate) fn note(&self, peppers: &Peppers, key: &ApiKey, under: PepperId, old: KeyMac) {
        let current = peppers.current();
        if under == current.id() {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let id = key.id();
        let is_noted = waiting.get(&id).is_some_and(|noted| noted.iter().any(|one| one.old == old));
        if !is_noted && waiting.len() < MOST {
            let one = Rekeyed { id, old, new: current.mac(key), pepper: current.id() };
            waiting.entry(id).or_default().push(one);
        }
    }

    /// Writes down what waits. Answers how many keys that were.
    pub(crate) async fn write(&self) -> Result<u64, StoreError> {
        let _turn = self.turn.lock().await;
        let mut written = 0;
        loop {
            let batch = self.take();
            if batch.is_empty() {
                return Ok(written);
            }
            let done = async {
                let permit = Permit::system("verifiers of keys in use", Scope::Account);
                let mut tx = self.store.begin(permit, self.clock.now()).await?;
                let touched = tx.rekey(&batch).await?;
                tx.commit(Vec::new()).await?;
                Ok(touched)
            };
            match done.await {
                Ok(touched) => written += touched,
                Err(error) => {
                    self.put_back(batch);
                    return Err(error);
                }
            }
        }
    }

    fn take(&self) -> Vec<Rekeyed> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<KeyId> = waiting.keys().copied().take(AT_ONCE).collect();
        ids.iter().filter_map(|id| waiting.remove(id)).flatten().collect()
    }

    fn put_back(&self, batch: Vec<Rekeyed>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for one in batch {
            let noted = waiting.entry(one.id).or_default();
            if noted.iter().all(|other| other.old != one.old) {
                noted.push(one);
            }
        }
    }
}
