//! HTTPS to one server: trust, limits, cookies, and redirects that are judged
//! and never followed here.

mod bounded;
mod cookies;
mod fault;
mod resolver;
mod tls;
mod trust;

use std::time::{Duration, Instant};

use ureq::config::Config as AgentConfig;
use ureq::http::{HeaderValue, Response as HttpResponse, header};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Body, Proxy, ProxyProtocol};
use zeroize::Zeroizing;

use crate::audit::Trace;
use crate::config::{Config, ConfigError, Place, ServerUrl};
use crate::deadline::Deadline;
use crate::error::ServerFault;
use crate::flow::{Answer, Redirect, Transport};
use crate::pam::StopWatch;
use crate::text;
use bounded::{BoundedConnector, RequestDeadline};
use cookies::Cookies;
use resolver::OnceResolver;
use tls::TlsConnector;

/// A connection that has idled this long is not used again.
///
/// Servers and proxies close idle connections, some after two seconds, and a
/// person takes longer than that to type. A POST that met a closed connection
/// could not be sent again: nobody would know whether the first had arrived.
const MAX_IDLE: Duration = Duration::from_secs(1);

/// The largest head of an answer that is read.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// What each connection keeps for reading, once for TCP and once for TLS. A
/// head must fit, and one that is too large be seen to be. ureq's own 128 KiB,
/// four times over, cost more to fill and to wipe than all of HTTP.
const INPUT_BUFFER_BYTES: usize = MAX_HEAD_BYTES + 1024;
/// The same for writing: a request's head must fit, with all its cookies.
const OUTPUT_BUFFER_BYTES: usize = 16 * 1024;

/// The cookie and the header of authentik's protection against forged requests.
const CSRF_COOKIE: &str = "authentik_csrf";
const CSRF_HEADER: &str = "x-authentik-csrf";

/// Requests to one authentik server, with its session's cookies, for one login.
pub struct HttpsTransport {
    agent: Agent,
    url: ServerUrl,
    origin: HeaderValue,
    referer: HeaderValue,
    user_agent: HeaderValue,
    language: Option<HeaderValue>,
    cookies: Cookies,
    request_timeout: Duration,
    deadline: Deadline,
    request_deadline: RequestDeadline,
    trace: Trace,
}

impl HttpsTransport {
    /// Prepares requests to the server of `config`; nothing is sent yet.
    ///
    /// `service` and `host` go into the `User-Agent`, which authentik shows
    /// beside the session.
    ///
    /// # Errors
    /// Where the certificates to trust cannot be read.
    pub fn new(
        config: &Config,
        service: &str,
        host: &str,
        deadline: Deadline,
        trace: Trace,
    ) -> Result<Self, ConfigError> {
        let roots = trust::trusted_certificates(config.ca_file.as_ref())?;
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
        let connector =
            ().chain(ConnectProxyConnector::default())
                .chain(TcpConnector::default())
                .chain(BoundedConnector(request_deadline.clone()))
                .chain(tls);
        let (peer, port) = match &config.proxy {
            Some(proxy) => (proxy.host(), proxy.port()),
            None => (config.url.host(), config.url.port()),
        };
        let resolver = OnceResolver::new(peer, port, config.connect_timeout, &config.addresses);
        let url = config.url.clone();
        let agent = format!(
            "pam-authentik-flow/{} ({}; {host})",
            env!("CARGO_PKG_VERSION"),
            header_word(service),
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
            cookies: Cookies::default(),
            request_timeout: config.request_timeout,
            deadline,
            request_deadline,
            trace,
        })
    }

    fn request(
        &mut self,
        path: &str,
        body: Option<&[u8]>,
        limit: Option<Duration>,
    ) -> Result<Answer, ServerFault> {
        let left = self.deadline.remaining();
        if left.is_zero() {
            return Err(ServerFault::LoginTimeout);
        }
        let timeout = left.min(limit.unwrap_or(self.request_timeout));
        let target = format!("{}{path}", self.url);
        let watch = StopWatch::begin();
        self.request_deadline.begin(timeout);
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
                match self.cookies.value(CSRF_COOKIE) {
                    Some(token) => request.header(CSRF_HEADER, token).send(body),
                    None => request.send(body),
                }
            }
        };
        let answer = result.and_then(|response| self.read(path, response));
        let method = if body.is_some() { "POST" } else { "GET" };
        let answer = answer.map_err(|error| {
            let fault = fault::server_fault(&error, self.deadline.remaining().is_zero());
            if watch.was_stopped() {
                ServerFault::Stopped(fault.to_string())
            } else {
                fault
            }
        });
        drop(watch);
        let outcome = answer
            .as_ref()
            .map(|answer| (answer.status, answer.body.len()));
        self.trace.request(method, path, begun.elapsed(), outcome);
        answer
    }

    fn with_headers<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        let mut request = request.header(header::USER_AGENT, self.user_agent.clone());
        if let Some(language) = &self.language {
            request = request.header(header::ACCEPT_LANGUAGE, language.clone());
        }
        match self.cookies.header() {
            Some(cookies) => request.header(header::COOKIE, cookies),
            None => request,
        }
    }

    fn read(
        &mut self,
        path: &str,
        mut response: HttpResponse<Body>,
    ) -> Result<Answer, ureq::Error> {
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            self.cookies.set(cookie.as_bytes());
        }
        let text_of = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let status = response.status().as_u16();
        let redirect = text_of("location")
            .filter(|_| (300..400).contains(&status))
            .map(|location| self.judge_redirect(path, &location));
        let is_json = text_of("content-type").is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        let asks_to_wait = response.headers().contains_key(header::RETRY_AFTER);
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
            body,
        })
    }

    /// Whether `location` is the place that was asked, whatever its query.
    fn judge_redirect(&self, path: &str, location: &str) -> Redirect {
        let asked = format!("{}{path}", self.url.prefix());
        let pathname = |text: &str| text.split(['?', '#']).next().unwrap_or_default().to_owned();
        let relative = location
            .strip_prefix(&self.url.origin())
            .unwrap_or(location);
        if relative.starts_with('/')
            && !relative.starts_with("//")
            && pathname(relative) == pathname(&asked)
        {
            Redirect::SamePlace
        } else {
            // The query may hold what is nobody's business in a log.
            Redirect::Elsewhere(text::one_line(&pathname(location), 120))
        }
    }
}

impl Transport for HttpsTransport {
    fn get(&mut self, path: &str) -> Result<Answer, ServerFault> {
        self.request(path, None, None)
    }

    fn post(
        &mut self,
        path: &str,
        body: &[u8],
        limit: Option<Duration>,
    ) -> Result<Answer, ServerFault> {
        self.request(path, Some(body), limit)
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

/// `text` as one word of a header.
fn header_word(text: &str) -> String {
    let word = |c: &char| c.is_ascii_alphanumeric() || "-._@".contains(*c);
    text.chars().filter(word).take(64).collect()
}

/// `text` as a header's value; what a header cannot hold is left out.
fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
