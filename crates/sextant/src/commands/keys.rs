//! `sextant keys …`

use super::{Context, note_rest, span};
use crate::backend::{Backend, Request};
use crate::cli::{CreateKeyFlags, KeysCommand};
use crate::data::Absent;
use crate::flags::{OutputFlags, OutputForm, ProjectFlags, TargetFlags};
use crate::{output, usage};
use anyhow::{Context as _, Result};
use http::Method;
use serde_json::{Map, Value, json};
use sextant_core::id::KeyId;
use sextant_core::key::{ApiKey, LENGTH};
use sextant_core::source::Clock;
use std::io::{IsTerminal, Read};
use std::process::ExitCode;
use zeroize::Zeroizing;

const PATH: &str = "/v2/api-keys";
const LIST: &str = "apiKeys";

pub(super) async fn run(command: KeysCommand, context: &Context) -> Result<ExitCode> {
    match command {
        KeysCommand::Create(flags) => create(flags, context).await?,
        KeysCommand::List {
            role,
            status,
            search,
            unused_for_days,
            expiring_within_days,
            page,
            project,
            target,
        } => {
            context.logging(&target.store)?;
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
            let question = || {
                let request = Request::get(PATH)
                    .with("role", role.as_deref())
                    .with("status", status.as_deref())
                    .with("search", search.as_deref())
                    .with("unusedForDays", unused_for_days)
                    .with("expiringWithinDays", expiring_within_days);
                project.on(request)
            };
            let answer = page.of(&backend, LIST, question).await;
            backend.close().await;
            let answer = answer?;
            target.output.print(&answer, |answer| {
                note_rest(answer, LIST);
                output::columns(
                    &answer[LIST],
                    &[
                        ("ID", "prefix"),
                        ("NAME", "name"),
                        ("ROLE", "role"),
                        ("STATUS", "status"),
                        ("EXPIRES", "expiresAt"),
                        ("LAST USED", "lastUsedAt"),
                        ("REQUESTS", "requestCount"),
                        ("CREATED BY", "createdBy.name"),
                    ],
                )
            })?;
        }
        KeysCommand::Show { id, project, target } => {
            let path = path(&id)?;
            context.logging(&target.store)?;
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
            let answer = backend.send(project.on(Request::get(path))).await;
            backend.close().await;
            target.output.print(&answer?, |answer| output::fields(&answer["apiKey"]))?;
        }
        KeysCommand::Rotate {
            id,
            overlap,
            end_overlap_on_first_use,
            delete_offspring,
            yes,
            project,
            target,
        } => {
            let path = path(&id)?;
            let overlap = overlap.map(|text| span("--overlap", &text)).transpose()?.unwrap_or_default();
            let question = if overlap.is_zero() {
                format!("Give {id} a new secret? The old one stops working at once.")
            } else {
                format!("Give {id} a new secret?")
            };
            output::confirm(&question, yes)?;
            context.logging(&target.store)?;
            let body = json!({
                "overlapSeconds": overlap.as_secs(),
                "endOverlapOnFirstUse": end_overlap_on_first_use,
                "deleteOffspring": delete_offspring,
            });
            let request = Request::new(Method::POST, format!("{path}/rotate")).json(body);
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
            let answer = backend.send(project.on(request)).await;
            backend.close().await;
            reveal(&answer?, target.output)?;
        }
        KeysCommand::Disable { id, project, target } => {
            switch(context, &id, false, &project, &target).await?;
        }
        KeysCommand::Enable { id, project, target } => switch(context, &id, true, &project, &target).await?,
        KeysCommand::Delete { id, yes, project, target } => {
            let path = path(&id)?;
            output::confirm(
                &format!("Delete {id} and the keys that it made? Nothing brings them back."),
                yes,
            )?;
            context.logging(&target.store)?;
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
            let answer = backend.send(project.on(Request::new(Method::DELETE, path))).await;
            backend.close().await;
            answer?;
            let done = json!({"id": id.strip_prefix("sxt_").unwrap_or(&id), "deleted": true});
            target
                .output
                .print(&done, |done| format!("deleted sxt_{}", done["id"].as_str().unwrap_or_default()))?;
        }
        KeysCommand::Inspect { output } => return inspect(output),
    }
    Ok(ExitCode::SUCCESS)
}

async fn switch(
    context: &Context,
    id: &str,
    enabled: bool,
    project: &ProjectFlags,
    target: &TargetFlags,
) -> Result<()> {
    let request = Request::new(Method::PATCH, path(id)?).json(json!({"enabled": enabled}));
    context.logging(&target.store)?;
    let backend = Backend::open(target, &context.log, &context.system, Absent::Refuse).await?;
    let answer = backend.send(project.on(request)).await;
    backend.close().await;
    target.output.print(&answer?, |answer| output::fields(&answer["apiKey"]))
}

/// The key's path. Whole keys are refused here: they would end up in logs on the way.
fn path(id: &str) -> Result<String> {
    let bare = id.strip_prefix("sxt_").unwrap_or(id);
    if KeyId::parse(bare).is_some() {
        return Ok(format!("{PATH}/{bare}"));
    }
    Err(usage(if sextant_core::redact::holds_key(id.as_bytes()) {
        "this is a whole key; name it by its id, the twelve characters after `sxt_`"
    } else {
        "a key is named by its id, twelve letters and digits with or without `sxt_` before them; `sextant keys list` shows them"
    }))
}

async fn create(flags: CreateKeyFlags, context: &Context) -> Result<()> {
    let target = flags.target.clone();
    let mut body = Map::new();
    body.insert("name".to_owned(), flags.name.into());
    body.insert("role".to_owned(), flags.role.to_uppercase().into());
    let expires_in = flags.expires_in.map(|text| span("--expires-in", &text)).transpose()?;
    let expires_at = match expires_in {
        Some(span) => Some(context.system.clock.now().plus(span).to_string()),
        None => flags.expires_at,
    };
    let mut set = |field: &str, value: Option<Value>| {
        body.extend(value.map(|value| (field.to_owned(), value)));
    };
    set("description", flags.description.map(Into::into));
    set("expiresAt", expires_at.map(Into::into));
    set("scopes", (!flags.scope.is_empty()).then(|| flags.scope.into()));
    set("allowedCidrs", (!flags.cidr.is_empty()).then(|| flags.cidr.into()));
    set("rateLimitPerMinute", flags.rate.map(Into::into));

    context.logging(&target.store)?;
    let request = flags.project.on(Request::new(Method::POST, PATH).json(Value::Object(body)));
    let backend = Backend::open(&target, &context.log, &context.system, Absent::Make).await?;
    let answer = backend.send(request).await;
    backend.close().await;
    reveal(&answer?, target.output)
}

/// Prints a new secret: as JSON unless a table was asked for, since programs are what mostly reads it.
fn reveal(answer: &Value, flags: OutputFlags) -> Result<()> {
    if flags.output != Some(OutputForm::Table) {
        return output::json(answer);
    }
    output::line(&output::fields(&answer["apiKey"]))?;
    output::line(&format!("\nkey  {}", answer["key"].as_str().unwrap_or("-")))?;
    output::note(
        "This is shown once: keep it where secrets are kept. What is lost can only be replaced (`sextant keys rotate`).",
    );
    Ok(())
}

/// Form and checksum of the key on stdin. Nothing of its secret is printed, whatever it is.
fn inspect(flags: OutputFlags) -> Result<ExitCode> {
    // More than a key and the line break after it is no key.
    const ENOUGH: u64 = LENGTH as u64 * 4;
    if std::io::stdin().is_terminal() {
        output::note("paste the key and end with Enter and Ctrl-D");
    }
    let mut text = Zeroizing::new(Vec::with_capacity(LENGTH * 4));
    std::io::stdin().lock().take(ENOUGH).read_to_end(&mut text).context("cannot read stdin")?;
    let parsed = ApiKey::parse(text.trim_ascii());
    let report = match &parsed {
        Ok(key) => json!({"valid": true, "form": true, "checksum": true, "id": key.id().as_str()}),
        Err(problem) => json!({
            "valid": false,
            "form": *problem != sextant_core::key::KeyError::Form,
            "checksum": false,
            "id": null,
            "problem": format!("the text {problem}"),
        }),
    };
    flags.print(&report, output::fields)?;
    Ok(if parsed.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_by_their_id_only() {
        assert_eq!(path("sxt_abcdefghijkl").unwrap(), "/v2/api-keys/abcdefghijkl");
        assert_eq!(path("abcdefghijkl").unwrap(), "/v2/api-keys/abcdefghijkl");
        let whole = format!("sxt_{}_{}", "a".repeat(12), "b".repeat(49));
        let error = path(&whole).unwrap_err().to_string();
        assert!(error.contains("whole key") && !error.contains("bbbb"), "{error}");
        for wrong in ["", "../users", "abc", "abcdefghijk/"] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }
}
