//! HTTPS to one server: trust, limits, cookies, and redirects that are judged
//! and never followed here.

mod answer;
mod bounded;
mod bundle;
mod connect;
mod cookies;
mod credentials;
mod fault;
mod headers;
mod name_servers;
mod names;
mod provider;
mod resolver;
mod tls;
mod token;
mod transport;
mod trust;
mod unavailable;
mod unrepeated;
mod verifier;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::config::Config as AgentConfig;
use ureq::http::{HeaderValue, Response as HttpResponse, header};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector};
use ureq::{Agent, Body, Proxy, ProxyProtocol, RequestBuilder};
use zeroize::Zeroizing;

use crate::audit::Trace;
use crate::config::{AbsolutePath, Config, ConfigError, Place, ServerUrl};
use crate::deadline::Deadline;
use crate::fault::ServerFault;
use crate::login_context::LoginContext;
use crate::sys::StopWatch;
use crate::text;
pub use answer::judge_redirect;
use answer::{fault_of_age, says_it_is_starting};
use bounded::{BoundedConnector, RequestDeadline};
use connect::{AttemptLog, NotingTcpConnector};
pub use cookies::Cookies;
use credentials::Credentials;
pub use credentials::Session;
use headers::{header_value, header_word};
pub use provider::provider;
use resolver::{OnceResolver, Peer};
use tls::TlsConnector;
use token::Outpost;
pub use transport::{Age, Answer, Redirect, RequestError, Transport};
pub use trust::{TrustedRoots, trusted_roots};
pub use unavailable::Unavailable;
use unavailable::{Connection, Evidence, prove};
pub use unrepeated::unrepeated;
pub use verifier::ServerVerifier;

/// A connection that has idled this long is not used again.
///
/// Servers and proxies close idle connections, some after two seconds, and a
/// person takes longer than that to type. A POST that met a closed connection
/// could not be sent again: nobody would know whether the first had arrived.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// What is left at least for a request after all others, such as the end of the
/// session of a login that took too long.
const LEAST: Duration = Duration::from_secs(1);

/// The largest head of an answer that is read.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// What each connection keeps for reading, once for TCP and once for TLS. A
/// head must fit, and one that is too large be seen to be. ureq's own 128 KiB,
/// four times over, cost more to fill and to wipe than all of HTTP.
const INPUT_BUFFER_BYTES: usize = MAX_HEAD_BYTES + 1024;
/// The same for writing: a request's head must fit, with all its cookies.
const OUTPUT_BUFFER_BYTES: usize = 16 * 1024;

/// The header of authentik's protection against forged requests.
const CSRF_HEADER: &str = "x-authentik-csrf";

/// Requests to one authentik server, for one login or one look-up.
pub struct HttpsTransport {
    agent: Agent,
    url: ServerUrl,
    origin: HeaderValue,
    referer: HeaderValue,
    user_agent: HeaderValue,
    language: Option<HeaderValue>,
    credentials: Credentials,
    /// Whether an answer was sent, so that the session may be somebody's.
    has_answered: bool,
    /// The `Date` of the last answer.
    server_date: Option<String>,
    /// Whether no request was made yet. Only then may a failure prove that the
    /// server is unavailable, and only if the deadline has seen no answer: from the
    /// moment something was typed nothing proves it.
    may_prove: bool,
    peer: Arc<Peer>,
    has_proxy: bool,
    attempts: AttemptLog,
    connect_timeout: Duration,
    request_timeout: Duration,
    deadline: Deadline,
    request_deadline: RequestDeadline,
    trace: Trace,
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
            .input_buffer_size(INPUT_BUFFER_BYTES)
            .output_buffer_size(OUTPUT_BUFFER_BYTES)
            .accept("application/json")
            .build();
        let request_deadline = RequestDeadline::new();
        let attempts = AttemptLog::default();
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(NotingTcpConnector::new(attempts.clone()))
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
    pub fn go_on(
        session: Session,
        config: &Config,
        context: &LoginContext,
        deadline: Deadline,
        trace: Trace,
    ) -> Result<Self, ConfigError> {
        let mut transport = Self::for_login(config, context, deadline, trace)?;
        transport.credentials.go_on(session);
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

    fn request(
        &mut self,
        path: &str,
        body: Option<&[u8]>,
        limit: Duration,
    ) -> Result<Answer, RequestError> {
        let is_first = std::mem::replace(&mut self.may_prove, false);
        let may_prove = is_first && !self.deadline.is_answered();
        let left = self.deadline.remaining();
        if left.is_zero() {
            return Err(ServerFault::LoginTimeout.into());
        }
        let timeout = left.min(limit);
        let target = format!("{}{path}", self.url);
        let watch = StopWatch::begin();
        self.request_deadline.begin(timeout);
        self.attempts.clear();
        let begun = Instant::now();
        let result = match body {
            None => {
                let request = self
                    .agent
                    .get(&target)
                    .config()
                    .timeout_global(Some(timeout))
                    .build();
                self.with_headers(request).call()
            }
            Some(body) => {
                let request = self
                    .agent
                    .post(&target)
                    .config()
                    .timeout_global(Some(timeout))
                    .build();
                let request = self
                    .with_headers(request)
                    .header(header::CONTENT_TYPE, "application/json")
                    .header(header::ORIGIN, self.origin.clone())
                    .header(header::REFERER, self.referer.clone());
                self.has_answered = true;
                match self.credentials.csrf_token() {
                    Some(token) => request.header(CSRF_HEADER, token).send(body),
                    None => request.send(body),
                }
            }
        };
        let answer = result.and_then(|response| self.read(path, response));
        let took = begun.elapsed();
        let was_stopped = watch.was_stopped();
        drop(watch);
        let answer = self.judge(answer, begun, may_prove && !was_stopped, was_stopped);
        let method = if body.is_some() { "POST" } else { "GET" };
        let outcome = match &answer {
            Ok(answer) => Ok((answer.status, answer.body.len())),
            Err(error) => Err(error.fault()),
        };
        self.trace.request(method, path, took, outcome);
        answer
    }

    /// Makes of ureq's result what is known of the server.
    fn judge(
        &self,
        result: Result<Answer, ureq::Error>,
        begun: Instant,
        may_prove: bool,
        was_stopped: bool,
    ) -> Result<Answer, RequestError> {
        let (evidence, fault, request_id) = match &result {
            Ok(answer) => {
                if let Some(fault) = fault_of_age(answer, begun.elapsed()) {
                    return Err(fault.into());
                }
                let evidence = Evidence::of_answer(answer);
                let fault = answer.fault_of_status();
                (evidence, fault, answer.request_id.clone())
            }
            Err(error) => {
                let mut fault = fault::server_fault(error, self.deadline.remaining().is_zero());
                if was_stopped {
                    fault = ServerFault::Stopped(fault.to_string());
                }
                let evidence = Evidence::of_error(error, &fault, &self.attempts.so_far());
                (evidence, fault, None)
            }
        };
        let proof = match evidence {
            Some(evidence) if may_prove => {
                let connection = Connection {
                    peer: &self.peer,
                    has_proxy: self.has_proxy,
                    limit: self.connect_timeout.min(self.deadline.remaining()),
                };
                Some(prove(evidence, &fault, request_id.clone(), &connection))
            }
            _ => None,
        };
        match (proof, result) {
            (Some(Ok(proof)), _) => Err(RequestError::Unavailable(proof)),
            // An answer that comes near to a proof is a failure all the same.
            (Some(Err(doubt)), _) => Err(RequestError::Failed {
                fault,
                doubt: Some(doubt),
                request_id,
            }),
            (None, Ok(answer)) => Ok(answer),
            (None, Err(_)) => Err(fault.into()),
        }
    }

    fn with_headers<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        let mut request = request
            .header(header::USER_AGENT, self.user_agent.clone())
            // The owner of the session must never come from a cache.
            .header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(language) = &self.language {
            request = request.header(header::ACCEPT_LANGUAGE, language.clone());
        }
        self.credentials.sign(request)
    }

    fn read(
        &mut self,
        path: &str,
        mut response: HttpResponse<Body>,
    ) -> Result<Answer, ureq::Error> {
        self.credentials.take_in(response.headers());
        let text_of = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        self.server_date = text_of("date");
        let status = response.status().as_u16();
        let redirect = text_of("location")
            .filter(|_| (300..400).contains(&status))
            .map(|location| judge_redirect(&self.url, path, &location));
        let is_json = text_of("content-type").is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        let asks_to_wait = response.headers().contains_key(header::RETRY_AFTER);
        let age = response
            .headers()
            .get_all(header::AGE)
            .iter()
            .map(|age| age.to_str().ok().and_then(|age| age.trim().parse().ok()))
            .map(|age| age.map_or(Age::Unknown, Age::Seconds))
            .max();
        let request_id = text_of("x-authentik-id").map(|id| text::one_line(&id, 64));
        let body = Zeroizing::new(
            response
                .body_mut()
                .with_config()
                .limit(Answer::MAX_BODY_BYTES)
                .read_to_vec()?,
        );
        Ok(Answer {
            status,
            redirect,
            request_id,
            is_json,
            asks_to_wait,
            is_starting: is_json && matches!(status, 200 | 503) && says_it_is_starting(&body),
            age,
            body,
        })
    }
}

impl Transport for HttpsTransport {
    fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        self.request(path, None, self.request_timeout)
    }

    fn post(
        &mut self,
        path: &str,
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<Answer, RequestError> {
        self.request(path, Some(body), limit.unwrap_or(self.request_timeout))
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
