//! Use cases. Each reads like four beats: *parse* (input to core types), *permit* (one decision), *transact* (change and
//! audit notes in one transaction), *publish* (the key ring and other processes). No HTTP, no SQL.

mod audit;
mod batches;
mod developers;
mod error;
mod install;
pub mod jobs;
mod keys;
mod master_key;
mod metrics;
mod notices;
mod nudges;
mod passwords;
mod people;
mod rekeying;
mod restore;
mod ring;
mod rollback;
mod seeding;
mod sessions;
mod tenancy;
mod throttle;
mod usage;
mod verify;

pub use audit::{AuditExport, AuditQuery, ChainReport};
pub use developers::{DeveloperPage, DeveloperQuery, Directory, Preview, Upserted};
pub use error::Failure;
pub use install::FirstAdmin;
pub use keys::{
    CreateKey, Idempotency, KeyList, KeyQuery, KeyUsage, KeyView, Minted, PatchKey, RotateKey, UsageQuery,
};
pub use master_key::{MasterKeyState, Retired, Retirement, Rotated};
pub use metrics::Metrics;
pub use people::{BindingInput, CreateUser, PatchUser, UserView};
pub use restore::{Restored, Since, hold_against};
pub use ring::{Entry, LEASE, Ring};
pub use sessions::{SignedIn, Who, person_caller};
pub use sextant_store::{PepperUse, SessionEntry, UserFilter, UserRecord};
pub use tenancy::{OrganizationView, ProjectView};
pub use verify::{Admission, Moment};

use batches::Batches;
use notices::Notices;
use nudges::Nudges;
use passwords::Hashing;
use rekeying::Rekeying;
use ring::{Database, ProcessTimer, Server};
use sextant_core::access::{Actor, Caller, Origin, Project, Scope};
use sextant_core::code::Code;
use sextant_core::id::{Identifier, KeyId};
use sextant_core::key::{ApiKey, KeyMac};
use sextant_core::source::{Clock, Entropy, HighWater};
use sextant_core::time::Time;
use sextant_store::Store;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use throttle::Throttle;
use usage::Usage;

/// What the wiring gives.
#[derive(Clone)]
pub struct Sources {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What this node has seen.
    pub mark: Arc<dyn HighWater>,
}

/// Everything a request can ask for.
pub struct Sextant {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    mark: Arc<dyn HighWater>,
    /// The latest time by which something was refused as over; the mark follows.
    told: AtomicI64,
    nobody: KeyMac,
    ring: Arc<Ring>,
    member: Server,
    node: Option<String>,
    rekeying: Arc<Rekeying>,
    nudges: Nudges,
    usage: Usage,
    batches: Batches,
    notices: Notices,
    passwords: Hashing,
    throttle: Throttle,
    directory: developers::DirectoryCache,
    /// Counters for `/metrics`.
    pub metrics: Metrics,
}

/// Whether a change gives power or takes it away: taking waits for everyone, giving not for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Publish {
    Taking,
    Giving,
}

/// How long giving power waits for other processes.
const GIVING_PATIENCE: Duration = Duration::from_secs(2);

impl Sextant {
    /// Puts it together. `node`, where this process answers requests and will hold a lease ([`Sextant::start`]): a name
    /// under which no two processes ever serve at the same time.
    pub fn new(store: Store, sources: &Sources, node: Option<String>) -> Arc<Self> {
        let ring = Arc::new(Ring::default());
        let rekeying = Arc::new(Rekeying::new(store.clone(), sources.clock.clone()));
        let process = node.as_ref().map(|node| format!("{node}-{}", KeyId::draw(&*sources.entropy)));
        let timer = ProcessTimer(sources.clock.clone());
        let database =
            Database { store: store.clone(), clock: sources.clock.clone(), rekeying: rekeying.clone() };
        Arc::new(Self {
            member: Server::new(ring.clone(), timer, database, process),
            node,
            rekeying,
            directory: developers::DirectoryCache::default(),
            nobody: verify::nobody(),
            clock: sources.clock.clone(),
            entropy: sources.entropy.clone(),
            mark: sources.mark.clone(),
            told: AtomicI64::new(0),
            nudges: Nudges::default(),
            usage: Usage::default(),
            batches: Batches::new(&*sources.entropy),
            notices: Notices::default(),
            passwords: Hashing::default(),
            throttle: Throttle::default(),
            metrics: Metrics::default(),
            ring,
            store,
        })
    }

    /// The moment, read once for a request.
    pub fn moment(&self) -> Moment {
        let now = self.clock.now();
        Moment { now, judged: self.latest(now), monotonic: self.clock.monotonic() }
    }

    /// The latest of this time and what was seen before.
    fn latest(&self, now: Time) -> Time {
        now.max(self.mark.seen().1).max(Time::from_micros(self.told.load(Ordering::Relaxed)))
    }

    /// Remembers a time by which something was refused as over, so that it stays over when the clock is set back.
    fn saw(&self, time: Time) {
        self.told.fetch_max(time.micros(), Ordering::Relaxed);
    }

    /// The process clock.
    pub fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// The time of day.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Randomness, for request ids.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// How many keys are in memory.
    pub fn key_count(&self) -> usize {
        self.ring.len()
    }

    /// Whether requests can be answered: the database is there and the key ring current.
    pub async fn ready(&self) -> Result<(), Failure> {
        self.store.ping().await?;
        if self.ring.is_trusted(self.clock.monotonic()) {
            Ok(())
        } else {
            Err(Failure::unavailable("the key ring is not current"))
        }
    }

    /// Whether the key ring is current: a question to memory only.
    pub fn is_trusted(&self) -> bool {
        self.ring.is_trusted(self.clock.monotonic())
    }

    /// A caller with a shell on this machine.
    pub fn shell(&self, origin: Origin) -> Caller {
        Caller {
            actor: Actor::System("command line"),
            authority: sextant_core::access::Authority::System,
            origin,
        }
    }

    /// The project with these identifiers; [`Code::NotFound`] if there is none. Whoever names a project of which they
    /// have nothing learns that from the permit.
    pub async fn project(&self, organization: &str, project: &str) -> Result<Arc<Project>, Failure> {
        let wanted = |candidate: &Project| {
            candidate.organization.as_str() == organization && candidate.identifier.as_str() == project
        };
        if self.node.is_some() {
            if let Some(found) = self.ring.projects().into_iter().find(|candidate| wanted(candidate)) {
                return Ok(found);
            }
        } else {
            let all = self.store.projects().await?;
            if let Some(found) = all.into_iter().find(|candidate| wanted(&candidate.project)) {
                return Ok(Arc::new(found.project));
            }
        }
        let shown =
            Identifier::parse(project).map_or_else(|| "project".to_owned(), |id| format!("project `{id}`"));
        Err(Failure::not_found(&shown))
    }

    /// Makes a committed change count: here at once, everywhere before the answer. Answers how long that took.
    async fn publish(&self, number: Option<i64>, how: Publish, gone: &[KeyId]) -> Result<Duration, Failure> {
        let Some(number) = number else { return Ok(Duration::ZERO) };
        self.raise_mark(number).await;
        let began = self.clock.monotonic();
        let patience = (how == Publish::Giving).then_some(GIVING_PATIENCE);
        let everywhere = self.member.publish(number, gone, patience).await?;
        if !everywhere {
            tracing::warn!(number, "not every server has applied the change yet");
        }
        let took = self.clock.monotonic().saturating_sub(began);
        self.metrics.fence(took);
        Ok(took)
    }

    /// Waits until everything that is committed counts everywhere: for a call that finds its change made already, perhaps
    /// by an attempt that ended before it had waited.
    async fn settle(&self) -> Result<Duration, Failure> {
        let number = self.store.change_number().await?;
        self.publish(Some(number), Publish::Taking, &[]).await
    }

    /// Notes that an authenticated caller was refused.
    pub fn note_denied(&self, caller: &Caller, code: Code, route: &str) {
        let project = match &caller.authority {
            sextant_core::access::Authority::Key { project, .. } => Some(project),
            _ => None,
        };
        self.notices.denied(&caller.actor, code, route, project, &caller.origin);
    }

    /// Notes keys in text that people or programs sent; live ones are marked exposed.
    pub fn note_exposed(&self, keys: &[ApiKey], place: &str, address: Option<IpAddr>) {
        let now = self.clock.now();
        for key in keys {
            if self.is_live(key, now)
                && let Some(entry) = self.ring.get(key.id())
            {
                self.notices.exposed(&entry, place, address);
            }
        }
    }

    /// The caller behind an admitted key.
    pub fn key_caller(&self, admission: &Admission, origin: Origin) -> Caller {
        let mut power = admission.entry.power();
        power.permissions = admission.permissions;
        Caller {
            actor: Actor::ApiKey(admission.entry.id),
            authority: sextant_core::access::Authority::Key {
                power,
                project: admission.entry.project.clone(),
            },
            origin,
        }
    }

    /// Ends all database connections.
    pub async fn close(&self) {
        self.store.close().await;
    }
}

fn project_scope(project: &Arc<Project>) -> Scope {
    Scope::Project(project.clone())
}
