//! Who used which key when: counted in memory beside the request, written down in batches by a job.
//!
//! After a clean stop nothing is missing; after a crash at most what came since the last batch
//! ([`crate::jobs::USAGE_EVERY`]).

use hashbrown::HashMap;
use sextant_core::id::KeyId;
use sextant_core::redact::redact;
use sextant_core::time::Time;
use sextant_store::UsageDelta;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

const SHARDS: usize = 32;

#[derive(Clone, Debug)]
pub(crate) struct Use {
    pub(crate) requests: i64,
    pub(crate) at: Time,
    pub(crate) address: Option<IpAddr>,
    pub(crate) user_agent: String,
}

#[derive(Debug)]
pub(crate) struct Usage {
    shards: Vec<Mutex<HashMap<KeyId, Use>>>,
}

impl Default for Usage {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl Usage {
    fn shard(&self, id: KeyId) -> &Mutex<HashMap<KeyId, Use>> {
        &self.shards[usize::from(id.as_bytes()[11]) % SHARDS]
    }

    /// Counts one request.
    pub(crate) fn count(&self, id: KeyId, at: Time, address: Option<IpAddr>, user_agent: &str) {
        let mut shard = self.shard(id).lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = shard.get_mut(&id) else {
            shard.insert(id, Use { requests: 1, at, address, user_agent: user_agent.to_owned() });
            return;
        };
        known.requests += 1;
        known.at = known.at.max(at);
        known.address = address;
        if known.user_agent != user_agent {
            user_agent.clone_into(&mut known.user_agent);
        }
    }

    /// What is not yet written down of one key.
    pub(crate) fn pending(&self, id: KeyId) -> Option<Use> {
        self.shard(id).lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Takes everything out, to be written down.
    pub(crate) fn drain(&self) -> Vec<UsageDelta> {
        let mut deltas = Vec::new();
        for shard in &self.shards {
            let uses = std::mem::take(&mut *shard.lock().unwrap_or_else(PoisonError::into_inner));
            deltas.extend(uses.into_iter().map(|(id, used)| UsageDelta {
                id,
                requests: used.requests,
                at: used.at,
                address: used.address.map_or_else(String::new, |address| address.to_string()),
                user_agent: redact(&used.user_agent).into_owned(),
            }));
        }
        deltas
    }
}
