//! The identifier of this host, if nobody names one.

use std::path::Path;

use pam_authentik_flow::config::HostIdentifier;
use ring::hmac;

use crate::cli::CommandError;

const MACHINE_ID: &str = "/etc/machine-id";

/// What makes the identifier this program's own: a random value that never changes.
const APPLICATION: [u8; 16] = [
    0x5d, 0x0f, 0x7b, 0xe2, 0x4a, 0x91, 0x4c, 0x36, 0x9e, 0x58, 0xc3, 0x17, 0x6a, 0xf4, 0x20, 0xbd,
];

/// An identifier from the machine's id, which is unique and stable, but confidential:
/// machine-id(5) asks programs to hash it with a key of their own. Serial numbers are
/// missing or alike in many virtual machines.
///
/// # Errors
/// The host has no machine id yet.
pub(super) fn derived() -> Result<HostIdentifier, CommandError> {
    let text = std::fs::read_to_string(Path::new(MACHINE_ID)).unwrap_or_default();
    let id = machine_id(&text).ok_or_else(|| {
        format!(
            "{MACHINE_ID} has no machine id; run systemd-machine-id-setup, or name the host with --identifier"
        )
    })?;
    HostIdentifier::parse(&of_machine(&id))
}

fn machine_id(text: &str) -> Option<[u8; 16]> {
    let text = text.trim();
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|_| is_id)?;
    (number != 0).then_some(number.to_be_bytes())
}

/// As `systemd-id128 machine-id --app-specific=…` computes it: HMAC-SHA256, cut to the
/// length of a UUID, and marked as one of version 4.
fn of_machine(id: &[u8; 16]) -> String {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0xc << 60;
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, id), &APPLICATION);
    let bytes = tag.as_ref().iter().take(16);
    let number = bytes.fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    let uuid = number & !VERSION & !VARIANT | 0x4 << 76 | 0x8 << 60;
    format!("{uuid:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `systemd-id128 machine-id --app-specific=5d0f7be24a914c369e58c3176af420bd` printed
    /// the second value on a host with the first.
    #[test]
    fn the_identifier_is_the_one_that_systemd_computes() {
        let id = machine_id("0123456789abcdef0123456789abcdef\n").unwrap();
        assert_eq!(of_machine(&id), "1a59ff15cee8469d82681cc05fad607b");
    }

    #[test]
    fn what_is_no_machine_id_is_refused() {
        for text in ["", "uninitialized\n", "0", &"0".repeat(32), &"g".repeat(32)] {
            assert_eq!(machine_id(text), None, "{text}");
        }
        assert!(machine_id(&"f".repeat(32)).is_some());
        assert_eq!(machine_id(&format!("+{}", "f".repeat(31))), None);
    }
}
