//! The configuration or the server has changed when the answer arrives.

use std::fs;
use std::sync::Arc;

use authentik_double::{Fault, Match};

use super::{LATE, answers_late, asked_once, bench, flows_begun, with_changed_configuration};
use crate::bench::{Bench, PASSWORD, expect};

/// Only the same question gets the late answer. Any other question is asked.
#[test]
fn another_question_is_asked_again() {
    pam_harness::require_isolation!();
    const TYPED: &str = "typed-for-another-question";
    for (flow, section, code) in [
        // Another prompt, another component, another user in authentik.
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
        let outcome = with_changed_configuration(&bench, TYPED, |text| {
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

/// After something was typed, nothing proves that authentik is unavailable.
#[test]
fn a_server_that_went_down_meanwhile_is_not_called_unavailable() {
    pam_harness::require_isolation!();
    for (url, line) in [
        (
            "https://127.0.0.1:1",
            "no connection to the authentik server",
        ),
        ("https://authentik.invalid", "does not resolve"),
    ] {
        let bench = bench();
        let outcome = with_changed_configuration(&bench, PASSWORD, |text| {
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

/// A locker asks again on the same handle, and by then the network is there.
#[test]
fn a_failure_after_a_late_answer_is_not_kept() {
    pam_harness::require_isolation!();
    let bench = bench();
    let double = Arc::clone(&bench.double);
    let outcome = answers_late(bench.pam("linux-login", "alice"), PASSWORD, move || {
        // The end of the first session, and the start of the new flow.
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
fn the_configuration_is_read_again() {
    pam_harness::require_isolation!();
    let (old, new) = (bench(), Bench::new());
    let directory = tempfile::tempdir().expect("a directory");
    let ca = directory.path().join("new.pem");
    fs::write(&ca, new.double.ca_pem()).expect("a file");
    let outcome = with_changed_configuration(&old, PASSWORD, |_| {
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

/// A rule that was added meanwhile applies too.
#[test]
fn a_user_who_is_left_alone_meanwhile_is_ignored() {
    pam_harness::require_isolation!();
    let bench = bench();
    let outcome = with_changed_configuration(&bench, PASSWORD, |text| {
        text + "[user]\nignore = [\"alice\"]\n"
    })
    .authenticate()
    .run();
    let line = crate::bench::line(&outcome);
    assert!(line.contains("PAM_IGNORE:"), "{line}");
    // Without another module in the stack, libpam refuses.
    assert_eq!(outcome.code(), "PAM_PERM_DENIED", "{outcome}");
    assert!(!bench.was_sent(PASSWORD));
}

/// If the file is wrong now, the module does not continue with the old one.
#[test]
fn a_configuration_that_became_wrong_ends_the_login() {
    pam_harness::require_isolation!();
    let outcome = with_changed_configuration(&bench(), PASSWORD, |_| "flow".into())
        .authenticate()
        .run();
    expect(&outcome, "PAM_SERVICE_ERR", &["config.toml"]);
}

/// The repeated question has the time that started with the first answer.
#[test]
fn only_one_new_flow_begins() {
    pam_harness::require_isolation!();
    let bench = bench();
    let prompt = "[prompt]\npassword = \"Secret:\"\n";
    let outcome = with_changed_configuration(&bench, PASSWORD, |text| text + prompt)
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

    let outcome =
        with_changed_configuration(&bench, PASSWORD, |text| text + "password = \"Secret:\"\n")
            .authenticate()
            .run();
    expect(&outcome, "PAM_SERVICE_ERR", &["second prompt"]);
    asked_once(&outcome);
}
