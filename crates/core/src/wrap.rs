//! Secrets that are stored or handed on, wrapped: peppers of former master keys under the one in force, and a new master
//! key for one running process.
//!
//! Wrapping is XChaCha20-Poly1305 with a random nonce and with what the secret is as associated data, so that nothing that
//! was wrapped for one place opens in another.
//!
//! A new master key is not wrapped under the old one: whoever held that, and any copy of the database from this time, would
//! hold the new one as well, and a rotation would be worth nothing. Each process draws a key pair that never leaves its
//! memory ([`Heir`]); the new key is wrapped for that, in a way that takes the old key to make and to open, and that
//! nobody can open once the process has ended.

use crate::key::{MasterKey, PepperId, PepperSeed, hex, keyed, nibble};
use crate::source::Entropy;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::Mac;
use std::fmt;
use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

const NONCE: usize = 24;

fn seal(key: &[u8; 32], what: &str, secret: &[u8; 32], nonce: [u8; NONCE]) -> String {
    let message = Payload { msg: secret, aad: what.as_bytes() };
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), message)
        .unwrap_or_else(|_| unreachable!("thirty-two bytes are not too long"));
    hex(&nonce) + &hex(&sealed)
}

fn open(key: &[u8; 32], what: &str, text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = unhex(text)?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE)?;
    let nonce: [u8; NONCE] = nonce.try_into().ok()?;
    let message = Payload { msg: sealed, aad: what.as_bytes() };
    let opened = XChaCha20Poly1305::new(key.into()).decrypt(&XNonce::from(nonce), message).ok()?;
    let opened = Zeroizing::new(opened);
    Some(Zeroizing::new(opened.as_slice().try_into().ok()?))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

fn unhex_key(text: &str) -> Option<[u8; 32]> {
    unhex(text)?.try_into().ok()
}

fn draw<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

impl PepperSeed {
    /// Wraps it under a master key, to be stored.
    pub fn wrap(&self, master: &MasterKey, entropy: &dyn Entropy) -> String {
        let key = Zeroizing::new(master.derive(WRAPPING));
        seal(&key, &pepper(self.id), &self.key, draw(entropy))
    }

    /// Unwraps what was stored for this number; `None` if it was changed, is another's or was wrapped under another key.
    pub fn unwrap(id: PepperId, wrapped: &str, master: &MasterKey) -> Option<Self> {
        let key = Zeroizing::new(master.derive(WRAPPING));
        Some(Self { id, key: *open(&key, &pepper(id), wrapped)? })
    }
}

const WRAPPING: &str = "sextant/wrapping";

fn pepper(id: PepperId) -> String {
    format!("pepper {}", id.0)
}

/// The key pair by which one running process can be told a new master key. The secret half is nowhere but in its memory.
pub struct Heir {
    secret: StaticSecret,
    public: PublicKey,
}

impl fmt::Debug for Heir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Heir(…)")
    }
}

impl Heir {
    /// Draws one.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let secret = StaticSecret::from(draw::<32>(entropy));
        Self { public: PublicKey::from(&secret), secret }
    }

    /// The public half with a proof that it was put there by a process that has the master key. `name` is the process.
    pub fn announce(&self, name: &str, master: &MasterKey) -> String {
        hex(self.public.as_bytes()) + &hex(&proof(name, &self.public, master))
    }

    /// The new master key that was handed to this process by one that has the old one, too.
    pub fn receive(&self, name: &str, handed: &str, old: &MasterKey) -> Option<MasterKey> {
        let (sender, sealed) = handed.split_at_checked(64)?;
        let sender = PublicKey::from(unhex_key(sender)?);
        let key = agreed(&self.secret.diffie_hellman(&sender), &sender, &self.public, old);
        Some(MasterKey::from_bytes(*open(&key, &handover(name), sealed)?))
    }
}

/// Wraps a new master key for the process that announced itself so; `None` if that was not by someone with the old key.
pub fn hand_over(
    name: &str,
    announced: &str,
    (old, new): (&MasterKey, &MasterKey),
    entropy: &dyn Entropy,
) -> Option<String> {
    let (public, shown) = announced.split_at_checked(64)?;
    let public = PublicKey::from(unhex_key(public)?);
    let is_genuine: bool = proof(name, &public, old).ct_eq(&unhex_key(shown)?).into();
    if !is_genuine {
        return None;
    }
    let own = StaticSecret::from(draw::<32>(entropy));
    let sender = PublicKey::from(&own);
    let key = agreed(&own.diffie_hellman(&public), &sender, &public, old);
    Some(hex(sender.as_bytes()) + &seal(&key, &handover(name), new.reveal(), draw(entropy)))
}

fn proof(name: &str, public: &PublicKey, master: &MasterKey) -> [u8; 32] {
    let mut key = master.derive("sextant/heir");
    let proof = keyed(&key).chain_update(public.as_bytes()).chain_update(name).finalize();
    key.zeroize();
    proof.into_bytes().into()
}

/// What only the two ends know, and only while both have the old master key.
fn agreed(
    shared: &SharedSecret,
    sender: &PublicKey,
    receiver: &PublicKey,
    old: &MasterKey,
) -> Zeroizing<[u8; 32]> {
    let mut key = old.derive("sextant/handover");
    let agreed = keyed(&key)
        .chain_update(shared.as_bytes())
        .chain_update(sender.as_bytes())
        .chain_update(receiver.as_bytes())
        .finalize();
    key.zeroize();
    Zeroizing::new(agreed.into_bytes().into())
}

fn handover(name: &str) -> String {
    format!("master key for {name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base62::tests::Repeatable;
    use proptest::prelude::*;

    /// draft-irtf-cfrg-xchacha, appendix A.3.1.
    #[test]
    fn the_cipher_is_the_published_one() {
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
        let nonce: [u8; NONCE] = std::array::from_fn(|at| 0x40 + u8::try_from(at).unwrap());
        let message = Payload {
            msg: b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
            aad: &unhex("50515253c0c1c2c3c4c5c6c7").unwrap(),
        };
        let sealed = XChaCha20Poly1305::new(&key.into()).encrypt(&XNonce::from(nonce), message).unwrap();
        assert!(hex(&sealed).starts_with("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"));
        assert!(hex(&sealed).ends_with("c0875924c1c7987947deafd8780acf49"));
    }

    /// RFC 7748, section 6.1.
    #[test]
    fn the_agreement_is_the_published_one() {
        let key = |text: &str| unhex_key(text).unwrap();
        let bob = StaticSecret::from(key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
        let alice = PublicKey::from(key("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        let shared = bob.diffie_hellman(&alice);
        assert_eq!(
            hex(shared.as_bytes()),
            "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
        );
    }

    fn masters() -> (MasterKey, MasterKey) {
        (MasterKey::from_bytes([1; 32]), MasterKey::from_bytes([2; 32]))
    }

    #[test]
    fn a_pepper_opens_for_its_number_and_master_key_only() {
        let (old, new) = masters();
        let source = Repeatable::new(5);
        let seed = old.pepper_seed(PepperId(3));
        let wrapped = seed.wrap(&new, &source);
        assert_ne!(wrapped, seed.wrap(&new, &source), "no nonce comes twice");
        let again = PepperSeed::unwrap(PepperId(3), &wrapped, &new).unwrap();
        assert_eq!(again.key, seed.key);
        assert!(PepperSeed::unwrap(PepperId(4), &wrapped, &new).is_none());
        assert!(PepperSeed::unwrap(PepperId(3), &wrapped, &old).is_none());
        assert!(!wrapped.contains(&hex(&seed.key)));
    }

    #[test]
    fn a_new_master_key_reaches_whom_it_was_handed_to_and_nobody_else() {
        let (old, new) = masters();
        let source = Repeatable::new(6);
        let (heir, other) = (Heir::draw(&source), Heir::draw(&source));
        let announced = heir.announce("a", &old);
        let handed = hand_over("a", &announced, (&old, &new), &source).unwrap();
        assert_eq!(heir.receive("a", &handed, &old).unwrap().reveal(), new.reveal());
        assert!(other.receive("a", &handed, &old).is_none(), "the old key alone is of no use");
        assert!(heir.receive("b", &handed, &old).is_none());
        assert!(heir.receive("a", &handed, &new).is_none());
        // Whoever can write in the database, and has not the master key, is given nothing.
        assert!(hand_over("b", &announced, (&old, &new), &source).is_none());
        let forged = Heir::draw(&source).announce("a", &MasterKey::from_bytes([3; 32]));
        assert!(hand_over("a", &forged, (&old, &new), &source).is_none());
        for wrong in ["", "00", &announced[..64], &announced[..127]] {
            assert!(hand_over("a", wrong, (&old, &new), &source).is_none());
            assert!(heir.receive("a", wrong, &old).is_none());
        }
    }

    #[test]
    fn nothing_of_it_prints() {
        let (old, _) = masters();
        let seed = old.pepper_seed(PepperId(1));
        let shown = format!("{seed:?} {:?}", Heir::draw(&Repeatable::new(7)));
        assert_eq!(shown, "PepperSeed(1) Heir(…)");
    }

    proptest! {
        #[test]
        fn tampering_is_noticed(seed in any::<u64>(), at in any::<prop::sample::Index>(), with in 0usize..16) {
            let (old, new) = masters();
            let mut text = old.pepper_seed(PepperId(1)).wrap(&new, &Repeatable::new(seed)).into_bytes();
            let at = at.index(text.len());
            prop_assume!(text[at] != b"0123456789abcdef"[with]);
            text[at] = b"0123456789abcdef"[with];
            let text = String::from_utf8(text).unwrap();
            prop_assert!(PepperSeed::unwrap(PepperId(1), &text, &new).is_none());
            prop_assert!(PepperSeed::unwrap(PepperId(1), &text[1..], &new).is_none());
        }
    }
}
