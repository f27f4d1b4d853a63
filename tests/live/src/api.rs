//! A client of authentik's API, with an administrator's token.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;
use ureq::tls::{PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// The limit for a request: creating an outpost is slow.
const LONGEST: Duration = Duration::from_secs(60);
/// How much of an answer an error contains.
const SHOWN: usize = 300;

/// Why a request failed.
#[derive(Debug, Clone)]
pub(crate) enum ApiError {
    /// The server refused: nothing was created or changed.
    Refused {
        /// The status.
        status: u16,
        /// The request, and the start of the answer.
        words: String,
    },
    /// There was no answer, so the effect is unknown.
    Unknown(String),
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ApiError::Refused { words, .. } | ApiError::Unknown(words) => f.write_str(words),
        }
    }
}

/// The client.
pub(crate) struct Api {
    agent: Agent,
    url: String,
    authorization: String,
    /// How many seconds the server's clock is ahead of this one.
    ahead: i64,
}

impl Api {
    /// A client of the server at `url`, which trusts the certificates in `bundle`.
    pub(crate) fn new(url: &str, token: &str, bundle: &str) -> Result<Api, String> {
        let roots: Vec<_> = parse_pem(bundle.as_bytes())
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if roots.is_empty() {
            return Err("there is no certificate to trust".to_owned());
        }
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .https_only(true)
            .timeout_global(Some(LONGEST))
            .user_agent("pam_authentik_flow test-live")
            .build()
            .new_agent();
        Ok(Api {
            agent,
            url: url.trim_end_matches('/').to_owned(),
            authorization: format!("Bearer {token}"),
            ahead: 0,
        })
    }

    /// The server's address, without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The server's time, from the clock of its first answer.
    pub(crate) fn ahead(&self) -> i64 {
        self.ahead
    }

    /// Gets the version, and sets the clock from the answer.
    pub(crate) fn version(&mut self) -> Result<String, ApiError> {
        let (value, date) = self.once("GET", "admin/version/", None)?;
        let server = date
            .as_deref()
            .and_then(|date| httpdate::parse_http_date(date).ok());
        if let Some(server) = server {
            let seconds = |time: SystemTime| {
                let since = time.duration_since(SystemTime::UNIX_EPOCH);
                since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
            };
            self.ahead = seconds(server) - seconds(SystemTime::now());
        }
        match value["version_current"].as_str() {
            Some(version) => Ok(version.to_owned()),
            None => Err(ApiError::Unknown(
                "admin/version/ tells no version".to_owned(),
            )),
        }
    }

    /// Reads an object. A lost connection is tried again.
    pub(crate) fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.patiently("GET", path)
    }

    /// Removes an object. If it does not exist, that is a success too.
    pub(crate) fn delete(&self, path: &str) -> Result<(), ApiError> {
        match self.patiently("DELETE", path) {
            Err(ApiError::Refused { status: 404, .. }) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Creates an object, or does an action. It is never repeated automatically.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.once("POST", path, Some(body)).map(|(value, _)| value)
    }

    /// The same with another token: its scheme and the token itself.
    pub(crate) fn post_as(&self, who: &str, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.once_as(who, "POST", path, Some(body))
            .map(|(value, _)| value)
    }

    /// Reads an object with another token.
    pub(crate) fn get_as(&self, who: &str, path: &str) -> Result<Value, ApiError> {
        self.once_as(who, "GET", path, None).map(|(value, _)| value)
    }

    fn patiently(&self, method: &str, path: &str) -> Result<Value, ApiError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once(method, path, None) {
                Err(ApiError::Unknown(_)) if tries < 4 => {
                    std::thread::sleep(Duration::from_secs(tries));
                }
                result => return result.map(|(value, _)| value),
            }
        }
    }

    fn once(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Value, Option<String>), ApiError> {
        self.once_as(&self.authorization, method, path, body)
    }

    /// One request: the answer's body, and its date.
    fn once_as(
        &self,
        authorization: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(Value, Option<String>), ApiError> {
        let unknown =
            |why: &dyn std::fmt::Display| ApiError::Unknown(format!("{method} {path}: {why}"));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v3/{path}", self.url))
            .header("authorization", authorization)
            .header("accept", "application/json");
        let answer = match body {
            None => request.body(()).map(|request| self.agent.run(request)),
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string())
                .map(|request| self.agent.run(request)),
        };
        let mut answer = answer.map_err(|e| unknown(&e))?.map_err(|e| unknown(&e))?;
        let status = answer.status().as_u16();
        let date = answer
            .headers()
            .get("date")
            .and_then(|date| date.to_str().ok());
        let date = date.map(str::to_owned);
        let text = answer
            .body_mut()
            .read_to_string()
            .map_err(|e| unknown(&e))?;
        match status {
            200..=299 => Ok((serde_json::from_str(&text).unwrap_or_default(), date)),
            400..=499 => Err(ApiError::Refused {
                status,
                words: format!(
                    "{method} {path}: HTTP {status}: {}",
                    text.chars().take(SHOWN).collect::<String>()
                ),
            }),
            _ => Err(unknown(&format!("HTTP {status}"))),
        }
    }
}
