//! `cargo xtask openapi`: the documents that the product writes about itself, committed so that a change of them is seen.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::{commands, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Compare with what is committed, write nothing.
    #[arg(long)]
    check: bool,
}

/// A committed file and the command that prints it.
struct Document {
    command: &'static str,
    path: &'static str,
    tidied: fn(&str) -> Result<String>,
}

const DOCUMENTS: [Document; 2] = [
    Document { command: "openapi", path: "openapi.json", tidied: pretty_json },
    Document { command: "reference", path: "docs/configuration.md", tidied: text },
];

pub(crate) fn run(options: &Options) -> Result<()> {
    commands::run(&mut commands::cargo(&["build", "--locked", "--package", "sextant"]))?;
    if options.check { check() } else { write() }
}

/// Compares what is committed with what the built binary prints.
pub(crate) fn check() -> Result<()> {
    let mut stale = Vec::new();
    for document in &DOCUMENTS {
        let fresh = document.fresh()?;
        let committed = std::fs::read_to_string(workspace::root().join(document.path)).unwrap_or_default();
        match first_difference(&committed, &fresh) {
            None => println!("{} is what `sextant {}` prints", document.path, document.command),
            Some(line) => stale.push(format!("{}:{line}", document.path)),
        }
    }
    if !stale.is_empty() {
        bail!("not what the binary prints: {}\nfix: run `cargo xtask openapi` and commit", stale.join(", "));
    }
    Ok(())
}

fn write() -> Result<()> {
    for document in &DOCUMENTS {
        workspace::write(&workspace::root().join(document.path), document.fresh()?)?;
        println!("wrote {}", document.path);
    }
    Ok(())
}

impl Document {
    fn fresh(&self) -> Result<String> {
        // In an empty environment and folder: the documents must not depend on who prints them.
        let mut command = Command::new(workspace::built("debug", "sextant"));
        command.arg(self.command).env_clear().current_dir(Path::new("/"));
        let printed = commands::output(&mut command)?;
        (self.tidied)(&printed).with_context(|| format!("`sextant {}`", self.command))
    }
}

fn pretty_json(printed: &str) -> Result<String> {
    let value: serde_json::Value = serde_json::from_str(printed).context("it printed no JSON")?;
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

#[expect(clippy::unnecessary_wraps, reason = "one signature for all documents")]
fn text(printed: &str) -> Result<String> {
    Ok(printed.trim_end().to_owned() + "\n")
}

/// The number of the first line that differs.
fn first_difference(committed: &str, fresh: &str) -> Option<usize> {
    if committed == fresh {
        return None;
    }
    let same = committed.lines().zip(fresh.lines()).take_while(|(left, right)| left == right).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("", "a\n"), Some(1));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    }

    #[test]
    fn what_is_no_json_is_no_document() {
        assert!(pretty_json("error").is_err());
        assert_eq!(pretty_json("{\"a\":1}").unwrap(), "{\n  \"a\": 1\n}\n");
    }
}
