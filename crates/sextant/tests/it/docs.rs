//! Keeps the README and `docs/` true. What the pages promise to whoever pastes from them:
//!
//! - Every `sh` block is run: the blocks of a page in order, in one bash that stops at the first failure, in an empty
//!   folder that is a git repository with one commit, with `sextant` on the path. `7117` stands for a free port.
//! - A `json` or `text` block that comes next after a `sh` block is what that block prints; white space does not count
//!   and `…` is anything. Where it is an error of the API, the block has to fail with it.
//! - A `console` block shows what no test can run. Each of its commands stands in `docs_not_run.txt` with the reason.
//! - A server that a page starts in the background is ended by the page, or with the page's process group.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Every page, each with a test below.
const PAGES: [&str; 8] = [
    "README.md",
    "docs/api.md",
    "docs/configuration.md",
    "docs/first-key.md",
    "docs/install.md",
    "docs/keys.md",
    "docs/operations.md",
    "docs/revocation.md",
];
const NOT_RUN: &str = include_str!("docs_not_run.txt");
/// The port that the pages name.
const PORT: &str = "7117";
const PATIENCE: Duration = Duration::from_mins(3);
/// What a page's session begins with: refusals are failures, and nothing of the surroundings is seen.
const PREAMBLE: &str = r#"set -euo pipefail
curl() { command curl --silent --show-error --fail-with-body "$@"; }
"#;
/// Between the outputs of two blocks.
const MARK: &str = "\u{1e}";

#[test]
fn readme() {
    run_page("README.md");
}

#[test]
fn api() {
    let log = run_page("docs/api.md");
    let asked: Vec<(&str, &str)> = log
        .lines()
        .filter_map(|line| line.split_once(" method=")?.1.split_once(" path="))
        .map(|(method, rest)| (method, rest.split([' ', '?']).next().unwrap()))
        .collect();
    let is_path = |path: &str, asked: &str| {
        let fits = |(part, asked): (&str, &str)| part.starts_with('{') || part == asked;
        path.split('/').count() == asked.split('/').count() && path.split('/').zip(asked.split('/')).all(fits)
    };
    let operations = served();
    let missing: Vec<_> = operations
        .iter()
        .filter(|(method, path, _)| !asked.iter().any(|(by, at)| by == method && is_path(path, at)))
        .collect();
    assert!(missing.is_empty(), "no `curl` of docs/api.md asks for {missing:#?}");
}

#[test]
fn configuration() {
    run_page("docs/configuration.md");
}

#[test]
fn first_key() {
    run_page("docs/first-key.md");
}

#[test]
fn install() {
    run_page("docs/install.md");
}

#[test]
fn keys() {
    run_page("docs/keys.md");
}

#[test]
fn operations() {
    run_page("docs/operations.md");
}

#[test]
fn revocation() {
    run_page("docs/revocation.md");
}

#[test]
fn every_page_is_run() {
    let mut found: Vec<String> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.push("README.md".to_owned());
    found.sort();
    assert_eq!(found, PAGES, "each page needs a test of its own in docs.rs");
}

#[test]
fn nothing_slips_through_unrun() {
    let mut shown = BTreeSet::new();
    for page in PAGES {
        for fence in fences(page) {
            let known = ["sh", "console", "json", "text", "toml", "nginx"].contains(&fence.language.as_str());
            assert!(known, "{page}:{}: a block of `{}`; which is it?", fence.line, fence.language);
            if fence.language == "console" {
                let commands: Vec<&str> =
                    fence.text.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
                assert!(!commands.is_empty(), "{page}:{}: commands begin with `$ `", fence.line);
                shown.extend(commands.iter().map(|command| format!("{page} | {}", bare(command))));
            }
        }
    }
    let mut listed = BTreeSet::new();
    for line in NOT_RUN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (command, reason) = line.rsplit_once(" | ").unwrap_or_else(|| panic!("no reason: {line}"));
        assert!(reason.len() > 10 && command.contains(" | "), "page | command | reason: {line}");
        listed.insert(command.to_owned());
    }
    let unlisted: Vec<_> = shown.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&shown).collect();
    assert!(
        unlisted.is_empty() && stale.is_empty(),
        "docs_not_run.txt lacks {unlisted:#?}, need not have {stale:#?}"
    );
}

#[test]
fn every_operation_has_its_heading() {
    let page = read("docs/api.md");
    let mut missing = Vec::new();
    let mut known = BTreeSet::new();
    for (method, path, permission) in served() {
        let name = format!("{method} {path}");
        // The heading names it, the line below says what it needs.
        let wanted = format!("\n### `{name}`\n\n`{permission}`: ");
        if !page.contains(&wanted) {
            missing.push(wanted.trim().replace('\n', " "));
        }
        known.insert(name);
    }
    assert!(missing.is_empty(), "docs/api.md has no headings {missing:#?}");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let stale: Vec<_> = headings.filter(|name| !known.contains(*name)).collect();
    assert!(stale.is_empty(), "docs/api.md shows what is not there: {stale:?}");
}

#[test]
fn every_flag_exists() {
    let mut helps = Helps::default();
    let mut wrong = Vec::new();
    for page in PAGES {
        for (line, command) in commands(page) {
            for problem in helps.problems(&command) {
                wrong.push(format!("{page}:{line}: {problem}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(helps.texts.len() > 8, "the pages name hardly any command: {:?}", helps.texts.keys());
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in PAGES {
        let text = read(page);
        let folder = root().join(page).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() { root().join(page) } else { folder.join(path) };
            let found = if anchor.is_empty() {
                file.exists()
            } else {
                std::fs::read_to_string(&file).is_ok_and(|text| {
                    text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor)
                })
            };
            if !found {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// A heading's anchor.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|sign| sign.is_alphanumeric() || " -_".contains(*sign))
        .collect::<String>()
        .replace(' ', "-")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// What `sextant` prints in an empty environment.
fn said(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sextant")).args(arguments).env_clear().output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// Method, path and permission of everything that the server serves.
fn served() -> Vec<(String, String, String)> {
    let document: Value = serde_json::from_str(&said(&["openapi"])).unwrap();
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if let Some(permission) = operation["x-permission"].as_str() {
                found.push((method.to_uppercase(), path.clone(), permission.to_owned()));
            }
        }
    }
    assert!(found.len() > 20, "{found:?}");
    found
}

/// A fenced block.
struct Fence {
    language: String,
    text: String,
    /// Of its first line.
    line: usize,
}

fn fences(page: &str) -> Vec<Fence> {
    let text = read(page);
    let mut fences = Vec::new();
    let mut open: Option<Fence> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(_), Some(_)) => fences.extend(open.take()),
            (Some(language), None) => {
                open = Some(Fence { language: language.to_owned(), text: String::new(), line: index + 2 });
            }
            (None, Some(fence)) => {
                fence.text.push_str(line);
                fence.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block has no end");
    fences
}

/// A shown command without what explains it.
fn bare(command: &str) -> &str {
    command.split("  #").next().unwrap_or(command).trim()
}

/// Runs a page; what its server logged.
fn run_page(page: &str) -> String {
    let fences = fences(page);
    let blocks: Vec<(&Fence, Option<&Fence>)> = fences
        .iter()
        .enumerate()
        .filter(|(_, fence)| fence.language == "sh")
        .map(|(index, fence)| {
            (fence, fences.get(index + 1).filter(|next| ["json", "text"].contains(&next.language.as_str())))
        })
        .collect();
    if blocks.is_empty() {
        return String::new();
    }
    let port = free_port(page);
    let here = |text: &str| text.replace(PORT, &port);
    let mut script = PREAMBLE.to_owned();
    for (block, answer) in &blocks {
        // What bash complains about is then found where it stands.
        script.push_str(&format!("printf '{MARK}'; : 'line {}'\n", block.line));
        if answer.is_some_and(|answer| is_refusal(&answer.text)) {
            script.push_str(&format!(
                "if (\nset -e\n{}); then echo 'not refused'; exit 1; fi\n",
                here(&block.text)
            ));
        } else {
            script.push_str(&here(&block.text));
        }
    }

    let outcome = run_script(&script, &port);
    let outputs: Vec<&str> = outcome.out.split(MARK).skip(1).collect();
    for ((block, answer), output) in blocks.iter().zip(&outputs) {
        let expected = answer.map(|answer| here(&answer.text));
        if let Some(expected) = expected.filter(|expected| !matches(expected, output)) {
            let place = format!("{page}:{}", block.line);
            panic!("{place}: printed\n{output}\ninstead of\n{expected}\n{}", outcome.err);
        }
    }
    let last = blocks[outputs.len().max(1) - 1].0.line;
    assert!(outcome.succeeded, "{page}:{last}: the block failed\n{}", outcome.err);
    assert_eq!(outputs.len(), blocks.len(), "{page}:{last}: the page ended here");
    outcome.log
}

fn is_refusal(answer: &str) -> bool {
    let plain: String = answer.split_whitespace().collect();
    plain.starts_with(r#"{"status":"error""#) || plain.starts_with(r#"{"status":"FAILURE","errors""#)
}

struct Outcome {
    succeeded: bool,
    out: String,
    err: String,
    log: String,
}

/// Runs a page in a folder that is gone afterwards, with whatever secrets the page has made.
fn run_script(script: &str, port: &str) -> Outcome {
    let place = tempfile::tempdir().unwrap();
    let (bin, home, work) = (place.path().join("bin"), place.path().join("h"), place.path().join("work"));
    for folder in [&bin, &home, &work] {
        std::fs::create_dir(folder).unwrap();
    }
    for program in ["curl", "git"] {
        let there = Command::new(program).arg("--version").stdout(Stdio::null()).status();
        assert!(there.is_ok(), "the pages use {program}; install it with `apt-get install {program}`");
    }
    symlink(env!("CARGO_BIN_EXE_sextant"), bin.join("sextant")).unwrap();
    let old = std::env::var("PATH").unwrap();
    let path = format!("{}:{old}", bin.display());
    repository(&work, &home);

    let (out, err) = (place.path().join("out"), place.path().join("err"));
    let mut command = Command::new("bash");
    command.args(["--norc", "--noprofile", "-c", script]).env_clear();
    command.env("PATH", path).env("HOME", &home).env("LANG", "C.UTF-8").current_dir(&work);
    command.env("SEXTANT_LISTEN", format!("127.0.0.1:{port}")).stdin(Stdio::null());
    command.env("SEXTANT_ACCESS_LOG", "true");
    command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
    let mut bash = command.process_group(0).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = bash.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    // The group is the page's own: whatever it left running ends here.
    let group = format!("-{}", bash.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    let _ = bash.wait();
    let text = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let log = std::fs::read_to_string(work.join("sextant.log")).unwrap_or_default();
    let late = if status.is_none() { "it did not end in time\n" } else { "" };
    Outcome {
        succeeded: status.is_some_and(|status| status.success()),
        out: text(&out),
        err: format!("{late}stderr:\n{}\nsextant.log:\n{log}", text(&err)),
        log,
    }
}

/// A history of one commit.
fn repository(folder: &Path, home: &Path) {
    let commit = [
        "-c",
        "user.name=Ada Lovelace",
        "-c",
        "user.email=ada@example.com",
        "commit",
        "--quiet",
        "--allow-empty",
        "--message=Begin",
    ];
    for arguments in [&["init", "--quiet"][..], &commit[..]] {
        let mut git = Command::new("git");
        let done = git
            .args(arguments)
            .current_dir(folder)
            .env("HOME", home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .status();
        assert!(done.unwrap().success(), "git {arguments:?}");
    }
}

/// A port that nobody listens on. Not one that the system hands out by itself: others here ask it for such.
fn free_port(page: &str) -> String {
    let seed =
        page.bytes().fold(std::process::id(), |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let candidates =
        (0..2000).map(|step| 12_000 + u16::try_from((seed % 10_000 + step * 7) % 18_000).unwrap());
    let free = candidates.into_iter().find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.unwrap().to_string()
}

/// Compares without white space; `…` is anything.
fn matches(expected: &str, printed: &str) -> bool {
    let bare = |text: &str| text.split_whitespace().collect::<String>();
    let (expected, printed) = (bare(expected), bare(printed));
    let pieces: Vec<&str> = expected.split('…').collect();
    let Some(mut rest) = printed.strip_prefix(pieces[0]) else { return false };
    if pieces.len() == 1 {
        return rest.is_empty();
    }
    for piece in &pieces[1..pieces.len() - 1] {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(pieces[pieces.len() - 1])
}

#[test]
fn an_ellipsis_is_anything() {
    assert!(matches("{ \"a\": … }", "{\"a\":1,\n\"b\":2}") && matches("a\n", "a") && matches("…b…", "abc"));
    assert!(!matches("a", "ab") && !matches("a…c", "ab") && !matches("a…a", "a") && !matches("…x…", "ab"));
}

/// Every `sextant …` on a page, in blocks and in running text, with its line; bare `--flag`s of the text as well.
fn commands(page: &str) -> Vec<(usize, Vec<String>)> {
    let text = read(page);
    let mut found = Vec::new();
    for fence in fences(page).iter().filter(|fence| ["sh", "console"].contains(&fence.language.as_str())) {
        let joined = fence.text.replace("\\\n", " ");
        for line in joined.lines().map(bare) {
            let parts = line.split(['|', ';', '&', '(', '`']);
            for part in parts {
                let words = || part.split_whitespace().map(|word| word.trim_matches(['"', '\'', ')']));
                let Some(at) =
                    words().position(|word| word.trim_start_matches("/usr/local/bin/") == "sextant")
                else {
                    continue;
                };
                let before = words().take(at);
                let is_run = before.into_iter().all(|word| {
                    ["$", "systemd-run"].contains(&word) || word.starts_with("--") || word.contains('=')
                });
                if is_run {
                    found.push((fence.line, words().skip(at + 1).map(ToOwned::to_owned).collect()));
                }
            }
        }
    }
    let mut in_fence = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            in_fence = !in_fence;
        }
        if in_fence || page == "docs/configuration.md" {
            continue;
        }
        for span in line.split('`').skip(1).step_by(2) {
            if let Some(rest) = span.strip_prefix("sextant ") {
                found.push((index + 1, rest.split_whitespace().map(ToOwned::to_owned).collect()));
            } else if span.starts_with("--") {
                found.push((index + 1, span.split_whitespace().map(ToOwned::to_owned).collect()));
            }
        }
    }
    found
}

/// The help of every command that was asked for.
#[derive(Default)]
struct Helps {
    texts: BTreeMap<Vec<String>, String>,
}

impl Helps {
    fn of(&mut self, command: &[String]) -> &str {
        self.texts.entry(command.to_vec()).or_insert_with(|| {
            let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
            said(&arguments)
        })
    }

    /// Whether help lists a subcommand of this name.
    fn has(&mut self, command: &[String], name: &str) -> bool {
        let help = self.of(command);
        let listed =
            help.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or("");
        listed.lines().any(|line| line.trim_start().split(' ').next() == Some(name))
    }

    fn problems(&mut self, words: &[String]) -> Vec<String> {
        let mut command = Vec::new();
        for word in words.iter().take_while(|word| !word.starts_with('-')) {
            if !self.has(&command, word) {
                break;
            }
            command.push(word.clone());
        }
        let is_flag_alone = words.first().is_some_and(|word| word.starts_with("--"));
        let first = words.first().filter(|word| word.chars().all(char::is_alphabetic));
        if command.is_empty() && first.is_some() && !["openapi", "reference"].contains(&words[0].as_str()) {
            return vec![format!("there is no `sextant {}`", words[0])];
        }
        let flags = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
        let flags: Vec<&str> = flags.filter_map(|flag| flag.split(['=', ',', '.']).next()).collect();
        let mut problems = Vec::new();
        for flag in flags {
            let known = if is_flag_alone { self.anywhere(flag) } else { self.shows(&command, flag) };
            if !known {
                problems.push(format!("`sextant {}` has no `{flag}`", command.join(" ")));
            }
        }
        problems
    }

    fn shows(&mut self, command: &[String], flag: &str) -> bool {
        let help = self.of(command);
        help.split_whitespace().any(|word| word.trim_end_matches(',') == flag)
    }

    /// Whether any command at all has the flag.
    fn anywhere(&mut self, flag: &str) -> bool {
        let all = [
            "",
            "serve",
            "init",
            "quickstart",
            "keys create",
            "keys list",
            "keys show",
            "keys rotate",
            "keys delete",
            "developers upload",
            "developers list",
            "ingest git",
            "audit list",
            "audit verify",
            "master-key rotate",
            "master-key status",
            "master-key retire",
            "doctor",
        ];
        all.iter().any(|command| {
            let words: Vec<String> = command.split_whitespace().map(ToOwned::to_owned).collect();
            self.shows(&words, flag)
        })
    }
}
