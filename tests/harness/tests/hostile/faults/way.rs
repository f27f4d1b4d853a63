//! Faults on the way to the server, before HTTP starts.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use authentik_double::{Certificate, Double};

use super::table::Cell;
use super::{REFUSED, UNAVAILABLE, cell};
use crate::bench::Bench;

type Run = Box<dyn Fn() -> Cell + Send + Sync>;

const CONNECT: &str = "at the connection";

fn at(name: &'static str, url: &str, line: &'static str) -> Cell {
    with(name, Bench::new().top(&format!("url = \"{url}\"")), line)
}

fn with(name: &'static str, bench: Bench, line: &'static str) -> Cell {
    ending(name, bench, UNAVAILABLE, line)
}

fn ending(name: &'static str, bench: Bench, code: &'static str, line: &'static str) -> Cell {
    let bench = bench
        .top("request_timeout = \"2s\"")
        .top("connect_timeout = \"1s\"");
    cell(name, CONNECT, code, line, || {
        let pam = bench.pam("linux-login", "alice");
        pam.timeout(Duration::from_secs(20))
            .authenticate()
            .try_run()
    })
}

/// A port whose connections are passed to `serve`.
pub(super) fn server(
    port: u16,
    serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static,
) -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let accepting = listener.try_clone().expect("the port");
    std::thread::spawn(move || {
        for client in accepting.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || serve(client));
        }
    });
    (listener, port)
}

/// Closes with unread data, which sends a reset.
pub(super) fn reset(client: TcpStream) {
    // When the first byte has arrived.
    let _ = client.peek(&mut [0]);
}

fn says(bytes: &'static [u8]) -> impl Fn(TcpStream) + Send + Sync + Clone {
    move |mut client| {
        let _ = client.read(&mut [0; 4096]);
        let _ = client.write_all(bytes);
    }
}

fn local(
    name: &'static str,
    code: &'static str,
    serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static,
) -> Cell {
    let (_listener, port) = server(0, serve);
    let url = format!("url = \"https://localhost:{port}\"");
    ending(name, Bench::new().top(&url), code, "")
}

/// Accepts no connection: its queue is full, and the kernel drops further ones.
fn black_hole() -> Cell {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = listener.local_addr().expect("its address");
    let tenth = Duration::from_millis(100);
    let mut held = Vec::new();
    // The standard library sets a queue of 128.
    for _ in 0..5000 {
        match TcpStream::connect_timeout(&address, tenth) {
            Ok(stream) => held.push(stream),
            Err(_) => break,
        }
    }
    at(
        "a port that takes no connection",
        &format!("https://localhost:{}", address.port()),
        "took longer than connect_timeout",
    )
}

/// A name server that does not answer. Only root can bind port 53.
fn mute_name_server() -> Option<Cell> {
    let _server = UdpSocket::bind(("127.0.53.11", 53)).ok()?;
    let bench = Bench::new()
        .top("url = \"https://authentik.example.com\"")
        .top("request_timeout = \"2s\"")
        .top("connect_timeout = \"1s\"");
    Some(cell(
        "a name server that is mute",
        CONNECT,
        UNAVAILABLE,
        "took longer than connect_timeout",
        || {
            bench
                .pam("linux-login", "alice")
                .overlay("/etc/resolv.conf", "nameserver 127.0.53.11\n")
                .timeout(Duration::from_secs(30))
                .authenticate()
                .try_run()
        },
    ))
}

/// A certificate with wildcards, shown for this host.
fn wildcard(name: &'static str, host: &str) -> Cell {
    let bench = Bench::with(Double::builder().certificate(Certificate::Wildcard));
    let url = format!("url = \"https://{host}:{}\"", bench.double.port());
    let bench = bench.top(&url).top("addresses = [\"127.0.0.1\"]");
    with(name, bench, "another name")
}

fn certificate(name: &'static str, kind: Certificate, line: &'static str) -> Cell {
    with(name, Bench::with(Double::builder().certificate(kind)), line)
}

pub(super) fn rows() -> Vec<Run> {
    let mut rows: Vec<Run> = vec![
        Box::new(|| {
            at(
                "a port that nobody has",
                "https://127.0.0.1:1",
                "no connection",
            )
        }),
        Box::new(|| {
            at(
                "a name that nobody has",
                "https://authentik.invalid",
                "does not resolve",
            )
        }),
        Box::new(black_hole),
        Box::new(|| local("a reset", REFUSED, reset)),
        Box::new(|| local("an end at once", REFUSED, drop)),
        Box::new(|| {
            local(
                "http where TLS should be",
                REFUSED,
                says(b"HTTP/1.1 200 OK\r\n\r\n{}"),
            )
        }),
        Box::new(|| {
            local(
                "an alert of TLS",
                REFUSED,
                says(b"\x15\x03\x03\0\x02\x02\x28"),
            )
        }),
        Box::new(|| {
            local(
                "a record of TLS without end",
                REFUSED,
                |mut client: TcpStream| {
                    let _ = client.write_all(b"\x16\x03\x03\xff\xff");
                    while client.write_all(&[0; 4096]).is_ok() {}
                },
            )
        }),
        Box::new(|| {
            local(
                "TLS a byte at a time",
                UNAVAILABLE,
                |mut client: TcpStream| {
                    for byte in b"\x16\x03\x03\x3f\xff".iter().chain(&[2; 100]) {
                        std::thread::sleep(Duration::from_millis(100));
                        if client.write_all(&[*byte]).is_err() {
                            return;
                        }
                    }
                },
            )
        }),
        Box::new(|| {
            with(
                "TLS that never begins",
                Bench::with(Double::builder().mute()),
                "longer than",
            )
        }),
        Box::new(|| {
            certificate(
                "an expired certificate",
                Certificate::Expired,
                "it has expired",
            )
        }),
        Box::new(|| {
            certificate(
                "a certificate for another host",
                Certificate::WrongHost,
                "another name",
            )
        }),
        Box::new(|| {
            certificate(
                "a self-signed certificate",
                Certificate::SelfSigned,
                "was refused",
            )
        }),
        Box::new(|| certificate("another CA", Certificate::OtherCa, "not trusted here")),
        Box::new(|| {
            certificate(
                "a certificate of tomorrow",
                Certificate::NotYetValid,
                "not valid yet",
            )
        }),
        Box::new(|| {
            certificate(
                "a certificate with a common name alone",
                Certificate::CommonNameAlone,
                "another name",
            )
        }),
        Box::new(|| {
            certificate(
                "a certificate for clients",
                Certificate::ForClients,
                "was refused",
            )
        }),
        Box::new(|| wildcard("a wildcard, and an address", "127.0.0.1")),
        Box::new(|| wildcard("a wildcard, and a name two below", "a.b.example.test")),
        Box::new(|| wildcard("a wildcard, and the name above", "example.test")),
        Box::new(|| {
            let bench = Bench::new();
            let url = format!("url = \"https://127.0.0.2:{}\"", bench.double.port());
            let bench = bench.top(&url).top("addresses = [\"127.0.0.1\"]");
            with("a certificate for another address", bench, "another name")
        }),
        Box::new(|| {
            // The authority of another server: valid PEM and a valid certificate.
            let bench = Bench::new().top("ca_file = \"{dir}/other.pem\"");
            let other = Double::start();
            let pam = bench
                .pam("linux-login", "alice")
                .file("other.pem", other.ca_pem());
            cell(
                "the CA file of another server",
                CONNECT,
                UNAVAILABLE,
                "was refused",
                || pam.authenticate().try_run(),
            )
        }),
        Box::new(|| {
            let bench = Bench::new().top("ca_file = \"{dir}/empty.pem\"");
            let pam = bench.pam("linux-login", "alice").file("empty.pem", "");
            cell(
                "no CA at all",
                CONNECT,
                "PAM_SERVICE_ERR",
                "holds no certificate",
                || pam.authenticate().try_run(),
            )
        }),
    ];
    if nix::unistd::Uid::effective().is_root() {
        rows.push(Box::new(|| {
            mute_name_server().expect("an address for the name server")
        }));
    }
    rows
}
