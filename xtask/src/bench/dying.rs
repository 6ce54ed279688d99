//! Verification while other keys die, a hundred a second, beside verification while none does.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::ending::end;
use super::fleet::{Fleet, KEYS};
use super::http::Connection;
use super::load::{self, Load, Round, Shape};
use super::subjects::SCHEMA;

/// So many ask at once for the end of keys: each waits for its answer, which takes as long as the fence.
const CALLERS: usize = 16;

#[derive(Default)]
pub(super) struct Dying {
    pub(super) calm: Vec<Round>,
    pub(super) deadly: Vec<Round>,
    /// How many died, a second, in each round.
    pub(super) rates: Vec<f64>,
}

/// Puts load on the first server while keys are ended through the last one; rounds with and without take turns.
pub(super) fn measure(fleet: &Fleet, rounds: usize, shape: Shape, rate: u32, folder: &Path) -> Result<Dying> {
    let (server, address) = &fleet.servers[0];
    let load =
        Load { url: format!("http://{address}{SCHEMA}"), keys: Some(fleet.sample.clone()), refused: false };
    load::measure(server, &load, Shape { seconds: 1, ..shape }, folder)?;
    let spare = Mutex::new(fleet.spare.clone());
    let mut result = Dying::default();
    for _ in 0..rounds {
        result.calm.push(load::measure(server, &load, shape, folder)?);
        let (over, ended) = (AtomicBool::new(false), AtomicUsize::new(0));
        let began = Instant::now();
        let round = thread::scope(|scope| {
            let callers: Vec<_> = (0..CALLERS)
                .map(|number| {
                    let pace = Pace { began, number, rate };
                    let (at, by) = (fleet.address(fleet.servers.len() - 1), fleet.admin.as_str());
                    let (spare, over, ended) = (&spare, &over, &ended);
                    scope.spawn(move || end_keys(at, by, &pace, spare, over, ended))
                })
                .collect();
            let round = load::measure(server, &load, shape, folder);
            over.store(true, Ordering::Relaxed);
            for caller in callers {
                caller.join().ok().context("a caller panicked")??;
            }
            round
        })?;
        result.rates.push(f64::from(u32::try_from(ended.into_inner())?) / began.elapsed().as_secs_f64());
        result.deadly.push(round);
    }
    Ok(result)
}

/// When one of the callers has to ask, so that all together ask so often a second.
struct Pace {
    began: Instant,
    number: usize,
    rate: u32,
}

impl Pace {
    fn turn(&self, turn: usize) -> Instant {
        let place = u32::try_from(turn * CALLERS + self.number).unwrap_or(u32::MAX);
        self.began + Duration::from_secs(1) * place / self.rate
    }
}

fn end_keys(
    at: SocketAddr,
    by: &str,
    pace: &Pace,
    spare: &Mutex<Vec<String>>,
    over: &AtomicBool,
    ended: &AtomicUsize,
) -> Result<()> {
    let mut connection = Connection::open(at)?;
    for turn in 0.. {
        thread::sleep(pace.turn(turn).saturating_duration_since(Instant::now()));
        if over.load(Ordering::Relaxed) {
            break;
        }
        let id = spare.lock().ok().and_then(|mut spare| spare.pop());
        ensure!(id.is_some(), "there are no keys left to end");
        end(&mut connection, &format!("{KEYS}/{}", id.unwrap_or_default()), by)?;
        ended.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_take_turns_at_the_rate() {
        let began = Instant::now();
        let turn = |number, turn| Pace { began, number, rate: 100 }.turn(turn) - began;
        assert_eq!(turn(0, 0), Duration::ZERO);
        assert_eq!(turn(1, 0), Duration::from_millis(10));
        assert_eq!(turn(0, 1), Duration::from_millis(160));
    }
}
