//! `sextant ingest …`: engineering data from this machine, through the public API.

use super::{Context, developers};
use crate::backend::{Backend, Request};
use crate::cli::IngestCommand;
use crate::data::Absent;
use crate::flags::{OutputFlags, StoreFlags, TargetFlags};
use crate::output::{self, Progress};
use crate::refusal::Refusal;
use crate::wiring::System;
use anyhow::{Result, anyhow};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use sextant_ingest::git::{self, Author, History};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How many developers go into one request.
const BATCH: usize = 1000;

pub(super) async fn run(command: IngestCommand, context: &Context) -> Result<ExitCode> {
    let IngestCommand::Git { repo, url, output } = command;
    let target = TargetFlags { url: Some(url), store: StoreFlags::default(), output: OutputFlags::default() };
    context.logging(&target.store)?;
    let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
    let history = read(repo, &context.system).await?;
    let summary = send(&backend, &history, &context.system).await?;
    output.print(&summary, output::fields)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a history on a thread of its own: it is disk and processor for as long as it takes.
pub(super) async fn read(repo: PathBuf, system: &System) -> Result<History> {
    let clock = system.clock.clone();
    let history = tokio::task::spawn_blocking(move || {
        let progress = Progress::new("reading commits", None, clock);
        git::authors(&enclosing(&repo), &mut |commits| progress.at(commits))
    });
    Ok(history.await??)
}

/// The repository that a folder lies in, as git itself would look for it.
fn enclosing(folder: &Path) -> PathBuf {
    if folder.join("HEAD").is_file() {
        return folder.to_owned();
    }
    let Ok(absolute) = folder.canonicalize() else { return folder.to_owned() };
    absolute.ancestors().find(|above| above.join(".git").exists()).unwrap_or(folder).to_owned()
}

/// Sends the people among the authors as developer records and answers what came of it.
pub(super) async fn send(backend: &Backend, history: &History, system: &System) -> Result<Value> {
    let (bots, people): (Vec<&Author>, Vec<&Author>) = history.authors.iter().partition(|author| author.bot);
    let columns = Columns::of(backend).await?;
    let progress = Progress::new("sending developers", Some(people.len() as u64), system.clock.clone());
    let mut counts = Counts::default();
    for (number, batch) in people.chunks(BATCH).enumerate() {
        let body: Vec<Value> = batch.iter().map(|author| columns.record(author)).collect();
        let request = Request::new(Method::PATCH, developers::PATH).json(Value::Array(body));
        counts.add(&backend.send(request).await.map_err(not_set_up)?);
        progress.at((number * BATCH + batch.len()) as u64);
    }
    Ok(json!({
        "commits": history.commits,
        "authors": people.len(),
        "added": counts.added,
        "updated": counts.updated,
        "unchanged": counts.unchanged,
        "skipped": history.skipped,
        "bots": bots.len(),
    }))
}

/// What the account calls the columns of name and e-mail address.
struct Columns {
    name: String,
    email: String,
}

impl Columns {
    async fn of(backend: &Backend) -> Result<Self> {
        let schema = backend.send(Request::get(format!("{}/schema", developers::PATH))).await?;
        let column = |wanted: &str| {
            let fields = schema["fieldMappings"].as_array().into_iter().flatten();
            let mut of_type = fields.filter(|field| field["fieldType"] == wanted);
            of_type.next().and_then(|field| field["csvColumn"].as_str()).map(ToOwned::to_owned)
        };
        match (column("NAME"), column("EMAIL")) {
            (Some(name), Some(email)) => Ok(Self { name, email }),
            _ => Err(set_up_first()),
        }
    }

    fn record(&self, author: &Author) -> Value {
        let mut record = Map::new();
        record.insert(self.name.clone(), author.name.clone().into());
        record.insert(self.email.clone(), author.email.written().into());
        Value::Object(record)
    }
}

fn set_up_first() -> anyhow::Error {
    anyhow!(
        "developer records were never set up on this server: upload a CSV with its columns once \
         (`sextant developers upload FILE`, with an Admin key or on the server's machine), then send the history again"
    )
}

fn not_set_up(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Refusal>() {
        Some(refusal) if refusal.status == StatusCode::PRECONDITION_FAILED => set_up_first(),
        _ => error,
    }
}

/// What the server says of each batch.
#[derive(Default)]
struct Counts {
    added: u64,
    updated: u64,
    unchanged: u64,
}

impl Counts {
    fn add(&mut self, answer: &Value) {
        let count = |field: &str| {
            answer["changes"][field].as_u64().or_else(|| answer[field].as_u64()).unwrap_or_default()
        };
        self.added += count("added");
        self.updated += count("updated");
        self.unchanged += count("unchanged");
    }
}
