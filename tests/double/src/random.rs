//! Random identifiers.

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use ring::rand::{SecureRandom, SystemRandom};

/// This many random bytes.
///
/// # Panics
/// If the operating system has none.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}

/// This many random bytes as hexadecimal digits.
pub(crate) fn hex(count: usize) -> String {
    HEXLOWER.encode(&bytes(count))
}

/// This many letters, digits, dashes and underscores.
pub(crate) fn text(length: usize) -> String {
    let mut text = BASE64URL_NOPAD.encode(&bytes(length));
    text.truncate(length);
    text
}

/// This many letters and digits.
pub(crate) fn alphanumeric(length: usize) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    bytes(length)
        .into_iter()
        .map(|byte| char::from(alphabet[usize::from(byte) % alphabet.len()]))
        .collect()
}

/// Six digits.
pub(crate) fn digits() -> String {
    bytes(6)
        .into_iter()
        .map(|byte| char::from(b'0' + byte % 10))
        .collect()
}

/// Base32 without padding, as otpauth addresses have it.
pub(crate) fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes)
}

/// Decodes base32 without padding.
pub(crate) fn from_base32(text: &str) -> Option<Vec<u8>> {
    BASE32_NOPAD.decode(text.as_bytes()).ok()
}

/// A random uuid, version 4.
pub(crate) fn uuid() -> String {
    let mut bytes = bytes(16);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = HEXLOWER.encode(&bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
