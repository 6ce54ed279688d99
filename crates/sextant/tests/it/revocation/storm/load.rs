//! Those who use the keys, all the time, on every server.

use super::judge::{Asked, Judge, Secret};
use super::node::Node;
use crate::support::dice::Dice;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SCHEMA: &str = "/v2/developers/schema";
/// Longer than a server is ever stopped.
const LIMIT: Duration = Duration::from_secs(15);
const BATCH: usize = 4;

/// What was answered.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) code: String,
}

/// A connection that is kept open, and on which several questions may be under way.
pub(super) struct Line {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Line {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    /// Asks with each of these secrets, without waiting.
    pub(super) fn send(&mut self, secrets: &[Arc<Secret>]) -> io::Result<()> {
        let mut requests = String::new();
        for secret in secrets {
            requests.push_str(&format!(
                "GET {SCHEMA} HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\n\r\n",
                self.address, secret.text
            ));
        }
        self.stream.get_mut().write_all(requests.as_bytes())
    }

    /// Waits for the next answer.
    pub(super) fn receive(&mut self) -> io::Result<Reply> {
        let malformed = || io::Error::other("not an answer");
        let status =
            self.line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            match line.split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().map_err(|_| malformed())?,
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let code = if status == 200 { String::new() } else { code(&body) };
        Ok(Reply { status, code })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(io::Error::other("the connection ended"));
        }
        Ok(line.trim_end().to_owned())
    }
}

fn code(body: &[u8]) -> String {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

/// Uses keys on one server until it is over.
pub(super) fn run(node: &Node, judge: &Judge, mut dice: Dice, over: &AtomicBool) {
    let mut line = None;
    while !over.load(Ordering::Relaxed) {
        let chosen = choose(judge, &mut dice);
        if chosen.is_empty() || ask(node, judge, &mut line, &chosen).is_err() {
            line = None;
            std::thread::sleep(Duration::from_millis(30));
        }
        // The servers must have time for everything else.
        std::thread::sleep(Duration::from_millis(8));
    }
}

fn ask(node: &Node, judge: &Judge, line: &mut Option<Line>, chosen: &[Arc<Secret>]) -> io::Result<()> {
    let line = match line {
        Some(line) => line,
        None => line.insert(Line::open(node.address())?),
    };
    let (before, sent) = (node.skew(), Instant::now());
    line.send(chosen)?;
    for secret in chosen {
        let Ok(reply) = line.receive() else {
            judge.count("unanswered");
            return Err(io::Error::other("unanswered"));
        };
        let steady = before.is_steady() && before == node.skew();
        judge.hear(secret, Asked { server: node.number, sent, steady }, &reply);
    }
    Ok(())
}

/// Mostly secrets that have just come or just gone.
fn choose(judge: &Judge, dice: &mut Dice) -> Vec<Arc<Secret>> {
    let secrets = match dice.below(4) {
        0 => judge.latest(32),
        1 | 2 => judge.lately_dead(16),
        _ => judge.secrets(),
    };
    if secrets.is_empty() {
        return Vec::new();
    }
    (0..BATCH).map(|_| dice.pick(&secrets).clone()).collect()
}

/// Asks once with each secret and hears every answer, or says why not.
pub(super) fn try_all(node: &Node, judge: &Judge, secrets: &[Arc<Secret>]) -> io::Result<Vec<Reply>> {
    let mut replies = Vec::new();
    for part in secrets.chunks(32) {
        let mut line = Line::open(node.address())?;
        let sent = Instant::now();
        line.send(part)?;
        for secret in part {
            let reply = line.receive()?;
            let steady = node.skew().is_steady();
            judge.hear(secret, Asked { server: node.number, sent, steady }, &reply);
            replies.push(reply);
        }
    }
    Ok(replies)
}
