//! Whether authentik is unavailable, and the proof of it.
//!
//! A PAM stack may make an exception for `PAM_AUTHINFO_UNAVAIL`, and so may
//! `[account] on_unavailable`. Anyone who can turn a refusal into it bypasses the
//! second factor. So "unavailable" is never the default for other failures: it takes
//! positive evidence, from the first request of a login or a lookup, before anything
//! that the person typed was sent.
//! docs/security/unavailable.md and pam_authentik_flow(8) have the table of evidence;
//! [`Evidence`] is that table.
//!
//! When in doubt there is no proof, and the login ends in `PAM_AUTH_ERR`.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::connect::Attempts;
use super::queries::{Queries, are_of_hosts_file};
use super::resolver::Peer;
use super::transport::Answer;
use super::{fault, name_servers};
use crate::fault::ServerFault;
use crate::sys::{HostNetwork, Refusal, is_setuid, refusal_of};

/// Has the first port that users may bind; 1024 by default.
const FIRST_FREE_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Proof that authentik is unavailable.
///
/// Only this file makes one, so nothing else in the module can end a login in
/// `PAM_AUTHINFO_UNAVAIL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    fault: ServerFault,
    request_id: Option<String>,
}

impl Unavailable {
    /// What happened.
    #[must_use]
    pub fn fault(&self) -> &ServerFault {
        &self.fault
    }

    /// The id of the request in authentik's log, if there was an answer with one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.fault.fmt(f)
    }
}

/// Evidence from the first request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Every address refused the TCP connection, or the network reported it
    /// unreachable.
    NoConnection,
    /// The server's certificate is not acceptable.
    Certificate,
    /// The server's name does not resolve.
    NoName,
    /// No answer within a limit of the configuration.
    Silence,
    /// A 5xx without `Retry-After`.
    ServerError,
    /// authentik said that it is starting.
    Starting,
}

impl Evidence {
    /// The evidence in a failed first request, if there is any.
    pub(super) fn of_error(
        error: &ureq::Error,
        fault: &ServerFault,
        attempts: &Attempts,
    ) -> Option<Self> {
        // The time passed before this request, or while the process was stopped.
        if matches!(fault, ServerFault::LoginTimeout | ServerFault::Stopped(_)) {
            return None;
        }
        if fault::is_about_the_name(error) {
            return Some(Self::NoName);
        }
        if attempts.is_connected() {
            return match fault {
                ServerFault::Certificate(_) => Some(Self::Certificate),
                ServerFault::Timeout(_) => Some(Self::Silence),
                _ => None,
            };
        }
        if attempts.all_refused_or_unreachable() {
            Some(Self::NoConnection)
        } else if attempts.all_refused_unreachable_or_silent() {
            Some(Self::Silence)
        } else {
            None
        }
    }

    /// The evidence in the answer to the first request, if there is any.
    pub(super) fn of_answer(answer: &Answer) -> Option<Self> {
        if answer.is_starting {
            Some(Self::Starting)
        } else if (500..600).contains(&answer.status) && !answer.asks_to_wait {
            Some(Self::ServerError)
        } else {
            None
        }
    }

    /// Whether it counts in a set-uid program. The caller of sudo or su can make time
    /// pass, can provoke a status (by flooding a proxy until its rate limiter answers
    /// 503), and can provoke messages of firewalls and routers. A missing route does not
    /// count either: `NetworkManager` lets the person at the screen switch the network off. In
    /// the host's own network ([`HostNetwork`]) they cannot show another certificate for
    /// the server, or make the server's host answer with a reset.
    fn counts_in_setuid_program(self) -> bool {
        matches!(self, Self::NoConnection | Self::Certificate)
    }
}

/// The peer of the connection, as far as a proof depends on it.
pub(super) struct Connection<'a> {
    pub(super) peer: &'a Peer,
    pub(super) has_proxy: bool,
    /// How long the name may be looked up again.
    pub(super) limit: Duration,
}

/// Makes the proof, or says for the log why the evidence does not count.
///
/// # Errors
/// Why the evidence does not count here.
pub(super) fn prove(
    evidence: Evidence,
    fault: &ServerFault,
    request_id: Option<String>,
    connection: &Connection<'_>,
) -> Result<Unavailable, &'static str> {
    if is_setuid() {
        let _: HostNetwork = prove_for_setuid_program(evidence, connection)?;
    }
    if let Peer::Name { host, port, found } = connection.peer {
        let tried = found.get().map_or(&[][..], Vec::as_slice);
        let ask = || Queries::ask(host, *port, connection.limit);
        let complete = match evidence {
            Evidence::NoName => ask().found_nothing(|| {
                name_servers::are_all_dead(
                    host,
                    connection.limit.checked_div(3).unwrap_or_default(),
                )
            }),
            _ => are_of_hosts_file(tried, host) || ask().are_complete(tried),
        };
        if !complete {
            return Err("the name servers did not answer both the A and the AAAA query completely");
        }
    }
    Ok(Unavailable {
        fault: fault.clone(),
        request_id,
    })
}

/// Makes the proof that the evidence needs if the caller of the program is not root.
///
/// # Errors
/// Why the evidence does not count there.
fn prove_for_setuid_program(
    evidence: Evidence,
    connection: &Connection<'_>,
) -> Result<HostNetwork, &'static str> {
    if !evidence.counts_in_setuid_program() {
        return Err("it does not count in a set-uid program");
    }
    if connection.has_proxy {
        return Err("behind a proxy it does not count in a set-uid program");
    }
    // Its caller can make a resolver fail, partly or completely.
    let Peer::Addresses(addresses) = connection.peer else {
        return Err(
            "in a set-uid program it counts only where `addresses` is set, or the host in `url` is an IP address",
        );
    };
    if addresses.iter().any(may_be_taken_by_a_local_user) {
        return Err("the server is on this host at a port that any local user can take");
    }
    if evidence == Evidence::NoConnection && !is_refused_by_all(addresses, connection.limit) {
        return Err(
            "in a set-uid program the server itself must refuse: a firewall, a router or a missing network is not enough",
        );
    }
    // Last, because few logins get this far.
    HostNetwork::prove().ok_or(
        "in a set-uid program it counts only in the host's own network, and this process is not proved to be in it",
    )
}

/// Whether a local user can listen there while the server is down: at a port that users
/// may bind, at an address of this host. They can then show any certificate, and keep
/// the server from starting.
fn may_be_taken_by_a_local_user(address: &SocketAddr) -> bool {
    let first_free: Option<u16> = std::fs::read_to_string(FIRST_FREE_PORT)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    // If that is unknown, a user may have taken any port.
    if first_free.is_some_and(|first_free| address.port() < first_free) {
        return false;
    }
    // An address of another host cannot be bound.
    match UdpSocket::bind(SocketAddr::new(address.ip(), 0)) {
        Err(error) => error.raw_os_error() != Some(libc::EADDRNOTAVAIL),
        Ok(_) => true,
    }
}

/// Whether every address itself refuses the connection. An IPv6 address may lack a route
/// if another address refuses: most hosts have no IPv6.
fn is_refused_by_all(addresses: &[SocketAddr], limit: Duration) -> bool {
    let share = limit
        .checked_div(u32::try_from(addresses.len()).unwrap_or(1))
        .unwrap_or_default();
    let refusals: Vec<(bool, Refusal)> = addresses
        .iter()
        .map(|address| (address.is_ipv6(), refusal_of(address, share)))
        .collect();
    refusals
        .iter()
        .any(|(_, refusal)| *refusal == Refusal::Reset)
        && refusals.iter().all(|(is_ipv6, refusal)| match refusal {
            Refusal::Reset => true,
            Refusal::NoRoute => *is_ipv6,
            Refusal::Nothing => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_this_host_may_be_anybodys() {
        for (address, taken) in [
            ("127.0.0.1:1024", true),
            ("127.0.0.1:9443", true),
            ("127.0.0.1:443", false),
            ("192.0.2.1:9443", false),
            ("[2001:db8::1]:9443", false),
        ] {
            let address: SocketAddr = address.parse().unwrap();
            assert_eq!(may_be_taken_by_a_local_user(&address), taken, "{address}");
        }
    }
}
