//! Hashing: Argon2id at the parameters that OWASP recommends (19 MiB, two passes), never on a thread that answers
//! requests, and few at a time, so that signing in cannot be used to exhaust the machine.

use crate::error::Failure;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sextant_core::code::Code;
use sextant_core::source::Entropy;
use std::sync::Arc;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// The shortest password.
pub(crate) const SHORTEST: usize = 8;
const LONGEST: usize = 256;

/// A password as it was typed. It does not print and is wiped.
#[derive(Clone)]
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    /// For setting: long enough, not absurdly long.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let length = text.chars().count();
        if length < SHORTEST {
            return Err(Failure::invalid("password", format!("must have at least {SHORTEST} characters")));
        }
        if length > LONGEST {
            return Err(Failure::invalid("password", format!("must have at most {LONGEST} characters")));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// For comparing: whatever was typed.
    pub(crate) fn typed(text: &str) -> Self {
        Self(Zeroizing::new(text.chars().take(LONGEST + 1).collect()))
    }
}

#[derive(Debug)]
pub(crate) struct Hashing {
    turns: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(2)) }
    }
}

impl Hashing {
    /// The hash of a password in PHC form.
    pub(crate) async fn hash(&self, password: Password, entropy: &dyn Entropy) -> Result<String, Failure> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        self.work(move || {
            let hash: Result<PasswordHash, _> =
                Argon2::default().hash_password_with_salt(password.0.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| broken(&error.to_string()))
        })
        .await?
    }

    /// Whether a password fits a hash. Without a hash the same work is done and the answer is no.
    pub(crate) async fn fits(&self, password: Password, hash: Option<String>) -> Result<bool, Failure> {
        self.work(move || {
            let Some(hash) = hash else {
                let _: Result<PasswordHash, _> =
                    Argon2::default().hash_password_with_salt(password.0.as_bytes(), &[0; 16]);
                return Ok(false);
            };
            let parsed = PasswordHash::new(&hash).map_err(|error| broken(&error.to_string()))?;
            Ok(Argon2::default().verify_password(password.0.as_bytes(), &parsed).is_ok())
        })
        .await?
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let turn = self.turns.clone().acquire_owned().await.map_err(|error| broken(&error.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| broken(&error.to_string()))
    }
}

fn broken(cause: &str) -> Failure {
    let mut failure = Failure::of(Code::Internal);
    failure.cause = Some(cause.to_owned());
    failure
}
