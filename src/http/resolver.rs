//! Looks up the server's addresses, once for each login, on the calling thread.
//!
//! ureq's own resolver starts a thread for each request if any timeout is set. A dead
//! name server leaves this thread behind in sshd, and a process limit turns its start
//! into a panic.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

use super::fault::HostTrouble;
use crate::host::is_host_failure;
use crate::sys::{Family, LookupError, look_up};

/// How many addresses are tried at most: as many as ureq can hold.
const MAX_ADDRESSES: usize = 16;

/// The other end of the connection.
#[derive(Debug)]
pub(super) enum Peer {
    /// Addresses from the configuration. No resolver is involved.
    Addresses(Vec<SocketAddr>),
    /// A name that is looked up once.
    Name {
        host: String,
        port: u16,
        /// The addresses that were found, once the name was looked up.
        found: OnceLock<Vec<SocketAddr>>,
    },
}

impl Peer {
    /// The server or the proxy: at the `pinned` addresses if there are any, at `host` if
    /// that is an address, else by name.
    pub(super) fn new(host: &str, port: u16, pinned: &[IpAddr]) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let at = |ip: &IpAddr| SocketAddr::new(*ip, port);
        match host.parse::<IpAddr>() {
            _ if !pinned.is_empty() => {
                Self::Addresses(pinned.iter().map(at).take(MAX_ADDRESSES).collect())
            }
            Ok(ip) => Self::Addresses(vec![at(&ip)]),
            Err(_) => Self::Name {
                host: host.to_owned(),
                port,
                found: OnceLock::new(),
            },
        }
    }
}

/// Gives ureq the peer's addresses.
#[derive(Debug, Clone)]
pub(super) struct OnceResolver {
    peer: Arc<Peer>,
    limit: Duration,
}

impl OnceResolver {
    /// Sets how long a look-up may take.
    pub(super) fn new(peer: Arc<Peer>, limit: Duration) -> Self {
        Self { peer, limit }
    }

    fn addresses(&self, limit: Duration) -> Result<&[SocketAddr], Error> {
        match &*self.peer {
            Peer::Addresses(addresses) => Ok(addresses),
            Peer::Name { host, port, found } => match found.get() {
                Some(addresses) => Ok(addresses),
                None => {
                    let addresses = look_up_name(host, *port, limit)?;
                    Ok(found.get_or_init(|| addresses))
                }
            },
        }
    }
}

fn look_up_name(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, Error> {
    let begun = Instant::now();
    match look_up(host, port, Family::Any, limit) {
        Ok(mut addresses) => {
            addresses.truncate(MAX_ADDRESSES);
            Ok(addresses)
        }
        Err(LookupError::Host(problem)) => Err(HostTrouble::error(problem)),
        Err(LookupError::NoAnswer(_)) if begun.elapsed() >= limit => {
            Err(Error::Timeout(Timeout::Resolve))
        }
        // getaddrinfo does not always tell a host without free descriptors from a name
        // server that does not answer. A socket of our own tells them apart.
        Err(_) => match std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)) {
            Err(error) if is_host_failure(&error) => Err(Error::Io(error)),
            _ => Err(Error::HostNotFound),
        },
    }
}

impl Resolver for OnceResolver {
    /// ureq asks only for the one host that this agent connects to: the server, or the
    /// proxy if there is one. Redirects are not followed.
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = self.addresses(self.limit.min(*timeout.after))?;
        let mut resolved = self.empty();
        for address in addresses {
            resolved.push(*address);
        }
        if resolved.is_empty() {
            return Err(Error::HostNotFound);
        }
        Ok(resolved)
    }
}
