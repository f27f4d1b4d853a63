//! A cache between the host and authentik must not answer instead of authentik.

use std::collections::BTreeSet;
use std::time::Duration;

use authentik_double::{Fault, Match, SeenRequest};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSWORD, expect};

const ME: &str = "/users/me/";
const ACCESS: &str = "/check_access/";

fn bench() -> Bench {
    Bench::new().access("application = \"linux-open\"")
}

/// The answer of users/me for alice, with this text in it.
fn me(more: &Value) -> Value {
    let mut user = json!({
        "username": "alice",
        "is_active": true,
        "type": "internal",
        "groups": [],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        user[key] = value.clone();
    }
    json!({"user": user})
}

fn yes() -> Value {
    json!({"passing": true, "messages": [], "log_messages": []})
}

/// Answers to the deciding requests, with these `Age` headers.
fn aged(path: &str, ages: &[&str]) -> Fault {
    let body = if path == ME { me(&json!({})) } else { yes() };
    let answer = Fault::on(Match::get(path)).json(200, &body);
    ages.iter()
        .fold(answer, |answer, age| answer.header("Age", age))
}

#[test]
fn an_answer_that_is_older_than_its_request_is_refused() {
    pam_harness::require_isolation!();
    const NO_NUMBER: &str = "its Age header is not a number of seconds";
    const CACHED: &str = "s old and came from a cache";
    for path in [ME, ACCESS] {
        for (ages, code, reason) in [
            (&[] as &[&str], "PAM_SUCCESS", ""),
            // A cache that had no answer and asked.
            (&["0"], "PAM_SUCCESS", ""),
            (&[" 0 "], "PAM_SUCCESS", ""),
            (&["0", "0"], "PAM_SUCCESS", ""),
            (
                &["3600"],
                "PAM_AUTH_ERR",
                "3600 s old and came from a cache",
            ),
            (&["2"], "PAM_AUTH_ERR", CACHED),
            (&["99999999999"], "PAM_AUTH_ERR", CACHED),
            // Two caches, one behind the other.
            (&["0", "3600"], "PAM_AUTH_ERR", CACHED),
            (&["3600", "0"], "PAM_AUTH_ERR", CACHED),
            (&[""], "PAM_AUTH_ERR", NO_NUMBER),
            (&["-1"], "PAM_AUTH_ERR", NO_NUMBER),
            (&["0.5"], "PAM_AUTH_ERR", NO_NUMBER),
            (&["0, 3600"], "PAM_AUTH_ERR", NO_NUMBER),
            (&["an hour"], "PAM_AUTH_ERR", NO_NUMBER),
            (&["\u{e4}lter"], "PAM_AUTH_ERR", NO_NUMBER),
            (&["0", "junk"], "PAM_AUTH_ERR", NO_NUMBER),
            (&["99999999999999999999999999"], "PAM_AUTH_ERR", NO_NUMBER),
        ] {
            let bench = bench();
            bench.double.inject(aged(path, ages));
            let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
            assert_eq!(outcome.code(), code, "{path} {ages:?}: {outcome}");
            expect(&outcome, code, &[reason]);
        }
    }
}

/// A cache also counts the time that authentik needed.
#[test]
fn an_answer_may_be_as_old_as_its_request() {
    pam_harness::require_isolation!();
    for (age, code) in [("1", "PAM_SUCCESS"), ("9", "PAM_AUTH_ERR")] {
        let bench = bench();
        let late = aged(ACCESS, &[age]).delay(Duration::from_millis(1100));
        bench.double.inject(late);
        let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
        expect(&outcome, code, &[]);
    }
}

/// The first answer, which could prove that authentik is unavailable, and an answer during the
/// flow.
#[test]
fn an_old_answer_proves_nothing() {
    pam_harness::require_isolation!();
    for (status, body) in [
        (503, json!({"error": "authentik starting"})),
        (502, json!({})),
        (200, json!({"component": "xak-flow-redirect", "to": "/"})),
    ] {
        let bench = bench();
        let answer = Fault::on(Match::get("executor")).json(status, &body);
        bench.double.inject(answer.header("Age", "3600"));
        let outcome = bench.log_in("linux-login", "alice", &[]);
        expect(&outcome, "PAM_AUTH_ERR", &["came from a cache"]);
    }
    let bench = bench();
    let challenge = json!({"component": "ak-stage-password"});
    let answer = Fault::on(Match::get("executor").nth(2)).json(200, &challenge);
    bench.double.inject(answer.header("Age", "60"));
    let outcome = bench.log_in("linux-login", "alice", &[]);
    expect(&outcome, "PAM_AUTH_ERR", &["60 s old"]);
}

#[test]
fn no_answer_is_to_be_kept() {
    pam_harness::require_isolation!();
    let bench = bench().section("[account]\ntoken_file = \"{dir}/account.token\"\n");
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(bench.requests().len(), 8);
    let looked_up = Bench::new().section("[account]\ntoken_file = \"{dir}/account.token\"\n");
    let outcome = looked_up
        .pam("linux-login", "alice")
        .file_with_mode("account.token", "view-user-group-token", 0o600)
        .stack("account required {module} {arguments}\n")
        .acct_mgmt()
        .run();
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    assert!(!looked_up.requests().is_empty());
    for bench in [bench, looked_up] {
        for request in bench.double.requests() {
            let asked = format!("{} {}", request.method, request.path);
            assert_eq!(request.header("cache-control"), Some("no-store"), "{asked}");
        }
    }
}

#[test]
fn users_me_is_never_asked_with_the_same_url_twice() {
    pam_harness::require_isolation!();
    let bench = bench();
    for _ in 0..5 {
        let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
        expect(&outcome, "PAM_SUCCESS", &[]);
    }
    let requests = bench.double.requests();
    for path in [ME, ACCESS] {
        let of_path = |request: &&SeenRequest| request.path.ends_with(path);
        let queries: Vec<_> = requests.iter().filter(of_path).map(|r| &r.query).collect();
        assert_eq!(queries.len(), 5, "{path}");
        let different: BTreeSet<_> = queries.iter().collect();
        assert_eq!(different.len(), 5, "{path}: {queries:?}");
        for query in queries {
            let number = query.strip_prefix("nocache=").unwrap_or_default();
            assert_eq!(number.len(), 16, "{path}: {query}");
        }
    }
}

/// From 2026.8 on one browser holds several users, and requests act for the current one.
#[test]
fn a_user_who_is_not_the_current_one_of_the_session_is_refused() {
    pam_harness::require_isolation!();
    const NOT_CURRENT: &str = "the current one of the session";
    const NONSENSE: &str = "does not name the user of the session";
    for (more, code, reason) in [
        (json!({}), "PAM_SUCCESS", ""),
        (json!({"is_current": true}), "PAM_SUCCESS", ""),
        (json!({"is_current": false}), "PAM_AUTH_ERR", NOT_CURRENT),
        (json!({"is_current": null}), "PAM_AUTH_ERR", NOT_CURRENT),
        (json!({"is_current": "true"}), "PAM_AUTH_ERR", NONSENSE),
        (json!({"is_current": 1}), "PAM_AUTH_ERR", NONSENSE),
        (json!({"is_current": [true]}), "PAM_AUTH_ERR", NONSENSE),
        // The list of users in the answer has no effect.
        (
            json!({"is_current": false, "users": [{"is_current": true}]}),
            "PAM_AUTH_ERR",
            NOT_CURRENT,
        ),
    ] {
        let bench = bench();
        bench
            .double
            .inject(Fault::on(Match::get(ME)).json(200, &me(&more)));
        let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
        assert_eq!(outcome.code(), code, "{more}: {outcome}");
        expect(&outcome, code, &[reason]);
        assert_eq!(bench.double.active_sessions("alice"), 0, "{more}");
    }
}
