//! Finds whole API keys in bytes: what a test run left behind, what is committed.
//!
//! Written out here rather than taken from the product, so that a mistake in the product's parser cannot hide what it lets through.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::workspace;

const PREFIX: &[u8] = b"sxt_";
const ID: usize = 12;
const SECRET: usize = 43;
const CHECKSUM: usize = 6;
/// Everything that the checksum covers.
const COVERED: usize = PREFIX.len() + ID + 1 + SECRET;
/// A whole key.
const LENGTH: usize = COVERED + CHECKSUM;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The places of all whole keys in `bytes`: of key form, with the checksum right.
pub(crate) fn keys_in(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(step) = bytes[from..].iter().position(|byte| *byte == PREFIX[0]) {
        let start = from + step;
        if bytes.get(start..start + LENGTH).is_some_and(is_key) {
            found.push(start);
        }
        from = start + 1;
    }
    found
}

fn is_key(candidate: &[u8]) -> bool {
    let separator = PREFIX.len() + ID;
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_alphanumeric);
    candidate.starts_with(PREFIX)
        && candidate[separator] == b'_'
        && digits(&candidate[PREFIX.len()..separator])
        && digits(&candidate[separator + 1..])
        && checksum(&candidate[..COVERED]) == candidate[COVERED..]
}

/// The six digits that end a key: CRC-32/ISO-HDLC in base 62, most significant digit first.
pub(crate) fn checksum(covered: &[u8]) -> [u8; CHECKSUM] {
    let mut value = crc32(covered) as usize;
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[value % DIGITS.len()];
        value /= DIGITS.len();
    }
    digits
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Looks through what the tests left; an error that names each file with a key in it, or if there is nothing to look at.
pub(crate) fn scan_artifacts(folders: &[PathBuf]) -> Result<()> {
    let mut files = Vec::new();
    for folder in folders {
        files.extend(workspace::files_below(folder)?);
    }
    let named = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" and ");
    if files.is_empty() {
        bail!(
            "no file under {named}: a scan of nothing proves nothing\n\
             fix: tests leave databases, logs and metrics in the folder that SEXTANT_TEST_ARTIFACTS names"
        );
    }
    let mut bytes = 0;
    let mut leaks = Vec::new();
    for file in &files {
        let contents = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        bytes += contents.len();
        leaks.extend(leak(file, &contents));
    }
    println!("looked through {} files, {bytes} bytes, under {named}", files.len());
    if !leaks.is_empty() {
        bail!(
            "whole keys were written to disk:\n{}\nfix: redact before storing or logging",
            leaks.join("\n")
        );
    }
    Ok(())
}

/// Where the keys of one file are. The key itself is not repeated.
fn leak(file: &Path, contents: &[u8]) -> Option<String> {
    let found = keys_in(contents);
    let first = *found.first()?;
    let id = String::from_utf8_lossy(&contents[first..first + PREFIX.len() + ID]).into_owned();
    Some(format!("  {}: {} keys, the first, {id}, at byte {first}", file.display(), found.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> String {
        let covered = format!("sxt_{}_{}", "Ab3".repeat(4), "0".repeat(43));
        let checksum = checksum(covered.as_bytes());
        covered + std::str::from_utf8(&checksum).unwrap()
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // The check value that the catalogue of CRC algorithms gives for CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(&checksum(b"123456789"), b"3jZRME");
    }

    #[test]
    fn a_key_is_found_wherever_it_stands() {
        let key = key();
        assert_eq!(keys_in(key.as_bytes()), [0]);
        assert_eq!(keys_in(format!("\0\u{1}ssxt_sxt_{key}{key}\n").as_bytes()), [11, 77]);
    }

    #[test]
    fn what_only_looks_like_a_key_is_none() {
        let key = key();
        let mut wrong = key.clone().into_bytes();
        wrong[COVERED] = if wrong[COVERED] == b'1' { b'2' } else { b'1' };
        assert!(keys_in(&wrong).is_empty(), "checksum");
        assert!(keys_in(&key.as_bytes()[..LENGTH - 1]).is_empty(), "cut short");
        assert!(keys_in(key.replace("Ab3", "A-3").as_bytes()).is_empty(), "not a digit");
        assert!(keys_in(b"sxt_").is_empty() && keys_in(b"").is_empty());
    }

    #[test]
    fn a_leak_names_the_file_and_not_the_secret() {
        let text = leak(Path::new("server.log"), format!("got {}", key()).as_bytes()).unwrap();
        assert!(
            text.contains("server.log") && text.contains("sxt_Ab3Ab3Ab3Ab3") && !text.contains("000"),
            "{text}"
        );
        assert!(leak(Path::new("server.log"), b"got sxt_Ab3Ab3Ab3Ab3").is_none());
    }

    #[test]
    fn a_scan_of_nothing_fails() {
        let error = scan_artifacts(&[PathBuf::from("/nowhere/at/all")]).unwrap_err();
        assert!(error.to_string().contains("proves nothing"), "{error}");
    }
}
