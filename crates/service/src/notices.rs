//! What callers can provoke without changing anything — refusals, exposed keys, use of rotated-out secrets — is counted
//! here and written to the audit log at most once a minute for each actor, code and route, outside the request.

use crate::ring::Entry;
use serde_json::json;
use sextant_core::access::{Actor, Housekeeping, Origin, Permit, Project, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::code::Code;
use sextant_core::time::Time;
use sextant_store::{Store, StoreError};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the same thing is written at most.
const AT_MOST_EVERY: Duration = Duration::from_mins(1);
/// How many different things are remembered; what is more is counted without detail.
const MOST: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Subject {
    kind: &'static str,
    event: &'static str,
    actor: String,
    what: String,
    route: String,
}

#[derive(Debug)]
struct Count {
    note: (Kind, Event, String, String),
    scope: Scope,
    actor: Actor,
    pending: u64,
    address: Option<IpAddr>,
    written: Option<Time>,
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    counts: Mutex<HashMap<Subject, Count>>,
}

impl Notices {
    fn count(
        &self,
        actor: Actor,
        note: (Kind, Event, String, String),
        route: &str,
        scope: Scope,
        address: Option<IpAddr>,
    ) {
        let (kind, event, subject, what) = &note;
        let subject = Subject {
            kind: kind.name(),
            event: event.name(),
            actor: subject.clone(),
            what: what.clone(),
            route: route.to_owned(),
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST && !counts.contains_key(&subject) {
            return;
        }
        let count =
            counts.entry(subject).or_insert(Count { note, scope, actor, pending: 0, address, written: None });
        count.pending += 1;
        count.address = address;
    }

    /// A request that an authenticated caller was refused.
    pub(crate) fn denied(
        &self,
        actor: &Actor,
        code: Code,
        route: &str,
        project: Option<&Arc<Project>>,
        origin: &Origin,
    ) {
        let subject = match actor {
            Actor::User { email, .. } => email.clone(),
            Actor::ApiKey(id) => id.to_string(),
            Actor::System(reason) => (*reason).to_owned(),
        };
        let scope = project.map_or(Scope::Account, |project| Scope::Project(project.clone()));
        self.count(
            actor.clone(),
            (Kind::Access, Event::Fail, subject, code.name().to_owned()),
            route,
            scope,
            origin.address,
        );
    }

    /// A live key that was seen where keys must not be.
    pub(crate) fn exposed(&self, entry: &Entry, place: &str, address: Option<IpAddr>) {
        let note = (Kind::ApiAccessKey, Event::Exposed, entry.id.to_string(), format!("seen in the {place}"));
        self.count(Actor::System("counted uses"), note, "", Scope::Project(entry.project.clone()), address);
    }

    /// A key that was used from a network that it may not be used from.
    pub(crate) fn wrong_network(&self, entry: &Entry, address: Option<IpAddr>) {
        let note =
            (Kind::Access, Event::Fail, entry.id.to_string(), Code::AddressNotAllowed.name().to_owned());
        self.count(Actor::ApiKey(entry.id), note, "", Scope::Project(entry.project.clone()), address);
    }

    /// A secret that was rotated out.
    pub(crate) fn rotated_out(&self, entry: &Entry, address: Option<IpAddr>) {
        let note = (
            Kind::ApiAccessKey,
            Event::Fail,
            entry.id.to_string(),
            "a rotated-out secret was used".to_owned(),
        );
        self.count(Actor::System("counted uses"), note, "", Scope::Project(entry.project.clone()), address);
    }

    /// Writes down what is due; everything, if `all`.
    pub(crate) async fn flush(&self, store: &Store, now: Time, all: bool) -> Result<(), StoreError> {
        for (permit, note) in self.due(now, all) {
            store.begin(permit, now).await?.commit(vec![note]).await?;
        }
        Ok(())
    }

    fn due(&self, now: Time, all: bool) -> Vec<(Permit<Housekeeping>, Note)> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due = Vec::new();
        counts.retain(|subject, count| {
            let waited = count.written.is_none_or(|written| now.since(written) >= AT_MOST_EVERY);
            if count.pending == 0 {
                return !waited;
            }
            if waited || all {
                let (kind, event, subject_id, what) = count.note.clone();
                let origin = Origin { address: count.address, ..Origin::default() };
                due.push((
                    Permit::noting(count.actor.clone(), origin, count.scope.clone()),
                    Note {
                        kind,
                        event,
                        subject_id,
                        subject_name: String::new(),
                        before: None,
                        after: Some(json!({
                            "what": what,
                            "route": subject.route,
                            "count": count.pending,
                            "lastAddress": count.address.map(|address| address.to_string()),
                        })),
                    },
                ));
                count.pending = 0;
                count.written = Some(now);
            }
            true
        });
        due
    }
}
