//! Servers that cannot be reached, cannot be trusted, or do not answer as authentik does.

use std::net::TcpListener;
use std::time::Duration;

use authentik_double::{Certificate, Double, Fault, KeyKind, Match, TlsOffer, TlsVersion, Version};

use super::{FLOW, GROUPS, check, hold, require_host};
use crate::bench::{Bench, Run, newest};

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
fn a_server_that_is_not_authentik_or_fails_is_reported() {
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
    // A date has whole seconds, so the difference may be one second less.
    let text = run.text.replace("is 299 s", "is 300 s");
    hold(
        &Run { text, ..run },
        "clock-off",
        1,
        &["300 s ahead of", "NTP"],
    );
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
