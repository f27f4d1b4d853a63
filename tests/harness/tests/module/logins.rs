//! Logins that should succeed, and what a login leaves behind.

use crate::bench::{Bench, PASSWORD, expect, line};
use authentik_double::{Double, Version};

/// Identification, password and user-login need seven requests: the first GET, two answers with
/// the GET of each redirect, users/me, and the end of the session.
#[test]
fn a_login_takes_the_requests_that_the_protocol_needs() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(
        &outcome,
        "PAM_SUCCESS",
        &[
            "authpriv.info",
            "user=alice",
            "rhost=192.0.2.7",
            "tty=ssh",
            "flow=linux-login",
            "stages=identification,password",
            "ms=",
        ],
    );
    let executor = "/api/v3/flows/executor/linux-login/";
    assert_eq!(
        bench.requests(),
        [
            format!("GET {executor}"),
            format!("POST {executor}"),
            format!("GET {executor}"),
            format!("POST {executor}"),
            format!("GET {executor}"),
            "GET /api/v3/core/users/me/".into(),
            "GET /api/v3/flows/executor/default-invalidation-flow/".into(),
        ]
    );
    assert_eq!(
        bench.double.connections(),
        1,
        "the login took more than one connection"
    );
    assert_eq!(outcome.user(), Some("alice"));
}

#[test]
fn both_forms_of_identification_log_in() {
    pam_harness::require_isolation!();
    for (flow, requests) in [
        ("linux-combined", 5),
        ("linux-dummy", 9),
        ("linux-remember-me", 8),
        ("linux-many", 31),
        ("default-authentication-flow", 8),
    ] {
        let bench = Bench::new();
        let outcome = bench.log_in(flow, "alice", &[PASSWORD]);
        expect(&outcome, "PAM_SUCCESS", &[flow]);
        assert_eq!(
            bench.requests().len(),
            requests,
            "{flow}: {:#?}",
            bench.requests()
        );
    }
}

#[test]
fn stages_that_skip_themselves_redirect_several_times_in_a_row() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    expect(
        &bench.log_in("linux-skip", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
}

#[test]
fn other_versions_and_a_path_prefix_log_in_too() {
    pam_harness::require_isolation!();
    let bench = Bench::with(Double::builder().version(Version::V2026_8));
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
    let bench = Bench::with(Double::builder().path_prefix("/sso/authentik"));
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
}

/// authentik includes the picture in each challenge, in users/me, and in the list in which a
/// user is looked up.
#[test]
fn the_size_of_a_picture_keeps_nobody_out() {
    pam_harness::require_isolation!();
    let picture = format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(140_000));
    let with_picture = |bench: Bench| {
        bench.double.world(|world| {
            world.user_mut("alice").avatar = Some(picture.clone());
        });
        bench
    };
    let bench = with_picture(Bench::new());
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    let bench = with_picture(crate::account::bench(""));
    let outcome = crate::account::key(&bench, "alice").run();
    crate::account::expect(&outcome, "PAM_SUCCESS", "user=alice");
}

#[test]
fn blanks_around_a_password_are_kept() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench.log_in("linux-login", "spacey", &["  lead and trail  "]);
    expect(&outcome, "PAM_SUCCESS", &[]);
}

/// A user types longer than many servers keep a connection open.
#[test]
fn a_connection_that_closed_while_somebody_typed_fails_nobody() {
    pam_harness::require_isolation!();
    let idle = std::time::Duration::from_millis(400);
    let bench = Bench::with(Double::builder().idle_timeout(idle));
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret_after(PASSWORD, std::time::Duration::from_millis(1500))
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    let posts = bench
        .requests()
        .iter()
        .filter(|r| r.starts_with("POST"))
        .count();
    assert_eq!(posts, 2, "an answer was sent twice");
    assert_eq!(bench.double.connections(), 2);
}

#[test]
fn the_server_learns_which_host_and_service_it_is() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
    for request in bench.double.requests() {
        let agent = request.header("user-agent").unwrap_or_default().to_owned();
        assert!(
            agent.starts_with(concat!(
                "pam-authentik-flow/",
                env!("CARGO_PKG_VERSION"),
                " (sshd; "
            )),
            "{agent}"
        );
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("accept"), Some("application/json"));
    }
}

/// After the login authentik accepts an answer only with its CSRF token and a Referer.
#[test]
fn a_flow_that_goes_on_after_its_login_gets_the_csrf_token() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    bench.double.world(|world| {
        world.add_flow(
            authentik_double::Flow::new("login-then-dummy")
                .identification()
                .password()
                .user_login()
                .dummy("after"),
        );
    });
    expect(
        &bench.log_in("login-then-dummy", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &["stages=identification,password,dummy"],
    );
}

#[test]
fn groups_count_with_their_ancestors() {
    pam_harness::require_isolation!();
    for (user, groups, code) in [
        ("alice", "[\"linux-admins\"]", "PAM_SUCCESS"),
        ("alice", "[\"nobody\", \"linux-admins\"]", "PAM_SUCCESS"),
        ("frank", "[\"linux-admins\"]", "PAM_SUCCESS"),
        ("frank", "[\"ops-child\"]", "PAM_SUCCESS"),
        ("alice", "[\"ops-child\"]", "PAM_PERM_DENIED"),
        ("alice", "[\"Linux-Admins\"]", "PAM_PERM_DENIED"),
        ("eve", "[\"linux-admins\"]", "PAM_PERM_DENIED"),
    ] {
        let bench = Bench::new().access(&format!("groups = {groups}"));
        let outcome = bench.log_in("linux-login", user, &[PASSWORD]);
        expect(&outcome, code, &[]);
    }
}

#[test]
fn names_are_mapped_and_then_compared_exactly() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[user]\nname = \"{user}x\"\n");
    bench.double.world(|world| {
        world.add_user(authentik_double::User::new("alicex").password(PASSWORD));
    });
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &["user=alice "],
    );
    assert!(bench.was_sent("\"uid_field\":\"alicex\""));
    // By now another person has the name that was typed here.
    let bench = Bench::new().section("[user]\nname = \"{user}x\"\n");
    bench.double.world(|world| {
        world.add_user(authentik_double::User::new("alicex").password(PASSWORD));
        let me = serde_json::json!({"user": {"username": "alice"}});
        let login = authentik_double::UserLogin::new().users_me(me);
        let flow = authentik_double::Flow::new("unmapped").identification();
        world.add_flow(flow.password().bind(login));
    });
    expect(
        &bench.log_in("unmapped", "alice", &[PASSWORD]),
        "PAM_AUTH_ERR",
        &["another user: alice"],
    );
}

/// A mapped name may look like an address. A user who has it only as an e-mail address is
/// another user.
#[test]
fn an_e_mail_address_does_not_count_as_a_name() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[user]\nname = \"{user}@example.com\"\n");
    bench.double.world(|world| {
        world.add_user(authentik_double::User::new("alice@example.com").password(PASSWORD));
        let me = serde_json::json!({"user": {
            "username": "mallory2", "email": "alice@example.com", "name": "alice@example.com",
            "uid": "alice@example.com",
        }});
        let login = authentik_double::UserLogin::new().users_me(me);
        let flow = authentik_double::Flow::new("address").identification();
        world.add_flow(flow.password().bind(login));
    });
    let outcome = bench.log_in("address", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_AUTH_ERR", &["another user: mallory2"]);
}

#[test]
fn another_language_of_the_service_file_is_for_that_service_alone() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section(
        "[services.sshd]\nflow = \"linux-combined\"\n[services.sudo]\nflow = \"no-such\"\n",
    );
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &["flow=linux-combined"]);
}

#[test]
fn nothing_secret_is_logged_at_any_level() {
    pam_harness::require_isolation!();
    let bench = Bench::new().arguments("debug");
    let code = bench.double.totp_unused("bob");
    for secrets in [&[PASSWORD, code.as_str()] as &[&str], &["wrong-horse"]] {
        let outcome = bench.log_in("linux-mfa", "bob", secrets);
        line(&outcome);
        let log: Vec<String> = outcome.log().iter().map(ToString::to_string).collect();
        assert!(
            log.iter()
                .any(|l| l.contains("debug: POST /api/v3/flows/executor/linux-mfa/ status=")),
            "{log:#?}"
        );
        for line in &log {
            for secret in secrets.iter().copied().chain(["authentik_session", "eyJ"]) {
                assert!(!line.contains(secret), "{secret} is in {line}");
            }
        }
    }
}

/// An idle connection may close at any time, and a POST that is lost with it could not be
/// repeated.
#[test]
fn an_answer_goes_over_a_fresh_connection_once_somebody_has_typed() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench
        .pam("linux-login", "alice")
        .answer_secret_after(PASSWORD, std::time::Duration::from_millis(1200))
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(bench.double.connections(), 2);
}

/// sshd's own lines have the tag sshd-session since OpenSSH 9.8, and no program here has the
/// name of its service.
#[test]
fn the_tag_in_the_log_is_the_service_and_not_the_program() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    for service in ["sshd", "sudo-i"] {
        let outcome = bench
            .pam_for(service, "linux-login")
            .user("alice")
            .answer_secret(PASSWORD)
            .authenticate()
            .run();
        assert_eq!(outcome.code().to_string(), "PAM_SUCCESS", "{service}");
        let tags: Vec<_> = outcome.log().iter().map(|line| &line.tag).collect();
        assert_eq!(tags, [service], "{}", outcome.transcript());
    }
}
