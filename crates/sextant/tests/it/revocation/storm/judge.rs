//! What each secret may still do, and what was answered to it.
//!
//! A secret counts as dead from the moment at which the call that took its power away had returned. A request sent after
//! that moment must not succeed, whichever server it was sent to. A call that was not answered proves nothing.

use super::load::Reply;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime};

/// What is known of a secret.
#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    /// It works; or a call that may have ended it is under way or was not answered.
    Live,
    /// Nobody knows, and nobody will.
    Unsure,
    /// It is dead since then, and this is what is answered to it.
    Dead { since: Instant, code: &'static str, by_clock: bool },
}

/// One secret of a key.
pub(super) struct Secret {
    pub(super) text: String,
    state: Mutex<State>,
    /// The secret that dies when this one is used for the first time.
    predecessor: Option<Arc<Secret>>,
    /// Per server: since when it has refused this as expired. It must stay with that, whatever its clock.
    expired: Mutex<Vec<Option<Instant>>>,
}

pub(super) const GONE: &str = "INVALID_API_KEY";
pub(super) const DISABLED: &str = "API_KEY_DISABLED";
pub(super) const EXPIRED: &str = "API_KEY_EXPIRED";

impl Secret {
    pub(super) fn state(&self) -> State {
        *self.state.lock().unwrap()
    }

    /// The call that ended it has returned in this moment.
    pub(super) fn dies(&self, code: &'static str) {
        self.dies_at(Instant::now(), code);
    }

    /// It was found dead, and the call that ended it was not answered: by then at the latest it is dead everywhere.
    pub(super) fn dies_at(&self, since: Instant, code: &'static str) {
        let mut state = self.state.lock().unwrap();
        match *state {
            State::Dead { since: before, by_clock: false, .. } if before <= since => {
                // What was dead for another reason before is dead for longer; what is gone is gone.
                if let State::Dead { code: known, .. } = &mut *state
                    && *known != GONE
                {
                    *known = code;
                }
            }
            _ => *state = State::Dead { since, code, by_clock: false },
        }
    }

    /// It ends at a time of day, which a server with a slow clock sees later.
    pub(super) fn dies_by_clock(&self, end: SystemTime, code: &'static str) {
        // Both clocks are read at some distance from each other, and servers count in milliseconds.
        let left = end.duration_since(SystemTime::now()).unwrap_or_default() + Duration::from_millis(10);
        let mut state = self.state.lock().unwrap();
        if matches!(*state, State::Live | State::Unsure) {
            *state = State::Dead { since: Instant::now() + left, code, by_clock: true };
        }
    }

    /// A call that gives it its power back is about to be sent.
    pub(super) fn may_live(&self) {
        let mut state = self.state.lock().unwrap();
        if matches!(*state, State::Dead { code, .. } if code != GONE) {
            *state = State::Live;
        }
    }

    /// What an unanswered call did to it cannot be told from what is shown.
    pub(super) fn is_unsure(&self) {
        let mut state = self.state.lock().unwrap();
        if matches!(*state, State::Live) {
            *state = State::Unsure;
        }
    }

    pub(super) fn has_predecessor(&self) -> bool {
        self.predecessor.is_some()
    }
}

/// Where and when something was asked.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) server: usize,
    pub(super) sent: Instant,
    /// The server's clock was not behind, neither before nor after.
    pub(super) steady: bool,
}

/// Watches over all secrets.
pub(super) struct Judge {
    began: Instant,
    secrets: RwLock<Vec<Arc<Secret>>>,
    servers: usize,
    violations: Mutex<Vec<String>>,
    tally: Mutex<BTreeMap<String, usize>>,
}

impl Judge {
    pub(super) fn new(servers: usize) -> Self {
        Self {
            began: Instant::now(),
            secrets: RwLock::default(),
            servers,
            violations: Mutex::default(),
            tally: Mutex::default(),
        }
    }

    /// A new secret, which works.
    pub(super) fn add(&self, text: &str, predecessor: Option<Arc<Secret>>) -> Arc<Secret> {
        let secret = Arc::new(Secret {
            text: text.to_owned(),
            state: Mutex::new(State::Live),
            predecessor,
            expired: Mutex::new(vec![None; self.servers]),
        });
        self.secrets.write().unwrap().push(secret.clone());
        secret
    }

    pub(super) fn count(&self, what: &str) {
        *self.tally.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }

    pub(super) fn counted(&self, what: &str) -> usize {
        self.tally.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    pub(super) fn tally(&self) -> BTreeMap<String, usize> {
        self.tally.lock().unwrap().clone()
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.violations.lock().unwrap().clone()
    }

    pub(super) fn secrets(&self) -> Vec<Arc<Secret>> {
        self.secrets.read().unwrap().clone()
    }

    /// The secrets that were added last, dead or alive.
    pub(super) fn latest(&self, count: usize) -> Vec<Arc<Secret>> {
        let secrets = self.secrets.read().unwrap();
        secrets[secrets.len().saturating_sub(count)..].to_vec()
    }

    /// Those that died last: where a mistake would show.
    pub(super) fn lately_dead(&self, count: usize) -> Vec<Arc<Secret>> {
        let since = |secret: &Arc<Secret>| match secret.state() {
            State::Dead { since, .. } if since <= Instant::now() => Some((since, secret.clone())),
            _ => None,
        };
        let mut dead: Vec<_> = self.secrets.read().unwrap().iter().filter_map(since).collect();
        dead.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
        dead.into_iter().take(count).map(|(_, secret)| secret).collect()
    }

    fn violation(&self, secret: &Secret, asked: Asked, what: &str) {
        let name = secret.text.get(..16).unwrap_or_default();
        let at = self.began.elapsed();
        self.violations
            .lock()
            .unwrap()
            .push(format!("{name} on server {} at {at:.3?}: {what}", asked.server));
    }

    /// Says what happened when: only a failed test shows it.
    pub(super) fn note(&self, what: &str) {
        println!("{:.3?}: {what}", self.began.elapsed());
    }

    /// Judges one answer.
    pub(super) fn hear(&self, secret: &Secret, asked: Asked, reply: &Reply) {
        self.count(&reply.status.to_string());
        let mut expired = secret.expired.lock().unwrap();
        let expired = &mut expired[asked.server];
        match reply.status {
            200 => {
                if let Some(old) = &secret.predecessor {
                    // Its use has ended the old secret, before this was answered.
                    if matches!(old.state(), State::Live) {
                        self.count("ended by use");
                    }
                    old.dies(GONE);
                }
                if let State::Dead { since, code, by_clock } = secret.state()
                    && asked.sent > since
                    && (asked.steady || !by_clock)
                {
                    let late = asked.sent - since;
                    self.violation(secret, asked, &format!("opened {late:?} after its end ({code})"));
                }
                if expired.is_some_and(|since| asked.sent > since) {
                    self.violation(secret, asked, "opened after it was refused as expired there");
                }
            }
            401 if reply.code == EXPIRED => {
                expired.get_or_insert_with(Instant::now);
            }
            401 | 403 | 503 => {}
            status => self.violation(secret, asked, &format!("was answered {status} {}", reply.code)),
        }
    }
}
