//! From the server's name to a connection.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Instant;

use pam_authentik_flow::config::Config;
use pam_authentik_flow::sys::{self, Family};
use pam_authentik_flow::text;

use crate::cli::report::Report;

/// The longest answer of a proxy that is read.
const MAX_PROXY_ANSWER: usize = 8 * 1024;

/// Looks the name up and connects, through the proxy where there is one.
pub(super) fn reach(report: &mut Report, config: &Config) -> Option<TcpStream> {
    let addresses = look_up(report, config)?;
    let stream = connect(report, config, &addresses)?;
    if config.proxy.is_none() {
        return Some(stream);
    }
    match ask_proxy(&stream, config) {
        Ok(()) => {
            report.ok("proxy.good", "it connects this host to authentik");
            Some(stream)
        }
        Err(problem) => {
            report.wrong(
                "proxy.refuses",
                format!("it does not connect this host to authentik: {problem}"),
                format!(
                    "let it connect to {}:{}, or correct `proxy`",
                    config.url.host(),
                    config.url.port()
                ),
            );
            None
        }
    }
}

/// The peer of the connection: the proxy, or authentik itself. Its host, its port, and
/// the key that names it.
pub(super) fn peer(config: &Config) -> (&str, u16, &'static str) {
    match &config.proxy {
        Some(proxy) => (proxy.host(), proxy.port(), "proxy"),
        None => (config.url.host(), config.url.port(), "url"),
    }
}

fn look_up(report: &mut Report, config: &Config) -> Option<Vec<SocketAddr>> {
    let (host, port, key) = peer(config);
    if !config.addresses.is_empty() {
        let addresses = config.addresses.iter();
        report.ok(
            "dns.not-asked",
            "is not asked: the configuration has `addresses`",
        );
        return Some(addresses.map(|ip| SocketAddr::new(*ip, port)).collect());
    }
    let name = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Some(vec![SocketAddr::new(ip, port)]);
    }
    report.waits_for(&format!("looking up {name}"));
    let begun = Instant::now();
    let found = sys::look_up(name, port, Family::Any, config.connect_timeout);
    let took = begun.elapsed();
    match found {
        Ok(addresses) => {
            let list: Vec<String> = addresses.iter().map(|a| a.ip().to_string()).collect();
            let found = format!("{name} is {}, {} ms", list.join(", "), took.as_millis());
            let milliseconds = took.as_millis();
            if took.saturating_mul(2) > config.connect_timeout {
                report.warn(
                    "dns.slow",
                    found,
                    "every login waits that long: fix the name servers in /etc/resolv.conf, or write `addresses`",
                );
            } else {
                report.ok("dns.good", found);
            }
            report.value("took_milliseconds", milliseconds);
            Some(addresses)
        }
        Err(error) => {
            report.wrong(
                "dns.fails",
                format!("{name} does not resolve: {error}"),
                format!(
                    "correct the host in `{key}`; try getent hosts {name}; or write the server's addresses into `addresses`"
                ),
            );
            None
        }
    }
}

fn connect(report: &mut Report, config: &Config, addresses: &[SocketAddr]) -> Option<TcpStream> {
    let mut connected = None;
    let mut failed = Vec::new();
    for address in addresses {
        report.waits_for(&format!(
            "connecting to {address}, for {} s at most",
            config.connect_timeout.as_secs()
        ));
        let begun = Instant::now();
        match TcpStream::connect_timeout(address, config.connect_timeout) {
            Ok(stream) if connected.is_none() => {
                connected = Some((stream, *address, begun.elapsed()));
            }
            Ok(_) => {}
            Err(error) => failed.push((*address, error)),
        }
    }
    let words: Vec<String> = failed
        .iter()
        .map(|(address, error)| format!("{address}: {}", own_words(error)))
        .collect();
    match (connected, words.is_empty()) {
        (Some((stream, address, took)), all) => {
            let found = format!("{address} answers, {} ms", took.as_millis());
            let milliseconds = took.as_millis();
            // A name such as localhost may also have an address on which nothing
            // listens.
            if all || addresses.iter().all(|address| address.ip().is_loopback()) {
                report.ok("connection.good", found);
            } else {
                report.warn(
                    "connection.partly",
                    format!("{found}; but not {}", words.join("; not ")),
                    "logins try one address after the other, and wait connect_timeout for each: remove the dead ones from DNS, or write `addresses`",
                );
            }
            report.value("took_milliseconds", milliseconds);
            Some(stream)
        }
        (None, _) => {
            report.wrong(
                "connection.fails",
                words.join("; "),
                "start authentik; correct host and port in `url`; check the firewall, and SELinux if only logins fail",
            );
            None
        }
    }
}

fn ask_proxy(stream: &TcpStream, config: &Config) -> Result<(), String> {
    let failed = |error: io::Error| own_words(&error);
    let limit = Some(config.connect_timeout);
    stream.set_read_timeout(limit).map_err(failed)?;
    stream.set_write_timeout(limit).map_err(failed)?;
    let target = format!("{}:{}", config.url.host(), config.url.port());
    let mut stream = stream;
    write!(
        stream,
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"
    )
    .map_err(failed)?;
    let mut answer = Vec::new();
    let mut byte = [0_u8];
    // Byte by byte: what follows the answer's head is TLS.
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > MAX_PROXY_ANSWER || stream.read(&mut byte).map_err(failed)? == 0 {
            return Err("it closed the connection, or sent too much".into());
        }
        answer.extend_from_slice(&byte);
    }
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    let status = line.split(' ').nth(1).unwrap_or_default();
    match status.starts_with('2') {
        true => Ok(()),
        false => Err(text::one_line(line, 120)),
    }
}

/// An error without Rust's "(os error 111)".
fn own_words(error: &io::Error) -> String {
    let shown = error.to_string();
    shown
        .split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
