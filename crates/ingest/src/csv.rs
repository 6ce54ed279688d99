//! Tables from uploaded CSV files, strictly: what a lenient reader would guess at is an error with its line.
//!
//! UTF-8 with or without a byte order mark, UTF-16 with one; comma, semicolon or tab, whichever the header has most
//! of; any line ending. Blank lines are skipped.

use std::{borrow::Cow, collections::HashSet, fmt};

use csv::{ErrorKind, ReaderBuilder, StringRecord};
use sextant_core::developer::{ErrorType, MAX_COLUMNS, MAX_VALUE_BYTES, ValidationError};

/// A table with a header. Every row has as many cells as there are columns, and there is at least one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The columns' names without surrounding whitespace; none is blank and none, ignoring case, occurs twice.
    pub columns: Vec<String>,
    /// The cells as they are in the file.
    pub rows: Vec<Vec<String>>,
}

/// Why an upload is no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvProblem {
    /// It cannot be read.
    Invalid {
        /// The line, from 1, where that is known.
        line: Option<u64>,
        /// What is wrong.
        message: String,
    },
    /// It is empty or holds nothing but a header.
    Empty,
    /// A column has no name.
    BlankColumnName {
        /// The column's position from 1.
        column: usize,
    },
}

impl CsvProblem {
    /// The published type of this problem.
    pub fn error_type(&self) -> ErrorType {
        match self {
            Self::Invalid { .. } => ErrorType::InvalidCsv,
            Self::Empty => ErrorType::EmptyCsv,
            Self::BlankColumnName { .. } => ErrorType::BlankCsvColumnName,
        }
    }

    /// The published error for this problem.
    pub fn validation_error(&self) -> ValidationError {
        ValidationError::of_table(self.error_type(), None)
    }

    fn at(line: u64, message: impl Into<String>) -> Self {
        Self::Invalid { line: Some(line), message: message.into() }
    }
}

impl fmt::Display for CsvProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { line: Some(line), message } => write!(formatter, "line {line}: {message}"),
            Self::Invalid { line: None, message } => formatter.write_str(message),
            Self::Empty => formatter.write_str("the file has no rows"),
            Self::BlankColumnName { column } => write!(formatter, "column {column} has no name"),
        }
    }
}

impl std::error::Error for CsvProblem {}

/// Reads a file as a table.
///
/// # Errors
/// The first problem found: encoding, NUL characters, quotes, header, then rows in their order.
pub fn read(bytes: &[u8]) -> Result<Table, CsvProblem> {
    let text = decode(bytes)?;
    if text.trim().is_empty() {
        return Err(CsvProblem::Empty);
    }
    if let Some(position) = text.find('\0') {
        return Err(CsvProblem::at(line_at(text.as_bytes(), position), "the file contains a NUL character"));
    }
    let delimiter = delimiter(&text);
    check_quotes(text.as_bytes(), delimiter)?;

    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let columns = columns(reader.headers().map_err(|error| problem(&error))?)?;
    let mut rows = Vec::new();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| problem(&error))? {
        if let Some(column) = record.iter().position(|cell| cell.len() > MAX_VALUE_BYTES) {
            let line = record.position().map(csv::Position::line);
            let message = format!("the value of `{}` is longer than 32 KiB", columns[column]);
            return Err(CsvProblem::Invalid { line, message });
        }
        rows.push(record.iter().map(str::to_owned).collect());
    }
    if rows.is_empty() { Err(CsvProblem::Empty) } else { Ok(Table { columns, rows }) }
}

fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, CsvProblem> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => decode_utf16(rest, u16::from_le_bytes).map(Cow::Owned),
        [0xfe, 0xff, rest @ ..] => decode_utf16(rest, u16::from_be_bytes).map(Cow::Owned),
        _ => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
                CsvProblem::at(
                    line_at(bytes, error.valid_up_to()),
                    "the text is not valid UTF-8; save the file as UTF-8 or UTF-16",
                )
            })
        }
    }
}

// The standard library's decoder says where the text breaks, which encoding_rs does not.
fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, CsvProblem> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match character {
            Ok(character) => text.push(character),
            Err(_) => {
                return Err(CsvProblem::at(
                    line_at(text.as_bytes(), text.len()),
                    "the text is not valid UTF-16",
                ));
            }
        }
    }
    if rest.is_empty() {
        return Ok(text);
    }
    Err(CsvProblem::at(line_at(text.as_bytes(), text.len()), "the UTF-16 text ends within a character"))
}

/// The line, from 1, that the byte at `position` is in.
fn line_at(bytes: &[u8], position: usize) -> u64 {
    bytes[..position].split(|byte| *byte == b'\n').count() as u64
}

/// The delimiter that the header has most of; comma rather than semicolon rather than tab.
fn delimiter(text: &str) -> u8 {
    let mut quoted = false;
    let header = text.trim_start_matches(['\r', '\n']).bytes().take_while(|byte| {
        quoted ^= *byte == b'"';
        quoted || !matches!(byte, b'\r' | b'\n')
    });
    let mut counts = [(b'\t', 0_usize), (b';', 0), (b',', 0)];
    let mut quoted = false;
    for byte in header {
        quoted ^= byte == b'"';
        if let Some((_, count)) = counts.iter_mut().find(|(delimiter, _)| *delimiter == byte && !quoted) {
            *count += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| delimiter)
}

/// Refuses quoted cells that do not end and cells that go on after their closing quote. The reader would take the
/// first to reach to the end of the file and would glue the second together.
fn check_quotes(bytes: &[u8], delimiter: u8) -> Result<(), CsvProblem> {
    enum State {
        CellStart,
        Plain,
        Quoted { opened: u64 },
        QuoteInQuoted { opened: u64 },
    }
    let mut state = State::CellStart;
    let mut line = 1;
    for byte in bytes.iter().copied() {
        state = match (state, byte) {
            (State::CellStart, b'"') => State::Quoted { opened: line },
            (State::Quoted { opened }, b'"') => State::QuoteInQuoted { opened },
            (State::QuoteInQuoted { opened }, b'"') | (State::Quoted { opened }, _) => {
                State::Quoted { opened }
            }
            (_, b'\r' | b'\n') => State::CellStart,
            (_, byte) if byte == delimiter => State::CellStart,
            (State::QuoteInQuoted { .. }, _) => {
                return Err(CsvProblem::at(line, "text follows a closing quote"));
            }
            (State::CellStart | State::Plain, _) => State::Plain,
        };
        line += u64::from(byte == b'\n');
    }
    match state {
        State::Quoted { opened } => {
            Err(CsvProblem::at(opened, "the quote that opens a value here is never closed"))
        }
        _ => Ok(()),
    }
}

fn columns(header: &StringRecord) -> Result<Vec<String>, CsvProblem> {
    let line = header.position().map(csv::Position::line);
    let invalid = |message| Err(CsvProblem::Invalid { line, message });
    if header.len() > MAX_COLUMNS {
        return invalid(format!("the header has {} columns; {MAX_COLUMNS} are allowed", header.len()));
    }
    let mut columns: Vec<String> = Vec::with_capacity(header.len());
    let mut seen = HashSet::new();
    for (position, name) in header.iter().map(str::trim).enumerate() {
        if name.is_empty() {
            return Err(CsvProblem::BlankColumnName { column: position + 1 });
        }
        if name.len() > MAX_VALUE_BYTES {
            return invalid(format!("the name of column {} is longer than 32 KiB", position + 1));
        }
        if !seen.insert(name.to_lowercase()) {
            return invalid(format!("the column `{name}` occurs twice"));
        }
        columns.push(name.to_owned());
    }
    Ok(columns)
}

fn problem(error: &csv::Error) -> CsvProblem {
    let line = error.position().map(csv::Position::line);
    let message = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the row has {len} values, the header has {expected_len} columns")
        }
        _ => "the row cannot be read".to_owned(),
    };
    CsvProblem::Invalid { line, message }
}

#[cfg(test)]
mod tests;
