//! A long audit log at once: for measuring with a million entries, by someone with a shell.

use crate::Sextant;
use crate::error::Failure;
use serde_json::json;
use sextant_core::access::{Actor, Authority, Caller, Housekeeping, Origin, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::id::{KeyId, UserId};
use std::sync::Arc;
use std::time::Duration;

/// Entries of one transaction, all by one person at one moment.
const AT_ONCE: usize = 500;
/// People who take turns. One more was there at the beginning only.
const PEOPLE: usize = 40;
/// The log's span.
const SPAN: Duration = Duration::from_hours(365 * 24);

/// What happens, in turn.
const WORDS: [(Kind, Event); 8] = [
    (Kind::ApiAccessKey, Event::Created),
    (Kind::ApiAccessKey, Event::Edited),
    (Kind::ApiAccessKey, Event::Deleted),
    (Kind::ApiAccessKey, Event::Rotated),
    (Kind::UserLogin, Event::Success),
    (Kind::Access, Event::Fail),
    (Kind::User, Event::Edited),
    (Kind::Developer, Event::Edited),
];

impl Sextant {
    /// Writes entries as changes write them, chained and sealed, over the year before now. One in ten thousand is rare,
    /// and a twentieth at the beginning is by someone who did nothing since.
    pub async fn seed_audit(&self, count: usize) -> Result<(), Failure> {
        let projects = self.store.projects().await?;
        let project = projects.into_iter().next().ok_or_else(|| Failure::not_found("project"))?.project;
        let scopes = [Scope::Project(Arc::new(project)), Scope::Account];
        let now = self.clock.now();
        let mut written = 0;
        for batch in 0.. {
            let size = AT_ONCE.min(count - written);
            if size == 0 {
                break;
            }
            let person = if written * 20 < count { PEOPLE } else { batch % PEOPLE };
            let caller = Caller {
                actor: Actor::User {
                    id: UserId::new(format!("bench{person}")),
                    email: format!("person{person}@example.com"),
                },
                authority: Authority::System,
                origin: Origin {
                    address: Some([10, 1, 2, 3].into()),
                    user_agent: Some("bench/1".to_owned()),
                    request_id: format!("bench{batch}"),
                },
            };
            let scope = &scopes[usize::from(batch % 10 == 0)];
            let left = SPAN.mul_f64(1.0 - f64::from(u32::try_from(written).unwrap_or(0)) / count_as(count));
            let tx = self.store.begin(caller.permit_own::<Housekeeping>(scope), now.minus(left)).await?;
            let notes = (written..written + size).map(|number| self.seeded_note(number)).collect();
            tx.commit(notes).await?;
            written += size;
        }
        Ok(())
    }

    fn seeded_note(&self, number: usize) -> Note {
        let (kind, event) = match number % 10_000 {
            4_711 => (Kind::ApiAccessKey, Event::Exposed),
            _ => WORDS[number % WORDS.len()],
        };
        let id = KeyId::draw(&*self.entropy);
        Note {
            kind,
            event,
            subject_id: id.to_string(),
            subject_name: format!("bench {id}"),
            before: None,
            after: Some(json!({"name": format!("bench {id}"), "role": "INGESTION", "enabled": true})),
        }
    }
}

fn count_as(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
