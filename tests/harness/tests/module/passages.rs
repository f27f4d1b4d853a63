//! Consent, links by mail, redirects during a flow, the endpoint agent.

use std::sync::Arc;

use authentik_double::{Fault, Flow, Match, Stage, Version};

use crate::bench::{Bench, PASSWORD, expect};

fn bench(name: &str, stage: Stage) -> Bench {
    let bench = Bench::new();
    bench.double.world(|world| {
        world.providers.email = true;
        world.add_flow(
            Flow::new(name)
                .title("Welcome")
                .identification()
                .password()
                .bind(stage)
                .user_login(),
        );
    });
    bench
}

fn consent() -> Stage {
    Stage::Consent {
        header_text: Some("This host is <b>recorded</b>.".into()),
        permissions: vec![("openid".into(), "Your name".into())],
    }
}

#[test]
fn a_consent_is_shown_and_yes_is_needed() {
    pam_harness::require_isolation!();
    for (typed, code) in [
        ("y", "PAM_SUCCESS"),
        ("YES", "PAM_SUCCESS"),
        ("n", "PAM_AUTH_ERR"),
        ("", "PAM_AUTH_ERR"),
    ] {
        let bench = bench("consent", consent());
        let outcome = bench
            .pam("consent", "alice")
            .answer_secret(PASSWORD)
            .answer_visible(typed)
            .expecting(
                "Welcome\nThis host is recorded.\nThis asks for:\n  - Your name\nAllow this? [y/N] ",
            )
            .authenticate()
            .run();
        let reason: &[&str] = match code {
            "PAM_SUCCESS" => &[],
            _ => &["the person declined what the consent stage asks"],
        };
        expect(&outcome, code, reason);
    }
}

/// The token changes with every refusal, but the user's consent stays valid.
#[test]
fn a_consent_whose_token_is_refused_is_sent_again_with_the_new_one() {
    pam_harness::require_isolation!();
    let bench = bench("consent", consent());
    let refusal = serde_json::json!({
        "component": "ak-stage-consent",
        "header_text": "This host is <b>recorded</b>.",
        "permissions": [{"id": "openid", "name": "Your name"}],
        "additional_permissions": [],
        "token": "another",
        "response_errors": {"token": [{"string": "Invalid consent token", "code": "invalid"}]},
    });
    bench
        .double
        .inject(Fault::on(Match::post("consent").nth(3)).answer(
            200,
            "application/json",
            &refusal.to_string(),
        ));
    let outcome = bench
        .pam("consent", "alice")
        .answer_secret(PASSWORD)
        .answer_visible("y")
        .authenticate()
        .run();
    // The double never sent that token. It answers with its own, which is accepted.
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert!(bench.was_sent("\"another\""));
}

fn link(bench: &Bench, token: &str) -> String {
    format!("{}/if/flow/mail/?flow_token={token}", bench.double.url())
}

#[test]
fn the_link_from_the_mail_is_pasted_and_the_flow_goes_on() {
    pam_harness::require_isolation!();
    let bench = bench("mail", Stage::Email).arguments("debug");
    let double = Arc::clone(&bench.double);
    let mut pam = bench
        .pam("mail", "alice")
        .answer_secret(PASSWORD)
        .answer_secret_to(
            "paste it here,\nor press Enter to have the e-mail sent again.\nLink:",
            "",
        )
        .answer_secret_later(move |_| {
            double
                .last_flow_token("alice")
                .map(|token| format!("{}/if/flow/mail/?flow_token={token}", double.url()))
        })
        .expecting("The e-mail was sent again.");
    if Version::asked_for().confirms_links() {
        pam = pam
            .answer_visible("y")
            .expecting("Continue to confirm this email address.");
    }
    let outcome = pam.authenticate().run();
    expect(&outcome, "PAM_SUCCESS", &["password,email"]);
    let debug = |line: &pam_harness::LogLine| {
        line.text
            .contains("debug: GET /api/v3/flows/executor/mail/ ")
    };
    assert!(outcome.log().iter().any(debug), "{outcome}");
    let token = bench.double.last_flow_token("alice").expect("a link");
    assert!(
        outcome.log().iter().all(|line| !line.text.contains(&token)),
        "{outcome}"
    );
}

#[test]
fn nothing_but_that_link_is_taken_and_nothing_is_fetched_for_it() {
    pam_harness::require_isolation!();
    let bench = bench("mail", Stage::Email);
    let before = bench.double.requests().len();
    let typed = [
        PASSWORD,
        "https://evil.example/if/flow/mail/?flow_token=abcdefgh12345678",
        "abcdefgh12345678",
        &format!("{}&next=//evil.example", link(&bench, "abcdefgh12345678")),
    ];
    let outcome = bench.log_in("mail", "alice", &typed);
    expect(&outcome, "PAM_MAXTRIES", &["ak-stage-email"]);
    assert_eq!(
        outcome.prompts()[2].lines().next(),
        Some("That is not the link from the e-mail. Paste its whole address.")
    );
    let after = bench.requests().split_off(before);
    // The last request ends the session.
    assert_eq!(after.len(), 6, "{after:#?}");
    assert!(
        after[..5]
            .iter()
            .all(|request| request.ends_with("/executor/mail/")),
        "{after:#?}"
    );
}

/// A token that the server does not know leaves the flow where it is.
#[test]
fn an_invented_token_opens_nothing() {
    pam_harness::require_isolation!();
    let bench = bench("mail", Stage::Email);
    let invented = link(&bench, "abcdefgh12345678");
    // 2026.8 starts the flow again and sends another mail.
    let typed: &[&str] = match Version::asked_for() {
        Version::V2026_8 => &[PASSWORD, &invented, PASSWORD, "x", "y", "z"],
        _ => &[PASSWORD, &invented, "x", "y", "z"],
    };
    let outcome = bench.log_in("mail", "alice", typed);
    expect(&outcome, "PAM_MAXTRIES", &["ak-stage-email"]);
    assert_eq!(bench.double.active_sessions("alice"), 0);
}

#[test]
fn a_redirect_stage_is_refused_unless_it_may_be_passed_by() {
    pam_harness::require_isolation!();
    let redirect = || Stage::Redirect {
        to: "https://example.com/terms".into(),
    };
    let bench_refusing = bench("redirect", redirect());
    expect(
        &bench_refusing.log_in("redirect", "alice", &[PASSWORD]),
        "PAM_SERVICE_ERR",
        &["xak-flow-redirect", "skip_redirects = true skips it"],
    );
    let skip = "[prompt]\nskip_redirects = true\n";
    let bench_skipping = bench("redirect", redirect()).section(skip);
    expect(
        &bench_skipping.log_in("redirect", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &["password,xak-flow-redirect"],
    );
    // Wherever it is in the flow; skipping it proves nothing.
    let bench = Bench::new().section(skip);
    bench.double.world(|world| {
        let redirect = || Flow::new("only-redirects").redirect("https://example.com/");
        world.add_flow(redirect());
        world.add_flow(
            Flow::new("no-secret")
                .identification()
                .redirect("https://example.com/")
                .user_login(),
        );
    });
    for (flow, secrets, code) in [
        ("danger-redirect-first", &[PASSWORD][..], "PAM_SUCCESS"),
        (
            "danger-redirect-before-password",
            &[PASSWORD],
            "PAM_SUCCESS",
        ),
        ("danger-redirect-after-login", &[PASSWORD], "PAM_SUCCESS"),
        ("danger-redirect-first", &["wrong"], "PAM_AUTH_ERR"),
        ("only-redirects", &[], "PAM_AUTH_ERR"),
        ("no-secret", &[], "PAM_AUTH_ERR"),
    ] {
        let outcome = bench.log_in(flow, "alice", secrets);
        expect(&outcome, code, &[flow]);
    }
}

#[test]
fn the_endpoint_agent_is_answered_with_nothing() {
    pam_harness::require_isolation!();
    let bench = Bench::new();
    let outcome = bench.log_in("component-ak-stage-endpoint-agent", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &["endpoint-agent"]);
    assert!(bench.was_sent("\"response\":null"));
}
