//! What is asked for, and reading it into what core believes.

use crate::error::Failure;
use sextant_core::id::KeyId;
use sextant_core::network::Networks;
use sextant_core::permission::{KeyRole, Permission, PermissionSet};
use sextant_core::text::{Description, Name};
use sextant_core::time::Time;
use sextant_store::{KeyFilter, KeyOrder, KeyRecord};
use std::time::Duration;

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
    /// The id of the key or person that made them.
    pub created_by: Option<String>,
    /// `name`, `role`, `createdAt` (default), `expiresAt`, `lastUsedAt`, `requestCount`.
    pub sort_key: Option<String>,
    /// `asc` or `desc` (default).
    pub sort_order: Option<String>,
}

pub(super) fn key_id(text: &str) -> Result<KeyId, Failure> {
    // Whole keys are not looked at: they do not belong into a path.
    KeyId::parse(text.strip_prefix("sxt_").unwrap_or(text)).ok_or_else(|| Failure::not_found("key"))
}

pub(super) fn role(text: &str) -> Result<KeyRole, Failure> {
    KeyRole::parse(text).ok_or_else(|| Failure::invalid("role", "must be ADMIN or INGESTION"))
}

pub(super) fn description(text: Option<&str>) -> Result<Description, Failure> {
    Description::parse(text.unwrap_or_default()).map_err(|error| Failure::invalid("description", error))
}

pub(super) fn scopes(names: Option<&[String]>, role: KeyRole) -> Result<PermissionSet, Failure> {
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

pub(super) fn networks(entries: Option<&[String]>) -> Result<Option<Networks>, Failure> {
    entries
        .map(|entries| Networks::parse(entries).map_err(|error| Failure::invalid("allowedCidrs", error)))
        .transpose()
}

pub(super) fn expiry(text: Option<&str>, now: Time) -> Result<Option<Time>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let time = Time::parse(text).map_err(|error| Failure::invalid("expiresAt", error))?;
    if time <= now {
        return Err(Failure::invalid("expiresAt", "must lie in the future"));
    }
    Ok(Some(time))
}

pub(super) fn rate(number: Option<i64>) -> Result<Option<u32>, Failure> {
    let Some(number) = number else { return Ok(None) };
    match u32::try_from(number) {
        Ok(rate) if (1..=6_000_000).contains(&rate) => Ok(Some(rate)),
        _ => Err(Failure::invalid(
            "rateLimitPerMinute",
            "must be between 1 and 6000000; leave it out for no limit",
        )),
    }
}

pub(super) fn patched(before: &KeyRecord, input: &PatchKey, now: Time) -> Result<KeyRecord, Failure> {
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
pub(super) fn scopes_within(names: &[String]) -> Result<PermissionSet, Failure> {
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

pub(super) fn filter(query: &KeyQuery, now: Time) -> Result<(KeyFilter, (KeyOrder, bool)), Failure> {
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
        created_by: query.created_by.as_deref().map(|id| id.strip_prefix("sxt_").unwrap_or(id).to_owned()),
    };
    Ok((filter, (order, descending)))
}
