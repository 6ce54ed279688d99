//! Finding entries in a log of millions.
//!
//! A filter is first resolved to groups, whose sizes give the total. Then the page's places are found in an index alone,
//! on one of four ways, whichever looks at the fewest: along the subject's entries; group by group, merged; all groups'
//! entries gathered and sorted; or along time, leaving out what is in no wanted group. Pages of the second half are
//! found from the other end. Only what is on the page is read whole.

use super::{AuditFilter, AuditPage, EntryRow};
use crate::Store;
use crate::db::Value;
use crate::error::StoreError;
use sextant_core::audit::Entry;
use sextant_core::text::fold;

/// So many groups are merged at most: each is a part of the statement.
const MERGED: usize = 64;
/// So many places are looked at without asking whether another way has fewer.
const FEW: i64 = 20_000;
/// So many groups are named one by one; more are looked up by the database.
const NAMED: i64 = 2_000;

const NEWEST_FIRST: &str = "at desc, chain desc, sequence desc";
const OLDEST_FIRST: &str = "at, chain, sequence";

/// What a filter comes to.
#[derive(Clone, Debug)]
pub struct AuditSelection {
    groups: Groups,
    /// Conditions on the subject and time, each with `and` before it.
    rest: String,
    has_subject: bool,
    /// The parameters of all conditions.
    values: Vec<Value>,
    /// How many entries the groups have, if nothing else bounds them.
    total: Option<i64>,
}

#[derive(Clone, Debug)]
enum Groups {
    /// Every entry there is.
    All,
    /// Those with these ids.
    Named(Vec<i64>),
    /// Those that fit a condition.
    Where(String),
}

/// The place of an entry, after which the next ones come.
#[derive(Clone, Debug)]
pub struct AuditPlace {
    at: i64,
    chain: String,
    sequence: i64,
}

impl AuditPlace {
    /// Where an entry lies.
    pub fn of(entry: &Entry) -> Self {
        Self { at: entry.at.micros(), chain: entry.chain.clone(), sequence: entry.sequence }
    }
}

impl Groups {
    /// The list for `in`.
    fn list(&self) -> String {
        match self {
            Self::All => String::new(),
            Self::Named(ids) => ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","),
            Self::Where(condition) => format!("select id from audit_groups where {condition}"),
        }
    }

    /// Leads the database to the groups' entries.
    fn lead(&self) -> String {
        match self {
            Self::All => "1 = 1".to_owned(),
            _ => format!("group_id in ({})", self.list()),
        }
    }

    /// Leaves out what is in no wanted group, without leading anywhere: a sum has no index. The bound of time, which
    /// bounds nothing, leads along time where nothing else leads anywhere.
    fn sieve(&self) -> String {
        let groups = match self {
            Self::All => String::new(),
            _ => format!(" and group_id + 0 in ({})", self.list()),
        };
        format!("at >= -9223372036854775807{groups}")
    }
}

impl AuditFilter {
    /// The condition on groups and its parameters; lists are written as so many parameters.
    fn of_groups(&self) -> (String, Vec<Value>) {
        let mut values: Vec<Value> = Vec::new();
        let mut parts: Vec<String> = Vec::new();
        let mut one_of = |column: &str, words: Vec<Value>| {
            if words.is_empty() {
                return;
            }
            let places: Vec<String> =
                (0..words.len()).map(|at| format!("${}", values.len() + at + 1)).collect();
            parts.push(format!("{column} in ({})", places.join(",")));
            values.extend(words);
        };
        one_of("chain", self.chains.iter().map(Value::from).collect());
        one_of("actor_folded", self.actors.iter().map(|name| fold(name).into()).collect());
        one_of("kind", self.kinds.iter().map(|word| Value::from(*word)).collect());
        one_of("event", self.events.iter().map(|word| Value::from(*word)).collect());
        (parts.join(" and "), values)
    }
}

impl Store {
    /// Resolves a filter. `None`: nothing fits.
    pub async fn audit_select(&self, filter: &AuditFilter) -> Result<Option<AuditSelection>, StoreError> {
        if filter.chains.is_empty() {
            return Ok(None);
        }
        let (condition, mut values) = filter.of_groups();
        let wanted: Vec<(i64, i64)> = self
            .db
            .all_of(
                format!(
                    "select count(*), cast(coalesce(sum(entry_count), 0) as bigint) from audit_groups where {condition}"
                ),
                values.clone(),
            )
            .await?;
        let (number, size) = wanted.first().copied().unwrap_or_default();
        let all: Option<(i64,)> = self.db.optional("select count(*) from audit_groups", Vec::new()).await?;
        let groups = if number == 0 {
            return Ok(None);
        } else if all.is_some_and(|(all,)| all == number) {
            Groups::All
        } else if number <= NAMED {
            let ids: Vec<(i64,)> = self
                .db
                .all_of(format!("select id from audit_groups where {condition} order by id"), values.clone())
                .await?;
            Groups::Named(ids.into_iter().map(|(id,)| id).collect())
        } else {
            Groups::Where(condition)
        };
        if !matches!(groups, Groups::Where(_)) {
            values.clear();
        }
        let mut rest = String::new();
        let bounds = [
            ("subject_id =", filter.subject.as_ref().map(Value::from)),
            ("at >=", filter.from.map(|from| from.micros().into())),
            ("at <", filter.to.map(|to| to.micros().into())),
        ];
        for (column, bound) in bounds {
            if let Some(bound) = bound {
                values.push(bound);
                rest.push_str(&format!(" and {column} ${}", values.len()));
            }
        }
        let total = rest.is_empty().then_some(size);
        Ok(Some(AuditSelection { groups, rest, has_subject: filter.subject.is_some(), values, total }))
    }

    /// Entries that fit, newest first.
    pub async fn audit_page(
        &self,
        filter: &AuditFilter,
        offset: i64,
        limit: i64,
    ) -> Result<AuditPage, StoreError> {
        let Some(selection) = self.audit_select(filter).await? else {
            return Ok(AuditPage { entries: Vec::new(), total: 0 });
        };
        let total = self.audit_total(&selection).await?;
        let limit = limit.min(total - offset);
        if limit <= 0 {
            return Ok(AuditPage { entries: Vec::new(), total });
        }
        let from_the_end = total - offset - limit;
        let (order, skipped) =
            if from_the_end < offset { (OLDEST_FIRST, from_the_end) } else { (NEWEST_FIRST, offset) };
        let places = selection.places(total, order, (skipped, limit));
        let entries = self.audit_at(&places, selection.values).await?;
        Ok(AuditPage { entries, total })
    }

    /// The entries of a selection after a place, newest first, at most `limit`: for whoever reads them all.
    pub async fn audit_after(
        &self,
        selection: &AuditSelection,
        after: Option<&AuditPlace>,
        limit: i64,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut values = selection.values.clone();
        let mut condition = format!("{}{}", selection.sieve(), selection.rest);
        if let Some(place) = after {
            let first = values.len() + 1;
            condition.push_str(&format!(
                " and (at, chain, sequence) < (${first}, ${}, ${})",
                first + 1,
                first + 2
            ));
            values.extend([place.at.into(), Value::from(&place.chain), place.sequence.into()]);
        }
        let places = format!(
            "select chain as c, sequence as s from audit_entries where {condition} order by {NEWEST_FIRST} limit {limit}"
        );
        self.audit_at(&places, values).await
    }

    async fn audit_total(&self, selection: &AuditSelection) -> Result<i64, StoreError> {
        if let Some(total) = selection.total {
            return Ok(total);
        }
        let groups = if selection.has_subject { selection.groups.sieve() } else { selection.groups.lead() };
        let count: Vec<(i64,)> = self
            .db
            .all_of(
                format!("select count(*) from audit_entries where {groups}{}", selection.rest),
                selection.values.clone(),
            )
            .await?;
        Ok(count.first().map_or(0, |(count,)| *count))
    }

    /// The entries at these places, newest first.
    async fn audit_at(&self, places: &str, values: Vec<Value>) -> Result<Vec<Entry>, StoreError> {
        let columns = super::COLUMNS;
        // Read so, SQLite takes the places first and then looks each of them up.
        let rows: Vec<EntryRow> = self
            .db
            .all_of(
                format!(
                    "select {columns} from ({places}) as places cross join audit_entries
                     where chain = c and sequence = s order by {NEWEST_FIRST}"
                ),
                values,
            )
            .await?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl AuditSelection {
    fn sieve(&self) -> String {
        self.groups.sieve()
    }

    /// The statement that finds a page's places, in this order or, gathered, in any that comes to the same.
    fn places(&self, total: i64, order: &str, (skipped, limit): (i64, i64)) -> String {
        let page = format!("limit {limit} offset {skipped}");
        let depth = skipped + limit;
        let rest = &self.rest;
        match &self.groups {
            Groups::Named(ids) if !self.has_subject && is_merged(ids.len(), depth) => {
                let parts: Vec<String> = ids
                    .iter()
                    .map(|id| {
                        format!(
                            "select * from (select at, chain, sequence from audit_entries
                             where group_id = {id}{rest} order by {order} limit {depth}) as part{id}"
                        )
                    })
                    .collect();
                let parts = parts.join(" union all ");
                format!("select chain as c, sequence as s from ({parts}) as parts order by {order} {page}")
            }
            groups if !self.has_subject && total <= FEW && !matches!(groups, Groups::All) => {
                // An order by a sum leads to no index.
                let order = order.replacen("at", "at + 0", 1);
                format!(
                    "select chain as c, sequence as s from audit_entries where {}{rest} order by {order} {page}",
                    groups.lead()
                )
            }
            groups => format!(
                "select chain as c, sequence as s from audit_entries where {}{rest} order by {order} {page}",
                groups.sieve()
            ),
        }
    }
}

/// Whether reading so many places of each group is cheap enough.
fn is_merged(groups: usize, depth: i64) -> bool {
    let looked_at = i64::try_from(groups).unwrap_or(i64::MAX).saturating_mul(depth);
    groups <= MERGED && looked_at <= FEW
}
