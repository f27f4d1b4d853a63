//! What goes wrong between this host and the server.

/// How the server, or the way to it, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerFault {
    /// The server's name did not resolve.
    #[error("the name of the authentik server does not resolve: {0}")]
    Dns(String),
    /// No connection, or a broken one.
    #[error("no connection to the authentik server: {0}")]
    Connection(String),
    /// The server, or something on the way, closed the connection.
    #[error("no connection to the authentik server: the server closed it")]
    Closed,
    /// The TLS handshake failed; the text says what about the certificate.
    #[error("the authentik server's TLS certificate or handshake was refused: {0}")]
    Tls(String),
    /// This host has no descriptor or no memory left for a connection.
    #[error("no connection, for this host failed: {0}")]
    Host(String),
    /// A limit of the configuration passed.
    #[error("the authentik server took longer than {0}")]
    Timeout(&'static str),
    /// Something failed, and the process was stopped meanwhile: a limit passed, or
    /// the server closed a connection on which nothing came.
    #[error("{0}, but the process was stopped meanwhile")]
    Stopped(String),
    /// Time has passed in a set-uid program, whose caller can make it pass.
    #[error("{0}; but this program runs for its caller, who could have held it up")]
    HeldUp(String),
    /// `login_timeout` passed, for whatever reason.
    #[error("the login took longer than login_timeout")]
    LoginTimeout,
    /// A status that the executor does not give.
    #[error("the authentik server answered with HTTP status {0}")]
    Status(u16),
    /// An answer that is not what the executor says.
    #[error("the authentik server's answer makes no sense: {0}")]
    Nonsense(String),
    /// `ak-stage-flow-error`: a stage that crashed, a refused request, or throttling.
    #[error("authentik reported a flow error; its log has the request id")]
    FlowError,
    /// Status 429, or an answer that asks to come back later.
    #[error("authentik, or what is in front of it, throttles this host's requests")]
    Throttled,
    /// The proxy refused to connect.
    #[error("the proxy refused to connect to authentik: {0}")]
    ProxyRefused(String),
    /// The server is starting, as it says itself.
    #[error("authentik is not ready: {0}")]
    NotReady(String),
}

impl ServerFault {
    /// Whether nothing but time speaks for it: a limit passed, or a connection on
    /// which nothing was sent for long was closed.
    #[must_use]
    pub fn is_a_matter_of_time(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Closed)
    }

    /// Whether somebody at the prompt, or somebody who makes enough attempts from
    /// this host, can bring it about, whatever was sent.
    ///
    /// Rate limiters and application firewalls answer with a 4xx, or ask to come
    /// back later; so does authentik's throttling, which looks like any flow error.
    /// Time passes while somebody types, or while their process is stopped.
    #[must_use]
    pub fn may_be_a_persons_doing(&self) -> bool {
        match self {
            Self::FlowError
            | Self::Throttled
            | Self::ProxyRefused(_)
            | Self::LoginTimeout
            | Self::Stopped(_)
            | Self::HeldUp(_) => true,
            Self::Status(status) => (400..500).contains(status),
            _ => false,
        }
    }
}
