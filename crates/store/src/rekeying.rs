//! Writing verifiers anew, under the current pepper, of keys that were used under a former one.

use crate::Tx;
use crate::db::{Value, args};
use crate::error::StoreError;
use sextant_core::access::Housekeeping;
use sextant_core::id::KeyId;
use sextant_core::key::{KeyMac, PepperId};

/// A secret that was used: its verifier as it is stored, and one under the pepper that was current at that moment.
#[derive(Clone, Debug)]
pub struct Rekeyed {
    /// The key.
    pub id: KeyId,
    /// What is stored. A secret that was rotated out or ended since has another, or none, and stays as it is.
    pub old: KeyMac,
    /// What is to be stored.
    pub new: KeyMac,
    /// Under which pepper that is.
    pub pepper: PepperId,
}

impl Tx<Housekeeping> {
    /// Stores these verifiers in the place of those before them, of current secrets and of former ones. Answers how many
    /// keys that were.
    pub async fn rekey(&mut self, used: &[Rekeyed]) -> Result<u64, StoreError> {
        let current = self.secrets.number();
        let rows = || -> Vec<Vec<Value>> {
            used.iter()
                // The pepper may have been followed by another since: the key will be used again.
                .filter(|one| i64::from(one.pepper.0) == current)
                .map(|one| args![one.id.as_str(), one.old.to_hex(), one.new.to_hex()])
                .collect()
        };
        if rows().is_empty() {
            return Ok(0);
        }
        let number = self.change_number().await?;
        let now = self.now().micros();
        self.inner
            .insert_many(
                "with used (key_id, old, new) as (values",
                rows(),
                ") update api_key_former_secrets
                 set mac = used.new, pepper = (select max(id) from peppers)
                 from used where api_key_former_secrets.key_id = used.key_id and api_key_former_secrets.mac = used.old",
            )
            .await?;
        self.inner
            .insert_many(
                "with used (key_id, old, new) as (values",
                rows(),
                ") update api_keys
                 set mac = used.new, pepper = (select max(id) from peppers)
                 from used where api_keys.id = used.key_id and api_keys.mac = used.old",
            )
            .await?;
        let ids = || used.iter().map(|one| Value::from(one.id.as_str())).collect::<Vec<_>>();
        let touched = self
            .inner
            .execute_in("update api_keys set change_number = $1 where id in", args![number], ids())
            .await?;
        self.inner
            .execute_in(
                "insert into changes (number, kind, subject_id, at)
                 select $1, 'key', id, $2 from api_keys where id in",
                args![number, now],
                ids(),
            )
            .await?;
        Ok(touched)
    }
}
