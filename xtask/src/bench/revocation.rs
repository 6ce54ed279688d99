//! `cargo xtask bench revocation`: how long a key's end takes until it holds everywhere, and what it costs that it does.
//!
//! The yardstick is one bare durable commit on the same database, taken in the same run: no answer to a deletion can
//! come sooner than that.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use super::dying::{self, Dying};
use super::ending::{Endings, end, millis};
use super::fleet::{Fleet, KEYS};
use super::idle::{self, Idle};
use super::load::{Round, Shape};
use super::postgres::Postgres;
use super::table::{Table, median, percentile};
use crate::{commands, prerequisites, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// How many servers share the database.
    #[arg(long, value_delimiter = ',', default_value = "1,3,5")]
    servers: Vec<usize>,
    /// Keys that are ended in each setting.
    #[arg(long, default_value_t = 300)]
    deletions: usize,
    /// Seconds of load in each round.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Rounds of load with keys dying and without; the middle one counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Keys that die each second under load.
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Seconds for which idle servers are watched.
    #[arg(long, default_value_t = 60)]
    idle: u32,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
}

/// What is promised of three servers.
const FENCE_AIM_MS: f64 = 50.0;
const FENCE_AIM_SERVERS: usize = 3;
const IDLE_AIM_PERCENT: f64 = 0.3;

/// One setting and what was measured in it.
struct Setting {
    name: String,
    servers: usize,
    endings: Endings,
    /// The bare commit on the same database.
    yardstick: f64,
}

#[derive(Default)]
struct Figures {
    yardsticks: Vec<(String, Vec<f64>)>,
    settings: Vec<Setting>,
    dying: Vec<(String, Dying)>,
    idle: Vec<(String, Idle)>,
}

pub(super) fn run(options: &Options) -> Result<()> {
    ensure!(options.servers.iter().all(|servers| *servers > 0), "at least one server");
    ensure!(
        options.rounds >= 1 && options.seconds >= 1 && options.rate >= 1,
        "at least one round of one second"
    );
    prerequisites::ensure(&[
        &prerequisites::WRK,
        &prerequisites::TASKSET,
        &prerequisites::POSTGRESQL,
        &prerequisites::PYTHON,
    ])?;
    if !options.no_build {
        let release = ["build", "--locked", "--release", "--package", "sextant", "--bin", "sextant"];
        commands::run(&mut commands::cargo(&release))?;
    }
    let folder = workspace::target().join("bench/revocation");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let postgres = Postgres::start()?;
    let mut figures = Figures::default();
    measure_sqlite(options, &folder, &mut figures)?;
    measure_postgres(options, &postgres, &folder, &mut figures)?;

    let report = format!("{}\n\n{}", setting(options, &postgres)?, report(&figures, options));
    let report = format!("# What it costs that an end holds\n\n{report}");
    println!("\n{report}");
    let path = workspace::target().join("bench-revocation.md");
    workspace::write(&path, &report)?;
    println!("written to {}", path.display());
    Ok(())
}

/// How many keys a setting needs: those that the load uses, and those that die under it.
fn keys(options: &Options) -> usize {
    let seconds = usize::try_from(options.seconds).unwrap_or(usize::MAX) + 3;
    1000 + options.rounds * seconds * usize::try_from(options.rate).unwrap_or(usize::MAX)
}

fn shape(options: &Options) -> Shape {
    Shape { seconds: options.seconds, connections: 32 }
}

fn measure_sqlite(options: &Options, folder: &Path, figures: &mut Figures) -> Result<()> {
    println!("SQLite: a bare commit");
    let commits = sqlite_commits(&folder.join("yardstick.db"))?;
    let yardstick = median(commits.iter().copied());
    figures.yardsticks.push(("SQLite, bare durable commit".to_owned(), commits));

    let folder = folder.join("sqlite");
    let fleet = Fleet::start(&folder, 1, keys(options), None)?;
    println!("SQLite: ending {} keys through the server", options.deletions);
    let endings = end_keys(&fleet, options.deletions)?;
    figures.settings.push(Setting { name: "SQLite, one server".to_owned(), servers: 1, endings, yardstick });

    let by_command = options.deletions.div_ceil(5);
    println!("SQLite: ending {by_command} keys by the command line beside the server");
    let mut endings = Endings::default();
    let mut starts = Vec::new();
    for number in 0..by_command {
        let fresh = fleet.make(fleet.address(0), &format!("shell {number}"))?;
        let began = Instant::now();
        fleet.command(&["keys", "list", "--output", "json"])?;
        starts.push(millis(began.elapsed()));
        endings.add(fleet.address(0), &fresh.key, || {
            fleet.command(&["keys", "delete", &fresh.id, "--yes"]).map(|_| None)
        })?;
    }
    let name = "SQLite, command line beside a server".to_owned();
    figures.settings.push(Setting { name, servers: 1, endings, yardstick });
    figures.yardsticks.push(("SQLite, `sextant keys list`".to_owned(), starts));

    println!("SQLite: {} rounds of load with and without deletions", options.rounds);
    let dying = dying::measure(&fleet, options.rounds, shape(options), options.rate, &folder)?;
    figures.dying.push(("SQLite, one server".to_owned(), dying));
    drop(fleet);

    println!("SQLite: idle for {} s", options.idle);
    let fleet = Fleet::start(&folder.join("idle"), 1, 1, None)?;
    figures.idle.push(("SQLite, one server".to_owned(), idle::measure(&fleet, None, options.idle)?));
    Ok(())
}

fn measure_postgres(
    options: &Options,
    postgres: &Postgres,
    folder: &Path,
    figures: &mut Figures,
) -> Result<()> {
    println!("PostgreSQL: a bare commit");
    let commits = postgres.commits(5, folder)?;
    let yardstick = median(commits.iter().copied());
    figures.yardsticks.push(("PostgreSQL, bare durable commit".to_owned(), commits));

    for servers in options.servers.iter().copied() {
        let database = format!("servers_{servers}");
        let url = postgres.database(&database)?;
        let folder = folder.join(&database);
        let name = format!("PostgreSQL, servers: {servers}");
        let fleet = Fleet::start(&folder, servers, keys(options), Some(url))?;
        println!("{name}: ending {} keys", options.deletions);
        let endings = end_keys(&fleet, options.deletions)?;
        figures.settings.push(Setting { name: name.clone(), servers, endings, yardstick });
        if servers == FENCE_AIM_SERVERS {
            println!("{name}: {} rounds of load with and without deletions", options.rounds);
            let dying = dying::measure(&fleet, options.rounds, shape(options), options.rate, &folder)?;
            figures.dying.push((name.clone(), dying));
        }
        if servers <= FENCE_AIM_SERVERS {
            println!("{name}: idle for {} s", options.idle);
            let idle = idle::measure(&fleet, Some((postgres, &database)), options.idle)?;
            figures.idle.push((name, idle));
        }
    }
    Ok(())
}

/// Ends keys through one server while they are used on the next.
fn end_keys(fleet: &Fleet, count: usize) -> Result<Endings> {
    let mut endings = Endings::default();
    for number in 0..count {
        let (here, there) = (fleet.address(number), fleet.address(number + 1));
        let fresh = fleet.make(here, &format!("dies {number}"))?;
        let mut connection = super::http::Connection::open(here)?;
        // Where in the others' rhythm it falls must not be what the last answer left.
        thread::sleep(std::time::Duration::from_millis(number as u64 * 7 % 41));
        endings
            .add(there, &fresh.key, || end(&mut connection, &format!("{KEYS}/{}", fresh.id), &fleet.admin))?;
    }
    Ok(endings)
}

/// The times of bare durable commits into a file of SQLite's, as Sextant writes it: a log, synced at each commit.
fn sqlite_commits(file: &Path) -> Result<Vec<f64>> {
    let script = "import sqlite3, sys, time\n\
        c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
        c.execute('pragma journal_mode = wal'); c.execute('pragma synchronous = full')\n\
        c.execute('create table yardstick (id integer primary key, number integer)')\n\
        c.execute('insert into yardstick values (1, 0)')\n\
        for _ in range(2000):\n\
        \x20   began = time.perf_counter()\n\
        \x20   c.execute('begin immediate')\n\
        \x20   c.execute('update yardstick set number = number + 1 where id = 1 returning number').fetchone()\n\
        \x20   c.execute('commit')\n\
        \x20   print((time.perf_counter() - began) * 1e3)\n";
    let printed = commands::output(Command::new("python3").args(["-c", script]).arg(file))?;
    printed.lines().map(|line| line.parse().with_context(|| format!("a time: {line}"))).collect()
}

fn report(figures: &Figures, options: &Options) -> String {
    let late: usize = figures.settings.iter().map(|setting| setting.endings.late_passes).sum();
    let ended: usize = figures.settings.iter().map(|setting| setting.endings.ended.len()).sum();
    format!(
        "{}\n{ended} keys ended while they were used elsewhere; {late} requests sent after the answer still passed (aim: 0).\n\n\
         {}\n{}",
        fences(figures).markdown(),
        loads(figures, options).markdown(),
        idles(figures).markdown(),
    )
}

fn spread(figures: &[f64]) -> [String; 3] {
    [50, 99, 100].map(|percent| format!("{:.2}", percentile(figures.iter().copied(), percent)))
}

fn fences(figures: &Figures) -> Table {
    let mut table = Table::new(&["milliseconds", "p50", "p99", "worst", "p99 in bare commits", "aim p99"]);
    for (name, times) in &figures.yardsticks {
        let [p50, p99, worst] = spread(times);
        table.row(vec![name.clone(), p50, p99, worst, String::new(), String::new()]);
    }
    for setting in &figures.settings {
        let Endings { fences, answers, refusals, .. } = &setting.endings;
        for (what, times) in [
            ("fence by Server-Timing", fences),
            ("end sent to its answer", answers),
            ("end sent to the first refusal elsewhere", refusals),
        ] {
            if times.is_empty() {
                continue;
            }
            let [p50, p99, worst] = spread(times);
            let multiple = percentile(times.iter().copied(), 99) / setting.yardstick;
            let aimed = setting.servers == FENCE_AIM_SERVERS && what.starts_with("fence");
            let aim = if aimed {
                verdict(percentile(times.iter().copied(), 99), FENCE_AIM_MS)
            } else {
                String::new()
            };
            table.row(vec![
                format!("{}: {what}", setting.name),
                p50,
                p99,
                worst,
                format!("{multiple:.0}"),
                aim,
            ]);
        }
    }
    table
}

fn verdict(figure: f64, aim: f64) -> String {
    format!("≤ {aim}: {}", if figure <= aim { "met" } else { "MISSED" })
}

fn loads(figures: &Figures, options: &Options) -> Table {
    let dying = format!("{} die a second", options.rate);
    let mut table = Table::new(&[
        "verification",
        "die/s",
        "requests/s",
        "× none dying",
        "CPU µs/request",
        "× none dying",
        "p50 µs",
        "p99 µs",
    ]);
    for (name, rounds) in &figures.dying {
        let middle = |list: &[Round], figure: fn(&Round) -> f64| median(list.iter().map(figure));
        for (what, list, rate) in [
            ("none dies", &rounds.calm, 0.0),
            (dying.as_str(), &rounds.deadly, median(rounds.rates.iter().copied())),
        ] {
            let ratio = |figure| middle(list, figure) / middle(&rounds.calm, figure);
            table.row(vec![
                format!("{name}: {what}"),
                format!("{rate:.0}"),
                format!("{:.0}", middle(list, |round| round.per_second)),
                format!("{:.2}", ratio(|round| round.per_second)),
                format!("{:.2}", middle(list, |round| round.cpu_micros)),
                format!("{:.2}", ratio(|round| round.cpu_micros)),
                format!("{:.0}", middle(list, |round| round.p50_micros)),
                format!("{:.0}", middle(list, |round| round.p99_micros)),
            ]);
        }
    }
    table
}

fn idles(figures: &Figures) -> Table {
    let mut table = Table::new(&["idle", "CPU % of a core, busiest server", "aim", "written per minute"]);
    for (name, idle) in &figures.idle {
        let busiest = percentile(idle.cpu.iter().copied(), 100);
        let written: Vec<String> =
            idle.per_minute.iter().map(|(what, count)| format!("{count:.0} {what}")).collect();
        table.row(vec![
            name.clone(),
            format!("{busiest:.2}"),
            verdict(busiest, IDLE_AIM_PERCENT),
            written.join(", "),
        ]);
    }
    table
}

/// What the figures were taken with.
fn setting(options: &Options, postgres: &Postgres) -> Result<String> {
    Ok(format!(
        "{} keys ended in each setting, each used all the time on the next server until it was refused. Load: {} rounds of {} s \
         with and without, in turn, 32 connections on one server; the middle round counts. Idle: {} s. {} processors; {}.",
        options.deletions,
        options.rounds,
        options.seconds,
        options.idle,
        thread::available_parallelism()?,
        postgres.version()?,
    ))
}
