//! Who may use the host: groups, applications, both, for each service.

use authentik_double::{
    Access, Application, Double, Fault, Flow, Match, Policy, UserLogin, Version,
};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSWORD, line};

/// The UUIDs of linux-admins and of its child ops-child.
const ADMINS: &str = "7cb3ed34-07b9-4aa3-afb1-d1ec626fa8e4";
const CHILD: &str = "a4374138-053d-4efc-aabe-a4a313c08193";

const CHECK: &str = "check_access";

/// Whether the application was asked.
fn asked(bench: &Bench) -> bool {
    bench
        .requests()
        .iter()
        .any(|request| request.contains(CHECK))
}

/// A flow whose session shows two groups with the same name.
fn with_namesakes(bench: &Bench) {
    let groups = json!([
        {"name": "linux-admins", "pk": ADMINS},
        {"name": "linux-admins", "pk": CHILD},
    ]);
    let login = UserLogin::new().users_me(json!({"user": {"groups": groups}}));
    bench.double.world(|world| {
        let flow = Flow::new("namesakes").identification().password();
        world.add_flow(flow.bind(login));
    });
}

/// The value of [access] groups, the flow, and whether the groups let the user in.
fn groups() -> Vec<(String, &'static str, bool)> {
    let one = |group: &str| format!("groups = [\"{group}\"]\n");
    vec![
        (String::new(), "linux-login", true),
        (one("linux-admins"), "linux-login", true),
        (one("ops-child"), "linux-login", false),
        (one(ADMINS), "linux-login", true),
        (one(&ADMINS.to_uppercase()), "linux-login", true),
        (one(CHILD), "linux-login", false),
        (one("linux-admins"), "namesakes", false),
        (one(CHILD), "namesakes", true),
        (one("Linux-Admins"), "linux-login", false),
    ]
}

/// The value of [access] application, and the result once the groups have let the user in.
const APPLICATIONS: [(&str, &str); 5] = [
    ("", "PAM_SUCCESS"),
    ("linux-ssh", "PAM_SUCCESS"),
    ("linux-open", "PAM_SUCCESS"),
    ("linux-closed", "PAM_PERM_DENIED"),
    ("no-such", "PAM_SERVICE_ERR"),
];

#[test]
fn groups_and_applications_for_each_service() {
    pam_harness::require_isolation!();
    for (groups, flow, in_group) in groups() {
        for (application, application_code) in APPLICATIONS {
            let mut access = groups.clone();
            if !application.is_empty() {
                access.push_str(&format!("application = \"{application}\"\n"));
            }
            if access.is_empty() {
                access = "allow_any_user = true\n".into();
            }
            // At the top, and for one service over the opposite rule.
            let bench = Bench::new().access(&access);
            let opposite = format!("[services.sudo.access]\n{access}");
            let overlaid = Bench::new()
                .access("groups = [\"nobody-is-in-it\"]")
                .section(&opposite);
            let code = if in_group {
                application_code
            } else {
                "PAM_PERM_DENIED"
            };
            for (bench, service, code) in [
                (&bench, "sshd", code),
                (&overlaid, "sudo", code),
                (&overlaid, "sudo-i", code),
                (&overlaid, "sshd", "PAM_PERM_DENIED"),
            ] {
                with_namesakes(bench);
                bench.double.clear_requests();
                let outcome = bench
                    .pam_for(service, flow)
                    .user("alice")
                    .answer_secret(PASSWORD)
                    .authenticate()
                    .run();
                assert_eq!(outcome.code(), code, "{service} {access} {outcome}");
                if !in_group {
                    assert!(
                        !asked(bench),
                        "the module asked authentik about the application before the groups: {access}"
                    );
                }
            }
        }
    }
}

/// An application without bindings is open to everyone.
#[test]
fn an_application_that_is_open_to_anybody_proves_nothing() {
    pam_harness::require_isolation!();
    for (flow, code) in [
        ("danger-no-login", "PAM_AUTH_ERR"),
        (
            "danger-continue",
            match Version::asked_for().tells_final_redirects() {
                true => "PAM_PERM_DENIED",
                false => "PAM_AUTH_ERR",
            },
        ),
        ("danger-empty", "PAM_AUTH_ERR"),
        ("danger-other-user", "PAM_AUTH_ERR"),
    ] {
        let bench = Bench::new().access("application = \"linux-open\"");
        let outcome = bench
            .pam(flow, "alice")
            .answer_every_secret(PASSWORD)
            .authenticate()
            .run();
        assert_eq!(outcome.code(), code, "{flow}: {outcome}");
        assert!(!asked(&bench), "{flow}: {:?}", bench.requests());
    }
}

#[test]
fn the_application_is_asked_after_the_owner_of_the_session() {
    pam_harness::require_isolation!();
    let bench = Bench::new().access("groups = [\"linux-admins\"]\napplication = \"linux-ssh\"");
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    let requests = bench.requests();
    assert_eq!(
        &requests[5..],
        [
            "GET /api/v3/core/users/me/",
            "GET /api/v3/core/applications/linux-ssh/check_access/",
            "GET /api/v3/flows/executor/default-invalidation-flow/",
        ]
    );
    for request in bench.double.requests() {
        assert_eq!(request.header("authorization"), None);
    }
}

#[test]
fn a_denial_shows_what_the_policies_say() {
    pam_harness::require_isolation!();
    // 2026.8 shows these messages only to superusers.
    let double = Double::builder().version(Version::V2026_5);
    let bench = Bench::with(double).access("application = \"guarded\"");
    bench.double.world(|world| {
        let words = [
            "\u{1b}[2JOnly in working hours.",
            "\u{202e}Come back at nine.",
        ];
        let policy = Access::Policy(Policy::deny_with(&words));
        world.add_application(Application::new("guarded").bind(policy));
    });
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    assert_eq!(outcome.code(), "PAM_PERM_DENIED", "{outcome}");
    let url = bench.double.url();
    let denial = "Access denied: [2JOnly in working hours.\nCome back at nine.";
    assert_eq!(
        outcome.shown(),
        [format!("{denial}\nThe login service is at {url}")]
    );
    let line = line(&outcome);
    assert!(
        line.contains("\\\"guarded\\\" is not open to the user"),
        "{line}"
    );

    // The module has a text if the server has none.
    let bench = Bench::new().access("application = \"linux-ssh\"");
    let outcome = bench.log_in("linux-login", "eve", &[PASSWORD]);
    assert_eq!(outcome.code(), "PAM_PERM_DENIED", "{outcome}");
    assert!(outcome.shown()[0].contains("may not log in to this host"));
}

fn answered(status: u16, body: &Value) -> (String, String) {
    let bench = Bench::new().access("application = \"linux-open\"");
    let fault = Fault::on(Match::path(CHECK)).json(status, body);
    bench.double.inject(fault);
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    (outcome.code().to_string(), line(&outcome))
}

#[test]
fn only_a_plain_yes_is_one() {
    pam_harness::require_isolation!();
    let yes = json!({"passing": true, "messages": [], "log_messages": []});
    assert_eq!(answered(200, &yes).0, "PAM_SUCCESS");
    for body in [
        json!({"passing": "true", "messages": []}),
        json!({"passing": 1, "messages": []}),
        json!({"passing": null, "messages": []}),
        json!({"passing": [true], "messages": []}),
        json!({"messages": []}),
        json!({"passing": true}),
        json!({"passing": true, "messages": "none"}),
        json!([true, []]),
        json!(true),
        json!({}),
    ] {
        let (code, line) = answered(200, &body);
        assert_eq!(code, "PAM_AUTH_ERR", "{body}: {line}");
    }
    for (status, code) in [
        (204, "PAM_AUTH_ERR"),
        (302, "PAM_AUTH_ERR"),
        (401, "PAM_AUTH_ERR"),
        (403, "PAM_AUTH_ERR"),
        (404, "PAM_SERVICE_ERR"),
        (429, "PAM_AUTH_ERR"),
        (500, "PAM_AUTH_ERR"),
        (503, "PAM_AUTH_ERR"),
    ] {
        let (found, line) = answered(status, &yes);
        assert_eq!(found, code, "{status}: {line}");
    }
    let bench = Bench::new().access("application = \"linux-open\"");
    let html = Fault::on(Match::path(CHECK)).answer(200, "text/html", &yes.to_string());
    bench.double.inject(html);
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    assert_eq!(outcome.code(), "PAM_AUTH_ERR", "{outcome}");
}
