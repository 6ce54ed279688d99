//! What tests of the built binary share. They leave their files where `cargo xtask test` looks for secrets afterwards,
//! so what is secret by design (a new key on stdout) is read from pipes and never written to a file.

pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod dice;
pub(crate) mod postgres;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Long enough for a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The folder that tests leave files in.
pub(crate) fn artifacts() -> PathBuf {
    std::env::var_os("SEXTANT_TEST_ARTIFACTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-artifacts"),
        PathBuf::from,
    )
}

/// A folder of its own for a test; it stays.
pub(crate) fn folder(test: &str) -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = artifacts().join(format!("{test}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.canonicalize().unwrap()
}

/// The binary in an environment without settings.
pub(crate) fn sextant(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SEXTANT_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    /// Its JSON, where it did what it was asked for.
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, Some(0), "{}", self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// Makes sure that it failed with this code and said so.
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in: {}", self.err);
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> Done {
    sextant(arguments).output().unwrap().into()
}

/// Runs a command on a data directory.
pub(crate) fn run_on(data: &Path, arguments: &[&str]) -> Done {
    sextant(arguments).arg("--data").arg(data).output().unwrap().into()
}

/// Runs a command that reads stdin.
pub(crate) fn run_with_input(arguments: &[&str], input: &[u8]) -> Done {
    let mut command = sextant(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap().into()
}

/// A running server; it ends when this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) ready_line: String,
    pub(crate) log: PathBuf,
    child: Child,
    lines: Receiver<String>,
}

impl Server {
    /// Starts `sextant serve` on a free port.
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        Self::start_with(data, more, |_| {})
    }

    /// The same with a changed command, such as one with variables.
    pub(crate) fn start_with(data: &Path, more: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = sextant(&["serve", "--listen", "127.0.0.1:0"]);
        command.arg("--data").arg(data).args(more);
        change(&mut command);
        Self::spawn(command, data)
    }

    /// Starts a command that becomes a server.
    pub(crate) fn spawn(mut command: Command, data: &Path) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let log = data.with_extension(format!("{number}.log"));
        let mut child = command.stdout(Stdio::piped()).stderr(File::create(&log).unwrap()).spawn().unwrap();
        let (send, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).for_each(|line| drop(send.send(line)));
        });
        let ready_line = lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("no ready line: {}", std::fs::read_to_string(&log).unwrap_or_default())
        });
        let address = ready_line.rsplit('/').next().and_then(|text| text.parse().ok());
        Self { address: address.unwrap_or_else(|| panic!("{ready_line}")), ready_line, log, child, lines }
    }

    /// Everything that it wrote to stderr so far.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it wrote this to stderr.
    #[track_caller]
    pub(crate) fn wait_until_said(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.said().contains(words) {
            assert!(Instant::now() < deadline, "never said `{words}`: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The next line on stdout.
    pub(crate) fn line(&self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to stop and waits for its end; what it wrote to stdout after the ready line.
    pub(crate) fn stop(mut self) -> (ExitStatus, Vec<String>) {
        self.signal("TERM");
        let status = self.wait();
        (status, self.lines.iter().collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
