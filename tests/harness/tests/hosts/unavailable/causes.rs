//! Reasons why authentik cannot be used, and their effect on sudo and su.

use super::programs::Network;
use super::{ELSEWHERE, NOT_IN_SETUID, PINNED, SHORT};
use authentik_double::{Certificate, Double, Fault, Match};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// The log's text if the resolver chose the addresses.
const NOT_PINNED: &str = "not counted as unavailable: in a set-uid program it counts only where `addresses` is set, or the host in `url` is an IP address";
/// The log's text if the server itself has not refused.
const NOT_BY_SERVER: &str = "not counted as unavailable: in a set-uid program the server itself must refuse: a firewall, a router or a missing network is not enough";
/// The log's text if there is a proxy in between.
const BEHIND_PROXY: &str =
    "not counted as unavailable: behind a proxy it does not count in a set-uid program";

/// A row of the table: why authentik cannot be used, and the effect on sudo and su.
pub(super) struct Cause {
    pub(super) name: &'static str,
    /// Keys of the configuration, before `url`.
    pub(super) keys: String,
    pub(super) url: String,
    pub(super) ca: String,
    pub(super) network: Network,
    /// Why it does not count in sudo and su; `None` if it counts.
    pub(super) refused: Option<&'static str>,
}

/// The servers, good and bad, for the causes.
pub(super) struct Servers {
    pub(super) good: Double,
    expired: Double,
    other_ca: Double,
    other_host: Double,
    unavailable: Double,
    silent: Double,
}

/// A port of loopback below 1024 that is free.
fn port_of_roots() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(960);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < 1024, "no port below 1024 is free");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Servers {
    pub(super) fn start() -> Servers {
        // At a port from 1024 on every local user could present a certificate.
        let certificate = |kind| {
            let builder = Double::builder().certificate(kind);
            builder.port(port_of_roots()).start()
        };
        let unavailable = Double::start();
        unavailable.inject(Fault::on(Match::any()).answer(503, "text/html", "503"));
        Servers {
            good: Double::start(),
            expired: certificate(Certificate::Expired),
            other_ca: certificate(Certificate::OtherCa),
            other_host: certificate(Certificate::WrongHost),
            unavailable,
            silent: Double::builder().mute().start(),
        }
    }

    pub(super) fn causes(&self) -> Vec<Cause> {
        let plain = |name, keys: &str, url: &str, refused| Cause {
            name,
            keys: keys.to_owned(),
            url: url.to_owned(),
            ca: self.good.ca_pem().to_owned(),
            network: Network::Machine,
            refused,
        };
        let at = |name, keys: &str, double: &Double, refused| Cause {
            ca: double.ca_pem().to_owned(),
            ..plain(name, keys, &double.url(), refused)
        };
        let cut_off = |cause: Cause| Cause {
            network: Network::None,
            ..cause
        };
        let unroutable = "addresses = [\"192.0.2.1\"]\n";
        let short = format!("{PINNED}{SHORT}");
        // Nobody can listen on port 1.
        let (by_name, by_number) = ("https://localhost:1", "https://127.0.0.1:1");
        vec![
            plain("stopped, `addresses`", PINNED, by_name, None),
            plain("stopped, an IP address in `url`", "", by_number, None),
            plain(
                "a stopped proxy, an IP address",
                "proxy = \"http://127.0.0.1:1\"\n",
                by_number,
                Some(BEHIND_PROXY),
            ),
            cut_off(plain(
                "out of reach, `addresses`",
                unroutable,
                by_name,
                Some(NOT_BY_SERVER),
            )),
            cut_off(plain(
                "out of reach, an IP address",
                "",
                "https://192.0.2.1",
                Some(NOT_BY_SERVER),
            )),
            at(
                "an expired certificate, `addresses`",
                PINNED,
                &self.expired,
                None,
            ),
            at(
                "a certificate of another CA, `addresses`",
                PINNED,
                &self.other_ca,
                None,
            ),
            at(
                "a certificate of another host, `addresses`",
                PINNED,
                &self.other_host,
                None,
            ),
            plain("stopped, a name", "", by_name, Some(NOT_PINNED)),
            // The file has no IPv6 address, and the name server is out of reach.
            cut_off(plain(
                "out of reach, a name of /etc/hosts",
                "",
                "https://far.example",
                Some(NOT_PINNED),
            )),
            cut_off(plain(
                "out of reach, a name of DNS",
                SHORT,
                ELSEWHERE,
                Some(NOT_IN_SETUID),
            )),
            at(
                "an expired certificate, a name",
                "",
                &self.expired,
                Some(NOT_PINNED),
            ),
            at(
                "HTTP status 503, `addresses`",
                PINNED,
                &self.unavailable,
                Some(NOT_IN_SETUID),
            ),
            at(
                "a silent server, `addresses`",
                &short,
                &self.silent,
                Some(NOT_IN_SETUID),
            ),
        ]
    }
}
