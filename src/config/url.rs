//! The address of authentik, and of the proxy.
//!
//! [`Uri`] reads an address here, and in the HTTP client, so both see the same host and
//! port. `Uri` accepts more than this file allows. It silently drops a fragment and a
//! port that is not a number, and it does not check names or paths: this file does.

use super::read::{FromToml, Mistake, Written, parsed};
use ureq::http::Uri;
use ureq::http::uri::Authority;

/// The address of the authentik server: https, a host, a port, and a path prefix if
/// authentik is below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    host: String,
    port: u16,
    prefix: String,
}

const EXAMPLE: &str = "write url = \"https://authentik.example.com\"";
const PROXY_EXAMPLE: &str = "write proxy = \"http://proxy.example.com:3128\"";

impl ServerUrl {
    /// Reads an address as an administrator writes it.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead. Only https is allowed, on
    /// loopback too: any local user can bind a port whose server is down.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri = read(text, "https", EXAMPLE)?;
        let (host, port) = host_and_port(&uri, EXAMPLE)?;
        if uri.query().is_some() || text.contains('#') {
            return Err(format!("must end with the path, without ? or #; {EXAMPLE}"));
        }
        let prefix = uri.path().trim_end_matches('/');
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        let mut parts = prefix.split('/').skip(1);
        if parts.any(|part| matches!(part, "" | "." | "..") || !part.chars().all(allowed)) {
            return Err(format!(
                "the path {prefix:?} may hold letters, digits and -._~ between single slashes; {EXAMPLE}"
            ));
        }
        Ok(Self {
            host,
            port: port.unwrap_or(443),
            prefix: prefix.to_owned(),
        })
    }

    /// The host: a DNS name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 443 by default.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path before `/api`: empty, or a slash and more, without a slash at the end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Scheme, host and port, as a browser would name the origin.
    #[must_use]
    pub fn origin(&self) -> String {
        match self.port {
            443 => format!("https://{}", self.host),
            port => format!("https://{}:{port}", self.host),
        }
    }
}

impl std::fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.origin(), self.prefix)
    }
}

/// Reads an address that begins with `scheme`.
fn read(text: &str, scheme: &str, example: &str) -> Result<Uri, String> {
    if !text.is_ascii() {
        return Err("write the host's name in its ASCII form (xn--…)".into());
    }
    let given = text.split_once("://").map(|(given, _)| given);
    match given.map(str::to_ascii_lowercase).as_deref() {
        Some(given) if given == scheme => {}
        Some("http") => return Err(format!("only https is used, never http; {example}")),
        _ => return Err(format!("must begin with {scheme}://; {example}")),
    }
    text.parse()
        .map_err(|error| format!("is no address ({error}); {example}"))
}

/// The host in lower case, and the port if there is one.
fn host_and_port(uri: &Uri, example: &str) -> Result<(String, Option<u16>), String> {
    let authority = uri.authority().map_or("", Authority::as_str);
    if authority.contains('@') {
        return Err(format!("must not hold a user name or password; {example}"));
    }
    let host = uri.host().unwrap_or_default();
    check_host(host, example)?;
    let port = match authority.strip_prefix(host) {
        Some("") => None,
        Some(rest) => {
            let port = rest.strip_prefix(':').unwrap_or(rest);
            // The standard library would also accept "+443".
            let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
            match port.parse::<u16>() {
                Ok(number) if is_number && number > 0 => Some(number),
                _ => {
                    return Err(format!(
                        "{port:?} is no port: write a number from 1 to 65535, or leave it out"
                    ));
                }
            }
        }
        None => return Err(format!("{authority:?} is no host; {example}")),
    };
    Ok((host.to_ascii_lowercase(), port))
}

fn check_host(host: &str, example: &str) -> Result<(), String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return match inner.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{inner:?} is no IPv6 address; {example}")),
        };
    }
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    if host.len() <= 253 && name.split('.').all(label_ok) {
        Ok(())
    } else {
        Err(format!("{host:?} is no host name; {example}"))
    }
}

/// A proxy between the host and authentik. It is asked with CONNECT, so it sees the
/// server's name and nothing of the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    host: String,
    port: u16,
}

impl ProxyUrl {
    /// Reads `http://HOST:PORT`.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let uri = read(text, "http", PROXY_EXAMPLE)?;
        let (host, port) = host_and_port(&uri, PROXY_EXAMPLE)?;
        if uri.query().is_some() || text.contains('#') || !matches!(uri.path(), "" | "/") {
            return Err(format!(
                "holds a host and a port and nothing else; {PROXY_EXAMPLE}"
            ));
        }
        let port = port.ok_or_else(|| format!("needs the port; {PROXY_EXAMPLE}"))?;
        Ok(Self { host, port })
    }

    /// The host, an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromToml for ProxyUrl {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, |text| {
            Self::parse(text).map_err(|problem| format!("proxy: {problem}"))
        })
    }
}

impl FromToml for ServerUrl {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, |text| {
            Self::parse(text).map_err(|problem| format!("url: {problem}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_administrators_write_them() {
        let url = ServerUrl::parse("https://Auth.Example.com/").unwrap();
        assert_eq!(url.to_string(), "https://auth.example.com");
        assert_eq!(
            (url.host(), url.port(), url.prefix()),
            ("auth.example.com", 443, "")
        );
        let url = ServerUrl::parse("https://[::1]:9443/sso/authentik/").unwrap();
        assert_eq!(url.to_string(), "https://[::1]:9443/sso/authentik");
        assert_eq!(
            (url.host(), url.port(), url.prefix()),
            ("[::1]", 9443, "/sso/authentik")
        );
        assert_eq!(
            ServerUrl::parse("https://localhost:443").unwrap().origin(),
            "https://localhost"
        );
    }

    #[test]
    fn a_proxy_has_a_port_and_no_secret() {
        let proxy = ProxyUrl::parse("http://Proxy.example:3128/").unwrap();
        assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
        assert!(ProxyUrl::parse("http://[::1]:3128").is_ok());
        for text in [
            "proxy:3128",
            "https://p:1",
            "socks5://p:1",
            "http://p",
            "http://[::1]",
            "http://u:p@p:1",
            "http://p:1/x",
        ] {
            assert!(ProxyUrl::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn an_unsafe_or_ambiguous_address_is_refused() {
        for text in [
            "",
            "authentik.example.com",
            "http://a.example",
            "HTTP://a.example",
            "http://localhost:9000",
            "http://127.0.0.1:9000",
            "http://[::1]:9000",
            "HTTP://a.example",
            "ftp://a",
            "https://",
            "https:///x",
            "https://user@a.example",
            "https://u:p@a.example/",
            "https://a.example/?x",
            "https://a.example/#x",
            "https://a.example/../x",
            "https://a.example/a//b",
            "https://a.example/a%2fb",
            "https://a b",
            "https://a.example:0",
            "https://a.example:65536",
            "https://a.example:x",
            "https://a.example:",
            "https://a.example:+443",
            "https://a.example:443:443",
            "https://ä.example",
            "https://[::1",
            "https://[1.2.3.4]",
            "https://-a.example",
            "https://a..b",
            "https://a.example\n",
            "https://a.example\\@b.example",
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_mistake_is_named() {
        for (text, part) in [
            ("authentik.example.com", "must begin with https://"),
            ("HTTP://a.example", "only https is used"),
            ("https://", "is no address"),
            ("https://a b", "is no address"),
            ("https://u:p@a.example", "user name or password"),
            ("https://a.example/#x", "without ? or #"),
            ("https://a.example/?x", "without ? or #"),
            ("https://a.example/a//b", "between single slashes"),
            ("https://a.example:x", "\"x\" is no port"),
            ("https://a.example:65536", "\"65536\" is no port"),
            ("https://ä.example", "xn--"),
            ("https://[1.2.3.4]", "is no IPv6 address"),
            ("https://a..b", "\"a..b\" is no host name"),
        ] {
            let problem = ServerUrl::parse(text).unwrap_err();
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }

    /// The client reads the same from a request's address as this file.
    #[test]
    fn the_client_reads_the_same_host_and_port() {
        for text in [
            "https://Auth.Example.com/",
            "https://[::1]:9443/sso/authentik/",
            "https://localhost:443",
            "https://192.0.2.1:8443",
        ] {
            let url = ServerUrl::parse(text).unwrap();
            let uri: Uri = format!("{url}/api/v3/").parse().unwrap();
            assert_eq!(uri.host(), Some(url.host()));
            assert_eq!(uri.port_u16().unwrap_or(443), url.port());
            assert_eq!(uri.path(), format!("{}/api/v3/", url.prefix()));
        }
    }
}
