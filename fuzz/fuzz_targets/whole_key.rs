//! Whole keys made of the fuzzer's bytes. The checksum is put together here, not by the code under test.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = 12;
const SECRET: usize = 43;

/// A key of the right form with the right checksum; missing bytes count as zero.
pub fn whole_key(bytes: &[u8]) -> Vec<u8> {
    let mut digits =
        bytes.iter().copied().chain(std::iter::repeat(0)).map(|byte| DIGITS[usize::from(byte) % 62]);
    let mut key = b"sxt_".to_vec();
    key.extend(digits.by_ref().take(ID));
    key.push(b'_');
    key.extend(digits.take(SECRET));
    let mut rest = crc32fast::hash(&key);
    let mut checksum = [b'0'; 6];
    for digit in checksum.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    key.extend(checksum);
    key
}
