//! Keys of the configuration, each with its effect.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authentik_double::{Certificate, Double, Fault, KeyKind, Match, TlsOffer, TlsVersion};

use crate::bench::{Bench, PASSWORD, expect};

/// A proxy with CONNECT that records the requested host.
struct Proxy {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

/// The lines of a request's head, without the blank one at its end.
fn lines_of(head: &[u8]) -> Vec<String> {
    let head = String::from_utf8_lossy(head);
    let lines = head.lines().filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

impl Proxy {
    /// It always connects to `target` on loopback.
    fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port for the proxy");
        let port = listener.local_addr().expect("the proxy's address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || serve(client, target, &notes));
            }
        });
        Proxy { port, asked }
    }
}

fn serve(mut client: TcpStream, target: u16, notes: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    notes.lock().expect("the notes").extend(lines_of(&head));
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut server, &mut client).ok()?;
    Some(())
}

#[test]
fn a_proxy_is_asked_to_connect_and_sees_no_more() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[outpost]\ntoken_file = \"{dir}/outpost.token\"\n");
    let proxy = Proxy::start(bench.double.port());
    // Only the proxy can find this host, because only the proxy looks it up.
    let bench = bench.top(&format!("proxy = \"http://127.0.0.1:{}\"", proxy.port));
    let outcome = bench
        .pam("linux-login", "alice")
        .file_with_mode("outpost.token", "outpost-token", 0o600)
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    let asked = proxy.asked.lock().expect("the notes").clone();
    let place = format!("localhost:{}", bench.double.port());
    assert_eq!(asked[0], format!("CONNECT {place} HTTP/1.1"));
    for line in &asked[1..] {
        let line = line.to_lowercase();
        assert!(
            ["host:", "accept:", "proxy-connection:", "user-agent:"]
                .iter()
                .any(|known| line.starts_with(known)),
            "{asked:?}"
        );
        assert!(!line.contains("outpost"), "{asked:?}");
    }
    let gone = Bench::new().top("proxy = \"http://127.0.0.1:1\"");
    let outcome = gone.log_in("linux-login", "alice", &[]);
    expect(&outcome, "PAM_AUTHINFO_UNAVAIL", &["no connection"]);
    assert_eq!(
        gone.double.connections(),
        0,
        "the module connected to the server without the proxy"
    );
}

#[test]
fn a_client_certificate_is_shown_where_one_is_asked_for() {
    pam_harness::require_isolation!();
    let bench = Bench::with(Double::builder().ask_for_client_certificates());
    let outcome = bench.log_in("linux-login", "alice", &[]);
    expect(&outcome, "PAM_AUTH_ERR", &["CertificateRequired"]);
    let bench = bench
        .top("client_cert = \"{dir}/client.pem\"")
        .top("client_key = \"{dir}/client.key\"");
    let (certificate, key) = bench.double.client_identity();
    let pam = |mode| {
        bench
            .pam("linux-login", "alice")
            .file("client.pem", certificate)
            .file_with_mode("client.key", key, mode)
    };
    let outcome = pam(0o600).answer_secret(PASSWORD).authenticate().run();
    expect(&outcome, "PAM_SUCCESS", &[]);
    let outcome = pam(0o640).authenticate().run();
    expect(
        &outcome,
        "PAM_SERVICE_ERR",
        &["client.key: can be read by others (mode 0640); run chmod 600 "],
    );
    let outcome = bench
        .pam("linux-login", "alice")
        .file("client.pem", certificate)
        .file("client.key", certificate)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SERVICE_ERR", &["holds no private key"]);
    // A renewal that is half done: the key belongs to another certificate.
    let other = Double::start();
    let outcome = bench
        .pam("linux-login", "alice")
        .file("client.pem", certificate)
        .file("client.key", other.client_identity().1)
        .authenticate()
        .run();
    expect(
        &outcome,
        "PAM_SERVICE_ERR",
        &["client.key: does not fit client_cert"],
    );
}

#[test]
fn pinned_addresses_need_no_dns() {
    pam_harness::require_isolation!();
    // The certificate is for localhost, so only the look-up differs.
    let bench = Bench::new().top("addresses = [\"127.0.0.2\"]");
    let outcome = bench.log_in("linux-login", "alice", &[]);
    expect(&outcome, "PAM_AUTHINFO_UNAVAIL", &["no connection"]);
    let bench = Bench::new().top("addresses = [\"127.0.0.2\", \"127.0.0.1\"]");
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
}

/// The certificate that the tests of faults present for addresses and names that it does not
/// match.
#[test]
fn a_wildcard_is_for_the_names_right_below_it() {
    pam_harness::require_isolation!();
    let builder = Double::builder().certificate(authentik_double::Certificate::Wildcard);
    let bench = Bench::with(builder.without_pause());
    let url = format!(
        "url = \"https://authentik.example.test:{}\"",
        bench.double.port()
    );
    let bench = bench.top(&url).top("addresses = [\"127.0.0.1\"]");
    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
    expect(&outcome, "PAM_SUCCESS", &[]);
}

/// The restrictions that pages on hardening recommend, each alone.
#[test]
fn servers_that_offer_little_are_reached() {
    pam_harness::require_isolation!();
    let versions = [None, Some(TlsVersion::V1_2), Some(TlsVersion::V1_3)];
    for version in versions {
        for suites in [Some("AES_128_GCM"), Some("AES_256_GCM"), None] {
            for groups in [Some("X25519"), Some("secp256r1"), Some("secp384r1")] {
                for key in [KeyKind::P256, KeyKind::P384] {
                    let offer = TlsOffer {
                        version,
                        suites,
                        groups,
                        key,
                    };
                    let bench = Bench::with(Double::builder().without_pause().tls(offer));
                    let outcome = bench.log_in("linux-login", "alice", &[PASSWORD]);
                    println!("{offer:?}");
                    expect(&outcome, "PAM_SUCCESS", &[]);
                }
            }
        }
    }
}

/// A server without a common cipher is no proof that authentik is unavailable.
#[test]
fn servers_that_offer_nothing_of_ours_are_explained() {
    pam_harness::require_isolation!();
    let suites = Some("CHACHA20");
    let offers = [
        TlsOffer {
            suites,
            ..TlsOffer::default()
        },
        TlsOffer {
            suites,
            version: Some(TlsVersion::V1_2),
            ..TlsOffer::default()
        },
        TlsOffer {
            suites,
            version: Some(TlsVersion::V1_3),
            ..TlsOffer::default()
        },
        TlsOffer {
            key: KeyKind::Ed25519,
            ..TlsOffer::default()
        },
    ];
    for offer in offers {
        let bench = Bench::with(Double::builder().without_pause().tls(offer));
        let outcome = bench.log_in("linux-login", "alice", &[]);
        println!("{offer:?}");
        let line = "let the server offer TLS 1.2 or 1.3, AES-128-GCM or AES-256-GCM";
        expect(&outcome, "PAM_AUTH_ERR", &[line]);
    }
}

/// As in a distribution's bundle: one of many, another of which is not needed and cannot be
/// read.
#[test]
fn the_servers_ca_is_found_in_a_bundle() {
    pam_harness::require_isolation!();
    for change in [str::to_owned, |stranger: &str| {
        stranger.replacen("MI", "M*", 1)
    }] {
        let bench = Bench::new();
        let outcome = bench
            .by_a_bundle("linux-login", "alice", change)
            .answer_secret(PASSWORD)
            .authenticate()
            .run();
        expect(&outcome, "PAM_SUCCESS", &[]);
    }
}

#[test]
fn a_self_signed_certificate_as_its_own_ca_is_explained() {
    pam_harness::require_isolation!();
    let bench = Bench::with(Double::builder().certificate(Certificate::SelfSigned))
        .top("ca_file = \"{dir}/server.pem\"");
    let outcome = bench
        .pam("linux-login", "alice")
        .file("server.pem", bench.double.server_pem())
        .authenticate()
        .run();
    expect(
        &outcome,
        "PAM_AUTHINFO_UNAVAIL",
        &[
            "a self-signed certificate of a CA as its own; give the server a certificate that a CA has issued",
        ],
    );
}

/// A user whose name differs in case must not log in as another user.
#[test]
fn a_lowered_name_is_nobody_elses() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[user]\nlowercase = true\n");
    expect(
        &bench.log_in("linux-login", "alice", &[PASSWORD]),
        "PAM_SUCCESS",
        &[],
    );
    // `Bob` has an account on the host beside `bob`; authentik has only `lars`, written `Lars`.
    let outcome = bench.log_in("linux-login", "Bob", &[]);
    expect(
        &outcome,
        "PAM_PERM_DENIED",
        &["user=Bob", "that of another account of this host"],
    );
    bench.double.world(|world| {
        world.add_user(authentik_double::User::new("lars").password(PASSWORD));
    });
    expect(
        &bench.log_in("linux-login", "Lars", &[PASSWORD]),
        "PAM_SUCCESS",
        &["user=Lars"],
    );
}

#[test]
fn root_logs_in_only_where_it_is_said() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[user]\nallow_root = true\n");
    bench.double.world(|world| {
        world.add_user(authentik_double::User::new("root").password(PASSWORD));
    });
    expect(
        &bench.log_in("linux-login", "root", &[PASSWORD]),
        "PAM_SUCCESS",
        &["user=root"],
    );
}

#[test]
fn prompts_are_the_configured_ones() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[prompt]\npassword = \"Passwort:\"\ncode = \"Code?\"\n");
    let outcome = bench.log_in("linux-mfa", "carol", &[PASSWORD, "carol0000000"]);
    expect(&outcome, "PAM_SUCCESS", &[]);
    assert_eq!(outcome.prompts(), ["Passwort: ", "Code? "]);
}

#[test]
fn somebody_without_an_account_may_be_let_in_and_is_logged_by_name_then() {
    pam_harness::require_isolation!();
    let bench = Bench::new().section("[user]\nrequire_account = false\n");
    bench.double.world(|world| {
        world.add_user(authentik_double::User::new("guest1").password(PASSWORD));
    });
    expect(
        &bench.log_in("linux-login", "guest1", &["nope"]),
        "PAM_AUTH_ERR",
        &["user=(unknown)"],
    );
    expect(
        &bench.log_in("linux-login", "guest1", &[PASSWORD]),
        "PAM_SUCCESS",
        &["user=guest1"],
    );
}

/// A proxy that answers CONNECT one byte at a time delays nobody.
#[test]
fn a_proxy_that_dribbles_is_a_proxy_that_is_down() {
    pam_harness::require_isolation!();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port for the proxy");
    let port = listener.local_addr().expect("the proxy's address").port();
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            std::thread::spawn(move || {
                for byte in b"HTTP/1.1 200 OK".iter().cycle().take(60) {
                    std::thread::sleep(std::time::Duration::from_millis(200));
                    if client.write_all(&[*byte]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let bench = Bench::new()
        .top(&format!("proxy = \"http://127.0.0.1:{port}\""))
        .top("request_timeout = \"1s\"");
    let outcome = bench.log_in("linux-login", "alice", &[]);
    expect(&outcome, "PAM_AUTHINFO_UNAVAIL", &["longer than"]);
    assert!(outcome.durations().iter().all(|took| took.as_secs() < 3));
}

/// Before anything was typed, with the password in the request, and after it.
#[test]
fn a_request_ends_with_its_limit() {
    pam_harness::require_isolation!();
    let second = Duration::from_secs(1);
    let strikes: [fn(Fault) -> Fault; 2] = [Fault::never_answer, |fault| {
        fault.drip_head(Duration::from_millis(200))
    }];
    for (requests, answers, code) in [
        (
            Match::get("executor"),
            &[] as &[&str],
            "PAM_AUTHINFO_UNAVAIL",
        ),
        (Match::post("executor").nth(2), &[PASSWORD], "PAM_AUTH_ERR"),
        (Match::get("users/me"), &[PASSWORD], "PAM_AUTH_ERR"),
    ] {
        for strike in strikes {
            let bench = Bench::new().top("request_timeout = \"1s\"");
            bench.double.inject(strike(Fault::on(requests.clone())));
            let pam = bench.pam("linux-login", "alice").timeout(second * 10);
            let pam = answers
                .iter()
                .fold(pam, |pam, answer| pam.answer_secret(answer));
            let outcome = pam.authenticate().run();
            expect(&outcome, code, &["took longer than request_timeout"]);
            assert!(outcome.durations().iter().all(|took| *took < second * 3));
        }
    }
}
