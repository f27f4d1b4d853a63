//! Codes: typed, mistyped, throttled, sent.

use crate::bench::{Bench, PASSWORD, expect};

#[test]
fn a_code_of_an_app_or_from_a_list_logs_in() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let code = bench.double.totp_unused("bob");
    expect(
        &bench.log_in("linux-mfa", "bob", &[PASSWORD, &code]),
        "PAM_SUCCESS",
        &["stages=identification,password,authenticator-validate"],
    );
    let spaced = "carol0000001".to_owned();
    expect(
        &bench.log_in("linux-mfa", "carol", &[PASSWORD, &spaced]),
        "PAM_SUCCESS",
        &[],
    );
}

#[test]
fn a_code_may_be_typed_in_groups() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let code = bench.double.totp_unused("bob");
    let grouped = format!(" {} {} ", &code[..3], &code[3..]);
    expect(
        &bench.log_in("linux-mfa", "bob", &[PASSWORD, &grouped]),
        "PAM_SUCCESS",
        &[],
    );
}

/// After a wrong code authentik refuses every code for a second.
#[test]
fn somebody_who_mistypes_a_code_once_still_gets_in() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let code = bench.double.totp_unused("bob");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret_to("Password:", PASSWORD)
        .answer_secret_to("Authentication code:", "000000")
        .answer_secret_to("Invalid Token.", &code)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert!(
        outcome
            .durations()
            .iter()
            .all(|took| took.as_millis() >= 1000),
        "there was no pause between two tries"
    );
}

/// A throttling factor of authentik multiplies that second, and no challenge reports it.
#[test]
fn a_throttling_factor_is_waited_for_where_the_configuration_says_it() {
    pam_harness::require_isolation!();
    for (section, code) in [
        ("", "PAM_MAXTRIES"),
        ("[prompt]\ncode_pause = \"3s\"\n", "PAM_SUCCESS"),
    ] {
        let bench = Bench::new().section(section);
        bench.double.world(|world| {
            for device in &mut world.user_mut("bob").devices {
                *device = device.clone().throttling_factor(3);
            }
        });
        let mut pam = bench
            .pam("linux-mfa", "bob")
            .answer_secret(PASSWORD)
            .answer_secret("000000")
            .answer_secret(&bench.double.totp_unused("bob"));
        if code == "PAM_MAXTRIES" {
            // A code that is typed at once is sent after one second, and refused for the rest
            // of the time.
            pam = pam.answer_secret("000000");
        }
        expect(&pam.authenticate().run(), code, &[]);
    }
}

#[test]
fn attempts_are_counted_and_an_empty_code_stays_here() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench.log_in("linux-mfa", "bob", &[PASSWORD, "", "  ", ""]);
    expect(&outcome, "PAM_MAXTRIES", &["attempts allows (3)"]);
    assert!(!bench.was_sent("\"code\""));
    assert!(
        outcome
            .prompts()
            .iter()
            .skip(2)
            .all(|prompt| prompt.starts_with("Nothing was typed.\n"))
    );
    let bench = Bench::new().section("[prompt]\nattempts = 1\n");
    let outcome = bench.log_in("linux-mfa", "bob", &[PASSWORD, "000000"]);
    expect(&outcome, "PAM_MAXTRIES", &["attempts allows (1)"]);
}

/// sshd's password method answers every hidden prompt with the same password.
#[test]
fn the_password_is_never_sent_as_a_code() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_every_secret(PASSWORD)
        .authenticate()
        .run();
    expect(
        &outcome,
        "PAM_MAXTRIES",
        &["does the application answer every prompt alike?"],
    );
    assert!(!bench.was_sent("\"code\""));
}

#[test]
fn a_code_by_mail_or_sms_is_asked_for_before_it_is_typed() {
    pam_harness::require_isolation!();
    for (user, told) in [
        (
            "gina",
            "A code was sent to g***@e******.com. Press Enter to have another one sent.\nAuthentication code:",
        ),
        (
            "ivan",
            "A code was sent to your phone. Press Enter to have another one sent.\nAuthentication code:",
        ),
    ] {
        let bench = Bench::new();
        // The code is known only when it is sent, so another thread looks for it.
        let double = &bench.double;
        let outcome = std::thread::scope(|scope| {
            let wrong = bench.pam("linux-mfa", user);
            let run = scope.spawn(move || {
                wrong
                    .answer_secret(PASSWORD)
                    .answer_secret_to(told, "000000")
                    .answer_secret_to("Invalid Token.", "000000")
                    .answer_secret_to("Invalid Token.", "000000")
                    .authenticate()
                    .run()
            });
            run.join().expect("the login panicked")
        });
        expect(&outcome, "PAM_MAXTRIES", &[]);
        assert!(double.last_code(user).is_some(), "no code was sent");
        let selections = bench
            .double
            .requests()
            .iter()
            .filter(|r| String::from_utf8_lossy(&r.body).contains("selected_challenge"))
            .count();
        assert_eq!(selections, 1, "the code was not sent exactly once");
    }
}

#[test]
fn a_device_that_is_missing_is_a_denial_with_the_servers_words() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench.log_in("linux-mfa", "frank", &[PASSWORD]);
    expect(
        &outcome,
        "PAM_PERM_DENIED",
        &["No (allowed) MFA authenticator configured."],
    );
}

/// With a binding that says *restart*, a wrong code goes back to the first stage.
#[test]
fn a_flow_that_begins_again_over_a_wrong_code_counts_it() {
    pam_harness::require_isolation!();
    let build = |bench: &Bench| {
        bench.double.world(|world| {
            world.add_flow(
                authentik_double::Flow::new("restart-code")
                    .identification()
                    .password()
                    .validate()
                    .restart_on_invalid()
                    .user_login(),
            );
        });
    };
    let bench = Bench::new();
    build(&bench);
    let outcome = bench.log_in(
        "restart-code",
        "carol",
        &[PASSWORD, "000000000000", PASSWORD, "carol0000003"],
    );
    expect(&outcome, "PAM_SUCCESS", &[]);
    let bench = Bench::new().section("[prompt]\nattempts = 2\n");
    build(&bench);
    let outcome = bench.log_in(
        "restart-code",
        "carol",
        &[PASSWORD, "000000000000", PASSWORD, "000000000001"],
    );
    expect(&outcome, "PAM_MAXTRIES", &["attempts allows (2)"]);
}
