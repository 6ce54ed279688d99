//! Accepting that a database went back: every key is switched off, and the change number goes on from where it was seen.

use crate::Tx;
use crate::db::args;
use crate::error::StoreError;
use sextant_core::permission::action::ApiKeysWrite;
use sextant_core::revocation::{Revocation, RevocationKind};

impl Tx<ApiKeysWrite> {
    /// This change's number, drawn beyond `seen`: no number that anyone has seen is used twice.
    pub async fn number_beyond(&mut self, seen: i64) -> Result<i64, StoreError> {
        self.inner
            .execute("update change_counter set number = $1 where id = 1 and number < $1", args![seen])
            .await?;
        self.change_number().await
    }

    /// Switches every key off and raises the change number beyond `seen`, so that no number is used twice. Answers how
    /// many keys were on.
    pub async fn disable_all_keys(&mut self, seen: i64) -> Result<u64, StoreError> {
        let number = self.number_beyond(seen).await?;
        self.revoke(RevocationKind::AllReduced, [Revocation::EVERY_KEY]).await?;
        let now = self.now().micros();
        self.inner
            .execute(
                "insert into changes (number, kind, subject_id, at)
                 select $1, 'key', id, $2 from api_keys where enabled",
                args![number, now],
            )
            .await?;
        self.inner
            .execute("update api_keys set enabled = false, change_number = $1 where enabled", args![number])
            .await
    }
}
