//! The virtual key of the tests, checked with libfido2: Debian's programs use the same node as
//! the module, and verify what it signs.

use super::{Bench, PIN};
use authentik_double::Validate;
use pam_harness::host::{RealHost, Terminal};
use pam_harness::virtual_key::{Event, Settings};
use std::path::Path;

const NODE: &str = "/dev/hidraw7";
/// The bytes before the point in the public key of P-256 (SubjectPublicKeyInfo).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// Requests an assertion, and verifies it: `$1` is the request, `$2` the credential, by name or
/// by the key's choice, `$3` how it is verified.
const ASSERT: &str = "\
set -e
{ head -c 32 /dev/urandom | base64; echo localhost; [ \"$2\" != named ] || base64 -w 0 /tmp/id; } >/tmp/in
{ echo '-----BEGIN PUBLIC KEY-----'; base64 /tmp/spki; echo '-----END PUBLIC KEY-----'; } >/tmp/key.pem
fido2-assert -G $1 -i /tmp/in -o /tmp/out /dev/hidraw7
head -n 4 /tmp/out >/tmp/signed
fido2-assert -V $3 -i /tmp/signed /tmp/key.pem es256
echo verified
";

/// Makes the key create a credential, verifies its attestation, and makes it sign.
const MAKE: &str = "\
set -e
{ head -c 32 /dev/urandom | base64; echo localhost; echo kay; echo a2F5; } >/tmp/in
fido2-cred -M $1 -i /tmp/in -o /tmp/made /dev/hidraw7 es256
fido2-cred -V $2 -i /tmp/made -o /tmp/own es256
{ head -c 32 /dev/urandom | base64; echo localhost; head -n 1 /tmp/own; } >/tmp/in
tail -n +2 /tmp/own >/tmp/key.pem
fido2-assert -G -t up=true -i /tmp/in -o /tmp/out /dev/hidraw7
head -n 4 /tmp/out >/tmp/signed
fido2-assert -V -p -i /tmp/signed /tmp/key.pem es256
echo verified
";

fn host(bench: &Bench, packages: &Path) -> RealHost {
    let host = bench.host().packages(packages).start();
    host.put("/tmp/id", &bench.credential.id, 0o644, 0);
    let public = [&SPKI[..], &bench.credential.point()].concat();
    host.put("/tmp/spki", &public, 0o644, 0);
    host.write("/tmp/assert", ASSERT);
    host
}

fn assert(host: &RealHost, ask: &str, which: &str, verify: &str) -> Terminal {
    host.terminal("root", &["sh", "/tmp/assert", ask, which, verify])
}

/// What libfido2 reports about the key.
fn described(host: &RealHost) -> String {
    let output = host.output("root", &["fido2-token", "-I", NODE]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn libfido2_reads_what_the_virtual_key_says_of_itself() {
    pam_harness::require_real_host!();
    let packages = pam_harness::require_packages!("fido2-token");
    let settings = Settings {
        pin: Some(PIN.into()),
        ..Settings::default()
    };
    let bench = Bench::new(Validate::new(), settings);
    let host = host(&bench, &packages);
    let text = described(&host);
    for line in [
        "proto: 0x02",
        "caps: 0x0c (nowink, cbor, nomsg)",
        "version strings: FIDO_2_0, FIDO_2_1",
        "extension strings: credProtect",
        "maxmsgsiz: 1200",
        "maxcredcntlst: 8",
        "maxcredlen: 128",
        "pin protocols: 2, 1",
        "pin retries: 8",
    ] {
        assert!(text.lines().any(|it| it == line), "{line:?}:\n{text}");
    }
    assert!(text.contains("clientPin, pinUvAuthToken"), "{text}");
}

#[test]
fn libfido2_verifies_what_the_virtual_key_signs() {
    pam_harness::require_real_host!();
    let packages = pam_harness::require_packages!("fido2-assert");
    let pin = |protocols: &[i64], token_permissions| Settings {
        pin: Some(PIN.into()),
        protocols: protocols.to_vec(),
        token_permissions,
        ..Settings::default()
    };
    for (settings, asks_for_pin, ask, verify) in [
        (Settings::default(), false, "-t up=true", "-p"),
        (pin(&[1], true), true, "-t up=true -v", "-p -v"),
        (pin(&[2], true), true, "-t up=true -v", "-p -v"),
        (pin(&[2, 1], true), true, "-t up=true -v", "-p -v"),
        (pin(&[1], false), true, "-t up=true -v", "-p -v"),
    ] {
        let bench = Bench::new(Validate::new(), settings.clone());
        let host = host(&bench, &packages);
        let mut terminal = assert(&host, ask, "named", verify);
        if asks_for_pin {
            terminal.answer("PIN", PIN);
        }
        let ended = terminal.finish();
        assert_eq!(ended.status, 0, "{settings:?}:\n{}", ended.transcript);
        assert!(ended.transcript.ends_with("verified\n"));
        assert!(bench.key.events().contains(&Event::Touched));
    }
}

#[test]
fn libfido2_is_refused_as_the_module_is() {
    pam_harness::require_real_host!();
    let packages = pam_harness::require_packages!("fido2-assert");
    let settings = Settings {
        pin: Some(PIN.into()),
        ..Settings::default()
    };
    let bench = Bench::new(Validate::new(), settings);
    let host = host(&bench, &packages);
    let refused = |mut terminal: Terminal, pin: Option<&str>, why: &str| {
        if let Some(pin) = pin {
            terminal.answer("PIN", pin);
        }
        let ended = terminal.finish();
        assert_ne!(ended.status, 0, "{}", ended.transcript);
        assert!(ended.transcript.contains(why), "{}", ended.transcript);
    };
    let asked = assert(&host, "-t up=true -v", "named", "-p");
    refused(asked, Some("9999"), "FIDO_ERR_PIN_INVALID");
    assert!(described(&host).contains("pin retries: 7"));
    // Signed for another public key.
    let other = Bench::new(Validate::new(), Settings::default());
    let public = [&SPKI[..], &other.credential.point()].concat();
    host.put("/tmp/spki", &public, 0o644, 0);
    refused(
        assert(&host, "-t up=true", "named", "-p"),
        None,
        "FIDO_ERR_INVALID_SIG",
    );
    // A credential of another key.
    host.put("/tmp/id", &other.credential.id, 0o644, 0);
    refused(
        assert(&host, "-t up=false", "named", ""),
        None,
        "FIDO_ERR_NO_CREDENTIALS",
    );
}

#[test]
fn libfido2_finds_a_passkey_by_itself() {
    pam_harness::require_real_host!();
    let packages = pam_harness::require_packages!("fido2-assert");
    let settings = Settings {
        pin: Some(PIN.into()),
        ..Settings::default()
    };
    let bench = Bench::with_passkey(Validate::new(), settings);
    let host = host(&bench, &packages);
    let mut terminal = assert(&host, "-t up=true -v -r", "own", "-p -v");
    terminal.answer("PIN", PIN);
    let ended = terminal.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    assert!(ended.transcript.ends_with("verified\n"));
}

#[test]
fn libfido2_verifies_a_credential_that_the_virtual_key_makes() {
    pam_harness::require_real_host!();
    let packages = pam_harness::require_packages!("fido2-cred");
    for (pin, ask, verify) in [(None, "", ""), (Some(PIN), "-v", "-v")] {
        let settings = Settings {
            pin: pin.map(str::to_owned),
            ..Settings::default()
        };
        let bench = Bench::new(Validate::new(), settings);
        let host = host(&bench, &packages);
        host.write("/tmp/make", MAKE);
        let mut terminal = host.terminal("root", &["sh", "/tmp/make", ask, verify]);
        if let Some(pin) = pin {
            terminal.answer("PIN", pin);
        }
        let ended = terminal.finish();
        assert_eq!(ended.status, 0, "{}", ended.transcript);
        assert!(ended.transcript.ends_with("verified\n"));
        let events = bench.key.events();
        let touches = events.iter().filter(|it| **it == Event::Touched).count();
        assert_eq!(touches, 2);
    }
}
