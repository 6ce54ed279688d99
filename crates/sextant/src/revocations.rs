//! `DIR/revocations`: every revocation that this node knows of, one a line, written at the end only. The high-water mark
//! counts the lines, so that one that was taken out is missed; what stands behind the counted ones is of a process that
//! ended in the middle of writing.

use anyhow::{Context, Result, bail};
use sextant_core::revocation::{Revocation, RevocationKind};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Its name in the data directory.
pub(crate) const FILE: &str = "revocations";

/// The file, as far as this process has read it.
pub(crate) struct Record {
    path: PathBuf,
    /// Where the next line goes.
    end: u64,
    lines: u64,
    /// Every revocation up to this change is in the file.
    complete: i64,
    /// What is in the file of later ones.
    beyond: HashSet<Revocation>,
    highest: i64,
}

impl Record {
    /// Reads the file, of which `counted` lines must be there. A folder without one has seen no revocation.
    pub(crate) fn open(folder: &Path, counted: u64) -> Result<Self> {
        let path = folder.join(FILE);
        let mut record = Self { path, end: 0, lines: 0, complete: -1, beyond: HashSet::new(), highest: 0 };
        let mut all = Vec::new();
        match File::open(&record.path) {
            Ok(mut file) => record.read_on(&mut file, counted, &mut all)?,
            Err(error) if error.kind() == ErrorKind::NotFound && counted == 0 => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(record.cut(counted)),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", record.path.display()));
            }
        }
        record.highest = all.iter().map(|revocation| revocation.number).max().unwrap_or(0);
        // The last change may have been cut short in the middle; those before it are whole.
        record.complete = record.highest - 1;
        record.beyond = all.into_iter().filter(|revocation| revocation.number == record.highest).collect();
        Ok(record)
    }

    /// Every revocation in the file.
    pub(crate) fn all(folder: &Path) -> Result<Vec<Revocation>> {
        let mut text = String::new();
        match File::open(folder.join(FILE)) {
            Ok(mut file) => file.read_to_string(&mut text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(text.lines().map_while(read).map(|(_, revocation)| revocation).collect())
    }

    /// How many lines there are.
    pub(crate) const fn lines(&self) -> u64 {
        self.lines
    }

    /// The change up to which every revocation is in the file.
    pub(crate) const fn complete(&self) -> i64 {
        self.complete
    }

    /// The highest change number in the file.
    pub(crate) const fn highest(&self) -> i64 {
        self.highest
    }

    /// Writes down revocations: all after [`Record::complete`] up to change `number`. Only one process may be at it.
    pub(crate) fn append(&mut self, counted: u64, revocations: &[Revocation], number: i64) -> Result<()> {
        if revocations.is_empty() && counted <= self.lines {
            self.completed(number);
            return Ok(());
        }
        let mut file = self.follow(counted)?;
        let new: Vec<&Revocation> = revocations
            .iter()
            .filter(|revocation| revocation.number > self.complete && !self.beyond.contains(revocation))
            .collect();
        self.write(&mut file, &new)?;
        self.completed(number.max(revocations.iter().map(|one| one.number).max().unwrap_or(0)));
        Ok(())
    }

    /// Writes down revocations of whatever number that are not in the file.
    pub(crate) fn append_missing(
        &mut self,
        counted: u64,
        revocations: &[Revocation],
        number: i64,
    ) -> Result<()> {
        let mut file = self.follow(counted)?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let known: HashSet<Revocation> = Self::all(folder)?.into_iter().collect();
        let new: Vec<&Revocation> =
            revocations.iter().filter(|revocation| !known.contains(revocation)).collect();
        self.write(&mut file, &new)?;
        self.completed(number);
        Ok(())
    }

    fn completed(&mut self, number: i64) {
        self.complete = self.complete.max(number);
        self.beyond.retain(|revocation| revocation.number > self.complete);
    }

    /// Opens the file, reads what other processes have written since, and stands at its end.
    fn follow(&mut self, counted: u64) -> Result<File> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&self.path)
            .with_context(|| format!("cannot open {}", self.path.display()))?;
        let length = file.metadata()?.len();
        if length < self.end {
            return Err(self.cut(counted.max(self.lines)));
        }
        if length > self.end {
            file.seek(SeekFrom::Start(self.end))?;
            let mut others = Vec::new();
            self.read_on(&mut file, counted, &mut others)?;
            self.highest = others.iter().map(|one| one.number).max().unwrap_or(0).max(self.highest);
            self.beyond.extend(others.into_iter().filter(|one| one.number > self.complete));
            // What is left was being written by a process that ended: it is asked of the database again.
            file.set_len(self.end)?;
        }
        file.seek(SeekFrom::Start(self.end))?;
        Ok(file)
    }

    fn write(&mut self, file: &mut File, new: &[&Revocation]) -> Result<()> {
        if new.is_empty() {
            return Ok(());
        }
        let mut text = String::new();
        for (sequence, revocation) in (self.lines + 1..).zip(new) {
            text.push_str(&line(sequence, revocation));
        }
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_data())
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        self.end += text.len() as u64;
        self.lines += new.len() as u64;
        self.highest = new.iter().map(|one| one.number).max().unwrap_or(0).max(self.highest);
        Ok(())
    }

    /// Reads lines up to the end of the file, or up to one that does not read back and was not counted.
    fn read_on(&mut self, file: &mut File, counted: u64, found: &mut Vec<Revocation>) -> Result<()> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", self.path.display()))?;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let whole = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
            match whole.and_then(read) {
                Some((sequence, revocation)) if sequence == self.lines + 1 => found.push(revocation),
                _ if self.lines < counted => bail!(
                    "line {} of {} does not read back: it was changed by hand or is damaged. {}",
                    self.lines + 1,
                    self.path.display(),
                    self.remedy()
                ),
                _ => return Ok(()),
            }
            self.lines += 1;
            self.end += line.len() as u64;
        }
        if self.lines < counted {
            return Err(self.cut(counted));
        }
        Ok(())
    }

    fn cut(&self, counted: u64) -> anyhow::Error {
        anyhow::anyhow!(
            "{} was cut off or removed: it had {counted} lines. {}",
            self.path.display(),
            self.remedy()
        )
    }

    fn remedy(&self) -> String {
        format!(
            "Without it keys that were deleted could come back with an older database. Put it back; or, if you know that \
             the database is no older one, remove it and {} as well: both are then made anew from the database",
            self.path.with_file_name("high-water").display()
        )
    }
}

/// `SEQ NUMBER KIND ID CRC`.
fn line(sequence: u64, revocation: &Revocation) -> String {
    let Revocation { number, kind, subject } = revocation;
    let body = format!("{sequence} {number} {} {subject}", kind.name());
    format!("{body} {:08x}\n", crc32fast::hash(body.as_bytes()))
}

fn read(line: &str) -> Option<(u64, Revocation)> {
    let (body, sum) = line.rsplit_once(' ')?;
    (sum == format!("{:08x}", crc32fast::hash(body.as_bytes()))).then_some(())?;
    let mut fields = body.split(' ');
    let mut next = || fields.next().filter(|field| !field.is_empty());
    let sequence = next()?.parse().ok()?;
    let number = next()?.parse().ok()?;
    let kind = RevocationKind::parse(next()?)?;
    let subject = next()?.to_owned();
    fields.next().is_none().then_some((sequence, Revocation { number, kind, subject }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn deleted(number: i64, subject: &str) -> Revocation {
        Revocation { number, kind: RevocationKind::Deleted, subject: subject.to_owned() }
    }

    fn any_revocation() -> impl Strategy<Value = Revocation> {
        (0..i64::MAX, prop::sample::select(&RevocationKind::ALL), "[0-9A-Za-z]{1,16}")
            .prop_map(|(number, kind, subject)| Revocation { number, kind, subject })
    }

    proptest! {
        #[test]
        fn a_line_reads_back(sequence in 1u64.., revocation in any_revocation()) {
            let line = line(sequence, &revocation);
            prop_assert_eq!(read(line.trim_end_matches('\n')), Some((sequence, revocation)));
        }

        #[test]
        fn a_line_that_was_touched_does_not(
            sequence in 1u64..,
            revocation in any_revocation(),
            at in any::<prop::sample::Index>(),
            by in 1u8..127,
        ) {
            let line = line(sequence, &revocation);
            let mut bytes = line.trim_end_matches('\n').as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = (bytes[at] + by) % 128;
            let text = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(read(&text), None);
            prop_assert_eq!(read(&line[..at]), None);
        }

        /// Wherever the power fails while lines are written: what was counted is there, and the rest comes again.
        #[test]
        fn a_cut_loses_nothing_that_was_counted(
            before in prop::collection::vec(1i64..50, 0..8),
            after in prop::collection::vec(50i64..60, 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let named = |numbers: &[i64]| {
                let mut numbers = numbers.to_vec();
                numbers.sort_unstable();
                let each = numbers.iter().enumerate();
                each.map(|(at, number)| deleted(*number, &format!("k{number}n{at}"))).collect::<Vec<_>>()
            };
            let (before, after) = (named(&before), named(&after));
            let folder = tempfile::tempdir().unwrap();
            let mut record = Record::open(folder.path(), 0).unwrap();
            record.append(0, &before, 49).unwrap();
            let (counted, safe) = (record.lines(), record.end);
            record.append(counted, &after, 60).unwrap();
            let rest = cut.index(usize::try_from(record.end - safe).unwrap() + 1) as u64;
            OpenOptions::new().write(true).open(&record.path).unwrap().set_len(safe + rest).unwrap();

            let mut again = Record::open(folder.path(), counted).unwrap();
            let recorded = again.complete();
            let missing: Vec<_> =
                before.iter().chain(&after).filter(|one| one.number > recorded).cloned().collect();
            again.append(counted, &missing, 60).unwrap();
            let mut found = Record::all(folder.path()).unwrap();
            found.sort();
            let mut wanted: Vec<_> = before.into_iter().chain(after).collect();
            wanted.sort();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn what_was_counted_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut record = Record::open(folder.path(), 0).unwrap();
        record.append(0, &[deleted(1, "a"), deleted(2, "b"), deleted(3, "c")], 3).unwrap();
        let whole = std::fs::read_to_string(&record.path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        let tries = [
            (format!("{}\n", lines[..2].join("\n")), "was cut off"),
            (whole[..whole.len() - 3].to_owned(), "line 3 "),
            (format!("{}\n{}\n", lines[0], lines[2]), "line 2 "),
            (whole.replace("deleted b", "deleted x"), "line 2 "),
            (format!("{}\n{whole}", lines[0]), "line 2 "),
            (String::new(), "was cut off"),
        ];
        for (text, problem) in tries {
            std::fs::write(&record.path, &text).unwrap();
            let refused = Record::open(folder.path(), 3).err().unwrap().to_string();
            assert!(refused.contains(problem), "{text}: {refused}");
        }
        std::fs::remove_file(&record.path).unwrap();
        assert!(Record::open(folder.path(), 3).err().unwrap().to_string().contains("removed"));
        assert!(record.append(3, &[deleted(4, "d")], 4).is_err(), "nor does a running process go on");
    }

    #[test]
    fn two_processes_write_without_loss() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Record::open(folder.path(), 0).unwrap();
        let mut second = Record::open(folder.path(), 0).unwrap();
        let all: Vec<_> = (1..=6).map(|number| deleted(number, &format!("k{number}"))).collect();
        first.append(0, &all[..2], 2).unwrap();
        second.append(2, &all[..3], 3).unwrap();
        first.append(3, &all[2..5], 5).unwrap();
        second.append(5, &all[3..6], 6).unwrap();
        assert_eq!(Record::all(folder.path()).unwrap(), all);
        assert_eq!((second.lines(), second.complete(), second.highest()), (6, 6, 6));
        assert_eq!(Record::open(folder.path(), 6).unwrap().lines(), 6);
    }
}
