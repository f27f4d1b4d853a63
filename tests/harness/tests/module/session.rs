//! authentik's session ends with the login, however that went.

use std::time::{Duration, Instant};

use authentik_double::{Fault, Flow, Match};

use crate::bench::{Bench, PASSWORD, expect};

const END: &str = "GET /api/v3/flows/executor/default-invalidation-flow/";

fn ends(bench: &Bench, path: &str) -> usize {
    bench
        .requests()
        .iter()
        .filter(|r| r.as_str() == path)
        .count()
}

#[test]
fn a_session_ends_on_every_path_after_a_login() {
    pam_harness::require_isolation!();
    for (access, flow, code) in [
        ("allow_any_user = true", "linux-login", "PAM_SUCCESS"),
        ("groups = [\"ops-child\"]", "linux-login", "PAM_PERM_DENIED"),
        (
            "application = \"linux-closed\"",
            "linux-login",
            "PAM_PERM_DENIED",
        ),
        (
            "application = \"missing\"",
            "linux-login",
            "PAM_SERVICE_ERR",
        ),
        // Denied, and stopped, with the session already somebody's.
        (
            "allow_any_user = true",
            "login-then-deny",
            "PAM_PERM_DENIED",
        ),
        (
            "allow_any_user = true",
            "login-then-captcha",
            "PAM_SERVICE_ERR",
        ),
        ("allow_any_user = true", "danger-other-user", "PAM_AUTH_ERR"),
    ] {
        let bench = Bench::new().access(access);
        bench.double.world(|world| {
            let login = |slug| Flow::new(slug).identification().password().user_login();
            world.add_flow(login("login-then-deny").deny("No."));
            world.add_flow(login("login-then-captcha").redirect("https://elsewhere.example/"));
        });
        let outcome = bench.log_in(flow, "alice", &[PASSWORD]);
        expect(&outcome, code, &[]);
        for user in ["alice", "bob"] {
            let alive = bench.double.active_sessions(user);
            assert_eq!(alive, 0, "{access} {flow}: a session of {user} is alive");
        }
        assert_eq!(ends(&bench, END), 1, "{access} {flow}");
    }
}

#[test]
fn nothing_is_ended_before_anything_was_answered() {
    pam_harness::require_isolation!();
    for flow in ["linux-closed", "no-such-flow", "danger-redirect-first"] {
        let bench = Bench::new();
        bench.log_in(flow, "alice", &[]);
        assert_eq!(bench.requests().len(), 1, "{flow}: {:?}", bench.requests());
    }
}

#[test]
fn a_session_may_be_left_to_run_out() {
    pam_harness::require_isolation!();
    let bench = Bench::new().top("end_session = false");
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(bench.double.active_sessions("alice"), 1);
    assert_eq!(bench.requests().len(), 6);
}

#[test]
fn another_brand_has_another_flow_for_it() {
    pam_harness::require_isolation!();
    let bench = Bench::new().top("invalidation_flow = \"goodbye\"");
    bench.double.world(|world| {
        let mut flow = world.flow_mut("default-invalidation-flow").clone();
        flow.slug = "goodbye".into();
        world.add_flow(flow);
    });
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(bench.double.active_sessions("alice"), 0);
    assert_eq!(ends(&bench, END), 0);
}

/// What was proved stays so, whatever becomes of the session.
#[test]
fn a_session_that_cannot_be_ended_changes_no_verdict() {
    pam_harness::require_isolation!();
    for (user, code) in [("alice", "PAM_SUCCESS"), ("eve", "PAM_PERM_DENIED")] {
        type Strike = fn(Fault) -> Fault;
        for strike in [
            Fault::never_answer as Strike,
            Fault::server_error,
            Fault::close,
            |fault| fault.answer(403, "text/html", "no"),
        ] {
            let bench = Bench::new()
                .access("groups = [\"linux-admins\"]")
                .arguments("debug");
            bench
                .double
                .inject(strike(Fault::on(Match::path("default-invalidation-flow"))));
            let begun = Instant::now();
            let outcome = bench.log_in("linux-login", user, &[PASSWORD]);
            expect(&outcome, code, &[]);
            assert!(
                begun.elapsed() < Duration::from_secs(8),
                "it is not waited for long"
            );
            let noted = outcome.log().iter().any(|line| {
                line.text
                    .contains("debug: GET /api/v3/flows/executor/default-invalidation-flow/")
            });
            assert!(noted, "{outcome}");
        }
    }
    // And never past the login's own limit.
    let bench = Bench::new().top("login_timeout = \"2s\"");
    bench
        .double
        .inject(Fault::on(Match::path("default-invalidation-flow")).never_answer());
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert!(
        outcome.durations()[0] < Duration::from_millis(2600),
        "{outcome}"
    );
}
