//! What each crate may stand on, beyond what Cargo refuses by itself.

use super::Finding;

/// A crate's folder, the siblings it may name, the foreign crates it must not.
struct Floor {
    folder: &'static str,
    may: &'static [&'static str],
    must_not: &'static [&'static str],
}

const FLOORS: [Floor; 6] = [
    Floor {
        folder: "core",
        may: &[],
        must_not: &[
            "tokio",
            "tokio-util",
            "axum",
            "sqlx",
            "hyper",
            "reqwest",
            "http",
            "getrandom",
            "rand",
            "tempfile",
        ],
    },
    Floor { folder: "store", may: &["core"], must_not: &["axum", "hyper", "reqwest", "http"] },
    Floor { folder: "ingest", may: &["core"], must_not: &["axum", "hyper", "reqwest", "http", "sqlx"] },
    Floor {
        folder: "service",
        may: &["core", "store", "ingest"],
        must_not: &["axum", "hyper", "reqwest", "http", "sqlx", "gix"],
    },
    Floor {
        folder: "api",
        may: &["core", "service", "console", "ingest"],
        must_not: &["sqlx", "reqwest", "gix"],
    },
    Floor { folder: "console", may: &[], must_not: &["sqlx", "reqwest", "gix"] },
];

/// Named in the manifests of these folders only.
const AT_HOME: [(&str, &[&str]); 3] = [
    ("anyhow", &["crates/sextant", "xtask", "fuzz"]),
    ("gix", &["crates/ingest"]),
    ("sqlx", &["crates/store"]),
];

const SIBLING: &str = "sextant-";

pub(super) fn check(path: &str, manifest: &str, findings: &mut Vec<Finding>) {
    let folder = path.trim_end_matches("Cargo.toml").trim_end_matches('/');
    if folder.is_empty() {
        reasons(path, manifest, findings);
        return;
    }
    let named = dependencies(manifest);
    if let Some(floor) = FLOORS.iter().find(|floor| folder.strip_prefix("crates/") == Some(floor.folder)) {
        for dependency in &named {
            let sibling = dependency.name.strip_prefix(SIBLING);
            if sibling.is_some_and(|sibling| !floor.may.contains(&sibling) && sibling != floor.folder)
                || (!dependency.for_tests && floor.must_not.contains(&dependency.name.as_str()))
            {
                let what = format!("crates/{} must not depend on {}", floor.folder, dependency.name);
                findings.push(Finding::new(
                    path,
                    dependency.line,
                    what,
                    "move the code to the floor that may; see ARCHITECTURE.md",
                ));
            }
        }
    }
    for (name, homes) in AT_HOME {
        let mut elsewhere =
            named.iter().filter(|dependency| dependency.name == name && !dependency.for_tests);
        if let (Some(dependency), false) = (elsewhere.next(), homes.contains(&folder)) {
            let what = format!("{name} lives in {} only", homes.join(", "));
            findings.push(Finding::new(
                path,
                dependency.line,
                what,
                "give the crate's own error or type instead",
            ));
        }
    }
}

struct Dependency {
    name: String,
    line: usize,
    for_tests: bool,
}

/// What a manifest's dependency tables name.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = String::new();
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        let number = index + 1;
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            header.clone_into(&mut section);
            if let Some((table, name)) = header.rsplit_once("dependencies.") {
                found.push(Dependency {
                    name: name.to_owned(),
                    line: number,
                    for_tests: table.ends_with("dev-"),
                });
            }
        } else if section.ends_with("dependencies")
            && !line.starts_with('#')
            && let Some((key, value)) = line.split_once('=')
        {
            // `name = { package = "real" }` is about the real one.
            let real = value.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next());
            let name = real.unwrap_or_else(|| key.trim().split('.').next().unwrap_or_default());
            let for_tests = section.ends_with("dev-dependencies");
            found.push(Dependency { name: name.to_owned(), line: number, for_tests });
        }
    }
    found
}

/// Each line of the workspace's table says why the crate is there; our own need no reason.
fn reasons(path: &str, manifest: &str, findings: &mut Vec<Finding>) {
    let mut inside = false;
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        } else if inside && line.contains('=') && !line.starts_with('#') && !line.contains("path = \"crates/")
        {
            let reason = line.rsplit_once(" # ").map_or("", |(_, reason)| reason.trim());
            if reason.is_empty() {
                let name = line.split([' ', '=']).next().unwrap_or_default();
                let what = format!("{name} stands in the table without a reason");
                findings.push(Finding::new(
                    path,
                    index + 1,
                    what,
                    "end the line with `# ` and what the crate is for",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, manifest: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(path, manifest, &mut findings);
        findings.into_iter().map(|finding| format!("{}: {}", finding.line, finding.what)).collect()
    }

    #[test]
    fn a_crate_that_reaches_too_high_is_named() {
        let manifest =
            "[dependencies]\nsextant-core.workspace = true\nsextant-store = { workspace = true }\n";
        assert_eq!(
            findings("crates/api/Cargo.toml", manifest),
            ["3: crates/api must not depend on sextant-store"]
        );
        assert_eq!(findings("crates/service/Cargo.toml", manifest), [""; 0]);
        assert_eq!(findings("crates/core/Cargo.toml", "[dev-dependencies]\nsextant-store = \"1\"").len(), 1);
        assert_eq!(
            findings("crates/ingest/Cargo.toml", "[dependencies.sextant-service]\nworkspace = true").len(),
            1
        );
        assert_eq!(findings("crates/sextant/Cargo.toml", manifest), [""; 0]);
    }

    #[test]
    fn core_takes_no_runtime_under_any_name() {
        assert_eq!(findings("crates/core/Cargo.toml", "[dependencies]\ntokio.workspace = true").len(), 1);
        assert_eq!(
            findings("crates/core/Cargo.toml", "[dependencies]\nt = { package = \"tokio\" }").len(),
            1
        );
        assert_eq!(findings("crates/core/Cargo.toml", "[dependencies]\n# tokio = 1\nserde = \"1\"").len(), 0);
    }

    #[test]
    fn anyhow_stays_at_home() {
        let manifest = "[dependencies]\nanyhow.workspace = true";
        assert_eq!(findings("crates/service/Cargo.toml", manifest).len(), 1);
        assert_eq!(findings("crates/sextant/Cargo.toml", manifest).len(), 0);
    }

    #[test]
    fn a_dependency_without_a_reason_is_named() {
        let manifest = "[workspace.dependencies]\nsextant-core = { path = \"crates/core\" }\na = \"1\" # why\nb = \"1\"\n[profile.dev]\nc = 1";
        assert_eq!(findings("Cargo.toml", manifest), ["4: b stands in the table without a reason"]);
    }
}
