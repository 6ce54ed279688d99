//! Transactions that change something: begun with a permit, ended with audit notes.

use crate::Store;
use crate::db::{Transactional, args};
use crate::error::StoreError;
use crate::secrets::{Keeping, Secrets};
use sextant_core::access::{Actor, Housekeeping, Permit, Scope};
use sextant_core::audit::{ACCOUNT_CHAIN, Entry, GENESIS, Note};
use sextant_core::key::{ApiKey, KeyMac, PepperId, Token};
use sextant_core::time::Time;
use std::sync::Arc;

/// The fact that seals which chains there are.
pub(crate) const CHAINS: &str = "audit-chains";
/// The fact that says whose database it is.
pub(crate) const FINGERPRINT: &str = "master-key-fingerprint";

/// A change under way. Which methods it has depends on the action `A` that was permitted. Dropping it undoes it.
pub struct Tx<A> {
    pub(crate) inner: Transactional,
    permit: Permit<A>,
    pub(crate) secrets: Arc<Secrets>,
    /// Whether `secrets` are put in force by this change.
    pub(crate) replaces: bool,
    pub(crate) keeping: Arc<Keeping>,
    now: Time,
    change: Option<i64>,
    /// The name of a key that this change deletes and that makes it.
    own_name: Option<String>,
}

impl Store {
    /// Begins a change that `permit` allows, at `now`, under the master key that is in force and stays so until the end
    /// of the change.
    pub async fn begin<A>(&self, permit: Permit<A>, now: Time) -> Result<Tx<A>, StoreError> {
        self.changing(self.db.begin().await?, permit, now).await
    }

    /// Begins a change while no other one is under way, such as one of the master key itself.
    pub async fn begin_alone<A>(&self, permit: Permit<A>, now: Time) -> Result<Tx<A>, StoreError> {
        self.changing(self.db.begin_alone().await?, permit, now).await
    }

    async fn changing<A>(
        &self,
        mut inner: Transactional,
        permit: Permit<A>,
        now: Time,
    ) -> Result<Tx<A>, StoreError> {
        let keeping = self.keeping.clone();
        let secrets = keeping.in_force(&mut inner).await?;
        Ok(Tx { inner, permit, secrets, replaces: false, keeping, now, change: None, own_name: None })
    }
}

impl<A> Tx<A> {
    /// The permit that this change rests on.
    pub const fn permit(&self) -> &Permit<A> {
        &self.permit
    }

    /// When the change is made.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// This change's number: one for each transaction, in the order of their commits, since whoever asks first
    /// holds the counter's row until the end.
    // tidy: no permit: drawing a number changes nothing that anyone decided
    pub async fn change_number(&mut self) -> Result<i64, StoreError> {
        if let Some(number) = self.change {
            return Ok(number);
        }
        let (number,): (i64,) = self
            .inner
            .one("update change_counter set number = number + 1 where id = 1 returning number", Vec::new())
            .await?;
        self.change = Some(number);
        Ok(number)
    }

    /// Announces a change to the processes that keep such things in memory.
    pub(crate) async fn announce(&mut self, kind: &'static str, subject: &str) -> Result<i64, StoreError> {
        let number = self.change_number().await?;
        self.inner
            .execute(
                "insert into changes (number, kind, subject_id, at) values ($1, $2, $3, $4) on conflict do nothing",
                args![number, kind, subject, self.now.micros()],
            )
            .await?;
        Ok(number)
    }

    /// Ends the change: its notes join the chain of the permit's scope in the same transaction. Answers the change
    /// number, if one was drawn.
    pub async fn commit(mut self, notes: Vec<Note>) -> Result<Option<i64>, StoreError> {
        if !notes.is_empty() {
            self.append(notes).await?;
        }
        let number = self.change;
        if number.is_some() {
            self.inner.wake().await?;
        }
        self.inner.commit().await?;
        if self.replaces {
            self.keeping.replace(self.secrets);
        }
        Ok(number)
    }

    /// The verifier of an API key, to be stored by this change.
    pub fn verifier(&self, key: &ApiKey) -> (KeyMac, PepperId) {
        let pepper = self.secrets.peppers.current();
        (pepper.mac(key), pepper.id())
    }

    /// The verifier of a session's or link's token, to be stored by this change, and under which pepper it was made.
    pub(crate) fn token_verifier(&self, token: &Token) -> (String, i64) {
        (self.secrets.peppers.current().token_mac(token).to_hex(), self.secrets.number())
    }

    async fn append(&mut self, notes: Vec<Note>) -> Result<(), StoreError> {
        let chain = match self.permit.scope() {
            Scope::Account => ACCOUNT_CHAIN.to_owned(),
            Scope::Project(project) => project.id.to_string(),
        };
        let begun = self
            .inner
            .execute(
                "insert into audit_heads (chain, sequence, hash, seal) values ($1, 0, $2, '') on conflict do nothing",
                args![&chain, GENESIS],
            )
            .await?;
        if begun > 0 {
            self.seal_chains().await?;
        }
        // The update takes the head's row, so that entries of one chain are written one after another.
        let (mut sequence, mut hash): (i64, String) = self
            .inner
            .one("update audit_heads set seal = '' where chain = $1 returning sequence, hash", args![&chain])
            .await?;
        let (actor_type, actor_id, actor_name) = self.actor().await?;
        let actor_name = clean(&actor_name);
        let filing = self.file(&chain, &actor_name, &notes).await?;
        let origin = self.permit.origin().clone();
        let mut rows = Vec::with_capacity(notes.len());
        for note in notes {
            sequence += 1;
            let group = filing.of(&note);
            let mut entry = Entry {
                chain: chain.clone(),
                sequence,
                at: self.now,
                actor_type: actor_type.to_owned(),
                actor_id: actor_id.clone(),
                actor_name: actor_name.clone(),
                event: note.event.name().to_owned(),
                kind: note.kind.name().to_owned(),
                subject_id: clean(&note.subject_id),
                subject_name: clean(&note.subject_name),
                before: note.before.map_or_else(String::new, |value| clean(&value.to_string())),
                after: note.after.map_or_else(String::new, |value| clean(&value.to_string())),
                address: origin.address.map_or_else(String::new, |address| address.to_string()),
                user_agent: clean(origin.user_agent.as_deref().unwrap_or_default()),
                request_id: origin.request_id.clone(),
                previous_hash: hash.clone(),
                hash: String::new(),
            };
            entry.hash = entry.link();
            hash.clone_from(&entry.hash);
            rows.push(crate::audit::values(entry, group));
        }
        self.inner.insert_many(crate::audit::INSERT, rows, "").await?;
        let seal = self.secrets.seal.over(&chain, sequence, &hash);
        self.inner
            .execute(
                "update audit_heads set sequence = $2, hash = $3, seal = $4 where chain = $1",
                args![&chain, sequence, hash, seal],
            )
            .await?;
        Ok(())
    }

    /// Seals which chains there are, so that a whole chain that was taken out with its head is missed.
    pub(crate) async fn seal_chains(&mut self) -> Result<(), StoreError> {
        self.hold_chains().await?;
        let chains: Vec<(String,)> =
            self.inner.all("select chain from audit_heads order by chain", Vec::new()).await?;
        let chains: Vec<String> = chains.into_iter().map(|(chain,)| chain).collect();
        let value = self.secrets.seal.over_chains(&chains);
        self.inner
            .execute("update installation set value = $2 where name = $1", args![CHAINS, value])
            .await?;
        Ok(())
    }

    /// Whoever does the same at the same time waits here, and then sees what this change has written.
    pub(crate) async fn hold_chains(&mut self) -> Result<(), StoreError> {
        self.inner
            .execute(
                "insert into installation (name, value) values ($1, '')
                 on conflict (name) do update set value = installation.value",
                args![CHAINS],
            )
            .await?;
        Ok(())
    }

    async fn actor(&mut self) -> Result<(&'static str, String, String), StoreError> {
        Ok(match self.permit.actor().clone() {
            Actor::User { id, email } => ("USER", id.to_string(), email),
            Actor::ApiKey(id) => {
                if let Some(name) = &self.own_name {
                    return Ok(("API_KEY", id.to_string(), name.clone()));
                }
                let name: Option<(String,)> = self
                    .inner
                    .optional("select name from api_keys where id = $1", args![id.as_str()])
                    .await?;
                // Refusals are written down a little later: the key may be gone by then.
                ("API_KEY", id.to_string(), name.map_or_else(|| format!("sxt_{id}"), |(name,)| name))
            }
            Actor::System(reason) => ("SYSTEM", "system".to_owned(), reason.to_owned()),
        })
    }

    /// Remembers the actor's name before its record goes: a key can end itself.
    pub(crate) async fn keep_own_name(&mut self) -> Result<(), StoreError> {
        self.own_name = Some(self.actor().await?.2);
        Ok(())
    }

    /// The name that stored records show for whoever makes this change: type, id, name.
    pub(crate) async fn author(&mut self) -> Result<(&'static str, String, String), StoreError> {
        self.actor().await
    }
}

impl Tx<Housekeeping> {
    /// Makes the database that of the master key that this process holds, unless it is one's already. Answers whether
    /// it was not.
    pub async fn claim(&mut self) -> Result<bool, StoreError> {
        let secrets = self.secrets.clone();
        let claimed = self
            .inner
            .execute(
                "insert into installation (name, value) values ($1, $2) on conflict (name) do nothing",
                args![FINGERPRINT, &secrets.fingerprint],
            )
            .await?;
        if claimed > 0 {
            let now = self.now.micros();
            self.inner
                .execute(
                    "insert into peppers (id, wrapped, fingerprint, created_at) values ($1, null, $2, $3)",
                    args![secrets.number(), &secrets.fingerprint, now],
                )
                .await?;
        }
        Ok(claimed > 0)
    }
}

/// Takes the secret out of text of key form before it is hashed into the chain: what is stored must be what was hashed.
fn clean(text: &str) -> String {
    sextant_core::redact::redact(text).into_owned()
}
