//! Servers that are measured: started pinned to a processor, their time and memory read from `/proc`, ended by their id.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::commands;

/// The processor of what is measured; the load generator has the other one.
pub(super) const SERVER_CPU: &str = "0";
pub(super) const LOAD_CPU: &str = "1";

const STOP: Duration = Duration::from_secs(15);

/// A command that runs on one processor only.
pub(super) fn pinned(cpu: &str, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    // taskset becomes the program, so the process that we start is the one that is measured.
    command.args(["-c", cpu]).arg(program);
    command
}

/// A port that was free a moment ago.
pub(super) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A server of ours; it ends when this is dropped.
pub(super) struct Server {
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
}

#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub(super) resident_mib: f64,
    pub(super) peak_mib: f64,
}

impl Server {
    /// Starts a server; what it writes to stderr goes to the file `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let stderr = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .with_context(|| format!("cannot start `{}`", commands::typed(command)))?;
        let (send, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            // Reads to the end, so that the server never waits for us to listen.
            thread::spawn(move || {
                BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(send.send(line)));
            });
        }
        Ok(Self { child, lines, log: log.to_path_buf() })
    }

    /// Waits for the line on stdout that begins with `start` and returns the rest of it.
    pub(super) fn wait_for_line(&self, start: &str, limit: Duration) -> Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(start) {
                        return Ok(rest.to_owned());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no line `{start}…` within {limit:?}; {}", self.said())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("it ended before the line `{start}…`; {}", self.said())
                }
            }
        }
    }

    /// Waits until something accepts connections on the port.
    pub(super) fn wait_for_port(&mut self, port: u16, limit: Duration) -> Result<SocketAddr> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let deadline = Instant::now() + limit;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}; {}", self.said());
            }
            if Instant::now() > deadline {
                bail!("nothing on port {port} within {limit:?}; {}", self.said());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(address)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    fn said(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(10).collect();
        format!(
            "{} ends with:\n{}",
            self.log.display(),
            last.into_iter().rev().collect::<Vec<_>>().join("\n")
        )
    }

    /// The processor time that the process and all its descendants have used.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let ticks: u64 = family(self.child.id(), &processes()?).iter().map(|process| process.ticks).sum();
        let per_second: u64 = commands::output(Command::new("getconf").arg("CLK_TCK"))?.trim().parse()?;
        Ok(Duration::from_micros(ticks * 1_000_000 / per_second))
    }

    /// The memory of the process and all its descendants.
    pub(super) fn memory(&self) -> Result<Memory> {
        let all = processes()?;
        let mut memory = Memory { resident_mib: 0.0, peak_mib: 0.0 };
        for process in family(self.child.id(), &all) {
            let status = fs::read_to_string(format!("/proc/{}/status", process.id))?;
            memory.resident_mib += mebibytes(&status, "VmRSS:");
            memory.peak_mib += mebibytes(&status, "VmHWM:");
        }
        Ok(memory)
    }

    /// Asks the server to end and waits for it; what is left of it after a while is killed.
    pub(super) fn stop(&mut self) {
        let members: Vec<String> = processes()
            .map(|all| family(self.child.id(), &all).iter().map(|process| process.id.to_string()).collect())
            .unwrap_or_default();
        let ended = matches!(self.child.try_wait(), Ok(Some(_)));
        if !ended {
            commands::answers("kill", &["-TERM", &self.child.id().to_string()]);
        }
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        for id in members {
            commands::answers("kill", &["-KILL", &id]);
        }
        drop(self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Process {
    id: u32,
    parent: u32,
    ticks: u64,
}

fn processes() -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("cannot list /proc; benches run on Linux")? {
        // One that ends while we look is not there any more.
        if let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) {
            found.extend(parse_stat(&stat));
        }
    }
    Ok(found)
}

/// Reads `/proc/ID/stat`; the program's name in it may hold spaces and brackets.
fn parse_stat(stat: &str) -> Option<Process> {
    let (id, rest) = stat.split_once(' ')?;
    let fields: Vec<&str> = rest.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
    // proc(5) counts from the id, which is field 1: the parent is 4, user time 14, system time 15.
    Some(Process {
        id: id.parse().ok()?,
        parent: fields.get(1)?.parse().ok()?,
        ticks: ticks(11)? + ticks(12)?,
    })
}

fn family(root: u32, all: &[Process]) -> Vec<&Process> {
    let mut ids = HashSet::from([root]);
    let mut known = 0;
    while known != ids.len() {
        known = ids.len();
        ids.extend(
            all.iter()
                .filter(|process| ids.contains(&process.parent))
                .map(|process| process.id)
                .collect::<Vec<_>>(),
        );
    }
    all.iter().filter(|process| ids.contains(&process.id)).collect()
}

fn mebibytes(status: &str, field: &str) -> f64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "7 (a (b) c) S 3 7 7 0 -1 4194560 900 0 0 0 120 30 0 0 20 0 1 0 100 1000 200 18446744073709551615";

    #[test]
    fn a_stat_line_is_read_whatever_the_name() {
        let process = parse_stat(STAT).unwrap();
        assert_eq!((process.id, process.parent, process.ticks), (7, 3, 150));
        assert!(parse_stat("").is_none() && parse_stat("7 (a) S").is_none());
    }

    #[test]
    fn a_family_is_the_process_and_all_below_it() {
        let process = |id, parent| Process { id, parent, ticks: 0 };
        let all = [process(9, 5), process(1, 0), process(5, 2), process(2, 1), process(3, 1)];
        let mut ids: Vec<u32> = family(2, &all).iter().map(|process| process.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, [2, 5, 9]);
    }

    #[test]
    fn memory_is_read_in_mebibytes() {
        assert!((mebibytes("VmHWM:\t  2048 kB\nVmRSS:\t 1024 kB\n", "VmRSS:") - 1.0).abs() < 1e-9);
        assert!(mebibytes("", "VmRSS:").abs() < 1e-9);
    }

    #[test]
    fn a_server_is_measured_and_ended() {
        let folder = std::env::temp_dir().join(format!("xtask-process-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut shell = Command::new("sh");
        shell.args([
            "-c",
            "echo hello you; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exec sleep 60",
        ]);
        let mut server = Server::start(&mut shell, &folder.join("log")).unwrap();
        assert_eq!(server.wait_for_line("hello ", STOP).unwrap(), "you");
        server.wait_for_line("done", STOP).unwrap();
        assert!(server.cpu().unwrap() > Duration::ZERO);
        assert!(server.memory().unwrap().resident_mib > 0.0);
        let id = server.child.id();
        server.stop();
        assert!(!Path::new(&format!("/proc/{id}")).exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
