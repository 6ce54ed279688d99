//! A server that is killed at any step of a deletion: afterwards the key is untouched and the call unanswered, or it is
//! gone for good.
//!
//! `strace` kills it when one of its threads is about to make its first call of a kind, its second, and so on, until the
//! deletion is answered before that many came.
#![expect(clippy::print_stdout, reason = "a failed run says what it killed")]

use crate::site::{Ground, Session, Site};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What leaves something behind, in files and on connections. `write` is not among them: most are wake-ups between
/// threads, and before and after those into files stands one of the others.
const CALLS: [&str; 9] =
    ["pwrite64", "fsync", "fdatasync", "openat", "rename", "ftruncate", "unlink", "sendto", "writev"];

/// More than any thread makes; a deletion that is never answered must not go unnoticed.
const MOST: usize = 200;

#[test]
fn a_kill_at_any_step_of_a_deletion_leaves_it_done_or_undone() {
    kill_at_each(Ground { postgres: false, name: "steps-sqlite" }, &CALLS);
}

/// There the deletion itself happens elsewhere. Each restart waits for the lease of the one that was killed, so all steps
/// take minutes.
#[test]
fn the_same_with_the_database_elsewhere() {
    let long = std::env::var_os("SEXTANT_LONG").is_some();
    let calls: &[&str] = if long { &CALLS } else { &["fdatasync", "rename"] };
    kill_at_each(Ground { postgres: true, name: "steps-postgres" }, calls);
}

fn kill_at_each(ground: Ground, calls: &[&str]) {
    let mut site = Site::start(ground);
    let admin = site.admin();
    let (mut undone, mut done) = (Vec::new(), Vec::new());
    for call in calls {
        for step in 1.. {
            assert!(step < MOST, "{call}: never answered");
            match delete_and_kill(&mut site, &admin, call, step) {
                End::Answered => break,
                End::Undone => undone.push(format!("{call} {step}")),
                End::Done => done.push(format!("{call} {step}")),
            }
        }
    }
    println!("killed before the commit: {undone:?}\nkilled after it: {done:?}");
    assert!(done.iter().any(|step| step.starts_with("rename")), "the mark comes after the commit: {done:?}");
    assert_eq!(undone.is_empty(), ground.postgres && calls.len() < CALLS.len(), "{undone:?}");
    assert_eq!(site.command(&["audit", "verify"])["sound"], true);
}

#[derive(PartialEq)]
enum End {
    /// Before that step came.
    Answered,
    /// Killed; the key is untouched.
    Undone,
    /// Killed; the key is gone.
    Done,
}

fn delete_and_kill(site: &mut Site, admin: &Session, call: &str, step: usize) -> End {
    let what = format!("{call} {step}");
    let key = site.ingestion_key(admin, &what);
    let tracer = Tracer::attach(site.server().id(), call, step);
    let answer = site.delete(&format!("/v2/api-keys/{}", key.id)).session(admin).try_send();
    drop(tracer);
    let answered = match &answer {
        Ok(answer) => {
            assert_eq!(answer.status, 204, "{what}: {}", answer.text());
            true
        }
        Err(_) => false,
    };
    // Something else can have made that call just after the answer, and the server is about to die of it.
    site.kill();
    site.serve();
    let said = site.server().said();
    assert!(!said.contains("ERROR") && !said.contains("WARN"), "{what}: {said}");
    let gone = match site.opens(&key) {
        200 => false,
        401 => true,
        status => panic!("{what}: {status}"),
    };
    assert!(gone || !answered, "{what}: answered, and not gone");
    let query = format!("&type=API_ACCESS_KEY&action=DELETED&subjectId={}", key.id);
    assert_eq!(site.entries(admin, &query).len(), usize::from(gone), "{what}: noted once if it is gone");
    match (answered, gone) {
        (true, _) => End::Answered,
        (false, true) => End::Done,
        (false, false) => End::Undone,
    }
}

/// `strace` on a process, until this is dropped.
struct Tracer(Child);

impl Tracer {
    fn attach(process: u32, call: &str, step: usize) -> Self {
        let mut child = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-p", &process.to_string()])
            .args(["-e", &format!("trace={call}"), "-e", &format!("inject={call}:signal=KILL:when={step}")])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`strace`, which kills the server at each step: `apt-get install strace`");
        let mut said = String::new();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        while !said.contains(" attached") {
            let read = lines.read_line(&mut said).unwrap();
            assert!(
                read > 0,
                "strace may not trace: {said}\nRun the tests as root or with `kernel.yama.ptrace_scope=0`, in a container with \
                 `--cap-add=SYS_PTRACE`"
            );
        }
        // It must be able to say more.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self(child)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // Told so, it lets go of the process.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let told = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) {
            // Some versions wait for ever for a process that died of the signal.
            if told.elapsed() > Duration::from_secs(2) {
                let _ = self.0.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
