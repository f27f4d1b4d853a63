//! The headers that tokens go into.

use std::net::IpAddr;
use std::path::Path;

use ureq::RequestBuilder;
use ureq::http::HeaderValue;
use zeroize::Zeroizing;

use super::credentials::Authorization;
use crate::config::{AbsolutePath, ConfigError, Place};
use crate::token_file::{TokenFault, read_token};

/// An outpost's token, and the client address that it vouches for.
pub(super) struct Outpost {
    token: HeaderValue,
    address: HeaderValue,
}

impl Outpost {
    /// Reads the token. `address` is the client's, if there is a client.
    ///
    /// # Errors
    /// If the file cannot be read, if others could have read or written it, or if it
    /// holds no token.
    pub(super) fn read(file: &AbsolutePath, address: Option<IpAddr>) -> Result<Self, ConfigError> {
        const ADVICE: &str = "; this program does not run as root: give it a flow that needs no outpost, and write enabled = false below [services.NAME.outpost], NAME being its file in /etc/pam.d";
        // authentik accepts an outpost's token only together with an address, and uses
        // the sender's address if that one is empty. A person at the console is where
        // the host is, so this is right.
        let address = address
            .map(|address| address.to_string())
            .unwrap_or_default();
        Ok(Self {
            token: read(file.as_path(), "", ADVICE)?,
            address: HeaderValue::from_str(&address).unwrap_or(HeaderValue::from_static("")),
        })
    }

    /// A token that no outpost has, with an address: it shows how a login with a revoked
    /// token would end.
    pub(super) fn forged() -> Self {
        Self {
            token: HeaderValue::from_static("wrong-on-purpose"),
            address: HeaderValue::from_static("192.0.2.1"),
        }
    }

    /// Adds the headers to a request of the person's session. Every such request needs
    /// them: without them, authentik takes the host's address for the person's. Then an
    /// application's policies judge the host, and a session that is bound to the
    /// person's network ends.
    pub(super) fn sign<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        request
            .header("x-authentik-remote-ip", self.address.clone())
            .header("x-authentik-outpost-token", self.token.clone())
    }
}

/// The value of `Authorization` with the token in `file`.
///
/// # Errors
/// As [`Outpost::read`].
pub(super) fn bearer(file: &AbsolutePath) -> Result<HeaderValue, ConfigError> {
    const ADVICE: &str =
        "; this program does not run as root: leave its service out of [account] services";
    read(file.as_path(), "Bearer ", ADVICE)
}

/// The value of `Authorization` with a token that no file holds.
///
/// # Errors
/// If it cannot be in a header.
pub(super) fn authorization(given: &Authorization<'_>) -> Result<HeaderValue, ConfigError> {
    value(given.token, &format!("{} ", given.scheme)).ok_or_else(|| {
        ConfigError::new(
            Place::Key("token"),
            "it is not one word of ASCII characters",
        )
    })
}

/// The token behind `prefix`, as a header's value that is never printed.
fn read(path: &Path, prefix: &str, without_root: &str) -> Result<HeaderValue, ConfigError> {
    let token = read_token(path).map_err(|fault| fault.at(path, without_root))?;
    value(&token, prefix).ok_or_else(|| TokenFault::NoToken.at(path, without_root))
}

/// A token behind `prefix`, as a header's value that is never printed; `None` if it cannot
/// be one.
fn value(token: &[u8], prefix: &str) -> Option<HeaderValue> {
    let mut line = Zeroizing::new(Vec::with_capacity(prefix.len().saturating_add(token.len())));
    line.extend_from_slice(prefix.as_bytes());
    line.extend_from_slice(token);
    let mut value = HeaderValue::from_bytes(&line).ok()?;
    value.set_sensitive(true);
    Some(value)
}
