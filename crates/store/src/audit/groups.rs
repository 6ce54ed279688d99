//! Groups of entries that agree in chain, kind, event and actor: each entry is filed in one when it is written.

use crate::db::args;
use crate::error::StoreError;
use crate::{Store, Tx};
use sextant_core::audit::Note;
use sextant_core::text::fold;
use std::collections::BTreeMap;

/// What tells the groups of one chain and actor apart.
type Words = (&'static str, &'static str);

/// The groups in which the notes of one change are filed.
pub(crate) struct Filing(BTreeMap<Words, i64>);

impl Filing {
    /// A note's group.
    pub(crate) fn of(&self, note: &Note) -> i64 {
        self.0.get(&words(note)).copied().unwrap_or_default()
    }
}

fn words(note: &Note) -> Words {
    (note.kind.name(), note.event.name())
}

impl<A> Tx<A> {
    /// Finds or makes the groups of these notes and counts them there. The caller holds the chain's head.
    pub(crate) async fn file(
        &mut self,
        chain: &str,
        actor_name: &str,
        notes: &[Note],
    ) -> Result<Filing, StoreError> {
        let mut counts: BTreeMap<Words, i64> = BTreeMap::new();
        for note in notes {
            *counts.entry(words(note)).or_default() += 1;
        }
        let mut groups = BTreeMap::new();
        for ((kind, event), count) in counts {
            let known: Option<(i64,)> = self
                .inner
                .optional(
                    "update audit_groups set entry_count = entry_count + $5
                     where chain = $1 and kind = $2 and event = $3 and actor_name = $4 returning id",
                    args![chain, kind, event, actor_name, count],
                )
                .await?;
            let id = match known {
                Some((id,)) => id,
                None => self.insert_group((chain, kind, event), actor_name, count).await?,
            };
            groups.insert((kind, event), id);
        }
        Ok(Filing(groups))
    }

    async fn insert_group(
        &mut self,
        (chain, kind, event): (&str, &str, &str),
        actor_name: &str,
        count: i64,
    ) -> Result<i64, StoreError> {
        // Ids are drawn one after another, over all chains.
        self.hold_chains().await?;
        let (id,): (i64,) = self
            .inner
            .one(
                "insert into audit_groups (id, chain, kind, event, actor_name, actor_folded, entry_count)
                 values ((select coalesce(max(id), 0) + 1 from audit_groups), $1, $2, $3, $4, $5, $6) returning id",
                args![chain, kind, event, actor_name, fold(actor_name), count],
            )
            .await?;
        Ok(id)
    }
}

impl Store {
    /// What would keep filters of one chain from finding everything, in words: nothing of it is hashed into the chain.
    pub async fn audit_misfiled(&self, chain: &str) -> Result<Vec<String>, StoreError> {
        let astray: Vec<(i64,)> = self
            .db
            .all(
                "select sequence from audit_entries e where chain = $1 and not exists (
                     select 1 from audit_groups g where g.id = e.group_id and g.chain = e.chain
                         and g.kind = e.kind and g.event = e.event and g.actor_name = e.actor_name
                 ) order by sequence limit 1",
                args![chain],
            )
            .await?;
        let miscounted: Vec<(String, String)> = self
            .db
            .all(
                "select kind, event from audit_groups g where chain = $1
                     and entry_count <> (select count(*) from audit_entries e where e.group_id = g.id)
                 order by kind, event limit 1",
                args![chain],
            )
            .await?;
        let astray = astray.into_iter().map(|(sequence,)| format!("filters do not find entry {sequence}"));
        let miscounted =
            miscounted.into_iter().map(|(kind, event)| format!("the total of {kind} {event} is wrong"));
        Ok(astray.chain(miscounted).collect())
    }
}
