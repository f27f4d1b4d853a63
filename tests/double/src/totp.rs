//! Time-based codes, RFC 6238: SHA-1, six digits, thirty seconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;

use crate::random;

/// How long a code lives.
pub(crate) const PERIOD: Duration = Duration::from_secs(30);

/// The number of the period for this time.
pub(crate) fn step(now: SystemTime) -> u64 {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    seconds / PERIOD.as_secs()
}

/// The code of a step.
pub(crate) fn code(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes[bytes.len() - 1] & 0x0f);
    let word = bytes[offset..offset + 4]
        .iter()
        .fold(0u32, |word, byte| word << 8 | u32::from(*byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// The code of a step for a secret in base32, as in an `otpauth` address. `None` if it is not
/// base32.
#[must_use]
pub fn totp_code(secret: &str, step: u64) -> Option<String> {
    Some(code(&random::from_base32(secret)?, step))
}

/// The step that the code belongs to: the present one, the one before or the one after. `None`
/// for steps that are not later than the last one used.
pub(crate) fn matching_step(
    secret: &[u8],
    given: &str,
    now: SystemTime,
    last_step: Option<u64>,
) -> Option<u64> {
    let current = step(now);
    (current.saturating_sub(1)..=current + 1)
        .filter(|step| last_step.is_none_or(|last| *step > last))
        .find(|step| code(secret, *step) == given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_6238() {
        let secret = b"12345678901234567890";
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (20_000_000_000, "353130"),
        ] {
            let now = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(code(secret, step(now)), expected);
        }
    }
}
