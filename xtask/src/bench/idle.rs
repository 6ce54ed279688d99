//! What servers cost that nobody asks anything: processor time, and what they write into the database.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use std::{iter, thread};

use anyhow::{Context as _, Result};

use super::fleet::Fleet;
use super::postgres::Postgres;

/// After a start or a load there is still something to write down: usage is, every ten seconds.
const SETTLE: Duration = Duration::from_secs(12);

pub(super) struct Idle {
    /// Of each server, in percent of one processor.
    pub(super) cpu: Vec<f64>,
    /// What counts as a write is different in each database, so each figure has its name.
    pub(super) per_minute: Vec<(&'static str, f64)>,
}

/// Watches servers that are left alone.
pub(super) fn measure(fleet: &Fleet, postgres: Option<(&Postgres, &str)>, seconds: u32) -> Result<Idle> {
    thread::sleep(SETTLE);
    let cpu = || fleet.servers.iter().map(|(server, _)| server.cpu()).collect::<Result<Vec<_>>>();
    let began = Instant::now();
    let before = cpu()?;
    let time = Duration::from_secs(u64::from(seconds));
    let changed = match postgres {
        Some((postgres, database)) => {
            let before = database_figures(postgres, database)?;
            thread::sleep(time);
            let after = database_figures(postgres, database)?;
            let names = ["commits", "rows changed", "WAL bytes"];
            names.into_iter().zip(iter::zip(before, after).map(|(before, after)| after - before)).collect()
        }
        None => file_figures(fleet, time)?,
    };
    let took = began.elapsed().as_secs_f64();
    let share =
        |(before, after): (Duration, Duration)| after.saturating_sub(before).as_secs_f64() / took * 100.0;
    Ok(Idle {
        cpu: iter::zip(before, cpu()?).map(share).collect(),
        per_minute: changed
            .into_iter()
            .map(|(name, count): (&str, f64)| (name, count / took * 60.0))
            .collect(),
    })
}

fn database_figures(postgres: &Postgres, database: &str) -> Result<Vec<f64>> {
    postgres.figures(&format!(
        "select xact_commit, tup_inserted + tup_updated + tup_deleted, pg_current_wal_lsn() - '0/0'
         from pg_stat_database where datname = '{database}'"
    ))
}

/// SQLite keeps no statistics: commits are seen by the log's time of change, bytes by the kernel's account.
fn file_figures(fleet: &Fleet, time: Duration) -> Result<Vec<(&'static str, f64)>> {
    let log = fleet.data.join("sextant.db-wal");
    let written = || -> Result<f64> { fleet.servers.iter().map(|(server, _)| written(server.id())).sum() };
    let (began, before) = (Instant::now(), written()?);
    let (mut seen, mut commits) = (changed(&log), 0.0);
    while began.elapsed() < time {
        // Well below the time between two renewals.
        thread::sleep(Duration::from_millis(20));
        let now = changed(&log);
        commits += f64::from(u8::from(now != seen));
        seen = now;
    }
    Ok(vec![("commits", commits), ("bytes written", written()? - before)])
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

/// What a process has sent to the disk.
fn written(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/io"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|count| count.parse().ok()).context("no count of bytes written in /proc/ID/io")
}
