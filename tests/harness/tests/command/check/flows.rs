//! Flows that do not exist, cannot end at a terminal, or let in too much.

use authentik_double::{Authentication, Flow};

use super::{FLOW, GROUPS, check, require_host};
use crate::bench::Bench;

#[test]
fn flows() {
    require_host!();
    let bench = Bench::new();
    let flow = |slug: &str, name: &str, parts: &[&str]| {
        bench.config(&format!("flow = \"{slug}\""), GROUPS, "");
        check(&bench, name, 1, parts);
    };
    flow(
        "no-such-flow",
        "slug-missing",
        &["no-such-flow", "admin interface"],
    );
    flow(
        "component-ak-stage-identification-captcha",
        "captcha",
        &["captcha", "requires an outpost"],
    );
    flow(
        "danger-redirect-first",
        "redirect-first",
        &["redirect stage", "skip_redirects"],
    );
    flow(
        "danger-empty",
        "empty-flow",
        &["asks for nothing", "bind stages"],
    );
    flow(
        "default-invalidation-flow",
        "invalidation-flow",
        &["✗ flow"],
    );
    bench.double.world(|world| {
        let flow = Flow::new("outposts-only")
            .identification()
            .password()
            .user_login();
        world.add_flow(flow.authentication(Authentication::RequireOutpost));
    });
    flow(
        "outposts-only",
        "outpost-required",
        &["authentik denied access", "[outpost] token_file"],
    );
    bench.write("outpost.token", "no-outposts-token", 0o600);
    let outpost = "[outpost]\ntoken_file = \"{dir}/outpost.token\"";
    bench.config("flow = \"outposts-only\"", GROUPS, outpost);
    check(
        &bench,
        "outpost-token-wrong",
        1,
        &["authentik denied access", "is not an outpost's"],
    );
    bench.write("outpost.token", "outpost-token", 0o600);
    check(
        &bench,
        "outpost-token-good",
        0,
        &["outposts-only refuses a token that belongs to no outpost"],
    );
}

/// authentik ignores a token that it does not accept, and uses the host's own address.
#[test]
fn a_flow_that_takes_any_token_is_wrong() {
    require_host!();
    let bench = Bench::new();
    for token in ["outpost-token", "revoked"] {
        bench.write("outpost.token", token, 0o600);
        let outpost = "[outpost]\ntoken_file = \"{dir}/outpost.token\"";
        bench.config(FLOW, GROUPS, outpost);
        check(
            &bench,
            "outpost-not-required",
            1,
            &[
                "accepts a token that belongs to no outpost",
                "Require outpost",
            ],
        );
    }
}

#[test]
fn a_flow_that_ends_sessions_asks_for_nothing() {
    require_host!();
    let bench = Bench::new();
    bench.double.world(|world| {
        world.add_flow(Flow::new("asks-first").identification());
        world.add_flow(Flow::new("not-for-you").deny("No."));
    });
    for (slug, status, part) in [
        (
            "asks-first",
            1,
            "asks for something first (ak-stage-identification): each login leaves a session",
        ),
        ("not-for-you", 0, "whether it ends sessions cannot be told"),
        (
            "default-invalidation-flow",
            0,
            "authentik has the flow default-invalidation-flow",
        ),
    ] {
        bench.config(
            &format!("flow = \"linux-login\"\ninvalidation_flow = \"{slug}\""),
            GROUPS,
            "",
        );
        let run = bench.check(&[]);
        run.has(&[part]);
        assert_eq!(run.status, status, "{}", run.text);
    }
}

/// Logins succeed without them, so nothing else reveals a wrong slug.
#[test]
fn flows_that_run_besides_the_login_are_looked_for() {
    require_host!();
    let bench = Bench::new();
    bench.config(
        "flow = \"linux-login\"\ninvalidation_flow = \"nope\"",
        GROUPS,
        "[password]\nflow = \"nope-either\"",
    );
    check(
        &bench,
        "other-flows-missing",
        1,
        &[
            "no flow with the slug \"nope\": each login leaves a session",
            "no flow with the slug \"nope-either\": nobody can change a password",
        ],
    );
    let post = bench.double.requests();
    assert!(post.iter().all(|request| request.method == "GET"));
}
