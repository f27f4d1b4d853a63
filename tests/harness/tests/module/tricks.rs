//! Tricks of a user who knows the module, and unusual applications and servers.

use std::time::{Duration, Instant};

use authentik_double::{Device, Fault, Flow, Match, Phone, Policy, Stage, User, Validate};
use pam_harness::Outcome;

use crate::bench::{Bench, PASSWORD, expect};
use crate::forms::restart_four_times;

fn codes(outcome: &Outcome) -> Vec<String> {
    let calls = outcome.report().calls.iter();
    calls.map(|call| call.code.to_string()).collect()
}

/// How many times the password was sent as a code.
fn passwords_sent_as_codes(bench: &Bench) -> usize {
    let requests = bench.double.requests();
    let bodies = requests
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned());
    bodies
        .filter(|body| body.contains("\"code\"") && body.contains(PASSWORD))
        .count()
}

/// A locker keeps one handle as long as the screen is locked.
#[test]
fn a_forgotten_code_can_be_typed_at_the_next_try() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[prompt]\ncode_separator = \";\"\nsingle = true\n");
    let code = bench.double.totp_unused("bob");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_secret(PASSWORD)
        .answer_secret(&format!("{PASSWORD};{code}"))
        .authenticate()
        .authenticate()
        .run();
    assert_eq!(
        codes(&outcome),
        ["PAM_SERVICE_ERR", "PAM_SUCCESS"],
        "{outcome}"
    );
}

/// Applications that give every prompt the same answer.
#[test]
fn a_password_is_never_sent_as_a_code() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[prompt]\ncode_separator = \";\"\n");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .answer_every_secret(&format!("{PASSWORD};000000"))
        .authenticate()
        .run();
    expect(&outcome, "PAM_MAXTRIES", &["answer every prompt alike"]);
    assert_eq!(passwords_sent_as_codes(&bench), 0, "{outcome}");

    let bench = Bench::new();
    let outcome = bench
        .pam("pam-mfa-enroll-one", "alice")
        .answer_every_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_MAXTRIES", &[]);
    assert_eq!(passwords_sent_as_codes(&bench), 0, "{outcome}");
}

#[test]
fn a_password_of_the_stack_that_is_only_a_code_is_empty() {
    pam_harness::require_isolation!();
    let bench = Bench::new()
        .section("[prompt]\ncode_separator = \";\"\n")
        .arguments("use_first_pass");
    let outcome = bench
        .pam("linux-login", "alice")
        .preset_authtok(";123456")
        .authenticate()
        .run();
    expect(&outcome, "PAM_AUTH_ERR", &["the password was empty"]);
    assert!(!bench.was_sent("\"password\":\"\""));
}

#[test]
fn a_code_goes_with_the_password_that_it_was_typed_with() {
    pam_harness::require_isolation!();
    let bench = Bench::new()
        .section("[prompt]\ncode_separator = \";\"\n")
        .arguments("try_first_pass");
    let code = bench.double.totp_unused("bob");
    let outcome = bench
        .pam("linux-mfa", "bob")
        .preset_authtok("old-password;111111")
        .answer_secret(PASSWORD)
        .answer_secret(&code)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert!(!bench.was_sent("111111"));
}

#[test]
fn two_second_factors_one_after_the_other_are_two() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.double.world(|world| {
        world.add_user(
            User::new("eve")
                .device(Device::duo())
                .device(Device::static_codes(["eve000000001"])),
        );
        world.user_mut("eve").phone = Phone::Approve(Duration::ZERO);
        world.add_flow(
            Flow::new("twice")
                .identification()
                .password()
                .bind(Validate::classes(&["duo"]))
                .bind(Validate::classes(&["static"]))
                .user_login(),
        );
    });
    let outcome = bench.log_in("twice", "eve", &[PASSWORD, "", "eve000000001"]);
    expect(&outcome, "PAM_SUCCESS", &[]);
}

#[test]
fn two_consents_to_different_things_are_two() {
    pam_harness::require_isolation!();
    let consent = |text: &str| Stage::Consent {
        header_text: Some(text.into()),
        permissions: Vec::new(),
    };
    let bench = Bench::new();
    bench.double.world(|world| {
        world.add_flow(
            Flow::new("consents")
                .identification()
                .bind(consent("One."))
                .password()
                .bind(consent("Two."))
                .user_login(),
        );
    });
    let outcome = bench
        .pam("consents", "alice")
        .answer_visible("y")
        .answer_secret(PASSWORD)
        .answer_visible("y")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
}

/// Nobody can consent to something that was not shown.
#[test]
fn a_consent_to_more_than_can_be_shown_is_refused() {
    pam_harness::require_isolation!();
    let permissions = (0..51)
        .map(|n| (format!("p{n}"), format!("permission {n}")))
        .collect();
    let bench = Bench::new();
    bench.double.world(|world| {
        let stage = Stage::Consent {
            header_text: None,
            permissions,
        };
        world.add_flow(
            Flow::new("consent")
                .identification()
                .password()
                .bind(stage)
                .user_login(),
        );
    });
    let outcome = bench.log_in("consent", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_AUTH_ERR", &["more than 50 permissions"]);
}

/// Two codes that were never accepted, wherever the flow goes back to.
#[test]
fn a_code_that_leads_back_twice_proves_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let validate = serde_json::json!({
        "component": "ak-stage-authenticator-validate",
        "device_challenges": [
            {"device_class": "totp", "device_uid": "1", "challenge": {}, "last_used": null},
        ],
        "configuration_stages": [],
    });
    let identification = serde_json::json!({
        "component": "ak-stage-identification",
        "user_fields": ["username"],
        "password_fields": false,
    });
    let post = |nth| Fault::on(Match::post("danger-login-without-secret").nth(nth));
    bench.double.inject(post(1).json(200, &validate));
    bench.double.inject(post(2).json(200, &validate));
    bench.double.inject(post(3).json(200, &identification));
    let outcome = bench.log_in(
        "danger-login-without-secret",
        "alice",
        &["000000", "111111"],
    );
    expect(&outcome, "PAM_AUTH_ERR", &["no password and no code"]);
}

#[test]
fn a_flow_that_starts_with_a_notice_restarts_no_more_often() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    restart_four_times(&bench, Flow::new("form").dummy("banner"));
}

/// A client controls the name of its address (sshd's UseDNS), and is not the host itself.
#[test]
fn a_host_name_does_not_count_as_an_address() {
    pam_harness::require_isolation!();
    for (rhost, code) in [
        ("203.0.113.9", "PAM_PERM_DENIED"),
        ("evil.example", "PAM_PERM_DENIED"),
        ("", "PAM_SUCCESS"),
    ] {
        let bench = Bench::new().section("[outpost]\ntoken_file = \"{dir}/outpost.token\"\n");
        bench.double.world(|world| {
            let inside = Policy::check(|request| request.client_ip.starts_with("127."));
            world.add_flow(
                Flow::new("inside")
                    .identification()
                    .password()
                    .user_login()
                    .policy(inside),
            );
        });
        let outcome = bench
            .pam("inside", "alice")
            .rhost(rhost)
            .file("outpost.token", "outpost-token\n")
            .answer_every_secret(PASSWORD)
            .authenticate()
            .run();
        assert_eq!(codes(&outcome), [code], "{rhost:?}: {outcome}");
    }
}

#[test]
fn a_session_ends_even_where_the_time_of_the_login_is_up() {
    pam_harness::require_isolation!();
    let bench = Bench::new().top("login_timeout = \"2s\"");
    bench
        .double
        .inject(Fault::on(Match::get("/users/me/")).never_answer());
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_AUTH_ERR", &["login_timeout"]);
    assert!(
        bench.requests().iter().any(|r| r.contains("invalidation")),
        "{:#?}",
        bench.requests()
    );
}

/// It takes the connection and the request, and says nothing.
#[test]
fn a_silent_server_is_unavailable_however_short_a_login_is() {
    pam_harness::require_isolation!();
    for request_timeout in ["3s", "4s", "30s"] {
        let bench = Bench::new()
            .top("login_timeout = \"4s\"")
            .top(&format!("request_timeout = \"{request_timeout}\""));
        bench.double.inject(Fault::on(Match::any()).never_answer());
        let outcome = bench.log_in("linux-login", "alice", &[]);
        expect(
            &outcome,
            "PAM_AUTHINFO_UNAVAIL",
            &["longer than request_timeout"],
        );
    }
}

#[test]
fn two_lines_of_one_stack_keep_their_own_marks() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let stack = "auth required {module} config={config}\n\
                 auth required {module} config={config} flow=linux-combined\n\
                 account required {module} config={config}\n";
    let outcome = bench
        .pam("linux-login", "alice")
        .stack(stack)
        .answer_secret(PASSWORD)
        .answer_secret(PASSWORD)
        .authenticate()
        .acct_mgmt()
        .run();
    assert_eq!(codes(&outcome), ["PAM_SUCCESS", "PAM_SUCCESS"], "{outcome}");
}

/// A login of alice must not end as a success for bob.
#[test]
fn a_user_who_is_replaced_during_the_login_is_not_logged_in() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let log_in = |user: &str| {
        bench
            .pam("linux-login", "alice")
            .replaces_user(user)
            .answer_secret(PASSWORD)
            .authenticate()
            .run()
    };
    let outcome = log_in("bob");
    assert_eq!(codes(&outcome), ["PAM_AUTH_ERR"], "{outcome}");
    assert!(
        outcome.to_string().contains("cause=user-replaced"),
        "{outcome}"
    );
    let outcome = log_in("alice");
    assert_eq!(codes(&outcome), ["PAM_SUCCESS"], "{outcome}");
}

/// An answer of a megabyte, with as many groups and parents as fit.
#[test]
fn a_look_up_takes_no_more_work_than_its_answer_is_long() {
    pam_harness::require_isolation!();
    let bench = Bench::new()
        .access("groups = [\"linux-admins\"]")
        .section("[account]\ntoken_file = \"{dir}/account.token\"\n")
        .top("login_timeout = \"3s\"");
    let mut groups: Vec<String> = (0..13_000)
        .map(|n| format!("{{\"name\":\"\",\"pk\":\"{n:05}\",\"parent\":null}}"))
        .collect();
    let parents: Vec<String> = (0..60_000).map(|n| format!("\"x{n:04x}\"")).collect();
    groups.push(format!(
        "{{\"name\":\"\",\"pk\":\"y\",\"parents\":[{}]}}",
        parents.join(",")
    ));
    let body = format!(
        "{{\"pagination\":{{\"count\":1}},\"results\":[{{\"username\":\"alice\",\"is_active\":true,\
         \"type\":\"internal\",\"groups_obj\":[{}]}}]}}",
        groups.join(",")
    );
    assert!(body.len() < 1_048_576, "{}", body.len());
    bench
        .double
        .inject(Fault::on(Match::get("/core/users/")).answer(200, "application/json", &body));
    let begun = Instant::now();
    let outcome = bench
        .pam("linux-login", "alice")
        .file("account.token", "view-user-group-token\n")
        .acct_mgmt()
        .run();
    assert_ne!(codes(&outcome), ["PAM_SUCCESS"]);
    // Quadratic work would take ten seconds or more.
    assert!(
        begun.elapsed() < Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
}

/// Another spelling of an account's name bypasses no rule that names accounts.
#[test]
fn another_spelling_bypasses_no_rule() {
    pam_harness::require_isolation!();
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("libnss_loose.so.2");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/module/loose_nss.c");
    let built = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([library.as_os_str(), source.as_ref()])
        .status();
    assert!(built.expect("a C compiler").success());
    for (section, name) in [
        ("[user]\nallow = [\"alice\"]\n", "ALICE"),
        ("[user]\nmin_uid = 3000\n", "Alice"),
        ("", "aLICE"),
    ] {
        let bench = Bench::new().section(section);
        let outcome = bench
            .pam("linux-login", name)
            .env("LD_LIBRARY_PATH", &folder.path().display().to_string())
            .overlay(
                "/etc/nsswitch.conf",
                "passwd: files loose\ngroup: files\nshadow: files\nhosts: files\n",
            )
            // The rest of the stack accepts everyone.
            .stack(
                "auth [success=done ignore=ignore default=die] {module} config={config}\n\
                 auth required pam_permit.so\n",
            )
            .answer_every_secret("x")
            .authenticate()
            .run();
        assert_eq!(codes(&outcome), ["PAM_USER_UNKNOWN"], "{name}: {outcome}");
    }
}
