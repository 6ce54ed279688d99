//! `sextant audit …`

use super::{Context, note_rest};
use crate::backend::{Backend, Request};
use crate::cli::AuditCommand;
use crate::config::Config;
use crate::data::{self, Absent};
use crate::flags::{OutputFlags, StoreFlags};
use crate::high_water::Rollback;
use crate::output::{self, Progress};
use anyhow::Result;
use serde_json::{Value, json};
use std::process::ExitCode;

const PATH: &str = "/v2/audit";
const LIST: &str = "entries";

pub(super) async fn run(command: AuditCommand, context: &Context) -> Result<ExitCode> {
    match command {
        AuditCommand::List { email, kind, action, from, to, page, project, target } => {
            context.logging(&target.store)?;
            let backend = Backend::open(&target, &context.log, &context.system, Absent::Refuse).await?;
            let question = || {
                let request = Request::get(PATH)
                    .with_each("email", &email)
                    .with_each("type", &kind)
                    .with_each("action", &action)
                    .with("from", from.as_deref())
                    .with("to", to.as_deref());
                project.on(request)
            };
            let answer = page.of(&backend, LIST, question).await;
            backend.close().await;
            target.output.print(&answer?, |answer| {
                note_rest(answer, LIST);
                output::columns(
                    &answer[LIST],
                    &[
                        ("WHEN", "at"),
                        ("WHO", "actor.name"),
                        ("TYPE", "type"),
                        ("ACTION", "action"),
                        ("ID", "subjectId"),
                        ("NAME", "subjectName"),
                    ],
                )
            })?;
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Verify { store, output } => verify(&store, output, context).await,
    }
}

/// Works on the database itself: a server that was tampered with could answer anything.
async fn verify(store: &StoreFlags, output: OutputFlags, context: &Context) -> Result<ExitCode> {
    context.logging(store)?;
    let config = Config::for_data(store, &context.log)?;
    let sextant = data::open(&config, &context.system, Absent::Refuse)
        .await?
        .sextant(&context.system, None, Rollback::Ignore)
        .await?;
    let progress = Progress::new("following entries", None, context.system.clock.clone());
    let reports = sextant.verify_audit(|entries| progress.at(u64::try_from(entries).unwrap_or(0))).await;
    drop(progress);
    sextant.finish().await;
    let reports = reports?;
    let sound = reports.iter().all(|report| report.problems.is_empty());
    let chains: Vec<Value> = reports
        .iter()
        .map(|report| {
            json!({
                "chain": report.chain,
                "entries": report.entries,
                "head": report.head,
                "problems": report.problems,
            })
        })
        .collect();
    output.print(&json!({"sound": sound, "chains": chains}), |answer| {
        output::columns(
            &answer["chains"],
            &[("CHAIN", "chain"), ("ENTRIES", "entries"), ("HEAD", "head"), ("PROBLEMS", "problems")],
        )
    })?;
    if !sound {
        output::note(
            "the audit log was changed behind Sextant's back; compare the heads with what you kept elsewhere",
        );
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
