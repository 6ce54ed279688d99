//! Keys: mint, list, narrow, rotate, delete.

use crate::error::Failure;
use crate::{Publish, Sextant, project_scope};
use serde_json::{Value, json};
use sextant_core::access::{Actor, Authority, Caller, Permit, Project, Scope};
use sextant_core::audit::{Event, Kind, Note};
use sextant_core::code::Code;
use sextant_core::id::KeyId;
use sextant_core::key::{ApiKey, sha256_hex};
use sextant_core::network::Networks;
use sextant_core::permission::action::{ApiKeysRead, ApiKeysWrite};
use sextant_core::permission::{KeyRole, Permission, PermissionSet};
use sextant_core::power::{Excess, Power};
use sextant_core::text::{Description, Name};
use sextant_core::time::Time;
use sextant_store::{KeyFilter, KeyOrder, KeyRecord, NewKey, StoreError, Tx};
use std::sync::Arc;
use std::time::Duration;

/// How long an `Idempotency-Key` is remembered.
const REMEMBERED: Duration = Duration::from_hours(24);
/// The longest overlap of a rotation, in seconds.
const LONGEST_OVERLAP: i64 = 2_592_000;

/// What is asked for when a key is made.
#[derive(Clone, Debug, Default)]
pub struct CreateKey {
    /// Unique in the project, without regard to case.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// `ADMIN` or `INGESTION`.
    pub role: String,
    /// Fewer permissions than the role's.
    pub scopes: Option<Vec<String>>,
    /// RFC 3339.
    pub expires_at: Option<String>,
    /// Networks it may be used from.
    pub allowed_cidrs: Option<Vec<String>>,
    /// Requests a minute.
    pub rate_limit_per_minute: Option<i64>,
}

/// What is to be changed. Outer `None`: leave; inner `None`: take the bound off (which is refused, as it widens).
#[derive(Clone, Debug, Default)]
pub struct PatchKey {
    /// A new name.
    pub name: Option<String>,
    /// A new description.
    pub description: Option<Option<String>>,
    /// On or off.
    pub enabled: Option<bool>,
    /// Fewer permissions.
    pub scopes: Option<Option<Vec<String>>>,
    /// An earlier end.
    pub expires_at: Option<Option<String>>,
    /// Narrower networks.
    pub allowed_cidrs: Option<Option<Vec<String>>>,
    /// A lower rate.
    pub rate_limit_per_minute: Option<Option<i64>>,
}

/// How a key is to be rotated.
#[derive(Clone, Copy, Debug, Default)]
pub struct RotateKey {
    /// For how long the old secret lives on.
    pub overlap_seconds: i64,
    /// Whether the new secret's first use ends that.
    pub end_overlap_on_first_use: bool,
    /// Whether keys that this key made are deleted.
    pub delete_offspring: bool,
}

/// A retried request is known by this: the `Idempotency-Key` and the body.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The header's value.
    pub key: String,
    /// The body in a form that does not depend on spaces or the order of fields.
    pub body: String,
}

/// Which keys to list.
#[derive(Clone, Debug, Default)]
pub struct KeyQuery {
    /// `ADMIN` or `INGESTION`.
    pub role: Option<String>,
    /// `ACTIVE`, `DISABLED` or `EXPIRED`.
    pub status: Option<String>,
    /// Part of name, description or id.
    pub search: Option<String>,
    /// Not used for so many days.
    pub unused_for_days: Option<i64>,
    /// Running out within so many days.
    pub expiring_within_days: Option<i64>,
    /// `name`, `role`, `createdAt` (default), `expiresAt`, `lastUsedAt`, `requestCount`.
    pub sort_key: Option<String>,
    /// `asc` or `desc` (default).
    pub sort_order: Option<String>,
}

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
            return Ok(Minted { view: self.view(record, project), key: None });
        }
        let id = KeyId::draw(&*self.entropy);
        let key = ApiKey::draw(id, &*self.entropy);
        let pepper = self.peppers.current();
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
                mac: pepper.mac(&key),
                pepper: pepper.id(),
            }])
            .await;
        stored.map_err(|error| name_taken(error, name.as_str()))?;
        if let Some(retry) = &retry {
            remember(&mut tx, caller, project, "create", retry, id).await?;
        }
        let record = tx.key(&project.id, id).await?.ok_or_else(|| Failure::not_found("key"))?;
        let number = tx.commit(vec![note(Event::Created, &record, None, Some(shown(&record)))]).await?;

        self.publish(number, Publish::Giving, &[]).await?;
        Ok(Minted { view: self.view(record, project), key: Some(key) })
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
    ) -> Result<KeyView, Failure> {
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
            return Ok(self.view(before, project));
        }
        let name = Name::parse(&after.name).map_err(|error| Failure::invalid("name", error))?;
        tx.update_key(&after, &name.folded()).await.map_err(|error| name_taken(error, name.as_str()))?;
        let number =
            tx.commit(vec![note(Event::Edited, &after, Some(shown(&before)), Some(shown(&after)))]).await?;

        let taking = (before.enabled && !after.enabled) || before.power != after.power;
        self.publish(number, if taking { Publish::Taking } else { Publish::Giving }, &[]).await?;
        Ok(self.view(after, project))
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
            return Ok(Minted { view: self.view(before, project), key: None });
        }
        let key = ApiKey::draw(id, &*self.entropy);
        let pepper = self.peppers.current();
        let verifier = (pepper.mac(&key), pepper.id());
        tx.rotate_key(id, verifier, now.plus(overlap), input.end_overlap_on_first_use).await?;
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

        self.publish(number, Publish::Taking, &gone).await?;
        Ok(Minted { view: self.view(record, project), key: Some(key) })
    }

    /// Deletes a key and the keys that it made.
    pub async fn delete_key(&self, caller: &Caller, project: &Arc<Project>, id: &str) -> Result<(), Failure> {
        let scope = project_scope(project);
        let id = key_id(id)?;
        let permit = caller.permit::<ApiKeysWrite>(&scope)?;
        self.end_key(caller, permit, project, id).await
    }

    /// Ends the key that asks.
    pub async fn delete_own_key(&self, caller: &Caller) -> Result<(), Failure> {
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
    ) -> Result<(), Failure> {
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        let before = tx.key(&project.id, id).await?.ok_or_else(|| Failure::not_found("key"))?;
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

    /// Ends a rotation's overlap because the new secret was used; returns once that is written down.
    pub async fn end_overlap(&self, admission: &crate::Admission) -> Result<(), Failure> {
        let scope = project_scope(&admission.entry.project);
        let permit = Permit::system("first use of the new secret", scope);
        let mut tx = self.store.begin(permit, self.clock.now()).await?;
        if !tx.end_overlap(admission.entry.id).await? {
            return Ok(());
        }
        let Some(record) = tx.key(&admission.entry.project.id, admission.entry.id).await? else {
            return Ok(());
        };
        let number = tx
            .commit(vec![note(
                Event::Edited,
                &record,
                None,
                Some(json!({"previousSecret": "ended by first use"})),
            )])
            .await?;
        self.publish(number, Publish::Taking, &[]).await
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
        let pepper = self.peppers.current();
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
                keys.push(NewKey {
                    id,
                    project_id: project.id.clone(),
                    name: format!("bench {id}"),
                    name_folded: format!("bench {}", id.as_str()),
                    description: String::new(),
                    role: KeyRole::Ingestion,
                    power: Power::of_person(KeyRole::Ingestion.permissions()),
                    parent: None,
                    mac: pepper.mac(&key),
                    pepper: pepper.id(),
                });
                made.push(key);
            }
            tx.insert_keys(keys).await?;
            tx.commit(Vec::new()).await?;
        }
        Ok(made)
    }
}

fn key_id(text: &str) -> Result<KeyId, Failure> {
    // Whole keys are not looked at: they do not belong into a path.
    KeyId::parse(text.strip_prefix("sxt_").unwrap_or(text)).ok_or_else(|| Failure::not_found("key"))
}

fn role(text: &str) -> Result<KeyRole, Failure> {
    KeyRole::parse(text).ok_or_else(|| Failure::invalid("role", "must be ADMIN or INGESTION"))
}

fn description(text: Option<&str>) -> Result<Description, Failure> {
    Description::parse(text.unwrap_or_default()).map_err(|error| Failure::invalid("description", error))
}

fn scopes(names: Option<&[String]>, role: KeyRole) -> Result<PermissionSet, Failure> {
    let Some(names) = names else { return Ok(role.permissions()) };
    if names.is_empty() {
        return Err(Failure::invalid(
            "scopes",
            "must name at least one permission; leave it out for the role's whole set",
        ));
    }
    let mut set = PermissionSet::EMPTY;
    for name in names {
        let shown: String = name.chars().take(60).collect();
        let permission = Permission::parse(name)
            .ok_or_else(|| Failure::invalid("scopes", format!("has `{shown}`, which is no permission")))?;
        if !role.permissions().has(permission) {
            return Err(Failure::invalid(
                "scopes",
                format!("has `{shown}`, which the role {role} does not have"),
            ));
        }
        set = set.or(PermissionSet::of(&[permission]));
    }
    Ok(set)
}

fn networks(entries: Option<&[String]>) -> Result<Option<Networks>, Failure> {
    entries
        .map(|entries| Networks::parse(entries).map_err(|error| Failure::invalid("allowedCidrs", error)))
        .transpose()
}

fn expiry(text: Option<&str>, now: Time) -> Result<Option<Time>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let time = Time::parse(text).map_err(|error| Failure::invalid("expiresAt", error))?;
    if time <= now {
        return Err(Failure::invalid("expiresAt", "must lie in the future"));
    }
    Ok(Some(time))
}

fn rate(number: Option<i64>) -> Result<Option<u32>, Failure> {
    let Some(number) = number else { return Ok(None) };
    match u32::try_from(number) {
        Ok(rate) if (1..=6_000_000).contains(&rate) => Ok(Some(rate)),
        _ => Err(Failure::invalid(
            "rateLimitPerMinute",
            "must be between 1 and 6000000; leave it out for no limit",
        )),
    }
}

/// *No one grants power that they do not hold at that moment.*
fn holds(caller: &Caller, scope: &Scope, power: &Power) -> Result<(), Failure> {
    let excess = caller.power_at(scope).excess_of(power);
    match excess.first() {
        None => Ok(()),
        Some(Excess::Permissions(missing)) => {
            let names: Vec<String> = missing.iter().map(|permission| format!("`{permission}`")).collect();
            Err(Failure::new(
                Code::PermissionDenied,
                format!(
                    "this would give {}, which you do not hold yourself; ask for fewer scopes",
                    names.join(", ")
                ),
            ))
        }
        Some(bound) => Err(Failure::new(
            Code::PermissionDenied,
            format!("{} would go beyond your own; set it within yours", bound.field()),
        )),
    }
}

fn may_grant(caller: &Caller, scope: &Scope, role: KeyRole, power: &Power) -> Result<(), Failure> {
    if matches!(caller.authority, Authority::Key { .. }) && role != KeyRole::Ingestion {
        return Err(Failure::new(
            Code::PermissionDenied,
            "a key can make Ingestion keys only; a person makes Admin keys",
        ));
    }
    holds(caller, scope, power)
}

/// A key manages itself, and Ingestion keys that its power covers; people manage what is in their project.
fn may_manage(caller: &Caller, scope: &Scope, target: &KeyRecord) -> Result<(), Failure> {
    let Actor::ApiKey(own) = &caller.actor else { return Ok(()) };
    if *own == target.id {
        return Ok(());
    }
    if target.role != KeyRole::Ingestion {
        return Err(Failure::new(Code::PermissionDenied, "a key can manage Ingestion keys and itself only"));
    }
    holds(caller, scope, &target.power)
}

fn would_widen(excess: &[Excess]) -> Failure {
    let fields: Vec<&str> = excess.iter().map(|excess| excess.field()).collect();
    Failure::new(
        Code::WouldWiden,
        format!(
            "{} would widen the key's power, which can only be narrowed; make a new key",
            fields.join(", ")
        ),
    )
}

fn patched(before: &KeyRecord, input: &PatchKey, now: Time) -> Result<KeyRecord, Failure> {
    let mut after = before.clone();
    if let Some(name) = &input.name {
        let name = Name::parse(name).map_err(|error| Failure::invalid("name", error))?;
        name.as_str().clone_into(&mut after.name);
    }
    if let Some(text) = &input.description {
        description(text.as_deref())?.as_str().clone_into(&mut after.description);
    }
    if let Some(enabled) = input.enabled {
        after.enabled = enabled;
    }
    if let Some(names) = &input.scopes {
        after.power.permissions = match names {
            Some(names) => scopes_within(names)?,
            None => before.role.permissions(),
        };
    }
    if let Some(entries) = &input.allowed_cidrs {
        after.power.networks = networks(entries.as_deref())?;
    }
    if let Some(text) = &input.expires_at {
        after.power.expires_at = expiry(text.as_deref(), now)?;
    }
    if let Some(number) = input.rate_limit_per_minute {
        after.power.rate_per_minute = rate(number)?;
    }
    Ok(after)
}

/// Scopes of a change: whatever is beyond the key's own is a widening, not a mistake of form.
fn scopes_within(names: &[String]) -> Result<PermissionSet, Failure> {
    if names.is_empty() {
        return Err(Failure::invalid("scopes", "must name at least one permission"));
    }
    names
        .iter()
        .map(|name| {
            let shown: String = name.chars().take(60).collect();
            Permission::parse(name)
                .ok_or_else(|| Failure::invalid("scopes", format!("has `{shown}`, which is no permission")))
        })
        .collect()
}

fn filter(query: &KeyQuery, now: Time) -> Result<(KeyFilter, (KeyOrder, bool)), Failure> {
    let days = |field: &str, days: Option<i64>| match days {
        None => Ok(None),
        Some(days @ 0..=36_500) => Ok(Some(Duration::from_secs(u64::try_from(days).unwrap_or(0) * 86_400))),
        Some(_) => Err(Failure::invalid(field, "must be between 0 and 36500")),
    };
    let status = query.status.as_deref().map(|status| {
        ["ACTIVE", "DISABLED", "EXPIRED"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(status))
            .ok_or_else(|| Failure::invalid("status", "must be ACTIVE, DISABLED or EXPIRED"))
    });
    let order = match query.sort_key.as_deref().unwrap_or("createdAt") {
        "name" => KeyOrder::Name,
        "role" => KeyOrder::Role,
        "createdAt" => KeyOrder::CreatedAt,
        "expiresAt" => KeyOrder::ExpiresAt,
        "lastUsedAt" => KeyOrder::LastUsedAt,
        "requestCount" => KeyOrder::RequestCount,
        _ => {
            return Err(Failure::invalid(
                "sortKey",
                "must be name, role, createdAt, expiresAt, lastUsedAt or requestCount",
            ));
        }
    };
    let descending = match query.sort_order.as_deref() {
        None => order == KeyOrder::CreatedAt,
        Some(text) if text.eq_ignore_ascii_case("asc") => false,
        Some(text) if text.eq_ignore_ascii_case("desc") => true,
        Some(_) => return Err(Failure::invalid("sortOrder", "must be asc or desc")),
    };
    let filter = KeyFilter {
        role: query.role.as_deref().map(role).transpose()?,
        status: status.transpose()?,
        search: query.search.clone().filter(|text| !text.trim().is_empty()),
        unused_since: days("unusedForDays", query.unused_for_days)?.map(|span| now.minus(span)),
        expiring_before: days("expiringWithinDays", query.expiring_within_days)?.map(|span| now.plus(span)),
    };
    Ok((filter, (order, descending)))
}

fn name_taken(error: StoreError, name: &str) -> Failure {
    match error {
        StoreError::Taken(_) => Failure::new(
            Code::NameTaken,
            format!("the name `{name}` is taken by another key of this project"),
        ),
        other => other.into(),
    }
}

fn already_gone() -> Failure {
    Failure::new(Code::NotFound, "the key that this Idempotency-Key made was deleted since")
}

fn caller_id(caller: &Caller) -> String {
    match &caller.actor {
        Actor::User { id, .. } => format!("user {id}"),
        Actor::ApiKey(id) => format!("key {id}"),
        Actor::System(reason) => format!("system {reason}"),
    }
}

async fn remembered(
    tx: &mut Tx<ApiKeysWrite>,
    caller: &Caller,
    project: &Project,
    route: &str,
    retry: &Idempotency,
) -> Result<Option<KeyId>, Failure> {
    let length = retry.key.len();
    if !(1..=255).contains(&length) || !retry.key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        return Err(Failure::invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters"));
    }
    let not_before = tx.now().minus(REMEMBERED);
    let key_hash = sha256_hex(retry.key.as_bytes());
    let known = tx.idempotent(&project.id, &caller_id(caller), route, &key_hash, not_before).await?;
    let Some((body_hash, subject)) = known else { return Ok(None) };
    if body_hash != sha256_hex(retry.body.as_bytes()) {
        return Err(Failure::of(Code::IdempotencyMismatch));
    }
    KeyId::parse(&subject).map(Some).ok_or_else(already_gone)
}

async fn remember(
    tx: &mut Tx<ApiKeysWrite>,
    caller: &Caller,
    project: &Project,
    route: &str,
    retry: &Idempotency,
    id: KeyId,
) -> Result<(), Failure> {
    let hashes = (&*sha256_hex(retry.key.as_bytes()), &*sha256_hex(retry.body.as_bytes()));
    Ok(tx.remember_request(&project.id, &caller_id(caller), route, hashes, id).await?)
}

fn note(event: Event, record: &KeyRecord, before: Option<Value>, after: Option<Value>) -> Note {
    Note {
        kind: Kind::ApiAccessKey,
        event,
        subject_id: record.id.to_string(),
        subject_name: record.name.clone(),
        before,
        after,
    }
}

fn deletion(id: KeyId, name: &str) -> Note {
    Note {
        kind: Kind::ApiAccessKey,
        event: Event::Deleted,
        subject_id: id.to_string(),
        subject_name: name.to_owned(),
        before: Some(json!({"reason": "the key that made it ended"})),
        after: None,
    }
}

/// The fields that people decide on, as the audit log shows them.
fn shown(record: &KeyRecord) -> Value {
    let power = &record.power;
    json!({
        "name": record.name,
        "description": record.description,
        "role": record.role.name(),
        "enabled": record.enabled,
        "scopes": power.permissions.iter().map(Permission::name).collect::<Vec<_>>(),
        "expiresAt": power.expires_at.map(|time| time.to_string()),
        "allowedCidrs": power.networks.as_ref().map(Networks::to_texts),
        "rateLimitPerMinute": power.rate_per_minute,
    })
}
