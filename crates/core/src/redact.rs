//! Finding keys in text that people and programs send, so that no secret is ever stored, logged or answered.

use crate::key::{ApiKey, LENGTH, PREFIX};
use std::borrow::Cow;

/// Where key-shaped text begins (`sxt_` + 12 + `_` + 49 base62 characters), checksum not considered.
fn next(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memchr::memmem::find(&text[at..], PREFIX.as_bytes()) {
        let start = at + found;
        let candidate = text.get(start..start + LENGTH)?;
        let shaped = candidate[16] == b'_'
            && crate::base62::is_base62(&candidate[4..16])
            && crate::base62::is_base62(&candidate[17..]);
        if shaped {
            return Some(start);
        }
        at = start + PREFIX.len();
    }
    None
}

/// The text with the secret of each key-shaped part replaced by `…`; the key id stays, so that people can tell
/// which key it was.
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(mut start) = next(text.as_bytes(), 0) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    loop {
        out.push_str(&text[done..start + 17]);
        out.push('…');
        done = start + LENGTH;
        match next(text.as_bytes(), done) {
            Some(following) => start = following,
            None => break,
        }
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// The whole keys in a text (form and checksum right), for finding out whether a live one was exposed.
pub fn keys_in(text: &[u8]) -> Vec<ApiKey> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next(text, at) {
        if let Ok(key) = ApiKey::parse(&text[start..start + LENGTH]) {
            found.push(key);
        }
        at = start + PREFIX.len();
    }
    found
}

/// Whether a text holds anything of key form.
pub fn holds_key(text: &[u8]) -> bool {
    next(text, 0).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base62::tests::Repeatable;
    use crate::id::KeyId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_secret_survives(before in ".{0,40}", after in ".{0,40}", seed in any::<u64>()) {
            let source = Repeatable::new(seed);
            let key = ApiKey::draw(KeyId::draw(&source), &source);
            let text = format!("{before}{}{after}", key.reveal());
            let clean = redact(&text);
            prop_assert!(!clean.contains(&key.reveal()[17..]));
            prop_assert!(clean.contains(key.id().as_str()));
            prop_assert_eq!(keys_in(text.as_bytes()).len(), 1);
            prop_assert!(!holds_key(clean.as_bytes()));
        }

        #[test]
        fn other_text_is_left_alone(text in ".{0,80}") {
            prop_assert_eq!(redact(&text), text.as_str());
        }
    }

    #[test]
    fn a_wrong_checksum_is_redacted_too() {
        let text = format!("see sxt_{}_{} there", "a".repeat(12), "b".repeat(49));
        assert_eq!(redact(&text), "see sxt_aaaaaaaaaaaa_… there");
        assert!(keys_in(text.as_bytes()).is_empty());
    }
}
