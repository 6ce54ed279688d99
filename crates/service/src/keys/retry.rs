//! Requests that carry an `Idempotency-Key`: the same again changes nothing.

use super::REMEMBERED;
use super::input::Idempotency;
use super::rules::already_gone;
use crate::error::Failure;
use sextant_core::access::{Actor, Caller, Project};
use sextant_core::code::Code;
use sextant_core::id::KeyId;
use sextant_core::key::sha256_hex;
use sextant_core::permission::action::ApiKeysWrite;
use sextant_store::Tx;

pub(super) fn caller_id(caller: &Caller) -> String {
    match &caller.actor {
        Actor::User { id, .. } => format!("user {id}"),
        Actor::ApiKey(id) => format!("key {id}"),
        Actor::System(reason) => format!("system {reason}"),
    }
}

pub(super) async fn remembered(
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

pub(super) async fn remember(
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
