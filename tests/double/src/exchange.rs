//! One request and its answer, independent of the transport.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::random;

/// A request as the double sees it.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// The path without the server's prefix and without the query.
    pub(crate) path: String,
    /// Path and query as they came, for `Location`.
    pub(crate) target: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) peer: String,
    /// How long the request has been waiting for its answer.
    pub(crate) waited: Duration,
    /// How often it was told to wait.
    pub(crate) attempt: u32,
    /// What `x-authentik-id` will say.
    pub(crate) request_id: String,
}

impl Call {
    /// The path below which the server is reached, usually empty.
    pub(crate) fn prefix(&self) -> &str {
        let path = self.target.split('?').next().unwrap_or_default();
        path.strip_suffix(self.path.as_str()).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .filter(|(header, _)| header.eq_ignore_ascii_case("cookie"))
            .flat_map(|(_, value)| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        parse_query(&self.query).remove(name)
    }

    /// The token of an `Authorization: Bearer` header.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Whether the `Accept` header allows JSON. Without the header everything is allowed.
    pub(crate) fn accepts_json(&self) -> bool {
        let Some(accept) = self.header("accept") else {
            return true;
        };
        accept
            .split(',')
            .filter_map(|range| range.split(';').next())
            .any(|range| matches!(range.trim(), "application/json" | "application/*" | "*/*"))
    }
}

/// The first header of this name, whatever its case.
pub(crate) fn find_header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// The pairs of a percent-encoded query string. If a name occurs twice, the last value counts.
pub(crate) fn parse_query(query: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        Reply {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into(),
        }
    }

    /// JSON as the flow executor sends it.
    pub(crate) fn flow(body: &Value) -> Reply {
        Reply::new(200, "application/json", body.to_string())
            .with("allow", "GET, POST, HEAD, OPTIONS")
    }

    /// JSON as the rest of the API sends it.
    pub(crate) fn json(status: u16, body: &Value) -> Reply {
        Reply::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// No body at all.
    pub(crate) fn empty(status: u16) -> Reply {
        Reply::new(status, HTML, "")
    }

    /// The answer when the server fails, and the answer to a POST for an unknown flow.
    pub(crate) fn server_error(method: &str) -> Reply {
        match method {
            "GET" => Reply::page(500, "Server Error"),
            _ => Reply::empty(405).with("allow", "GET, HEAD, OPTIONS"),
        }
    }

    /// A page for people.
    pub(crate) fn page(status: u16, title: &str) -> Reply {
        let page = format!(
            "<!DOCTYPE html>\n<html>\n<head><title>authentik</title></head>\n\
             <body><h1>{title}</h1></body>\n</html>\n"
        );
        Reply::new(status, HTML, page)
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn cookies(mut self, cookies: impl IntoIterator<Item = String>) -> Reply {
        self.headers
            .extend(cookies.into_iter().map(|c| ("set-cookie".to_owned(), c)));
        self
    }
}

const HTML: &str = "text/html; charset=utf-8";

/// The result of a call.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// This is the answer.
    Reply(Reply),
    /// Nothing has changed. Ask again with the same call after this time.
    Wait(Duration),
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Outcome {
        Outcome::Reply(reply)
    }
}

/// A fresh request id.
pub(crate) fn request_id() -> String {
    random::hex(16)
}
