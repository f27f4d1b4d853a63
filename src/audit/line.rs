//! The one line that every login writes, and one for each secret that is refused.

use std::rc::Rc;
use std::time::Instant;

use syslog::Severity as SyslogSeverity;

use super::accepted;
use super::observer::{Observer, Trace};
use super::syslog::{Log, LogWait};
use crate::text::one_line;

/// Logged instead of a name that no account has.
const UNKNOWN: &str = "(unknown)";

/// MESSAGE_ID of the line of a login, in journald.
const OUTCOME: &str = "31f6def20e834b32ba57d8a619730e2a";
/// MESSAGE_ID of the line of a secret that was refused.
const REFUSED_ANSWER: &str = "25995380e60c47e897186dc7dde583a0";

/// What the log says about one login.
pub struct Audit {
    log: Log,
    begun: Instant,
    user: Option<String>,
    rhost: Option<String>,
    tty: Option<String>,
    flow: Option<String>,
    stages: Vec<String>,
    request_id: Option<String>,
    bound: Option<String>,
    host_proof: Option<&'static str>,
    note: Option<String>,
    /// Whether this is a real login to the host, not a trial.
    is_login: bool,
    observer: Option<Rc<dyn Observer>>,
}

/// How a login ended, for the log.
pub struct Outcome<'a> {
    /// The name of the PAM result code.
    pub code: &'a str,
    /// What ended it, in one word that stays the same; `None` for success.
    pub cause: Option<&'static str>,
    /// Why, for an administrator; `None` for success.
    pub reason: Option<String>,
    /// How severe it is.
    pub severity: Severity,
}

/// How severe a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is wrong.
    Info,
    /// Somebody was refused.
    Notice,
    /// Something must be fixed.
    Error,
}

impl Audit {
    /// Starts the record of a call of `entry` (`auth`, `account`, …) by `service`.
    /// `wait` is how long earlier calls of the same login have waited for the log.
    #[must_use]
    pub fn begin(service: &str, entry: &'static str, wait: LogWait) -> Self {
        Self {
            log: Log::of(service, entry, wait),
            begun: Instant::now(),
            user: None,
            rhost: None,
            tty: None,
            flow: None,
            stages: Vec::new(),
            request_id: None,
            bound: None,
            host_proof: None,
            note: None,
            is_login: true,
            observer: None,
        }
    }

    /// The same for a flow that is not a login to this host, such as the command's:
    /// refused answers write no line to the host's log.
    #[must_use]
    pub fn trial(service: &str, entry: &'static str) -> Self {
        Self {
            is_login: false,
            ..Self::begin(service, entry, LogWait::default())
        }
    }

    /// Reports the steps to `observer` from now on.
    #[must_use]
    pub fn observed_by(self, observer: Rc<dyn Observer>) -> Self {
        let observer = Some(observer);
        Self { observer, ..self }
    }

    /// Where the person logs in from, as the application says.
    pub fn set_origin(&mut self, rhost: Option<&str>, tty: Option<&str>) {
        self.rhost = rhost.map(|rhost| one_line(rhost, 128));
        self.tty = tty.map(|tty| one_line(tty, 64));
    }

    /// Who logs in. `None` for a name that no account has: people type passwords there,
    /// and these must not be logged.
    pub fn set_user(&mut self, name: Option<&str>) {
        self.user = Some(name.map_or(UNKNOWN.into(), |name| one_line(name, 128)));
    }

    /// The flow that is run from now on; the line names the last one.
    pub fn set_flow(&mut self, slug: &str) {
        self.flow = Some(slug.to_owned());
        self.stages.clear();
        self.host_proof = None;
    }

    /// A stage was reached; it has refused an answer `rejected` times before.
    pub fn add_stage(&mut self, component: &str, rejected: usize) {
        if let Some(observer) = &self.observer {
            observer.stage(component, rejected);
        }
        let name = component.strip_prefix("ak-stage-").unwrap_or(component);
        if rejected == 0 && self.stages.len() < 40 {
            self.stages.push(one_line(name, 40));
        }
    }

    /// The id of a failed request in authentik's log.
    pub fn request_id(&mut self, id: Option<String>) {
        if id.is_some() {
            self.request_id = id;
        }
    }

    /// The account was bound to the person with this `uid`.
    pub fn set_bound(&mut self, uid: &str) {
        self.bound = Some(one_line(uid, 128));
    }

    /// How the stage was answered that asks which host this is.
    pub fn set_host_proof(&mut self, answer: &'static str) {
        self.host_proof = Some(answer);
    }

    /// The second factor was not asked for, because this login session remembers it.
    pub fn set_remembered(&mut self) {
        self.note("second factor remembered");
    }

    /// The session in authentik may not have ended: what was answered instead.
    pub fn set_session_left(&mut self, answer: &str) {
        self.note(&format!("session left: {answer}"));
    }

    fn note(&mut self, text: &str) {
        let earlier = self.note.take().map(|note| note + "; ");
        self.note = Some(earlier.unwrap_or_default() + text);
    }

    /// Whether the flow has shown this stage, by its name without `ak-stage-`.
    #[must_use]
    pub fn has_stage(&self, name: &str) -> bool {
        self.stages.iter().any(|stage| stage == name)
    }

    /// Writes why a second factor that was accepted is not remembered.
    pub fn log_not_remembered(&self, reason: &str) {
        let mut line = Line::text("second factor not remembered:".into());
        line.append("rhost", self.rhost.as_deref());
        line.append("user", self.user.as_deref());
        line.append("reason", Some(reason));
        self.log.write(SyslogSeverity::LOG_NOTICE, &line);
    }

    /// The writer of debugging lines, silent unless `debug` is set.
    #[must_use]
    pub fn trace(&self, debug: bool) -> Trace {
        Trace {
            log: debug.then(|| self.log.clone()),
            observer: self.observer.clone(),
        }
    }

    /// Writes a line for a secret that was refused: `what` is a password, a code or a
    /// push. The line is written at once, because a person who guesses may hang up
    /// before the login ends.
    ///
    /// The address comes first, after words that no other line begins with: fail2ban's
    /// filter relies on that.
    pub fn log_refused_answer(&self, what: &str) {
        if !self.is_login {
            return;
        }
        let mut line = Line::text("refused answer:".into());
        line.id = Some(REFUSED_ANSWER);
        line.append("rhost", self.rhost.as_deref());
        line.append("user", Some(self.user.as_deref().unwrap_or(UNKNOWN)));
        line.append("what", Some(what));
        self.log.write(SyslogSeverity::LOG_NOTICE, &line);
    }

    /// Notes that authentik has accepted this login, for a change of the stack that waits
    /// to be confirmed.
    pub fn note_accepted(&self) {
        if self.is_login {
            accepted::note(self.log.service(), self.begun.elapsed());
        }
    }

    /// Writes the line for the whole login.
    pub fn finish(&self, outcome: Outcome<'_>) {
        let mut line = Line::text(format!("{}:", outcome.code));
        line.id = Some(OUTCOME);
        line.fields.push(("code", outcome.code));
        let stages = self.stages.join(",");
        let milliseconds = self.begun.elapsed().as_millis().to_string();
        for (key, value) in [
            ("user", self.user.as_deref()),
            ("rhost", self.rhost.as_deref()),
            ("tty", self.tty.as_deref()),
            ("flow", self.flow.as_deref()),
            ("stages", Some(stages.as_str())),
            ("ms", Some(milliseconds.as_str())),
            ("request_id", self.request_id.as_deref()),
            ("bound", self.bound.as_deref()),
            ("host_proof", self.host_proof),
            ("note", self.note.as_deref()),
            ("cause", outcome.cause),
            ("reason", outcome.reason.as_deref()),
        ] {
            line.append(key, value);
        }
        let severity = match outcome.severity {
            Severity::Info => SyslogSeverity::LOG_INFO,
            Severity::Notice => SyslogSeverity::LOG_NOTICE,
            Severity::Error => SyslogSeverity::LOG_ERR,
        };
        self.log.write(severity, &line);
    }
}

/// A line as people read it, and what in it a program looks for.
pub(super) struct Line<'a> {
    pub(super) text: String,
    /// What journald knows this kind of line by.
    pub(super) id: Option<&'static str>,
    pub(super) fields: Vec<(&'static str, &'a str)>,
}

impl<'a> Line<'a> {
    /// A line of this text, so far without fields.
    pub(super) fn text(text: String) -> Self {
        Self {
            text,
            id: None,
            fields: Vec::new(),
        }
    }

    /// Adds ` key=value` if there is a value.
    fn append(&mut self, key: &'static str, value: Option<&'a str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.text.push_str(&format!(" {key}={}", quoted(value)));
            self.fields.push((key, value));
        }
    }
}

/// `value`, quoted if it could be confused with the keys around it.
pub(super) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '=';
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("{value:?}")
    }
}
