//! Power: what a key or person can do, and the one rule about handing it on.
//!
//! *No one grants, or obtains by rotating, power that they do not hold at that moment.*

use crate::network::Networks;
use crate::permission::PermissionSet;
use crate::time::Time;

/// What someone can do: permissions, from where, until when, how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Power {
    /// The permissions in force.
    pub permissions: PermissionSet,
    /// From which networks; `None` is any.
    pub networks: Option<Networks>,
    /// Until when; `None` is for ever.
    pub expires_at: Option<Time>,
    /// Requests a minute; `None` is unlimited.
    pub rate_per_minute: Option<u32>,
}

/// One way in which a power goes beyond another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// These permissions are not held.
    Permissions(PermissionSet),
    /// Used from networks that are not allowed.
    Networks,
    /// Lives longer.
    Expiry,
    /// Asks more often.
    Rate,
}

impl Excess {
    /// The field of a request that is too wide.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Permissions(_) => "scopes",
            Self::Networks => "allowedCidrs",
            Self::Expiry => "expiresAt",
            Self::Rate => "rateLimitPerMinute",
        }
    }
}

impl Power {
    /// A person's power: permissions without further bounds.
    pub const fn of_person(permissions: PermissionSet) -> Self {
        Self { permissions, networks: None, expires_at: None, rate_per_minute: None }
    }

    /// Where `other` goes beyond this power; empty means that this power covers it.
    pub fn excess_of(&self, other: &Self) -> Vec<Excess> {
        let mut excess = Vec::new();
        let missing = other.permissions.without(self.permissions);
        if !missing.is_empty() {
            excess.push(Excess::Permissions(missing));
        }
        let networks_held = match (&self.networks, &other.networks) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => mine.cover(theirs),
        };
        if !networks_held {
            excess.push(Excess::Networks);
        }
        if !bounded(self.expires_at, other.expires_at) {
            excess.push(Excess::Expiry);
        }
        if !bounded(self.rate_per_minute, other.rate_per_minute) {
            excess.push(Excess::Rate);
        }
        excess
    }

    /// Whether all of `other` lies within this power.
    pub fn covers(&self, other: &Self) -> bool {
        self.excess_of(other).is_empty()
    }
}

/// Whether `inner` stays within `outer`, where `None` is no bound.
fn bounded<T: PartialOrd>(outer: Option<T>, inner: Option<T>) -> bool {
    match (outer, inner) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(outer), Some(inner)) => inner <= outer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permission::Permission;
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn powers() -> impl Strategy<Value = Power> {
        let permissions = proptest::sample::subsequence(Permission::ALL, 0..=Permission::ALL.len());
        let network = (0u8..4, 6u8..=10).prop_map(|(a, bits)| format!("{a}.0.0.0/{bits}"));
        let networks = proptest::option::of(proptest::collection::vec(network, 1..3));
        (permissions, networks, proptest::option::of(0i64..5), proptest::option::of(1u32..5)).prop_map(
            |(permissions, networks, expiry, rate)| Power {
                permissions: permissions.into_iter().collect(),
                networks: networks.map(|list| Networks::parse(&list).unwrap()),
                expires_at: expiry.map(Time::from_micros),
                rate_per_minute: rate,
            },
        )
    }

    /// Whether a power opens one concrete request: the meaning that `covers` must keep.
    fn opens(power: &Power, permission: Permission, from: IpAddr, at: Time, nth_in_minute: u32) -> bool {
        power.permissions.has(permission)
            && power.networks.as_ref().is_none_or(|networks| networks.contain(from))
            && power.expires_at.is_none_or(|expiry| at < expiry)
            && power.rate_per_minute.is_none_or(|rate| nth_in_minute <= rate)
    }

    proptest! {
        #[test]
        fn a_covered_power_opens_nothing_more(
            outer in powers(), inner in powers(),
            permission in proptest::sample::select(Permission::ALL),
            first in 0u8..5, second in 0u8..=255, at in 0i64..6, nth in 1u32..6,
        ) {
            let from = IpAddr::from([first, second, 0, 1]);
            let at = Time::from_micros(at);
            if outer.covers(&inner) && opens(&inner, permission, from, at, nth) {
                prop_assert!(opens(&outer, permission, from, at, nth));
            }
        }

        #[test]
        fn covering_is_an_order(a in powers(), b in powers(), c in powers()) {
            prop_assert!(a.covers(&a));
            if a.covers(&b) && b.covers(&c) {
                prop_assert!(a.covers(&c));
            }
        }

        #[test]
        fn each_excess_is_named(power in powers()) {
            let nothing = Power {
                permissions: PermissionSet::EMPTY,
                networks: Some(Networks::parse(&["127.0.0.1"]).unwrap()),
                expires_at: Some(Time::from_micros(-1)),
                rate_per_minute: Some(0),
            };
            let fields: Vec<_> = nothing.excess_of(&power).into_iter().map(Excess::field).collect();
            prop_assert_eq!(fields.contains(&"scopes"), !power.permissions.is_empty());
            prop_assert!(fields.contains(&"allowedCidrs") && fields.contains(&"expiresAt") && fields.contains(&"rateLimitPerMinute"));
        }
    }
}
