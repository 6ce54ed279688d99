//! `cargo xtask tidy`: the invariants of ARCHITECTURE.md that Cargo cannot hold, each as a scan that names the place and the fix.
//!
//! The scans read text, not types: they are meant to catch slips, and each can be satisfied honestly. They never open a network
//! connection of their own and look only at files that git tracks.

mod code;
mod dependencies;
mod files;
mod floors;
mod permits;
mod source;

use std::process::Command;

use anyhow::{Result, bail};

use crate::{commands, workspace};
use source::Source;

/// One thing that is not as it must be.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: String,
    line: usize,
    what: String,
    fix: &'static str,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>, fix: &'static str) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), fix }
    }
}

/// A tracked text file.
struct Tracked {
    path: String,
    text: String,
}

pub(crate) fn run() -> Result<()> {
    let tracked = tracked_files()?;
    let is_rust = |file: &&Tracked| file.path.rsplit('.').next() == Some("rs");
    let mut sources: Vec<Source> =
        tracked.iter().filter(is_rust).map(|file| Source::new(&file.path, &file.text)).collect();
    source::mark_test_modules(&mut sources);
    let manifests: Vec<&Tracked> = tracked.iter().filter(|file| file.path.ends_with("Cargo.toml")).collect();

    let mut findings = Vec::new();
    for source in &sources {
        code::check(source, &mut findings);
        permits::check(source, &mut findings);
    }
    for manifest in &manifests {
        floors::check(&manifest.path, &manifest.text, &mut findings);
    }
    for file in &tracked {
        files::check(&file.path, &file.text, &mut findings);
    }
    files::check_documents(&tracked, &mut findings);
    if let Err(error) = dependencies::check(&mut findings) {
        let what = format!("dependencies could not be looked at: {error:#}");
        findings.push(Finding::new("Cargo.lock", 1, what, "commit the lock file that `cargo check` writes"));
    }

    for warning in sources.iter().filter_map(code::long_file_warning) {
        println!("note: {warning}");
    }
    report(&findings, sources.len(), tracked.len())
}

fn report(findings: &[Finding], sources: usize, tracked: usize) -> Result<()> {
    if findings.is_empty() {
        println!("tidy: {sources} Rust files and {tracked} tracked files are as they must be");
        return Ok(());
    }
    for finding in findings {
        println!("{}:{}: {}\n    fix: {}", finding.file, finding.line, finding.what, finding.fix);
    }
    bail!("tidy: {} findings", findings.len())
}

/// What git tracks, and what it would if everything were added now.
const LISTING: [&str; 6] = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z"];

/// Every tracked file that is text, with its path from the root.
fn tracked_files() -> Result<Vec<Tracked>> {
    let root = workspace::root();
    let listed = commands::output(Command::new("git").args(LISTING).current_dir(&root))?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // Neither a deleted file nor a picture has text to look at.
        if let Ok(text) = std::fs::read_to_string(root.join(path)) {
            files.push(Tracked { path: path.to_owned(), text });
        }
    }
    if files.is_empty() {
        bail!("git tracks no file under {}", root.display());
    }
    Ok(files)
}

/// Where `words` stands in `text` as a whole word or path: not as a part of a longer name.
fn find_words(text: &str, words: &str) -> Vec<usize> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = text.as_bytes();
    text.match_indices(words)
        .map(|(at, _)| at)
        .filter(|at| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(is_name);
            let after = bytes.get(at + words.len()).is_some_and(is_name);
            !before && !after
        })
        .collect()
}

/// The number of the line that the byte at `offset` is in.
fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert_eq!(find_words("rand::x brand::x rand", "rand"), [0, 17]);
        assert_eq!(find_words("static mut A; xstatic mut B", "static mut"), [0]);
    }

    #[test]
    fn findings_are_an_error() {
        assert!(report(&[], 1, 1).is_ok());
        assert!(report(&[Finding::new("a.rs", 1, "what", "fix")], 1, 1).is_err());
    }
}
