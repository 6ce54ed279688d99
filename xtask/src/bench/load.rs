//! The load: wrk on a processor of its own, with requests that go through a list of keys.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::process::{LOAD_CPU, Server, pinned};
use crate::{commands, workspace};

/// What is sent, and what must come back.
pub(super) struct Load {
    pub(super) url: String,
    /// One key a line, sent in turn as `x-api-key`; none sends none.
    pub(super) keys: Option<PathBuf>,
    pub(super) refused: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) seconds: u32,
    pub(super) connections: u32,
}

/// One round of load on one server.
#[derive(Clone, Copy)]
pub(super) struct Round {
    pub(super) cpu_micros: f64,
    pub(super) per_second: f64,
    pub(super) p50_micros: f64,
    pub(super) p99_micros: f64,
}

/// Puts a load on a server and returns what a request of it cost.
pub(super) fn measure(server: &Server, load: &Load, shape: Shape, folder: &Path) -> Result<Round> {
    let script = folder.join("load.lua");
    workspace::write(&script, lua(load.keys.as_deref()))?;
    let mut wrk = pinned(LOAD_CPU, Path::new("wrk"));
    wrk.args(["--threads", "1", "--timeout", "10s"]);
    wrk.arg("--connections").arg(shape.connections.to_string());
    wrk.arg("--duration").arg(format!("{}s", shape.seconds));
    wrk.arg("--script").arg(&script).arg(&load.url);
    let before = server.cpu()?;
    let printed = commands::output(&mut wrk)?;
    let used = server.cpu()?.saturating_sub(before);
    let outcome = parse(&printed).with_context(|| format!("what wrk printed:\n{printed}"))?;
    outcome.check(load)?;
    Ok(outcome.round(used))
}

/// Requests made up before the start, so that making them costs the load generator nothing.
fn lua(keys: Option<&Path>) -> String {
    let fill = keys.map_or_else(
        || "requests[1] = wrk.format()".to_owned(),
        |path| {
            format!(
                "for key in io.lines({:?}) do requests[#requests + 1] = wrk.format('GET', nil, {{['x-api-key'] = key}}) end",
                path.display().to_string()
            )
        },
    );
    format!(
        "local requests, at = {{}}, 0\n\
         init = function() {fill} end\n\
         request = function() at = at % #requests + 1; return requests[at] end\n\
         done = function(summary, latency)\n\
         local errors = summary.errors\n\
         local lost = errors.connect + errors.read + errors.write + errors.timeout\n\
         io.write(string.format('outcome %d %d %d %d %d %d\\n', summary.requests, summary.duration, errors.status, lost,\n\
         latency:percentile(50), latency:percentile(99)))\n\
         end\n"
    )
}

#[derive(Debug, PartialEq)]
struct Outcome {
    requests: f64,
    micros: f64,
    refused: f64,
    lost: f64,
    p50: f64,
    p99: f64,
}

impl Outcome {
    /// A load that was answered otherwise than meant measures something else.
    fn check(&self, load: &Load) -> Result<()> {
        let expected = if load.refused { self.requests } else { 0.0 };
        if self.requests < 1.0 || self.lost > 0.0 || (self.refused - expected).abs() > 0.5 {
            bail!(
                "{}: of {} requests {} were refused (expected {expected}) and {} connections failed",
                load.url,
                self.requests,
                self.refused,
                self.lost
            );
        }
        Ok(())
    }

    fn round(&self, used: Duration) -> Round {
        Round {
            cpu_micros: used.as_secs_f64() * 1e6 / self.requests,
            per_second: self.requests / (self.micros / 1e6),
            p50_micros: self.p50,
            p99_micros: self.p99,
        }
    }
}

fn parse(printed: &str) -> Result<Outcome> {
    let line = printed.lines().find_map(|line| line.strip_prefix("outcome ")).context("no outcome")?;
    let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    let &[requests, micros, refused, lost, p50, p99] = numbers.as_slice() else { bail!("not six numbers") };
    Ok(Outcome { requests, micros, refused, lost, p50, p99 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(refused: bool) -> Load {
        Load { url: "http://x".to_owned(), keys: None, refused }
    }

    #[test]
    fn the_outcome_is_read_and_shared_among_the_requests() {
        let outcome = parse("Running\noutcome 1000 2000000 0 0 70 900\n").unwrap();
        let round = outcome.round(Duration::from_millis(5));
        assert!((round.cpu_micros - 5.0).abs() < 1e-9);
        assert!((round.per_second - 500.0).abs() < 1e-9);
        assert!(parse("outcome 1 2 3\n").is_err() && parse("").is_err());
    }

    #[test]
    fn answers_other_than_expected_are_an_error() {
        let outcome = |text: &str| parse(text).unwrap();
        assert!(outcome("outcome 10 1 0 0 1 1").check(&load(false)).is_ok());
        assert!(outcome("outcome 10 1 1 0 1 1").check(&load(false)).is_err());
        assert!(outcome("outcome 10 1 10 0 1 1").check(&load(true)).is_ok());
        assert!(outcome("outcome 10 1 9 0 1 1").check(&load(true)).is_err());
        assert!(outcome("outcome 10 1 0 1 1 1").check(&load(false)).is_err());
        assert!(outcome("outcome 0 1 0 0 1 1").check(&load(false)).is_err());
    }
}
