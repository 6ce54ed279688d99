//! `sextant developers …`

use super::{Context, note_rest};
use crate::backend::{Backend, Request};
use crate::cli::DevelopersCommand;
use crate::data::Absent;
use crate::flags::TargetFlags;
use crate::refusal::record_error;
use crate::{output, usage};
use anyhow::{Context as _, Result, bail};
use http::Method;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// Where developer records are.
pub(super) const PATH: &str = "/v2/developers";
const LIST: &str = "developers";
const TYPES: [&str; 4] = ["NAME", "EMAIL", "MANAGER_EMAIL", "CUSTOM"];

pub(super) async fn run(command: DevelopersCommand, context: &Context) -> Result<ExitCode> {
    match command {
        DevelopersCommand::Upload { file, map, preview, yes, target } => {
            let map = map.iter().map(|text| column_type(text)).collect::<Result<Vec<_>>>()?;
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            context.logging(&target.store)?;
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Make).await?;
            let done = upload(&backend, Upload { name, content: bytes, map, preview, yes }, &target).await;
            backend.close().await;
            done?;
        }
        DevelopersCommand::Upsert { file, target } => {
            let payload = read_array(&file)?;
            context.logging(&target.store)?;
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
            let answer = backend.send(Request::new(Method::PATCH, PATH).json(payload)).await;
            backend.close().await;
            target.output.print(&answer?, output::fields)?;
        }
        DevelopersCommand::List { email, search_in, search, page, target } => {
            context.logging(&target.store)?;
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
            let question = || {
                Request::get(PATH)
                    .with_each("emails", &email)
                    .with("searchKey", search_in.as_deref())
                    .with("searchValue", search.as_deref())
            };
            let answer = page.of(&backend, LIST, question).await;
            backend.close().await;
            target.output.print(&answer?, |answer| {
                note_rest(answer, LIST);
                output::columns(
                    &answer[LIST],
                    &[
                        ("ID", "developerRefId"),
                        ("NAME", "name"),
                        ("EMAIL", "email"),
                        ("MANAGER", "managerEmail"),
                        ("ATTRIBUTES", "attributes"),
                    ],
                )
            })?;
        }
        DevelopersCommand::Schema { target } => {
            context.logging(&target.store)?;
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
            let answer = backend.send(Request::get(format!("{PATH}/schema"))).await;
            backend.close().await;
            target.output.print(&answer?, mappings)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

struct Upload {
    name: String,
    content: Vec<u8>,
    map: Vec<(String, String)>,
    preview: bool,
    yes: bool,
}

/// Uploads, then saves what the columns mean: what the server proposes, changed by `--map`.
async fn upload(backend: &Backend, upload: Upload, target: &TargetFlags) -> Result<()> {
    let Upload { name, content, map, preview, yes } = upload;
    let mut answer = backend.send(Request::new(Method::POST, PATH).file(&name, content)).await?;
    let Some(fields) = answer["fieldMappings"].as_array_mut() else {
        bail!("the server answered no field mappings; is it a Sextant server?")
    };
    for (column, field_type) in &map {
        // Whoever types `email` means the column `Email`.
        let named = |field: &&mut Value| {
            field["csvColumn"].as_str().is_some_and(|known| known.to_lowercase() == column.to_lowercase())
        };
        let Some(field) = fields.iter_mut().find(named) else {
            return Err(usage(format!("`--map {column}=…`: the file has no column `{column}`")));
        };
        field["fieldType"] = field_type.as_str().into();
    }
    if preview {
        return target.output.print(&answer, |answer| {
            let errors = answer["errors"].as_array().into_iter().flatten().map(record_error);
            [mappings(answer)].into_iter().chain(errors).collect::<Vec<_>>().join("\n")
        });
    }
    let saved: Vec<Value> = fields
        .iter()
        .map(|field| json!({"csvColumn": field["csvColumn"], "fieldType": field["fieldType"]}))
        .collect();
    let version = match &answer["versionId"] {
        Value::String(version) => version.clone(),
        Value::Number(version) => version.to_string(),
        _ => bail!("the server answered no `versionId`; is it a Sextant server?"),
    };
    output::note(&mappings(&answer));
    output::confirm("Save these meanings and the developers?", yes)?;
    let path = format!("{PATH}/versions/{version}/fieldMappings");
    let answer = backend.send(Request::new(Method::PUT, path).json(json!({"fieldMappings": saved}))).await?;
    target.output.print(&answer, output::fields)
}

fn mappings(answer: &Value) -> String {
    output::columns(
        &answer["fieldMappings"],
        &[("COLUMN", "csvColumn"), ("TYPE", "fieldType"), ("KEY", "fieldKey")],
    )
}

fn column_type(text: &str) -> Result<(String, String)> {
    // A column's name may hold `=`, a type does not.
    let read = text.rsplit_once('=').and_then(|(column, field_type)| {
        let field_type = TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(field_type.trim()))?;
        Some((column.trim().to_owned(), field_type.to_owned()))
    });
    read.ok_or_else(|| {
        usage(format!(
            "`--map {text}` is not of the form COLUMN=TYPE with one of the types {}",
            TYPES.join(", ")
        ))
    })
}

fn read_array(file: &Path) -> Result<Value> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text).context("cannot read stdin")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let value: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
    if !value.is_array() {
        bail!("{} must hold a JSON array of objects, one for each developer", file.display());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_may_hold_an_equals_sign() {
        assert_eq!(column_type("a=b=email").unwrap(), ("a=b".to_owned(), "EMAIL".to_owned()));
        assert!(column_type("a").is_err() && column_type("a=b").is_err());
    }
}
