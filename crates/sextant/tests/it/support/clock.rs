//! A server's wall clock in the hands of a test, by Debian's `libfaketime`. Its monotonic clock stays the machine's.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The clock of one server, through all its restarts.
pub(crate) struct WallClock {
    file: PathBuf,
}

impl WallClock {
    /// A right clock, kept in this file.
    pub(crate) fn new(file: &Path) -> Self {
        let clock = Self { file: file.to_owned() };
        clock.set_hours(0);
        clock
    }

    /// Makes a server look at it.
    pub(crate) fn give_to(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1");
    }

    /// From now on it is wrong by so many hours.
    pub(crate) fn set_hours(&self, hours: i32) {
        let draft = self.file.with_extension("draft");
        std::fs::write(&draft, format!("{hours:+}h\n")).unwrap();
        // Replaced as a whole: the server reads it whenever it asks for the time.
        std::fs::rename(draft, &self.file).unwrap();
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path());
    folders
        .map(|folder| folder.join("faketime/libfaketime.so.1"))
        .find(|library| library.is_file())
        .expect("libfaketime, which tests set a server's clock by: `apt-get install libfaketime`")
}
