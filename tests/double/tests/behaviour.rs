//! Behaviour that the recordings do not show: facts measured in other ways, and features that
//! tests of a client need.

mod client;

use std::time::Duration;

use authentik_double::{
    Access, Application, Double, Flow, Policy, Stage, UserLogin, Version, list_flows,
};
use client::{Client, executor};
use serde_json::{Value, json};

/// Answers every stage correctly, and returns how the flow ended.
fn run(client: &mut Client, double: &Double, slug: &str, user: &str) -> Value {
    client.csrf = true;
    let mut shown = client.get(&executor(slug));
    for _ in 0..20 {
        let body = shown.json();
        let answer = match shown.component().as_str() {
            "ak-stage-identification" => json!({"uid_field": user, "password": "correct-horse"}),
            "ak-stage-password" => json!({"password": "correct-horse"}),
            "ak-stage-authenticator-validate" => json!({"code": double.totp_unused(user)}),
            "ak-stage-consent" => json!({"token": body["token"]}),
            "ak-stage-user-login" => json!({"remember_me": false}),
            "ak-stage-prompt" => json!({
                "password": "x", "ticket": "T-1", "minutes": 5, "agree": true,
            }),
            "xak-flow-redirect" if body["flow_info"].is_object() => json!({"to": body["to"]}),
            "ak-stage-dummy" => json!({}),
            _ => return body,
        };
        shown = client.answer(slug, &answer);
    }
    shown.json()
}

#[test]
fn how_each_flow_for_people_ends() {
    for (slug, user, end, who) in [
        ("linux-login", "alice", "xak-flow-redirect", Some("alice")),
        (
            "linux-combined",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        ("linux-mfa", "bob", "xak-flow-redirect", Some("bob")),
        (
            "linux-mfa-optional",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        ("linux-everything", "zoe", "xak-flow-redirect", Some("zoe")),
        ("linux-deny", "alice", "ak-stage-access-denied", None),
        ("linux-closed", "alice", "ak-stage-access-denied", None),
        ("linux-restart", "alice", "xak-flow-redirect", Some("alice")),
        ("linux-crash", "alice", "ak-stage-flow-error", None),
        ("linux-dummy", "alice", "xak-flow-redirect", Some("alice")),
        (
            "linux-remember-me",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        ("linux-skip", "alice", "xak-flow-redirect", Some("alice")),
        ("linux-many", "alice", "xak-flow-redirect", Some("alice")),
        ("linux-endless", "alice", "ak-stage-dummy", None),
        (
            "linux-unknown-component",
            "alice",
            "ak-stage-from-the-future",
            None,
        ),
        ("danger-empty", "alice", "xak-flow-redirect", None),
        ("danger-ident-only", "alice", "xak-flow-redirect", None),
        ("danger-no-login", "alice", "xak-flow-redirect", None),
        (
            "danger-login-without-secret",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        (
            "danger-prompt-login",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        (
            "danger-consent-login",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        ("danger-login-skipped", "alice", "xak-flow-redirect", None),
        ("danger-continue", "alice", "xak-flow-redirect", None),
        (
            "danger-redirect-first",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        (
            "danger-redirect-before-password",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        (
            "danger-redirect-after-password",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        (
            "danger-redirect-after-login",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        (
            "danger-login-then-deny",
            "alice",
            "ak-stage-access-denied",
            Some("alice"),
        ),
        (
            "danger-other-user",
            "alice",
            "xak-flow-redirect",
            Some("bob"),
        ),
        (
            "danger-impersonated",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
        (
            "danger-inactive",
            "alice",
            "xak-flow-redirect",
            Some("alice"),
        ),
    ] {
        let double = Double::start();
        let mut client = Client::new(&double);
        let body = run(&mut client, &double, slug, user);
        assert_eq!(body["component"], end, "{slug}: {body}");
        assert_eq!(client.who().as_deref(), who, "{slug}");
    }
}

#[test]
fn users_me_tells_the_dangerous_logins_apart() {
    let double = Double::start();
    let me = |slug: &str| {
        let mut client = Client::new(&double);
        run(&mut client, &double, slug, "alice");
        client.get("/api/v3/core/users/me/").json()
    };
    assert_eq!(me("danger-impersonated")["original"]["username"], "akadmin");
    assert_eq!(me("danger-inactive")["user"]["is_active"], false);
    let plain = me("linux-login");
    assert_eq!(plain["user"]["is_active"], true);
    assert!(plain.get("original").is_none());
}

#[test]
fn every_component_flow_shows_its_component_after_identification() {
    let double = Double::start();
    let flows = double.world(|world| list_flows(world));
    let flows = flows
        .iter()
        .filter_map(|flow| flow.slug.strip_prefix("component-"));
    let mut count = 0;
    for component in flows.filter(|name| !name.ends_with("identification-captcha")) {
        let mut client = Client::new(&double);
        let slug = format!("component-{component}");
        let shown = client.answer(&slug, &json!({"uid_field": "alice"}));
        assert_eq!(shown.component(), component);
        assert!(shown.json()["flow_info"]["title"].is_string());
        count += 1;
    }
    assert_eq!(count, 14);
}

#[test]
fn redirects_go_on_for_ever_in_linux_loop() {
    let double = Double::start();
    let mut client = Client::new(&double);
    assert_eq!(
        client
            .answer("linux-loop", &json!({"uid_field": "alice"}))
            .status,
        302
    );
}

#[test]
fn groups_come_with_their_ancestors_and_the_application_counts_them() {
    let double = Double::start();
    let mut client = Client::new(&double);
    run(&mut client, &double, "linux-login", "frank");
    let me = client.get("/api/v3/core/users/me/").json();
    let groups: Vec<&str> = me["user"]["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .filter_map(|group| group["name"].as_str())
        .collect();
    assert_eq!(groups, ["linux-admins", "ops-child"]);
    let check = |client: &mut Client, slug: &str| {
        client.get(&format!("/api/v3/core/applications/{slug}/check_access/"))
    };
    assert_eq!(check(&mut client, "linux-ssh").json()["passing"], true);
    assert_eq!(check(&mut client, "linux-closed").json()["passing"], false);
    assert_eq!(check(&mut client, "no-such-application").status, 404);
    double.world(|world| {
        world.add_application(
            Application::new("mine")
                .bind(Access::User("eve".to_owned()))
                .message("Eve's alone."),
        );
    });
    let verdict = check(&mut client, "mine").json();
    assert_eq!(verdict["messages"], json!(["Eve's alone."]));
}

#[test]
fn redirects_say_whether_they_are_final_in_2026_8() {
    for (version, first, last) in [
        (Version::V2025_10, Value::Null, Value::Null),
        (Version::V2026_8, json!(false), json!(true)),
    ] {
        let double = Double::builder().version(version).start();
        let mut client = Client::new(&double);
        let shown = client.get(&executor("danger-redirect-first")).json();
        assert_eq!(shown["final_redirect"], first);
        let end = run(&mut client, &double, "linux-login", "alice");
        assert_eq!(end["final_redirect"], last);
        assert!(end.get("flow_info").is_none());
    }
}

#[test]
fn the_server_may_live_below_a_path() {
    let double = Double::builder().path_prefix("/auth").start();
    assert!(double.url().ends_with("/auth"));
    let mut client = Client::new(&double);
    client.get(&executor("linux-login"));
    let answer = client.post(&executor("linux-login"), &json!({"uid_field": "alice"}));
    let expected = format!("/auth{}", executor("linux-login"));
    assert_eq!(answer.header("location"), Some(expected.as_str()));
    let end = run(&mut client, &double, "linux-login", "alice");
    assert_eq!(end["to"], "/auth/");
    assert_eq!(client.who().as_deref(), Some("alice"));
}

#[test]
fn a_mailed_link_lets_the_flow_go_on() {
    let double = Double::start();
    let mut client = Client::new(&double);
    assert_eq!(
        client
            .answer("pam-email", &json!({"uid_field": "alice"}))
            .component(),
        "ak-stage-email"
    );
    let token = double.last_flow_token("alice").expect("a link was mailed");
    let path = format!("/api/v3/flows/executor/pam-email/?query=flow_token%3D{token}");
    assert_eq!(client.get(&path).status, 302);
    assert_eq!(client.get(&path).component(), "ak-stage-password");
    client.answer("pam-email", &json!({"password": "correct-horse"}));
    assert_eq!(client.who().as_deref(), Some("alice"));
}

#[test]
fn a_flow_that_goes_on_after_the_login_wants_the_csrf_token() {
    let double = Double::start();
    let begin = |client: &mut Client| {
        client.answer("pam-redirect-after", &json!({"uid_field": "alice"}));
        client.answer("pam-redirect-after", &json!({"password": "correct-horse"}))
    };
    let to = json!({"to": "https://example.com/"});
    let mut careless = Client::new(&double);
    assert_eq!(begin(&mut careless).component(), "xak-flow-redirect");
    careless.csrf = false;
    let answer = careless.answer("pam-redirect-after", &to);
    assert_eq!(answer.component(), "ak-stage-flow-error");
    careless.csrf = true;
    let origin = [("origin", "https://evil.example"), ("referer", "")];
    let body = to.to_string();
    let forged = careless
        .send(
            "POST",
            &executor("pam-redirect-after"),
            &origin,
            Some(body.as_bytes()),
        )
        .expect("an answer");
    assert_eq!(forged.component(), "ak-stage-flow-error");
    let answer = careless.answer("pam-redirect-after", &to).json();
    assert!(answer.get("flow_info").is_none(), "{answer}");
}

#[test]
fn policies_see_the_query_and_the_user_agent() {
    let double = Double::start();
    double.world(|world| {
        world.add_flow(
            Flow::new("asked")
                .identification()
                .password()
                .user_login()
                .only_if(Policy::check(|request| {
                    request.query("pam_service") == Some("sshd")
                        && request.user.is_some_and(|user| user.username == "alice")
                        && request.user_agent == "double-tests"
                })),
        );
    });
    for (query, who) in [("pam_service%3Dsshd%26x%3D1", Some("alice")), ("", None)] {
        let mut client = Client::new(&double);
        let path = format!("/api/v3/flows/executor/asked/?query={query}");
        client.post(&path, &json!({"uid_field": "alice"}));
        client.post(&path, &json!({"password": "correct-horse"}));
        assert_eq!(client.get(&path).component(), "xak-flow-redirect");
        assert_eq!(client.who().as_deref(), who);
    }
}

/// The answers alone do not show whether a flow continues or starts again.
#[test]
fn a_second_identification_looks_like_a_restart() {
    for version in Version::ALL {
        let double = Double::builder().version(version).start();
        let flow = || Flow::new("same").identification().password();
        let answers = [flow().restart_on_invalid(), flow().identification()].map(|flow| {
            double.world(|world| world.add_flow(flow.user_login()));
            let mut client = Client::new(&double);
            let restarts = double.world(|world| world.flow_mut("same").bindings.len() == 3);
            let password = if restarts { "wrong" } else { "correct-horse" };
            client.post(&executor("same"), &json!({"uid_field": "alice"}));
            let sent = client.post(&executor("same"), &json!({"password": password}));
            let next = client.get(&executor("same"));
            (sent.status, sent.body, next.status, next.body)
        });
        assert!(answers[0].3.contains("ak-stage-identification"));
        assert_eq!(answers[0], answers[1], "{}", version.name());
    }
}

#[test]
fn sessions_end_when_they_should() {
    let double = Double::start();
    double.world(|world| {
        let login = UserLogin::new().session_duration(Duration::from_secs(60));
        world.add_flow(Flow::new("short").combined().bind(login));
        world.add_flow(Flow::new("shown").bind(Stage::raw(json!({"component": "x-any"}))));
    });
    let mut client = Client::new(&double);
    run(&mut client, &double, "short", "alice");
    assert_eq!(double.active_sessions("alice"), 1);
    double.advance(Duration::from_secs(61));
    assert_eq!(double.active_sessions("alice"), 0);
    assert_eq!(client.who(), None);

    run(&mut client, &double, "linux-login", "eve");
    double.world(|world| world.user_mut("eve").active = false);
    assert_eq!(client.who(), None);
    double.world(|world| world.user_mut("eve").active = true);
    assert_eq!(client.who().as_deref(), Some("eve"));
    double.end_sessions("eve");
    assert_eq!(client.who(), None);
    assert_eq!(client.get(&executor("shown")).component(), "x-any");
}

#[test]
fn anonymous_clients_can_be_throttled() {
    let double = Double::start();
    double.world(|world| world.anonymous_requests_per_minute = Some(2));
    let mut client = Client::new(&double);
    let mut first = || client.get(&executor("linux-login")).component();
    assert_eq!(first(), "ak-stage-identification");
    assert_eq!(first(), "ak-stage-identification");
    assert_eq!(first(), "ak-stage-flow-error");
    double.advance(Duration::from_secs(60));
    assert_eq!(first(), "ak-stage-identification");
}

#[test]
fn cheap_calls_need_no_login_and_have_a_date() {
    let double = Double::start();
    let mut client = Client::new(&double);
    for (path, status) in [
        ("/api/v3/root/config/", 200),
        ("/-/health/ready/", 200),
        ("/api/v3/flows/instances/linux-login/", 403),
        ("/api/v3/core/users/me/", 403),
        ("/elsewhere", 404),
    ] {
        let answer = client.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.header("date").is_some(), "{path}");
    }
    run(&mut client, &double, "linux-login", "alice");
    assert_eq!(
        client.get("/api/v3/flows/instances/linux-login/").json()["slug"],
        "linux-login"
    );
    assert_eq!(client.get("/api/v3/core/users/?username=alice").status, 403);
}
