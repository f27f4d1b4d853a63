//! Second factors that are set up during a login.

use std::sync::Arc;

use authentik_double::{Enrolment, Flow, Validate};
use pam_harness::{Outcome, Pam};

use crate::bench::{Bench, PASSWORD, expect};

const ALL: [Enrolment; 6] = [
    Enrolment::Duo,
    Enrolment::Sms,
    Enrolment::Totp,
    Enrolment::Static,
    Enrolment::Email,
    Enrolment::Webauthn,
];

/// A flow in which users without a device set one up.
fn bench(kinds: &[Enrolment]) -> Bench {
    let bench = Bench::new();
    bench.double.world(|world| {
        world.providers.duo = true;
        world.providers.sms = true;
        world.providers.email = true;
        world.add_flow(
            Flow::new("enrol")
                .identification()
                .password()
                .bind(Validate::new().configure(kinds))
                .user_login(),
        );
    });
    bench
}

fn devices(bench: &Bench, user: &str) -> Vec<&'static str> {
    let devices = bench.double.world(|world| world.user(user).devices.clone());
    devices.iter().map(|device| device.class()).collect()
}

/// The text after `name: ` on the screen.
fn told(shown: &str, name: &str) -> Option<String> {
    let line = shown
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

fn totp(bench: &Bench, pam: Pam) -> Outcome {
    let double = Arc::clone(&bench.double);
    pam.answer_secret_to("First code from the app", "000000")
        .answer_secret_later(move |shown| {
            told(shown, "Secret: ").map(|secret| double.totp_of_secret(&secret))
        })
        .authenticate()
        .run()
}

#[test]
fn an_app_is_set_up_with_a_qr_code_and_the_secret() {
    pam_harness::require_isolation!();
    let bench = bench(&[Enrolment::Totp]);
    let outcome = totp(&bench, bench.pam("enrol", "alice").answer_secret(PASSWORD));
    expect(
        &outcome,
        "PAM_SUCCESS",
        &["stages=identification,password,authenticator-totp"],
    );
    assert_eq!(devices(&bench, "alice"), ["totp"]);
    let shown = outcome.shown().join("\n");
    assert!(
        !shown.contains("otpauth://"),
        "the address is shown as text beside the QR code: {shown}"
    );
    assert!(shown.contains('\u{2588}'), "no QR code is shown: {shown}");
    assert!(
        outcome
            .messages()
            .iter()
            .all(|message| message.raw.len() < 512),
        "{}",
        outcome.transcript()
    );
    assert_eq!(
        outcome.prompts()[2],
        "Code does not match\nFirst code from the app (Enter alone draws the QR code another way): "
    );
}

/// MariaDB answers a text with success and no array of responses. Linux-PAM's own modules
/// accept that, and the user has read the text.
#[test]
fn a_text_that_gets_no_array_of_responses_was_shown() {
    pam_harness::require_isolation!();
    let bench = bench(&[Enrolment::Totp]);
    let pam = bench.pam("enrol", "alice").no_array_for_texts();
    let outcome = totp(&bench, pam.answer_secret(PASSWORD));
    expect(&outcome, "PAM_SUCCESS", &["authenticator-totp"]);
    assert!(!outcome.shown().is_empty(), "no text is shown: {outcome}");
    // A prompt without a response is no answer.
    let pam = bench.pam("linux-login", "alice").no_array_for_texts();
    let outcome = pam.answer_null().authenticate().run();
    expect(&outcome, "PAM_CONV_ERR", &[]);
}

#[test]
fn a_qr_code_is_drawn_as_configured() {
    pam_harness::require_isolation!();
    for (style, drawn) in [("ascii", true), ("never", false)] {
        let bench = bench(&[Enrolment::Totp]).section(&format!("[prompt]\nqr = \"{style}\"\n"));
        let outcome = totp(&bench, bench.pam("enrol", "alice").answer_secret(PASSWORD));
        expect(&outcome, "PAM_SUCCESS", &[]);
        let shown = outcome.shown().join("\n") + &outcome.prompts().join("\n");
        assert_eq!(shown.contains("@@@@@@@@"), drawn, "{shown}");
        assert!(shown.is_ascii(), "{shown}");
        assert!(shown.contains("Secret: "), "{shown}");
        // Without a drawing the address is printed, without the values that apps assume.
        let address = "Address: otpauth://totp/authentik%3Aalice?secret=";
        assert_eq!(shown.contains(address), !drawn, "{shown}");
        assert!(!shown.contains("period="), "{shown}");
    }
}

/// Enter alone is no answer: it draws the code again, at most eight times.
#[test]
fn enter_alone_draws_the_qr_code_another_way() {
    pam_harness::require_isolation!();
    let bench = bench(&[Enrolment::Totp]);
    let mut pam = bench.pam("enrol", "alice").answer_secret(PASSWORD);
    for _ in 0..7 {
        pam = pam.answer_secret("");
    }
    let outcome = totp(&bench, pam);
    expect(&outcome, "PAM_SUCCESS", &[]);
    let shown = outcome.shown().join("\n");
    assert_eq!(shown.matches("Scan this").count(), 8, "{shown}");

    let endless = [&[PASSWORD][..], &[""; 10]].concat();
    let outcome = bench.log_in("enrol", "frank", &endless);
    expect(&outcome, "PAM_MAXTRIES", &["ak-stage-authenticator-totp"]);
    assert!(devices(&bench, "frank").is_empty());

    // The Duo app: Enter means "done", and letters ask for another drawing.
    let duo = self::bench(&[Enrolment::Duo]);
    let outcome = duo
        .pam("enrol", "alice")
        .answer_secret(PASSWORD)
        .answer_visible("r")
        .answer_visible("")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    let shown = outcome.shown().join("\n");
    assert_eq!(shown.matches("Scan this").count(), 2, "{shown}");
}

const MENU: &str = "\
Your account needs a second factor. Choose one to set up:
  1) Duo (Duo push)
  2) text message (SMS code)
  3) authenticator app (TOTP app)
  4) recovery codes (Recovery codes)
  5) e-mail (Mail code)
Option (1-5): ";

#[test]
fn the_kinds_that_a_terminal_can_set_up_are_a_menu() {
    pam_harness::require_isolation!();
    let bench = bench(&ALL);
    let pam = bench
        .pam("enrol", "alice")
        .answer_secret(PASSWORD)
        .answer_visible("9")
        .expecting(MENU)
        .answer_visible("3")
        .expecting("Please type one of the numbers 1-5.\nOption (1-5): ");
    expect(&totp(&bench, pam), "PAM_SUCCESS", &[]);
    assert_eq!(devices(&bench, "alice"), ["totp"]);
}

#[test]
fn recovery_codes_are_shown_until_they_are_noted() {
    pam_harness::require_isolation!();
    let bench = bench(&ALL);
    let outcome = bench
        .pam("enrol", "alice")
        .answer_secret(PASSWORD)
        .answer_visible("4")
        .answer_visible("")
        .expecting("Press Enter when you have noted them:")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(devices(&bench, "alice"), ["static"]);
    let codes = outcome.prompts()[2]
        .lines()
        .filter(|line| line.starts_with("  "));
    assert_eq!(codes.count(), 6);
}

#[test]
fn a_phone_number_and_an_address_take_two_steps() {
    pam_harness::require_isolation!();
    let bench = bench(&ALL);
    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("enrol", "alice")
        .answer_secret(PASSWORD)
        .answer_visible("2")
        .answer_visible("")
        .answer_visible(" +15550123 ")
        .expecting("Nothing was typed.\nPhone number")
        .answer_secret_to("Code from the text message:", "000000")
        .answer_secret_later(move |_| double.last_code("alice"))
        .expecting("Code does not match\nCode from the text message:")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(devices(&bench, "alice"), ["sms"]);

    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("enrol", "frank")
        .answer_secret(PASSWORD)
        .answer_visible("5")
        .answer_secret_later(move |_| double.last_code("frank"))
        .expecting("Code from the e-mail to f****@e******.com:")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(devices(&bench, "frank"), ["email"]);
}

#[test]
fn duo_is_activated_with_a_qr_code_and_its_address() {
    pam_harness::require_isolation!();
    let bench = bench(&[Enrolment::Duo]);
    let outcome = bench
        .pam("enrol", "alice")
        .answer_secret(PASSWORD)
        .answer_visible("")
        .expecting("Press Enter when the Duo app shows the account:")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(devices(&bench, "alice"), ["duo"]);
    let shown = outcome.shown().join("\n");
    assert!(
        shown.contains("duo://") && shown.contains('\u{2588}'),
        "{shown}"
    );
}

#[test]
fn a_factor_that_needs_a_browser_is_reported() {
    pam_harness::require_isolation!();
    let key = bench(&[Enrolment::Webauthn]);
    let outcome = key.log_in("enrol", "alice", &[PASSWORD]);
    expect(
        &outcome,
        "PAM_SERVICE_ERR",
        &["ak-stage-authenticator-webauthn"],
    );
    let keys = bench(&[Enrolment::Webauthn, Enrolment::Webauthn]);
    let outcome = keys.log_in("enrol", "alice", &[PASSWORD]);
    expect(
        &outcome,
        "PAM_SERVICE_ERR",
        &["the second factors that can be set up need a web browser"],
    );
}

#[test]
fn a_wrong_first_code_is_not_asked_for_without_end() {
    pam_harness::require_isolation!();
    let bench = bench(&[Enrolment::Totp]);
    let wrong = [PASSWORD, "000000", "000000", "000000"];
    let outcome = bench.log_in("enrol", "alice", &wrong);
    expect(&outcome, "PAM_MAXTRIES", &["ak-stage-authenticator-totp"]);
    assert!(devices(&bench, "alice").is_empty());
}
