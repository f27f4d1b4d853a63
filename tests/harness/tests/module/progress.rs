//! Flows that do not advance, go back, or lead elsewhere.

use std::sync::Arc;

use authentik_double::{Double, Fault, Field, Flow, Match, Prompt, Stage, Version};
use pam_harness::require_isolation;
use serde_json::json;

use crate::bench::{Bench, PASSWORD, expect, refused};

const SKIP: &str = "[prompt]\nskip_redirects = true\n";

fn of(version: Version) -> Bench {
    Bench::with(Double::builder().version(version).without_pause())
}

/// How many requests were sent to an executor, without the end of the session.
fn requests_of_flows(bench: &Bench) -> usize {
    let requests = bench.requests();
    let of_flows = requests.iter().filter(|request| {
        request.contains("/flows/executor/") && !request.contains("invalidation")
    });
    of_flows.count()
}

/// Every stage that needs no typed answer, and a form: the same challenge again ends it at
/// once.
#[test]
fn a_stage_that_stays_after_an_answer_ends_at_once() {
    require_isolation!();
    for version in Version::ALL {
        for (stage, answers) in [
            (
                json!({"component": "ak-stage-dummy", "name": "again"}),
                vec![],
            ),
            (
                json!({"component": "xak-flow-redirect", "to": "/terms/", "flow_info": {}}),
                vec![],
            ),
            (json!({"component": "ak-stage-user-login"}), vec![]),
            (
                json!({"component": "ak-stage-endpoint-agent", "challenge": "x"}),
                vec![],
            ),
            (
                json!({"component": "ak-stage-prompt", "fields": [
                    {"field_key": "k", "label": "Why", "type": "password", "required": true},
                ]}),
                vec!["because"],
            ),
        ] {
            let bench = of(version).section(SKIP);
            bench
                .double
                .inject(Fault::on(Match::path("executor")).json(200, &stage));
            let outcome = bench.log_in("linux-login", "alice", &answers);
            expect(
                &outcome,
                "PAM_SERVICE_ERR",
                &["does not move on when it is answered"],
            );
            assert_eq!(requests_of_flows(&bench), 2, "{stage}");
        }
    }
}

/// Each round stays below the limits of challenges and of redirects in a row.
#[test]
fn a_flow_without_an_end_is_bounded_by_its_requests() {
    require_isolation!();
    let flow = (0..20).fold(Flow::new("round"), |flow, number| {
        let flow = (0..20).fold(flow, |flow, _| flow.bind(Stage::Skip));
        flow.dummy(&format!("dummy {number}"))
    });
    for version in Version::ENDS {
        let bench = of(version);
        bench.double.world(|world| world.add_flow(flow.clone()));
        expect(
            &bench.log_in("round", "alice", &[]),
            "PAM_AUTH_ERR",
            &["the flow has not ended after 300 requests"],
        );
        assert_eq!(requests_of_flows(&bench), 300);
    }
}

#[test]
fn a_flow_without_an_end_is_bounded_by_its_challenges() {
    require_isolation!();
    let bench = Bench::new();
    bench
        .double
        .world(|world| world.add_flow(Flow::new("endless").bind(Stage::Endless)));
    expect(
        &bench.log_in("endless", "alice", &[]),
        "PAM_AUTH_ERR",
        &["the flow has not ended after 100 challenges"],
    );
}

/// CVE-2026-49448: the answer to a redirect stage passed a source stage.
#[test]
fn no_login_at_a_source_is_passed_by() {
    require_isolation!();
    for version in Version::ALL {
        for to in ["/source/oauth/login/github/", "/auth/source/saml/corp/"] {
            let bench = of(version).section(SKIP);
            bench.double.world(|world| {
                let flow = Flow::new("sourced").identification().password();
                world.add_flow(flow.redirect(to).user_login());
            });
            expect(
                &bench.log_in("sourced", "alice", &[PASSWORD]),
                "PAM_SERVICE_ERR",
                &["it sends people to a source"],
            );
            assert!(!bench.was_sent("xak-flow-redirect"), "{to}");
            assert_eq!(bench.double.active_sessions("alice"), 0);
        }
    }
}

#[test]
fn a_redirect_into_another_flow_is_not_answered() {
    require_isolation!();
    let bench = of(Version::V2026_8).section(SKIP);
    bench.double.world(|world| {
        let flow = Flow::new("step-up").identification().password();
        world.add_flow(flow.redirect("/if/flow/second/?next=/").user_login());
    });
    expect(
        &bench.log_in("step-up", "alice", &[PASSWORD]),
        "PAM_SERVICE_ERR",
        &["it leads into another flow", "name that flow instead"],
    );
    assert!(!bench.was_sent("xak-flow-redirect"));
}

/// If redirects do not say whether they are final, such a flow ends like any other, with nobody
/// logged in.
#[test]
fn a_flow_that_is_denied_with_continue_is_denied() {
    require_isolation!();
    for version in Version::ALL {
        let bench = of(version).section(SKIP);
        let (code, reason) = match version.tells_final_redirects() {
            true => ("PAM_PERM_DENIED", "its denied action is to continue"),
            false => ("PAM_AUTH_ERR", "nobody is logged in"),
        };
        let outcome = bench.log_in("pam-policy-deny-continue", "alice", &[]);
        expect(&outcome, code, &[reason]);
        assert_eq!(requests_of_flows(&bench), 1);
    }
}

#[test]
fn alerts_are_read_with_the_question_behind_them() {
    require_isolation!();
    for kind in ["alert_info", "alert_warning", "alert_danger"] {
        let bench = of(Version::V2026_8);
        bench.double.world(|world| {
            let form = Prompt::new([
                Field::new("note", kind, "Note").initial("The host <b>goes down</b> at six."),
                Field::new("why", "password", "Reason").order(1),
            ]);
            let flow = Flow::new("alert").identification().password();
            world.add_flow(flow.bind(form).user_login());
        });
        let outcome = bench
            .pam("alert", "alice")
            .answer_secret_to("Password:", PASSWORD)
            .answer_secret_to("The host goes down at six.", "work")
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &[]);
    }
}

/// Two password stages in a row, each with its own password.
#[test]
fn a_second_password_stage_asks_for_its_password() {
    require_isolation!();
    let twice = || Flow::new("twice").identification().password().password();
    for version in Version::ENDS {
        let bench = of(version);
        bench
            .double
            .world(|world| world.add_flow(twice().user_login()));
        let both = || {
            bench
                .pam("twice", "alice")
                .answer_secret_to("Password:", PASSWORD)
        };
        let outcome = both()
            .answer_secret_to("asks for a password once more.", PASSWORD)
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &[]);
        assert_eq!(
            refused(&outcome),
            [""; 0],
            "a right password counts as a wrong one"
        );
        let outcome = both()
            .answer_secret_to("asks for a password once more.", "nope")
            .authenticate()
            .run();
        expect(&outcome, "PAM_AUTH_ERR", &["refused the password"]);
        assert_eq!(
            refused(&outcome).len(),
            2,
            "not both passwords count as wrong"
        );
        // A client that hangs up at the second question may have guessed the first.
        let outcome = both().abort().authenticate().run();
        expect(&outcome, "PAM_CONV_ERR", &[]);
        assert_eq!(refused(&outcome).len(), 1);
    }
}

/// It looks like a flow that restarts because the password was wrong, and the log names both.
#[test]
fn a_second_identification_behind_the_password_is_a_refusal() {
    require_isolation!();
    for version in Version::ENDS {
        let bench = of(version);
        bench.double.world(|world| {
            let flow = Flow::new("again").identification().password();
            world.add_flow(flow.identification().user_login());
        });
        for (flow, password) in [("again", PASSWORD), ("linux-restart", "nope")] {
            let outcome = bench.log_in(flow, "alice", &[password]);
            expect(
                &outcome,
                "PAM_AUTH_ERR",
                &[
                    "cause=restarted",
                    "went back to ak-stage-identification after the password",
                    "or the flow has that stage twice",
                ],
            );
            assert_eq!(
                refused(&outcome).len(),
                1,
                "the password does not count as wrong"
            );
        }
        assert_eq!(bench.double.active_sessions("alice"), 0);
    }
}

#[test]
fn a_third_password_stage_is_a_refusal() {
    require_isolation!();
    let bench = Bench::new();
    bench.double.world(|world| {
        let flow = Flow::new("thrice").identification().password().password();
        world.add_flow(flow.password().user_login());
    });
    let outcome = bench.log_in("thrice", "alice", &[PASSWORD, PASSWORD]);
    expect(&outcome, "PAM_AUTH_ERR", &["refused the password"]);
    assert_eq!(bench.double.active_sessions("alice"), 0);
}

#[test]
fn a_gateway_that_fails_is_named_and_asked_again_on_request_alone() {
    require_isolation!();
    let bench = of(Version::V2026_8);
    bench.double.world(|world| world.providers.sms = false);
    let outcome = bench
        .pam("linux-mfa", "ivan")
        .answer_secret_to("Password:", PASSWORD)
        .answer_secret_to("The code could not be sent.\ngateway down\nPress Enter", "")
        .answer_secret_to("The code could not be sent.\ngateway down\nPress Enter", "")
        .authenticate()
        .run();
    expect(
        &outcome,
        "PAM_AUTH_ERR",
        &["authentik could not send the code: \\\"gateway down\\\""],
    );
    assert!(outcome.transcript().contains("gateway down"));
}

/// Another session has used up the tries of this name.
#[test]
fn tries_that_others_have_used_up_are_named_in_the_log() {
    require_isolation!();
    let bench = of(Version::V2026_8);
    bench.double.world(|world| {
        let flow = Flow::new("two").identification();
        world.add_flow(flow.password_tries(2).user_login());
    });
    let double = Arc::clone(&bench.double);
    let outcome = bench
        .pam("two", "alice")
        .answer_secret_later(move |_| {
            double.try_wrong_passwords("alice", 1);
            Some("nope".to_owned())
        })
        .authenticate()
        .run();
    expect(
        &outcome,
        "PAM_MAXTRIES",
        &["too many wrong tries for this name, from anywhere"],
    );
}

/// A wrong code may restart the flow. The next question says why it is asked.
#[test]
fn a_flow_that_goes_back_over_a_code_says_so() {
    require_isolation!();
    for version in Version::ENDS {
        let bench = of(version);
        bench.double.world(|world| {
            let flow = Flow::new("back").identification().password().validate();
            world.add_flow(flow.restart_on_invalid().user_login());
        });
        let code = bench.double.totp_unused("bob");
        let outcome = bench
            .pam("back", "bob")
            .answer_secret_to("Password:", PASSWORD)
            .answer_secret_to("Authentication code:", "000000")
            .answer_secret_to("That code was not accepted.", PASSWORD)
            .answer_secret_to("Authentication code:", &code)
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &[]);
    }
}

#[test]
fn a_link_that_the_server_does_not_know_is_named() {
    require_isolation!();
    for version in Version::ENDS {
        let bench = of(version);
        bench.double.world(|world| {
            let flow = Flow::new("mail").identification().bind(Stage::Email);
            world.add_flow(flow.password().user_login());
        });
        let link = format!(
            "{}/if/flow/mail/?flow_token=abcdefgh12345678",
            bench.double.url()
        );
        let outcome = bench
            .pam("mail", "alice")
            .answer_secret_to("An e-mail with a link", &link)
            .answer_secret_to("That link is not valid, or no longer.", "x")
            .abort()
            .authenticate()
            .run();
        expect(&outcome, "PAM_CONV_ERR", &[]);
    }
}

#[test]
fn an_account_that_is_deactivated_on_the_way_is_named() {
    require_isolation!();
    for (version, reason) in [
        (Version::V2025_10, "nobody is logged in"),
        (
            Version::V2026_8,
            "was the account deactivated during the login?",
        ),
    ] {
        let bench = of(version);
        bench.double.world(|world| {
            let flow = Flow::new("late").identification().password().user_login();
            let prompt = Prompt::new([Field::new("k", "password", "Sure")]);
            world.add_flow(flow.bind(prompt));
        });
        let double = Arc::clone(&bench.double);
        let outcome = bench
            .pam("late", "alice")
            .answer_secret_to("Password:", PASSWORD)
            .answer_secret_later(move |_| {
                double.world(|world| world.user_mut("alice").active = false);
                Some("x".to_owned())
            })
            .authenticate()
            .run();
        expect(&outcome, "PAM_AUTH_ERR", &[reason]);
        assert!(!outcome.transcript().contains("cannot be reached"));
    }
}
