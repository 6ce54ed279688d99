//! Lists of keys: the page is found among the keys alone, and only what is on it is read whole.

use super::{BESIDE_KEYS, KeyRecord, KeyRow, SHOWN};
use crate::Store;
use crate::db::{Value, args};
use crate::error::StoreError;
use sextant_core::id::ProjectId;
use sextant_core::permission::KeyRole;
use sextant_core::time::Time;

/// Which keys a list shows.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Only this role.
    pub role: Option<KeyRole>,
    /// Only `ACTIVE`, `DISABLED` or `EXPIRED`.
    pub status: Option<&'static str>,
    /// Part of the name, description or id, without regard to case.
    pub search: Option<String>,
    /// Not used since.
    pub unused_since: Option<Time>,
    /// Running out before (and not yet run out).
    pub expiring_before: Option<Time>,
    /// Made by the key or person with this id.
    pub created_by: Option<String>,
}

/// What a list is ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// By name, without regard to case.
    Name,
    /// By role.
    Role,
    /// By age.
    CreatedAt,
    /// By expiry; what never expires comes last.
    ExpiresAt,
    /// By last use; what was never used comes first.
    LastUsedAt,
    /// By number of requests.
    RequestCount,
}

impl KeyOrder {
    const fn column(self) -> &'static str {
        match self {
            Self::Name => "k.name_folded",
            Self::Role => "k.role",
            Self::CreatedAt => "k.created_at",
            Self::ExpiresAt => "coalesce(k.expires_at, 9223372036854775807)",
            Self::LastUsedAt => "coalesce(u.last_used_at, 0)",
            Self::RequestCount => "coalesce(u.request_count, 0)",
        }
    }

    const fn needs_usage(self) -> bool {
        matches!(self, Self::LastUsedAt | Self::RequestCount)
    }
}

impl KeyFilter {
    /// The condition and its parameters: only what was asked for, so that each filter can use its index.
    fn condition(&self, project: &ProjectId, now: Time) -> (String, Vec<Value>) {
        let mut values = args![project.as_str()];
        let mut text = "k.project_id = $1".to_owned();
        let mut and = |condition: &str, value: Value| {
            values.push(value);
            text.push_str(" and ");
            text.push_str(&condition.replace("$?", &format!("${}", values.len())));
        };
        if let Some(role) = self.role {
            and("k.role = $?", role.name().into());
        }
        match self.status {
            Some("ACTIVE") => {
                and("k.enabled and (k.expires_at is null or k.expires_at > $?)", now.micros().into());
            }
            Some("EXPIRED") => and("k.enabled and k.expires_at <= $?", now.micros().into()),
            Some(_) => and("k.enabled = $?", false.into()),
            None => {}
        }
        if let Some(part) = &self.search {
            and(
                "(k.name_folded like $? escape '!' or lower(k.description) like $? escape '!' \
                 or lower(k.id) like $? escape '!')",
                pattern(part).into(),
            );
        }
        if let Some(since) = self.unused_since {
            and("coalesce(u.last_used_at, k.created_at) < $?", since.micros().into());
        }
        if let Some(before) = self.expiring_before {
            and("k.expires_at < $?", before.micros().into());
            and("k.expires_at > $?", now.micros().into());
        }
        if let Some(id) = &self.created_by {
            and("k.created_by_id = $?", id.into());
        }
        (text, values)
    }
}

/// What a page is found among.
fn among(with_usage: bool) -> &'static str {
    if with_usage { "api_keys k left join api_key_usage u on u.key_id = k.id" } else { "api_keys k" }
}

impl Store {
    /// A page of a project's keys in a stable order, and how many fit in all.
    pub async fn key_page(
        &self,
        project: &ProjectId,
        filter: &KeyFilter,
        order: (KeyOrder, bool),
        now: Time,
        (offset, limit): (i64, i64),
    ) -> Result<(Vec<KeyRecord>, i64), StoreError> {
        let (condition, mut values) = filter.condition(project, now);
        let by_usage = filter.unused_since.is_some();
        let count: Vec<(i64,)> = self
            .db
            .all_of(format!("select count(*) from {} where {condition}", among(by_usage)), values.clone())
            .await?;
        let (order, descending) = order;
        let (column, way) = (order.column(), if descending { "desc" } else { "asc" });
        let keys = among(by_usage || order.needs_usage());
        values.extend(args![limit, offset]);
        let (limit, offset) = (values.len() - 1, values.len());
        // Read so, SQLite takes the page first and then looks each key up.
        let rows: Vec<KeyRow> = self
            .db
            .all_of(
                format!(
                    "{SHOWN} from (select k.id as key_id from {keys} where {condition}
                         order by {column} {way}, k.id {way} limit ${limit} offset ${offset}) as page
                     cross join api_keys k {BESIDE_KEYS} where k.id = page.key_id order by {column} {way}, k.id {way}"
                ),
                values,
            )
            .await?;
        let records = rows.into_iter().map(TryInto::try_into).collect::<Result<Vec<_>, _>>()?;
        Ok((records, count.first().map_or(0, |(count,)| *count)))
    }
}

/// A `like` pattern that finds a part, with what is special in it made plain.
pub(crate) fn pattern(part: &str) -> String {
    let mut text = String::from("%");
    for character in sextant_core::text::fold(part).chars() {
        if matches!(character, '%' | '_' | '!') {
            text.push('!');
        }
        text.push(character);
    }
    text.push('%');
    text
}
