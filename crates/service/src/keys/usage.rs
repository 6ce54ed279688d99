//! A key's requests over time.

use super::input::key_id;
use crate::error::Failure;
use crate::usage::HOUR;
use crate::{Sextant, project_scope};
use sextant_core::access::{Caller, Project};
use sextant_core::id::KeyId;
use sextant_core::permission::action::ApiKeysRead;
use sextant_core::time::Time;
use sextant_store::USAGE_HOURS_KEPT;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);
/// What is shown when nothing is asked for.
const DEFAULT_SPAN: Duration = Duration::from_hours(7 * 24);
/// The longest span by the hour; by the day it is whatever is kept.
const LONGEST_BY_HOUR: Duration = Duration::from_hours(31 * 24);

/// Which requests are wanted.
#[derive(Clone, Debug, Default)]
pub struct UsageQuery {
    /// RFC 3339; seven days before the end if absent.
    pub from: Option<String>,
    /// RFC 3339; now if absent.
    pub to: Option<String>,
    /// `HOUR` (default) or `DAY`.
    pub interval: Option<String>,
}

/// A key's requests in equal intervals.
#[derive(Clone, Debug)]
pub struct KeyUsage {
    /// The key.
    pub id: KeyId,
    /// `HOUR` or `DAY`.
    pub interval: &'static str,
    /// When the first interval begins.
    pub from: Time,
    /// When the last one ends.
    pub to: Time,
    /// When each interval begins, and its requests; those without any, too.
    pub buckets: Vec<(Time, i64)>,
}

impl Sextant {
    /// How often a key was used: what was written down by all servers, and what this one has counted since.
    pub async fn key_usage(
        &self,
        caller: &Caller,
        project: &Arc<Project>,
        id: &str,
        query: &UsageQuery,
    ) -> Result<KeyUsage, Failure> {
        let mut usage = span(key_id(id)?, query, self.clock.now())?;
        caller.permit::<ApiKeysRead>(&project_scope(project))?;
        // A deleted key's hours are gone with it, and another project's key is none of the caller's.
        self.store.key(&project.id, usage.id).await?.ok_or_else(|| Failure::not_found("key"))?;
        let pending = self.usage.pending(usage.id).map(|used| used.hours()).unwrap_or_default();
        let written = self.store.usage_hours(usage.id, (usage.from, usage.to)).await?;
        for (hour, requests) in written.into_iter().chain(pending) {
            // Buckets begin where hours do: the last that does not begin later is the hour's.
            let after = usage.buckets.partition_point(|(start, _)| *start <= hour);
            if hour < usage.to && after > 0 {
                usage.buckets[after - 1].1 += requests;
            }
        }
        Ok(usage)
    }
}

/// The intervals that were asked for, still empty. Bounds within an interval are moved out to its edges.
fn span(id: KeyId, query: &UsageQuery, now: Time) -> Result<KeyUsage, Failure> {
    let (interval, step, longest) = match query.interval.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("HOUR") => ("HOUR", HOUR, LONGEST_BY_HOUR),
        Some("DAY") => ("DAY", DAY, USAGE_HOURS_KEPT),
        Some(_) => return Err(Failure::invalid("interval", "must be HOUR or DAY")),
    };
    let moment = |field: &str, text: &Option<String>| {
        text.as_deref()
            .map(|text| Time::parse(text).map_err(|error| Failure::invalid(field, error)))
            .transpose()
    };
    let to = moment("to", &query.to)?.unwrap_or(now);
    let from = moment("from", &query.from)?.unwrap_or_else(|| to.minus(DEFAULT_SPAN));
    if from >= to {
        return Err(Failure::invalid("from", "must lie before `to`"));
    }
    if to.since(from) > longest {
        let days = longest.as_secs() / DAY.as_secs();
        return Err(Failure::invalid(
            "from",
            format!("lies more than {days} days before `to`, the most by {interval}"),
        ));
    }
    let (from, end) = (from.floor(step), to.floor(step));
    let to = if end < to { end.plus(step) } else { end };
    let starts =
        std::iter::successors(Some(from), |start| Some(start.plus(step))).take_while(|start| *start < to);
    Ok(KeyUsage { id, interval, from, to, buckets: starts.map(|start| (start, 0)).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(from: &str, to: &str, interval: &str) -> Result<KeyUsage, Failure> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let query = UsageQuery { from: some(from), to: some(to), interval: some(interval) };
        span(KeyId::parse("abcdefghijkl").unwrap(), &query, Time::parse("2026-11-23T10:20:30Z").unwrap())
    }

    fn shown(from: &str, to: &str, interval: &str) -> (String, String, usize) {
        let usage = asked(from, to, interval).unwrap();
        (usage.from.to_string(), usage.to.to_string(), usage.buckets.len())
    }

    #[test]
    fn bounds_are_moved_out_to_whole_intervals() {
        let week = ("2026-11-16T10:00:00.000Z".to_owned(), "2026-11-23T11:00:00.000Z".to_owned(), 169);
        assert_eq!(shown("", "", ""), week, "seven days by the hour, the hour under way included");
        let hour = ("2026-11-01T10:00:00.000Z".to_owned(), "2026-11-01T11:00:00.000Z".to_owned(), 1);
        assert_eq!(shown("2026-11-01T10:00:00Z", "2026-11-01T11:00:00Z", "hour"), hour, "half-open");
        assert_eq!(shown("2026-11-01T10:59:59.999Z", "2026-11-01T11:00:00Z", "HOUR"), hour);
        let days = ("2026-11-01T00:00:00.000Z".to_owned(), "2026-11-03T00:00:00.000Z".to_owned(), 2);
        assert_eq!(shown("2026-11-01T23:00:00Z", "2026-11-02T00:00:00.001Z", "DAY"), days);
    }

    #[test]
    fn impossible_spans_are_refused() {
        for (from, to, interval) in [
            ("2026-11-02T00:00:00Z", "2026-11-02T00:00:00Z", "HOUR"),
            ("2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z", "DAY"),
            ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00.001Z", "HOUR"),
            ("2026-08-01T00:00:00Z", "2026-11-01T00:00:00.001Z", "DAY"),
            ("yesterday", "", ""),
            ("", "tomorrow", ""),
            ("", "", "WEEK"),
            ("2026-12-01T00:00:00Z", "", ""),
        ] {
            assert!(asked(from, to, interval).is_err(), "{from} {to} {interval}");
        }
        assert!(asked("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "HOUR").is_ok());
        assert!(asked("2026-08-01T00:00:00Z", "2026-11-01T00:00:00Z", "DAY").is_ok());
    }
}
