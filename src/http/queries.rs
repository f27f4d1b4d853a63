//! Where a server's addresses came from, and whether they are complete: a proof that
//! the server is unavailable needs a name that was looked up completely.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use crate::host::{FileKind, read_trusted_file};
use crate::sys::{Family, LookupError, addresses_in, look_up};

const HOSTS_FILE: &str = "/etc/hosts";

/// Whether the addresses that were tried are exactly those in `/etc/hosts`: then no
/// name server was involved, and none is asked.
pub(super) fn are_of_hosts_file(tried: &[SocketAddr], host: &str) -> bool {
    let text = read_trusted_file(Path::new(HOSTS_FILE), FileKind::Configuration);
    let text = text.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let given: Vec<IpAddr> = addresses_in(&text, host).collect();
    let is_given = |at: &SocketAddr| given.contains(&at.ip());
    !given.is_empty() && tried.iter().all(is_given) && all_tried(given.iter().copied(), tried)
}

/// Whether each address is one of those that were tried, at whatever port.
fn all_tried(mut addresses: impl Iterator<Item = IpAddr>, tried: &[SocketAddr]) -> bool {
    addresses.all(|address| tried.iter().any(|at| at.ip() == address))
}

/// The A and the AAAA query, each separately. A lookup for both returns the addresses
/// of one if the other fails, and does not say so.
pub(super) struct Queries {
    a: Result<Vec<SocketAddr>, LookupError>,
    aaaa: Result<Vec<SocketAddr>, LookupError>,
}

impl Queries {
    /// Asks again, after the first request has failed: a login that works does not wait
    /// for it.
    pub(super) fn ask(host: &str, port: u16, limit: Duration) -> Self {
        // Two thirds of the limit in total, because there was already a wait.
        let limit = limit.checked_div(3).unwrap_or(limit);
        Self {
            a: look_up(host, port, Family::V4, limit),
            aaaa: look_up(host, port, Family::V6, limit),
        }
    }

    /// Whether both were answered: with addresses that were all tried, or with the
    /// answer that there are none.
    pub(super) fn are_complete(&self, tried: &[SocketAddr]) -> bool {
        let all_tried = |found: &[SocketAddr]| all_tried(found.iter().map(SocketAddr::ip), tried);
        match (&self.a, &self.aaaa) {
            (Ok(a), Ok(aaaa)) => all_tried(a) && all_tried(aaaa),
            // A file such as /etc/hosts has one address, and the name servers do not
            // know the name.
            (Ok(a), Err(LookupError::NoAddress | LookupError::NoSuchName)) => all_tried(a),
            // A name that does not exist has no IPv6 address, so one answer is false.
            (Err(LookupError::NoAddress), Ok(aaaa)) => all_tried(aaaa),
            _ => false,
        }
    }

    /// Whether both say that there is no address, or neither is answered and the name
    /// servers `are_dead`.
    pub(super) fn found_nothing(&self, are_dead: impl FnOnce() -> bool) -> bool {
        use LookupError as L;
        match (&self.a, &self.aaaa) {
            (Err(L::NoSuchName | L::NoAddress), Err(L::NoSuchName | L::NoAddress)) => true,
            (Err(L::NoAnswer(_)), Err(L::NoAnswer(_))) => are_dead(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ip: &str) -> SocketAddr {
        SocketAddr::new(ip.parse().unwrap(), 443)
    }

    fn queries(a: &[&str], aaaa: &[&str]) -> Queries {
        let answer = |given: &[&str]| match given {
            ["no such name"] => Err(LookupError::NoSuchName),
            ["no address"] => Err(LookupError::NoAddress),
            ["no answer"] => Err(LookupError::NoAnswer(String::new())),
            ["host"] => Err(LookupError::Host(String::new())),
            found => Ok(found.iter().map(|ip| at(ip)).collect()),
        };
        Queries {
            a: answer(a),
            aaaa: answer(aaaa),
        }
    }

    #[test]
    fn both_queries_are_answered_with_addresses_that_were_tried() {
        let tried = [at("192.0.2.1"), at("2001:db8::1")];
        for (a, aaaa, expected) in [
            ("192.0.2.1", "2001:db8::1", true),
            ("192.0.2.1", "no address", true),
            ("192.0.2.1", "no such name", true),
            ("no address", "2001:db8::1", true),
            // The A query fails beside an AAAA query that is answered.
            ("no answer", "2001:db8::1", false),
            ("no such name", "2001:db8::1", false),
            ("host", "2001:db8::1", false),
            ("192.0.2.1", "no answer", false),
            ("192.0.2.1", "host", false),
            // An address that was not tried.
            ("192.0.2.2", "2001:db8::1", false),
            ("192.0.2.1", "2001:db8::2", false),
            ("no address", "no address", false),
        ] {
            let queries = queries(&[a], &[aaaa]);
            assert_eq!(queries.are_complete(&tried), expected, "{a}, {aaaa}");
        }
    }

    #[test]
    fn a_name_does_not_resolve_only_where_both_queries_say_the_same() {
        for (a, aaaa, expected) in [
            ("no such name", "no such name", true),
            ("no address", "no address", true),
            ("no such name", "no address", true),
            ("no answer", "no answer", true),
            ("no answer", "no address", false),
            ("no answer", "no such name", false),
            ("no address", "no answer", false),
            ("host", "no address", false),
            ("host", "host", false),
            ("192.0.2.1", "no answer", false),
            ("no answer", "2001:db8::1", false),
        ] {
            let queries = queries(&[a], &[aaaa]);
            assert_eq!(queries.found_nothing(|| true), expected, "{a}, {aaaa}");
            // A failure of this host looks like silence.
            let said = a != "no answer" && expected;
            assert_eq!(queries.found_nothing(|| false), said, "{a}, {aaaa}");
        }
    }
}
