//! The master key that is in force, and what is derived from it, as this process holds it.
//!
//! Another process can put another master key in place at any moment. So nothing is sealed, and no verifier is made, by
//! what is merely in memory: every transaction that changes something begins by reading which master key is in force, and
//! none is replaced while one is under way ([`crate::db`]). A process that finds another one takes it over: it was handed to
//! the process's lease, or lies where the process's key came from. Where it is neither, nothing can be changed any more, the
//! lease cannot be renewed, and the process answers that it cannot tell.

use crate::Store;
use crate::db::{Transactional, args};
use crate::error::StoreError;
use arc_swap::{ArcSwap, Guard};
use sextant_core::key::{MasterKey, PepperId, PepperSeed, Peppers, Seal};
use sextant_core::source::KeyHome;
use sextant_core::wrap::Heir;
use std::sync::{Arc, MutexGuard, PoisonError};
use tokio::sync::Mutex;

/// A master key and what is derived from it, with the peppers of those before it.
pub struct Secrets {
    pub(crate) master: MasterKey,
    pub(crate) fingerprint: String,
    pub(crate) seal: Seal,
    /// The peppers that verifiers are held against.
    pub peppers: Peppers,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// Which master key is in force: the number of its pepper, and its fingerprint.
pub(crate) type Epoch = (i64, String);

pub(crate) type PepperRow = (i64, Option<String>, String);

impl Secrets {
    /// As they are before anything is stored.
    fn fresh(master: MasterKey) -> Self {
        Self::new(master, PepperId(1), &[])
    }

    pub(crate) fn new(master: MasterKey, current: PepperId, former: &[PepperSeed]) -> Self {
        let former = former.iter().map(PepperSeed::pepper).collect();
        Self {
            fingerprint: master.fingerprint(),
            seal: master.seal(),
            peppers: Peppers::new(master.pepper(current), former),
            master,
        }
    }

    fn read(master: MasterKey, rows: &[PepperRow]) -> Result<Self, StoreError> {
        let current = rows.iter().find(|(_, wrapped, _)| wrapped.is_none());
        let Some((current, ..)) = current else { return Ok(Self::fresh(master)) };
        let former = seeds(&master, rows)?;
        Ok(Self::new(master, number(*current)?, &former))
    }

    /// The master key's fingerprint.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(crate) fn number(&self) -> i64 {
        i64::from(self.peppers.current().id().0)
    }

    /// Whether these are what the transaction sees in force.
    pub(crate) async fn are_in_force(&self, inner: &mut Transactional) -> Result<bool, StoreError> {
        Ok(epoch(inner).await?.is_none_or(|epoch| self.are_of(&epoch)))
    }

    fn are_of(&self, epoch: &Epoch) -> bool {
        self.number() == epoch.0 && self.fingerprint == epoch.1
    }
}

pub(crate) fn number(id: i64) -> Result<PepperId, StoreError> {
    u16::try_from(id).map(PepperId).map_err(|_| StoreError::unreadable("pepper", &id.to_string()))
}

/// The former peppers among these, unwrapped.
pub(crate) fn seeds(master: &MasterKey, rows: &[PepperRow]) -> Result<Vec<PepperSeed>, StoreError> {
    let wrapped = rows.iter().filter_map(|(id, wrapped, _)| Some((*id, wrapped.as_deref()?)));
    wrapped
        .map(|(id, wrapped)| {
            PepperSeed::unwrap(number(id)?, wrapped, master).ok_or_else(|| {
                StoreError::Broken(format!(
                    "pepper {id} does not open under this master key: its row was changed"
                ))
            })
        })
        .collect()
}

/// All peppers, the newest first.
pub(crate) async fn pepper_rows(inner: &mut Transactional) -> Result<Vec<PepperRow>, StoreError> {
    inner.all("select id, wrapped, fingerprint from peppers order by id desc", Vec::new()).await
}

async fn epoch(inner: &mut Transactional) -> Result<Option<Epoch>, StoreError> {
    inner.optional("select id, fingerprint from peppers where wrapped is null", Vec::new()).await
}

/// What this process holds, and by what it can be told something new.
pub(crate) struct Keeping {
    secrets: ArcSwap<Secrets>,
    home: Arc<dyn KeyHome>,
    heir: Heir,
    /// The lease under whose name the heir was last announced.
    lease: std::sync::Mutex<Option<String>>,
    /// One takeover at a time.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Keeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeping").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl Keeping {
    pub(crate) fn new(master: MasterKey, home: Arc<dyn KeyHome>, heir: Heir) -> Self {
        Self {
            secrets: ArcSwap::from_pointee(Secrets::fresh(master)),
            home,
            heir,
            lease: std::sync::Mutex::default(),
            turn: Mutex::default(),
        }
    }

    pub(crate) fn secrets(&self) -> Guard<Arc<Secrets>> {
        self.secrets.load()
    }

    pub(crate) fn replace(&self, secrets: Arc<Secrets>) {
        self.secrets.store(secrets);
    }

    /// By what the process with this lease can be told a new master key.
    pub(crate) fn announce(&self, lease: &str, secrets: &Secrets) -> String {
        *self.lease() = Some(lease.to_owned());
        self.heir.announce(lease, &secrets.master)
    }

    fn lease(&self) -> MutexGuard<'_, Option<String>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in force as this transaction sees it, or what has come after that: taken over if this process does not
    /// hold it yet.
    pub(crate) async fn in_force(&self, inner: &mut Transactional) -> Result<Arc<Secrets>, StoreError> {
        let held = self.secrets.load_full();
        let Some(epoch) = epoch(inner).await? else { return Ok(held) };
        if held.are_of(&epoch) {
            return Ok(held);
        }
        let _turn = self.turn.lock().await;
        let held = self.secrets.load_full();
        if held.are_of(&epoch) || held.number() > epoch.0 {
            return Ok(held);
        }
        let rows = pepper_rows(inner).await?;
        // At the start it is the right one already, and only its pepper's number was not known.
        let is_known = held.fingerprint == epoch.1;
        let master =
            if is_known { held.master.clone() } else { self.told(inner, &held.master, &epoch.1).await? };
        let secrets = Arc::new(Secrets::read(master.clone(), &rows)?);
        if !is_known {
            self.keep(master).await;
        }
        self.secrets.store(secrets.clone());
        Ok(secrets)
    }

    async fn keep(&self, master: MasterKey) {
        let home = self.home.clone();
        let fingerprint = master.fingerprint();
        let kept = tokio::task::spawn_blocking(move || home.keep(&master)).await;
        if let Err(problem) = kept.unwrap_or_else(|error| Err(error.to_string())) {
            tracing::error!(
                problem,
                fingerprint,
                "took over the new master key, and could not keep it; put it in place before the next start"
            );
        }
    }

    /// The same with the peppers read anew: those before the current one may have been ended.
    pub(crate) async fn follow(&self, inner: &mut Transactional) -> Result<(), StoreError> {
        self.in_force(inner).await?;
        let rows = pepper_rows(inner).await?;
        let _turn = self.turn.lock().await;
        let held = self.secrets.load_full();
        // What was taken over since is newer than what this transaction sees.
        if rows.first().is_some_and(|(current, ..)| *current == held.number()) {
            self.secrets.store(Arc::new(Secrets::read(held.master.clone(), &rows)?));
        }
        Ok(())
    }

    async fn told(
        &self,
        inner: &mut Transactional,
        old: &MasterKey,
        fingerprint: &str,
    ) -> Result<MasterKey, StoreError> {
        let mut candidates = Vec::new();
        let lease = self.lease().clone();
        if let Some(lease) = &lease {
            let handed: Option<(Option<String>,)> =
                inner.optional("select handover from leases where id = $1", args![lease]).await?;
            let handed = handed.and_then(|(handed,)| handed);
            candidates.extend(handed.and_then(|handed| self.heir.receive(lease, &handed, old)));
        }
        if candidates.is_empty() {
            let home = self.home.clone();
            candidates = tokio::task::spawn_blocking(move || home.read())
                .await
                .map_err(|error| StoreError::Broken(error.to_string()))?;
        }
        let found = candidates.into_iter().find(|candidate| candidate.fingerprint() == fingerprint);
        found.ok_or_else(|| StoreError::OtherKey(fingerprint.to_owned()))
    }
}

impl Store {
    /// The master key that this process holds, as far as it is needed without asking the database.
    pub fn secrets(&self) -> Guard<Arc<Secrets>> {
        self.keeping.secrets()
    }

    /// What is in force in the database at this moment.
    pub(crate) async fn secrets_in_force(&self) -> Result<Arc<Secrets>, StoreError> {
        let mut tx = self.db.snapshot().await?;
        self.keeping.in_force(&mut tx).await
    }
}
