//! Sessions as they are listed and ended. Beginning and using one is in `people.rs`.

use crate::db::args;
use crate::error::StoreError;
use crate::people::ChangesPeople;
use crate::{Store, Tx};
use sextant_core::id::UserId;
use sextant_core::time::Time;

/// A session without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEntry {
    /// Names it; opens nothing.
    pub id: String,
    /// When it began.
    pub created_at: Time,
    /// When it was last used, to the minute.
    pub seen_at: Time,
    /// When it ends at the latest.
    pub expires_at: Time,
    /// From where it was begun, or empty.
    pub address: String,
    /// With which program, or empty.
    pub user_agent: String,
}

type SessionRow = (String, i64, i64, i64, String, String);

fn entry((id, created_at, seen_at, expires_at, address, user_agent): SessionRow) -> SessionEntry {
    SessionEntry {
        id,
        created_at: Time::from_micros(created_at),
        seen_at: Time::from_micros(seen_at),
        expires_at: Time::from_micros(expires_at),
        address,
        user_agent,
    }
}

impl Store {
    /// A page of a person's sessions that run and were used since `seen_after`, the one used last first; and how many
    /// there are.
    pub async fn sessions_of(
        &self,
        user: &UserId,
        (now, seen_after): (Time, Time),
        (offset, limit): (i64, i64),
    ) -> Result<(Vec<SessionEntry>, i64), StoreError> {
        let live = args![user.as_str(), now.micros(), seen_after.micros()];
        let count: Option<(i64,)> = self
            .db
            .optional(
                "select count(*) from sessions where user_id = $1 and expires_at > $2 and seen_at >= $3",
                live.clone(),
            )
            .await?;
        let rows: Vec<SessionRow> = self
            .db
            .all(
                "select id, created_at, seen_at, expires_at, address, user_agent from sessions
                 where user_id = $1 and expires_at > $2 and seen_at >= $3
                 order by seen_at desc, id limit $4 offset $5",
                [live, args![limit, offset]].concat(),
            )
            .await?;
        Ok((rows.into_iter().map(entry).collect(), count.map_or(0, |(count,)| count)))
    }
}

impl<A: ChangesPeople> Tx<A> {
    /// Ends the sessions of a person that run and were used since `seen_after`, or the one among them with this id;
    /// answers which they were, in the order in which they began.
    pub async fn end_live_sessions(
        &mut self,
        user: &UserId,
        only: Option<&str>,
        seen_after: Time,
    ) -> Result<Vec<SessionEntry>, StoreError> {
        let now = self.now().micros();
        let rows: Vec<SessionRow> = self
            .inner
            .all(
                "delete from sessions
                 where user_id = $1 and expires_at > $2 and seen_at >= $3 and ($4 is null or id = $4)
                 returning id, created_at, seen_at, expires_at, address, user_agent",
                args![user.as_str(), now, seen_after.micros(), only],
            )
            .await?;
        let mut ended: Vec<SessionEntry> = rows.into_iter().map(entry).collect();
        ended.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(ended)
    }
}
