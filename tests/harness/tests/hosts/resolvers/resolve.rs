//! The same with nss-resolve, which asks systemd-resolved, and waits two minutes for it.

use super::rows::{Code, REFUSES_4, Row, Server, row, up};
use super::{Played, play_rows};
use pam_harness::name_server::{Answers, Reply};
use pam_harness::resolved::Says;
use std::net::Ipv4Addr;
use std::time::Duration;

/// `connect_timeout` is 2 s, and su and sudo follow each other.
const LONGEST: Duration = Duration::from_secs(25);

fn silent() -> Answers {
    Answers::both(Reply::Silence)
}

/// A row with Debian's and Fedora's `hosts` line.
const fn resolve(
    what: &'static str,
    resolved: Option<Says>,
    answers: fn() -> Answers,
    others: Code,
) -> Row {
    Row {
        nsswitch: "files resolve [!UNAVAIL=return] dns",
        resolved,
        ..row(what, answers, others)
    }
}

use Code::{AuthErr, Refused, Unavailable};

const ROWS: &[Row] = &[
    resolve(
        "resolved and the name servers silent",
        Some(Says::Nothing),
        silent,
        Unavailable,
    ),
    // Another way to ask would have had an answer.
    resolve(
        "resolved silent, a name server answers",
        Some(Says::Nothing),
        up,
        AuthErr,
    ),
    Row {
        hosts: "127.0.0.1 NAME\n",
        setuid: Refused,
        ..resolve(
            "resolved silent, /etc/hosts",
            Some(Says::Nothing),
            silent,
            Refused,
        )
    },
    Row {
        hosts: "127.0.0.1 NAME\n",
        server: Server::Stopped,
        ..resolve(
            "resolved silent, /etc/hosts, server stopped",
            Some(Says::Nothing),
            silent,
            Unavailable,
        )
    },
    Row {
        setuid: Refused,
        ..resolve(
            "resolved has the address",
            Some(Says::Address(Ipv4Addr::LOCALHOST)),
            up,
            Refused,
        )
    },
    resolve(
        "resolved has an address that refuses",
        Some(Says::Address(REFUSES_4)),
        || Answers::addresses(&[REFUSES_4.into()]),
        Unavailable,
    ),
    resolve(
        "resolved has no name servers",
        Some(Says::NoNameServers),
        silent,
        Unavailable,
    ),
    Row {
        setuid: Refused,
        ..resolve("resolved talks nonsense", Some(Says::Garbage), up, Refused)
    },
    Row {
        setuid: Refused,
        ..resolve("resolved does not run", None, up, Refused)
    },
    resolve(
        "resolved does not run, name servers silent",
        None,
        silent,
        Unavailable,
    ),
];

#[test]
fn a_silent_systemd_resolved_holds_no_login_up() {
    pam_harness::require_real_host!("sshd", "ssh", "login", "su", "sudo");
    // Without nss-resolve libc asks the next service at once.
    let library = format!("{}-linux-gnu/libnss_resolve.so.2", std::env::consts::ARCH);
    let packages = pam_harness::host::packages(&[&library]).ok();
    for (row, played) in ROWS.iter().zip(play_rows(ROWS, packages, "resolve")) {
        let Played { took, questions } = played;
        assert!(took < LONGEST, "{}: {took:?}", row.what);
        let expects = row.resolved.is_some() && row.hosts.is_empty();
        assert_eq!(questions > 0, expects, "{}: {questions}", row.what);
    }
}
