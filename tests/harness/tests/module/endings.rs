//! Flows that end like a good one, or look like it, but log in nobody who has proved to be this
//! person. Each is refused.

use crate::bench::{Bench, PASSWORD, expect};
use authentik_double::{Double, Fault, Flow, Match, UserLogin, Version};
use pam_harness::Answer;

/// Flow, typed answers, code, and the log's text.
type Dangerous = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);
/// A flow that is denied, and redirects.
const CONTINUE: &str = "danger-continue";

const DANGEROUS: &[Dangerous] = &[
    ("danger-empty", &[], "PAM_AUTH_ERR", "nobody is logged in"),
    (
        "danger-ident-only",
        &[],
        "PAM_AUTH_ERR",
        "nobody is logged in",
    ),
    (
        "danger-no-login",
        &[PASSWORD],
        "PAM_AUTH_ERR",
        "nobody is logged in",
    ),
    (
        "danger-login-skipped",
        &[PASSWORD],
        "PAM_AUTH_ERR",
        "nobody is logged in",
    ),
    (
        "danger-login-without-secret",
        &[],
        "PAM_AUTH_ERR",
        "asked for no password and no code",
    ),
    (
        "danger-redirect-first",
        &[],
        "PAM_SERVICE_ERR",
        "xak-flow-redirect",
    ),
    (
        "danger-redirect-before-password",
        &[],
        "PAM_SERVICE_ERR",
        "xak-flow-redirect",
    ),
    (
        "danger-redirect-after-password",
        &[PASSWORD],
        "PAM_SERVICE_ERR",
        "xak-flow-redirect",
    ),
    (
        "danger-redirect-after-login",
        &[PASSWORD],
        "PAM_SERVICE_ERR",
        "xak-flow-redirect",
    ),
    (
        "danger-login-then-deny",
        &[PASSWORD],
        "PAM_PERM_DENIED",
        "authentik denied access",
    ),
    (
        "danger-other-user",
        &[PASSWORD],
        "PAM_AUTH_ERR",
        "logged in another user: bob",
    ),
    (
        "danger-impersonated",
        &[PASSWORD],
        "PAM_AUTH_ERR",
        "impersonates",
    ),
    (
        "danger-inactive",
        &[PASSWORD],
        "PAM_PERM_DENIED",
        "not active",
    ),
    (
        "danger-prompt-login",
        &["correct-horse", ""],
        "PAM_AUTH_ERR",
        "asked for no password and no code",
    ),
    (
        "danger-consent-login",
        &["y"],
        "PAM_AUTH_ERR",
        "asked for no password and no code",
    ),
];

#[test]
fn no_dangerous_ending_is_a_login() {
    pam_harness::require_isolation!();
    for version in Version::ALL {
        let (code, reason) = match version.tells_final_redirects() {
            true => ("PAM_PERM_DENIED", "its denied action is to continue"),
            false => ("PAM_AUTH_ERR", "nobody is logged in"),
        };
        let denied: Dangerous = (CONTINUE, &[], code, reason);
        for (flow, secrets, code, reason) in DANGEROUS.iter().chain([&denied]) {
            let bench = Bench::with(Double::builder().version(version).without_pause());
            let pam = secrets.iter().fold(bench.pam(flow, "alice"), |pam, text| {
                pam.answers_with(None, Answer::Text((*text).to_owned()))
            });
            expect(&pam.authenticate().run(), code, &[flow, reason]);
        }
    }
}

#[test]
fn every_dangerous_flow_of_the_double_is_in_the_table() {
    let double = Double::start();
    let flows = double.world(|world| authentik_double::list_flows(world));
    let dangerous: Vec<&str> = flows
        .iter()
        .map(|f| f.slug.as_str())
        .filter(|s| s.starts_with("danger-"))
        .collect();
    assert!(dangerous.len() >= 16, "{dangerous:?}");
    for flow in dangerous {
        // The case-insensitive match of authentik has its own test, and a denial with
        // *continue* depends on the version.
        assert!(
            [CONTINUE, "danger-case"].contains(&flow)
                || DANGEROUS.iter().any(|(name, ..)| *name == flow),
            "{flow}"
        );
    }
}

/// authentik finds alice when it is asked for ALICE.
#[test]
fn a_name_in_other_letters_is_another_name() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[user]\nrequire_account = false\n");
    let outcome = bench.log_in("linux-login", "ALICE", &[PASSWORD]);
    // The host has no account of that name, so it is not in the log.
    expect(
        &outcome,
        "PAM_AUTH_ERR",
        &["user=(unknown)", "another user: alice"],
    );
}

#[test]
fn accounts_of_other_types_are_denied_unless_configured() {
    pam_harness::require_isolation!();
    for (user, kind) in [("mallory", "external"), ("robot", "service_account")] {
        let bench = Bench::new();
        let outcome = bench.log_in("linux-login", user, &[PASSWORD]);
        expect(
            &outcome,
            "PAM_PERM_DENIED",
            &["which is not in [user] types", kind],
        );
        let bench = Bench::new().section(&format!("[user]\ntypes = [\"{kind}\"]\n"));
        expect(
            &bench.log_in("linux-login", user, &[PASSWORD]),
            "PAM_SUCCESS",
            &[],
        );
        expect(
            &bench.log_in("linux-login", "alice", &[PASSWORD]),
            "PAM_PERM_DENIED",
            &[],
        );
    }
}

/// Values that users/me leaves out or changes.
#[test]
fn doubt_about_the_owner_of_the_session_is_a_refusal() {
    pam_harness::require_isolation!();

    for (name, patch, code) in [
        ("no user", serde_json::json!({"user": null}), "PAM_AUTH_ERR"),
        (
            "no name",
            serde_json::json!({"user": {"username": null}}),
            "PAM_AUTH_ERR",
        ),
        (
            "name of another type",
            serde_json::json!({"user": {"username": ["alice"]}}),
            "PAM_AUTH_ERR",
        ),
        (
            "active, in words",
            serde_json::json!({"user": {"is_active": "true"}}),
            "PAM_AUTH_ERR",
        ),
        (
            "no word on being active",
            serde_json::json!({"user": {"is_active": null}}),
            "PAM_AUTH_ERR",
        ),
        (
            "no type",
            serde_json::json!({"user": {"type": null}}),
            "PAM_AUTH_ERR",
        ),
        (
            "no groups",
            serde_json::json!({"user": {"groups": null}}),
            "PAM_AUTH_ERR",
        ),
        (
            "groups by name",
            serde_json::json!({"user": {"groups": ["linux-admins"]}}),
            "PAM_AUTH_ERR",
        ),
        (
            "a type in other letters",
            serde_json::json!({"user": {"type": "Internal"}}),
            "PAM_PERM_DENIED",
        ),
        (
            "a longer name",
            serde_json::json!({"user": {"username": "alice "}}),
            "PAM_AUTH_ERR",
        ),
        (
            "impersonated by anything",
            serde_json::json!({"original": {"pk": 1}}),
            "PAM_AUTH_ERR",
        ),
        (
            "impersonated by nonsense",
            serde_json::json!({"original": false}),
            "PAM_AUTH_ERR",
        ),
    ] {
        let bench = Bench::new();
        bench.double.world(|world| {
            world.add_flow(
                Flow::new("doubt")
                    .identification()
                    .password()
                    .bind(UserLogin::new().users_me(patch.clone())),
            );
        });
        let outcome = bench.log_in("doubt", "alice", &[PASSWORD]);
        assert_eq!(
            outcome.code().to_string(),
            code,
            "{name}: {}",
            outcome.transcript()
        );
    }
}

/// serde reads an array as a structure, field by field, which nobody intended. These have all
/// fields in the structure's order, so that nothing else is wrong.
#[test]
fn an_array_in_the_place_of_an_object_is_a_refusal() {
    pam_harness::require_isolation!();
    let group = serde_json::json!({"name": "linux-admins", "pk": "x"});
    for me in [
        serde_json::json!([["alice", true, true, "internal", [group]], null]),
        serde_json::json!({"user": ["alice", true, true, "internal", [group]]}),
        serde_json::json!({"user": {"username": "alice", "is_active": true, "type": "internal", "groups": [["linux-admins", "x"]]}}),
    ] {
        let bench = Bench::new();
        let fault = Fault::on(Match::get("users/me"));
        bench.double.inject(fault.json(200, &me));
        let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
        expect(
            &outcome,
            "PAM_AUTH_ERR",
            &["does not name the user of the session"],
        );
    }
    let bench = Bench::new();
    let fault = Fault::on(Match::get("users/me"));
    bench.double.inject(fault.answer(
        200,
        "text/html",
        r#"{"user": {"username": "alice", "is_active": true, "type": "internal", "groups": []}}"#,
    ));
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_AUTH_ERR",
        &["Content-Type is not application/json"],
    );
}

/// Endless flows are limited by a count, not only by time.
#[test]
fn an_endless_flow_ends_at_a_count() {
    pam_harness::require_isolation!();
    let dummy = serde_json::json!({"component": "ak-stage-dummy", "name": "again"});
    let executor = "/api/v3/flows/executor/linux-login/";
    let get = || Fault::on(Match::get("executor"));
    let always = || Fault::on(Match::path("executor"));
    for (fault, code, line) in [
        (
            always().json(200, &dummy),
            "PAM_SERVICE_ERR",
            "ak-stage-dummy: it does not move on when it is answered",
        ),
        (
            get()
                .answer(302, "text/html", "")
                .header("Location", executor),
            "PAM_AUTH_ERR",
            "redirects too often",
        ),
        (get().endless_body(), "PAM_AUTH_ERR", "too large"),
    ] {
        let bench = Bench::new()
            .top("login_timeout = \"5s\"")
            .top("request_timeout = \"1s\"");
        bench.double.inject(fault);
        expect(&bench.log_in("linux-login", "alice", &[]), code, &[line]);
    }
}

/// A restarted flow counts separately: the password of its first round proves nothing for a
/// second one that asks for none.
#[test]
fn a_secret_accepted_before_a_restart_does_not_count() {
    pam_harness::require_isolation!();
    let me = serde_json::json!({"user": {
        "username": "alice", "is_active": true, "type": "internal", "groups": [],
    }});
    let dummy = serde_json::json!({"component": "ak-stage-dummy", "name": "notice"});
    let again = serde_json::json!({"component": "ak-stage-identification"});
    let end = serde_json::json!({"component": "xak-flow-redirect", "to": "/"});
    for (restarts, code, line) in [
        (false, "PAM_SUCCESS", "user=alice"),
        (true, "PAM_AUTH_ERR", "asked for no password and no code"),
    ] {
        let bench = Bench::new();
        let post = |nth| Fault::on(Match::post("executor").nth(nth));
        // After the name and the password, which the double itself accepts.
        let shown = Fault::on(Match::get("executor").nth(3));
        bench.double.inject(shown.json(200, &dummy));
        bench.double.inject(match restarts {
            false => post(3).json(200, &end),
            true => post(3).json(200, &again),
        });
        bench.double.inject(post(4).json(200, &end));
        let users_me = Fault::on(Match::get("users/me"));
        bench.double.inject(users_me.json(200, &me));
        let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
        expect(&outcome, code, &[line]);
    }
}
