//! The variants of resolvers, and the code that each must have.

use pam_harness::name_server::{Answers, Reply};
use pam_harness::resolved::Says;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The code of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The server was asked and refused alice.
    Refused,
    /// authentik is unavailable, and the stack asks for the local password.
    Unavailable,
    /// In doubt.
    AuthErr,
}

impl Code {
    pub(super) fn name(self) -> &'static str {
        match self {
            Code::Refused => "PAM_PERM_DENIED",
            Code::Unavailable => "PAM_AUTHINFO_UNAVAIL",
            Code::AuthErr => "PAM_AUTH_ERR",
        }
    }
}

/// Whether somebody listens at the port in `url`, at 127.0.0.1 and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Up,
    Stopped,
}

/// A variant.
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) answers: fn() -> Answers,
    /// Lines of `/etc/hosts`, with `NAME` for the server's name.
    pub(super) hosts: &'static str,
    /// The services of `hosts` in `nsswitch.conf`.
    pub(super) nsswitch: &'static str,
    /// What systemd-resolved says; `None` if it does not run.
    pub(super) resolved: Option<Says>,
    /// More lines of the module's configuration.
    pub(super) config: &'static str,
    pub(super) server: Server,
    /// In sshd and login.
    pub(super) others: Code,
    /// In su and sudo.
    pub(super) setuid: Code,
}

const UP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Nobody listens there: the double has only 127.0.0.1.
pub(super) const REFUSES_4: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const REFUSES: IpAddr = IpAddr::V4(REFUSES_4);
const REFUSES_6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// TCP to a broadcast or a multicast address is ENETUNREACH without a packet.
const UNREACHABLE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255));
const UNREACHABLE_6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));

/// A row with `hosts: files dns`, nothing in `/etc/hosts`, and the server up.
pub(super) const fn row(what: &'static str, answers: fn() -> Answers, others: Code) -> Row {
    Row {
        what,
        answers,
        hosts: "",
        nsswitch: "files dns",
        resolved: None,
        config: "",
        server: Server::Up,
        others,
        setuid: Code::AuthErr,
    }
}

pub(super) fn up() -> Answers {
    Answers::addresses(&[UP])
}

fn nothing() -> Answers {
    Answers::both(Reply::NxDomain)
}

fn a_fails(reply: Reply, aaaa: IpAddr) -> Answers {
    Answers {
        a: reply,
        aaaa: Reply::Addresses(vec![aaaa]),
    }
}

fn aaaa_fails(a: IpAddr, reply: Reply) -> Answers {
    Answers {
        a: Reply::Addresses(vec![a]),
        aaaa: reply,
    }
}

use Code::{AuthErr, Refused, Unavailable};

pub(super) const ROWS: &[Row] = &[
    // The server is up, and its address is known.
    Row {
        setuid: Refused,
        ..row("A, no AAAA", up, Refused)
    },
    Row {
        setuid: Refused,
        ..row(
            "A, and an AAAA that refuses",
            || Answers::addresses(&[UP, REFUSES_6]),
            Refused,
        )
    },
    Row {
        setuid: Refused,
        ..row(
            "A, and an unreachable AAAA",
            || Answers::addresses(&[UP, UNREACHABLE_6]),
            Refused,
        )
    },
    Row {
        setuid: Refused,
        ..row(
            "A, AAAA SERVFAIL, server up",
            || aaaa_fails(UP, Reply::ServFail),
            Refused,
        )
    },
    // The server is down, and both queries are answered.
    Row {
        server: Server::Stopped,
        ..row("A, no AAAA, server stopped", up, Unavailable)
    },
    row(
        "A refuses, no AAAA",
        || Answers::addresses(&[REFUSES]),
        Unavailable,
    ),
    row(
        "A unreachable, no AAAA",
        || Answers::addresses(&[UNREACHABLE]),
        Unavailable,
    ),
    row(
        "A and AAAA refuse",
        || Answers::addresses(&[REFUSES, REFUSES_6]),
        Unavailable,
    ),
    row(
        "A refuses, AAAA unreachable",
        || Answers::addresses(&[REFUSES, UNREACHABLE_6]),
        Unavailable,
    ),
    row(
        "no A, AAAA refuses",
        || Answers::addresses(&[REFUSES_6]),
        Unavailable,
    ),
    row(
        "no A, AAAA unreachable",
        || Answers::addresses(&[UNREACHABLE_6]),
        AuthErr,
    ),
    // One query fails.
    row(
        "A refuses, AAAA SERVFAIL",
        || aaaa_fails(REFUSES, Reply::ServFail),
        AuthErr,
    ),
    row(
        "A refuses, AAAA REFUSED",
        || aaaa_fails(REFUSES, Reply::Refused),
        AuthErr,
    ),
    row(
        "A refuses, AAAA silent",
        || aaaa_fails(REFUSES, Reply::Silence),
        AuthErr,
    ),
    row(
        "A SERVFAIL, AAAA refuses",
        || a_fails(Reply::ServFail, REFUSES_6),
        AuthErr,
    ),
    row(
        "A REFUSED, AAAA refuses",
        || a_fails(Reply::Refused, REFUSES_6),
        AuthErr,
    ),
    row(
        "A NXDOMAIN, AAAA refuses",
        || a_fails(Reply::NxDomain, REFUSES_6),
        AuthErr,
    ),
    row(
        "A silent, AAAA refuses",
        || a_fails(Reply::Silence, REFUSES_6),
        AuthErr,
    ),
    row(
        "A SERVFAIL, AAAA unreachable",
        || a_fails(Reply::ServFail, UNREACHABLE_6),
        AuthErr,
    ),
    row(
        "A REFUSED, AAAA unreachable",
        || a_fails(Reply::Refused, UNREACHABLE_6),
        AuthErr,
    ),
    row(
        "A NXDOMAIN, AAAA unreachable",
        || a_fails(Reply::NxDomain, UNREACHABLE_6),
        AuthErr,
    ),
    row(
        "A silent, AAAA unreachable",
        || a_fails(Reply::Silence, UNREACHABLE_6),
        AuthErr,
    ),
    row(
        "A truncated, AAAA unreachable",
        || a_fails(Reply::Truncated, UNREACHABLE_6),
        AuthErr,
    ),
    // Nothing is found.
    row("both NXDOMAIN", nothing, Unavailable),
    row(
        "neither has an address",
        || Answers::both(Reply::NoData),
        Unavailable,
    ),
    row(
        "both SERVFAIL",
        || Answers::both(Reply::ServFail),
        Unavailable,
    ),
    row(
        "both REFUSED",
        || Answers::both(Reply::Refused),
        Unavailable,
    ),
    row("both silent", || Answers::both(Reply::Silence), Unavailable),
    // The module never asks over TCP, so a truncated answer without an address is a failed
    // query.
    row(
        "both truncated",
        || Answers::both(Reply::Truncated),
        Unavailable,
    ),
    row(
        "truncated, then silent over TCP",
        || Answers::both(Reply::TruncatedThenSilent),
        Unavailable,
    ),
    // A message that is no answer to the query counts as silence.
    row(
        "both with another ID",
        || Answers::both(Reply::OtherId),
        AuthErr,
    ),
    row(
        "both for another name",
        || Answers::both(Reply::OtherName),
        AuthErr,
    ),
    row("both garbage", || Answers::both(Reply::Garbage), AuthErr),
    // /etc/hosts.
    Row {
        hosts: "127.0.0.1 NAME\n",
        setuid: Refused,
        ..row("/etc/hosts: IPv4", nothing, Refused)
    },
    Row {
        hosts: "127.0.0.1 NAME\n",
        setuid: Refused,
        ..row(
            "/etc/hosts: IPv4, name server silent",
            || Answers::both(Reply::Silence),
            Refused,
        )
    },
    Row {
        hosts: "127.0.0.1 NAME\n",
        server: Server::Stopped,
        ..row("/etc/hosts: IPv4, server stopped", nothing, Unavailable)
    },
    // glibc returns 127.0.0.1 for a line with ::1 to a query for IPv4 only, but the file
    // contains all addresses that were tried, so no name server is asked.
    Row {
        hosts: "::1 NAME\n",
        ..row(
            "/etc/hosts: ::1 that refuses, A NXDOMAIN",
            nothing,
            Unavailable,
        )
    },
    Row {
        hosts: "127.0.0.2 NAME\n::1 NAME\n",
        ..row("/etc/hosts: IPv4 and ::1 refuse", nothing, Unavailable)
    },
    Row {
        hosts: "ff02::1 NAME\n",
        ..row("/etc/hosts: unreachable IPv6, A NXDOMAIN", nothing, AuthErr)
    },
    Row {
        hosts: "127.0.0.2 NAME\nff02::1 NAME\n",
        ..row(
            "/etc/hosts: IPv4 refuses, IPv6 unreachable",
            nothing,
            Unavailable,
        )
    },
    Row {
        hosts: "127.0.0.1 NAME\n::1 NAME\n",
        setuid: Refused,
        ..row("/etc/hosts: IPv4, and IPv6 that refuses", nothing, Refused)
    },
    Row {
        hosts: "127.0.0.1 NAME\n",
        nsswitch: "files",
        setuid: Refused,
        ..row("hosts: files, IPv4", nothing, Refused)
    },
    Row {
        hosts: "127.0.0.1 NAME\n",
        nsswitch: "files",
        server: Server::Stopped,
        ..row("hosts: files, IPv4, server stopped", nothing, Unavailable)
    },
    Row {
        nsswitch: "files",
        ..row("hosts: files, no line", up, Unavailable)
    },
    // Variants without a resolver.
    Row {
        config: "addresses = [\"127.0.0.1\"]\n",
        setuid: Refused,
        ..row(
            "addresses, name server silent",
            || Answers::both(Reply::Silence),
            Refused,
        )
    },
    Row {
        config: "addresses = [\"127.0.0.2\"]\n",
        server: Server::Stopped,
        setuid: Unavailable,
        ..row("addresses that refuse", nothing, Unavailable)
    },
    // Every local user can take the double's port.
    Row {
        config: "addresses = [\"127.0.0.2\"]\n",
        ..row(
            "addresses that refuse, a port of anybody's",
            nothing,
            Unavailable,
        )
    },
    Row {
        config: "addresses = [\"127.255.255.255\"]\n",
        server: Server::Stopped,
        // A set-uid sandbox gives its user a network without routes.
        ..row("addresses that are unreachable", nothing, Unavailable)
    },
    Row {
        config: "addresses = [\"ff02::1\"]\n",
        ..row("addresses: unreachable IPv6 alone", nothing, AuthErr)
    },
];
