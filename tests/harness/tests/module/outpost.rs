//! The purpose of an outpost's token: the client's address is sent with each request.

use authentik_double::{
    Access, Application, Authentication, Double, Fault, Flow, Match, Policy, UserLogin,
};
use pam_harness::Pam;

use crate::bench::{Bench, PASSWORD, expect, login};
use crate::password_change::passwd;

const TOKEN: &str = "outpost-token";
const OUTPOST: &str = "[outpost]\ntoken_file = \"{dir}/outpost.token\"\n";

fn with_outpost(bench: &Bench, flow: &str, mode: u32) -> Pam {
    bench
        .pam(flow, "alice")
        .file_with_mode("outpost.token", &format!("{TOKEN}\n"), mode)
}

/// Checks that each request of a login carries these two headers.
#[track_caller]
fn expect_headers(bench: &Bench, address: &str) {
    let requests = bench.double.requests();
    assert!(!requests.is_empty());
    for request in requests {
        let header = |name| request.header(name);
        let place = format!("{} {}", request.method, request.path);
        assert_eq!(header("authorization"), None, "{place}");
        assert_eq!(header("x-evil"), None, "{place}");
        assert_eq!(header("x-authentik-remote-ip"), Some(address), "{place}");
        assert_eq!(header("x-authentik-outpost-token"), Some(TOKEN), "{place}");
    }
}

#[test]
fn the_clients_address_and_the_token_go_with_every_request() {
    pam_harness::require_isolation!();
    for (rhost, address) in [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        // A host name is never looked up, and is sent as no address.
        ("localhost", "255.255.255.255"),
        ("1.2.3.4\r\nX-Evil: 1", "255.255.255.255"),
        // At the console authentik uses the host's own address.
        ("", ""),
    ] {
        let bench = Bench::new()
            .section(OUTPOST)
            .access("application = \"linux-open\"");
        let pam = with_outpost(&bench, "linux-login", 0o600).rhost(rhost);
        let outcome = login(pam).run();
        assert_eq!(outcome.code(), "PAM_SUCCESS", "{rhost}: {outcome}");
        expect_headers(&bench, address);
        assert_eq!(
            bench.requests()[5..],
            [
                "GET /api/v3/core/users/me/",
                "GET /api/v3/core/applications/linux-open/check_access/",
                "GET /api/v3/flows/executor/default-invalidation-flow/",
            ]
        );
    }
}

#[test]
fn a_password_change_is_made_from_the_clients_address() {
    pam_harness::require_isolation!();
    let section = format!("{OUTPOST}[password]\nflow = \"default-password-change\"\n");
    let bench = Bench::new().section(&section);
    bind_to_address(&bench, "linux-login");
    let outcome = passwd(&bench)
        .file_with_mode("outpost.token", TOKEN, 0o600)
        .answer_secret_to("Current password: ", PASSWORD)
        .answer_secret_to("New password: ", "battery-staple-9")
        .answer_secret_to("Retype new password: ", "battery-staple-9")
        .chauthtok()
        .run();
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    assert_eq!(bench.requests().len(), 10, "{:#?}", bench.requests());
    expect_headers(&bench, "192.0.2.7");
}

/// Whether `address` is in the office.
fn is_in_the_office(address: &str) -> bool {
    // The host is in the office, as most hosts are.
    address.starts_with("198.51.100.") || address == "127.0.0.1"
}

/// An application that is open only to the office, where the host is.
fn open_to_the_office(bench: &Bench) {
    bench.double.world(|world| {
        let policy = Policy::check(|request| is_in_the_office(request.client_ip));
        world.add_application(Application::new("office").bind(Access::Policy(policy)));
    });
}

/// The policies of an application judge the user's address, not the host's.
#[test]
fn an_application_for_the_office_is_closed_to_an_outsider() {
    pam_harness::require_isolation!();
    for (rhost, code) in [
        ("203.0.113.66", "PAM_PERM_DENIED"),
        ("2001:db8::66", "PAM_PERM_DENIED"),
        // A host name could belong to any place.
        ("elsewhere.example", "PAM_PERM_DENIED"),
        ("198.51.100.9", "PAM_SUCCESS"),
        ("::ffff:198.51.100.9", "PAM_SUCCESS"),
        // The console is at the host.
        ("", "PAM_SUCCESS"),
    ] {
        let bench = Bench::new()
            .section(OUTPOST)
            .access("application = \"office\"");
        open_to_the_office(&bench);
        let pam = with_outpost(&bench, "linux-login", 0o600).rhost(rhost);
        let outcome = login(pam).run();
        assert_eq!(outcome.code(), code, "{rhost}: {outcome}");
        assert_eq!(bench.double.active_sessions("alice"), 0, "{rhost}");
    }
}

/// authentik ignores a token that does not belong to an outpost, and uses the host's address
/// instead of the user's. A flow that requires an outpost then refuses.
#[test]
fn without_an_outposts_token_nobody_is_in_the_office() {
    pam_harness::require_isolation!();
    for (token, code) in [
        (TOKEN, "PAM_SUCCESS"),
        // Revoked, expired, or mistyped: authentik does not know it.
        ("no-such-token", "PAM_PERM_DENIED"),
        ("plain-service-token", "PAM_PERM_DENIED"),
        ("alice-api-token", "PAM_PERM_DENIED"),
        // authentik fails with it.
        ("internal-service-token", "PAM_AUTHINFO_UNAVAIL"),
    ] {
        for rhost in ["198.51.100.9", "203.0.113.66"] {
            let bench = Bench::new()
                .section(OUTPOST)
                .access("application = \"office\"");
            open_to_the_office(&bench);
            bench.double.world(|world| {
                let flow = Flow::new("closed").identification().password().user_login();
                world.add_flow(flow.authentication(Authentication::RequireOutpost));
            });
            let pam = bench.pam("closed", "alice").rhost(rhost);
            let pam = pam.file_with_mode("outpost.token", token, 0o600);
            let pam = match token {
                TOKEN => pam.answer_secret(PASSWORD),
                _ => pam,
            };
            let outcome = pam.authenticate().run();
            let code = match (token, rhost) {
                (TOKEN, "203.0.113.66") => "PAM_PERM_DENIED",
                _ => code,
            };
            assert_eq!(outcome.code(), code, "{token} {rhost}: {outcome}");
        }
    }
}

/// The login stage of `flow` binds the session to the client's address.
fn bind_to_address(bench: &Bench, flow: &str) {
    bench.double.world(|world| {
        let login = UserLogin::new().bind_address();
        let flow = Flow::new(flow).identification().password().bind(login);
        world.add_flow(flow);
    });
}

#[test]
fn a_session_that_is_bound_to_the_clients_network_logs_in_and_ends() {
    pam_harness::require_isolation!();
    for (section, rhost) in [
        (OUTPOST, "203.0.113.9"),
        (OUTPOST, "2001:db8::9"),
        (OUTPOST, "elsewhere.example"),
        (OUTPOST, ""),
        ("", "203.0.113.9"),
    ] {
        let bench = Bench::new()
            .section(section)
            .access("application = \"linux-ssh\"");
        bind_to_address(&bench, "bound");
        let pam = with_outpost(&bench, "bound", 0o600).rhost(rhost);
        let outcome = login(pam).run();
        assert_eq!(outcome.code(), "PAM_SUCCESS", "{rhost}: {outcome}");
        assert_eq!(bench.double.active_sessions("alice"), 0, "{rhost}");
        let statuses: Vec<u16> = bench.double.requests().iter().map(|r| r.status).collect();
        assert_eq!(statuses[5..], [200, 200, 200], "{rhost}");
    }
}

/// A service account does the look-up: it has no client, and must not claim one.
#[test]
fn a_look_up_carries_no_header_of_an_outpost() {
    pam_harness::require_isolation!();
    let section = format!("{OUTPOST}[account]\ntoken_file = \"{{dir}}/account.token\"\n");
    let bench = Bench::new()
        .section(&section)
        .access("groups = [\"linux-admins\"]");
    let outcome = with_outpost(&bench, "linux-login", 0o600)
        .file_with_mode("account.token", "view-user-group-token", 0o600)
        .stack("account required {module} {arguments}\n")
        .acct_mgmt()
        .run();
    assert_eq!(outcome.code(), "PAM_SUCCESS", "{outcome}");
    let requests = bench.double.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert!(request.header("authorization").is_some());
        for name in ["x-authentik-remote-ip", "x-authentik-outpost-token"] {
            assert_eq!(request.header(name), None, "{}", request.path);
        }
    }
}

/// No part of a session is sent where the server points: no redirect is followed.
#[test]
fn the_token_goes_to_the_origin_of_the_url_alone() {
    pam_harness::require_isolation!();
    let elsewhere = Double::start();
    for path in ["/executor/linux-login/", "/users/me/", "/check_access/"] {
        let bench = Bench::new()
            .section(OUTPOST)
            .access("application = \"linux-open\"");
        let away = Fault::on(Match::path(path)).answer(302, "text/html", "");
        let location = format!("{}/api/v3/elsewhere/", elsewhere.url());
        bench.double.inject(away.header("location", &location));
        let pam = with_outpost(&bench, "linux-login", 0o600);
        let outcome = pam.answer_every_secret(PASSWORD).authenticate().run();
        assert_ne!(outcome.code(), "PAM_SUCCESS", "{path}: {outcome}");
        // Not at the server's own address either.
        let followed = bench.requests().iter().any(|r| r.contains("elsewhere"));
        assert!(!followed, "{path}: {:?}", bench.requests());
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn without_an_outpost_no_address_and_no_token_travel() {
    pam_harness::require_isolation!();
    let off = "[outpost]\ntoken_file = \"{dir}/outpost.token\"\nenabled = false\n";
    for section in ["", off] {
        let bench = Bench::new().section(section);
        let outcome = login(with_outpost(&bench, "linux-login", 0o600)).run();
        expect(&outcome, "PAM_SUCCESS", &[]);
        for request in bench.double.requests() {
            for name in ["x-authentik-remote-ip", "x-authentik-outpost-token"] {
                assert_eq!(request.header(name), None, "{}", request.path);
            }
        }
    }
}

#[test]
fn a_flow_that_requires_an_outpost_is_open_to_the_host_alone() {
    pam_harness::require_isolation!();
    for (section, rhost, code) in [
        (OUTPOST, "203.0.113.7", "PAM_SUCCESS"),
        (OUTPOST, "", "PAM_SUCCESS"),
        ("", "203.0.113.7", "PAM_PERM_DENIED"),
    ] {
        let bench = Bench::new().section(section);
        bench.double.world(|world| {
            let flow = Flow::new("closed").identification().password().user_login();
            world.add_flow(flow.authentication(Authentication::RequireOutpost));
            world.add_application(Application::new("any"));
        });
        let pam = with_outpost(&bench, "closed", 0o600).rhost(rhost);
        let pam = match code {
            "PAM_SUCCESS" => pam.answer_secret(PASSWORD),
            _ => pam,
        };
        let outcome = pam.authenticate().run();
        assert_eq!(outcome.code(), code, "{rhost}: {outcome}");
    }
}

#[test]
fn a_token_file_is_judged_like_a_key() {
    pam_harness::require_isolation!();
    for mode in [0o640, 0o604, 0o620] {
        let bench = Bench::new().section(OUTPOST);
        let outcome = with_outpost(&bench, "linux-login", mode)
            .authenticate()
            .run();
        expect(&outcome, "PAM_SERVICE_ERR", &["outpost.token: can be"]);
        assert_eq!(bench.requests(), [""; 0]);
    }
    for text in [
        "",
        "\n",
        "two\nlines",
        "a token",
        "t\u{f6}ken",
        &"x".repeat(5000),
    ] {
        let bench = Bench::new().section(OUTPOST);
        let pam = bench.pam("linux-login", "alice");
        let outcome = pam.file("outpost.token", text).authenticate().run();
        expect(&outcome, "PAM_SERVICE_ERR", &["must contain a token"]);
        assert!(!outcome.log()[0].text.contains("x".repeat(50).as_str()));
    }
    let bench = Bench::new().section(OUTPOST);
    let outcome = bench.pam("linux-login", "alice").authenticate().run();
    expect(
        &outcome,
        "PAM_SERVICE_ERR",
        &["outpost.token: cannot be read"],
    );
}

/// Screen lockers run as the user, who must not read the token.
#[test]
fn a_program_without_root_is_told_what_to_do() {
    pam_harness::require_isolation!();
    pam_harness::require_root!();
    let section = "[outpost]\ntoken_file = \"/etc/ssl/private/none\"\n";
    let off = format!("{section}[services.locker.outpost]\nenabled = false\n");
    for (section, code) in [(section, "PAM_SERVICE_ERR"), (off.as_str(), "PAM_SUCCESS")] {
        let bench = Bench::new().section(section);
        let pam = bench
            .pam_for("locker", "linux-login")
            .user("alice")
            .as_user(pam_harness::ordinary_user());
        let pam = match code {
            "PAM_SUCCESS" => pam.answer_secret(PASSWORD),
            _ => pam,
        };
        let outcome = pam.authenticate().run();
        assert_eq!(outcome.code(), code, "{outcome}");
        if code == "PAM_SERVICE_ERR" {
            let line = crate::bench::line(&outcome);
            assert!(line.contains("does not run as root"), "{line}");
            assert!(line.contains("[services.NAME.outpost]"), "{line}");
        }
    }
}
