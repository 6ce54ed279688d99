//! Keys that Sextant never made, written from the contract alone.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A text of key form with the right checksum.
pub(crate) fn forged(id: &str, secret: &str) -> String {
    let body = format!("sxt_{id}_{secret}");
    let mut sum = crc32(body.as_bytes());
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(sum % 62) as usize];
        sum /= 62;
    }
    format!("{body}{}", String::from_utf8_lossy(&digits))
}

/// The same id with another secret and the right checksum.
pub(crate) fn other_secret(key: &str) -> String {
    let secret: String = key[17..60].chars().rev().collect();
    forged(&key[4..16], &secret)
}

/// CRC-32/ISO-HDLC.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
    })
}
