//! The storm: keys are made and lose their power without a pause while servers are stopped, killed, cut off and told wrong
//! times. What a returned call has taken away stays away, on every server.
//!
//! `SEXTANT_STORM_SEED` repeats the choices of a run; what threads and processes make of them differs all the same.
#![expect(clippy::print_stdout, reason = "a failed run says its seed and what was seen")]

mod judge;
mod load;
mod node;
mod operator;

use crate::site::{Client, eventually};
use crate::support::dice::Dice;
use crate::support::folder;
use crate::support::postgres::Database;
use judge::{GONE, Judge, Secret, State};
use load::{Reply, try_all};
use node::{Disturbance, Node};
use operator::Office;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

struct Weather {
    deletions: usize,
    operators: usize,
    /// How many keys there are at a time.
    keys: usize,
    /// How many of a hundred calls are commands of the command line.
    commands: usize,
}

#[test]
fn three_servers_on_one_database() {
    let database = Database::new("storm-postgres");
    let base = folder("storm-postgres");
    let shell = base.join("server-0");
    let nodes: Vec<Node> = (0..3)
        .map(|number| {
            let data = base.join(format!("server-{number}"));
            if number > 0 {
                share_master_key(&shell, &data);
            }
            Node::start(number, &data, Some(&database.url))
        })
        .collect();
    let own = base.join("shell");
    share_master_key(&shell, &own);
    let weather = Weather { deletions: wanted(300, 10_000), operators: 12, keys: 300, commands: 3 };
    weather.rages(&nodes, &own, Some(&database.url));
}

#[test]
fn a_server_and_the_command_line_on_one_file() {
    let data = folder("storm-sqlite").join("data");
    let nodes = [Node::start(0, &data, None)];
    let weather = Weather { deletions: wanted(200, 2_000), operators: 6, keys: 120, commands: 40 };
    weather.rages(&nodes, &data, None);
}

fn wanted(short: usize, long: usize) -> usize {
    if std::env::var_os("SEXTANT_LONG").is_some() { long } else { short }
}

pub(super) fn share_master_key(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::copy(from.join("master.key"), to.join("master.key")).unwrap();
}

fn seed() -> u64 {
    let given = std::env::var("SEXTANT_STORM_SEED").ok().and_then(|seed| seed.parse().ok());
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let seed = given.unwrap_or_else(|| u64::from(since.subsec_nanos()));
    println!("SEXTANT_STORM_SEED={seed}");
    seed
}

impl Weather {
    fn rages(&self, nodes: &[Node], shell: &Path, database_url: Option<&str>) {
        let judge = Judge::new(nodes.len());
        let mut dice = Dice::new(seed());
        let admin = admin_key(shell, database_url);
        let office = Office {
            nodes,
            judge: &judge,
            admin: admin.clone(),
            shell: shell.to_owned(),
            database_url: database_url.map(ToOwned::to_owned),
            commands: self.commands,
            seeded: seed_keys(self.keys, &judge, &nodes[0], &admin, shell, database_url),
            operators: self.operators,
            over: AtomicBool::new(false),
        };
        let kinds = nodes[0].disturbances();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for (number, node) in nodes.iter().chain(nodes).enumerate() {
                let (judge, over, dice) = (&judge, &over, dice.branch(1000 + number));
                scope.spawn(move || load::run(node, judge, dice, over));
            }
            let operators: Vec<_> = (0..self.operators)
                .map(|number| {
                    let (office, dice) = (&office, dice.branch(number));
                    scope.spawn(move || operator::run(office, number, dice))
                })
                .collect();
            // Whatever fails here must end the others, or nobody would hear of it.
            let _ends = Ends(&[&over, &office.over]);
            eventually("keys are in use", Duration::from_mins(1), || judge.counted("200") > 200);
            let alive = || operators.iter().all(|operator| !operator.is_finished());
            while judge.counted("deleted") < self.deletions
                || !kinds.iter().all(|kind| judge.counted(&kind.name()) > 0)
            {
                disturb_all(nodes, &kinds, &judge, &mut dice, || {
                    assert!(alive(), "an operator gave up");
                    judge.violations().is_empty()
                });
                assert_eq!(judge.violations(), [""; 0], "{:#?}", judge.tally());
            }
            office.over.store(true, Ordering::Relaxed);
            operators.into_iter().for_each(|operator| operator.join().unwrap());
        });
        println!("{:#?}", judge.tally());
        let seen = |what: &str| assert!(judge.counted(what) > 0, "no {what}: {:#?}", judge.tally());
        let deeds = [
            "created",
            "deleted",
            "narrowed",
            "disabled",
            "enabled",
            "rotated",
            "ended by use",
            "commands",
            "ambushed",
        ];
        deeds.into_iter().chain(["200", "401", "403", "503"]).for_each(seen);
        calm(nodes, &judge);
        assert_eq!(judge.violations(), [""; 0]);
        assert_eq!(command(shell, database_url, &["audit", "verify"])["sound"], true);
        nodes.iter().for_each(Node::stop);
    }
}

/// Sets flags when it goes.
struct Ends<'a>(&'a [&'a AtomicBool]);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|flag| flag.store(true, Ordering::Relaxed));
    }
}

/// Each disturbance once, in any order, each on any server, with a short calm after it.
fn disturb_all(
    nodes: &[Node],
    kinds: &[Disturbance],
    judge: &Judge,
    dice: &mut Dice,
    well: impl Fn() -> bool,
) {
    let mut left = kinds.to_vec();
    while !left.is_empty() && well() {
        let kind = left.swap_remove(dice.below(left.len()));
        let node = dice.pick(nodes);
        judge.note(&format!("{kind:?} on server {}", node.number));
        node.disturb(kind, judge, dice);
        judge.count(&kind.name());
        node.wait_until_ready();
        let (deleted, passed) = (judge.counted("deleted"), judge.counted("200"));
        judge.note(&format!("calm; {deleted} deleted, {passed} times let in"));
        std::thread::sleep(Duration::from_millis(500 + dice.below(1000) as u64));
    }
}

/// Nothing disturbs any more: what lives works everywhere, what is dead is dead everywhere, by its proper answer.
fn calm(nodes: &[Node], judge: &Judge) {
    nodes.iter().for_each(Node::wait_until_ready);
    // Deaths that nobody answered for are sure by then.
    let sure = |secret: &Arc<Secret>| !matches!(secret.state(), State::Dead { since, by_clock: false, .. } if since > Instant::now());
    eventually("all deaths are sure", Duration::from_secs(10), || judge.secrets().iter().all(sure));
    // First those whose use may end another.
    let (ending, others): (Vec<_>, Vec<_>) =
        judge.secrets().into_iter().partition(|secret| secret.has_predecessor());
    let (mut live, mut dead) = (0, 0);
    for secrets in [ending, others] {
        for node in nodes {
            let replies = try_all(node, judge, &secrets).unwrap();
            for (secret, reply) in secrets.iter().zip(&replies) {
                match expected(secret, reply) {
                    Some(true) => live += 1,
                    Some(false) => dead += 1,
                    None => {}
                }
            }
        }
    }
    println!("in the end {live} answers were 200, {dead} were refusals as expected");
    assert!(live > 0 && dead > 0);
}

/// Whether a secret lives, where that is known; fails where the answer says otherwise.
fn expected(secret: &Secret, reply: &Reply) -> Option<bool> {
    let name = secret.text.get(..16).unwrap_or_default();
    match secret.state() {
        State::Unsure => None,
        State::Live => {
            assert_eq!((reply.status, reply.code.as_str()), (200, ""), "{name} lives");
            Some(true)
        }
        // Its end lies in the future of some clocks.
        State::Dead { since, .. } if since > Instant::now() => None,
        State::Dead { code, by_clock, .. } => {
            let why = format!("{code}, by a clock: {by_clock}");
            assert!(reply.status == 401 || reply.status == 403, "{name} is dead ({why}): {}", reply.status);
            // A secret whose successor was used is gone whatever else was done to the key.
            assert!(reply.code == code || reply.code == GONE, "{name}: {} is not {code}", reply.code);
            Some(false)
        }
    }
}

fn admin_key(shell: &Path, database_url: Option<&str>) -> String {
    let made = command(shell, database_url, &["keys", "create", "--name", "operators", "--role", "admin"]);
    made["key"].as_str().unwrap().to_owned()
}

/// Makes many keys at once.
fn seed_keys(
    count: usize,
    judge: &Judge,
    node: &Node,
    admin: &str,
    shell: &Path,
    database_url: Option<&str>,
) -> Vec<(Value, Arc<Secret>)> {
    let made = command(shell, database_url, &["bench-seed", "--keys", &count.to_string()]);
    let client = Client { address: node.address(), document: None };
    let listed = client.get("/v2/api-keys?pageSize=1000").key(admin).expect(200).json();
    let shown: HashMap<&str, &Value> = listed["apiKeys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shown| (shown["id"].as_str().unwrap(), shown))
        .collect();
    let secrets = made["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
    secrets.map(|secret| (shown[&secret[4..16]].clone(), judge.add(secret, None))).collect()
}

fn command(shell: &Path, database_url: Option<&str>, arguments: &[&str]) -> Value {
    let url = database_url.map(|url| ["--database-url", url]);
    let arguments: Vec<&str> = arguments.iter().copied().chain(url.iter().flatten().copied()).collect();
    crate::support::run_on(shell, &arguments).json()
}
