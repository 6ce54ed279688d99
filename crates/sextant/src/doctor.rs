//! `sextant doctor`: is everything in place, and if not, what is to be done?

use crate::backend::{Request, local_answer};
use crate::config::Config;
use crate::data::{self, Absent};
use crate::flags::OutputFlags;
use crate::high_water::Rollback;
use crate::master_key::Place;
use crate::output;
use crate::wiring::System;
use anyhow::Result;
use serde_json::{Value, json};
use sextant_api::{Api, Options};
use sextant_core::audit::ACCOUNT_CHAIN;
use sextant_service::Sextant;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;
use std::sync::Arc;

/// What was looked at and found.
#[derive(Default)]
struct Findings(Vec<Value>);

impl Findings {
    fn good(&mut self, check: &str, found: impl Into<String>) {
        self.0.push(json!({"check": check, "ok": true, "found": found.into(), "fix": null}));
    }

    fn bad(&mut self, check: &str, found: impl Into<String>, fix: &str) {
        self.0.push(json!({"check": check, "ok": false, "found": found.into(), "fix": fix}));
    }

    fn all_good(&self) -> bool {
        self.0.iter().all(|finding| finding["ok"] == true)
    }
}

/// Changes nothing, and makes nothing that is not there.
pub(crate) async fn run(config: &Config, system: &System, flags: OutputFlags) -> Result<ExitCode> {
    let mut findings = Findings::default();
    directory(config, &mut findings);
    master_key(config, &mut findings);
    if findings.all_good() {
        match opened(config, system).await {
            Ok(sextant) => {
                findings.good(
                    "database",
                    format!("{} answers and has this version's shape", config.location.describe()),
                );
                contents(&sextant, &mut findings).await;
                counts(&sextant, &mut findings).await;
                sextant.finish().await;
            }
            Err(error) => findings.bad("database", format!("{error:#}"), fix_for_database(config)),
        }
    }
    let sound = findings.all_good();
    let report = json!({"ok": sound, "checks": findings.0});
    flags.print(&report, |report| {
        let lines = report["checks"].as_array().into_iter().flatten().map(|finding| {
            let word = if finding["ok"] == true { "ok     " } else { "problem" };
            let text = |field: &str| finding[field].as_str().map(output::clean).unwrap_or_default();
            let fix = if finding["fix"].is_null() {
                String::new()
            } else {
                format!("\n         fix: {}", text("fix"))
            };
            format!("{word}  {}: {}{fix}", text("check"), text("found"))
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn directory(config: &Config, findings: &mut Findings) {
    const OTHERS: u32 = 0o077;
    let name = "data directory";
    if let Err(error) = data::directory(&config.data, Absent::Refuse) {
        let fix = "name the right one with `--data`, or begin with `sextant init`";
        return findings.bad(name, format!("{error:#}"), fix);
    }
    let mode = config.data.metadata().map_or(0, |found| found.permissions().mode());
    let open_to_others = mode & OTHERS;
    if open_to_others == 0 {
        findings.good(name, format!("{} is there and for its owner only", config.data.display()));
    } else {
        let found = format!("others may look into {}", config.data.display());
        findings.bad(name, found, "`chmod 700` it: it holds the master key");
    }
}

fn master_key(config: &Config, findings: &mut Findings) {
    let name = "master key";
    match Place::of(&config.data).given() {
        Ok(Some(master)) => findings.good(name, format!("its fingerprint is {}", master.fingerprint())),
        Ok(None) => findings.bad(
            name,
            "there is none",
            "put `master.key` back into the data directory, set SEXTANT_MASTER_KEY, or begin with `sextant init`",
        ),
        Err(error) => findings.bad(name, format!("{error:#}"), "put the right key there"),
    }
}

async fn opened(config: &Config, system: &System) -> Result<Arc<Sextant>> {
    data::open(config, system, Absent::Refuse).await?.sextant(system, None, Rollback::Ignore).await
}

fn fix_for_database(config: &Config) -> &'static str {
    if config.is_shared() {
        "is PostgreSQL running, and is `--database-url` right? It must let this user make tables"
    } else {
        "is there room on the disk, and does the file belong to the user that runs `sextant`?"
    }
}

async fn contents(sextant: &Arc<Sextant>, findings: &mut Findings) {
    match sextant.rolled_back().await {
        Ok(None) => findings.good("high-water mark", "the database is not behind what this node has seen"),
        Ok(Some((seen, number))) => findings.bad(
            "high-water mark",
            format!("the database was put back: it is at change {number}, this node has seen {seen}"),
            "bring the newer one back, or start with `sextant serve --accept-rollback`, which switches every key off",
        ),
        Err(error) => findings.bad("high-water mark", error.to_string(), "see the database's own log"),
    }
    match sextant.needs_admin().await {
        Ok(false) => findings.good("people", "somebody can sign in"),
        Ok(true) => {
            // No problem for whoever works with keys only.
            findings.good("people", "nobody can sign in yet; `sextant init --new-link` makes a set-up link");
        }
        Err(error) => findings.bad("people", error.to_string(), "see the database's own log"),
    }
    match sextant.master_key_state().await {
        Ok(state) if state.former().is_empty() => {
            findings.good("former master keys", "nothing hangs on one");
        }
        Ok(state) => findings.good(
            "former master keys",
            format!(
                "{} keys still hang on a former one; each is re-keyed when it is used, and `sextant master-key retire` \
                 revokes the others",
                state.waiting_keys()
            ),
        ),
        Err(error) => findings.bad("former master keys", error.to_string(), "see the database's own log"),
    }
    match sextant.verify_audit(|_| {}).await {
        Ok(reports) => {
            let entries: i64 = reports.iter().map(|report| report.entries).sum();
            let broken: Vec<&str> = reports
                .iter()
                .filter(|report| !report.problems.is_empty())
                .map(
                    |report| {
                        if report.chain == ACCOUNT_CHAIN { "the account's" } else { report.chain.as_str() }
                    },
                )
                .collect();
            if broken.is_empty() {
                findings.good("audit log", format!("{entries} entries, unbroken"));
            } else {
                let found = format!("changed behind Sextant's back in {}", broken.join(", "));
                findings.bad("audit log", found, "`sextant audit verify` says where");
            }
        }
        Err(error) => findings.bad("audit log", error.to_string(), "see the database's own log"),
    }
}

/// How much there is, asked as any client would ask.
async fn counts(sextant: &Arc<Sextant>, findings: &mut Findings) {
    let api = Api::new(sextant.clone(), Options::default());
    for (name, path) in [("API keys of the first project", "/v2/api-keys"), ("developers", "/v2/developers")]
    {
        match local_answer(&api, Request::get(path).with("pageSize", Some(1))).await {
            Ok(answer) => findings.good(name, answer["totalCount"].to_string()),
            Err(error) => findings.bad(name, format!("{error:#}"), "see the log above"),
        }
    }
}
