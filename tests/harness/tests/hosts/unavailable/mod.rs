//! What counts as "authentik is unavailable" in real programs with the stack
//! `authentik-fallback`: only then is the local password enough.
//!
//! The callers of sudo and su can make a resolver fail, make time pass, and flood a
//! proxy. So in sudo and su it counts only where `addresses` is set, or the host in
//! `url` is an IP address, and only where the server itself has refused or is out of
//! reach.

mod causes;
mod flood;
mod programs;

use crate::case::{LOCAL, PASSWORD};
use crate::matrix::write_table;
use authentik_double::Double;
use causes::{Cause, Servers};
use pam_harness::host::{RealHost, configuration};
use programs::{Network, PROGRAMS, host, lets_in, lines_of, start};
use std::fmt::Write;
use std::net::UdpSocket;

/// The log's text if it is no evidence in a set-uid program.
const NOT_IN_SETUID: &str = "not counted as unavailable: it does not count in a set-uid program";

const PINNED: &str = "addresses = [\"127.0.0.1\"]\n";
const SHORT: &str = "connect_timeout = \"1s\"\nrequest_timeout = \"1s\"\n";
/// A name that only the name servers know.
const ELSEWHERE: &str = "https://authentik.example.com";

/// An additional name of the host.
const HOSTS: &str = "127.0.0.1 localhost host\n::1 localhost\n192.0.2.1 far.example\n";

/// The user of a resolver such as systemd-resolved, which writes the file itself.
const RESOLVER: u32 = 991;

/// A host's `/etc/resolv.conf`, with the name server's address or without, and its owner.
struct ResolvConf {
    name: &'static str,
    address: Option<&'static str>,
    owner: u32,
    network: Network,
}

/// Nobody listens at the first name server, and nobody answers at the others.
const RESOLV_CONFS: [ResolvConf; 5] = [
    ResolvConf {
        name: "no name server",
        address: Some("127.0.53.78"),
        owner: 0,
        network: Network::Machine,
    },
    ResolvConf {
        name: "a silent name server",
        address: Some("127.0.53.79"),
        owner: 0,
        network: Network::Machine,
    },
    ResolvConf {
        name: "a silent resolver with its own user",
        address: Some("127.0.53.79"),
        owner: RESOLVER,
        network: Network::Machine,
    },
    ResolvConf {
        name: "IPv6 name server, no IPv6",
        address: Some("2001:db8::53"),
        owner: 0,
        network: Network::None,
    },
    // Last: the file does not come back.
    ResolvConf {
        name: "no resolv.conf",
        address: None,
        owner: 0,
        network: Network::Machine,
    },
];

#[test]
fn the_local_password_is_enough_where_authentik_is_proved_to_be_unavailable() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "login", "unshare", "setpriv");
    let servers = Servers::start();
    let host = host(&servers.good);
    host.write("/etc/hosts", HOSTS);
    // The first one starts sshd.
    let (is_in, seen) = lets_in(start(&host, "sshd", Network::Machine), "sshd", PASSWORD);
    assert!(is_in, "{seen}");
    let mut table = String::new();
    for cause in servers.causes() {
        check(&host, &servers.good, &cause, &mut table);
    }
    let silent = UdpSocket::bind(("127.0.53.79", 53)).expect("port 53 of an address of loopback");
    for conf in RESOLV_CONFS {
        match conf.address {
            Some(address) => {
                let text = format!("nameserver {address}\noptions timeout:1 attempts:1\n");
                host.put("/etc/resolv.conf", text.as_bytes(), 0o644, conf.owner);
            }
            None => host.remove("/etc/resolv.conf"),
        }
        let cause = Cause {
            name: conf.name,
            keys: SHORT.to_owned(),
            url: ELSEWHERE.to_owned(),
            ca: servers.good.ca_pem().to_owned(),
            network: conf.network,
            refused: Some(NOT_IN_SETUID),
        };
        check(&host, &servers.good, &cause, &mut table);
    }
    drop(silent);
    write_table("unavailable", &table);
    // A wrong local password lets nobody in, whatever the cause.
    host.config(
        &configuration(&servers.good, "linux-login")
            .replace(&servers.good.url(), "https://127.0.0.1:1"),
    );
    let host = &host;
    std::thread::scope(|scope| {
        for program in PROGRAMS {
            scope.spawn(move || {
                let terminal = start(host, program, Network::Machine);
                let (is_in, seen) = lets_in(terminal, program, "wrong");
                assert!(!is_in, "{program}: {seen}");
            });
        }
    });
}

/// All programs with one cause, side by side.
#[track_caller]
fn check(host: &RealHost, good: &Double, cause: &Cause, table: &mut String) {
    host.write("/etc/security/authentik-ca.pem", &cause.ca);
    let text = configuration(good, "linux-login").replace(&good.url(), &cause.url);
    host.config(&format!("{}{text}", cause.keys));
    host.new_lines();
    let ends = std::thread::scope(|scope| {
        let running = PROGRAMS.map(|program| {
            scope.spawn(move || lets_in(start(host, program, cause.network), program, LOCAL))
        });
        running.map(|thread| thread.join().expect("a program ends"))
    });
    let lines = host.new_lines();
    for (program, (is_in, seen)) in PROGRAMS.into_iter().zip(ends) {
        let log = lines_of(&lines, program);
        let refused = match program {
            "su" | "sudo" => cause.refused,
            _ => None,
        };
        let (code, reason) = match refused {
            Some(reason) => ("PAM_AUTH_ERR", reason),
            None => ("PAM_AUTHINFO_UNAVAIL", ""),
        };
        let name = cause.name;
        let context = format!("{program}: {name}\n{seen}\n{log}");
        assert!(
            log.contains(&format!("auth): {code}: ")),
            "{code}: {context}"
        );
        assert!(log.contains(reason), "{reason}: {context}");
        assert_eq!(is_in, refused.is_none(), "{context}");
        let result = if is_in {
            "in by the local password"
        } else {
            "not in"
        };
        let _ = writeln!(table, "{program:<6} {name:<44} {code:<20} {result}");
    }
}
