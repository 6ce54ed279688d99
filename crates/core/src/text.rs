//! Names and descriptions that people give to things.

use crate::redact::redact;
use std::fmt;

/// What is wrong with a name or description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// Nothing but white space.
    Empty,
    /// More characters than this.
    TooLong(usize),
    /// A control character, which would break lists and logs.
    Control,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::TooLong(most) => write!(f, "must have at most {most} characters"),
            Self::Control => f.write_str("must not contain control characters"),
        }
    }
}

impl std::error::Error for TextError {}

fn checked(text: &str, most: usize, allow: &[char]) -> Result<String, TextError> {
    let text = text.trim();
    if text.chars().count() > most {
        return Err(TextError::TooLong(most));
    }
    if text.chars().any(|c| c.is_control() && !allow.contains(&c)) {
        return Err(TextError::Control);
    }
    Ok(redact(text).into_owned())
}

/// A name of 1–128 characters, trimmed; the secret of a key that was pasted into it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let text = checked(text, 128, &[])?;
        if text.is_empty() { Err(TextError::Empty) } else { Ok(Self(text)) }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For comparing: Unicode case-folded.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// A description of up to 1024 characters, lines allowed.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Description(String);

impl Description {
    /// Reads one; empty is fine.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        checked(text, 1024, &['\n', '\r', '\t']).map(Self)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Unicode simple case folding, for comparing what people wrote.
pub fn fold(text: &str) -> String {
    unicase::UniCase::new(text).to_folded_case()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_bounded_and_compared_without_case() {
        assert_eq!(Name::parse("  CI  ").unwrap().as_str(), "CI");
        assert_eq!(Name::parse(" "), Err(TextError::Empty));
        assert_eq!(Name::parse(&"x".repeat(129)), Err(TextError::TooLong(128)));
        assert!(Name::parse(&"é".repeat(128)).is_ok());
        assert_eq!(Name::parse("a\u{0}b"), Err(TextError::Control));
        assert_eq!(Name::parse("STRASSE").unwrap().folded(), Name::parse("straße").unwrap().folded());
    }

    #[test]
    fn a_pasted_key_loses_its_secret() {
        let name = Name::parse(&format!("sxt_{}_{}", "a".repeat(12), "b".repeat(49))).unwrap();
        assert_eq!(name.as_str(), "sxt_aaaaaaaaaaaa_…");
    }
}
