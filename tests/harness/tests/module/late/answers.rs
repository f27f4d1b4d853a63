//! The effect of a late answer.

use std::sync::Arc;
use std::time::Duration;

use authentik_double::{Field, Flow, Prompt};

use super::{LATE, LIMIT, answers_late, asked_once, bench, bodies, flows_begun};
use crate::bench::{Bench, PASSWORD, expect};
use crate::password_change;

#[test]
fn a_late_password_logs_in_with_one_prompt_and_one_line() {
    pam_harness::require_isolation!();
    for flow in ["linux-login", "linux-combined"] {
        let bench = bench();
        let outcome = bench
            .pam(flow, "alice")
            .answer_secret_after(PASSWORD, LATE)
            .capture_authtok()
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
        asked_once(&outcome);
        assert_eq!(outcome.shown(), [""; 0]);
        // The line tells of the flow that logged in.
        let line = crate::bench::line(&outcome);
        assert_eq!(line.matches("identification").count(), 1, "{line}");
        assert_eq!(
            flows_begun(&bench),
            if flow == "linux-login" { 2 } else { 1 }
        );
        assert_eq!(
            bodies(&bench, PASSWORD),
            1,
            "the password was not sent exactly once"
        );
        assert_eq!(outcome.authtok(), Some(PASSWORD));
        assert_eq!(bench.double.active_sessions("alice"), 0);
    }
}

/// A locker stays open for a week, but authentik's anonymous sessions end after a day.
#[test]
fn a_week_at_the_prompt_is_not_too_long() {
    pam_harness::require_isolation!();
    let bench = bench();
    let double = Arc::clone(&bench.double);
    let week = Duration::from_secs(7 * 24 * 3600);
    let pam = bench.pam("linux-login", "alice");
    let outcome = answers_late(pam, PASSWORD, move || double.advance(week))
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
    asked_once(&outcome);
}

/// After an answer in time the whole `login_timeout` is available.
#[test]
fn the_time_of_a_login_begins_with_its_first_answer() {
    pam_harness::require_isolation!();
    let slow = Duration::from_millis(1400);
    let bench = Bench::new().top("login_timeout = \"2s\"");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret_after(PASSWORD, slow)
        .answer_secret_after(&bench.double.totp_now("bob"), slow)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=bob"]);
    assert_eq!(flows_begun(&bench), 1, "the flow did not go on");
}

#[test]
fn a_late_answer_that_is_wrong_counts_as_any_other() {
    pam_harness::require_isolation!();
    let wrong_after = |delay| {
        let bench = bench();
        let outcome = bench
            .pam("linux-login", "alice")
            .answer_secret_after("wrong-horse", delay)
            .authenticate()
            .run();
        expect(
            &outcome,
            "PAM_AUTH_ERR",
            &["authentik refused the password"],
        );
        asked_once(&outcome);
        assert_eq!(
            bodies(&bench, "wrong-horse"),
            1,
            "the wrong password was not sent exactly once"
        );
        let line = crate::bench::line(&outcome);
        let (what, rest) = line.split_once(" ms=").expect("the time");
        let why = rest.split_once(' ').expect("the reason").1;
        let head = what.split_once("pam_authentik_flow").expect("the module").1;
        (format!("{head} {why}"), outcome.transcript())
    };
    assert_eq!(wrong_after(LATE), wrong_after(Duration::ZERO));
}

/// A form belongs to its flow, so its values are asked for again.
#[test]
fn a_late_answer_other_than_a_password_or_code_is_asked_again() {
    pam_harness::require_isolation!();
    let bench = bench();
    bench.double.world(|world| {
        let fields = vec![Field::new("ticket", "text", "Ticket")];
        world.add_flow(
            Flow::new("form")
                .identification()
                .bind(Prompt::new(fields))
                .password()
                .user_login(),
        );
    });
    let outcome = bench
        .pam("form", "alice")
        .answer_visible_after("OPS-1", LATE)
        .answer_visible("OPS-2")
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
    assert!(!bench.was_sent("OPS-1"));
    assert!(bench.was_sent("OPS-2"));
}

#[test]
fn a_second_late_answer_ends_the_login() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret_after(PASSWORD, LATE)
        .answer_secret_after(&bench.double.totp_now("bob"), LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_AUTH_ERR", &["longer than login_timeout"]);
    assert_eq!(outcome.prompts().len(), 2, "{outcome}");
    assert_eq!(flows_begun(&bench), 2);
    assert!(!bench.was_sent("\"code\""));
}

/// The password came from an earlier module, so the code is the first typed answer.
#[test]
fn a_late_code_is_sent_in_a_new_flow() {
    pam_harness::require_isolation!();
    let bench = bench().arguments("use_first_pass");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .preset_authtok(PASSWORD)
        .answer_secret_after(&bench.double.totp_now("bob"), LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=bob"]);
    asked_once(&outcome);
    assert_eq!(flows_begun(&bench), 2);
    assert_eq!(bodies(&bench, "\"code\""), 1);

    // The stack's password was refused, so the user typed one, and that one is sent.
    let bench = self::bench().arguments("try_first_pass");
    let outcome = bench
        .pam("linux-login", "alice")
        .preset_authtok("wrong-horse")
        .answer_secret_after(PASSWORD, LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
    asked_once(&outcome);
    assert_eq!(
        bodies(&bench, "wrong-horse"),
        1,
        "the wrong password was sent again"
    );
}

/// The session of the abandoned flow may belong to a user: with the password of an earlier
/// module the flow has logged them in before the question.
#[test]
fn the_session_of_the_first_flow_is_ended() {
    pam_harness::require_isolation!();
    let bench = bench().arguments("use_first_pass");
    bench.double.world(|world| {
        world.add_flow(
            Flow::new("early")
                .identification()
                .password()
                .user_login()
                .validate()
                .user_login(),
        );
    });
    let outcome = bench
        .pam("early", "bob")
        .preset_authtok(PASSWORD)
        .answer_secret_after(&bench.double.totp_now("bob"), LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=bob"]);
    assert_eq!(bench.double.active_sessions("bob"), 0);
}

/// `login` lets the module ask for the name.
#[test]
fn a_name_that_is_typed_late_logs_in() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = bench
        .pam_for("sshd", "linux-login")
        .answer_visible_after("alice", LATE)
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);
    assert_eq!(flows_begun(&bench), 1);
    // authentik has received no name, so "unavailable" is still possible.
    let outcome = Bench::new()
        .top(LIMIT)
        .top("url = \"https://127.0.0.1:1\"")
        .pam_for("sshd", "linux-login")
        .answer_visible_after("alice", LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_AUTHINFO_UNAVAIL", &[]);
}

#[test]
fn a_late_current_password_changes_the_password() {
    pam_harness::require_isolation!();
    let bench = password_change::bench().top(LIMIT);
    let outcome = password_change::passwd(&bench)
        .answer_secret_to("Current password: ", PASSWORD)
        .after(LATE)
        .answer_secret_to("New password: ", password_change::NEW)
        .answer_secret_to("Retype new password: ", password_change::NEW)
        .chauthtok()
        .run();
    password_change::expect(&outcome, "PAM_SUCCESS", "flow=default-password-change");
    assert_eq!(outcome.log().len(), 1, "{outcome}");
    assert_eq!(
        password_change::password_of(&bench, "alice"),
        password_change::NEW
    );
}
