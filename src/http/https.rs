//! The HTTPS client of one authentik server: trust, proxy, credentials and limits.

use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config as AgentConfig;
use ureq::http::HeaderValue;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::bounded::{BoundedConnector, RequestDeadline};
use super::connect::{AttemptLog, RecordingTcpConnector};
use super::credentials::{Authorization, Credentials, Session};
use super::headers::{header_value, header_word};
use super::resolver::{OnceResolver, Peer};
use super::tls::{MAX_HEAD_BYTES, TlsConnector};
use super::token::{self, Outpost};
use super::transport::{Answer, RequestError};
use super::trust::{self, TrustedRoots};
use crate::audit::Trace;
use crate::config::{AbsolutePath, Config, ConfigError, Place, Remember, ServerUrl};
use crate::deadline::Deadline;
use crate::login_context::LoginContext;
use crate::second_factor::{FactorCookie, Remembered};
use crate::text;

/// A connection that was idle this long is not used again.
///
/// Servers and proxies close idle connections, some after two seconds, and a person
/// takes longer than that to type. A POST on a connection that turns out to be closed
/// cannot be sent again, because nobody knows whether the first one arrived.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// The least time that the last request of a login gets, for example to end the session
/// of a login that took too long.
const LEAST: Duration = Duration::from_secs(1);

/// The read buffer of a TCP connection, in bytes. The head of a proxy's answer to CONNECT
/// must fit. ureq's default of 128 KiB, four times in a login, costs more to fill and to
/// wipe than the rest of HTTP together.
const TCP_BUFFER_BYTES: usize = 8 * 1024;

/// Sends requests to one authentik server, for one login or one look-up.
pub struct HttpsTransport {
    pub(super) agent: Agent,
    pub(super) url: ServerUrl,
    pub(super) origin: HeaderValue,
    pub(super) referer: HeaderValue,
    pub(super) user_agent: HeaderValue,
    pub(super) language: Option<HeaderValue>,
    pub(super) credentials: Credentials,
    /// Whether a challenge was answered, so that the session may be logged in.
    pub(super) has_answered: bool,
    /// Whether the cookie of an accepted second factor is kept, and the last one.
    pub(super) keeps_factor: bool,
    pub(super) factor: Option<FactorCookie>,
    /// The `Date` header of the last response.
    pub(super) server_date: Option<String>,
    /// Whether no request was made yet. Only then can a failure prove that the server is
    /// unavailable, and only if the person has typed nothing so far, which the deadline
    /// records.
    pub(super) may_prove: bool,
    pub(super) peer: Arc<Peer>,
    pub(super) has_proxy: bool,
    pub(super) attempts: AttemptLog,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    /// The longest that the first request may take.
    pub(super) first_request: Duration,
    pub(super) deadline: Deadline,
    pub(super) request_deadline: RequestDeadline,
    pub(super) trace: Trace,
}

impl HttpsTransport {
    /// Prepares the requests of a person's login. Nothing is sent yet.
    ///
    /// The service and the host name of `context` go into the `User-Agent`, which
    /// authentik shows beside the session. If `[outpost]` has a token, each request
    /// carries the client's address.
    ///
    /// # Errors
    /// If the trusted certificates or a token cannot be read.
    pub fn for_login(
        config: &Config,
        context: &LoginContext,
        deadline: Deadline,
        trace: Trace,
    ) -> Result<Self, ConfigError> {
        let file = config.outpost_token.as_ref();
        let outpost = file.map(|file| Outpost::read(file, context.address_to_tell()));
        let credentials = Credentials::new_session(outpost.transpose()?);
        Self::new(config, context, credentials, deadline, trace)
    }

    /// Prepares the requests of a login with a wrong outpost token, to check that
    /// authentik refuses it.
    ///
    /// # Errors
    /// As [`HttpsTransport::for_login`].
    pub fn with_forged_outpost(
        config: &Config,
        context: &LoginContext,
        deadline: Deadline,
        trace: Trace,
    ) -> Result<Self, ConfigError> {
        let credentials = Credentials::new_session(Some(Outpost::forged()));
        Self::new(config, context, credentials, deadline, trace)
    }

    /// Prepares requests of the service account whose token is in `token_file`. They
    /// have no session.
    ///
    /// # Errors
    /// As [`HttpsTransport::for_login`].
    pub fn for_lookup(
        config: &Config,
        token_file: &AbsolutePath,
        context: &LoginContext,
        deadline: Deadline,
        trace: Trace,
    ) -> Result<Self, ConfigError> {
        let credentials = Credentials::Bearer(token::bearer(token_file)?);
        Self::new(config, context, credentials, deadline, trace)
    }

    /// Prepares requests with a token that no file holds. They have no session.
    ///
    /// # Errors
    /// As [`HttpsTransport::for_login`], and if the token cannot be in a header.
    pub fn with_token(
        config: &Config,
        authorization: &Authorization<'_>,
        context: &LoginContext,
        deadline: Deadline,
        trace: Trace,
    ) -> Result<Self, ConfigError> {
        let credentials = Credentials::Bearer(token::authorization(authorization)?);
        Self::new(config, context, credentials, deadline, trace)
    }

    fn new(
        config: &Config,
        context: &LoginContext,
        credentials: Credentials,
        deadline: Deadline,
        trace: Trace,
    ) -> Result<Self, ConfigError> {
        let roots = TrustedRoots::read(config.ca_file.as_ref())?;
        let identity = config
            .client_cert
            .as_ref()
            .map(trust::client_certificate)
            .transpose()?;
        let tls = TlsConnector::new(config.url.host(), roots, identity).map_err(|error| {
            let reason = text::one_line(&error.to_string(), 120);
            ConfigError::new(Place::Key("client_cert"), reason)
        })?;
        let most = longest_first_request(config.login_timeout);
        let connect_timeout = config.connect_timeout.min(most);
        let agent_config = AgentConfig::builder()
            .https_only(true)
            // Without this, ureq takes a proxy from the caller's environment.
            .proxy(proxy(config)?)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(connect_timeout))
            .max_idle_age(MAX_IDLE)
            .max_idle_connections(1)
            .max_response_header_size(MAX_HEAD_BYTES)
            .input_buffer_size(TCP_BUFFER_BYTES)
            .output_buffer_size(TCP_BUFFER_BYTES)
            .accept("application/json")
            .build();
        let request_deadline = RequestDeadline::new();
        let attempts = AttemptLog::default();
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(RecordingTcpConnector::new(attempts.clone()))
                .chain(BoundedConnector(request_deadline.clone()))
                .chain(tls);
        let (peer, port) = match &config.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (config.url.host(), config.url.port()),
        };
        let peer = Arc::new(Peer::new(peer, port, &config.addresses));
        let resolver = OnceResolver::new(Arc::clone(&peer), connect_timeout);
        let url = config.url.clone();
        let agent = format!(
            "pam-authentik-flow/{} ({}; {})",
            env!("CARGO_PKG_VERSION"),
            header_word(&context.service),
            context.host,
        );
        Ok(Self {
            agent: Agent::with_parts(agent_config, connector, resolver),
            origin: header_value(&url.origin()),
            referer: header_value(&format!("{url}/")),
            user_agent: header_value(&agent),
            language: config
                .prompt
                .language
                .as_ref()
                .map(|language| header_value(language.as_str())),
            url,
            credentials,
            has_answered: false,
            keeps_factor: config.second_factor.remember == Remember::Session,
            factor: None,
            server_date: None,
            may_prove: true,
            peer,
            has_proxy: config.proxy.is_some(),
            attempts,
            connect_timeout,
            request_timeout: config.request_timeout,
            first_request: most,
            deadline,
            request_deadline,
            trace,
        })
    }

    /// Whether the session may be logged in by now: a challenge was answered in it.
    #[must_use]
    pub fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// Whether the server has given a session and not taken it back.
    #[must_use]
    pub fn has_session(&self) -> bool {
        self.credentials.has_session()
    }

    /// Sends a second factor that this login session remembers.
    pub fn remember(&mut self, remembered: &Remembered) {
        self.credentials.remember(remembered);
    }

    /// The second factor that the server has accepted in this login, if it says for how
    /// long, and the configuration says that it is remembered.
    #[must_use]
    pub fn take_factor(&mut self) -> Option<FactorCookie> {
        self.factor.take()
    }

    /// The server's time: the `Date` header of the last response.
    #[must_use]
    pub fn server_date(&self) -> Option<&str> {
        self.server_date.as_deref()
    }

    /// Closes the connection and keeps the session, if there may be one. No descriptor
    /// stays open between two calls of libpam.
    #[must_use]
    pub fn into_session(self) -> Option<Session> {
        self.credentials.into_session()
    }

    /// Continues the session of an earlier call.
    ///
    /// # Errors
    /// As [`HttpsTransport::for_login`].
    pub fn resume(
        session: Session,
        config: &Config,
        context: &LoginContext,
        deadline: Deadline,
        trace: Trace,
    ) -> Result<Self, ConfigError> {
        let mut transport = Self::for_login(config, context, deadline, trace)?;
        transport.credentials.resume(session);
        transport.has_answered = true;
        transport.may_prove = false;
        Ok(transport)
    }

    /// Asks for `path` as [`Transport::get`] does. It waits at most `limit`, and at most
    /// as long as the login may still take, but a second in any case.
    ///
    /// # Errors
    /// As [`Transport::get`].
    pub fn get_within(&mut self, path: &str, limit: Duration) -> Result<Answer, RequestError> {
        let limit = self.deadline.remaining().clamp(LEAST.min(limit), limit);
        self.deadline = self.deadline.nested(limit);
        self.request(path, None, limit.min(self.request_timeout))
    }
}

/// The longest that the first request of a login may take. If the time of the login passed
/// before, the silence of the server would prove nothing.
fn longest_first_request(login_timeout: Duration) -> Duration {
    login_timeout.saturating_sub(login_timeout.checked_div(4).unwrap_or_default())
}

/// The proxy from the configuration, the only source of one.
fn proxy(config: &Config) -> Result<Option<Proxy>, ConfigError> {
    let Some(proxy) = &config.proxy else {
        return Ok(None);
    };
    Proxy::builder(ProxyProtocol::Http)
        .host(proxy.host())
        .port(proxy.port())
        .build()
        .map(Some)
        .map_err(|error| {
            ConfigError::new(Place::Key("proxy"), text::one_line(&error.to_string(), 120))
        })
}
