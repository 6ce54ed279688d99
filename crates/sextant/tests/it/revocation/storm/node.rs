//! One server of the storm, and what is done to it.

use super::judge::{Asked, Judge};
use super::load::{Line, try_all};
use crate::revocation::LEASE;
use crate::revocation::wire::{CUT, OPEN, SILENT, Wire};
use crate::site::{ADMIN, PASSWORD, eventually};
use crate::support::Server;
use crate::support::client::get;
use crate::support::clock::WallClock;
use crate::support::dice::Dice;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, RwLock};
use std::time::{Duration, Instant};

pub(super) struct Node {
    pub(super) number: usize,
    data: PathBuf,
    database_url: Option<String>,
    wire: Option<Wire>,
    clock: WallClock,
    /// Odd while the clock is behind.
    skew: AtomicU64,
    address: RwLock<SocketAddr>,
    server: Mutex<Option<Server>>,
}

/// How often the clock was put back and put right again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Skew(u64);

impl Skew {
    pub(super) fn is_steady(self) -> bool {
        self.0.is_multiple_of(2)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disturbance {
    Stop,
    Kill,
    Cut,
    Silence,
    ClockBack,
    ClockForward,
}

impl Disturbance {
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }
}

/// Longer than a lease, with what those who wait add to it.
const LONG: Duration = Duration::from_millis(6_500);

impl Node {
    /// Starts a server, behind a wire of its own where there is a server to speak to.
    pub(super) fn start(number: usize, data: &Path, database_url: Option<&str>) -> Self {
        let (database_url, wire) = database_url.map(Wire::to).unzip();
        let node = Self {
            number,
            data: data.to_owned(),
            database_url,
            wire,
            clock: WallClock::new(&data.with_extension("clock")),
            skew: AtomicU64::new(0),
            address: RwLock::new(([127, 0, 0, 1], 0).into()),
            server: Mutex::default(),
        };
        node.serve();
        node
    }

    fn serve(&self) {
        let flags: Vec<&str> =
            self.database_url.iter().flat_map(|url| ["--database-url", url.as_str()]).collect();
        let server = Server::start_with(&self.data, &flags, |command| {
            command.env("SEXTANT_ADMIN_EMAIL", ADMIN).env("SEXTANT_ADMIN_PASSWORD", PASSWORD);
            self.clock.give_to(command);
        });
        *self.address.write().unwrap() = server.address;
        *self.server.lock().unwrap() = Some(server);
    }

    pub(super) fn address(&self) -> SocketAddr {
        *self.address.read().unwrap()
    }

    pub(super) fn skew(&self) -> Skew {
        Skew(self.skew.load(Ordering::SeqCst))
    }

    /// What can be done to it.
    pub(super) fn disturbances(&self) -> Vec<Disturbance> {
        use Disturbance::{ClockBack, ClockForward, Cut, Kill, Silence, Stop};
        let mut all = vec![Stop, Kill, ClockBack, ClockForward];
        if self.wire.is_some() {
            all.extend([Cut, Silence]);
        }
        all
    }

    pub(super) fn wait_until_ready(&self) {
        eventually("ready again", Duration::from_secs(30), || {
            get(self.address(), "/readyz", None).status == 200
        });
    }

    fn signal(&self, name: &str) {
        self.server.lock().unwrap().as_ref().expect("it runs").signal(name);
    }

    /// Stops it as an operator would.
    pub(super) fn stop(&self) {
        let server = self.server.lock().unwrap().take().expect("it runs");
        assert_eq!(server.stop().0.code(), Some(0), "a clean stop");
    }

    pub(super) fn disturb(&self, how: Disturbance, judge: &Judge, dice: &mut Dice) {
        let hours = i32::try_from(dice.below(6)).unwrap() + 1;
        match how {
            Disturbance::Stop => {
                self.signal("STOP");
                std::thread::sleep(LONG);
                self.wake_into_an_ambush(judge);
            }
            Disturbance::Kill => {
                let mut server = self.server.lock().unwrap().take().expect("it runs");
                server.signal("KILL");
                server.wait();
                std::thread::sleep(Duration::from_millis(dice.below(500) as u64));
                self.serve();
            }
            Disturbance::Cut => {
                self.set_wire(CUT);
                std::thread::sleep(LEASE);
                self.set_wire(OPEN);
            }
            Disturbance::Silence => {
                self.set_wire(SILENT);
                std::thread::sleep(LEASE);
                // What was silent has lost what was said: those connections are of no more use.
                self.set_wire(CUT);
                self.set_wire(OPEN);
            }
            Disturbance::ClockBack => {
                self.skew.fetch_add(1, Ordering::SeqCst);
                self.set_clock(-hours, judge);
                self.set_clock(0, judge);
                self.skew.fetch_add(1, Ordering::SeqCst);
            }
            Disturbance::ClockForward => {
                self.set_clock(hours, judge);
                self.set_clock(0, judge);
            }
        }
    }

    fn set_wire(&self, state: u8) {
        self.wire.as_ref().expect("there is a wire").set(state);
    }

    /// Sets the clock and looks at once whether that has brought anything back.
    fn set_clock(&self, hours: i32, judge: &Judge) {
        self.clock.set_hours(hours);
        if try_all(self, judge, &judge.lately_dead(96)).is_err() {
            judge.count("unanswered");
        }
        std::thread::sleep(Duration::from_millis(1500));
    }

    /// While it was stopped, keys died. The first requests that it finds when it goes on are made with them.
    fn wake_into_an_ambush(&self, judge: &Judge) {
        let (dead, sent) = (judge.lately_dead(64), Instant::now());
        // The system takes connections and requests for a process that is stopped.
        let mut lines: Vec<_> = dead
            .chunks(8)
            .map(|part| {
                let mut line = Line::open(self.address()).unwrap();
                line.send(part).unwrap();
                (line, part)
            })
            .collect();
        self.signal("CONT");
        for (line, part) in &mut lines {
            for secret in *part {
                let reply = line.receive().unwrap();
                let steady = self.skew().is_steady();
                judge.hear(secret, Asked { server: self.number, sent, steady }, &reply);
                judge.count("ambushed");
            }
        }
    }
}
