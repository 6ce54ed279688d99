//! One key as verification needs it.

use sextant_core::access::Project;
use sextant_core::id::KeyId;
use sextant_core::key::{KeyMac, PepperId};
use sextant_core::limit::RateLimit;
use sextant_core::network::Networks;
use sextant_core::permission::PermissionSet;
use sextant_core::power::Power;
use sextant_core::time::Time;
use sextant_store::RingRow;
use std::sync::Arc;

/// A key in memory: about 150 bytes, so that a million fit where a page of a browser does.
#[derive(Debug)]
pub struct Entry {
    /// Its public part.
    pub id: KeyId,
    /// Whether it is switched on.
    pub enabled: bool,
    pub(crate) pepper: PepperId,
    pub(crate) mac: KeyMac,
    /// What it may do.
    pub permissions: PermissionSet,
    /// Requests a minute, if limited.
    pub rate_per_minute: Option<u32>,
    /// Until when, if limited.
    pub expires_at: Option<Time>,
    /// Its project.
    pub project: Arc<Project>,
    pub(crate) change: i64,
    pub(crate) limit: RateLimit,
    /// What most keys do not have.
    pub(crate) extra: Option<Box<Extra>>,
}

/// What few keys have.
#[derive(Debug)]
pub(crate) struct Extra {
    pub(crate) networks: Option<Networks>,
    pub(crate) parent: Option<KeyId>,
    pub(crate) former: Vec<Former>,
}

/// A secret that was rotated out.
#[derive(Debug)]
pub(crate) struct Former {
    pub(crate) mac: KeyMac,
    pub(crate) pepper: PepperId,
    pub(crate) valid_until: Time,
    pub(crate) ends_on_first_use: bool,
}

impl Entry {
    /// The key's own power, without what its parent bounds.
    pub fn power(&self) -> Power {
        Power {
            permissions: self.permissions,
            networks: self.networks().cloned(),
            expires_at: self.expires_at,
            rate_per_minute: self.rate_per_minute,
        }
    }

    pub(crate) fn networks(&self) -> Option<&Networks> {
        self.extra.as_ref()?.networks.as_ref()
    }

    pub(crate) fn parent(&self) -> Option<KeyId> {
        self.extra.as_ref()?.parent
    }

    pub(crate) fn former(&self) -> &[Former] {
        self.extra.as_ref().map_or(&[], |extra| &extra.former)
    }
}

impl From<RingRow> for Entry {
    fn from(row: RingRow) -> Self {
        let former: Vec<Former> = row
            .former
            .into_iter()
            .map(|secret| Former {
                mac: secret.mac,
                pepper: secret.pepper,
                valid_until: secret.valid_until,
                ends_on_first_use: secret.ends_on_first_use,
            })
            .collect();
        let plain = row.networks.is_none() && row.parent.is_none() && former.is_empty();
        let extra = (!plain).then(|| Box::new(Extra { networks: row.networks, parent: row.parent, former }));
        Self {
            id: row.id,
            enabled: row.enabled,
            pepper: row.pepper,
            mac: row.mac,
            permissions: row.permissions,
            rate_per_minute: row.rate_per_minute,
            expires_at: row.expires_at,
            project: row.project,
            change: row.change,
            limit: RateLimit::default(),
            extra,
        }
    }
}
