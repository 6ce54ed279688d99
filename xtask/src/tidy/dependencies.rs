//! What comes with our dependencies: one TLS provider, no crate with a known hole, licences that we may ship under.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Finding;
use crate::commands;

/// Crates that must not be compiled in, each with the reason.
const REFUSED: [(&str, &str); 4] = [
    ("ring", "a second TLS provider beside aws-lc-rs"),
    ("rsa", "its timing leaks the private key, RUSTSEC-2023-0071"),
    ("openssl-sys", "TLS is rustls; a C library would have to be installed"),
    ("native-tls", "TLS is rustls"),
];

const LICENCES: [&str; 13] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "MPL-2.0",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
];
/// Crates whose licence is none of these, each with the reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

pub(super) fn check(findings: &mut Vec<Finding>) -> Result<()> {
    for (name, reason) in REFUSED {
        if is_compiled_in(name)? {
            let what = format!("{name} is compiled in: {reason}");
            let fix =
                "find the feature that brings it with `cargo tree --workspace --invert NAME` and turn it off";
            findings.push(Finding::new("Cargo.lock", 1, what, fix));
        }
    }
    let metadata =
        commands::output(&mut commands::cargo(&["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("what `cargo metadata` printed")?;
    licences(&metadata, findings);
    Ok(())
}

/// True if any crate of ours has it in its tree on this platform; a lock file also lists what no feature asks for.
fn is_compiled_in(name: &str) -> Result<bool> {
    let mut command =
        commands::cargo(&["tree", "--locked", "--workspace", "--edges", "normal,build", "--invert", name]);
    let output = command.output().context("cannot start `cargo tree`")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(!output.stdout.is_empty());
    }
    if errors.contains("did not match any packages") {
        return Ok(false);
    }
    if errors.contains("ambiguous") {
        return Ok(true);
    }
    anyhow::bail!("`{}` failed:\n{errors}", commands::typed(&command))
}

fn licences(metadata: &Value, findings: &mut Vec<Finding>) {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    // A package without a source is one of ours.
    for package in packages.iter().filter(|package| !package["source"].is_null()) {
        let name = package["name"].as_str().unwrap_or_default();
        let licence = package["license"].as_str().unwrap_or_default();
        if !may_ship(licence) && !EXCEPTIONS.iter().any(|(exception, _)| *exception == name) {
            let what = format!("{name} is under `{licence}`");
            let fix = "use another crate, or add it with the reason to EXCEPTIONS in xtask/src/tidy/dependencies.rs";
            findings.push(Finding::new("Cargo.lock", 1, what, fix));
        }
    }
}

/// True if the expression lets us choose licences that we may ship under: one side of OR is enough, AND needs both.
fn may_ship(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any(&mut rest) && rest.is_empty()
}

fn any(rest: &mut &[&str]) -> bool {
    let mut allowed = all(rest);
    while rest.first() == Some(&"OR") {
        *rest = &rest[1..];
        allowed |= all(rest);
    }
    allowed
}

fn all(rest: &mut &[&str]) -> bool {
    let mut allowed = one(rest);
    while rest.first() == Some(&"AND") {
        *rest = &rest[1..];
        allowed &= one(rest);
    }
    allowed
}

fn one(rest: &mut &[&str]) -> bool {
    let Some((first, after)) = rest.split_first() else { return false };
    *rest = after;
    if *first == "(" {
        let allowed = any(rest);
        let closed = rest.first() == Some(&")");
        *rest = rest.get(1..).unwrap_or_default();
        return allowed && closed;
    }
    // An exception only permits more than the licence that it goes with.
    if rest.first() == Some(&"WITH") {
        *rest = rest.get(2..).unwrap_or_default();
    }
    LICENCES.contains(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_side_of_or_is_enough_and_needs_both() {
        for allowed in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "GPL-3.0 OR MIT",
            "(MIT OR GPL-2.0) AND BSD-3-Clause",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "ISC AND (Apache-2.0 OR ISC) AND MIT",
        ] {
            assert!(may_ship(allowed), "{allowed}");
        }
        for refused in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT", "MIT)", "MIT OR", "AGPL-3.0 OR (GPL-2.0 AND MIT)"]
        {
            assert_eq!(may_ship(refused), refused == "MIT OR", "{refused}");
        }
    }

    #[test]
    fn a_dependency_under_another_licence_is_named() {
        let metadata = serde_json::json!({"packages": [
            {"name": "ours", "source": null, "license": "Proprietary"},
            {"name": "good", "source": "registry", "license": "MIT"},
            {"name": "bad", "source": "registry", "license": "GPL-3.0-only"},
            {"name": "none", "source": "registry", "license": null},
        ]});
        let mut findings = Vec::new();
        licences(&metadata, &mut findings);
        let named: Vec<&str> = findings.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(named, ["bad is under `GPL-3.0-only`", "none is under ``"]);
    }
}
