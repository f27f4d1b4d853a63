//! A recording: requests and their answers, in order.

use std::collections::BTreeMap;
use std::path::Path;

use pam_authentik_flow::http::{Answer, Redirect};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The requests of one recording.
pub(crate) type Recording = Vec<Step>;

/// One request and its answer.
#[derive(Clone, Deserialize)]
pub(crate) struct Step {
    /// `None` for a note between two requests.
    pub(crate) method: Option<String>,
    #[serde(default)]
    pub(crate) path: String,
    pub(crate) request: Option<Value>,
    /// The headers that were sent, if the recording has them.
    #[serde(default)]
    request_headers: BTreeMap<String, Value>,
    /// `None` if there was no answer.
    pub(crate) status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    pub(crate) body: Option<Box<RawValue>>,
}

impl Step {
    /// Whether it is a request of a login to the executor, for any flow.
    pub(crate) fn is_of_a_flow(&self) -> bool {
        self.method.is_some() && self.path.contains("/flows/executor/") && !self.ends_session()
    }

    /// Whether the module itself ended authentik's session with it. That happens after the
    /// verdict and cannot change it.
    fn ends_session(&self) -> bool {
        let agent = self.request_headers.get("user-agent");
        let is_ours = agent
            .and_then(Value::as_str)
            .is_some_and(|agent| agent.starts_with("pam-authentik-flow/"));
        is_ours && self.path.ends_with("/?query=")
    }

    /// The slug in its path.
    pub(crate) fn slug(&self) -> Option<&str> {
        let (_, rest) = self.path.split_once("/flows/executor/")?;
        rest.split('/').next()
    }

    /// Whether it is this request, apart from the values in its query.
    pub(crate) fn is(&self, method: &str, path: &str) -> bool {
        self.method.as_deref() == Some(method) && form(&self.path) == form(path)
    }

    /// The answer, as the HTTPS client returns it.
    pub(crate) fn answer(&self) -> Option<Answer> {
        Some(Answer {
            status: self.status?,
            redirect: self.header("location").map(|location| {
                if form(location).0 == form(&self.path).0 {
                    Redirect::SamePlace
                } else {
                    Redirect::Elsewhere(location.to_owned())
                }
            }),
            request_id: self.header("x-authentik-id").map(str::to_owned),
            is_json: self
                .header("content-type")
                .is_some_and(|kind| kind.starts_with("application/json")),
            asks_to_wait: self.header("retry-after").is_some(),
            body: self.bytes().into(),
            ..Answer::default()
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value.as_str())
    }

    /// The original body: JSON with its keys in their order, or a page.
    fn bytes(&self) -> Vec<u8> {
        let Some(body) = &self.body else {
            return Vec::new();
        };
        match serde_json::from_str::<String>(body.get()) {
            Ok(page) => page.into_bytes(),
            Err(_) => body.get().as_bytes().to_vec(),
        }
    }
}

/// A path, and the names of the parameters in its query.
fn form(path: &str) -> (&str, Vec<&str>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let names = query.split('&').filter(|parameter| !parameter.is_empty());
    let names = names.map(|parameter| parameter.split('=').next().unwrap_or_default());
    (path, names.collect())
}

/// All recordings of the folder, by name. Files without requests are skipped.
pub(crate) fn read_all(folder: &Path) -> BTreeMap<String, Recording> {
    let mut recordings = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("the recordings are there") {
        let path = entry.expect("a directory entry").path();
        let is_json = path.extension().is_some_and(|kind| kind == "json");
        // Samples of challenges, which are not a sequence of requests.
        if !is_json || path.ends_with("components.json") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy();
        let text = std::fs::read_to_string(&path).expect("a readable recording");
        let steps = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{name} is not a recording: {error}"));
        recordings.insert(name.into_owned(), steps);
    }
    recordings
}
