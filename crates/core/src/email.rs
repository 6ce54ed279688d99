//! E-mail addresses as identities: kept as their owner writes them, compared without regard to case.
//!
//! Everything that joins people across sources (developer records, commits, manager columns) joins on the
//! folded form, so that `Ann@Example.com` and `ann@example.com` are one person.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicase::UniCase;

const MIN_BYTES: usize = 3;
const MAX_BYTES: usize = 254;

/// An e-mail address: 3 to 254 bytes, exactly one `@` with text on both sides, no whitespace and no control
/// characters.
///
/// Equality, order and hash are those of the case-folded form; display and serialization give the written one.
/// A clone shares its text.
#[derive(Clone)]
pub struct Email {
    written: Arc<str>,
    folded: Arc<str>,
}

impl Email {
    /// Reads an address, ignoring whitespace around it.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if !(MIN_BYTES..=MAX_BYTES).contains(&text.len()) {
            return Err(EmailError::Length);
        }
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return Err(EmailError::Character);
        }
        match text.split_once('@') {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {}
            _ => return Err(EmailError::Shape),
        }
        let written: Arc<str> = text.into();
        let folded = UniCase::new(text).to_folded_case();
        // Most addresses are written in lower case; those need their text only once.
        let folded = if folded == text { Arc::clone(&written) } else { folded.into() };
        Ok(Self { written, folded })
    }

    /// The address as it was given, without surrounding whitespace.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The case-folded address: the form to compare, index and store as a key.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// What stands before the `@`, as written.
    pub fn local_part(&self) -> &str {
        self.written.split_once('@').map_or(self.written(), |(local, _)| local)
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Email {}

impl PartialOrd for Email {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Email {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

/// Lets a map keyed by addresses be asked with a folded text.
impl Borrow<str> for Email {
    fn borrow(&self) -> &str {
        &self.folded
    }
}

impl fmt::Display for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Email({:?})", self.written())
    }
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for Email {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Why a text is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailError {
    /// Shorter than 3 or longer than 254 bytes.
    Length,
    /// Contains whitespace or a control character.
    Character,
    /// Has no `@`, more than one, or nothing on one side of it.
    Shape,
}

impl fmt::Display for EmailError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Length => "an e-mail address has 3 to 254 bytes",
            Self::Character => "an e-mail address has no whitespace and no control characters",
            Self::Shape => "an e-mail address has exactly one `@` with text on both sides",
        })
    }
}

impl std::error::Error for EmailError {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_kept_as_written_and_compared_without_case() {
        let loud = Email::parse("  Ann.Lee@Example.COM ").unwrap();
        let quiet = Email::parse("ann.lee@example.com").unwrap();
        assert_eq!(loud.written(), "Ann.Lee@Example.COM");
        assert_eq!(loud.folded(), "ann.lee@example.com");
        assert_eq!(loud, quiet);
        assert_eq!(loud.cmp(&quiet), Ordering::Equal);
        assert_eq!(HashSet::from([loud.clone(), quiet]).len(), 1);
        assert!(HashSet::from([loud]).contains("ann.lee@example.com"));
    }

    #[test]
    fn folding_covers_all_of_unicode() {
        let capital = Email::parse("STRAẞE@example.com").unwrap();
        assert_eq!(capital, Email::parse("straße@example.com").unwrap());
        assert_eq!(Email::parse("ΣΊΣΥΦΟΣ@a.gr").unwrap(), Email::parse("σίσυφος@a.gr").unwrap());
    }

    #[test]
    fn what_is_not_an_address_is_told_apart() {
        for (text, error) in [
            ("", EmailError::Length),
            ("a@", EmailError::Length),
            ("abc", EmailError::Shape),
            ("@bc", EmailError::Shape),
            ("ab@", EmailError::Shape),
            ("a@b@c", EmailError::Shape),
            ("a b@c", EmailError::Character),
            ("a\u{a0}b@c", EmailError::Character),
            ("a\u{0}@c", EmailError::Character),
        ] {
            assert_eq!(Email::parse(text).unwrap_err(), error, "{text:?}");
        }
        assert!(Email::parse(&format!("{}@b", "a".repeat(252))).is_ok());
        assert_eq!(Email::parse(&format!("{}@b", "a".repeat(253))).unwrap_err(), EmailError::Length);
    }

    #[test]
    fn json_is_the_written_form() {
        let email: Email = serde_json::from_str("\" Ann@X.org\"").unwrap();
        assert_eq!(serde_json::to_string(&email).unwrap(), "\"Ann@X.org\"");
        assert!(serde_json::from_str::<Email>("\"nobody\"").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_or_an_error_and_folding_is_stable(text in "\\PC{0,20}@?\\PC{0,20}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(email.written(), text.trim());
                let refolded = UniCase::new(email.folded()).to_folded_case();
                prop_assert_eq!(email.folded(), refolded.as_str());
            }
        }
    }
}
