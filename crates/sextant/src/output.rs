//! Data on stdout: JSON as the API answers it, or columns for people. Everything else goes to stderr.

use crate::flags::{OutputFlags, OutputForm};
use anyhow::{Result, bail};
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use sextant_core::source::Clock;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

/// Writes a line to stdout and makes sure that it is out.
pub(crate) fn line(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

/// Writes a line for people to stderr.
pub(crate) fn note(text: &str) {
    // There is nobody to tell if that fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}

impl OutputFlags {
    /// Whether data is printed for people.
    pub(crate) fn is_table(self) -> bool {
        match self.output {
            Some(form) => form == OutputForm::Table,
            None => std::io::stdout().is_terminal(),
        }
    }

    /// Prints an answer: as it is, or as the table that `shape` makes of it.
    pub(crate) fn print(self, answer: &Value, shape: impl FnOnce(&Value) -> String) -> Result<()> {
        if self.is_table() { line(&shape(answer)) } else { json(answer) }
    }
}

/// Prints JSON.
pub(crate) fn json(value: &Value) -> Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// A list as columns: header and place of the value (`a.b` is the field `b` of the field `a`).
pub(crate) fn columns(list: &Value, wanted: &[(&str, &str)]) -> String {
    if list.as_array().is_none_or(Vec::is_empty) {
        return "nothing here yet".to_owned();
    }
    let mut table = plain();
    table.set_header(wanted.iter().map(|(header, _)| *header));
    for item in list.as_array().into_iter().flatten() {
        table.add_row(wanted.iter().map(|(_, place)| cell(at(item, place))));
    }
    trimmed(&table)
}

/// One object, a field a line.
pub(crate) fn fields(object: &Value) -> String {
    let mut table = plain();
    for (name, value) in object.as_object().into_iter().flatten() {
        table.add_row([name.clone(), cell(value)]);
    }
    trimmed(&table)
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn at<'a>(item: &'a Value, place: &str) -> &'a Value {
    place.split('.').fold(item, |value, field| &value[field])
}

/// A value in a cell. Control characters are shown as �: whoever named a thing does not get to write on the terminal.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    clean(&text)
}

/// Text without control characters.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Asks on a terminal; elsewhere, or with `--yes`, the answer is yes.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<()> {
    if yes || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(());
    }
    let mut out = std::io::stderr();
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        bail!("nothing was changed")
    }
}

/// What is shown of work that takes longer than a second, on a terminal only.
pub(crate) struct Progress {
    bar: ProgressBar,
    clock: Arc<dyn Clock>,
    began: Duration,
}

/// Work that is shorter than this is not worth a word.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    /// Begins; `of` is how much there is to do, where that is known.
    pub(crate) fn new(what: &str, of: Option<u64>, clock: Arc<dyn Clock>) -> Self {
        let bar = ProgressBar::with_draw_target(of, ProgressDrawTarget::hidden());
        let template = if of.is_some() { "{msg} {wide_bar} {pos}/{len}" } else { "{msg} {pos}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        let began = clock.monotonic();
        Self { bar, clock, began }
    }

    /// So much is done.
    pub(crate) fn at(&self, done: u64) {
        if self.bar.is_hidden() && self.clock.monotonic().saturating_sub(self.began) > PATIENCE {
            // Draws nothing where stderr is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_shows_what_was_asked_for() {
        let list = json!([{"id": "a", "by": {"name": "x\u{1b}[2J"}, "scopes": ["p", "q"], "end": null}]);
        let text = columns(&list, &[("ID", "id"), ("BY", "by.name"), ("SCOPES", "scopes"), ("END", "end")]);
        let words: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(words, ["ID", "BY", "SCOPES", "END", "a", "x\u{fffd}[2J", "p,", "q", "-"]);
    }
}
