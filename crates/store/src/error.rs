//! What can go wrong with the database, as the rooms above need to tell it apart.

use std::fmt;

/// A failure of the store. Its text is for logs, never for clients.
#[derive(Debug)]
pub enum StoreError {
    /// A unique rule was broken; holds the rule's name or columns.
    Taken(String),
    /// The database cannot be reached, is full, or gave up waiting.
    Unavailable(String),
    /// The database was made by a newer version.
    Newer,
    /// The database belongs to another master key, the one with this fingerprint.
    OtherKey(String),
    /// A chain of the audit log does not bear the seal that it should: it was changed behind our back.
    Unsealed(String),
    /// Anything else: a defect of ours or a damaged file.
    Broken(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken(rule) => write!(f, "the unique rule {rule} was broken"),
            Self::Unavailable(cause) => write!(f, "the database is not available: {cause}"),
            Self::Newer => f.write_str(
                "the database was made by a newer version of Sextant; use that version or a newer one",
            ),
            Self::OtherKey(fingerprint) => {
                write!(
                    f,
                    "the database belongs to the master key with the fingerprint {fingerprint}, which is not in place \
                     here; put it there and start again"
                )
            }
            Self::Unsealed(chain) => {
                write!(f, "the audit log was changed behind Sextant's back (chain {chain})")
            }
            Self::Broken(cause) => write!(f, "the database answered unexpectedly: {cause}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// A stored value that does not read back.
    pub(crate) fn unreadable(what: &str, value: &str) -> Self {
        Self::Broken(format!("stored {what} `{value}` does not read back"))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(cause) if cause.is_unique_violation() => {
                Self::Taken(cause.constraint().map_or_else(|| cause.message().to_owned(), ToOwned::to_owned))
            }
            // SQLite: busy 5, locked 6, read-only 8, I/O 10, full 13, cannot open 14. PostgreSQL: classes 08, 53, 57.
            sqlx::Error::Database(cause) => {
                let code = cause.code().unwrap_or_default();
                let primary = code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|code| code & 0xff);
                let gone = matches!(primary, Some(5 | 6 | 8 | 10 | 13 | 14))
                    || (code.len() == 5 && ["08", "53", "57"].iter().any(|class| code.starts_with(class)));
                if gone { Self::Unavailable(error.to_string()) } else { Self::Broken(error.to_string()) }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unavailable(error.to_string()),
            _ => Self::Broken(error.to_string()),
        }
    }
}
