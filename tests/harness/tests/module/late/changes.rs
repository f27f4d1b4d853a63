//! The configuration, or the server, is another one when the answer comes.

use std::fs;
use std::sync::Arc;

use authentik_double::{Fault, Match};

use super::{LATE, answers_late, asked_once, bench, configured_anew, flows_begun};
use crate::bench::{Bench, PASSWORD, expect};

/// Only the same question gets the late answer; any other is asked.
#[test]
fn another_question_is_asked_again() {
    pam_harness::require_isolation!();
    const TYPED: &str = "typed-for-another-question";
    for (flow, section, code) in [
        // Another prompt, another component, somebody else by authentik's names.
        (
            "linux-login",
            "[prompt]\npassword = \"Secret:\"\n",
            "PAM_SUCCESS",
        ),
        ("linux-combined", "", "PAM_SUCCESS"),
        (
            "linux-login",
            "[user]\nname = \"x-{user}\"\n",
            "PAM_AUTH_ERR",
        ),
    ] {
        let bench = bench();
        let outcome = configured_anew(&bench, TYPED, |text| {
            text.replace("linux-login", flow) + section
        })
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
        expect(&outcome, code, &[&format!("flow={flow}")]);
        assert!(!bench.was_sent(TYPED), "{flow} {section}");
        assert!(bench.was_sent(PASSWORD), "{flow} {section}");
    }
}

/// From the moment something was typed nothing proves that authentik is unavailable.
#[test]
fn a_server_that_is_down_by_then_is_not_called_unavailable() {
    pam_harness::require_isolation!();
    for (url, line) in [
        (
            "https://127.0.0.1:1",
            "no connection to the authentik server",
        ),
        ("https://authentik.invalid", "does not resolve"),
    ] {
        let bench = bench();
        let outcome = configured_anew(&bench, PASSWORD, |text| {
            text.replace(&bench.double.url(), url)
        })
        .authenticate()
        .run();
        expect(&outcome, "PAM_AUTH_ERR", &[line]);
        asked_once(&outcome);
    }
    let bench = bench();
    let double = Arc::clone(&bench.double);
    let outcome = answers_late(bench.pam("linux-login", "alice"), PASSWORD, move || {
        double.inject(Fault::on(Match::any()).server_error());
    })
    .authenticate()
    .run();
    expect(&outcome, "PAM_AUTH_ERR", &["HTTP status 5"]);
    assert!(!bench.was_sent(PASSWORD));
}

/// A locker asks again on the same handle, and the network is there by then.
#[test]
fn a_failure_after_a_late_answer_is_not_kept() {
    pam_harness::require_isolation!();
    let bench = bench();
    let double = Arc::clone(&bench.double);
    let outcome = answers_late(bench.pam("linux-login", "alice"), PASSWORD, move || {
        // The end of the first session, and the beginning of the new flow.
        double.inject(Fault::on(Match::any().first(2)).close());
    })
    .authenticate()
    .answer_secret(PASSWORD)
    .authenticate()
    .run();
    assert_eq!(
        outcome.codes(),
        ["PAM_AUTH_ERR", "PAM_SUCCESS"],
        "{outcome}"
    );
}

#[test]
fn the_configuration_is_read_anew() {
    pam_harness::require_isolation!();
    let (old, new) = (bench(), Bench::new());
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("new.pem");
    fs::write(&ca, new.double.ca_pem()).expect("a file");
    let outcome = configured_anew(&old, PASSWORD, |_| {
        new.configuration("linux-dummy")
            .replace("{dir}/ca.pem", &ca.display().to_string())
    })
    .authenticate()
    .run();
    expect(&outcome, "PAM_SUCCESS", &["flow=linux-dummy"]);
    asked_once(&outcome);
    assert!(!old.was_sent(PASSWORD));
    assert!(new.was_sent(PASSWORD));
}

/// A rule that has come since holds, too.
#[test]
fn whoever_is_left_alone_by_then_is_left_alone() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = configured_anew(&bench, PASSWORD, |text| {
        text + "[user]\nignore = [\"alice\"]\n"
    })
    .authenticate()
    .run();
    let line = crate::bench::line(&outcome);
    assert!(line.contains("PAM_IGNORE:"), "{line}");
    // With no other module in the stack, libpam refuses.
    assert_eq!(outcome.code(), "PAM_PERM_DENIED", "{outcome}");
    assert!(!bench.was_sent(PASSWORD));
}

/// A file that is wrong by now is no reason to go on with the old one.
#[test]
fn a_configuration_that_is_wrong_by_then_ends_the_login() {
    pam_harness::require_isolation!();
    let outcome = configured_anew(&bench(), PASSWORD, |_| "flow".into())
        .authenticate()
        .run();
    expect(&outcome, "PAM_SERVICE_ERR", &["config.toml"]);
}

/// The question that is asked again has the time that began with the first answer.
#[test]
fn only_one_new_flow_begins() {
    pam_harness::require_isolation!();
    let bench = bench();
    let prompt = "[prompt]\npassword = \"Secret:\"\n";
    let outcome = configured_anew(&bench, PASSWORD, |text| text + prompt)
        .answer_secret_after(PASSWORD, LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_AUTH_ERR", &["longer than login_timeout"]);
    assert_eq!(flows_begun(&bench), 2);
    assert!(!bench.was_sent(PASSWORD));
}

/// An application that can ask only once is not asked twice.
#[test]
fn an_application_that_asks_once_is_not_asked_again() {
    pam_harness::require_isolation!();
    let single = "[prompt]\nsingle = true\n";
    let bench = bench().section(single);
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret_after(PASSWORD, LATE)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["user=alice"]);

    let outcome = configured_anew(&bench, PASSWORD, |text| text + "password = \"Secret:\"\n")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SERVICE_ERR", &["second prompt"]);
    asked_once(&outcome);
}
