//! How often keys were used, by the hour.

use crate::db::{Value, args};
use crate::error::StoreError;
use crate::ring::UsageDelta;
use crate::{Store, Tx};
use sextant_core::access::Housekeeping;
use sextant_core::id::KeyId;
use sextant_core::time::Time;
use std::time::Duration;

/// For how long it is kept.
pub const USAGE_HOURS_KEPT: Duration = Duration::from_hours(92 * 24);

/// The rows of what was counted, in the order of the deltas.
pub(crate) fn hour_rows(deltas: &[UsageDelta]) -> Vec<Vec<Value>> {
    deltas
        .iter()
        .flat_map(|delta| {
            delta.hours.iter().map(|(hour, requests)| args![delta.id.as_str(), hour.micros(), *requests])
        })
        .collect()
}

impl Store {
    /// A key's requests by the hours that began at `from` or later, before `to`; hours without any are left out.
    pub async fn usage_hours(
        &self,
        id: KeyId,
        (from, to): (Time, Time),
    ) -> Result<Vec<(Time, i64)>, StoreError> {
        let rows: Vec<(i64, i64)> = self
            .db
            .all(
                "select hour, request_count from api_key_usage_hours
                 where key_id = $1 and hour >= $2 and hour < $3 order by hour",
                args![id.as_str(), from.micros(), to.micros()],
            )
            .await?;
        Ok(rows.into_iter().map(|(hour, requests)| (Time::from_micros(hour), requests)).collect())
    }
}

impl Tx<Housekeeping> {
    /// Adds to what any process has counted.
    pub(crate) async fn add_usage_hours(&mut self, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        self.inner
            .insert_many(
                "insert into api_key_usage_hours (key_id, hour, request_count) values",
                rows,
                "on conflict (key_id, hour) do update
                     set request_count = api_key_usage_hours.request_count + excluded.request_count",
            )
            .await
    }

    /// Clears the hours that are no longer kept.
    pub(crate) async fn sweep_usage_hours(&mut self) -> Result<(), StoreError> {
        let before = self.now().minus(USAGE_HOURS_KEPT).micros();
        self.inner.execute("delete from api_key_usage_hours where hour < $1", args![before]).await?;
        Ok(())
    }
}
