//! Names to addresses: once a login, on the calling thread.
//!
//! ureq's own resolver starts a thread for every request as soon as any timeout
//! is set; a dead name server leaves such a thread behind in sshd, and a
//! process limit turns it into a panic.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

use crate::host::is_host_failure;
use crate::pam::with_bounded_dns;

/// How many addresses are tried, at most: as many as ureq has room for.
const MAX_ADDRESSES: usize = 16;

/// Resolves the server's name through the system, and remembers what came back.
#[derive(Debug)]
pub(super) struct OnceResolver {
    host: String,
    port: u16,
    limit: Duration,
    addresses: OnceLock<Vec<SocketAddr>>,
}

impl OnceResolver {
    /// For the server or the proxy that is connected to; a look-up may take
    /// `limit`, and is not made where the addresses are `pinned`.
    pub(super) fn new(host: &str, port: u16, limit: Duration, pinned: &[IpAddr]) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let addresses = OnceLock::new();
        if !pinned.is_empty() {
            let pinned = pinned.iter().map(|address| SocketAddr::new(*address, port));
            let _ = addresses.set(pinned.take(MAX_ADDRESSES).collect());
        }
        Self {
            host: host.to_owned(),
            port,
            limit,
            addresses,
        }
    }

    fn look_up(&self, limit: Duration) -> Result<Vec<SocketAddr>, Error> {
        let begun = Instant::now();
        let found = with_bounded_dns(limit, || (self.host.as_str(), self.port).to_socket_addrs());
        match found {
            Ok(addresses) => Ok(addresses.take(MAX_ADDRESSES).collect()),
            Err(error) if is_host_failure(&error) => Err(Error::Io(error)),
            Err(_) if begun.elapsed() >= limit => Err(Error::Timeout(Timeout::Resolve)),
            Err(_) => Err(what_the_host_lacks().map_or(Error::HostNotFound, Error::Io)),
        }
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
        let addresses = match self.addresses.get() {
            Some(addresses) => addresses,
            None => {
                let found = self.look_up(self.limit.min(*timeout.after))?;
                self.addresses.get_or_init(|| found)
            }
        };
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

/// getaddrinfo tells a host without descriptors from a name server that is
/// silent only now and then: a socket of our own tells the rest.
fn what_the_host_lacks() -> Option<std::io::Error> {
    let socket = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0));
    socket.err().filter(is_host_failure)
}
