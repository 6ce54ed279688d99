//! Base62 digits `0-9A-Za-z`: drawn without bias, and numbers written in them.

use crate::source::Entropy;

/// The digits in order of value.
pub const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Fills `out` with digits drawn uniformly: bytes of 248 and above are thrown away, since 248 = 4 × 62.
pub fn draw(entropy: &dyn Entropy, out: &mut [u8]) {
    let mut pool = [0u8; 64];
    // A few bytes more than digits: one in thirty-two is thrown away.
    let drawn = (out.len() + 4).min(pool.len());
    let pool_drawn = &mut pool[..drawn];
    let mut at = drawn;
    for digit in out {
        *digit = loop {
            if at == drawn {
                entropy.fill(pool_drawn);
                at = 0;
            }
            let byte = pool_drawn[at];
            at += 1;
            if byte < 248 {
                break DIGITS[usize::from(byte % 62)];
            }
        };
    }
    zeroize::Zeroize::zeroize(&mut pool);
}

/// Whether every byte is a base62 digit.
pub fn is_base62(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_alphanumeric)
}

/// Writes a 32-bit number in six digits, most significant first, left-padded with `0`.
pub fn six_digits(mut number: u32) -> [u8; 6] {
    let mut out = [b'0'; 6];
    for digit in out.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    out
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Mutex;

    /// A repeatable source for tests: a small xorshift.
    pub(crate) struct Repeatable(Mutex<u64>);

    impl Repeatable {
        pub(crate) fn new(seed: u64) -> Self {
            Self(Mutex::new(seed | 1))
        }
    }

    impl Entropy for Repeatable {
        fn fill(&self, buffer: &mut [u8]) {
            let mut state = self.0.lock().unwrap();
            for byte in buffer {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                *byte = state.to_le_bytes()[3];
            }
        }
    }

    #[test]
    fn digits_are_drawn_evenly() {
        let mut digits = vec![0u8; 62_000];
        draw(&Repeatable::new(7), &mut digits);
        let mut counts = [0u32; 128];
        for digit in digits {
            counts[usize::from(digit)] += 1;
        }
        for digit in DIGITS {
            let count = counts[usize::from(*digit)];
            assert!((800..1200).contains(&count), "{} came {count} times", *digit as char);
        }
    }

    #[test]
    fn numbers_are_padded_to_six_digits() {
        assert_eq!(&six_digits(0), b"000000");
        assert_eq!(&six_digits(61), b"00000z");
        assert_eq!(&six_digits(62), b"000010");
        assert_eq!(&six_digits(u32::MAX), b"4gfFC3");
    }
}
