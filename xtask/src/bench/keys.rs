//! `cargo xtask bench keys`: what it costs to check a key, with one key and with a million.
//!
//! Each subject runs on processor 0, the load on processor 1. Rounds are interleaved, so that a slow minute of the machine
//! falls on all subjects alike, and the middle round counts.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context as _, Result, ensure};
use clap::Args;

use super::ending::{self, Endings};
use super::http::Connection;
use super::load::{self, Load, Round, Shape};
use super::process::{Memory, Server};
use super::subjects::{self, SCHEMA, Seeded};
use super::table::{Table, median, percentile};
use crate::{commands, prerequisites, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// How many keys the data directories hold.
    #[arg(long, value_delimiter = ',', default_value = "1,10000,1000000")]
    keys: Vec<usize>,
    /// Seconds of load in each round.
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Rounds over all subjects; the middle one counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Open connections of the load.
    #[arg(long, default_value_t = 32)]
    connections: u32,
    /// Keys that are ended to see how fast that is.
    #[arg(long, default_value_t = 100)]
    revocations: usize,
    /// Measure what is built already.
    #[arg(long)]
    no_build: bool,
}

/// A server under load.
struct Subject<'a> {
    name: String,
    keys: usize,
    server: &'a Server,
    load: Load,
    rounds: Vec<Round>,
}

/// The product on one data directory, and nginx with as many keys.
struct Pair {
    seeded: Seeded,
    starts: Vec<f64>,
    idle: Memory,
    sextant: (Server, SocketAddr),
    nginx: (Server, SocketAddr),
}

pub(super) fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds >= 1 && options.seconds >= 1, "at least one round of one second");
    ensure!(!options.keys.is_empty() && options.keys.iter().all(|keys| *keys > 0), "at least one key");
    ensure!(thread::available_parallelism()?.get() >= 2, "a server and its load need a processor each");
    prerequisites::ensure(&[&prerequisites::WRK, &prerequisites::NGINX, &prerequisites::TASKSET])?;
    if !options.no_build {
        build()?;
    }
    let folder = workspace::target().join("bench/keys");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;

    let mut body = None;
    let mut pairs = Vec::new();
    for keys in &options.keys {
        pairs.push(start_pair(*keys, &mut body, &folder)?);
    }
    // The figures that do not depend on how many keys there are, are taken with a middling number of them.
    let middle = &pairs[pairs.len() / 2];
    let axum = subjects::start_bare_axum(&middle.seeded, body.unwrap_or_default(), &folder)?;
    println!("ending {} keys in use", options.revocations);
    let ended = ending::measure(middle.sextant.1, &middle.seeded.data, options.revocations)?;

    let mut subjects = list(&pairs, (&axum.0, axum.1), &ended, &folder)?;
    let shape = |seconds| Shape { seconds, connections: options.connections };
    for subject in &subjects {
        // Unmeasured: connections, caches and branch predictors get used to it.
        load::measure(subject.server, &subject.load, shape(1), &folder)
            .with_context(|| subject.name.clone())?;
    }
    for round in 1..=options.rounds {
        for subject in &mut subjects {
            let figures = load::measure(subject.server, &subject.load, shape(options.seconds), &folder)
                .with_context(|| subject.name.clone())?;
            println!(
                "round {round}: {:28} {:9} keys {:7.2} µs",
                subject.name, subject.keys, figures.cpu_micros
            );
            subject.rounds.push(figures);
        }
    }
    let report = report(&subjects, &pairs, &ended, options)?;
    println!("\n{report}");
    let path = workspace::target().join("bench-keys.md");
    workspace::write(&path, &report)?;
    println!("written to {}", path.display());
    Ok(())
}

/// Builds the product as it ships and then, apart from it, the bare route with the features that only it needs.
fn build() -> Result<()> {
    let release = ["build", "--locked", "--release", "--package", "sextant"];
    commands::run(commands::cargo(&release).args(["--bin", "sextant"]))?;
    commands::run(commands::cargo(&release).args(["--example", "bare_axum"]))
}

fn start_pair(keys: usize, body: &mut Option<usize>, folder: &Path) -> Result<Pair> {
    println!("{keys} keys: filling a data directory");
    let seeded = subjects::seed(folder, keys)?;
    let mut starts = Vec::new();
    for _ in 0..3 {
        starts.push(subjects::start_sextant(&seeded, false, folder)?.2.as_secs_f64());
    }
    let (server, address, _) = subjects::start_sextant(&seeded, true, folder)?;
    thread::sleep(Duration::from_secs(2));
    let idle = server.memory()?;
    let body = match *body {
        Some(body) => body,
        None => *body.insert(body_length(address, &seeded)?),
    };
    println!("{keys} keys: starting nginx");
    let nginx = subjects::start_nginx(&seeded, body, folder)?;
    Ok(Pair { seeded, starts, idle, sextant: (server, address), nginx })
}

/// The length of the answer that the other subjects imitate.
fn body_length(address: SocketAddr, seeded: &Seeded) -> Result<usize> {
    let sample = workspace::read(&seeded.sample)?;
    let answer = Connection::open(address)?.send("GET", SCHEMA, sample.lines().next().unwrap_or_default())?;
    let text = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == 200, "GET {SCHEMA} was answered {}: {text}", answer.status);
    Ok(answer.body.len())
}

fn list<'a>(
    pairs: &'a [Pair],
    axum: (&'a Server, SocketAddr),
    ended: &Endings,
    folder: &Path,
) -> Result<Vec<Subject<'a>>> {
    let mut subjects = Vec::new();
    let mut add =
        |name: &str, keys, server, address: SocketAddr, path: &str, file: Option<PathBuf>, refused| {
            let load = Load { url: format!("http://{address}{path}"), keys: file, refused };
            subjects.push(Subject { name: name.to_owned(), keys, server, load, rounds: Vec::new() });
        };
    for pair in pairs {
        let (keys, sample) = (pair.seeded.keys, Some(pair.seeded.sample.clone()));
        add(NGINX, keys, &pair.nginx.0, pair.nginx.1, SCHEMA, sample.clone(), false);
        add("sextant", keys, &pair.sextant.0, pair.sextant.1, SCHEMA, sample, false);
    }
    let middle = &pairs[pairs.len() / 2];
    let (keys, sample) = (middle.seeded.keys, middle.seeded.sample.clone());
    add("bare axum, HMAC and map", keys, axum.0, axum.1, SCHEMA, Some(sample), false);
    let (server, address) = (&middle.sextant.0, middle.sextant.1);
    add("sextant /healthz", keys, server, address, "/healthz", None, false);

    let unknown: Vec<String> = subjects::made_up(1000, 99).collect();
    let garbage: Vec<String> = unknown.iter().map(|key| subjects::broken(key)).collect();
    let refused = [
        ("sextant, garbage keys", &garbage),
        ("sextant, unknown keys", &unknown),
        ("sextant, ended keys", &ended.ended),
    ];
    for (name, list) in refused {
        if !list.is_empty() {
            let file = folder.join(name.replace([' ', ','], "-"));
            workspace::write(&file, list.join("\n") + "\n")?;
            add(name, keys, server, address, SCHEMA, Some(file), true);
        }
    }
    Ok(subjects)
}

const NGINX: &str = "nginx, map";

fn report(subjects: &[Subject<'_>], pairs: &[Pair], ended: &Endings, options: &Options) -> Result<String> {
    let costs = costs(subjects);
    let mut sizes = Table::new(&[
        "sextant with",
        "seeding s",
        "start s",
        "idle MiB",
        "peak MiB",
        "after load MiB",
        "nginx MiB",
    ]);
    for pair in pairs {
        let after = pair.sextant.0.memory()?;
        let figures = [
            pair.seeded.seconds,
            median(pair.starts.iter().copied()),
            pair.idle.resident_mib,
            after.peak_mib,
        ];
        let figures = figures.into_iter().chain([after.resident_mib, pair.nginx.0.memory()?.resident_mib]);
        let cells = figures.map(|figure| format!("{figure:.1}"));
        sizes.row([format!("{} keys", pair.seeded.keys)].into_iter().chain(cells).collect());
    }
    let mut ends = Table::new(&["ending a key in use, ms", "p50", "p99", "max"]);
    for (name, figures) in
        [("DELETE sent to its answer", &ended.answers), ("DELETE sent to the first refusal", &ended.refusals)]
    {
        let cells =
            [50, 99, 100].map(|percent| format!("{:.2}", percentile(figures.iter().copied(), percent)));
        ends.row([name.to_owned()].into_iter().chain(cells).collect());
    }
    Ok(format!(
        "# What a key costs\n\n{}\n\n{}\n{}\n{}\n{} keys ended; {} requests sent after the answer still passed.\n",
        setting(options),
        costs.markdown(),
        sizes.markdown(),
        ends.markdown(),
        ended.ended.len(),
        ended.late_passes,
    ))
}

fn costs(subjects: &[Subject<'_>]) -> Table {
    let cost = |subject: &Subject<'_>| median(subject.rounds.iter().map(|round| round.cpu_micros));
    let mut table = Table::new(&[
        "subject",
        "keys",
        "CPU µs/request",
        "least",
        "most",
        "× nginx",
        "requests/s",
        "busy %",
        "p50 µs",
        "p99 µs",
    ]);
    for subject in subjects {
        let yardstick = subjects.iter().find(|other| other.name == NGINX && other.keys == subject.keys);
        let ratio = yardstick.map_or(f64::NAN, |nginx| cost(subject) / cost(nginx));
        let rounds = || subject.rounds.iter();
        table.row(vec![
            subject.name.clone(),
            subject.keys.to_string(),
            format!("{:.2}", cost(subject)),
            format!("{:.2}", percentile(rounds().map(|round| round.cpu_micros), 0)),
            format!("{:.2}", percentile(rounds().map(|round| round.cpu_micros), 100)),
            format!("{ratio:.2}"),
            format!("{:.0}", median(rounds().map(|round| round.per_second))),
            // Well below 100: the load generator, or another program, was what held it up.
            format!("{:.0}", median(rounds().map(|round| round.cpu_micros * round.per_second / 1e4))),
            format!("{:.0}", median(rounds().map(|round| round.p50_micros))),
            format!("{:.0}", median(rounds().map(|round| round.p99_micros))),
        ]);
    }
    table
}

/// What the figures were taken with.
fn setting(options: &Options) -> String {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok();
        let bytes = output.map(|output| if output.stdout.is_empty() { output.stderr } else { output.stdout });
        let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
        text.lines().next().unwrap_or("?").trim().to_owned()
    };
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let nginx = prerequisites::nginx_program().unwrap_or_default();
    format!(
        "{} rounds of {} s, interleaved, the middle one counts; {} connections; server on processor 0, load on processor 1.\n\
         {}; {}; {}; {}.",
        options.rounds,
        options.seconds,
        options.connections,
        model.map_or("unknown processor", |(_, model)| model),
        said(&nginx.display().to_string(), "-v"),
        said("wrk", "-v").split(" [").next().unwrap_or("wrk"),
        said("rustc", "--version"),
    )
}
