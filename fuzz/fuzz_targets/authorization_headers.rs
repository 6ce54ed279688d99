//! Any headers: at most one key comes out, it was sent, and two different ones never pass.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sextant_core::credentials::{Credentials, Header, collect};

mod whole_key;
use whole_key::whole_key;

/// In the fuzzer's bytes these stand for keys, which it could not write itself.
const FIRST_KEY: u8 = 0x01;
const SECOND_KEY: u8 = 0x02;

fuzz_target!(|bytes: &[u8]| {
    let (first, second) = (whole_key(b"first"), whole_key(b"second"));
    // A line is a header; whether it begins with an even byte says which.
    let headers: Vec<(Header, Vec<u8>)> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let (kind, value) = line.split_first()?;
            let kind = if kind % 2 == 0 { Header::Plain } else { Header::Authorization };
            let value = value.iter().flat_map(|byte| match *byte {
                FIRST_KEY => first.clone(),
                SECOND_KEY => second.clone(),
                other => vec![other],
            });
            Some((kind, value.collect()))
        })
        .collect();
    let sent = || headers.iter().map(|(kind, value)| (*kind, value.as_slice()));
    let contains = |key: &[u8]| sent().any(|(_, value)| value.windows(key.len()).any(|window| window == key));

    match collect(sent()) {
        Credentials::Key(key) => {
            let text = key.reveal().as_bytes();
            assert!(contains(text), "a key that was not sent");
            let other = if text == first { &second } else { &first };
            let beside = collect(sent().chain([(Header::Plain, other.as_slice())]));
            assert!(matches!(beside, Credentials::Ambiguous), "a second key makes it ambiguous");
            let again = collect(sent().chain([(Header::Plain, text)]));
            assert!(matches!(again, Credentials::Key(_)), "the same key again does not");
        }
        Credentials::Missing => {
            assert!(!contains(&first) && !contains(&second), "a key that was sent is not missing");
        }
        Credentials::Ambiguous | Credentials::Invalid => {}
    }
});
