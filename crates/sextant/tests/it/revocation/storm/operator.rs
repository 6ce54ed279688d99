//! Those who make keys and take power away from them, through whichever server, or by the command line beside them.

use super::judge::{DISABLED, EXPIRED, GONE, Judge, Secret};
use super::node::Node;
use crate::revocation::LEASE;
use crate::site::Client;
use crate::support::dice::Dice;
use crate::support::sextant;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Longer than the clocks are ever wrong.
const LONG_OVERLAP: u32 = 20 * 24 * 3600;

/// What all operators share.
pub(super) struct Office<'a> {
    pub(super) nodes: &'a [Node],
    pub(super) judge: &'a Judge,
    /// An Admin key.
    pub(super) admin: String,
    /// Where the command line works.
    pub(super) shell: PathBuf,
    pub(super) database_url: Option<String>,
    /// How many of a hundred calls are commands.
    pub(super) commands: usize,
    /// Keys to begin with, shared out among the operators, as they are shown; each with its secret.
    pub(super) seeded: Vec<(Value, Arc<Secret>)>,
    pub(super) operators: usize,
    pub(super) over: AtomicBool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Live,
    Disabled,
    /// It can only be deleted: it was narrowed, or its secret was in an answer that did not come.
    Spent,
    Gone,
}

/// A key as its operator knows it.
struct Owned {
    id: String,
    current: Arc<Secret>,
    /// The one before, while it lives for longer than the clocks are ever wrong.
    former: Option<Arc<Secret>>,
    /// Those before that only a clock ends.
    fading: Vec<Arc<Secret>>,
    stage: Stage,
    /// As it was last shown.
    shown: Value,
}

impl Owned {
    fn new(shown: Value, current: Arc<Secret>) -> Self {
        let id = text(&shown["id"]).to_owned();
        Self { id, current, former: None, fading: Vec::new(), stage: Stage::Live, shown }
    }

    fn secrets(&self) -> impl Iterator<Item = &Arc<Secret>> {
        std::iter::once(&self.current).chain(&self.former)
    }

    fn deleted(&mut self) {
        for secret in self.secrets().chain(&self.fading) {
            secret.dies(GONE);
        }
        self.stage = Stage::Gone;
    }
}

/// What became of a call.
enum Outcome {
    Done(Value),
    Refused(u16),
    /// Unanswered, or answered with "cannot tell".
    Unknown,
}

/// Works until it is over.
pub(super) fn run(office: &Office<'_>, number: usize, mut dice: Dice) {
    let own = office.seeded.iter().skip(number).step_by(office.operators);
    let keys: Vec<Owned> = own.map(|(shown, secret)| Owned::new(shown.clone(), secret.clone())).collect();
    let mut operator = Operator { office, number, made: 0, population: keys.len(), keys };
    while !office.over.load(Ordering::Relaxed) {
        operator.act(&mut dice);
    }
}

struct Operator<'a> {
    office: &'a Office<'a>,
    number: usize,
    made: usize,
    /// How many keys it has at a time.
    population: usize,
    keys: Vec<Owned>,
}

impl Operator<'_> {
    fn act(&mut self, dice: &mut Dice) {
        if self.keys.len() < self.population {
            return self.create(dice);
        }
        let mut key = self.keys.swap_remove(dice.below(self.keys.len()));
        match (key.stage, dice.below(100)) {
            (Stage::Live, 45..) => self.change(&mut key, dice),
            (Stage::Disabled, 50..) => self.enable(&mut key, dice),
            _ => self.delete(&mut key, dice),
        }
        if key.stage != Stage::Gone {
            self.keys.push(key);
        }
    }

    fn change(&self, key: &mut Owned, dice: &mut Dice) {
        let current = key.current.clone();
        match dice.below(10) {
            0 => self.narrow_scopes(key, dice),
            1 => self.narrow_networks(key, dice),
            2 => self.narrow_expiry(key, dice),
            3 | 4 => self.disable(key, dice),
            5 | 6 => self.rotate(key, &current, dice, &Overlap::None),
            7 => self.rotate(key, &current, dice, &Overlap::Long),
            8 => self.rotate(key, &current, dice, &Overlap::Short),
            _ => self.rotate(key, &current, dice, &Overlap::UntilUsed),
        }
    }

    fn create(&mut self, dice: &mut Dice) {
        self.made += 1;
        let name = format!("operator {} key {}", self.number, self.made);
        let outcome = if dice.percent(self.office.commands) {
            self.command(&["keys", "create", "--name", &name, "--role", "ingestion"])
        } else {
            let expiry = dice.percent(30).then(|| time(SystemTime::now() + Duration::from_hours(240)));
            self.send("POST", "", &json!({"name": name, "role": "INGESTION", "expiresAt": expiry}), dice)
        };
        match outcome {
            Outcome::Done(made) => {
                let secret = self.office.judge.add(text(&made["key"]), None);
                self.keys.push(Owned::new(made["apiKey"].clone(), secret));
                self.office.judge.count("created");
            }
            // Its secret was never seen.
            Outcome::Unknown => {}
            Outcome::Refused(status) => panic!("{name} was refused with {status}"),
        }
    }

    fn delete(&self, key: &mut Owned, dice: &mut Dice) {
        let outcome = if dice.percent(self.office.commands) {
            self.command(&["keys", "delete", &key.id, "--yes"])
        } else {
            self.send("DELETE", &key.id, &Value::Null, dice)
        };
        match outcome {
            Outcome::Done(_) => {
                key.deleted();
                self.office.judge.count("deleted");
            }
            // Gone since a deletion that was not answered.
            Outcome::Refused(404) | Outcome::Unknown => self.learn(key, dice),
            Outcome::Refused(status) => panic!("a deletion was refused with {status}"),
        }
    }

    fn narrow_scopes(&self, key: &mut Owned, dice: &mut Dice) {
        let body = json!({"scopes": ["ingestion:write"]});
        self.narrow(key, &body, dice, |secret| secret.dies("PERMISSION_DENIED"));
    }

    fn narrow_networks(&self, key: &mut Owned, dice: &mut Dice) {
        let body = json!({"allowedCidrs": ["192.0.2.0/24"]});
        self.narrow(key, &body, dice, |secret| secret.dies("ADDRESS_NOT_ALLOWED"));
    }

    fn narrow_expiry(&self, key: &mut Owned, dice: &mut Dice) {
        let end = SystemTime::now() + Duration::from_millis(500 + dice.below(2000) as u64);
        self.narrow(key, &json!({"expiresAt": time(end)}), dice, |secret| secret.dies_by_clock(end, EXPIRED));
    }

    fn narrow(&self, key: &mut Owned, body: &Value, dice: &mut Dice, end: impl Fn(&Secret)) {
        match self.send("PATCH", &key.id, body, dice) {
            Outcome::Done(answer) => {
                key.secrets().for_each(|secret| end(secret));
                key.shown = answer["apiKey"].clone();
                key.stage = Stage::Spent;
                self.office.judge.count("narrowed");
            }
            // By the clock of that server the moment had passed.
            Outcome::Refused(400) => {}
            Outcome::Refused(status) => panic!("narrowing was refused with {status}"),
            Outcome::Unknown => self.learn(key, dice),
        }
    }

    fn disable(&self, key: &mut Owned, dice: &mut Dice) {
        match self.send("PATCH", &key.id, &json!({"enabled": false}), dice) {
            Outcome::Done(answer) => {
                key.secrets().for_each(|secret| secret.dies(DISABLED));
                key.shown = answer["apiKey"].clone();
                key.stage = Stage::Disabled;
                self.office.judge.count("disabled");
            }
            Outcome::Unknown => self.learn(key, dice),
            Outcome::Refused(status) => panic!("disabling was refused with {status}"),
        }
    }

    fn enable(&self, key: &mut Owned, dice: &mut Dice) {
        key.secrets().for_each(|secret| secret.may_live());
        match self.send("PATCH", &key.id, &json!({"enabled": true}), dice) {
            Outcome::Done(answer) => {
                key.shown = answer["apiKey"].clone();
                key.stage = Stage::Live;
                self.office.judge.count("enabled");
            }
            // A server that was stopped can still do it when it goes on, whatever is read until then.
            Outcome::Unknown => {
                key.secrets().for_each(|secret| secret.is_unsure());
                key.stage = Stage::Spent;
                self.office.judge.count("unknown");
            }
            Outcome::Refused(status) => panic!("enabling was refused with {status}"),
        }
    }

    fn rotate(&self, key: &mut Owned, current: &Arc<Secret>, dice: &mut Dice, overlap: &Overlap) {
        let by_command = matches!(overlap, Overlap::None) && dice.percent(self.office.commands);
        let outcome = if by_command {
            self.command(&["keys", "rotate", &key.id, "--yes"])
        } else {
            self.send("POST", &format!("{}/rotate", key.id), &overlap.body(), dice)
        };
        match outcome {
            Outcome::Done(made) => {
                // The one before the last dies whatever was asked for.
                if let Some(former) = key.former.take() {
                    former.dies(GONE);
                }
                key.fading.drain(..).for_each(|former| former.dies(GONE));
                match overlap {
                    Overlap::None => current.dies(GONE),
                    Overlap::Short => {
                        // Waiting for all servers can take longer than the overlap; then nobody says when it ended.
                        match &made["apiKey"]["previousValidUntil"] {
                            Value::Null => current.is_unsure(),
                            end => current.dies_by_clock(read_time(end), GONE),
                        }
                        key.fading.push(current.clone());
                    }
                    Overlap::Long | Overlap::UntilUsed => key.former = Some(current.clone()),
                }
                let predecessor = matches!(overlap, Overlap::UntilUsed).then(|| current.clone());
                key.current = self.office.judge.add(text(&made["key"]), predecessor);
                key.shown = made["apiKey"].clone();
                self.office.judge.count("rotated");
            }
            Outcome::Unknown => self.learn(key, dice),
            Outcome::Refused(status) => panic!("a rotation was refused with {status}"),
        }
    }

    /// After a call of which nobody knows what it did: asks what is so now.
    fn learn(&self, key: &mut Owned, dice: &mut Dice) {
        self.office.judge.count("unknown");
        // What was under way to the database when the connection ended arrives meanwhile.
        std::thread::sleep(Duration::from_millis(300));
        let shown = loop {
            match self.send("GET", &key.id, &Value::Null, dice) {
                Outcome::Done(shown) => break Some(shown),
                Outcome::Refused(404) => break None,
                Outcome::Refused(status) => panic!("reading was refused with {status}"),
                Outcome::Unknown => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        // Nobody waited until all servers knew it: for as long as a lease lasts one may not.
        let everywhere = Instant::now() + LEASE;
        let Some(shown) = shown else {
            key.secrets().for_each(|secret| secret.dies_at(everywhere, GONE));
            key.stage = Stage::Gone;
            self.office.judge.count("found gone");
            return;
        };
        self.compare(key, shown["apiKey"].clone(), everywhere);
    }

    /// Counts what a call took away that was not answered: from the moment at which it must be so everywhere.
    fn compare(&self, key: &mut Owned, shown: Value, everywhere: Instant) {
        let before = std::mem::replace(&mut key.shown, shown);
        let shown = &key.shown;
        if shown["rotatedAt"] != before["rotatedAt"] {
            // The new secret was in the answer that did not come.
            key.former.iter().for_each(|former| former.dies_at(everywhere, GONE));
            match &shown["previousValidUntil"] {
                Value::Null => key.current.dies_at(everywhere, GONE),
                _ => key.current.is_unsure(),
            }
            key.stage = Stage::Spent;
            self.office.judge.count("found rotated");
        } else if shown["enabled"] == false || shown["status"] == "DISABLED" {
            key.secrets().for_each(|secret| secret.dies_at(everywhere, DISABLED));
            key.stage = Stage::Disabled;
            self.office.judge.count("found disabled");
        } else if shown["allowedCidrs"] != before["allowedCidrs"] || shown["scopes"] != before["scopes"] {
            let narrower = shown["scopes"] != before["scopes"];
            let code = if narrower { "PERMISSION_DENIED" } else { "ADDRESS_NOT_ALLOWED" };
            key.secrets().for_each(|secret| secret.dies_at(everywhere, code));
            key.stage = Stage::Spent;
            self.office.judge.count("found narrowed");
        } else if shown["expiresAt"] != before["expiresAt"] {
            key.secrets().for_each(|secret| secret.is_unsure());
            key.stage = Stage::Spent;
        } else if key.stage == Stage::Disabled {
            key.stage = Stage::Live;
        }
    }

    fn send(&self, method: &str, path: &str, body: &Value, dice: &mut Dice) -> Outcome {
        let node = dice.pick(self.office.nodes);
        let client = Client { address: node.address(), document: None };
        let path = format!("/v2/api-keys/{path}");
        let mut call = client.call(method, path.trim_end_matches('/')).key(&self.office.admin);
        if !body.is_null() {
            call = call.json(body);
        }
        match call.try_send() {
            Ok(answer) if answer.status < 300 => {
                Outcome::Done(serde_json::from_slice(&answer.body).unwrap_or_default())
            }
            Ok(answer) if (400..500).contains(&answer.status) && answer.status != 401 => {
                Outcome::Refused(answer.status)
            }
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{method} {path}: {}", answer.text());
                Outcome::Unknown
            }
            Err(_) => Outcome::Unknown,
        }
    }

    fn command(&self, arguments: &[&str]) -> Outcome {
        let mut command = sextant(arguments);
        command.args(["--output", "json"]).arg("--data").arg(&self.office.shell);
        if let Some(url) = &self.office.database_url {
            command.args(["--database-url", url]);
        }
        let output = command.output().unwrap();
        if output.status.success() {
            self.office.judge.count("commands");
            return Outcome::Done(serde_json::from_slice(&output.stdout).unwrap_or_default());
        }
        Outcome::Unknown
    }
}

enum Overlap {
    None,
    Short,
    Long,
    UntilUsed,
}

impl Overlap {
    fn body(&self) -> Value {
        match self {
            Self::None => json!({}),
            Self::Short => json!({"overlapSeconds": 3}),
            Self::Long => json!({"overlapSeconds": LONG_OVERLAP}),
            Self::UntilUsed => json!({"overlapSeconds": LONG_OVERLAP, "endOverlapOnFirstUse": true}),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}"))
}

/// A time as the interface writes it.
fn time(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    sextant_core::time::Time::from_micros(i64::try_from(since.as_micros()).unwrap()).to_string()
}

fn read_time(value: &Value) -> SystemTime {
    let micros = sextant_core::time::Time::parse(text(value)).unwrap().micros();
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap())
}
