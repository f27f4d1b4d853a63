//! Applications that can ask only once: sshd's password method, `sudo -S`,
//! screen lockers, mail servers.

use crate::bench::{Bench, PASSWORD, expect};

const SEPARATOR: &str = "[prompt]\ncode_separator = \";\"\n";

#[test]
fn password_and_code_are_taken_from_one_answer() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[prompt]\ncode_separator = \";\"\nsingle = true\n");
    let code = bench.double.totp_unused("bob");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret(&format!("{PASSWORD};{code}"))
        .capture_authtok()
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    // Later modules get only the password.
    assert_eq!(outcome.authtok(), Some(PASSWORD));

    let outcome = bench.log_in("linux-mfa", "carol", &[&format!("{PASSWORD};carol0000003")]);
    expect(&outcome, "PAM_SUCCESS", &[]);
}

/// Apps show a code in two groups, and pasted text may end in a blank.
#[test]
fn blanks_around_and_within_a_code_are_no_part_of_it() {
    pam_harness::require_isolation!();
    for (before, between, behind) in [("", " ", ""), (" ", "", ""), ("", "", " "), ("", "", "\n")] {
        let bench = Bench::new().section(SEPARATOR);
        let code = bench.double.totp_unused("bob");
        let (left, right) = code.split_at(3);
        let typed = format!("{PASSWORD};{before}{left}{between}{right}{behind}");
        let outcome = bench.log_in("linux-mfa", "bob", &[&typed]);
        expect(&outcome, "PAM_SUCCESS", &[]);
    }
}

#[test]
fn a_code_straight_from_one_answer_passes_the_menu() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section(SEPARATOR);
    let typed = format!("{PASSWORD};{}", bench.double.totp_unused("zoe"));
    expect(
        &bench.log_in("linux-mfa", "zoe", &[&typed]),
        "PAM_SUCCESS",
        &[],
    );
}

#[test]
fn a_wrong_code_in_one_answer_is_asked_for_where_that_can_be() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section(SEPARATOR);
    let code = bench.double.totp_unused("bob");
    let outcome = bench.log_in("linux-mfa", "bob", &[&format!("{PASSWORD};000000"), &code]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    let once = Bench::new().section("[prompt]\ncode_separator = \";\"\nsingle = true\n");
    expect(
        &once.log_in("linux-mfa", "bob", &[&format!("{PASSWORD};000000")]),
        "PAM_SERVICE_ERR",
        &["second prompt"],
    );
}

/// Only text that looks like a code is split off from a password.
#[test]
fn a_password_keeps_its_separators() {
    pam_harness::require_isolation!();
    for password in [
        "a;b",
        "a;12345",
        "a;123456789",
        "a;12345x",
        "a;12 34 56",
        "a; 12345",
        "a;carol 000003",
        "a;123456;",
        "a;12345678901",
        ";",
        "\u{e4};1234567",
    ] {
        let bench = Bench::new().section(SEPARATOR);
        bench
            .double
            .world(|world| world.user_mut("alice").password = password.to_owned());
        let code = if password == "\u{e4};1234567" {
            "PAM_AUTH_ERR"
        } else {
            "PAM_SUCCESS"
        };
        let outcome = bench.log_in("linux-login", "alice", &[password]);
        assert_eq!(outcome.code().to_string(), code, "{password}: {outcome}");
    }
    // Off by default.
    let bench = Bench::new();
    bench
        .double
        .world(|world| world.user_mut("alice").password = "a;123456".into());
    expect(
        &bench.log_in("linux-login", "alice", &["a;123456"]),
        "PAM_SUCCESS",
        &[],
    );
    // If it is on, such a password is typed with a code after it.
    let bench = Bench::new().section(SEPARATOR);
    bench
        .double
        .world(|world| world.user_mut("alice").password = "a;123456".into());
    expect(
        &bench.log_in("linux-login", "alice", &["a;123456;000000"]),
        "PAM_SUCCESS",
        &[],
    );
}

#[test]
fn a_code_alone_is_not_a_password() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section(SEPARATOR);
    expect(
        &bench.log_in("linux-mfa", "bob", &[";123456"]),
        "PAM_AUTH_ERR",
        &["the password was empty"],
    );
}

#[test]
fn no_second_prompt_is_sent_to_a_service_that_can_ask_once() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[services.sshd.prompt]\nsingle = true\n");
    for (flow, user) in [("linux-mfa", "bob"), ("linux-everything", "alice")] {
        let outcome = bench.log_in(flow, user, &[PASSWORD]);
        if user == "alice" {
            // A user without a device does not get as far as a second prompt.
            expect(&outcome, "PAM_PERM_DENIED", &[]);
            continue;
        }
        expect(
            &outcome,
            "PAM_SERVICE_ERR",
            &[
                "it needs a second prompt, and [prompt] single = true allows only one",
                "code_separator",
            ],
        );
        assert_eq!(outcome.prompts(), ["Password: "]);
        assert_eq!(
            outcome.shown(),
            [
                "This login cannot go on here: it asks more than this program can. Ask your administrator."
            ]
        );
    }
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
}
