//! The endpoint stage asks which host this is, and `[host]` proves it.

use std::path::Path;
use std::time::Duration;

use authentik_double::{
    Double, Fault, Flow, HostDevice, Match, Policy, PolicyRequest, Stage, Version,
};
use pam_harness::{Outcome, Pam};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSWORD, expect, line, login};
use crate::password_change::passwd;
use crate::python::verdicts;

const TOKEN: &str = "the-token-of-this-host-and-no-other";
const OTHER: &str = "the-token-of-another-host";
const HOST: &str = "[host]\ntoken_file = \"{dir}/host.token\"\nidentifier = \"this-host\"\n";
const REFUSED: &str = "authentik does not accept this host's token";

/// The flows `required` and `optional`, and `racks`, which is for the hosts of one group.
fn bench_of(version: Version) -> Bench {
    let bench = Bench::with(Double::builder().version(version).without_pause());
    bench.double.world(|world| {
        for (slug, required) in [("required", true), ("optional", false)] {
            let flow = Flow::new(slug).bind(Stage::endpoint(required));
            world.add_flow(flow.identification().password().user_login());
        }
        let is_in_racks = |request: &PolicyRequest<'_>| {
            let group = request.host.and_then(|host| host.access_group.as_deref());
            group == Some("racks")
        };
        // As docs/authentik.md has it.
        let flow = Flow::new("login-in-racks").identification().password();
        let flow = flow.bind(Stage::endpoint(false)).user_login();
        world.add_flow(flow.only_if(Policy::check(is_in_racks)));
        let elsewhere = Policy::check(move |request| !is_in_racks(request));
        let flow = Flow::new("racks").identification().password();
        let flow = flow.bind(Stage::endpoint(false));
        let flow = flow.deny("Not from this host.").only_if(elsewhere);
        world.add_flow(flow.user_login());
        world.add_host(HostDevice::new("this-host", TOKEN).access_group("racks"));
        world.add_host(HostDevice::new("other-host", OTHER));
    });
    bench
}

fn bench() -> Bench {
    bench_of(Version::V2026_8)
}

fn pam(bench: &Bench, flow: &str, token: &str) -> Pam {
    bench.pam(flow, "alice").file("host.token", token)
}

fn log_in(bench: &Bench, flow: &str, token: &str) -> Outcome {
    login(pam(bench, flow, token)).run()
}

/// Nobody is asked for a password: the stage that ends the flow comes first.
fn refused(bench: &Bench, flow: &str, token: &str) -> Outcome {
    pam(bench, flow, token).authenticate().run()
}

/// What the stage was answered, once for each time it asked.
fn answers(bench: &Bench) -> Vec<Value> {
    let requests = bench.double.requests();
    let bodies = requests.iter().map(|request| request.json());
    bodies
        .filter(|body| body["component"] == "ak-stage-endpoint-agent")
        .map(|body| body["response"].clone())
        .collect()
}

/// Has Python verify these.
fn judge(cases: &[Value]) -> Option<Vec<Value>> {
    verdicts(Path::new("python3"), "verify_host_answers.py", cases)
}

#[test]
fn a_host_with_its_token_is_let_in() {
    pam_harness::require_isolation!();
    for version in [Version::V2025_12, Version::V2026_8] {
        for flow in ["required", "optional", "racks", "login-in-racks"] {
            let bench = bench_of(version).section(HOST);
            let outcome = log_in(&bench, flow, &format!("{TOKEN}\n"));
            expect(
                &outcome,
                "PAM_SUCCESS",
                &["endpoint-agent", "host_proof=signed"],
            );
            assert_eq!(answers(&bench).len(), 1, "{flow}");
        }
    }
}

/// The answer holds no time, and each challenge has one of its own.
#[test]
fn python_verifies_what_the_module_signs() {
    pam_harness::require_isolation!();
    let bench = bench().section(HOST);
    for _ in 0..2 {
        let outcome = log_in(&bench, "required", TOKEN);
        assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    }
    let answers = answers(&bench);
    let case = |answer: &Value, token: &str| json!({"answer": answer, "token": token});
    let cases = [
        case(&answers[0], TOKEN),
        case(&answers[1], TOKEN),
        case(&answers[0], OTHER),
    ];
    let Some(verdicts) = judge(&cases) else {
        pam_harness::skip!("there is no python3");
    };
    assert_ne!(verdicts[0]["claims"]["atc"], verdicts[1]["claims"]["atc"]);
    for verdict in &verdicts[..2] {
        assert_eq!(verdict["verified"], true, "{verdict}");
        assert_eq!(verdict["padded"], false, "{verdict}");
        assert_eq!(verdict["header"], json!({"alg": "HS512", "typ": "JWT"}));
        let challenge = &verdict["claims"]["atc"];
        let claims = json!({
            "iss": "this-host",
            "aud": "goauthentik.io/platform/endpoint",
            "atc": challenge,
        });
        assert_eq!(verdict["claims"], claims);
        assert_eq!(challenge.as_str().expect("text").split('.').count(), 3);
    }
    assert_eq!(verdicts[2]["verified"], false);
}

#[test]
fn without_a_token_the_stage_decides() {
    pam_harness::require_isolation!();
    for version in Version::ENDS {
        let bench = bench_of(version);
        let outcome = bench.log_in("optional", "alice", &[PASSWORD]);
        expect(&outcome, "PAM_SUCCESS", &["host_proof=not-configured"]);
        assert_eq!(answers(&bench), [Value::Null]);

        let outcome = bench.log_in("required", "alice", &[]);
        let parts = [
            "host_proof=not-configured",
            "cause=host-not-proved",
            "authentik denied access: \\\"Invalid challenge response\\\"",
            "the flow asks which host this is, and [host] is not configured",
            "authentik-flow enrol-host",
        ];
        expect(&outcome, "PAM_PERM_DENIED", &parts);

        // A later stage has denied it, and says why.
        let outcome = bench.log_in("racks", "alice", &[PASSWORD]);
        let parts = [
            "host_proof=not-configured",
            "cause=denied",
            "Not from this host.",
        ];
        expect(&outcome, "PAM_PERM_DENIED", &parts);
        let outcome = bench.log_in("login-in-racks", "alice", &[PASSWORD]);
        expect(&outcome, "PAM_AUTH_ERR", &["cause=nobody-logged-in"]);
    }
}

/// Another host is let in nowhere where this one is.
#[test]
fn a_policy_lets_in_the_hosts_of_one_group() {
    pam_harness::require_isolation!();
    let section = HOST.replace("this-host", "other-host");
    for (flow, code, part) in [
        ("racks", "PAM_PERM_DENIED", "Not from this host."),
        ("login-in-racks", "PAM_AUTH_ERR", "cause=nobody-logged-in"),
        ("required", "PAM_SUCCESS", "host_proof=signed"),
    ] {
        let bench = bench().section(&section);
        let outcome = log_in(&bench, flow, OTHER);
        expect(&outcome, code, &[part, "host_proof=signed"]);
    }
}

/// A token that authentik does not accept ends the login at once: it is sent one answer.
#[test]
fn a_token_that_authentik_does_not_accept_ends_the_login() {
    pam_harness::require_isolation!();
    type Change = fn(&mut Vec<HostDevice>);
    let cases: [(&str, &str, Change); 5] = [
        ("a wrong token", "wrong-token", |_| {}),
        ("the token of another host", OTHER, |_| {}),
        ("a host that is gone", TOKEN, |hosts| {
            hosts.retain(|host| host.identifier != "this-host");
        }),
        ("an expired host", TOKEN, |hosts| hosts[0].expired = true),
        ("a token that was replaced", TOKEN, |hosts| {
            hosts[0].tokens[0].key = "newer".into();
        }),
    ];
    for (what, token, change) in cases {
        for flow in ["required", "optional"] {
            let bench = bench().section(HOST);
            bench.double.world(|world| change(&mut world.hosts));
            let outcome = refused(&bench, flow, token);
            let parts = ["cause=host-refused", REFUSED, "Invalid challenge response"];
            expect(&outcome, "PAM_PERM_DENIED", &parts);
            assert_eq!(answers(&bench).len(), 1, "{what}");
            assert_eq!(
                outcome.shown(),
                [
                    "Login through authentik is not set up correctly on this host. Ask your administrator."
                ]
            );
            let line = line(&outcome);
            assert!(!line.contains(token) && !line.contains("eyJ"), "{line}");
        }
        // Behind the password, too.
        let bench = bench().section(HOST);
        bench.double.world(|world| change(&mut world.hosts));
        let outcome = log_in(&bench, "racks", token);
        expect(&outcome, "PAM_PERM_DENIED", &["cause=host-refused"]);
        assert_eq!(bench.double.active_sessions("alice"), 0, "{what}");
    }
}

/// authentik counts a token of another connector, or none, as no answer.
#[test]
fn a_token_of_another_connector_proves_nothing() {
    pam_harness::require_isolation!();
    let bench = bench().section(HOST);
    bench.double.world(|world| {
        world.hosts[0].tokens[0].connector = "another".into();
    });
    let outcome = refused(&bench, "required", TOKEN);
    expect(
        &outcome,
        "PAM_PERM_DENIED",
        &["cause=host-refused", REFUSED],
    );
    let outcome = log_in(&bench, "racks", TOKEN);
    expect(&outcome, "PAM_PERM_DENIED", &["cause=denied"]);
}

#[test]
fn an_answer_to_the_challenge_of_an_earlier_session_is_refused() {
    pam_harness::require_isolation!();
    let bench = bench().section(HOST);
    let outcome = log_in(&bench, "required", TOKEN);
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    let answer = answers(&bench).remove(0);
    let cases = [json!({"answer": answer, "token": TOKEN})];
    let Some(verdicts) = judge(&cases) else {
        pam_harness::skip!("there is no python3");
    };
    let challenge = verdicts[0]["claims"]["atc"].clone();
    let first = Match::get("executor/required").nth(1);
    bench.double.inject(Fault::on(first).json(
        200,
        &json!({"component": "ak-stage-endpoint-agent", "challenge": challenge}),
    ));
    let outcome = refused(&bench, "required", TOKEN);
    expect(
        &outcome,
        "PAM_PERM_DENIED",
        &["cause=host-refused", REFUSED],
    );
    // The same answer as before was sent, letter by letter.
    assert_eq!(answers(&bench), [answer.clone(), answer]);
}

/// The server binds the answer to its challenge, and this host's clock plays no part.
#[test]
fn a_clock_that_is_wrong_by_a_day_does_not_matter() {
    pam_harness::require_isolation!();
    let bench = bench().section(HOST);
    let day = Duration::from_secs(86_400);
    bench.double.world(|world| world.clock.advance(day));
    let outcome = log_in(&bench, "required", TOKEN);
    expect(&outcome, "PAM_SUCCESS", &["host_proof=signed"]);
}

#[test]
fn a_host_token_file_is_judged_like_the_other_tokens() {
    pam_harness::require_isolation!();
    for mode in [0o640, 0o604, 0o620] {
        let bench = bench().section(HOST);
        let pam = bench.pam("optional", "alice");
        let pam = pam.file_with_mode("host.token", TOKEN, mode);
        let outcome = pam.authenticate().run();
        let parts = ["cause=configuration", "host.token: can be"];
        expect(&outcome, "PAM_SERVICE_ERR", &parts);
        assert_eq!(answers(&bench), [] as [Value; 0]);
    }
    for text in ["", "\n", "two\nlines", "a token", &"x".repeat(5000)] {
        let bench = bench().section(HOST);
        let outcome = refused(&bench, "optional", text);
        expect(&outcome, "PAM_SERVICE_ERR", &["must contain a token"]);
        assert_eq!(answers(&bench), [] as [Value; 0]);
    }
    let bench = bench().section(HOST);
    let outcome = bench.pam("optional", "alice").authenticate().run();
    expect(&outcome, "PAM_SERVICE_ERR", &["host.token: cannot be read"]);
}

/// The token is read when the flow asks for it: other flows do not depend on the file.
#[test]
fn a_flow_that_does_not_ask_needs_no_token() {
    pam_harness::require_isolation!();
    let bench = bench().section(HOST);
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert!(!line(&outcome).contains("host_proof="));
}

/// Screen lockers run as the person, who must not read the token. The server decides.
#[test]
fn a_program_that_may_not_read_the_token_proves_nothing() {
    pam_harness::require_isolation!();
    pam_harness::require_root!();
    let section = HOST.replace("{dir}/host.token", "/etc/ssl/private/host.token");
    for (flow, code, secrets, parts) in [
        (
            "optional",
            "PAM_SUCCESS",
            &[PASSWORD][..],
            &["host_proof=token-unreadable"][..],
        ),
        (
            "required",
            "PAM_PERM_DENIED",
            &[],
            &[
                "host_proof=token-unreadable",
                "cause=host-not-proved",
                "this service does not run as root, so it cannot read [host] token_file",
            ],
        ),
    ] {
        let bench = bench().section(&section);
        let pam = bench.pam(flow, "alice");
        let pam = pam.as_user(pam_harness::ordinary_user());
        let typed = secrets.iter();
        let pam = typed.fold(pam, |pam, secret| pam.answer_secret(secret));
        expect(&pam.authenticate().run(), code, parts);
        assert_eq!(answers(&bench), [Value::Null]);
    }
    // One that it can read, and that others can read, too, is refused there as well.
    let bench = bench().section(HOST);
    let pam = bench.pam("optional", "alice");
    let pam = pam.file_with_mode("host.token", TOKEN, 0o644);
    let pam = pam.as_user(pam_harness::ordinary_user());
    let outcome = pam.authenticate().run();
    expect(&outcome, "PAM_SERVICE_ERR", &["can be read by others"]);
}

#[test]
fn a_challenge_that_is_no_signed_text_is_not_signed() {
    pam_harness::require_isolation!();
    for challenge in [
        json!("two words"),
        json!("line\nline"),
        json!("\u{202e}x"),
        json!(""),
        json!("x".repeat(8193)),
        json!(5),
        Value::Null,
    ] {
        let bench = bench().section(HOST);
        bench.double.world(|world| {
            let stage = json!({"component": "ak-stage-endpoint-agent", "challenge": challenge});
            world.add_flow(Flow::new("odd").bind(Stage::raw(stage)).user_login());
        });
        let outcome = refused(&bench, "odd", TOKEN);
        expect(&outcome, "PAM_AUTH_ERR", &["cause=invalid-answer"]);
        assert_eq!(answers(&bench), [] as [Value; 0]);
    }
}

#[test]
fn neither_the_token_nor_what_it_signs_is_written_anywhere() {
    pam_harness::require_isolation!();
    for flow in ["required", "racks"] {
        for token in [TOKEN, "wrong-token-of-this-host"] {
            let bench = bench().section(HOST).arguments("debug");
            let pam = pam(&bench, flow, token);
            let pam = match (flow, token) {
                ("required", TOKEN) | ("racks", _) => pam.answer_secret(PASSWORD),
                _ => pam,
            };
            let outcome = pam.authenticate().run();
            let all = outcome.all_texts();
            for secret in [token, "eyJ"] {
                assert!(!all.contains(secret), "{secret} is in {all}");
            }
            // It goes into that one request, and the token itself into none.
            let requests = bench.double.requests();
            let holding: Vec<String> = requests
                .iter()
                .filter(|request| {
                    let body = String::from_utf8_lossy(&request.body).into_owned();
                    let headers = format!("{:?} {}", request.headers, request.query);
                    assert!(!body.contains(token) && !headers.contains(token));
                    body.contains("\"response\":\"eyJ")
                })
                .map(|request| format!("{} {}", request.method, request.path))
                .collect();
            let post = format!("POST /api/v3/flows/executor/{flow}/");
            assert_eq!(holding, [post]);
        }
    }
}

/// passwd runs the login first, and the host proves itself there, too.
#[test]
fn a_password_change_proves_the_host() {
    pam_harness::require_isolation!();
    let bench = bench().section(HOST).top("flow = \"required\"");
    let bench = bench.section("[password]\nflow = \"default-password-change\"\n");
    let outcome = passwd(&bench)
        .file("host.token", TOKEN)
        .answer_secret_to("Current password: ", PASSWORD)
        .answer_secret_to("New password: ", "battery-staple-9")
        .answer_secret_to("Retype new password: ", "battery-staple-9")
        .chauthtok()
        .run();
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    assert_eq!(answers(&bench).len(), 1);
}
