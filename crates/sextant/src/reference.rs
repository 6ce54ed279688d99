//! The configuration reference, written from the flags themselves so that it cannot go stale.

use crate::cli::Cli;
use crate::config::IN_FILE;
use clap::{Arg, Command, CommandFactory};
use std::fmt::Write;

const OPENING: &str = "# Configuration reference

Written by `sextant reference` from the flags of the binary; do not edit it by hand, run `cargo xtask openapi`.

A flag beats the environment, which beats the file `sextant.toml` in the data directory, which beats the default.
In the file, a setting has the name of its flag without the dashes (`trusted-proxies` is a list); an unknown name is an
error.
";

/// What is read from the environment only: secrets do not belong on a command line that others can list.
const ENVIRONMENT_ONLY: [(&str, &str); 6] = [
    (
        "SEXTANT_MASTER_KEY",
        "The master key, 32 bytes in base64, instead of `master.key` in the data directory",
    ),
    (
        "SEXTANT_NEW_MASTER_KEY",
        "The master key that `sextant master-key rotate` puts in force, 32 bytes in base64 (default: one is drawn)",
    ),
    ("SEXTANT_ADMIN_EMAIL", "The first administrator's e-mail address; read only while there is no user"),
    ("SEXTANT_ADMIN_PASSWORD", "The first administrator's password; read only while there is no user"),
    ("SEXTANT_API_KEY", "The API key that commands with `--url` send"),
    ("NO_COLOR", "Anything but empty: no colour on the terminal"),
];

/// The reference in Markdown.
pub(crate) fn markdown() -> String {
    let mut root = Cli::command();
    root.build();
    let mut text = OPENING.to_owned();
    text.push_str(
        "\n## Settings\n\n| Flag | Environment | In `sextant.toml` | Meaning |\n|---|---|---|---|\n",
    );
    let mut seen: Vec<String> = Vec::new();
    each(&root, &mut |_, command| {
        for argument in command.get_arguments().filter(|argument| is_setting(argument)) {
            let Some(flag) = argument.get_long().map(ToOwned::to_owned) else { continue };
            if !seen.contains(&flag) {
                setting(&mut text, argument, &flag);
                seen.push(flag);
            }
        }
    });
    text.push_str("\n## Environment only\n\n| Variable | Meaning |\n|---|---|\n");
    for (name, meaning) in ENVIRONMENT_ONLY {
        let _ = writeln!(text, "| `{name}` | {meaning} |");
    }
    text.push_str("\n## Commands\n\nEvery command exits with 0 when it is done, 1 when it failed, 2 when it was used wrongly.\n");
    each(&root, &mut |path, command| describe(&mut text, path, command));
    text
}

fn is_setting(argument: &Arg) -> bool {
    !argument.is_hide_set() && argument.get_env().is_some()
}

/// Goes through the commands that are shown, the root first.
fn each(root: &Command, visit: &mut impl FnMut(&[&str], &Command)) {
    fn walk<'a>(command: &'a Command, path: &mut Vec<&'a str>, visit: &mut impl FnMut(&[&str], &Command)) {
        path.push(command.get_name());
        visit(path, command);
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            walk(sub, path, visit);
        }
        path.pop();
    }
    walk(root, &mut Vec::new(), visit);
}

fn setting(text: &mut String, argument: &Arg, flag: &str) {
    let environment = argument.get_env().and_then(|name| name.to_str()).unwrap_or_default();
    let in_file = IN_FILE.iter().find(|(of, _)| *of == flag).map_or("", |(_, name)| *name);
    let in_file = if in_file.is_empty() { String::new() } else { format!("`{in_file}`") };
    let _ =
        writeln!(text, "| {} | `{environment}` | {in_file} | {} |", written(argument, flag), help(argument));
}

fn written(argument: &Arg, flag: &str) -> String {
    let takes = argument.get_action().takes_values();
    let value = argument.get_value_names().filter(|_| takes).and_then(|names| names.first());
    value.map_or_else(|| format!("`--{flag}`"), |value| format!("`--{flag} {value}`"))
}

fn help(argument: &Arg) -> String {
    let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
    let values: Vec<String> =
        argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if !values.is_empty() && argument.get_action().takes_values() {
        let _ = write!(help, ": {}", values.join(", "));
    }
    if let Some(default) = argument.get_default_values().first().and_then(|value| value.to_str()) {
        let _ = write!(help, " (default: `{default}`)");
    }
    help
}

fn describe(text: &mut String, path: &[&str], command: &Command) {
    if command.has_subcommands() || path.len() == 1 {
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(text, "\n### `{}`\n\n{about}.\n", path.join(" "));
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| {
            !argument.is_hide_set() && !matches!(argument.get_id().as_str(), "help" | "version")
        })
        .collect();
    if !own.is_empty() {
        text.push_str("\n| Argument | Meaning |\n|---|---|\n");
    }
    for argument in own {
        let name = argument.get_long().map_or_else(
            || format!("`<{}>`", argument.get_id().as_str().to_uppercase()),
            |flag| written(argument, flag),
        );
        let _ = writeln!(text, "| {name} | {} |", help(argument));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DATA, LISTEN, MAX_CONNECTIONS};

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_that_are_promised_are_those_that_are_used() {
        let text = markdown();
        for default in [DATA.to_owned(), LISTEN.to_owned(), MAX_CONNECTIONS.to_string()] {
            assert!(text.contains(&format!("(default: `{default}`)")), "{default}");
        }
    }

    #[test]
    fn every_setting_of_the_file_has_a_flag() {
        let text = markdown();
        for (flag, name) in IN_FILE {
            assert!(text.contains(&format!("| `--{flag}")) && text.contains(&format!("`{name}`")), "{flag}");
        }
    }
}
