//! How a use case says no.

use sextant_core::access::Denied;
use sextant_core::code::Code;
use sextant_core::developer::ValidationError;
use sextant_store::StoreError;
use std::fmt;
use std::time::Duration;

/// Why a use case did not do what it was asked. The message is for the client; the cause is for the log.
#[derive(Debug)]
pub struct Failure {
    /// For programs.
    pub code: Code,
    /// For people: names the field and the fix.
    pub message: String,
    /// For the log: what was underneath.
    pub cause: Option<String>,
    /// When to come back, with 429 and 503.
    pub retry_after: Option<Duration>,
    /// What is wrong with developer records: answered in the published form.
    pub validation: Option<Vec<ValidationError>>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if let Some(cause) = &self.cause {
            write!(f, " ({cause})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// With a message of its own.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), cause: None, retry_after: None, validation: None }
    }

    /// With the code's general meaning as message.
    pub fn of(code: Code) -> Self {
        Self::new(code, code.meaning())
    }

    /// A field that does not fit.
    pub fn invalid(field: &str, problem: impl fmt::Display) -> Self {
        Self::new(Code::InvalidRequest, format!("{field} {problem}"))
    }

    /// There is no such thing (or it is not the caller's to see).
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what} here"))
    }

    /// Developer records that break the rules.
    pub fn validation(errors: Vec<ValidationError>) -> Self {
        let mut failure = Self::new(Code::InvalidRequest, "the developer records break the rules");
        failure.validation = Some(errors);
        failure
    }

    /// The same with a time to come back.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The server cannot tell.
    pub fn unavailable(cause: impl Into<String>) -> Self {
        let mut failure = Self::of(Code::Unavailable).after(Duration::from_secs(1));
        failure.cause = Some(cause.into());
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) | StoreError::OtherKey(_) => Self::unavailable(error.to_string()),
            StoreError::Taken(_) => {
                let mut failure =
                    Self::new(Code::Conflict, "something else was stored at the same time; try again");
                failure.cause = Some(error.to_string());
                failure
            }
            StoreError::Newer | StoreError::Unsealed(_) | StoreError::Broken(_) => {
                let mut failure = Self::of(Code::Internal);
                failure.cause = Some(error.to_string());
                failure
            }
        }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Permission(permission) => {
                Self::new(Code::PermissionDenied, format!("this needs the permission `{permission}`"))
            }
            Denied::WrongProject => Self::of(Code::WrongProject),
        }
    }
}
