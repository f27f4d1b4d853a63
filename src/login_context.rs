//! What the host knows about a login, and what authentik is told.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Who asks, for which user and from where, as the application says.
///
/// Anyone may be able to forge these values: a policy of authentik may become stricter
/// because of them, never laxer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginContext {
    /// The service, by which libpam chose the stack.
    pub service: String,
    /// This host's name.
    pub host: String,
    /// Who logs in. `None` for a name that no account of the host has: people
    /// type passwords there, and a server's log keeps what is asked of it.
    pub user: Option<String>,
    /// Who asks, as sudo and su say; by the same rule.
    pub ruser: Option<String>,
    /// From which host, a name or an address.
    pub rhost: Option<String>,
    /// On which terminal.
    pub tty: Option<String>,
}

/// The longest value that is sent, in bytes. Each byte may take five in the URL, and
/// some servers accept at most 4 KiB there.
const MAX_VALUE: usize = 255;
/// The same for values that are short: services, terminals, this host's name.
const MAX_SHORT: usize = 64;

impl LoginContext {
    /// The `query` of the executor: a query string of its own, whose values are
    /// percent-encoded. In a URL it must be encoded once more.
    ///
    /// A value that is too long, or has characters that no such name has, is left out
    /// and not cut: half a name may be another name, and the request that decides
    /// whether a server is down must not contain text that a caller can choose freely.
    #[must_use]
    pub fn query(&self) -> String {
        let values = [
            ("pam_service", Some(&self.service), MAX_SHORT, "-_.@"),
            ("pam_host", Some(&self.host), MAX_SHORT, "-_."),
            ("pam_user", self.user.as_ref(), MAX_VALUE, ANY_SIGN),
            ("pam_rhost", self.rhost.as_ref(), MAX_VALUE, "-_.:%"),
            ("pam_tty", self.tty.as_ref(), MAX_SHORT, "-_.:/"),
            ("pam_ruser", self.ruser.as_ref(), MAX_VALUE, ANY_SIGN),
        ];
        let mut query = String::new();
        for (name, value, longest, signs) in values {
            let Some(value) = value else { continue };
            let plain = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
            if value.is_empty() || value.len() > longest || !value.chars().all(plain) {
                continue;
            }
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.push_str(&percent_encoded(value));
        }
        query
    }

    /// The client's address, if the application gives an address and not a name: names
    /// are never looked up. An IPv4-mapped IPv6 address becomes the IPv4 address, and a
    /// link-local address loses its interface, which means nothing on another host.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let rhost = self.rhost.as_deref()?;
        let address = match rhost.split_once('%') {
            None => rhost.parse().ok()?,
            Some((address, interface)) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
                if interface.is_empty() || !interface.chars().all(plain) {
                    return None;
                }
                IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)
            }
        };
        Some(address.to_canonical())
    }

    /// The address that authentik is told: the client's, or an unknown one if the
    /// application gives a name instead. Otherwise a client who controls the DNS name
    /// of their address (sshd's `UseDNS`) would seem to come from this host. `None` if
    /// there is no client, as at the console.
    #[must_use]
    pub fn address_to_tell(&self) -> Option<IpAddr> {
        let rhost = self.rhost.as_deref().filter(|rhost| !rhost.is_empty());
        rhost.map(|_| self.address().unwrap_or(NOBODYS))
    }
}

/// An address that no client has: authentik itself uses it if it does not know a
/// client's address (`ClientIPMiddleware`).
const NOBODYS: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);

/// The characters of account names that [`crate::host::impossible_name`] allows.
const ANY_SIGN: &str = "!\"#$%&'()*+,-.;<=>?@[\\]^_`{|}~";

/// What RFC 3986 calls unreserved needs no encoding.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `text` as a value in a query string: everything except letters, digits and `-._~`
/// becomes `%XX`, so that it cannot end the value or begin another.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(rhost: &str) -> LoginContext {
        LoginContext {
            service: "sshd".into(),
            rhost: Some(rhost.into()),
            ..LoginContext::default()
        }
    }

    #[test]
    fn only_an_address_is_one() {
        let address = |rhost| from(rhost).address().map(|address| address.to_string());
        for (rhost, expected) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("::FFFF:c000:207", Some("192.0.2.7")),
            ("2001:DB8:0::1", Some("2001:db8::1")),
            ("fe80::1%eth0", Some("fe80::1")),
            ("localhost", None),
            ("", None),
            ("1", None),
            ("192.0.2.07", None),
            ("192.0.2.7:22", None),
            ("[::1]", None),
            ("192.0.2.7%eth0", None),
            ("fe80::1%", None),
            ("fe80::1%a\r\nX: y", None),
            (" 192.0.2.7", None),
        ] {
            assert_eq!(address(rhost).as_deref(), expected, "{rhost:?}");
        }
    }

    #[test]
    fn a_value_stays_a_value() {
        let mut context = from("a.example");
        context.user = Some("a&next=//evil;%26".into());
        context.tty = Some("/dev/pts/0".into());
        assert_eq!(
            context.query(),
            "pam_service=sshd&pam_rhost=a.example&pam_tty=%2Fdev%2Fpts%2F0"
        );
        context.user = Some("a&next=evil".into());
        assert!(context.query().contains("&pam_user=a%26next%3Devil&"));
    }

    #[test]
    fn a_value_that_is_not_a_name_is_left_out_and_not_cut() {
        for rhost in ["a&next=x", "a b", "a\nb", "\u{430}", "<script>", "'--"] {
            assert_eq!(from(rhost).query(), "pam_service=sshd", "{rhost:?}");
        }
        assert!(from(&"a".repeat(255)).query().contains("pam_rhost"));
        assert_eq!(from(&"a".repeat(256)).query(), "pam_service=sshd");
    }
}
