//! `sextant master-key …`: on the data itself, with or without servers running.

use super::Context;
use crate::cli::MasterKeyCommand;
use crate::config::Config;
use crate::data::{self, Absent};
use crate::flags::{OutputFlags, StoreFlags};
use crate::high_water::Rollback;
use crate::master_key::{self, KEY_VARIABLE, NEW_KEY_VARIABLE, Place};
use crate::output::{self, Progress};
use crate::usage;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use sextant_core::key::MasterKey;
use sextant_service::{MasterKeyState, PepperUse, Retired, Retirement, Sextant};
use std::process::ExitCode;
use std::sync::Arc;

pub(super) async fn run(command: MasterKeyCommand, context: &Context) -> Result<ExitCode> {
    match command {
        MasterKeyCommand::Rotate { yes, store, output } => rotate(&store, yes, output, context).await,
        MasterKeyCommand::Status { store, output } => status(&store, output, context).await,
        MasterKeyCommand::Retire { dry_run, yes, store, output } => {
            retire(&store, (dry_run, yes), output, context).await
        }
    }
}

async fn open(store: &StoreFlags, context: &Context) -> Result<(Config, Arc<Sextant>)> {
    context.logging(store)?;
    let config = Config::for_data(store, &context.log)?;
    let opened = data::open(&config, &context.system, Absent::Refuse).await?;
    let sextant = opened.sextant(&context.system, None, Rollback::Refuse).await?;
    Ok((config, sextant))
}

async fn rotate(store: &StoreFlags, yes: bool, output: OutputFlags, context: &Context) -> Result<ExitCode> {
    let given = master_key::given_next()?;
    let place = Place::of(&Config::for_data(store, &context.log)?.data);
    if place.is_environment() && given.is_none() {
        return Err(usage(format!(
            "{KEY_VARIABLE} gives the master key, so only you can keep the new one: make it with `openssl rand -base64 \
             32`, keep it where the old one is kept, and name it in {NEW_KEY_VARIABLE}"
        )));
    }
    output::confirm("Put a new master key in force? Keys, sessions and servers go on.", yes)?;
    data::directory(&Config::for_data(store, &context.log)?.data, Absent::Refuse)?;
    let _turn = place.lock()?;
    let (_, sextant) = open(store, context).await?;
    let rotated = put_in_force(&sextant, &place, given, context).await;
    sextant.finish().await;
    let (report, done) = rotated?;
    output.print(&report, output::fields)?;
    Ok(done)
}

async fn put_in_force(
    sextant: &Sextant,
    place: &Place,
    given: Option<MasterKey>,
    context: &Context,
) -> Result<(Value, ExitCode)> {
    let before = sextant.master_key_state().await?.fingerprint;
    let new = given.unwrap_or_else(|| MasterKey::draw(&*context.system.entropy));
    if new.fingerprint() == before {
        return Err(usage(format!("{NEW_KEY_VARIABLE} is the master key that is in force already")));
    }
    let progress = Progress::new("following the audit log", None, context.system.clock.clone());
    let reports = sextant.verify_audit(|entries| progress.at(u64::try_from(entries).unwrap_or(0))).await?;
    drop(progress);
    if reports.iter().any(|report| !report.problems.is_empty()) {
        bail!(
            "the audit log was changed behind Sextant's back, and another seal would hide that; `sextant audit verify` \
             says where"
        );
    }
    if !place.is_environment() {
        place.announce(&new)?;
    }
    let rotation = sextant.rotate_master_key(&new).await?;
    let mut done = ExitCode::SUCCESS;
    if place.is_environment() {
        output::note(&format!("put the new master key into {KEY_VARIABLE} wherever the former one stands"));
    } else if let Err(error) = place.put(&new) {
        // The next start finds it.
        output::note(&format!("the new master key is in force, and lies beside its place: {error:#}"));
        done = ExitCode::from(1);
    }
    let followed = sextant.await_rotation(&rotation).await;
    let (servers, left_behind) = followed.context("the new master key is in force")?;
    if left_behind > 0 {
        output::note(&format!(
            "{left_behind} servers did not take the new master key over and let nobody in; give it to them and start \
             them again"
        ));
        done = ExitCode::from(1);
    }
    let state = sextant.master_key_state().await?;
    let report = json!({
        "fingerprint": state.fingerprint,
        "formerFingerprint": before,
        "keptIn": place.describe(),
        "servers": servers,
        "serversLeftBehind": left_behind,
        "keysOnFormerPeppers": state.waiting_keys(),
    });
    output::note(
        "keys are re-keyed as they are used: `sextant master-key status` shows how many are left, `sextant master-key \
         retire` ends the rest. Keep the former master key for as long as backups from before are kept",
    );
    Ok((report, done))
}

fn shown(pepper: &PepperUse) -> Value {
    json!({
        "pepper": pepper.id.0,
        "current": pepper.current,
        "fingerprint": pepper.fingerprint,
        "since": pepper.created_at.to_string(),
        "keys": pepper.keys,
        "formerSecrets": pepper.former_secrets,
        "sessions": pepper.sessions,
        "links": pepper.links,
    })
}

async fn status(store: &StoreFlags, output: OutputFlags, context: &Context) -> Result<ExitCode> {
    let (_, sextant) = open(store, context).await?;
    let state = sextant.master_key_state().await;
    sextant.finish().await;
    let state: MasterKeyState = state?;
    let answer = json!({
        "fingerprint": state.fingerprint,
        "keysOnFormerPeppers": state.waiting_keys(),
        "peppers": state.peppers.iter().map(shown).collect::<Vec<_>>(),
    });
    output.print(&answer, |answer| {
        output::columns(
            &answer["peppers"],
            &[
                ("PEPPER", "pepper"),
                ("CURRENT", "current"),
                ("MASTER KEY", "fingerprint"),
                ("SINCE", "since"),
                ("KEYS", "keys"),
                ("FORMER SECRETS", "formerSecrets"),
                ("SESSIONS", "sessions"),
                ("LINKS", "links"),
            ],
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn retire(
    store: &StoreFlags,
    (dry_run, yes): (bool, bool),
    output: OutputFlags,
    context: &Context,
) -> Result<ExitCode> {
    let (_, sextant) = open(store, context).await?;
    let answer = end(&sextant, dry_run, yes).await;
    sextant.finish().await;
    output.print(&answer?, keys_table)?;
    Ok(ExitCode::SUCCESS)
}

async fn end(sextant: &Sextant, dry_run: bool, yes: bool) -> Result<Value> {
    if dry_run {
        return Ok(doomed(&sextant.retirement().await?));
    }
    if sextant.master_key_state().await?.former().is_empty() {
        output::note("nothing hangs on a former master key");
        return Ok(json!({"peppers": 0, "keys": [], "formerSecrets": 0, "sessions": 0, "links": 0}));
    }
    // What servers have seen in use and not written down yet must not end as unused.
    sextant.call_in_uses().await?;
    let found = sextant.retirement().await?;
    let list = doomed(&found);
    if !found.keys.is_empty() && !yes {
        output::note(&keys_table(&list));
    }
    let question = format!("Delete these {} keys? Nothing brings them back.", found.keys.len());
    output::confirm(&question, yes)?;
    let retired = sextant.retire_peppers().await?;
    Ok(ended(&retired, &list))
}

fn keys_table(answer: &Value) -> String {
    output::columns(
        &answer["keys"],
        &[
            ("PROJECT", "projectIdentifier"),
            ("NAME", "name"),
            ("ID", "prefix"),
            ("LAST USED", "lastUsedAt"),
            ("WHY", "reason"),
        ],
    )
}

fn reason(itself: bool) -> &'static str {
    if itself { "not used since the rotation" } else { "made by a key that ends" }
}

fn doomed(found: &Retirement) -> Value {
    let keys: Vec<Value> = found
        .keys
        .iter()
        .map(|(key, project)| {
            json!({
                "id": key.record.id.as_str(),
                "prefix": format!("sxt_{}", key.record.id),
                "name": key.record.name,
                "orgIdentifier": project.organization.as_str(),
                "projectIdentifier": project.identifier.as_str(),
                "lastUsedAt": key.record.last_used_at.map(|time| time.to_string()),
                "reason": reason(key.itself),
            })
        })
        .collect();
    let sum = |count: fn(&PepperUse) -> i64| found.peppers.iter().map(count).sum::<i64>();
    json!({
        "peppers": found.peppers.len(),
        "keys": keys,
        "formerSecrets": sum(|pepper| pepper.former_secrets),
        "sessions": sum(|pepper| pepper.sessions),
        "links": sum(|pepper| pepper.links),
    })
}

/// What ended, with the last use of each key as it was listed before.
fn ended(retired: &Retired, list: &Value) -> Value {
    let last_used = |id: &str| {
        let listed = list["keys"].as_array().into_iter().flatten().find(|key| key["id"] == id);
        listed.map_or(Value::Null, |key| key["lastUsedAt"].clone())
    };
    let keys: Vec<Value> = retired
        .keys
        .iter()
        .map(|((id, name, itself), project)| {
            json!({
                "id": id.as_str(),
                "prefix": format!("sxt_{id}"),
                "name": name,
                "orgIdentifier": project.organization.as_str(),
                "projectIdentifier": project.identifier.as_str(),
                "lastUsedAt": last_used(id.as_str()),
                "reason": reason(*itself),
            })
        })
        .collect();
    json!({
        "peppers": retired.ended.peppers,
        "keys": keys,
        "formerSecrets": retired.ended.former_secrets,
        "sessions": retired.ended.sessions,
        "links": retired.ended.links,
    })
}
