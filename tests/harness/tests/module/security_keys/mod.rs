//! Security keys that are plugged in, through the real libpam: a virtual key behind a node of a
//! private `/dev`, and a double that verifies its signatures.

mod passkeys;
mod pins;
mod places;
mod touches;
mod verified;

use authentik_double::{Device, Double, Flow, User, Validate};
use pam_harness::virtual_key::{Credential, Event, Settings, VirtualKey};
use pam_harness::{Outcome, Pam};

use crate::bench::{Bench, PASSWORD};

/// The double's host name without the port: the relying party.
const RP_ID: &str = "localhost";
const PIN: &str = "4711";
const TOUCH: &str = "Press Enter, then touch your security key: ";
const ASK_PIN: &str = "PIN of your security key (then touch it): ";
const INSERT: &str = "Insert your security key and press Enter: ";
/// Where no proof is possible that a person sits at the host.
const ANYWHERE: &str = "[security_key]\nwhere = \"any\"";

/// A flow with a second factor, and a user with a security key.
pub(crate) fn bench(validate: Validate, credentials: &[&Credential]) -> Bench {
    with_flow(after_password(validate), credentials).section(ANYWHERE)
}

/// This flow, whose slug is `key`, and kay with these credentials.
fn with_flow(flow: Flow, credentials: &[&Credential]) -> Bench {
    let devices = credentials
        .iter()
        .map(|credential| Device::security_key(&credential.id, &credential.point()));
    let user = devices.fold(User::new("kay"), |user, device| user.device(device));
    let builder = Double::builder().without_pause();
    Bench::with(builder.world(move |world| {
        world.add_user(user);
        world.add_flow(flow);
    }))
}

fn after_password(validate: Validate) -> Flow {
    Flow::new("key")
        .identification()
        .password()
        .bind(validate)
        .user_login()
}

/// kay at the prompt of a program other than sshd, with this key.
pub(crate) fn kay(bench: &Bench, keys: &[&VirtualKey]) -> Pam {
    let pam = bench.pam_for("sudo", "key").rhost("").tty("pts/1");
    keys.iter()
        .fold(pam, |pam, key| pam.security_key(key))
        .user("kay")
        .account("kay", 1700)
}

fn settings(credential: &Credential) -> Settings {
    Settings {
        credentials: vec![credential.clone()],
        ..Settings::default()
    }
}

/// The same with a PIN.
fn with_pin(credential: &Credential) -> Settings {
    Settings {
        pin: Some(PIN.into()),
        ..settings(credential)
    }
}

fn credential() -> Credential {
    Credential::new(RP_ID, "kay")
}

#[track_caller]
fn ends_in(outcome: &Outcome, code: &str) {
    assert_eq!(outcome.code().to_string(), code, "{}", outcome.transcript());
}

#[track_caller]
fn expect(outcome: &Outcome, code: &str, prompts: &[&str]) {
    ends_in(outcome, code);
    assert_eq!(outcome.prompts(), prompts, "{}", outcome.transcript());
}

/// The line of the log that ends the login.
#[track_caller]
fn logged(outcome: &Outcome, part: &str) {
    let is_there = outcome.log().iter().any(|line| line.text.contains(part));
    assert!(is_there, "{part:?} is not in {}", outcome.transcript());
}

/// Logs kay in with a key: the password, then these answers.
pub(crate) fn log_in(bench: &Bench, key: &VirtualKey, answers: &[&str]) -> Outcome {
    let pam = kay(bench, &[key]).answer_secret(PASSWORD);
    answers
        .iter()
        .fold(pam, |pam, answer| pam.answer_secret(answer))
        .authenticate()
        .run()
}

fn required() -> Validate {
    Validate::new().user_verification_required()
}

/// How many PINs the key got.
fn pins_given(key: &VirtualKey) -> usize {
    let is_pin = |event: &Event| matches!(event, Event::Command(6, Some(request)) if request.at(6).is_some());
    key.events().iter().filter(|event| is_pin(event)).count()
}
