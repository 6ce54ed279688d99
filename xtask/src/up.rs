//! `cargo xtask up`: from a clean clone to a running server.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{commands, prerequisites, web, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Build with optimizations: slower to build, faster to run.
    #[arg(long)]
    release: bool,
    /// Where to listen.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// The data directory; a second run finds the data as it was.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Handed on to `sextant quickstart`.
    #[arg(last = true, value_name = "QUICKSTART ARGUMENTS")]
    quickstart: Vec<String>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    prerequisites::ensure(&[&prerequisites::C_COMPILER, &prerequisites::GIT])?;
    build_console()?;
    let mut build = commands::cargo(&["build", "--locked", "--package", "sextant"]);
    let profile = if options.release {
        build.arg("--release");
        "release"
    } else {
        "debug"
    };
    commands::run(&mut build)?;
    become_program(&mut quickstart(profile, options))
}

fn quickstart(profile: &str, options: &Options) -> Command {
    let mut command = Command::new(workspace::built(profile, "sextant"));
    command.arg("quickstart").current_dir(workspace::root());
    // Relative to the root wherever `cargo xtask up` is typed, so that the second run finds what the first one made.
    let data = options.data.clone().unwrap_or_else(|| workspace::root().join("sextant-data"));
    let data = std::path::absolute(&data).unwrap_or(data);
    command.arg("--data").arg(data);
    if let Some(listen) = &options.listen {
        command.args(["--listen", listen]);
    }
    command.args(&options.quickstart);
    command
}

/// Builds the console where Node is; without it the server says how to build it.
fn build_console() -> Result<()> {
    if let Some(missing) = prerequisites::lacking(&[&prerequisites::NODE, &prerequisites::NPM]) {
        println!("the console is not built; missing: {missing}");
        return Ok(());
    }
    web::install()?;
    web::build()
}

/// Hands the terminal over, so that Ctrl-C and SIGTERM reach the server itself.
#[cfg(unix)]
fn become_program(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt as _;
    let typed = commands::typed(command);
    Err(command.exec()).with_context(|| format!("cannot start `{typed}`"))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command) -> Result<()> {
    commands::run(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quickstart_gets_the_flags_it_was_given() {
        let options = Options {
            release: false,
            listen: Some("127.0.0.1:0".to_owned()),
            data: Some(PathBuf::from("/somewhere")),
            quickstart: vec!["--exit".to_owned()],
        };
        let typed = commands::typed(&quickstart("debug", &options));
        assert_eq!(typed, "sextant quickstart --data /somewhere --listen 127.0.0.1:0 --exit");
    }

    #[test]
    fn the_data_is_in_the_same_place_each_time() {
        let options = Options { release: false, listen: None, data: None, quickstart: Vec::new() };
        let typed = commands::typed(&quickstart("debug", &options));
        assert!(typed.ends_with("sextant-data"), "{typed}");
    }
}
