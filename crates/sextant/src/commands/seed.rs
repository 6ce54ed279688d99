//! `sextant bench-seed`: many keys and audit entries at once, for measuring.

use crate::config::Config;
use crate::data::{self, Absent};
use crate::high_water::Rollback;
use crate::output;
use crate::wiring::System;
use anyhow::Result;
use serde_json::json;
use sextant_core::source::Clock;
use std::process::ExitCode;

/// So many of the keys are printed.
const SHOWN: usize = 1000;

pub(super) async fn run(config: &Config, system: &System, keys: usize, audit: usize) -> Result<ExitCode> {
    let sextant =
        data::open(config, system, Absent::Make).await?.sextant(system, None, Rollback::Refuse).await?;
    let began = system.clock.monotonic();
    let made = sextant.seed_keys(keys).await;
    let logged = sextant.seed_audit(audit).await;
    let seconds = system.clock.monotonic().saturating_sub(began).as_secs_f64();
    sextant.finish().await;
    let made = made?;
    logged?;
    let shown: Vec<&str> = made.iter().take(SHOWN).map(sextant_core::key::ApiKey::reveal).collect();
    output::json(&json!({"keys": shown, "seconds": seconds}))?;
    Ok(ExitCode::SUCCESS)
}
