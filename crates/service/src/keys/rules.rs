//! Who may hand on, manage and widen what.

use crate::error::Failure;
use sextant_core::access::{Actor, Authority, Caller, Scope};
use sextant_core::code::Code;
use sextant_core::permission::KeyRole;
use sextant_core::power::{Excess, Power};
use sextant_store::{KeyRecord, StoreError};

/// *No one grants power that they do not hold at that moment.*
pub(super) fn holds(caller: &Caller, scope: &Scope, power: &Power) -> Result<(), Failure> {
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
            format!(
                "the key's {} would go beyond your own: set it within yours, or let someone with more do it",
                bound.field()
            ),
        )),
    }
}

pub(super) fn may_grant(caller: &Caller, scope: &Scope, role: KeyRole, power: &Power) -> Result<(), Failure> {
    if matches!(caller.authority, Authority::Key { .. }) && role != KeyRole::Ingestion {
        return Err(Failure::new(
            Code::PermissionDenied,
            "a key can make Ingestion keys only; a person makes Admin keys",
        ));
    }
    holds(caller, scope, power)
}

/// A key manages itself, and Ingestion keys that its power covers; people manage what is in their project.
pub(super) fn may_manage(caller: &Caller, scope: &Scope, target: &KeyRecord) -> Result<(), Failure> {
    let Actor::ApiKey(own) = &caller.actor else { return Ok(()) };
    if *own == target.id {
        return Ok(());
    }
    if target.role != KeyRole::Ingestion {
        return Err(Failure::new(Code::PermissionDenied, "a key can manage Ingestion keys and itself only"));
    }
    holds(caller, scope, &target.power)
}

pub(super) fn would_widen(excess: &[Excess]) -> Failure {
    let fields: Vec<&str> = excess.iter().map(|excess| excess.field()).collect();
    Failure::new(
        Code::WouldWiden,
        format!(
            "{} would widen the key's power, which can only be narrowed; make a new key",
            fields.join(", ")
        ),
    )
}

pub(super) fn name_taken(error: StoreError, name: &str) -> Failure {
    match error {
        StoreError::Taken(_) => Failure::new(
            Code::NameTaken,
            format!("the name `{name}` is taken by another key of this project"),
        ),
        other => other.into(),
    }
}

pub(super) fn already_gone() -> Failure {
    Failure::new(Code::NotFound, "the key that this Idempotency-Key made was deleted since")
}
