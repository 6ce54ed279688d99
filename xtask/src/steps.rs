//! `cargo xtask test`: every check there is, in order, cheap ones first.
//!
//! Clippy comes last: its artefacts are its own, so nothing that comes after could use them, and a failing test says more.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fmt, fs};

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{commands, documents, prerequisites, secrets, tidy, web, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// The same checks with the long counts: kills, properties, large histories, fuzzing.
    #[arg(long)]
    long: bool,
    /// Run this step alone; may be repeated.
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps, run none.
    #[arg(long)]
    list: bool,
}

struct Step {
    name: &'static str,
    about: &'static str,
    /// Not part of a short run.
    long_only: bool,
    run: fn(&Options) -> Result<()>,
}

const STEPS: [Step; 12] = [
    Step { name: "machine", about: "install what is missing, or name it", long_only: false, run: machine },
    Step { name: "fmt", about: "rustfmt changes nothing", long_only: false, run: formatted },
    Step {
        name: "tidy",
        about: "the invariants that Cargo cannot hold",
        long_only: false,
        run: |_| tidy::run(),
    },
    Step { name: "console", about: "types, lints and build of web/", long_only: false, run: console },
    Step { name: "build", about: "the workspace and its tests", long_only: false, run: build },
    Step {
        name: "tests",
        about: "unit, property, integration and documentation tests",
        long_only: false,
        run: tests,
    },
    Step {
        name: "explore",
        about: "the revocation protocol in many schedules",
        long_only: false,
        run: explore,
    },
    Step {
        name: "pages",
        about: "the console in a browser: keys, roles, secrets, accessibility",
        long_only: false,
        run: |_| web::test(),
    },
    Step { name: "secrets", about: "no key in what the tests left on disk", long_only: false, run: scan },
    Step {
        name: "documents",
        about: "openapi.json and the reference are current",
        long_only: false,
        run: current,
    },
    Step { name: "clippy", about: "no warning in any target", long_only: false, run: clippy },
    Step { name: "fuzz", about: "each fuzz target for ten minutes", long_only: true, run: fuzz },
];

/// Why a step did nothing. It counts neither as passed nor as failed.
#[derive(Debug)]
struct NotRun(&'static str);

impl fmt::Display for NotRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for NotRun {}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Failed,
    NotRun,
}

const FUZZ_SECONDS: u32 = 600;

pub(crate) fn run(options: &Options) -> Result<()> {
    let chosen = choose(options)?;
    if options.list {
        for step in &chosen {
            println!("{:10} {}", step.name, step.about);
        }
        return Ok(());
    }
    let mut done = Vec::new();
    for step in &chosen {
        println!("\n== {}: {}", step.name, step.about);
        let started = Instant::now();
        let result = (step.run)(options);
        let verdict = match &result {
            Ok(()) => Verdict::Passed,
            Err(error) if error.is::<NotRun>() => Verdict::NotRun,
            Err(_) => Verdict::Failed,
        };
        done.push((step.name, started.elapsed(), verdict));
        match (verdict, result) {
            (Verdict::NotRun, Err(reason)) => println!("not run: {reason}"),
            (_, Err(error)) => {
                print!("{}", summary(&done, chosen.len()));
                let again = format!("step `{0}` failed; again with `cargo xtask test --only {0}`", step.name);
                return Err(error.context(again));
            }
            (_, Ok(())) => {}
        }
    }
    print!("{}", summary(&done, chosen.len()));
    let passed = done.iter().filter(|(_, _, verdict)| *verdict == Verdict::Passed).count();
    println!("{passed} passed, 0 failed");
    Ok(())
}

fn choose(options: &Options) -> Result<Vec<&'static Step>> {
    if let Some(unknown) =
        options.only.iter().find(|name| STEPS.iter().all(|step| step.name != name.as_str()))
    {
        bail!("no step `{unknown}`; `cargo xtask test --list` names them");
    }
    let wanted = |step: &&Step| {
        if options.only.is_empty() {
            options.long || options.list || !step.long_only
        } else {
            options.only.iter().any(|name| name == step.name)
        }
    };
    Ok(STEPS.iter().filter(wanted).collect())
}

fn summary(done: &[(&str, Duration, Verdict)], of: usize) -> String {
    let line = |(name, time, verdict): &(&str, Duration, Verdict)| {
        let verdict = match verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::NotRun => "not run",
        };
        format!("{name:10} {verdict:7} {:>8.1} s\n", time.as_secs_f64())
    };
    let lines: Vec<String> = done.iter().map(line).collect();
    let total: Duration = done.iter().map(|(_, time, _)| *time).sum();
    format!("\n{}{} of {of} steps in {:.1} s\n", lines.concat(), done.len(), total.as_secs_f64())
}

fn machine(_: &Options) -> Result<()> {
    prerequisites::ensure(&[
        &prerequisites::C_COMPILER,
        &prerequisites::GIT,
        &prerequisites::POSTGRESQL,
        &prerequisites::CURL,
        &prerequisites::PYTHON,
        &prerequisites::STRACE,
        &prerequisites::UTILITIES,
        &prerequisites::KILL,
        &prerequisites::FAKETIME,
        &prerequisites::STRACE,
        &prerequisites::NODE,
        &prerequisites::NPM,
        &prerequisites::CHROMIUM,
    ])?;
    let programs = prerequisites::postgresql_programs().context("PostgreSQL's programs are gone")?;
    println!("PostgreSQL's programs are in {}", programs.display());
    // What needs the network happens here; no later step does.
    commands::run(&mut commands::cargo(&["fetch", "--locked"]))?;
    web::install()
}

/// Before the binary is built, which embeds the console.
fn console(_: &Options) -> Result<()> {
    web::check()?;
    web::build()
}

fn formatted(_: &Options) -> Result<()> {
    commands::run(&mut commands::cargo(&["fmt", "--all", "--check"])).context("fix: run `cargo fmt --all`")
}

fn build(_: &Options) -> Result<()> {
    // All targets at once, so that the tests and the binary share one choice of features and nothing is built twice.
    commands::run(&mut commands::cargo(&["build", "--locked", "--workspace", "--all-targets"]))
}

fn tests(options: &Options) -> Result<()> {
    for folder in artifact_folders() {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
    }
    fs::create_dir_all(workspace::artifacts())?;
    if commands::answers("cargo-nextest", &["nextest", "--version"]) {
        let mut run = commands::cargo(&["nextest", "run", "--locked", "--workspace"]);
        commands::run(for_tests(&mut run, options))?;
        let mut documentation = commands::cargo(&["test", "--locked", "--workspace", "--doc"]);
        return commands::run(for_tests(&mut documentation, options));
    }
    let mut run = commands::cargo(&["test", "--locked", "--workspace"]);
    commands::run(for_tests(&mut run, options))
}

/// `sextant` is chosen for its features, not for its tests: with them everything below the explored crate is as the step
/// `build` left it.
const EXPLORED: [&str; 6] =
    ["-p", "sextant-service", "-p", "sextant", "--features", "sextant-service/explore"];

fn explore(options: &Options) -> Result<()> {
    let mut run = commands::cargo(&["test", "--locked", "--lib"]);
    run.args(EXPLORED).args(["--", "ring::explore"]);
    commands::run(for_tests(&mut run, options))
}

/// What tests are told: bounded or long counts, where `PostgreSQL` has its programs, where to leave files.
fn for_tests<'a>(command: &'a mut Command, options: &Options) -> &'a mut Command {
    if options.long {
        command.env("SEXTANT_LONG", "1");
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        command.env("PROPTEST_CASES", if options.long { "8192" } else { "128" });
    }
    if let Some(programs) = prerequisites::postgresql_programs() {
        command.env("SEXTANT_TEST_POSTGRES_BIN", programs);
    }
    command.env("SEXTANT_TEST_ARTIFACTS", workspace::artifacts())
}

/// Where tests may leave files: the folder they are told, and the one they use when they are run without us.
fn artifact_folders() -> Vec<PathBuf> {
    let mut folders = vec![workspace::artifacts(), workspace::root().join("target/test-artifacts")];
    folders.dedup();
    folders
}

fn scan(_: &Options) -> Result<()> {
    secrets::scan_artifacts(&artifact_folders())
}

fn current(_: &Options) -> Result<()> {
    // The step `build` left this binary; built again here only where that step was not run.
    build(&Options { long: false, only: Vec::new(), list: false })?;
    documents::check()
}

fn clippy(_: &Options) -> Result<()> {
    let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    commands::run(&mut commands::cargo(&arguments))?;
    let mut explored = commands::cargo(&["clippy", "--locked", "--lib", "--profile", "test"]);
    commands::run(explored.args(EXPLORED).args(["--", "-D", "warnings"]))
}

/// Fuzzes each target in turn. It needs a tool and a compiler that Sextant itself does not, so their absence is said and no failure.
fn fuzz(_: &Options) -> Result<()> {
    if !commands::answers("cargo-fuzz", &["--version"]) {
        return Err(NotRun("no cargo-fuzz here; `cargo install --locked cargo-fuzz`").into());
    }
    if !commands::answers("cargo", &["+nightly", "--version"]) {
        return Err(NotRun("no nightly compiler here; `rustup toolchain install nightly`").into());
    }
    let fuzz = workspace::root().join("fuzz");
    for target in fuzz_targets(&workspace::read(&fuzz.join("Cargo.toml"))?) {
        println!("\n-- {target}, {FUZZ_SECONDS} s");
        let limit = format!("-max_total_time={FUZZ_SECONDS}");
        let mut command = Command::new("cargo");
        // Cargo tells its children which compiler it is; the nightly one must not hear of ours.
        command
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env_remove("RUSTUP_TOOLCHAIN")
            .current_dir(workspace::root());
        command.args(["+nightly", "fuzz", "run", &target, "--", &limit, "-print_final_stats=1"]);
        commands::run(&mut command)?;
    }
    Ok(())
}

/// The names of the programs in the fuzz crate's manifest.
fn fuzz_targets(manifest: &str) -> Vec<String> {
    let programs = manifest.split("[[bin]]").skip(1);
    let name = |program: &str| {
        let value = program.lines().find_map(|line| line.trim().strip_prefix("name = \""))?;
        Some(value.trim_end_matches('"').to_owned())
    };
    programs.filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(long: bool, only: &[&str]) -> Options {
        Options { long, only: only.iter().map(|name| (*name).to_owned()).collect(), list: false }
    }

    #[test]
    fn a_short_run_leaves_out_only_what_is_long() {
        let names = |options| choose(&options).unwrap().iter().map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(names(options(true, &[])).len(), STEPS.len());
        assert!(!names(options(false, &[])).contains(&"fuzz"));
        assert_eq!(names(options(false, &["tidy"])), ["tidy"]);
    }

    #[test]
    fn an_unknown_step_is_refused() {
        assert!(choose(&options(false, &["tidi"])).is_err());
    }

    #[test]
    fn the_summary_shows_what_failed() {
        let text = summary(
            &[
                ("fmt", Duration::from_secs(1), Verdict::Passed),
                ("tidy", Duration::from_secs(2), Verdict::Failed),
            ],
            8,
        );
        assert!(text.contains("fmt        passed       1.0 s"), "{text}");
        assert!(text.contains("tidy       FAILED       2.0 s"), "{text}");
        assert!(text.contains("2 of 8 steps in 3.0 s"), "{text}");
    }

    #[test]
    fn fuzz_targets_are_read_from_the_manifest() {
        let manifest =
            "[package]\nname = \"fuzz\"\n[[bin]]\nname = \"a\"\npath = \"a.rs\"\n\n[[bin]]\nname = \"b\"\n";
        assert_eq!(fuzz_targets(manifest), ["a", "b"]);
    }
}
