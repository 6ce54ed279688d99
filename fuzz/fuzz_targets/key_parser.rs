//! Any bytes: a key is taken as it is or refused; a whole key is always taken, one with a changed digit never.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sextant_core::key::ApiKey;
use sextant_core::redact;

mod whole_key;
use whole_key::whole_key;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = ApiKey::parse(bytes) {
        assert_eq!(key.reveal().as_bytes(), bytes, "what was parsed is what came in");
    }

    let whole = whole_key(bytes);
    let key = ApiKey::parse(&whole).expect("a whole key is taken");
    assert_eq!(key.reveal().as_bytes(), whole);
    assert_eq!(key.id().to_string().as_bytes(), &whole[4..16]);

    let mut changed = whole.clone();
    let at = usize::from(bytes.first().copied().unwrap_or_default()) % changed.len();
    changed[at] = if changed[at] == b'7' { b'8' } else { b'7' };
    assert!(ApiKey::parse(&changed).is_err(), "one changed character never passes");

    let text = String::from_utf8_lossy(bytes);
    let around = format!("{text} {} {text}", key.reveal());
    assert!(!redact::redact(&around).contains(key.reveal()), "a key does not survive redaction");
});
