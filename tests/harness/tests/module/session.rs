//! authentik's session ends with the login, whatever its result.

use std::time::{Duration, Instant};

use authentik_double::{Fault, Flow, Match, UserLogin};

use crate::bench::{Bench, PASSWORD, expect, line};

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
        // Denied, and stopped, after the session got its user.
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
            assert_eq!(
                alive, 0,
                "{access} {flow}: a session of {user} is left in authentik"
            );
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

/// A bench with the flow `short`, whose sessions last for `lasts`.
fn bench_of(lasts: Option<Duration>) -> Bench {
    let bench = Bench::new();
    bench.double.world(|world| {
        let login = match lasts {
            Some(lasts) => UserLogin::new().session_duration(lasts),
            None => UserLogin::new(),
        };
        let flow = Flow::new("short").identification().password();
        world.add_flow(flow.bind(login));
    });
    bench
}

#[test]
fn a_session_that_ends_by_itself_within_a_minute_is_left_to_it() {
    pam_harness::require_isolation!();
    for (lasts, is_ended) in [
        (Some(20), false),
        (Some(60), false),
        (Some(120), true),
        (Some(3600), true),
        // Until the browser is closed, which has no meaning here.
        (None, true),
    ] {
        let bench = bench_of(lasts.map(Duration::from_secs));
        expect(
            &bench.log_in("short", "alice", &[PASSWORD]),
            "PAM_SUCCESS",
            &[],
        );
        assert_eq!(ends(&bench, END), usize::from(is_ended), "{lasts:?}");
        assert_eq!(
            bench.double.active_sessions("alice"),
            usize::from(!is_ended)
        );
        bench.double.advance(Duration::from_secs(60));
        assert_eq!(bench.double.active_sessions("alice"), 0, "{lasts:?}");
    }
}

/// A refused login has time, and the session may belong to another user.
#[test]
fn a_short_session_of_a_refused_login_is_ended() {
    pam_harness::require_isolation!();
    let bench = bench_of(Some(Duration::from_secs(20))).access("groups = [\"ops-child\"]");
    expect(
        &bench.log_in("short", "alice", &[PASSWORD]),
        "PAM_PERM_DENIED",
        &[],
    );
    assert_eq!(ends(&bench, END), 1);
    assert_eq!(bench.double.active_sessions("alice"), 0);
}

/// Only the answer of `users/me` counts: an earlier cookie may belong to the session before the
/// login.
#[test]
fn a_lifetime_that_an_earlier_answer_gives_does_not_count() {
    pam_harness::require_isolation!();
    let bench = bench_of(Some(Duration::from_secs(20)));
    let me = serde_json::json!({"user": {
        "username": "alice", "is_active": true, "type": "internal", "groups": [],
    }});
    let fault = Fault::on(Match::path("users/me"));
    bench.double.inject(fault.json(200, &me));
    expect(
        &bench.log_in("short", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
    assert_eq!(ends(&bench, END), 1);
    assert_eq!(bench.double.active_sessions("alice"), 0);
}

/// The delays are those of a real server on two busy cores.
#[test]
fn nobody_waits_for_the_end_of_a_short_session() {
    pam_harness::require_isolation!();
    let took = |lasts: u64| {
        let bench = bench_of(Some(Duration::from_secs(lasts)));
        for (number, millis) in (1..).zip([343, 254, 336, 656, 401, 293, 654]) {
            let pause = Duration::from_millis(millis);
            bench
                .double
                .inject(Fault::on(Match::any().nth(number)).delay(pause));
        }
        let outcome = bench.log_in("short", "alice", &[PASSWORD]);
        expect(&outcome, "PAM_SUCCESS", &[]);
        outcome.durations()[0]
    };
    let (before, after) = (took(300), took(60));
    eprintln!("with a request that ends the session {before:?}, without one {after:?}");
    assert!(
        before > after + Duration::from_millis(400),
        "{before:?}, {after:?}"
    );
}

/// The proof stays valid, whatever happens to the session.
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
                "the login waited too long for the end of the session"
            );
            let noted = outcome.log().iter().any(|line| {
                line.text
                    .contains("debug: GET /api/v3/flows/executor/default-invalidation-flow/")
            });
            assert!(noted, "{outcome}");
        }
    }
    // And never longer than the login's own limit.
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

/// authentik takes back the cookie of a session that has ended: nothing else proves it.
#[test]
fn a_session_that_is_not_seen_to_end_is_in_the_line_of_the_login() {
    pam_harness::require_isolation!();
    type Change = fn(&Bench);
    let changes: [(&str, &str, Change); 6] = [
        ("no-such-flow", "session left: HTTP 404", |_| {}),
        ("default-invalidation-flow", "session left: HTTP 500", |b| {
            b.double
                .inject(Fault::on(Match::path("default-invalidation-flow")).server_error());
        }),
        (
            "default-invalidation-flow",
            "session left: connection",
            |b| {
                b.double
                    .inject(Fault::on(Match::path("default-invalidation-flow")).close());
            },
        ),
        ("asks-first", "session left: ak-stage-identification", |b| {
            b.double.world(|world| {
                world.add_flow(Flow::new("asks-first").identification());
            });
        }),
        ("ends-nothing", "session left: xak-flow-redirect", |b| {
            b.double.world(|world| {
                world.add_flow(Flow::new("ends-nothing"));
            });
        }),
        ("no", "session left: ak-stage-access-denied", |b| {
            b.double.world(|world| {
                world.add_flow(Flow::new("no").deny("No."));
            });
        }),
    ];
    for (user, code) in [("alice", "PAM_SUCCESS"), ("eve", "PAM_PERM_DENIED")] {
        for (slug, note, change) in &changes {
            let bench = Bench::new()
                .access("groups = [\"linux-admins\"]")
                .top(&format!("invalidation_flow = \"{slug}\""));
            change(&bench);
            let outcome = bench.log_in("linux-login", user, &[PASSWORD]);
            expect(&outcome, code, &[&format!("note=\"{note}\"")]);
            assert_eq!(bench.double.active_sessions(user), 1, "{slug}");
        }
    }
    // Whether or not somebody is logged in, an end is an end.
    for (user, password) in [("alice", PASSWORD), ("alice", "wrong"), ("eve", PASSWORD)] {
        let bench = Bench::new().access("groups = [\"linux-admins\"]");
        let outcome = bench.log_in("linux-login", user, &[password]);
        assert!(!line(&outcome).contains("note="), "{outcome}");
        assert_eq!(bench.double.active_sessions(user), 0);
    }
}
