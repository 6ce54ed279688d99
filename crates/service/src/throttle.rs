//! Slowing down those who guess: failed sign-ins are limited for each e-mail address and for each client address.

use crate::error::Failure;
use sextant_core::code::Code;
use sextant_core::limit::RateLimit;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Failures a minute for one e-mail address, and for one client address.
const BY_EMAIL: u32 = 10;
const BY_ADDRESS: u32 = 60;
/// How many are remembered; when there are more, the quiet ones are forgotten.
const MOST: usize = 20_000;

#[derive(Debug, Default)]
pub(crate) struct Throttle {
    limits: Mutex<HashMap<String, RateLimit>>,
}

impl Throttle {
    /// Takes one attempt out; [`Throttle::give_back`] after a success.
    pub(crate) fn attempt(&self, email: &str, address: &str, now: Duration) -> Result<(), Failure> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.len() > MOST {
            limits.retain(|_, limit| !limit.is_full(now));
        }
        for (name, per_minute) in
            [(format!("email {email}"), BY_EMAIL), (format!("address {address}"), BY_ADDRESS)]
        {
            let allowance = limits.entry(name).or_default().ask(per_minute, now);
            if !allowance.allowed {
                return Err(Failure::new(Code::RateLimited, "too many failed sign-ins; wait a little")
                    .after(allowance.retry_after));
            }
        }
        Ok(())
    }

    /// A success costs nothing.
    pub(crate) fn give_back(&self, email: &str, address: &str) {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.remove(&format!("email {email}"));
        if let Some(limit) = limits.get(&format!("address {address}")) {
            limit.give_back(BY_ADDRESS);
        }
    }
}
