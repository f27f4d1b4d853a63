//! A small client with a cookie jar that follows no redirects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authentik_double::Double;
use serde_json::Value;
use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, SendBody};

/// A client of one double.
pub(crate) struct Client {
    agent: Agent,
    base: String,
    /// Cookies by name.
    pub(crate) cookies: BTreeMap<String, String>,
    /// Whether it sends `X-authentik-CSRF` and `Referer` when it has a token.
    pub(crate) csrf: bool,
    /// Sent with every request.
    pub(crate) headers: Vec<(String, String)>,
}

/// The answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

#[allow(dead_code)] // not every test program uses it
impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = name.to_owned();
        self.headers
            .iter()
            .filter(move |(found, _)| found.eq_ignore_ascii_case(&name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn component(&self) -> String {
        self.json()["component"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}

#[allow(dead_code)] // not every test program uses it
impl Client {
    pub(crate) fn new(double: &Double) -> Client {
        let ca =
            Certificate::from_pem(double.ca_pem().as_bytes()).expect("the CA is a certificate");
        Client::trusting(double, RootCerts::new_with_certs(&[ca]))
    }

    fn trusting(double: &Double, roots: RootCerts) -> Client {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(roots)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .accept("")
            .user_agent("double-tests")
            .build()
            .new_agent();
        Client {
            agent,
            base: double.url(),
            cookies: BTreeMap::new(),
            csrf: true,
            headers: Vec::new(),
        }
    }

    /// One request. `headers` replace the usual ones with the same name.
    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        all.insert("accept".to_owned(), "application/json".to_owned());
        if body.is_some() {
            all.insert("content-type".to_owned(), "application/json".to_owned());
        }
        if let Some(token) = self.cookies.get("authentik_csrf").filter(|_| self.csrf) {
            all.insert("x-authentik-csrf".to_owned(), token.clone());
            all.insert("referer".to_owned(), format!("{}/", self.base));
        }
        let jar: Vec<String> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        if !jar.is_empty() {
            all.insert("cookie".to_owned(), jar.join("; "));
        }
        for (name, value) in &self.headers {
            all.insert(name.to_lowercase(), value.clone());
        }
        for (name, value) in headers {
            all.insert(name.to_lowercase(), (*value).to_owned());
        }
        for (name, value) in &all {
            request = request.header(name, value);
        }
        let mut response = match body {
            Some(bytes) => {
                let request = request.body(SendBody::from_owned_reader(std::io::Cursor::new(
                    bytes.to_vec(),
                )));
                self.agent.run(request.expect("a request"))?
            }
            None => self.agent.run(request.body(()).expect("a request"))?,
        };
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response
                .headers()
                .iter()
                .map(|(name, value)| {
                    (
                        name.to_string(),
                        String::from_utf8_lossy(value.as_bytes()).into_owned(),
                    )
                })
                .collect(),
            body: response.body_mut().read_to_string()?,
        };
        for cookie in answer.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').unwrap_or_default();
            if cookie.contains("Max-Age=0;") || cookie.contains("Max-Age=-") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], None).expect("an answer")
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], Some(body.to_string().as_bytes()))
            .expect("an answer")
    }

    /// Answers a stage of a flow, and follows redirects.
    pub(crate) fn answer(&mut self, slug: &str, body: &Value) -> Answer {
        let path = executor(slug);
        let mut answer = self.post(&path, body);
        for _ in 0..10 {
            if answer.status != 302 {
                break;
            }
            answer = self.get(&path);
        }
        answer
    }

    /// The name from `users/me`, if anybody is logged in.
    pub(crate) fn who(&mut self) -> Option<String> {
        let answer = self.get("/api/v3/core/users/me/");
        answer.json()["user"]["username"]
            .as_str()
            .map(str::to_owned)
    }
}

/// The executor's address of a flow.
pub(crate) fn executor(slug: &str) -> String {
    format!("/api/v3/flows/executor/{slug}/?query=")
}
