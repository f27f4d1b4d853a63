//! Names to addresses: once a login, on the calling thread.
//!
//! ureq's own resolver starts a thread for every request as soon as any timeout
//! is set; a dead name server leaves such a thread behind in sshd, and a
//! process limit turns it into a panic.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::{Error, Timeout};

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
    /// For one server; a look-up may take `limit`.
    pub(super) fn new(host: &str, port: u16, limit: Duration) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self {
            host: host.to_owned(),
            port,
            limit,
            addresses: OnceLock::new(),
        }
    }

    fn look_up(&self) -> Result<Vec<SocketAddr>, Error> {
        let begun = Instant::now();
        let found = with_bounded_dns(self.limit, || {
            (self.host.as_str(), self.port).to_socket_addrs()
        });
        match found {
            Ok(addresses) => Ok(addresses.take(MAX_ADDRESSES).collect()),
            Err(_) if begun.elapsed() >= self.limit => Err(Error::Timeout(Timeout::Resolve)),
            // Io is taken for the connection; this keeps the two apart, and
            // getaddrinfo's own words say little more.
            Err(_) => Err(Error::HostNotFound),
        }
    }
}

impl Resolver for OnceResolver {
    fn resolve(
        &self,
        _uri: &Uri,
        _config: &Config,
        _timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let addresses = match self.addresses.get() {
            Some(addresses) => addresses,
            None => {
                let found = self.look_up()?;
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
