//! `check` on hosts that are broken, each in one way: what it prints is kept in
//! `tests/transcripts/check`, and names the cause and what to do.

use std::net::TcpListener;
use std::time::Duration;

use authentik_double::{
    Authentication, Certificate, Double, Fault, Flow, KeyKind, Match, TlsOffer, TlsVersion, Version,
};

use crate::bench::{Bench, Run, hold_against_transcript, newest};

/// Checks, wants this exit code and these parts, and the transcript.
#[track_caller]
pub(crate) fn check(bench: &Bench, name: &str, status: i32, parts: &[&str]) -> Run {
    let run = bench.run(&["check", "--config", "{config}"]);
    hold(&run, name, status, parts);
    let json = bench.run(&["check", "--json", "--config", "{config}"]);
    assert_eq!(json.status, status, "{name}: {}", json.text);
    run
}

#[track_caller]
pub(crate) fn hold(run: &Run, name: &str, status: i32, parts: &[&str]) {
    for part in parts {
        assert!(
            run.text.contains(part),
            "{name}: no {part:?} in\n{}",
            run.text
        );
    }
    assert_eq!(run.status, status, "{name}:\n{}", run.text);
    hold_against_transcript(
        &format!("check/{name}"),
        &format!("{}exit {status}\n", run.text),
    );
}

pub(crate) const TOKEN: &str = "[account]\ntoken_file = \"{dir}/account.token\"";

/// With a token that may look at users and groups.
pub(crate) fn with_token(top: &str, access: &str) -> Bench {
    let bench = Bench::new();
    bench.token("view-user-group-token\n");
    bench.config(top, access, TOKEN);
    bench
}

pub(crate) const FLOW: &str = "flow = \"linux-login\"";
pub(crate) const GROUPS: &str = "groups = [\"linux-admins\"]";

macro_rules! require_host {
    () => {
        pam_harness::require_isolation!();
        pam_harness::require_root!();
    };
}
pub(crate) use require_host;

/// sshpass and its like wait for a word that other languages do not have.
#[test]
fn a_prompt_without_its_word_is_warned_of() {
    require_host!();
    const WARNING: &str = "programs that wait for the word";
    let with = |prompt: &str| {
        let bench = Bench::new();
        bench.token("view-user-group-token\n");
        bench.config(FLOW, GROUPS, &format!("{TOKEN}\n[prompt]\n{prompt}\n"));
        bench.run(&["check", "--config", "{config}"])
    };
    for (prompt, warned) in [
        ("language = \"de\"", true),
        ("password = \"Secret:\"", true),
        ("language = \"en\"", false),
        ("language = \"de\"\npassword = \"Password:\"", false),
    ] {
        let run = with(prompt);
        let text = run.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains(WARNING), warned, "{prompt}:\n{}", run.text);
    }
}

#[test]
fn what_a_remembered_second_factor_needs_is_said() {
    require_host!();
    const LOGINUID: &str = "session optional pam_loginuid.so\n";
    const OURS: &str = "-session optional {module}\n";
    let right = format!("{LOGINUID}{OURS}");
    let says = |session: &str, more: &str| {
        let bench = Bench::new();
        bench.token("view-user-group-token\n");
        let factor = "[second_factor]\nremember = \"session\"\n";
        bench.config(FLOW, GROUPS, &format!("{TOKEN}\n{factor}{more}"));
        let stack = format!("{}{session}", crate::bench::README_STACK);
        bench.stack("sshd", &stack);
        let run = bench.run(&["check", "--offline", "--config", "{config}"]);
        run.text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let own = |key: &str| format!("[services.sudo{key}\n");
    for (session, more, part) in [
        ("", String::new(), "no session line of"),
        (LOGINUID, String::new(), "no session line of"),
        (OURS, String::new(), "stands before pam_loginuid.so"),
        (
            &format!("{OURS}{LOGINUID}"),
            String::new(),
            "stands before pam_loginuid.so",
        ),
        (
            &right,
            String::new(),
            "sudo does not ask again in a session of sshd, for 3600 s at most",
        ),
        (
            &right,
            own(".second_factor]\nremember_for = \"5m\""),
            "in a session of sshd, for 300 s at most",
        ),
        (
            &right,
            own(".second_factor]\nremember = \"never\""),
            "sudo asks for it each time",
        ),
        (
            &right,
            own("]\nflow = \"linux-mfa\""),
            "sudo uses the flow linux-mfa, and sshd uses linux-login",
        ),
    ] {
        let text = says(session, &more);
        assert!(text.contains(part), "{session:?} {more:?}:\n{text}");
    }
}

#[test]
fn a_host_that_is_well() {
    require_host!();
    let bench = with_token(
        FLOW,
        "groups = [\"linux-admins\"]\napplication = \"linux-ssh\"",
    );
    // With the token who comes with a key is asked about, too.
    let account = "account [success=1 default=ignore] pam_succeed_if.so quiet user in root:localadmin\naccount required {module} config={config}\n@include common-account";
    bench.stack(
        "sshd",
        &crate::bench::README_STACK.replace("@include common-account", account),
    );
    let run = check(&bench, "good", 0, &["Nothing is wrong", "29 days left"]);
    assert!(
        !run.text.contains('✗') && !run.text.contains('!'),
        "{}",
        run.text
    );
    // It asks, and leaves nothing behind: no password, no session.
    assert!(
        bench
            .double
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn json_says_the_same() {
    require_host!();
    let bench = with_token("flow = \"no-such-flow\"", GROUPS);
    let run = bench.run(&["check", "--json", "--config", "{config}"]);
    assert_eq!(run.status, 1);
    let json: serde_json::Value = serde_json::from_str(&run.text).unwrap();
    assert_eq!(json["well"], false);
    let findings = json["findings"].as_array().unwrap();
    let find = |id: &str| findings.iter().find(|finding| finding["id"] == id).unwrap();
    let flow = find("flow.wrong");
    assert_eq!(flow["status"], "wrong");
    assert!(
        find("certificate.good")["values"]["left_days"]
            .as_i64()
            .unwrap()
            > 20
    );
    assert!(find("authentik.good")["values"]["took_milliseconds"].is_u64());
    assert!(flow["found"].as_str().unwrap().contains("no-such-flow"));
    assert!(flow["remedy"].as_str().unwrap().contains("slug"));
    let text = bench.run(&["check", "--config", "{config}"]).text;
    for step in findings {
        assert!(text.contains(step["name"].as_str().unwrap()), "{step}");
    }
}

#[test]
fn certificates() {
    require_host!();
    let with = |kind| Bench::with(newest().certificate(kind));
    check(
        &with(Certificate::OtherCa),
        "wrong-ca",
        1,
        &["another authority", "ca_file"],
    );
    check(
        &with(Certificate::Expired),
        "expired",
        1,
        &["expired on", "renew it"],
    );
    check(
        &with(Certificate::WrongHost),
        "wrong-host-name",
        1,
        &["elsewhere.example", "url"],
    );
    let self_signed = with(Certificate::SelfSigned);
    self_signed.write("ca.pem", self_signed.double.server_pem(), 0o644);
    check(&self_signed, "self-signed", 1, &["self-signed", "ca_file"]);
    let bench = Bench::new();
    std::fs::remove_file(bench.path("ca.pem")).unwrap();
    check(
        &bench,
        "ca-file-missing",
        1,
        &["/DIR/ca.pem", "put the file there"],
    );
}

#[test]
fn servers_that_offer_nothing_of_ours() {
    require_host!();
    let offers = [
        (
            "no-suite",
            TlsOffer {
                suites: Some("CHACHA20"),
                ..TlsOffer::default()
            },
        ),
        (
            "no-suite-1.2",
            TlsOffer {
                suites: Some("CHACHA20"),
                version: Some(TlsVersion::V1_2),
                ..TlsOffer::default()
            },
        ),
        (
            "no-key",
            TlsOffer {
                key: KeyKind::Ed25519,
                ..TlsOffer::default()
            },
        ),
    ];
    for (name, offer) in offers {
        let bench = Bench::with(Double::builder().tls(offer));
        let words = [
            "let the server offer",
            "AES-128-GCM or AES-256-GCM",
            "P-384",
        ];
        check(&bench, name, 1, &words);
    }
}

#[test]
fn the_way_to_the_server() {
    require_host!();
    let bench = Bench::new();
    bench.config(
        &format!("url = \"https://authentik.example.com\"\n{FLOW}"),
        GROUPS,
        "",
    );
    check(
        &bench,
        "dns-failure",
        1,
        &["authentik.example.com does not resolve", "getent"],
    );

    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    bench.config(
        &format!("url = \"https://localhost:{port}\"\n{FLOW}"),
        GROUPS,
        "",
    );
    let run = bench.run(&["check", "--config", "{config}"]);
    let text = run.text.replace(&port.to_string(), "PORT");
    let run = Run { text, ..run };
    hold(
        &run,
        "server-down",
        1,
        &["Connection refused", "start authentik"],
    );

    let mute = Bench::with(newest().mute());
    mute.config(
        &format!("connect_timeout = \"1s\"\nrequest_timeout = \"1s\"\n{FLOW}"),
        GROUPS,
        "",
    );
    check(
        &mute,
        "server-mute",
        1,
        &["took longer than", "raise that limit"],
    );
}

#[test]
fn what_answers_is_not_authentik_or_not_well() {
    require_host!();
    let bench = Bench::with(newest().path_prefix("/sso"));
    bench.config(
        &format!(
            "url = \"https://localhost:{}\"\n{FLOW}",
            bench.double.port()
        ),
        GROUPS,
        "",
    );
    check(
        &bench,
        "not-authentik",
        1,
        &["is not authentik", "write the path"],
    );

    let bench = Bench::new();
    bench.double.inject(Fault::on(Match::any()).bad_gateway());
    check(
        &bench,
        "bad-gateway",
        1,
        &["HTTP 502", "authentik's own log"],
    );

    let bench = Bench::new();
    bench
        .double
        .inject(Fault::on(Match::path("/users/me/")).answer(404, "text/html", "<h1>no</h1>"));
    check(
        &bench,
        "users-me-blocked",
        1,
        &["HTTP 404", "let /api/v3/core/users/me/ through"],
    );
}

#[test]
fn clocks_that_differ() {
    require_host!();
    let bench = Bench::new();
    bench.double.advance(Duration::from_secs(300));
    let run = bench.run(&["check", "--config", "{config}"]);
    // A date has whole seconds, so one may be missing.
    let text = run.text.replace("is 299 s", "is 300 s");
    hold(
        &Run { text, ..run },
        "clock-off",
        1,
        &["300 s ahead of", "NTP"],
    );
}

#[test]
fn configurations() {
    require_host!();
    let bench = Bench::new();
    let text = bench.read("config.toml");
    bench.write("config.toml", &text, 0o666);
    check(
        &bench,
        "file-rights",
        1,
        &["written by others (mode 0666)", "run chmod go-w"],
    );
    bench.write(
        "config.toml",
        "url = \"{url}\"\nflow = \"linux-login\n",
        0o644,
    );
    check(&bench, "broken-toml", 1, &["config.toml:2:"]);
    bench.write(
        "config.toml",
        "url = \"{url}\"\nflwo = \"linux-login\"\n",
        0o644,
    );
    check(
        &bench,
        "unknown-key",
        1,
        &["config.toml:2:", "flwo", "flow"],
    );
    bench.write(
        "config.toml",
        "url = \"{url}\"\nflow = \"linux-login\"\n",
        0o644,
    );
    check(
        &bench,
        "access-missing",
        1,
        &["does not say who may log in", "groups ="],
    );
    std::fs::remove_file(bench.path("config.toml")).unwrap();
    check(
        &bench,
        "config-missing",
        1,
        &["No such file", "authentik-flow init"],
    );
}

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
        &["authentik denied access", "is not one's"],
    );
    bench.write("outpost.token", "outpost-token", 0o600);
    check(
        &bench,
        "outpost-token-good",
        0,
        &["outposts-only refuses a token that is no outpost's"],
    );
}

/// authentik ignores a token that it does not accept, and judges the host's address.
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
            &["takes a token that is no outpost's", "Require outpost"],
        );
    }
}

/// A login is good without them, so nothing else tells of a slug that is wrong.
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

#[test]
fn versions_with_known_holes_are_named() {
    require_host!();
    for (version, name) in [
        (Version::V2025_10, "version-2025.10"),
        (Version::V2025_12, "version-2025.12"),
        (Version::V2026_2, "version-2026.2"),
    ] {
        let bench = Bench::with(Double::builder().version(version));
        bench.config(FLOW, GROUPS, "");
        check(&bench, name, 0, &["2026.2.7, 2026.5.7 or 2026.8.2"]);
    }
}

/// Findings are shown at once, not after the wait for a silent server.
#[test]
fn results_come_as_they_are_found() {
    use std::io::{BufRead, BufReader};
    require_host!();
    let bench = Bench::with(Double::builder().mute());
    bench.config(
        &format!("connect_timeout = \"20s\"\nrequest_timeout = \"20s\"\n{FLOW}"),
        GROUPS,
        "",
    );
    let mut child = bench
        .command(&["check", "--config", "{config}"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let found = lines
        .map_while(Result::ok)
        .find(|line| line.contains("configuration") && line.contains("the module can use it"));
    assert!(found.is_some());
    assert!(
        child.try_wait().unwrap().is_none(),
        "it waits for the server"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Only characters that a terminal without UTF-8 can show.
#[test]
fn marks_are_ascii_where_the_locale_is() {
    require_host!();
    let bench = Bench::new();
    bench.stack("sshd", crate::bench::README_STACK);
    for (locale, ascii) in [("C", true), ("C.UTF-8", false), ("de_DE.utf8", false)] {
        let mut command = bench.command(&["check", "--config", "{config}"]);
        let output = command.env("LANG", locale).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("PAM stacks"), "{text}");
        assert_eq!(text.is_ascii(), ascii, "{locale}: {text}");
    }
}
