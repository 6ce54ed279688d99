//! The master key: whose database it is, and another in its place without anybody noticing.

mod belonging;
mod crashes;
mod environment;
mod retirement;
mod rotation;

use crate::site::Site;
use crate::support::Done;
use serde_json::Value;

/// Keys whose verifier is one under a former pepper.
fn waiting(site: &Site) -> u64 {
    site.command(&["master-key", "status"])["keysOnFormerPeppers"].as_u64().unwrap()
}

fn rotate(site: &Site) -> Value {
    site.command(&["master-key", "rotate", "--yes"])
}

#[track_caller]
fn is_sound(site: &Site) {
    let report = site.run(&["audit", "verify"]);
    assert_eq!(report.code, Some(0), "{}{}", report.out, report.err);
}

/// The JSON of a command whatever its exit code.
fn printed(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}: {}{}", done.out, done.err))
}
