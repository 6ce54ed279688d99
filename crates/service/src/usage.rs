//! Who used which key when: counted in memory beside the request, written down in batches by a job.
//!
//! After a clean stop nothing is missing; after a crash at most what came since the last batch
//! ([`crate::jobs::USAGE_EVERY`]).

use hashbrown::HashMap;
use sextant_core::id::KeyId;
use sextant_core::redact::redact;
use sextant_core::time::Time;
use sextant_store::UsageDelta;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const SHARDS: usize = 32;
/// What a chart can tell apart.
pub(crate) const HOUR: Duration = Duration::from_hours(1);

#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) requests: i64,
    pub(crate) at: Time,
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: String,
    /// Those that came in other hours than the last one: empty but around the end of an hour.
    other_hours: Vec<(Time, i64)>,
}

impl Use {
    fn add(&mut self, at: Time, requests: i64) {
        let (hour, last) = (at.floor(HOUR), self.at.floor(HOUR));
        if hour > last {
            let before = self.in_last_hour();
            self.other_hours.extend((before > 0).then_some((last, before)));
        } else if hour < last {
            match self.other_hours.iter_mut().find(|(known, _)| *known == hour) {
                Some((_, count)) => *count += requests,
                None => self.other_hours.push((hour, requests)),
            }
        }
        self.requests += requests;
        self.at = self.at.max(at);
    }

    fn in_last_hour(&self) -> i64 {
        self.requests - self.other_hours.iter().map(|(_, count)| count).sum::<i64>()
    }

    /// The requests by the hour, named by its beginning.
    pub(crate) fn hours(&self) -> Vec<(Time, i64)> {
        let mut hours = self.other_hours.clone();
        hours.push((self.at.floor(HOUR), self.in_last_hour()));
        hours
    }
}

#[derive(Debug)]
pub(crate) struct Usage {
    shards: Vec<Mutex<HashMap<KeyId, Use>>>,
}

impl Default for Usage {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Usage {
    fn shard(&self, id: KeyId) -> &Mutex<HashMap<KeyId, Use>> {
        &self.shards[usize::from(id.as_bytes()[11]) % SHARDS]
    }

    /// Counts one request.
    pub(crate) fn count(&self, id: KeyId, at: Time, address: Option<IpAddr>, user_agent: &str) {
        let mut shard = self.shard(id).lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = shard.get_mut(&id) else {
            let (user_agent, other_hours) = (user_agent.to_owned(), Vec::new());
            shard.insert(id, Use { requests: 1, at, address, user_agent, other_hours });
            return;
        };
        known.add(at, 1);
        known.address = address;
        if known.user_agent != user_agent {
            user_agent.clone_into(&mut known.user_agent);
        }
    }

    /// What is not yet written down of one key.
    pub(crate) fn pending(&self, id: KeyId) -> Option<Use> {
        self.shard(id).lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Takes everything out, to be written down.
    pub(crate) fn drain(&self) -> Vec<UsageDelta> {
        let mut deltas = Vec::new();
        for shard in &self.shards {
            let uses = std::mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner));
            deltas.extend(uses.into_iter().map(|(id, used)| UsageDelta {
                id,
                requests: used.requests,
                hours: used.hours(),
                at: used.at,
                address: used.address.map_or_else(String::new, |address| address.to_string()),
                user_agent: redact(&used.user_agent).into_owned(),
            }));
        }
        deltas
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> KeyId {
        KeyId::parse("abcdefghijkl").unwrap()
    }

    fn at(text: &str) -> Time {
        Time::parse(&format!("2026-11-23T{text}Z")).unwrap()
    }

    fn counted(times: &[&str]) -> Usage {
        let usage = Usage::default();
        times.iter().for_each(|time| usage.count(key(), at(time), None, "tests/1"));
        usage
    }

    fn drained(usage: &Usage) -> (i64, Vec<(Time, i64)>) {
        let [delta] = usage.drain().try_into().unwrap();
        let UsageDelta { requests, mut hours, .. } = delta;
        hours.sort_unstable();
        (requests, hours)
    }

    #[test]
    fn a_batch_that_spans_hours_counts_each_request_in_its_own() {
        let usage = counted(&[
            "09:59:59.999",
            "10:00:00.000",
            "10:59:59.999",
            "11:00:00.000",
            "10:30:00.000",
            "11:00:01",
        ]);
        let (total, hours) = drained(&usage);
        assert_eq!(hours, [(at("09:00:00"), 1), (at("10:00:00"), 3), (at("11:00:00"), 2)]);
        assert_eq!(total, 6);
        assert_eq!(drained(&counted(&["11:59:59.999"])), (1, vec![(at("11:00:00"), 1)]));
    }
}
