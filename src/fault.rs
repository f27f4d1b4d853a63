//! What goes wrong between this host and the server.
//!
//! A fault only says what happened. Whether authentik is *unavailable* is another
//! question, which only [`crate::http::Unavailable`] answers.

use crate::config::ConfigError;

/// How the server, or the connection to it, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerFault {
    /// The server's name did not resolve.
    #[error("the name of the authentik server does not resolve: {0}")]
    Dns(String),
    /// An answer came from a cache: it is older than the request.
    #[error(
        "the answer is {0} s old and came from a cache; no proxy in front of authentik may cache its answers"
    )]
    Stale(u64),
    /// No connection, or a broken one.
    #[error("no connection to the authentik server: {0}")]
    Connection(String),
    /// The server, or something on the way, closed the connection.
    #[error("no connection to the authentik server: the server closed it")]
    Closed,
    /// The server's certificate is not acceptable; the text says why.
    #[error("the authentik server's TLS certificate was refused: {0}")]
    Certificate(String),
    /// The bundle of trusted certificates is damaged, which was seen when a server's
    /// certificate had to be checked against all of it.
    #[error("{0}")]
    TrustedRoots(ConfigError),
    /// The TLS handshake failed for another reason.
    #[error("the TLS handshake with the authentik server failed: {0}")]
    Tls(String),
    /// This host has no descriptor or no memory left for a connection.
    #[error("no connection, because this host failed: {0}")]
    Host(String),
    /// A limit of the configuration passed.
    #[error("the authentik server took longer than {0}")]
    Timeout(&'static str),
    /// Something failed, and the process was stopped meanwhile: a limit passed, or
    /// the server closed a connection on which nothing came.
    #[error("{0}, but the process was stopped meanwhile")]
    Stopped(String),
    /// `login_timeout` passed, for whatever reason.
    #[error("the login took longer than login_timeout")]
    LoginTimeout,
    /// A status that the executor never sends.
    #[error("the authentik server answered with HTTP status {0}")]
    Status(u16),
    /// An answer that does not follow the executor's protocol.
    #[error("the authentik server's answer makes no sense: {0}")]
    UnexpectedAnswer(String),
    /// `ak-stage-flow-error`: a stage that crashed, a refused request, or throttling.
    #[error("authentik reported a flow error; its log has the request id")]
    FlowError,
    /// Status 429, or an answer that asks to come back later.
    #[error("authentik, or a proxy in front of it, throttles this host's requests")]
    Throttled,
    /// The proxy refused to connect.
    #[error("the proxy refused to connect to authentik: {0}")]
    ProxyRefused(String),
    /// The server says that it is starting.
    #[error("authentik is starting")]
    NotReady,
}
