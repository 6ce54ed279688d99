//! What the machine must have beside Rust, and how it gets it: by apt where we are root or may become root, else by telling.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, Result, bail};

use crate::commands;

/// Something that a command of ours needs.
pub(crate) struct Need {
    what: &'static str,
    package: &'static str,
    is_there: fn() -> bool,
}

/// The compiler for the C sources of the database and of the TLS library.
pub(crate) const C_COMPILER: Need =
    Need { what: "a C compiler, `cc`", package: "build-essential", is_there: || commands::exists("cc") };

/// Tests read git histories, `tidy` asks git which files are tracked.
pub(crate) const GIT: Need =
    Need { what: "git", package: "git", is_there: || commands::answers("git", &["--version"]) };

/// The tests start their own `PostgreSQL` servers; no running service is needed or used.
pub(crate) const POSTGRESQL: Need = Need {
    what: "PostgreSQL's server programs, `initdb` and `postgres`",
    package: "postgresql",
    is_there: || postgresql_programs().is_some(),
};

/// The user documentation's commands are run by a test, and most of them are `curl`.
pub(crate) const CURL: Need =
    Need { what: "curl", package: "curl", is_there: || commands::answers("curl", &["--version"]) };

/// Tests tamper with a database behind the server's back.
pub(crate) const PYTHON: Need =
    Need { what: "Python 3", package: "python3", is_there: || commands::answers("python3", &["--version"]) };

/// PostgreSQL refuses to run as root: tests start it as another user.
pub(crate) const UTILITIES: Need =
    Need { what: "setpriv", package: "util-linux", is_there: || commands::exists("setpriv") };

/// Tests send signals by it.
pub(crate) const KILL: Need =
    Need { what: "the program `kill`", package: "procps", is_there: || commands::exists("kill") };

/// Tests end a command at a system call of their choice.
pub(crate) const STRACE: Need =
    Need { what: "strace", package: "strace", is_there: || commands::answers("strace", &["--version"]) };

/// The load generator of the benches.
pub(crate) const WRK: Need =
    Need { what: "the load generator wrk", package: "wrk", is_there: || commands::exists("wrk") };

/// The yardstick of the benches.
pub(crate) const NGINX: Need =
    Need { what: "nginx", package: "nginx-light", is_there: || nginx_program().is_some() };

/// Pins a process to a processor.
pub(crate) const TASKSET: Need =
    Need { what: "taskset", package: "util-linux", is_there: || commands::exists("taskset") };

/// The folder with `initdb`: on the path, or where Debian keeps it.
pub(crate) fn postgresql_programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = env::split_paths(&path).filter_map(|folder| {
        // A link on the path stands for a folder that also has the other programs.
        fs::canonicalize(folder.join("initdb")).ok()?.parent().map(PathBuf::from)
    });
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    versions.sort();
    on_path
        .chain(versions.into_iter().rev())
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// nginx: on the path, or in the folder that only root has on its path.
pub(crate) fn nginx_program() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("nginx"))
        .find(|program| program.is_file())
}

/// Installs packages without starting what they bring: no service, no database cluster.
const INSTALL: &str = r#"
set -e
export DEBIAN_FRONTEND=noninteractive
if [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi
apt-get update -q
for package in "$@"; do
    if [ "$package" = postgresql ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        apt-get install -y -q --no-install-recommends postgresql-common
        sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    fi
done
apt-get install -y -q --no-install-recommends "$@"
"#;

/// Sees to it that all needs are met, or says exactly what to install.
pub(crate) fn ensure(needs: &[&Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let what = missing.iter().map(|need| need.what).collect::<Vec<_>>().join("; ");
    let advice =
        format!("missing: {what}\ninstall it with `apt-get install {}`, then try again", packages.join(" "));
    if !commands::answers("apt-get", &["--version"]) {
        bail!(
            "missing: {what}\non Debian that is in the packages {}; install it, then try again",
            packages.join(" ")
        );
    }
    let Some(mut command) = shell_as_root() else { bail!(advice) };
    println!("installing {what}");
    commands::run(command.args(["-c", INSTALL, "install"]).args(&packages)).context(advice)?;
    match self::missing(needs).first() {
        None => Ok(()),
        Some(need) => bail!("installed {}, but still cannot find {}", need.package, need.what),
    }
}

fn missing<'a>(needs: &[&'a Need]) -> Vec<&'a Need> {
    needs.iter().copied().filter(|need| !(need.is_there)()).collect()
}

/// A shell that is root: ours, or by sudo where that asks for no password.
fn shell_as_root() -> Option<Command> {
    let user = commands::output(Command::new("id").arg("-u")).ok()?;
    if user.trim() == "0" {
        return Some(Command::new("sh"));
    }
    if commands::answers("sudo", &["-n", "true"]) {
        let mut command = Command::new("sudo");
        command.args(["-n", "sh"]);
        return Some(command);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_asked_for() {
        const THERE: Need = Need { what: "a", package: "a", is_there: || true };
        const ABSENT: Need = Need { what: "b", package: "b", is_there: || false };
        let names: Vec<&str> = missing(&[&THERE, &ABSENT]).iter().map(|need| need.package).collect();
        assert_eq!(names, ["b"]);
    }
}
