//! The hot path: is this a key of ours, and may it be used here and now? No database, no lock across an await.

use crate::Sextant;
use crate::error::Failure;
use crate::ring::Entry;
use sextant_core::code::Code;
use sextant_core::key::{ApiKey, KeyMac, PepperId};
use sextant_core::limit::Allowance;
use sextant_core::permission::PermissionSet;
use sextant_core::time::Time;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A key that was let in.
#[derive(Debug)]
pub struct Admission {
    /// The key.
    pub entry: Arc<Entry>,
    /// What it may do at this moment: its own permissions within its parent's.
    pub permissions: PermissionSet,
    /// What is left of its rate, if it has one, and the rate.
    pub allowance: Option<(u32, Allowance)>,
    /// The secret is new and its first use ends the old one, which must hold everywhere before this is answered.
    pub ends_overlap: bool,
}

/// The moment of a request, read once.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Time of day.
    pub now: Time,
    /// The later of that and the latest time that this node has seen: expiry is judged by it, so that a clock which is
    /// set back brings nothing back.
    pub judged: Time,
    /// The process clock.
    pub monotonic: Duration,
}

/// A secret of the key: its stored verifier and the pepper of that.
struct Verified {
    mac: KeyMac,
    pepper: PepperId,
}

enum Match {
    Current(Verified),
    Former(Verified),
    RotatedOut,
    None,
}

impl Sextant {
    /// Lets a key in or says why not.
    pub fn admit(&self, key: &ApiKey, address: Option<IpAddr>, moment: Moment) -> Result<Admission, Failure> {
        if !self.ring.is_trusted(moment.monotonic) {
            return Err(Failure::unavailable("the key ring is not current"));
        }
        let entry = self.ring.get(key.id());
        let Some(entry) = entry else {
            // The same work as for a known key, so that time does not tell which ids exist.
            let mac = self.store.secrets().peppers.current().mac(key);
            let _ = mac == self.nobody;
            return Err(Failure::of(Code::InvalidApiKey));
        };
        let (verified, is_current) = match self.matches(&entry, key, moment.judged) {
            Match::None => return Err(Failure::of(Code::InvalidApiKey)),
            Match::RotatedOut => {
                self.saw(moment.judged);
                self.notices.rotated_out(&entry, address);
                return Err(Failure::of(Code::InvalidApiKey));
            }
            Match::Current(verified) => (verified, true),
            Match::Former(verified) => (verified, false),
        };
        let mut permissions = entry.permissions;
        let rate = entry.rate_per_minute;
        self.check(&entry, &entry, address, moment)?;
        let mut allowance = rate.map(|rate| (rate, entry.limit.ask(rate, moment.monotonic)));
        let mut parent = entry.parent();
        while let Some(id) = parent {
            let Some(above) = self.ring.get(id) else { return Err(Failure::of(Code::InvalidApiKey)) };
            self.check(&above, &entry, address, moment)?;
            permissions = permissions.and(above.permissions);
            // What a key's children ask comes out of what the key itself may ask, however many they are.
            if let Some(rate) = above.rate_per_minute {
                let bound = above.limit.ask(rate, moment.monotonic);
                if allowance.is_none_or(|(_, own)| own.allowed && bound.remaining < own.remaining) {
                    allowance = Some((rate, bound));
                }
            }
            parent = above.parent();
        }
        self.rekeying.note(&self.store.secrets().peppers, key, verified.pepper, verified.mac);
        let ends_overlap = is_current && entry.former().iter().any(|former| former.ends_on_first_use);
        Ok(Admission { entry, permissions, allowance, ends_overlap })
    }

    /// A key's own state, or that of one above it. The right secret from a wrong place is worth knowing.
    fn check(
        &self,
        entry: &Entry,
        used: &Entry,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<(), Failure> {
        let checked = check_state(entry, address, moment.judged);
        match checked.as_ref().map_err(|failure| failure.code) {
            Err(Code::AddressNotAllowed) => self.notices.wrong_network(used, address),
            Err(Code::ApiKeyExpired) => self.saw(moment.judged),
            _ => {}
        }
        checked
    }

    /// Which of the key's secrets this is.
    fn matches(&self, entry: &Entry, key: &ApiKey, now: Time) -> Match {
        let secrets = self.store.secrets();
        let peppers = &secrets.peppers;
        // A pepper that was ended counts for nothing; the work is done all the same.
        let under = |id| (peppers.get(id).is_some(), peppers.get(id).unwrap_or(peppers.current()).mac(key));
        let (counts, mac) = under(entry.pepper);
        if counts && mac == entry.mac {
            return Match::Current(Verified { mac, pepper: entry.pepper });
        }
        for former in entry.former() {
            let (counts, mac) =
                if former.pepper == entry.pepper { (counts, mac) } else { under(former.pepper) };
            if counts && mac == former.mac {
                if former.valid_until <= now {
                    return Match::RotatedOut;
                }
                return Match::Former(Verified { mac, pepper: former.pepper });
            }
        }
        Match::None
    }

    /// Whether this is a live secret of ours: for marking it exposed. Asks nothing of address or rate.
    pub fn is_live(&self, key: &ApiKey, now: Time) -> bool {
        self.ring.get(key.id()).is_some_and(|entry| {
            entry.expires_at.is_none_or(|expiry| expiry > now)
                && matches!(self.matches(&entry, key, now), Match::Current(_) | Match::Former(_))
        })
    }

    /// Counts a request of a key.
    pub fn count_use(&self, entry: &Entry, now: Time, address: Option<IpAddr>, user_agent: &str) {
        self.usage.count(entry.id, now, address, user_agent);
    }
}

fn check_state(entry: &Entry, address: Option<IpAddr>, now: Time) -> Result<(), Failure> {
    if !entry.enabled {
        return Err(Failure::of(Code::ApiKeyDisabled));
    }
    if entry.expires_at.is_some_and(|expiry| expiry <= now) {
        return Err(Failure::of(Code::ApiKeyExpired));
    }
    if let Some(networks) = entry.networks()
        && !address.is_some_and(|address| networks.contain(address))
    {
        return Err(Failure::of(Code::AddressNotAllowed));
    }
    Ok(())
}

/// A verifier that no key has, to compare with where there is none.
pub(crate) fn nobody() -> KeyMac {
    KeyMac::from_hex(&"0".repeat(64)).unwrap_or_else(|| unreachable!("sixty-four digits"))
}
