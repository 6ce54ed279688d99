//! Keys: mint, list, narrow, rotate, delete.

mod input;
mod notes;
mod retry;
mod rules;
mod usage;

pub use input::{CreateKey, Idempotency, KeyQuery, PatchKey, RotateKey};
pub use usage::{KeyUsage, UsageQuery};

use crate::error::Failure;
use crate::{Publish, Sextant, project_scope};
use input::{description, expiry, filter, key_id, networks, patched, rate, role, scopes};
use notes::{deletion, note, shown};
use retry::{remember, remembered};
use rules::{already_gone, holds, may_grant, may_manage, name_taken, would_widen};
use serde_json::json;
use sextant_core::access::{Actor, Authority, Caller, Permit, Project, Scope};
use sextant_core::audit::Event;
use sextant_core::code::Code;
use sextant_core::id::KeyId;
use sextant_core::key::ApiKey;
use sextant_core::permission::KeyRole;
use sextant_core::permission::action::{ApiKeysRead, ApiKeysWrite};
use sextant_core::power::Power;
use sextant_core::text::Name;
use sextant_store::{KeyRecord, NewKey};
use std::sync::Arc;
use std::time::Duration;

/// How long an `Idempotency-Key` is remembered.
const REMEMBERED: Duration = Duration::from_hours(24);
/// The longest overlap of a rotation, in seconds.
const LONGEST_OVERLAP: i64 = 2_592_000;

/// A key as it is shown.
#[derive(Clone, Debug)]
pub struct KeyView {
    /// What is stored, with usage up to this moment.
    pub record: KeyRecord,
    /// Its project.
    pub project: Arc<Project>,
    /// `ACTIVE`, `DISABLED` or `EXPIRED`.
    pub status: &'static str,
}

/// A page of keys.
#[derive(Debug)]
pub struct KeyList {
    /// The keys.
    pub keys: Vec<KeyView>,
    /// How many there are in all.
    pub total: i64,
}

/// A key that was made or rotated. The secret is there the first time only.
#[derive(Debug)]
pub struct Minted {
    /// What may be shown again.
    pub view: KeyView,
    /// What may not.
    pub key: Option<ApiKey>,
    /// How long it took until that was so everywhere.
    pub fence: Duration,
}

impl Sextant {
    /// Makes a key.
    pub async fn create_key(
        &self,
        caller: &Caller,
        project: &Arc<Project>,
        input: CreateKey,
        retry: Option<Idempotency>,
    ) -> Result<Minted, Failure> {
        let scope = project_scope(project);
        let now = self.clock.now();
        let name = Name::parse(&input.name).map_err(|error| Failure::invalid("name", error))?;
        let description = description(input.description.as_deref())?;
        let role = role(&input.role)?;
        let power = Power {
            permissions: scopes(input.scopes.as_deref(), role)?,
            networks: networks(input.allowed_cidrs.as_deref())?,
            expires_at: expiry(input.expires_at.as_deref(), now)?,
            rate_per_minute: rate(input.rate_limit_per_minute)?,
        };

        let permit = caller.permit::<ApiKeysWrite>(&scope)?;
        may_grant(caller, &scope, role, &power)?;
        let parent = match &caller.actor {
            Actor::ApiKey(id) => Some(*id),
            _ => None,
        };

        let mut tx = self.store.begin(permit, now).await?;
        if let Some(retry) = &retry
            && let Some(id) = remembered(&mut tx, caller, project, "create", retry).await?
        {
            let record = tx.key(&project.id, id).await?.ok_or_else(already_gone)?;
            return Ok(Minted { view: self.view(record, project), key: None, fence: Duration::ZERO });
        }
        let id = KeyId::draw(&*self.entropy);
        let key = ApiKey::draw(id, &*self.entropy);
        let (mac, pepper) = tx.verifier(&key);
        let stored = tx
            .insert_keys(vec![NewKey {
                id,
                project_id: project.id.clone(),
                name: name.as_str().to_owned(),
                name_folded: name.folded(),
                description: description.as_str().to_owned(),
                role,
                power,
                parent,
                mac,
                pepper,
            }])
            .await;
        stored.map_err(|error| name_taken(error, name.as_str()))?;
        if let Some(retry) = &retry {
            remember(&mut tx, caller, project, "create", retry, id).await?;
        }
        let record = tx.key(&project.id, id).await?.ok_or_else(|| Failure::not_found("key"))?;
        let number = tx.commit(vec![note(Event::Created, &record, None, Some(shown(&record)))]).await?;

        let fence = self.publish(number, Publish::Giving, &[]).await?;
        Ok(Minted { view: self.view(record, project), key: Some(key), fence })
    }

    /// One key of a project.
    pub async fn read_key(
        &self,
        caller: &Caller,
        project: &Arc<Project>,
        id: &str,
    ) -> Result<KeyView, Failure> {
        caller.permit::<ApiKeysRead>(&project_scope(project))?;
        let id = key_id(id)?;
        let record = self.store.key(&project.id, id).await?.ok_or_else(|| Failure::not_found("key"))?;
        Ok(self.view(record, project))
    }

    /// A page of a project's keys.
    pub async fn list_keys(
        &self,
        caller: &Caller,
        project: &Arc<Project>,
        query: KeyQuery,
        page: (i64, i64),
    ) -> Result<KeyList, Failure> {
        caller.permit::<ApiKeysRead>(&project_scope(project))?;
        let now = self.clock.now();
        let (filter, order) = filter(&query, now)?;
        let (records, total) = self.store.key_page(&project.id, &filter, order, now, page).await?;
        let keys = records.into_iter().map(|record| self.view(record, project)).collect();
        Ok(KeyList { keys, total })
    }

    /// Renames, describes, switches or narrows a key.
    pub async fn patch_key(
        &self,
        caller: &Caller,
        project: &Arc<Project>,
        id: &str,
        input: PatchKey,
    ) -> Result<(KeyView, Duration), Failure> {
        let scope = project_scope(project);
        let now = self.clock.now();
        let id = key_id(id)?;
        let permit = caller.permit::<ApiKeysWrite>(&scope)?;

        let mut tx = self.store.begin(permit, now).await?;
        let before = tx.key(&project.id, id).await?.ok_or_else(|| Failure::not_found("key"))?;
        may_manage(caller, &scope, &before)?;
        let after = patched(&before, &input, now)?;
        let wider = before.power.excess_of(&after.power);
        if !wider.is_empty() {
            return Err(would_widen(&wider));
        }
        if after.enabled && !before.enabled {
            holds(caller, &scope, &after.power)?;
        }
        if shown(&before) == shown(&after) {
            drop(tx);
            let fence = self.settle().await?;
            return Ok((self.view(before, project), fence));
        }
        let name = Name::parse(&after.name).map_err(|error| Failure::invalid("name", error))?;
        tx.update_key(&before, &after, &name.folded())
            .await
            .map_err(|error| name_taken(error, name.as_str()))?;
        let number =
            tx.commit(vec![note(Event::Edited, &after, Some(shown(&before)), Some(shown(&after)))]).await?;

        let taking = (before.enabled && !after.enabled) || before.power != after.power;
        let fence = self.publish(number, if taking { Publish::Taking } else { Publish::Giving }, &[]).await?;
        Ok((self.view(after, project), fence))
    }

    /// Gives a key a new secret.
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        project: &Arc<Project>,
        id: &str,
        input: RotateKey,
        retry: Option<Idempotency>,
    ) -> Result<Minted, Failure> {
        let scope = project_scope(project);
        let now = self.clock.now();
        let id = key_id(id)?;
        if !(0..=LONGEST_OVERLAP).contains(&input.overlap_seconds) {
            return Err(Failure::invalid(
                "overlapSeconds",
                format!("must be between 0 and {LONGEST_OVERLAP}"),
            ));
        }
        let overlap = Duration::from_secs(u64::try_from(input.overlap_seconds).unwrap_or(0));
        let permit = caller.permit::<ApiKeysWrite>(&scope)?;
        let route = format!("rotate {id}");

        let mut tx = self.store.begin(permit, now).await?;
        let before = tx.key(&project.id, id).await?.ok_or_else(|| Failure::not_found("key"))?;
        may_manage(caller, &scope, &before)?;
        holds(caller, &scope, &before.power)?;
        if let Some(retry) = &retry
            && remembered(&mut tx, caller, project, &route, retry).await?.is_some()
        {
            drop(tx);
            let fence = self.settle().await?;
            return Ok(Minted { view: self.view(before, project), key: None, fence });
        }
        let key = ApiKey::draw(id, &*self.entropy);
        let verifier = tx.verifier(&key);
        let valid_until = (!overlap.is_zero()).then(|| now.plus(overlap));
        tx.rotate_key(id, verifier, valid_until, input.end_overlap_on_first_use).await?;
        let mut notes = Vec::new();
        let mut gone = Vec::new();
        if input.delete_offspring {
            for (child, name) in tx.offspring(id).await? {
                notes.push(deletion(child, &name));
                gone.push(child);
            }
            tx.delete_keys(&gone).await?;
        }
        if let Some(retry) = &retry {
            remember(&mut tx, caller, project, &route, retry, id).await?;
        }
        let record = tx.key(&project.id, id).await?.ok_or_else(|| Failure::not_found("key"))?;
        let after = json!({
            "rotatedAt": record.rotated_at.map(|time| time.to_string()),
            "previousValidUntil": record.previous_valid_until.map(|time| time.to_string()),
            "endOverlapOnFirstUse": input.end_overlap_on_first_use,
        });
        notes.insert(0, note(Event::Rotated, &record, None, Some(after)));
        let number = tx.commit(notes).await?;

        let fence = self.publish(number, Publish::Taking, &gone).await?;
        Ok(Minted { view: self.view(record, project), key: Some(key), fence })
    }

    /// Deletes a key and the keys that it made. Answers how long it took until they were dead everywhere.
    pub async fn delete_key(
        &self,
        caller: &Caller,
        project: &Arc<Project>,
        id: &str,
    ) -> Result<Duration, Failure> {
        let scope = project_scope(project);
        let id = key_id(id)?;
        let permit = caller.permit::<ApiKeysWrite>(&scope)?;
        self.end_key(caller, permit, project, id).await
    }

    /// Ends the key that asks.
    pub async fn delete_own_key(&self, caller: &Caller) -> Result<Duration, Failure> {
        let (Actor::ApiKey(id), Authority::Key { project, .. }) = (&caller.actor, &caller.authority) else {
            return Err(Failure::new(
                Code::InvalidRequest,
                "only a key can end itself; name the key to delete",
            ));
        };
        let permit = caller.permit_own::<ApiKeysWrite>(&project_scope(project));
        self.end_key(caller, permit, project, *id).await
    }

    async fn end_key(
        &self,
        caller: &Caller,
        permit: Permit<ApiKeysWrite>,
        project: &Arc<Project>,
        id: KeyId,
    ) -> Result<Duration, Failure> {
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        let Some(before) = tx.key(&project.id, id).await? else {
            // Whoever repeats a deletion that was cut off takes this for an answer.
            drop(tx);
            self.settle().await?;
            return Err(Failure::not_found("key"));
        };
        may_manage(caller, &project_scope(project), &before)?;
        let mut notes = vec![note(Event::Deleted, &before, Some(shown(&before)), None)];
        let mut gone = vec![id];
        for (child, name) in tx.offspring(id).await? {
            notes.push(deletion(child, &name));
            gone.push(child);
        }
        tx.delete_keys(&gone).await?;
        let number = tx.commit(notes).await?;

        self.publish(number, Publish::Taking, &gone).await
    }

    /// Ends a rotation's overlap because the new secret was used; returns once that holds everywhere. Until then every use
    /// of the new secret comes here, so that none is answered while some server still takes the old one.
    pub async fn end_overlap(&self, admission: &crate::Admission) -> Result<(), Failure> {
        let (id, project) = (admission.entry.id, &admission.entry.project);
        let permit = || Permit::system("first use of the new secret", project_scope(project));
        let mut tx = self.store.begin(permit(), self.clock.now()).await?;
        let number = if tx.end_overlap(id).await? {
            let Some(record) = tx.key(&project.id, id).await? else { return Ok(()) };
            let after = json!({"previousSecret": "ended by first use"});
            tx.commit(vec![note(Event::Edited, &record, None, Some(after))]).await?
        } else {
            drop(tx);
            Some(self.store.change_number().await?)
        };
        self.publish(number, Publish::Taking, &[]).await?;

        let mut tx = self.store.begin(permit(), self.clock.now()).await?;
        if tx.settle_overlap(id).await? {
            let number = tx.commit(Vec::new()).await?;
            self.publish(number, Publish::Giving, &[]).await?;
        }
        Ok(())
    }

    fn view(&self, mut record: KeyRecord, project: &Arc<Project>) -> KeyView {
        let now = self.clock.now();
        if let Some(used) = self.usage.pending(record.id) {
            record.request_count += used.requests;
            if record.last_used_at.is_none_or(|at| at <= used.at) {
                record.last_used_at = Some(used.at);
                record.last_used_address = used.address.map(|address| address.to_string());
                let agent = sextant_core::redact::redact(&used.user_agent).into_owned();
                record.last_used_user_agent = Some(agent).filter(|agent| !agent.is_empty());
            }
        }
        record.previous_valid_until = record.previous_valid_until.filter(|until| *until > now);
        let status = if !record.enabled {
            "DISABLED"
        } else if record.power.expires_at.is_some_and(|expiry| expiry <= now) {
            "EXPIRED"
        } else {
            "ACTIVE"
        };
        KeyView { record, project: project.clone(), status }
    }

    /// Stores many keys at once and answers them: for measuring with a million, by someone with a shell.
    pub async fn seed_keys(&self, count: usize) -> Result<Vec<ApiKey>, Failure> {
        let projects = self.store.projects().await?;
        let project = projects.into_iter().next().ok_or_else(|| Failure::not_found("project"))?.project;
        let scope = Scope::Project(Arc::new(project.clone()));
        let mut made = Vec::new();
        while made.len() < count {
            let mut tx = self
                .store
                .begin(Permit::<ApiKeysWrite>::system("measuring", scope.clone()), self.clock.now())
                .await?;
            let batch = (count - made.len()).min(20_000);
            let mut keys = Vec::with_capacity(batch);
            for _ in 0..batch {
                let id = KeyId::draw(&*self.entropy);
                let key = ApiKey::draw(id, &*self.entropy);
                let (mac, pepper) = tx.verifier(&key);
                keys.push(NewKey {
                    id,
                    project_id: project.id.clone(),
                    name: format!("bench {id}"),
                    name_folded: format!("bench {}", id.as_str()),
                    description: String::new(),
                    role: KeyRole::Ingestion,
                    power: Power::of_person(KeyRole::Ingestion.permissions()),
                    parent: None,
                    mac,
                    pepper,
                });
                made.push(key);
            }
            tx.insert_keys(keys).await?;
            tx.commit(Vec::new()).await?;
        }
        Ok(made)
    }
}
