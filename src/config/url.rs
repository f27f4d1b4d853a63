//! Where authentik is.

use serde::de::{Deserialize, Deserializer, Error};

/// The address of the authentik server: https, a host, a port, and a path
/// prefix where authentik lives below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    host: String,
    port: u16,
    prefix: String,
}

const EXAMPLE: &str = "write url = \"https://authentik.example.com\"";

impl ServerUrl {
    /// Reads an address as an administrator writes it.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead. Only https is taken, on
    /// loopback too: any local user can bind a port whose server is down.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("http://") {
            return Err(format!("only https is used, never http; {EXAMPLE}"));
        }
        let Some(rest) = lower
            .starts_with("https://")
            .then(|| text.get("https://".len()..))
            .flatten()
        else {
            return Err(format!("must begin with https://; {EXAMPLE}"));
        };
        let (authority, path) = rest.split_once('/').map_or((rest, ""), |(a, p)| (a, p));
        if authority.contains('@') {
            return Err(format!("must not hold a user name or password; {EXAMPLE}"));
        }
        if rest.contains(['?', '#']) {
            return Err(format!("must end with the path, without ? or #; {EXAMPLE}"));
        }
        let (host, port) = split_port(authority)?;
        check_host(host)?;
        let prefix = path.trim_end_matches('/');
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        if !prefix.chars().all(allowed)
            || prefix
                .split('/')
                .any(|part| part == "." || part == ".." || (part.is_empty() && !prefix.is_empty()))
        {
            return Err(format!(
                "the path {prefix:?} may hold letters, digits and -._~ between single slashes; {EXAMPLE}"
            ));
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
            prefix: if prefix.is_empty() {
                String::new()
            } else {
                format!("/{prefix}")
            },
        })
    }

    /// The host: a DNS name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 443 where none was written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path in front of `/api`: empty, or a slash and more, without a slash at the end.
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

fn split_port(authority: &str) -> Result<(&str, u16), String> {
    let bracket_end = authority.rfind(']').unwrap_or(0);
    match authority.rfind(':') {
        Some(colon) if colon >= bracket_end => {
            let (host, port) = authority.split_at(colon);
            let port = port.trim_start_matches(':');
            match port.parse::<u16>() {
                Ok(number) if number > 0 => Ok((host, number)),
                _ => Err(format!(
                    "{port:?} is no port: write a number from 1 to 65535, or leave it out"
                )),
            }
        }
        _ => Ok((authority, 443)),
    }
}

fn check_host(host: &str) -> Result<(), String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return match inner.parse::<std::net::Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{inner:?} is no IPv6 address; {EXAMPLE}")),
        };
    }
    if !host.is_ascii() {
        return Err("write the host's name in its ASCII form (xn--…)".into());
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
        Err(format!("{host:?} is no host name; {EXAMPLE}"))
    }
}

/// A proxy in front of the way to authentik, asked with CONNECT, so that it
/// sees the host's name and nothing of what travels.
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
        const EXAMPLE: &str = "write proxy = \"http://proxy.example.com:3128\"";
        let Some(authority) = text.strip_prefix("http://") else {
            return Err(format!("must begin with http://; {EXAMPLE}"));
        };
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['@', '/', '?', '#']) {
            return Err(format!(
                "holds a host and a port and nothing else; {EXAMPLE}"
            ));
        }
        if authority
            .rfind(':')
            .is_none_or(|colon| colon < authority.rfind(']').unwrap_or(0))
        {
            return Err(format!("needs the port; {EXAMPLE}"));
        }
        let (host, port) = split_port(authority)?;
        check_host(host)?;
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
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

impl<'de> Deserialize<'de> for ProxyUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|problem| D::Error::custom(format!("proxy: {problem}")))
    }
}

impl<'de> Deserialize<'de> for ServerUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|problem| D::Error::custom(format!("url: {problem}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_administrators_write() {
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
            assert!(ProxyUrl::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn refuses_what_would_be_guessed_at() {
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
            "https://ä.example",
            "https://[::1",
            "https://[1.2.3.4]",
            "https://-a.example",
            "https://a..b",
            "https://a.example\n",
            "https://a.example\\@b.example",
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
