//! Names to addresses: once a login, on the calling thread.
//!
//! ureq's own resolver starts a thread for every request as soon as any timeout
//! is set; a dead name server leaves such a thread behind in sshd, and a
//! process limit turns it into a panic.

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

/// How many addresses are tried, at most: as many as ureq has room for.
const MAX_ADDRESSES: usize = 16;

/// Who is connected to.
#[derive(Debug)]
pub(super) enum Peer {
    /// Addresses of the configuration; no resolver has a part in it.
    Addresses(Vec<SocketAddr>),
    /// A name, which is looked up once.
    Name {
        host: String,
        port: u16,
        /// What was found, once it was looked up.
        found: OnceLock<Vec<SocketAddr>>,
    },
}

impl Peer {
    /// The server or the proxy that is connected to: by the addresses that are
    /// `pinned`, by `host` where that is an address, or by its name.
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
    /// A look-up may take `limit`.
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
        // getaddrinfo tells a host without descriptors from a name server that
        // does not answer only now and then: a socket of our own tells the rest.
        Err(_) => match std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)) {
            Err(error) if is_host_failure(&error) => Err(Error::Io(error)),
            _ => Err(Error::HostNotFound),
        },
    }
}

impl Resolver for OnceResolver {
    /// Only ever asked for the one place that connections of this agent go to:
    /// redirects are not followed, and with a proxy it is the proxy.
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
