//! What must not be committed in any file, and what the documents must say.

use super::{Finding, Tracked, line_of};
use crate::secrets;

/// In the line of a whole key that is meant to be read, or in the line above; a reason follows.
const EXAMPLE: &str = "tidy: example key:";
const INVARIANTS: usize = 12;
/// A README opens with the two commands within so many lines.
const OPENING: usize = 30;

pub(super) fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    for at in secrets::keys_in(text.as_bytes()) {
        let line = line_of(text, at);
        let near = text.lines().skip(line.saturating_sub(2)).take(if line == 1 { 1 } else { 2 });
        if !near.into_iter().any(|line| line.contains(EXAMPLE)) {
            let fix = "break its checksum, or put `tidy: example key: REASON` in the line above if it must be whole";
            findings.push(Finding::new(path, line, "a whole API key is committed", fix));
        }
    }
    // Written in two parts, so that this file does not find itself.
    for home in [concat!("/ho", "me/"), concat!("/ro", "ot/")] {
        for (at, _) in text.match_indices(home).filter(|(at, _)| is_path_start(text, *at)) {
            let what = format!("a path on someone's machine, below `{home}`");
            findings.push(Finding::new(
                path,
                line_of(text, at),
                what,
                "use a path relative to the workspace",
            ));
        }
    }
}

/// True unless the text before belongs to the same path or address.
fn is_path_start(text: &str, at: usize) -> bool {
    !text[..at]
        .ends_with(|before: char| before.is_alphanumeric() || matches!(before, '.' | '/' | '}' | '_' | '-'))
}

pub(super) fn check_documents(tracked: &[Tracked], findings: &mut Vec<Finding>) {
    let text = |name: &str| tracked.iter().find(|file| file.path == name).map_or("", |file| &file.text);
    let opening = text("README.md").lines().take(OPENING).collect::<Vec<_>>().join("\n");
    for command in ["cargo xtask up", "cargo xtask test"] {
        if !opening.contains(command) {
            let what = format!("does not open with `{command}`");
            findings.push(Finding::new("README.md", 1, what, "put both commands in its first lines"));
        }
    }
    let unnamed = |number: &usize| !text("ARCHITECTURE.md").lines().any(|line| is_numbered(line, *number));
    let missing: Vec<String> = (1..=INVARIANTS).filter(unnamed).map(|number| number.to_string()).collect();
    if !missing.is_empty() {
        let what = format!("does not name the invariants {}", missing.join(", "));
        let fix = "list the invariants, each in a line of its own that begins with its number";
        findings.push(Finding::new("ARCHITECTURE.md", 1, what, fix));
    }
}

/// True for `3. text`, `- **3.** text`, `### 3. text`, `| 3 | text`.
fn is_numbered(line: &str, number: usize) -> bool {
    let line = line.trim_start_matches(|sign: char| sign.is_whitespace() || "#*|-".contains(sign));
    line.strip_prefix(&number.to_string())
        .is_some_and(|rest| rest.trim_start().starts_with(['.', '|', ':', ')']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check("a.md", text, &mut findings);
        findings.into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    fn key() -> String {
        let covered = format!("sxt_{}_{}", "a".repeat(12), "b".repeat(43));
        let checksum = secrets::checksum(covered.as_bytes());
        covered + std::str::from_utf8(&checksum).unwrap()
    }

    #[test]
    fn a_committed_key_is_found() {
        let key = key();
        assert_eq!(findings(&format!("one\n{key}\n")), ["2: a whole API key is committed"]);
        assert_eq!(findings(&format!("tidy: example key: a test\n{key}\n")), [""; 0]);
        assert_eq!(findings(&format!("{key} tidy: example key: a test")), [""; 0]);
        assert_eq!(findings(&format!("tidy: example key: a test\n\n{key}")).len(), 1);
        assert_eq!(findings(&key[..60]), [""; 0]);
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        let home = concat!("/ho", "me/someone");
        assert_eq!(findings(&format!("cd {home}")).len(), 1);
        assert_eq!(findings(&format!("see example.org{home} and crates{home}")), [""; 0]);
        assert_eq!(findings(concat!("\n`/ro", "ot/x`")).len(), 1);
    }

    #[test]
    fn documents_must_say_what_they_are_for() {
        let documents = |readme: &str, architecture: &str| {
            let file = |path: &str, text: &str| Tracked { path: path.to_owned(), text: text.to_owned() };
            let mut findings = Vec::new();
            check_documents(
                &[file("README.md", readme), file("ARCHITECTURE.md", architecture)],
                &mut findings,
            );
            findings.len()
        };
        let readme = "# S\ncargo xtask up\ncargo xtask test\n";
        let architecture = (1..=12).map(|number| format!("{number}. text")).collect::<Vec<_>>().join("\n");
        assert_eq!(documents(readme, &architecture), 0);
        assert_eq!(documents(readme, &architecture.replace("7. text", "")), 1);
        assert_eq!(documents(readme, &architecture.replacen("1. text", "- **1.** text", 1)), 0);
        assert_eq!(documents(&format!("{}{readme}", "\n".repeat(40)), &architecture), 2);
        assert_eq!(documents("", ""), 3);
    }

    #[test]
    fn a_number_is_not_found_inside_another() {
        assert!(is_numbered("### 1. Core", 1) && is_numbered("| 12 | x", 12));
        assert!(!is_numbered("12. x", 1) && !is_numbered("in 1. x", 1));
    }
}
