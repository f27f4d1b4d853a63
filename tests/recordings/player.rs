//! A transport that plays a recording.
//!
//! It only goes forward, and skips only the parts of a flow that the sidecar names. A module
//! that makes fewer, more or other requests than the recorded ones fails.

use std::collections::BTreeSet;
use std::time::Duration;

use pam_authentik_flow::fault::ServerFault;
use pam_authentik_flow::http::{Answer, RequestError, Transport};
use serde_json::Value;

use crate::recording::Step;
use crate::sidecar::Play;

const USERS_ME: &str = "/api/v3/core/users/me/";

/// The replay of one recording.
pub(crate) struct Player<'a> {
    steps: &'a [Step],
    play: &'a Play,
    next: usize,
    /// The requests that the module has made.
    pub(crate) played: BTreeSet<usize>,
    /// The last body.
    last: Value,
    /// The differences from the recording.
    pub(crate) complaints: Vec<String>,
    /// The values that differ from the recorded ones, as the sidecar says.
    differed: BTreeSet<String>,
    /// Whether the module asked for the owner of the session, which the recording does not
    /// contain.
    missed_users_me: bool,
}

impl<'a> Player<'a> {
    pub(crate) fn new(steps: &'a [Step], play: &'a Play) -> Self {
        Self {
            steps,
            play,
            next: play.first,
            played: BTreeSet::new(),
            last: Value::Null,
            complaints: Vec::new(),
            differed: BTreeSet::new(),
            missed_users_me: false,
        }
    }

    /// Differences that are known only at the end of the login.
    pub(crate) fn finish(mut self) -> (BTreeSet<usize>, Vec<String>) {
        for field in self.play.sends.keys() {
            if !self.differed.contains(field) {
                self.complaints.push(format!(
                    "{field} is not sent otherwise than it was recorded"
                ));
            }
        }
        if self.play.without_users_me != self.missed_users_me {
            self.complaints
                .push("without_users_me, and the module has not asked".into());
        }
        (self.played, self.complaints)
    }

    fn request(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
    ) -> Result<Answer, RequestError> {
        // The number that defeats caches was different in the recording.
        let path = path.split("?nocache=").next().unwrap_or_default();
        let Some((number, step)) = self.find(method, path) else {
            if path == USERS_ME && self.play.without_users_me {
                self.missed_users_me = true;
            } else {
                let at = self.next;
                self.complaints
                    .push(format!("{method} {path} is not what was recorded at #{at}"));
            }
            return Err(ServerFault::Connection("the recording has no more".into()).into());
        };
        if let Some(body) = body {
            self.compare(number, step, body);
        }
        self.next = number + 1;
        self.played.insert(number);
        let answer = step
            .answer()
            .ok_or_else(|| ServerFault::Connection("nobody answered, as recorded".into()))?;
        self.last = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(answer)
    }

    /// The next request, if it is this one. Skips what the sidecar skips, and requests outside
    /// the flow.
    fn find(&self, method: &str, path: &str) -> Option<(usize, &'a Step)> {
        let rest = self.steps.iter().enumerate().skip(self.next);
        let mut kept = rest.filter(|(number, _)| !self.play.skip.contains(number));
        kept.find(|(_, step)| step.is(method, path) || step.is_of_a_flow())
            .filter(|(_, step)| step.is(method, path))
    }

    /// Compares a request of the module with the recorded one.
    fn compare(&mut self, number: usize, step: &Step, body: &[u8]) {
        let sent: Value = serde_json::from_slice(body).unwrap_or_default();
        let (Some(Value::Object(recorded)), Value::Object(sent)) = (&step.request, &sent) else {
            self.complaints
                .push(format!("#{number}: the body is no object of JSON"));
            return;
        };
        let keys: BTreeSet<&String> = recorded.keys().chain(sent.keys()).collect();
        for key in keys {
            let field = format!("{number}.{key}");
            let expected = match self.play.sends.get(&field) {
                Some(value) => Some(value),
                None if self.play.echo.contains(key) => self.last.get(key),
                None => recorded.get(key),
            };
            if sent.get(key) == expected {
                if expected != recorded.get(key) {
                    self.differed.insert(field);
                }
                continue;
            }
            let value = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
            self.complaints.push(format!(
                "#{number}: {key:?} is sent as {} instead of {}",
                value(sent.get(key)),
                value(expected)
            ));
        }
    }
}

impl Transport for Player<'_> {
    fn get(&mut self, path: &str) -> Result<Answer, RequestError> {
        self.request("GET", path, None)
    }

    fn post(
        &mut self,
        path: &str,
        body: &[u8],
        _limit: Option<Duration>,
    ) -> Result<Answer, RequestError> {
        self.request("POST", path, Some(body))
    }
}
