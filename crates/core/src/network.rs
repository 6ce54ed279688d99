//! The networks that a key may be used from.

use ipnet::{IpNet, Ipv4Net};
use std::fmt;
use std::net::IpAddr;

/// One or more networks in CIDR notation; IPv4-mapped IPv6 is taken as IPv4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// What is wrong with a list of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// The list has no entry. Leaving it out means any network.
    Empty,
    /// More than [`Networks::MOST`] entries.
    TooMany,
    /// This entry is no address or network.
    NotANetwork(String),
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must name at least one network; leave it out to allow any"),
            Self::TooMany => write!(f, "has more than {} networks", Networks::MOST),
            Self::NotANetwork(text) => {
                write!(f, "has `{text}`, which is no network such as 10.0.0.0/8 or 2001:db8::/32")
            }
        }
    }
}

impl std::error::Error for NetworkError {}

impl Networks {
    /// How many entries a list may have.
    pub const MOST: usize = 256;

    /// Reads a list; a bare address is a network of one. Host bits are cleared.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, NetworkError> {
        if entries.is_empty() {
            return Err(NetworkError::Empty);
        }
        if entries.len() > Self::MOST {
            return Err(NetworkError::TooMany);
        }
        let mut networks =
            entries.iter().map(|entry| network(entry.as_ref())).collect::<Result<Vec<_>, _>>()?;
        networks.sort_unstable();
        networks.dedup();
        Ok(Self(networks))
    }

    /// Whether an address lies in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether every address of `other` lies in one of these.
    pub fn cover(&self, other: &Self) -> bool {
        let merged = IpNet::aggregate(&self.0);
        other.0.iter().all(|inner| merged.iter().any(|outer| outer.contains(inner)))
    }

    /// In CIDR notation.
    pub fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

fn network(text: &str) -> Result<IpNet, NetworkError> {
    let wrong = || NetworkError::NotANetwork(text.chars().take(60).collect());
    let trimmed = text.trim();
    let network: IpNet = match trimmed.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(trimmed.parse::<IpAddr>().map_err(|_| wrong())?),
    };
    let network = network.trunc();
    let IpNet::V6(six) = network else { return Ok(network) };
    match six.network().to_ipv4_mapped() {
        Some(four) if six.prefix_len() >= 96 => {
            Ok(Ipv4Net::new(four, six.prefix_len() - 96).map_err(|_| wrong())?.into())
        }
        _ => Ok(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mapped_addresses_are_ipv4() {
        let networks = Networks::parse(&["10.0.0.0/8", "::ffff:192.168.0.0/112"]).unwrap();
        assert!(networks.contain("::ffff:10.1.2.3".parse().unwrap()));
        assert!(networks.contain("192.168.9.9".parse().unwrap()));
        assert!(!networks.contain("11.0.0.1".parse().unwrap()));
        assert_eq!(networks.to_texts(), ["10.0.0.0/8", "192.168.0.0/16"]);
    }

    #[test]
    fn two_halves_cover_the_whole() {
        let halves = Networks::parse(&["10.0.0.0/9", "10.128.0.0/9"]).unwrap();
        assert!(halves.cover(&Networks::parse(&["10.0.0.0/8"]).unwrap()));
        assert!(!halves.cover(&Networks::parse(&["10.0.0.0/7"]).unwrap()));
    }

    #[test]
    fn what_is_no_network_is_named() {
        assert_eq!(Networks::parse::<&str>(&[]), Err(NetworkError::Empty));
        assert_eq!(Networks::parse(&["10.0.0.0/33"]), Err(NetworkError::NotANetwork("10.0.0.0/33".into())));
    }

    proptest! {
        #[test]
        fn covering_means_containing(outer in any::<u32>(), bits in 0u8..=32, inner in any::<u32>(), more in 0u8..=32, host in any::<u32>()) {
            let net = |address: u32, bits: u8| Networks::parse(&[format!("{}/{bits}", std::net::Ipv4Addr::from(address))]).unwrap();
            let (outer, small) = (net(outer, bits), net(inner, more));
            let mask = u32::MAX.checked_shr(u32::from(more)).unwrap_or(0);
            let address = IpAddr::from(std::net::Ipv4Addr::from((inner & !mask) | (host & mask)));
            prop_assert!(small.contain(address));
            if outer.cover(&small) {
                prop_assert!(outer.contain(address));
            }
        }
    }
}
