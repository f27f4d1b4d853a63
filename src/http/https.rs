//! The client of one authentik server: whom it trusts, by which way it goes, and its
//! limits.

use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config as AgentConfig;
use ureq::http::HeaderValue;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::bounded::{BoundedConnector, RequestDeadline};
use super::connect::{AttemptLog, RecordingTcpConnector};
use super::credentials::{Credentials, Session};
use super::headers::{header_value, header_word};
use super::resolver::{OnceResolver, Peer};
use super::tls::{MAX_HEAD_BYTES, TlsConnector};
use super::token::{self, Outpost};
use super::transport::{Answer, RequestError};
use super::trust::{self, TrustedRoots};
use crate::audit::Trace;
use crate::config::{AbsolutePath, Config, ConfigError, Place, ServerUrl};
use crate::deadline::Deadline;
use crate::login_context::LoginContext;
use crate::text;

/// A connection that has idled this long is not used again.
///
/// Servers and proxies close idle connections, some after two seconds, and a
/// person takes longer than that to type. A POST that met a closed connection
/// could not be sent again: nobody would know whether the first had arrived.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// What is left at least for a request after all others, such as the end of the
/// session of a login that took too long.
const LEAST: Duration = Duration::from_secs(1);

/// What a TCP connection keeps for reading. An answer's head that a proxy gives
/// before TLS must fit. ureq's own 128 KiB, four times over, cost more to fill and to
/// wipe than all of HTTP.
const TCP_BUFFER_BYTES: usize = 8 * 1024;

/// Requests to one authentik server, for one login or one look-up.
pub struct HttpsTransport {
    pub(super) agent: Agent,
    pub(super) url: ServerUrl,
    pub(super) origin: HeaderValue,
    pub(super) referer: HeaderValue,
    pub(super) user_agent: HeaderValue,
    pub(super) language: Option<HeaderValue>,
    pub(super) credentials: Credentials,
    /// Whether an answer was sent, so that the session may be somebody's.
    pub(super) has_answered: bool,
    /// The `Date` of the last answer.
    pub(super) server_date: Option<String>,
    /// Whether no request was made yet. Only then may a failure prove that the
    /// server is unavailable, and only if the deadline has seen no answer: from the
    /// moment something was typed nothing proves it.
    pub(super) may_prove: bool,
    pub(super) peer: Arc<Peer>,
    pub(super) has_proxy: bool,
    pub(super) attempts: AttemptLog,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) deadline: Deadline,
    pub(super) request_deadline: RequestDeadline,
    pub(super) trace: Trace,
}

impl HttpsTransport {
    /// Prepares the requests of a person's login; nothing is sent yet.
    ///
    /// The service and the host of `context` go into the `User-Agent`, which
    /// authentik shows beside the session, and its address goes with each request,
    /// where `[outpost]` has a token for it.
    ///
    /// # Errors
    /// Where the certificates to trust, or a token, cannot be read.
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

    /// Prepares the requests of a login with an outpost's token that is wrong on
    /// purpose, to see that authentik refuses it.
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

    /// Prepares requests in the name of the service account whose token is in
    /// `token_file`, without any session.
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
        let agent_config = AgentConfig::builder()
            .https_only(true)
            // Without this ureq takes a proxy from the caller's variables.
            .proxy(proxy(config)?)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(config.connect_timeout))
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
        let resolver = OnceResolver::new(Arc::clone(&peer), config.connect_timeout);
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
            server_date: None,
            may_prove: true,
            peer,
            has_proxy: config.proxy.is_some(),
            attempts,
            connect_timeout: config.connect_timeout,
            request_timeout: config.request_timeout,
            deadline,
            request_deadline,
            trace,
        })
    }

    /// Whether the session may be somebody's by now: an answer was sent in it.
    #[must_use]
    pub fn has_answered(&self) -> bool {
        self.has_answered
    }

    /// What time it is by the last answer, in the server's own words.
    #[must_use]
    pub fn server_date(&self) -> Option<&str> {
        self.server_date.as_deref()
    }

    /// Hangs up and keeps the session, where there may be one: between two calls
    /// of libpam no descriptor stays open.
    #[must_use]
    pub fn into_session(self) -> Option<Session> {
        self.credentials.into_session()
    }

    /// Goes on with a session of an earlier call.
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

    /// Asks for `path` as [`Transport::get`] does, and waits no longer than `limit`
    /// and than what is left of the login; a second where nothing is left.
    ///
    /// # Errors
    /// As [`Transport::get`].
    pub fn get_within(&mut self, path: &str, limit: Duration) -> Result<Answer, RequestError> {
        let limit = self.deadline.remaining().clamp(LEAST.min(limit), limit);
        self.deadline = self.deadline.part(limit);
        self.request(path, None, limit.min(self.request_timeout))
    }
}

/// The proxy of the configuration, and of nothing else.
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
