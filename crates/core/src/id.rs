//! Identifiers: short base62 texts that name one thing each and cannot be mixed up with another's.

use crate::base62;
use crate::source::Entropy;
use std::fmt;

/// The public part of an API key: twelve base62 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 12]);

impl KeyId {
    /// Draws a new one.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut digits = [0; 12];
        base62::draw(entropy, &mut digits);
        Self(digits)
    }

    /// Reads twelve base62 characters; anything else is no key id.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; 12] = text.as_bytes().try_into().ok()?;
        base62::is_base62(&digits).then_some(Self(digits))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// As bytes.
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.as_str())
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Draws a new one of fourteen base62 characters (83 bits).
            pub fn draw(entropy: &dyn Entropy) -> Self {
                let mut digits = [0; 14];
                base62::draw(entropy, &mut digits);
                Self(String::from_utf8_lossy(&digits).into_owned())
            }

            /// Takes an id as it was stored or sent.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A person with a password or a single sign-on identity.
    UserId
);
text_id!(
    /// A project, unique over all organisations.
    ProjectId
);
text_id!(
    /// A role given to a person at a scope.
    BindingId
);

impl ProjectId {
    /// The project that every installation starts with.
    pub fn first() -> Self {
        Self("default".to_owned())
    }
}

/// The public name of an organisation or project in paths and queries: 1–128 characters of letters, digits,
/// `_`, `-` and `$`, starting with a letter, a digit or `_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier(String);

impl Identifier {
    /// Reads one; `None` where a character or the length does not fit.
    pub fn parse(text: &str) -> Option<Self> {
        let mut characters = text.chars();
        let first = characters.next()?;
        let fits = text.len() <= 128
            && (first.is_ascii_alphanumeric() || first == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'));
        fits.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
