//! The console's sources in `web/`: installing what they stand on, building them, trying the pages in a browser.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result};

use crate::{commands, prerequisites, workspace};

/// What the built console is made of, besides the document that its types come from.
const INPUTS: [&str; 7] =
    ["src", "scripts", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];

fn folder() -> PathBuf {
    workspace::root().join("web")
}

fn npm(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(folder());
    command
}

/// Brings the packages that the lock file names, unless they are there. The only step here that needs the network.
pub(crate) fn install() -> Result<()> {
    let web = folder();
    let there = changed(&web.join("node_modules/.package-lock.json"));
    if there.is_some() && there >= changed(&web.join("package-lock.json")) {
        return Ok(());
    }
    commands::run(&mut npm(&["ci", "--no-audit", "--no-fund"]))
}

/// Builds `web/dist` unless nothing that it is made of has changed since.
pub(crate) fn build() -> Result<()> {
    let product = changed(&folder().join("dist/index.html.br"));
    if product.is_some() && product > newest_input()? {
        return Ok(());
    }
    commands::run(&mut npm(&["run", "--silent", "build"]))
}

/// Types, lints and form of the sources.
pub(crate) fn check() -> Result<()> {
    commands::run(&mut npm(&["run", "--silent", "check"])).context("fix: `npx biome check --write` in web/")
}

/// The pages, in a browser, against the binary that the step `build` left.
pub(crate) fn test() -> Result<()> {
    let browser = prerequisites::chromium_program().context("Chromium is gone")?;
    let mut command = npm(&["test", "--silent"]);
    command.env("SEXTANT_BIN", workspace::built("debug", "sextant"));
    command.env("SEXTANT_TEST_CHROMIUM", browser);
    commands::run(&mut command)
}

fn newest_input() -> Result<Option<SystemTime>> {
    let web = folder();
    let mut newest = changed(&workspace::root().join("openapi.json"));
    for input in INPUTS.map(|input| web.join(input)) {
        let files = if input.is_dir() { workspace::files_below(&input)? } else { vec![input] };
        // What is generated beside the sources is written by the build itself.
        let sources = files.iter().filter(|file| !is_generated(file));
        newest = newest.max(sources.filter_map(|file| changed(file)).max());
    }
    Ok(newest)
}

fn is_generated(file: &std::path::Path) -> bool {
    let name = |name: &str| file.ends_with(format!("src/api/{name}"));
    name("schema.d.ts") || name("roles.ts") || name("offers.ts")
}

fn changed(path: &std::path::Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|data| data.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_is_there() {
        for input in INPUTS {
            assert!(folder().join(input).exists(), "{input}");
        }
        assert!(newest_input().unwrap().is_some());
    }

    #[test]
    fn what_the_build_writes_is_no_input() {
        assert!(is_generated(&folder().join("src/api/roles.ts")));
        assert!(!is_generated(&folder().join("src/api/keys.ts")));
    }
}
