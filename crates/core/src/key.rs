//! API keys: `sxt_` + key id (12) + `_` + secret (43) + checksum (6), all digits base62.
//!
//! The checksum is CRC-32/ISO-HDLC of everything before it, so that garbage is refused before any hash or
//! look-up. What is stored of a key is [`KeyMac`]: HMAC-SHA-256 of the whole key under a pepper that is derived
//! from the master key and never stands in the database.

use crate::base62;
use crate::id::KeyId;
use crate::source::Entropy;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// What every key starts with.
pub const PREFIX: &str = "sxt_";
/// Characters in a whole key.
pub const LENGTH: usize = 66;
const ID: std::ops::Range<usize> = 4..16;
const SECRET: std::ops::Range<usize> = 17..60;

/// A whole key as its holder has it. It does not print; [`ApiKey::reveal`] is the only way to its text.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ApiKey([u8; LENGTH]);

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey(sxt_{}_…)", self.id())
    }
}

/// Why a text is no key. This much is public knowledge: it needs no secret to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// Not of the form at all.
    Form,
    /// The form is right, the last six characters do not belong to the rest: a typing or copying error.
    Checksum,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "is not of the form of a key (sxt_ + 12 characters + _ + 49 characters)",
            Self::Checksum => "has a wrong checksum; a character is missing or mistyped",
        })
    }
}

impl std::error::Error for KeyError {}

impl ApiKey {
    /// Draws a new secret for `id`.
    pub fn draw(id: KeyId, entropy: &dyn Entropy) -> Self {
        let mut text = [b'_'; LENGTH];
        text[..4].copy_from_slice(PREFIX.as_bytes());
        text[ID].copy_from_slice(id.as_bytes());
        base62::draw(entropy, &mut text[SECRET]);
        let checksum = base62::six_digits(crc32fast::hash(&text[..SECRET.end]));
        text[SECRET.end..].copy_from_slice(&checksum);
        Self(text)
    }

    /// Reads a key: form first, then checksum.
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; LENGTH] = text.try_into().map_err(|_| KeyError::Form)?;
        let formed = bytes.starts_with(PREFIX.as_bytes())
            && bytes[ID.end] == b'_'
            && base62::is_base62(&bytes[ID])
            && base62::is_base62(&bytes[SECRET.start..]);
        if !formed {
            return Err(KeyError::Form);
        }
        if base62::six_digits(crc32fast::hash(&bytes[..SECRET.end])) != bytes[SECRET.end..] {
            return Err(KeyError::Checksum);
        }
        Ok(Self(bytes))
    }

    /// The public part.
    pub fn id(&self) -> KeyId {
        KeyId::parse(std::str::from_utf8(&self.0[ID]).unwrap_or_default())
            .unwrap_or_else(|| unreachable!("a key holds twelve base62 characters"))
    }

    /// The text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// 32 random bytes from which every other secret of an installation is derived.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// Draws a new one.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// Takes the bytes as they stand in the file.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be written to the file.
    pub const fn reveal(&self) -> &[u8; 32] {
        &self.0
    }

    /// A subkey for one purpose: HMAC-SHA-256 of the label under the master key.
    pub(crate) fn derive(&self, label: &str) -> [u8; 32] {
        keyed(&self.0).chain_update(label).finalize().into_bytes().into()
    }

    /// What the database remembers of the master key, so that another one is noticed: 16 hex digits.
    pub fn fingerprint(&self) -> String {
        hex(&self.derive("sextant/fingerprint")[..8])
    }

    /// The pepper with this number.
    pub fn pepper(&self, id: PepperId) -> Pepper {
        self.pepper_seed(id).pepper()
    }

    /// What that pepper is made from.
    pub fn pepper_seed(&self, id: PepperId) -> PepperSeed {
        PepperSeed { id, key: self.derive(&format!("sextant/pepper/{}", id.0)) }
    }

    /// The seal of the audit log's chain heads.
    pub fn seal(&self) -> Seal {
        let mut key = self.derive("sextant/audit-seal");
        let seal = Seal(keyed(&key));
        key.zeroize();
        seal
    }
}

pub(crate) fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

/// Which pepper a stored verifier was made under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PepperId(pub u16);

/// What a pepper is made from. It is derived from a master key, and outlives that wrapped under the one that follows
/// ([`crate::wrap`]).
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PepperSeed {
    #[zeroize(skip)]
    pub(crate) id: PepperId,
    pub(crate) key: [u8; 32],
}

impl fmt::Debug for PepperSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PepperSeed({})", self.id.0)
    }
}

impl PepperSeed {
    /// Its number.
    pub const fn id(&self) -> PepperId {
        self.id
    }

    /// The pepper.
    pub fn pepper(&self) -> Pepper {
        Pepper { id: self.id, state: keyed(&self.key) }
    }
}

/// A key for verifiers, kept in memory only.
#[derive(Clone)]
pub struct Pepper {
    id: PepperId,
    state: Hmac<Sha256>,
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pepper({})", self.id.0)
    }
}

impl Pepper {
    /// Its number.
    pub const fn id(&self) -> PepperId {
        self.id
    }

    /// The verifier of an API key.
    pub fn mac(&self, key: &ApiKey) -> KeyMac {
        KeyMac(self.digest(&key.0))
    }

    /// The verifier of a session or set-up token.
    pub fn token_mac(&self, token: &Token) -> KeyMac {
        KeyMac(self.digest(token.0.as_bytes()))
    }

    fn digest(&self, message: &[u8]) -> [u8; 32] {
        self.state.clone().chain_update(message).finalize().into_bytes().into()
    }
}

/// The peppers that verifiers are held against: the current one, and those before it that still count.
#[derive(Clone, Debug)]
pub struct Peppers {
    current: Pepper,
    former: Vec<Pepper>,
}

impl Peppers {
    /// The current one, and those before it.
    pub fn new(current: Pepper, former: Vec<Pepper>) -> Self {
        Self { current, former }
    }

    /// The one that new verifiers are made under.
    pub const fn current(&self) -> &Pepper {
        &self.current
    }

    /// The one with this number; `None` if it counts no more.
    pub fn get(&self, id: PepperId) -> Option<&Pepper> {
        if id == self.current.id {
            return Some(&self.current);
        }
        self.former.iter().find(|pepper| pepper.id == id)
    }

    /// The verifiers of a token under all of them, the current one's first.
    pub fn token_macs(&self, token: &Token) -> Vec<KeyMac> {
        std::iter::once(&self.current).chain(&self.former).map(|pepper| pepper.token_mac(token)).collect()
    }
}

/// The stored verifier of a secret. Equality takes the same time wherever the first difference is.
#[derive(Clone, Copy, Eq)]
pub struct KeyMac([u8; 32]);

impl PartialEq for KeyMac {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for KeyMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyMac(…)")
    }
}

impl KeyMac {
    /// As it is stored: 64 hex digits.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// From its stored form.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }
}

pub(crate) fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Lower-case hex digits.
pub fn hex(bytes: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(HEX[usize::from(byte >> 4)] as char);
        text.push(HEX[usize::from(byte & 15)] as char);
    }
    text
}

/// SHA-256 in hex: for things that are compared, not kept secret (bodies of idempotent requests, chain links).
pub fn sha256_hex(message: &[u8]) -> String {
    hex(&Sha256::digest(message))
}

/// Seals chain heads, so that cutting the log's end and its head together is still seen.
#[derive(Clone)]
pub struct Seal(Hmac<Sha256>);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// The seal of which chains there are, in hex. Their order does not matter.
    pub fn over_chains(&self, chains: &[String]) -> String {
        let mut chains: Vec<&str> = chains.iter().map(String::as_str).collect();
        chains.sort_unstable();
        let message = format!("chains\n{}", chains.join("\n"));
        hex(&self.0.clone().chain_update(message).finalize().into_bytes())
    }

    /// The seal of a chain that ends with entry number `sequence` and link `hash`, in hex.
    pub fn over(&self, chain: &str, sequence: i64, hash: &str) -> String {
        let message = format!("{chain}\n{sequence}\n{hash}");
        hex(&self.0.clone().chain_update(message).finalize().into_bytes())
    }
}

/// A session's or set-up link's token: 43 base62 digits (256 bits). It does not print.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Draws a new one.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut digits = vec![0; 43];
        base62::draw(entropy, &mut digits);
        Self(String::from_utf8(digits).unwrap_or_default())
    }

    /// Reads one that was sent; `None` where it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 43 && base62::is_base62(text.as_bytes())).then(|| Self(text.to_owned()))
    }

    /// The text, for the cookie or link that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base62::tests::Repeatable;
    use proptest::prelude::*;

    fn some_key(seed: u64) -> ApiKey {
        let source = Repeatable::new(seed);
        ApiKey::draw(KeyId::draw(&source), &source)
    }

    #[test]
    fn the_checksum_is_the_published_crc() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926, "CRC-32/ISO-HDLC check value");
        let text = some_key(1).reveal().to_owned();
        assert_eq!(text.len(), LENGTH);
        assert_eq!(
            &text[60..],
            std::str::from_utf8(&base62::six_digits(crc32fast::hash(&text.as_bytes()[..60]))).unwrap()
        );
    }

    #[test]
    fn keys_and_verifiers_do_not_print() {
        let key = some_key(2);
        let pepper = MasterKey::from_bytes([7; 32]).pepper(PepperId(1));
        let shown = format!("{key:?} {pepper:?} {:?} {:?}", pepper.mac(&key), MasterKey::from_bytes([7; 32]));
        assert!(!shown.contains(&key.reveal()[17..]), "{shown}");
    }

    #[test]
    fn another_pepper_gives_another_verifier() {
        let master = MasterKey::from_bytes([7; 32]);
        let key = some_key(3);
        assert_eq!(master.pepper(PepperId(1)).mac(&key), master.pepper(PepperId(1)).mac(&key));
        assert_ne!(master.pepper(PepperId(1)).mac(&key), master.pepper(PepperId(2)).mac(&key));
    }

    proptest! {
        #[test]
        fn a_drawn_key_reads_back(seed in any::<u64>()) {
            let key = some_key(seed);
            let again = ApiKey::parse(key.reveal().as_bytes()).unwrap();
            prop_assert_eq!(again.id(), key.id());
            prop_assert_eq!(again.reveal(), key.reveal());
        }

        #[test]
        fn one_changed_character_is_noticed(seed in any::<u64>(), at in 0..LENGTH, with in 0usize..62) {
            let key = some_key(seed);
            let mut text = key.reveal().as_bytes().to_vec();
            prop_assume!(text[at] != base62::DIGITS[with]);
            text[at] = base62::DIGITS[with];
            prop_assert!(ApiKey::parse(&text).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(ApiKey::parse(&bytes).is_err());
        }

        #[test]
        fn verifiers_read_back(bytes in any::<[u8; 32]>()) {
            let mac = KeyMac(bytes);
            prop_assert_eq!(KeyMac::from_hex(&mac.to_hex()), Some(mac));
        }
    }
}
