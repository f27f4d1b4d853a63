//! TCP connections, and the result of each attempt.
//!
//! ureq's own connector reports only the last failure. But whether authentik is
//! unavailable depends on whether *every* address refused the connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::unversioned::transport::time::{Duration as WaitDuration, Instant as WaitInstant};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};
use ureq::{Error, Timeout};

/// The result of one attempt to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Connected,
    /// The host, or a firewall in front of it, refused the connection (ECONNREFUSED).
    Refused,
    /// The address cannot be reached (ENETUNREACH, EHOSTUNREACH). The kernel or a
    /// router says so, or ARP or neighbour discovery got no answer.
    Unreachable,
    /// ENETUNREACH for an IPv6 address: most hosts have no IPv6 at all.
    NoIpv6Network,
    /// No answer within the address's share of the time.
    Silent,
    /// Anything else, usually a failure of this host.
    Failed,
}

/// The attempts of one request.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    /// How many addresses there were to try.
    expected: usize,
    made: Vec<Attempt>,
}

impl Attempts {
    /// Whether a connection was made.
    pub(super) fn is_connected(&self) -> bool {
        self.made.contains(&Attempt::Connected)
    }

    /// Whether every address was tried, and refused the connection or was
    /// reported unreachable. A missing IPv6 network alone does not count.
    pub(super) fn all_refused_or_unreachable(&self) -> bool {
        self.all(|attempt| matches!(attempt, Attempt::Refused | Attempt::Unreachable))
    }

    /// The same, but an address may also have given no answer.
    pub(super) fn all_refused_unreachable_or_silent(&self) -> bool {
        self.all(|attempt| {
            matches!(
                attempt,
                Attempt::Refused | Attempt::Unreachable | Attempt::Silent
            )
        })
    }

    fn all(&self, counts: impl Fn(Attempt) -> bool) -> bool {
        self.made.len() == self.expected
            && self.made.iter().any(|attempt| counts(*attempt))
            && self
                .made
                .iter()
                .all(|attempt| counts(*attempt) || *attempt == Attempt::NoIpv6Network)
    }
}

/// The attempts of the current request, shared with the transport.
#[derive(Debug, Clone, Default)]
pub(super) struct AttemptLog(Arc<Mutex<Attempts>>);

impl AttemptLog {
    /// Forgets the attempts of the previous request.
    pub(super) fn clear(&self) {
        self.begin(0);
    }

    /// The results of the attempts so far.
    pub(super) fn so_far(&self) -> Attempts {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn begin(&self, expected: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Attempts {
            expected,
            made: Vec::new(),
        };
    }

    fn note(&self, attempt: Attempt) {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.made.push(attempt);
    }
}

/// Connects to one address after the other and records the result of each attempt.
#[derive(Debug, Default)]
pub(super) struct RecordingTcpConnector {
    pub(super) log: AttemptLog,
    tcp: TcpConnector,
}

impl RecordingTcpConnector {
    pub(super) fn new(log: AttemptLog) -> Self {
        Self {
            log,
            tcp: TcpConnector::default(),
        }
    }
}

impl<In: Transport> Connector<In> for RecordingTcpConnector {
    type Out = <TcpConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if chained.is_some() {
            return self.tcp.connect(details, chained);
        }
        let deadline = deadline(details);
        let count = details.addrs.len();
        self.log.begin(count);
        let mut last = Error::ConnectionFailed;
        for (index, address) in details.addrs.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Timeout(Timeout::Connect));
            }
            // A dead address must leave time for the next ones.
            let share = match index.saturating_add(1) == count {
                true => left,
                false => left.checked_div(2).unwrap_or(left),
            };
            let one = for_one_address(details, *address, share);
            match self.tcp.connect(&one, None::<In>) {
                Ok(connected) => {
                    self.log.note(Attempt::Connected);
                    return Ok(connected);
                }
                Err(error) => {
                    let attempt = what_became_of(&error, address);
                    self.log.note(attempt);
                    if attempt == Attempt::Failed {
                        return Err(error);
                    }
                    last = error;
                }
            }
        }
        Err(last)
    }
}

fn for_one_address<'a>(
    details: &ConnectionDetails<'a>,
    address: SocketAddr,
    limit: Duration,
) -> ConnectionDetails<'a> {
    let mut addrs = details.resolver.empty();
    addrs.push(address);
    ConnectionDetails {
        uri: details.uri,
        addrs,
        config: details.config,
        request_level: details.request_level,
        resolver: details.resolver,
        now: WaitInstant::Exact(Instant::now()),
        timeout: NextTimeout {
            after: WaitDuration::Exact(limit),
            ..details.timeout
        },
        current_time: Arc::clone(&details.current_time),
        run_connector: Arc::clone(&details.run_connector),
        register_shutdown: Arc::clone(&details.register_shutdown),
    }
}

/// When a connection must have been made.
fn deadline(details: &ConnectionDetails<'_>) -> Instant {
    let begun = match details.now {
        WaitInstant::Exact(begun) => begun,
        _ => Instant::now(),
    };
    let limit = match details.timeout.after {
        WaitDuration::Exact(limit) => limit,
        // The configuration always sets a limit.
        WaitDuration::NotHappening => Duration::ZERO,
    };
    begun.checked_add(limit).unwrap_or(begun)
}

fn what_became_of(error: &Error, address: &SocketAddr) -> Attempt {
    let error = match error {
        Error::Timeout(_) => return Attempt::Silent,
        Error::Io(error) => error,
        _ => return Attempt::Failed,
    };
    match error.raw_os_error() {
        Some(libc::ETIMEDOUT) => Attempt::Silent,
        Some(libc::ECONNREFUSED) => Attempt::Refused,
        Some(libc::ENETUNREACH) if address.is_ipv6() => Attempt::NoIpv6Network,
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH) => Attempt::Unreachable,
        _ => Attempt::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(expected: usize, made: &[Attempt]) -> Attempts {
        Attempts {
            expected,
            made: made.to_vec(),
        }
    }

    #[test]
    fn every_address_must_have_refused() {
        use Attempt::{Connected, Failed, NoIpv6Network, Refused, Silent, Unreachable};
        for (made, refused, silent) in [
            (&[][..], false, false),
            (&[Refused][..], true, true),
            (&[Unreachable], true, true),
            (&[Refused, Unreachable], true, true),
            (&[NoIpv6Network], false, false),
            (&[NoIpv6Network, NoIpv6Network], false, false),
            (&[NoIpv6Network, Refused], true, true),
            (&[Silent], false, true),
            (&[Silent, NoIpv6Network], false, true),
            (&[Refused, Silent], false, true),
            (&[Refused, Failed], false, false),
            (&[Failed], false, false),
            (&[Refused, Connected], false, false),
        ] {
            let all = attempts(made.len(), made);
            assert_eq!(all.all_refused_or_unreachable(), refused, "{made:?}");
            assert_eq!(all.all_refused_unreachable_or_silent(), silent, "{made:?}");
            // An address that was not tried might have answered.
            let some = attempts(made.len() + 1, made);
            assert!(!some.all_refused_or_unreachable(), "{made:?}");
            assert!(!some.all_refused_unreachable_or_silent(), "{made:?}");
        }
    }

    #[test]
    fn errors_of_a_connection_are_told_apart() {
        let v4: SocketAddr = "192.0.2.1:443".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::1]:443".parse().unwrap();
        for (code, at, expected) in [
            (libc::ECONNREFUSED, v4, Attempt::Refused),
            (libc::ENETUNREACH, v4, Attempt::Unreachable),
            (libc::ENETUNREACH, v6, Attempt::NoIpv6Network),
            (libc::EHOSTUNREACH, v6, Attempt::Unreachable),
            (libc::ETIMEDOUT, v4, Attempt::Silent),
            (libc::EMFILE, v4, Attempt::Failed),
            (libc::ENOMEM, v4, Attempt::Failed),
            (libc::ENOBUFS, v4, Attempt::Failed),
            (libc::EADDRNOTAVAIL, v4, Attempt::Failed),
            (libc::EPERM, v4, Attempt::Failed),
            (libc::EACCES, v4, Attempt::Failed),
            (libc::ENETDOWN, v4, Attempt::Failed),
            (libc::ECONNRESET, v4, Attempt::Failed),
            (libc::EINTR, v4, Attempt::Failed),
        ] {
            let error = Error::Io(std::io::Error::from_raw_os_error(code));
            assert_eq!(what_became_of(&error, &at), expected, "{error}");
        }
    }
}
