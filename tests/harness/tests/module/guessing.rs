//! Each refused secret leaves its own line at once, because a guesser may hang up before the
//! login has a result.

use std::time::Duration;

use crate::bench::{Bench, PASSWORD, expect, refused};
use authentik_double::{Fault, Match, Phone};
use pam_harness::{Outcome, Pam};

const RHOST: &str = "192.0.2.7";

/// Fails unless exactly these secrets were refused: `alice password`.
#[track_caller]
fn refuses(outcome: &Outcome, wanted: &[&str]) {
    let lines: Vec<String> = wanted
        .iter()
        .filter_map(|wanted| wanted.split_once(' '))
        .map(|(user, what)| format!("rhost={RHOST} user={user} what={what}"))
        .collect();
    assert_eq!(refused(outcome), lines, "{outcome}");
    for line in outcome.log() {
        if line.text.contains("refused answer: ") {
            let line = line.to_string();
            let start = "authpriv.notice sshd: pam_authentik_flow(sshd:auth): refused answer: ";
            assert!(line.starts_with(start), "{line}");
        }
    }
}

#[test]
fn each_refused_secret_leaves_a_line_and_nothing_else_does() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let wrong = "wrong-horse";
    for (flow, user, secrets, code, wanted) in [
        (
            "linux-login",
            "alice",
            &[PASSWORD][..],
            "PAM_SUCCESS",
            &[][..],
        ),
        (
            "linux-login",
            "alice",
            &[wrong],
            "PAM_AUTH_ERR",
            &["alice password"],
        ),
        (
            "linux-combined",
            "alice",
            &[wrong],
            "PAM_AUTH_ERR",
            &["alice password"],
        ),
        // Its binding says: restart.
        (
            "linux-restart",
            "alice",
            &[wrong],
            "PAM_AUTH_ERR",
            &["alice password"],
        ),
        // Nothing was tried.
        ("linux-login", "alice", &[""], "PAM_AUTH_ERR", &[]),
        ("linux-login", "nosuch", &[""], "PAM_USER_UNKNOWN", &[]),
        // No account has this name, or it is not a valid name: the password is still asked for.
        (
            "linux-login",
            "nosuch",
            &[wrong],
            "PAM_USER_UNKNOWN",
            &["(unknown) password"],
        ),
        (
            "linux-login",
            "two words",
            &[wrong],
            "PAM_USER_UNKNOWN",
            &["(unknown) password"],
        ),
        // The value that sshd sends for a user that the host does not know.
        (
            "linux-login",
            "nosuch",
            &["\u{8}\n\r\u{7f}INCORRECT"],
            "PAM_USER_UNKNOWN",
            &["(unknown) password"],
        ),
        // A policy's denial does not count as a wrong answer.
        ("linux-deny", "alice", &[PASSWORD], "PAM_PERM_DENIED", &[]),
        (
            "linux-mfa",
            "bob",
            &[wrong],
            "PAM_AUTH_ERR",
            &["bob password"],
        ),
        (
            "linux-mfa",
            "bob",
            &[PASSWORD, "000000", "000000", "000000"],
            "PAM_MAXTRIES",
            &["bob code"; 3],
        ),
        // A password instead of a code never leaves the host.
        (
            "linux-mfa",
            "bob",
            &[PASSWORD, PASSWORD, PASSWORD, PASSWORD],
            "PAM_MAXTRIES",
            &[],
        ),
    ] {
        println!("{flow}, {user}, {secrets:?}");
        let outcome = bench.log_in(flow, user, secrets);
        expect(&outcome, code, &[]);
        refuses(&outcome, wanted);
    }
    let bench = Bench::new();
    let code = bench.double.totp_unused("bob");
    let outcome = bench.log_in("linux-mfa", "bob", &[PASSWORD, "000000", &code]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    refuses(&outcome, &["bob code"]);
}

#[test]
fn hanging_up_after_a_wrong_answer_leaves_a_line() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret(PASSWORD)
        .answer_secret("000000")
        .abort()
        .authenticate()
        .run();
    assert_eq!(outcome.code(), "PAM_CONV_ERR", "{outcome}");
    refuses(&outcome, &["bob code"]);
    // It comes before all lines of the end of the login.
    assert!(
        outcome.log()[0].text.contains("refused answer: "),
        "{outcome}"
    );

    // Before the first answer there is nothing to log.
    let outcome = bench.pam("linux-mfa", "bob").abort().authenticate().run();
    refuses(&outcome, &[]);
}

#[test]
fn a_server_that_fails_has_refused_nothing() {
    pam_harness::require_isolation!();
    for fail in [Fault::server_error, Fault::close, Fault::never_answer] {
        // The password is the second answer that is sent.
        let second = Match::post("/api/v3/flows/executor/").nth(2);
        let bench = Bench::new().top("request_timeout = \"1s\"");
        bench.double.inject(fail(Fault::on(second)));
        let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
        expect(&outcome, "PAM_AUTH_ERR", &[]);
        refuses(&outcome, &[]);
    }
}

#[test]
fn a_push_that_the_phone_refuses_is_a_refused_answer() {
    pam_harness::require_isolation!();
    for (phone, wanted) in [
        (Phone::Approve(Duration::ZERO), &[][..]),
        (Phone::Deny(Duration::ZERO), &["duke push"]),
        // No person has answered anything.
        (Phone::Never, &[]),
    ] {
        let bench = Bench::new().top("push_timeout = \"1s\"");
        bench
            .double
            .world(|world| world.user_mut("duke").phone = phone);
        let outcome = bench.log_in("linux-mfa", "duke", &[PASSWORD, ""]);
        println!("{phone:?}: {}", outcome.code());
        refuses(&outcome, wanted);
    }
}

/// A name or an address that looks like a part of the line is quoted, and is in a place where
/// it cannot be mistaken.
#[test]
fn no_name_and_no_address_forges_a_refused_answer() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let guess = |pam: Pam| pam.answer_secret("wrong-horse").authenticate().run();
    let forged = " rhost=192.0.2.1 ";
    let outcome = guess(bench.pam("linux-login", forged));
    refuses(&outcome, &["(unknown) password"]);

    for (rhost, wanted) in [
        (forged, "rhost=\"rhost=192.0.2.1\" user=alice what=password"),
        (
            "192.0.2.1 user=root",
            "rhost=\"192.0.2.1 user=root\" user=alice what=password",
        ),
        (
            "192.0.2.1\nsshd[1]: x",
            "rhost=\"192.0.2.1 sshd[1]: x\" user=alice what=password",
        ),
        ("", "user=alice what=password"),
    ] {
        let outcome = guess(bench.pam("linux-login", "alice").rhost(rhost));
        assert_eq!(refused(&outcome), [wanted], "{rhost:?}: {outcome}");
    }
}

/// A log that hangs delays a login by two seconds, however many lines it has.
#[test]
fn all_lines_of_a_login_wait_for_two_seconds_together() {
    pam_harness::require_isolation!();
    let guess = |pam: Pam| {
        let outcome = ["000000"; 3]
            .iter()
            .fold(pam.answer_secret(PASSWORD), |pam, code| {
                pam.answer_secret(code)
            })
            .authenticate()
            .run();
        assert_eq!(outcome.code(), "PAM_MAXTRIES", "{outcome}");
        outcome.durations().into_iter().sum::<Duration>()
    };
    // The module itself waits between codes.
    let usual = guess(Bench::new().pam("linux-mfa", "bob"));
    let stuck = guess(Bench::new().pam("linux-mfa", "bob").log_stuck());
    println!("three codes that are refused: {usual:.2?}, with a log that hangs {stuck:.2?}");
    let more = stuck.saturating_sub(usual);
    assert!(more > Duration::from_secs(1), "{more:?}");
    assert!(more < Duration::from_millis(3500), "{more:?}");
}
