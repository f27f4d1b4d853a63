//! The duties of a module towards its stack, its application and its host.

use authentik_double::{Fault, Match};
use pam_harness::script::ProcessOptions;
use pam_harness::{Call, Pam};

use crate::bench::{Bench, PASSWORD, expect, line};

#[test]
fn the_password_is_left_for_later_modules() {
    pam_harness::require_isolation!();
    // It is not trimmed, and it is kept whether or not authentik accepts it.
    for (password, code) in [(PASSWORD, "PAM_SUCCESS"), (" wrong ", "PAM_AUTH_ERR")] {
        let bench = Bench::new();
        let outcome = bench
            .pam("linux-login", "alice")
            .capture_authtok()
            .answer_secret(password)
            .authenticate()
            .run();
        expect(&outcome, code, &[]);
        assert_eq!(outcome.authtok(), Some(password));
    }
}

#[test]
fn the_password_of_an_earlier_module_stays() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench
        .pam("linux-login", "alice")
        .preset_authtok("from-before")
        .capture_authtok()
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(outcome.authtok(), Some("from-before"));
    assert!(!bench.was_sent("from-before"));
}

#[test]
fn the_stacks_password_is_tried_or_used_as_the_arguments_say() {
    pam_harness::require_isolation!();
    for (arguments, preset, typed, code) in [
        ("use_first_pass", PASSWORD, None, "PAM_SUCCESS"),
        ("use_first_pass", "wrong", None, "PAM_AUTH_ERR"),
        ("try_first_pass", PASSWORD, None, "PAM_SUCCESS"),
        ("try_first_pass", "wrong", Some(PASSWORD), "PAM_SUCCESS"),
        ("try_first_pass", "wrong", Some("wrong too"), "PAM_AUTH_ERR"),
        ("try_first_pass", "wrong", Some("wrong"), "PAM_AUTH_ERR"),
    ] {
        for flow in ["linux-login", "linux-combined"] {
            let bench = Bench::new().arguments(arguments);
            let pam = bench.pam(flow, "alice").preset_authtok(preset);
            let pam = typed
                .into_iter()
                .fold(pam, |pam, typed| pam.answer_secret(typed));
            let outcome = pam.authenticate().run();
            assert_eq!(
                outcome.code().to_string(),
                code,
                "{arguments} {preset} {typed:?} {flow}: {}",
                outcome.transcript()
            );
        }
    }
    let bench = Bench::new().arguments("try_first_pass");
    let outcome = bench.log_in("linux-login", "alice", &["asked once"]);
    expect(&outcome, "PAM_AUTH_ERR", &[]);
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
}

/// Somebody who guesses names sees no prompt that an account would not have shown.
#[test]
fn use_first_pass_asks_for_no_name() {
    pam_harness::require_isolation!();
    let bench = Bench::new().arguments("use_first_pass");
    for (user, preset, code) in [
        ("alice", Some("wrong"), "PAM_AUTH_ERR"),
        ("nosuch", Some("wrong"), "PAM_USER_UNKNOWN"),
        ("Bad:name", Some("wrong"), "PAM_USER_UNKNOWN"),
        ("nosuch", None, "PAM_USER_UNKNOWN"),
    ] {
        let pam = bench.pam("linux-login", user);
        let pam = match preset {
            Some(password) => pam.preset_authtok(password),
            None => pam,
        };
        let outcome = pam.authenticate().run();
        assert_eq!(outcome.code().to_string(), code, "{user}: {outcome}");
        assert_eq!(outcome.prompts(), [""; 0], "{user}: {outcome}");
    }
}

#[test]
fn a_silent_application_sees_prompts_alone() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench
        .pam("linux-deny", "alice")
        .answer_secret(PASSWORD)
        .silent()
        .authenticate()
        .run();
    expect(&outcome, "PAM_PERM_DENIED", &["Go away"]);
    assert_eq!(outcome.shown(), [""; 0]);
    assert_eq!(outcome.prompts(), ["Password: "]);
}

/// With and without the flag: authentik accepts no empty password.
#[test]
fn an_empty_password_never_leaves_the_host() {
    pam_harness::require_isolation!();
    for flags in [0, pam_harness::codes::flags::PAM_DISALLOW_NULL_AUTHTOK] {
        for flow in ["linux-login", "linux-combined"] {
            let bench = Bench::new();
            let outcome = bench
                .pam(flow, "alice")
                .answer_secret("")
                .flags(flags)
                .authenticate()
                .run();
            expect(&outcome, "PAM_AUTH_ERR", &["was empty and was not sent"]);
            assert!(!bench.was_sent("\"password\""));
        }
    }
}

#[test]
fn a_failure_asks_for_the_configured_delay() {
    pam_harness::require_isolation!();
    // libpam varies the requested delay by up to half.
    for (line, around) in [
        ("fail_delay = \"2s\"", 2_000_000_u32),
        ("fail_delay = \"4s\"", 4_000_000),
    ] {
        let outcome = Bench::new()
            .top(line)
            .log_in("linux-login", "alice", &["nope"]);
        let delay = outcome.fail_delays().into_iter().max().unwrap_or_default();
        assert!(
            delay >= around / 2 && delay <= around / 2 * 3,
            "{line}: {delay}"
        );
    }
    let bench = Bench::new().top("fail_delay = \"4s\"").arguments("nodelay");
    let outcome = bench.log_in("linux-login", "alice", &["nope"]);
    assert_eq!(
        outcome.fail_delays().into_iter().max().unwrap_or_default(),
        0
    );
    let outcome = Bench::new()
        .top("fail_delay = \"4s\"")
        .log_in("linux-login", "root", &[]);
    assert_eq!(
        outcome.fail_delays().into_iter().max().unwrap_or_default(),
        0,
        "a user who is left alone had to wait"
    );
}

#[test]
fn the_other_entries_answer_as_documented() {
    pam_harness::require_isolation!();
    for (call, code) in [
        (Call::Setcred, "PAM_SUCCESS"),
        // The login that this module has just proved.
        (Call::AcctMgmt, "PAM_SUCCESS"),
        // libpam's result for a stack that only ignores.
        (Call::OpenSession, "PAM_PERM_DENIED"),
        (Call::CloseSession, "PAM_PERM_DENIED"),
        (Call::Chauthtok, "PAM_PERM_DENIED"),
    ] {
        let bench = Bench::new();
        let outcome = bench
            .pam("linux-login", "alice")
            .answer_secret(PASSWORD)
            .authenticate()
            .call(call)
            .run();
        assert_eq!(
            outcome
                .codes()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            ["PAM_SUCCESS", code],
            "{call:?}"
        );
        assert_eq!(bench.requests().len(), 7, "{call:?} asked the server");
    }
}

#[test]
fn login_names_nobody_at_first() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let pam = bench.pam_for("login", "linux-login");
    let outcome = pam
        .answer_visible("alice")
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    assert_eq!(
        outcome.code().to_string(),
        "PAM_SUCCESS",
        "{}",
        outcome.transcript()
    );
    assert_eq!(outcome.user(), Some("alice"));
}

/// sudo asks three times on one handle.
#[test]
fn a_verdict_that_will_not_change_is_given_at_once() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let pam = bench.pam("linux-deny", "alice").answer_secret(PASSWORD);
    let outcome = pam.authenticate().authenticate().authenticate().run();
    let codes: Vec<String> = outcome.codes().iter().map(ToString::to_string).collect();
    assert_eq!(codes, ["PAM_PERM_DENIED"; 3]);
    assert_eq!(
        bench
            .requests()
            .iter()
            .filter(|r| r.starts_with("POST"))
            .count(),
        2
    );
    let url = bench.double.url();
    let denial = format!("Access denied: Go away, please.\nThe login service is at {url}");
    assert_eq!(outcome.shown(), vec![denial; 3]);

    let bench = Bench::new().top("request_timeout = \"1s\"");
    bench
        .double
        .inject(Fault::on(Match::get("executor")).never_answer());
    let outcome = bench
        .pam("linux-login", "alice")
        .authenticate()
        .authenticate()
        .run();
    let codes: Vec<String> = outcome.codes().iter().map(ToString::to_string).collect();
    assert_eq!(codes, ["PAM_AUTHINFO_UNAVAIL"; 2]);
    assert_eq!(
        bench.requests().len(),
        1,
        "the module asked the server again, although it is down"
    );

    // The next password may be right.
    let bench = Bench::new();
    let pam = bench
        .pam("linux-login", "alice")
        .answer_secret("nope")
        .answer_secret(PASSWORD);
    let outcome = pam.authenticate().authenticate().run();
    let codes: Vec<String> = outcome.codes().iter().map(ToString::to_string).collect();
    assert_eq!(codes, ["PAM_AUTH_ERR", "PAM_SUCCESS"]);
}

#[test]
fn the_host_process_stays_as_it_was() {
    pam_harness::require_isolation!();
    for secrets in [&[PASSWORD] as &[&str], &["nope"]] {
        let bench = Bench::new().arguments("debug");
        let outcome = bench.log_in("linux-login", "alice", secrets);
        assert_eq!(outcome.host_differences(), [""; 0]);
        assert_eq!(outcome.output(), ("", ""));
    }
    let bench = Bench::new();
    let process = ProcessOptions {
        close_standard_fds: true,
        ..Default::default()
    };
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret(PASSWORD)
        .process(process)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
}

#[test]
fn a_log_that_hangs_or_is_missing_ends_no_login() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let pam = bench.pam("linux-login", "alice").answer_secret(PASSWORD);
    let outcome = pam.clone().log_stuck().authenticate().run();
    assert_eq!(outcome.code().to_string(), "PAM_SUCCESS");
    let outcome = pam.log_missing().authenticate().run();
    assert_eq!(outcome.code().to_string(), "PAM_SUCCESS");
}

/// sudo and su run as root with the caller's variables.
#[test]
fn the_environment_changes_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let evil = "http://127.0.0.1:9";
    let hostile = |pam: Pam| {
        [
            ("HTTPS_PROXY", evil),
            ("HTTP_PROXY", evil),
            ("ALL_PROXY", evil),
            ("https_proxy", evil),
            ("http_proxy", evil),
            ("all_proxy", evil),
            ("SSL_CERT_FILE", "/dev/null"),
            ("SSL_CERT_DIR", "/nonexistent"),
            ("RUST_BACKTRACE", "full"),
            ("RUST_LOG", "trace"),
            ("TZ", "Nowhere/Nothing"),
            ("LANG", "de_DE.UTF-8"),
            ("LC_ALL", "de_DE.UTF-8"),
            ("LANGUAGE", "de"),
            ("HOME", "/nonexistent"),
        ]
        .into_iter()
        .fold(pam, |pam, (name, value)| pam.env(name, value))
    };
    for (password, code, words) in [
        (PASSWORD, "PAM_SUCCESS", &[] as &[&str]),
        (
            "wrong",
            "PAM_AUTH_ERR",
            &["That password was not accepted."],
        ),
    ] {
        let outcome = hostile(bench.pam("linux-login", "alice"))
            .answer_secret_to("Password: ", password)
            .authenticate()
            .run();
        expect(&outcome, code, &[]);
        assert_eq!(outcome.output(), ("", ""));
        assert_eq!(outcome.shown(), words);
    }
}

#[test]
fn words_of_the_server_are_no_terminal_control() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.double.world(|world| {
        world.add_flow(
            authentik_double::Flow::new("escape")
                .identification()
                .password()
                .deny("\u{1b}]0;pwned\u{7}\u{202e}No.\r\nNov 24 00:00:00 sshd: forged"),
        );
    });
    let outcome = bench.log_in("escape", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_PERM_DENIED", &[]);
    let shown = outcome.shown().concat();
    assert!(
        shown.chars().all(|c| c == '\n' || !c.is_control()) && !shown.contains('\u{202e}'),
        "{shown:?}"
    );
    let line = line(&outcome);
    assert!(line.chars().all(|c| !c.is_control()), "{line:?}");
}
