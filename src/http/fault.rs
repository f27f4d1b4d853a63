//! Turns ureq's errors into messages that an administrator can act on.

use rustls::{AlertDescription, OtherError};
use ureq::{Error, Timeout};

use super::provider::NEEDED;
use crate::config::ConfigError;
use crate::fault::ServerFault;
use crate::host::is_host_failure;
use crate::text;

/// The longest text of a fault, in bytes.
const MAX_TEXT: usize = 200;

/// Says what failed. `login_is_over` says whether the deadline of the whole login has
/// passed, not only that of the request.
pub(super) fn server_fault(error: &Error, login_is_over: bool) -> ServerFault {
    match error {
        Error::Timeout(_) if login_is_over => ServerFault::LoginTimeout,
        Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
            ServerFault::Timeout("connect_timeout")
        }
        Error::Timeout(_) => ServerFault::Timeout("request_timeout"),
        Error::HostNotFound => {
            ServerFault::Dns("check the host in `url`, and this host's name servers".into())
        }
        Error::Rustls(error) => tls(error),
        Error::Tls(text) => ServerFault::Tls((*text).into()),
        Error::Io(error) => match tls_inside(error) {
            Some(error) => tls(error),
            None if is_host_failure(error) || HostTrouble::is_inside(error) => {
                ServerFault::Host(error.to_string())
            }
            None if is_timeout(error) && login_is_over => ServerFault::LoginTimeout,
            None if is_timeout(error) => ServerFault::Timeout("request_timeout"),
            None if is_closed(error) => ServerFault::Closed,
            None => ServerFault::Connection(text::one_line(&error.to_string(), MAX_TEXT)),
        },
        Error::ConnectProxyFailed(answer) => {
            ServerFault::ProxyRefused(text::one_line(answer, MAX_TEXT))
        }
        Error::ConnectionFailed => ServerFault::Connection("no address answered".into()),
        Error::BodyExceedsLimit(_) => {
            ServerFault::UnexpectedAnswer("the answer is too large".into())
        }
        Error::Protocol(_) | Error::Http(_) | Error::LargeResponseHeader(..) => {
            ServerFault::UnexpectedAnswer(text::one_line(
                &format!("not valid HTTP: {error}"),
                MAX_TEXT,
            ))
        }
        other => ServerFault::Connection(text::one_line(&other.to_string(), MAX_TEXT)),
    }
}

/// A failure of this host that has no errno.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct HostTrouble(String);

impl HostTrouble {
    /// The error as ureq passes it on.
    pub(super) fn error(problem: String) -> Error {
        Error::Io(std::io::Error::other(Self(problem)))
    }

    fn is_inside(error: &std::io::Error) -> bool {
        error
            .get_ref()
            .is_some_and(|inner| inner.downcast_ref::<Self>().is_some())
    }
}

/// Whether the look-up of the server's name gave no address, because there is none or
/// because no name server answered. Never true if this host itself failed.
pub(super) fn is_about_the_name(error: &Error) -> bool {
    matches!(
        error,
        Error::HostNotFound | Error::Timeout(Timeout::Resolve)
    )
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock
    )
}

fn is_closed(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as K;
    matches!(
        error.kind(),
        K::UnexpectedEof | K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe
    )
}

/// An error of rustls arrives wrapped in an I/O error.
fn tls_inside(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}

/// What is said where something answers that is not TLS.
const NOT_TLS: &str = "the server does not speak TLS, so this may be a port of plain HTTP; write the port of HTTPS into `url`";

fn tls(error: &rustls::Error) -> ServerFault {
    // The verifier says this if it cannot read the bundle. It is no verdict on the server.
    if let rustls::Error::Other(OtherError(error)) = error {
        if let Some(error) = error.downcast_ref::<ConfigError>() {
            return ServerFault::TrustedRoots(error.clone());
        }
    }
    let rustls::Error::InvalidCertificate(reason) = error else {
        if matches!(error, rustls::Error::InvalidMessage(_)) {
            return ServerFault::Tls(NOT_TLS.into());
        }
        let mut words = text::one_line(&error.to_string(), MAX_TEXT);
        if has_nothing_in_common(error) {
            words.push_str("; let the server offer ");
            words.push_str(NEEDED);
        }
        if matches!(
            error,
            rustls::Error::AlertReceived(AlertDescription::HandshakeFailure)
        ) {
            words.push_str(", and set `client_cert` if it asks for one");
        }
        return ServerFault::Tls(words);
    };
    match why_not_acceptable(reason) {
        Some(advice) => ServerFault::Certificate(advice.into()),
        None if has_nothing_in_common(error) => ServerFault::Tls(format!(
            "its certificate is signed in a way that is not supported; let the server offer {NEEDED}"
        )),
        None => ServerFault::Tls(text::one_line(&reason.to_string(), MAX_TEXT)),
    }
}

/// Whether the handshake may have failed because the server and the module have no
/// version, cipher suite, key exchange or signature algorithm in common.
fn has_nothing_in_common(error: &rustls::Error) -> bool {
    use rustls::CertificateError as C;
    match error {
        rustls::Error::PeerIncompatible(_) => true,
        rustls::Error::AlertReceived(alert) => matches!(
            alert,
            AlertDescription::HandshakeFailure
                | AlertDescription::InsufficientSecurity
                | AlertDescription::ProtocolVersion
        ),
        rustls::Error::InvalidCertificate(reason) => matches!(
            reason,
            C::UnsupportedSignatureAlgorithmContext { .. }
                | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
        ),
        _ => false,
    }
}

/// Why a certificate is not acceptable, if it was read and judged. One that could not be
/// read may have been damaged on the way.
fn why_not_acceptable(reason: &rustls::CertificateError) -> Option<&'static str> {
    use rustls::CertificateError as C;
    Some(match reason {
        C::Expired | C::ExpiredContext { .. } => {
            "it has expired; renew it, or check this host's clock"
        }
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "it is not valid yet; check this host's clock"
        }
        C::NotValidForName | C::NotValidForNameContext { .. } => {
            "it is for another name than the host in `url`"
        }
        C::UnknownIssuer => {
            "it was issued by a CA that is not trusted here; name that CA's certificate with `ca_file`"
        }
        C::Revoked => "it is revoked",
        C::BadSignature => {
            "its signature does not match the CA that is trusted here; was the CA created again? name the new CA's certificate with `ca_file`"
        }
        C::InvalidPurpose | C::InvalidPurposeContext { .. } => "it is not for servers",
        // webpki says this if a server shows a CA certificate as its own.
        C::Other(inner) if format!("{inner:?}").contains("CaUsedAsEndEntity") => {
            "the server shows a self-signed certificate of a CA as its own; give the server a certificate that a CA has issued, and name that CA with `ca_file`"
        }
        _ => return None,
    })
}
