//! Several second factors, and those that involve the server or a phone.

use std::sync::Arc;
use std::time::Duration;

use authentik_double::{Fault, Match, Phone, User};

use crate::bench::{Bench, PASSWORD, expect};
use pam_harness::Style;

/// How many requests so far contain `text` in their body.
fn sent(bench: &Bench, text: &str) -> usize {
    let requests = bench.double.requests();
    requests
        .iter()
        .filter(|request| String::from_utf8_lossy(&request.body).contains(text))
        .count()
}

const MENU: &str = "\
Second factor:
  1) recovery code
  2) code from your authenticator app
  3) push to your phone: approve it there
  4) code by text message
  5) code by e-mail to z**@e******.com
Code or option (1-5): ";

#[test]
fn a_code_can_be_typed_straight_into_the_menu() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let code = bench.double.totp_unused("zoe");
    let outcome = bench.log_in("linux-mfa", "zoe", &[PASSWORD, &code]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(outcome.prompts(), ["Password: ", MENU]);
    assert_eq!(sent(&bench, "selected_challenge"), 0);
}

#[test]
fn the_factor_that_was_used_last_is_first() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let code = bench.double.totp_unused("zoe");
    expect(
        &bench.log_in("linux-mfa", "zoe", &[PASSWORD, &code]),
        "PAM_SUCCESS",
        &[],
    );
    // The code was also tried with her recovery codes, which are throttled now.
    bench.double.advance(Duration::from_secs(5));
    let outcome = bench
        .pam("linux-mfa", "zoe")
        .answer_secret(PASSWORD)
        .answer_secret_to("  1) code from your authenticator app\n", "2")
        .answer_secret_to("Recovery code:", "zoe000000000")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
}

#[test]
fn a_chosen_message_is_sent_and_sent_again_when_chosen_again() {
    pam_harness::require_isolation!();
    for option in ["4", "5"] {
        let bench = Bench::new();
        let double = Arc::clone(&bench.double);
        let outcome = bench
            .pam("linux-mfa", "zoe")
            .answer_secret(PASSWORD)
            .answer_secret(option)
            .answer_secret_to("A code was sent. To have another one sent, choose", option)
            .answer_secret_later(move |_| double.last_code("zoe"))
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &[]);
        assert_eq!(sent(&bench, "selected_challenge"), 2);
    }
}

/// Then no message is sent, and the user is not told that one was.
#[test]
fn a_choice_that_the_server_refuses_is_said_to_be() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let classes = ["sms", "static", "totp", "webauthn", "duo", "email"];
    let devices = classes.map(|class| {
        serde_json::json!({
            "device_class": class,
            "device_uid": "1",
            "challenge": {},
            "last_used": null,
        })
    });
    let refusal = serde_json::json!({
        "component": "ak-stage-authenticator-validate",
        "device_challenges": devices,
        "configuration_stages": [],
        "response_errors": {
            "selected_challenge": [{"string": "invalid challenge selected", "code": "invalid"}],
        },
    });
    bench
        .double
        .inject(Fault::on(Match::post("linux-mfa").nth(3)).answer(
            200,
            "application/json",
            &refusal.to_string(),
        ));
    let code = bench.double.totp_unused("zoe");
    let outcome = bench.log_in("linux-mfa", "zoe", &[PASSWORD, "4", &code]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert!(
        outcome.prompts()[2].starts_with(
            "The code could not be sent.\ninvalid challenge selected\nSecond factor:\n"
        ),
        "{}",
        outcome.transcript()
    );
}

#[test]
fn enter_sends_the_only_message_again_a_bounded_number_of_times() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("linux-mfa", "gina")
        .answer_secret(PASSWORD)
        .answer_secret("")
        .answer_secret_later(move |_| double.last_code("gina"))
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(sent(&bench, "selected_challenge"), 2);

    let bench = Bench::new();
    let empty = [PASSWORD, "", "", "", "", "", "", ""];
    let outcome = bench.log_in("linux-mfa", "gina", &empty);
    expect(&outcome, "PAM_MAXTRIES", &[]);
    assert_eq!(sent(&bench, "selected_challenge"), 5);
}

/// Over ssh, and then at once for sudo.
#[test]
fn a_code_that_was_just_used_is_told_to_wait_for_the_next() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let code = bench.double.totp_unused("bob");
    expect(
        &bench.log_in("linux-mfa", "bob", &[PASSWORD, &code]),
        "PAM_SUCCESS",
        &[],
    );
    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret(PASSWORD)
        .answer_secret(&code)
        .answer_secret_later(move |_| {
            double.advance(Duration::from_secs(31));
            Some(double.totp_unused("bob"))
        })
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(
        outcome.prompts()[2],
        "Invalid Token. Please ensure the time on your device is accurate and try again.\n\
         A code works only once: after one that was just used, wait for the next.\n\
         Authentication code: "
    );
}

#[test]
fn a_push_is_sent_on_enter_and_waited_for() {
    pam_harness::require_isolation!();
    // With the phone's delay, which is longer than the limit of any other request.
    let bench =
        Bench::with(authentik_double::Double::builder()).top("request_timeout = \"1500ms\"");
    bench
        .double
        .world(|world| world.user_mut("duke").phone = Phone::Approve(Duration::from_secs(2)));
    let outcome = bench.log_in("linux-mfa", "duke", &[PASSWORD, ""]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(
        outcome.prompts()[1],
        "Press Enter, then approve the push on your phone: "
    );
    assert_eq!(sent(&bench, "\"duo\""), 1);
}

#[test]
fn a_push_that_is_refused_is_final_and_no_other_one_follows() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench
        .double
        .world(|world| world.user_mut("duke").phone = Phone::Deny(Duration::ZERO));
    // The application asks twice more, as sudo does.
    let outcome = bench
        .pam("linux-mfa", "duke")
        .answer_secret(PASSWORD)
        .answer_secret("")
        .authenticate()
        .authenticate()
        .authenticate()
        .run();
    assert!(
        outcome
            .report()
            .calls
            .iter()
            .all(|call| call.code == pam_harness::Code::PAM_MAXTRIES),
        "{outcome}"
    );
    assert_eq!(sent(&bench, "\"duo\""), 1);
    assert!(
        outcome.shown()[0].starts_with("The push was refused"),
        "{}",
        outcome.transcript()
    );
}

#[test]
fn a_phone_that_does_not_answer_ends_the_wait_with_push_timeout() {
    pam_harness::require_isolation!();
    let bench = Bench::with(authentik_double::Double::builder()).top("push_timeout = \"1s\"");
    bench
        .double
        .world(|world| world.user_mut("duke").phone = Phone::Never);
    let outcome = bench.log_in("linux-mfa", "duke", &[PASSWORD, ""]);
    expect(&outcome, "PAM_AUTH_ERR", &["within push_timeout"]);
    assert!(outcome.durations()[0] < Duration::from_secs(20));
    assert_eq!(sent(&bench, "\"duo\""), 1);
}

/// sshd's password method answers every hidden prompt with the password.
#[test]
fn no_push_is_sent_for_an_answer_that_nobody_thought_about() {
    pam_harness::require_isolation!();
    for typed in [PASSWORD, "123456"] {
        let bench = Bench::new();
        let outcome = bench.log_in("linux-mfa", "duke", &[PASSWORD, typed, typed, typed]);
        expect(&outcome, "PAM_MAXTRIES", &[]);
        assert_eq!(sent(&bench, "\"duo\""), 0);
    }
}

#[test]
fn the_configuration_orders_and_limits_the_classes() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[prompt]\nsecond_factor = [\"duo\", \"totp\"]\n");
    let code = bench.double.totp_unused("zoe");
    let outcome = bench.log_in("linux-mfa", "zoe", &[PASSWORD, &code]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(
        outcome.prompts()[1],
        "Second factor:\n  1) push to your phone: approve it there\n  2) code from your authenticator app\nCode or option (1-2): "
    );
    // A user without any of them is told so.
    let outcome = bench.log_in("linux-mfa", "carol", &[PASSWORD]);
    expect(
        &outcome,
        "PAM_SERVICE_ERR",
        &["second_factor allows none of the person's second factors"],
    );
}

#[test]
fn a_security_key_is_passed_over_where_there_is_something_else() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.double.world(|world| {
        world.add_user(
            User::new("eve")
                .device(authentik_double::Device::webauthn("a2V5"))
                .device(authentik_double::Device::static_codes(["eve000000001"])),
        );
    });
    let outcome = bench.log_in("linux-mfa", "eve", &[PASSWORD, "eve000000001"]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(outcome.prompts()[1], "Authentication code: ");
}

/// One or two digits are not a code: authentik is not asked, and no attempt is used.
#[test]
fn an_option_that_does_not_exist_is_told_and_not_sent() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let pam = ["6", "0", "42", "01"]
        .into_iter()
        .fold(
            bench.pam("linux-mfa", "zoe").answer_secret(PASSWORD),
            |pam, typed| pam.answer_secret(typed),
        )
        .answer_secret_to(
            "Please type one of the numbers 1-5.\nSecond factor:\n",
            &bench.double.totp_unused("zoe"),
        );
    expect(&pam.authenticate().run(), "PAM_SUCCESS", &[]);
    assert_eq!(sent(&bench, "\"code\""), 1);
}

#[test]
fn ten_options_that_do_not_exist_end_the_login() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let answers: Vec<&str> = [PASSWORD].into_iter().chain(["9"; 10]).collect();
    let outcome = bench.log_in("linux-mfa", "zoe", &answers);
    expect(&outcome, "PAM_MAXTRIES", &[]);
    assert_eq!(sent(&bench, "\"code\""), 0);
}

/// Anything else counts as a code.
#[test]
fn an_answer_that_is_not_an_option_is_a_code() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench.log_in("linux-mfa", "zoe", &[PASSWORD, "123", "-1", "x"]);
    expect(&outcome, "PAM_MAXTRIES", &[]);
    assert_eq!(sent(&bench, "\"code\""), 3);
}

/// XScreenSaver shows only the end of a long prompt.
#[test]
fn a_locker_that_cuts_prompts_gets_one_line_at_a_time() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let log_in = |flow: &str, user: &str, answers: &[&str]| {
        let pam = bench.pam_for("xscreensaver", flow).user(user);
        let pam = answers
            .iter()
            .fold(pam, |pam, answer| pam.answer_secret(answer));
        pam.authenticate().run()
    };
    let outcome = log_in("linux-mfa", "zoe", &[PASSWORD, "1", "zoe000000000"]);
    assert_eq!(outcome.code().to_string(), "PAM_SUCCESS");
    assert_eq!(
        outcome.prompts(),
        ["Password: ", "Code or option (1-5): ", "Recovery code: "]
    );
    let menu: Vec<&str> = MENU.lines().take(6).collect();
    assert_eq!(outcome.shown(), menu);

    // The error of the last answer is a line above the prompt too.
    let outcome = log_in("linux-mfa", "carol", &[PASSWORD, "1234567", "carol0000000"]);
    assert_eq!(outcome.code().to_string(), "PAM_SUCCESS");
    for prompt in outcome.prompts() {
        assert_eq!(prompt.lines().count(), 1, "{prompt:?}");
    }
    for text in outcome.shown() {
        assert_eq!(text.lines().count(), 1, "{text:?}");
    }
    assert!(outcome.shown().len() > 1, "{:?}", outcome.shown());
}

/// The kept output of the real dialog matches what the module sends today.
#[test]
fn the_kept_dialog_of_xscreensaver_has_what_is_sent() {
    pam_harness::require_isolation!();
    let kept = include_str!("xscreensaver.txt");
    let bench = Bench::new();
    for (name, user, answers) in [
        ("code", "carol", &[PASSWORD, "carol0000000"][..]),
        ("menu", "zoe", &[PASSWORD, "1", "zoe000000000"]),
        ("push", "duke", &[PASSWORD, ""]),
        ("refusal", "carol", &["wrong"]),
    ] {
        let pam = bench.pam_for("xscreensaver", "linux-mfa").user(user);
        let pam = answers
            .iter()
            .fold(pam, |pam, answer| pam.answer_secret(answer));
        let outcome = pam.authenticate().run();
        let sent: Vec<String> = outcome
            .messages()
            .iter()
            .map(|message| {
                let style = match message.style {
                    Style::EchoOff => "ECHO_OFF",
                    Style::EchoOn => "ECHO_ON",
                    Style::Error => "ERROR_MSG",
                    Style::Info => "TEXT_INFO",
                    Style::Other(number) => panic!("a message of the style {number}"),
                };
                format!("{style}={:?}", message.text)
            })
            .collect();
        let head = format!("=== {name}\n");
        let (_, section) = kept.split_once(&head).expect("a section");
        let section = section.split("\n===").next().unwrap_or_default();
        let shown: Vec<&str> = section.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(sent, shown, "{name}");
    }
}
