//! Writing key usage down in batches, each of them once: a batch whose answer was lost may have been written or not.

use crate::Sextant;
use crate::error::Failure;
use sextant_core::access::{Housekeeping, Permit, Scope};
use sextant_core::id::KeyId;
use sextant_core::source::Entropy;
use sextant_store::{StoreError, UsageDelta};
use tokio::sync::Mutex;

/// The batches of this process.
#[derive(Debug)]
pub(crate) struct Batches {
    process: String,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    number: i64,
    /// What was in the batch of that number, while nobody knows whether it was written.
    unsure: Vec<UsageDelta>,
}

impl Batches {
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        Self { process: KeyId::draw(entropy).to_string(), last: Mutex::default() }
    }
}

fn permit() -> Permit<Housekeeping> {
    Permit::system("writing key usage down", Scope::Account)
}

impl Sextant {
    /// Writes down what was counted since the last time.
    pub(crate) async fn flush_usage(&self) -> Result<(), Failure> {
        let mut last = self.batches.last.lock().await;
        if !last.unsure.is_empty() {
            // The same number again: if it was written, or is about to be, nothing more is.
            self.write_batch(last.number, last.unsure.clone()).await?;
            last.unsure.clear();
        }
        let deltas = self.usage.drain();
        if deltas.is_empty() {
            return Ok(());
        }
        last.number += 1;
        if let Err(error) = self.write_batch(last.number, deltas.clone()).await {
            last.unsure = deltas;
            return Err(error.into());
        }
        Ok(())
    }

    async fn write_batch(&self, number: i64, mut deltas: Vec<UsageDelta>) -> Result<(), StoreError> {
        deltas.retain(|delta| self.ring.get(delta.id).is_some());
        if deltas.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin(permit(), self.clock.now()).await?;
        if tx.take_usage_batch(&self.batches.process, number).await? {
            tx.add_usage(deltas).await?;
        }
        tx.commit(Vec::new()).await?;
        self.metrics.usage_batch();
        Ok(())
    }
}
