//! The log: one line for the outcome of every login, in the AUTHPRIV facility,
//! and more with the argument `debug`. A secret is never in it.
//!
//! The socket is the module's own and does not block: a syslog daemon that
//! hangs, or is not there, ends no login. `openlog` is never called, for it
//! would change what the application itself logs.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};
use time::OffsetDateTime;

use crate::fault::ServerFault;
use crate::text::one_line;

const LOG_SOCKET: &str = "/dev/log";
/// Syslog daemons cut lines at 1 or 8 KiB; this stays below the smaller one.
const MAX_LINE: usize = 960;

/// What the log says of one login.
pub struct Audit {
    log: Log,
    begun: Instant,
    user: Option<String>,
    rhost: Option<String>,
    tty: Option<String>,
    flow: Option<String>,
    stages: Vec<String>,
    request_id: Option<String>,
    observer: Option<Rc<dyn Observer>>,
}

/// Hears of a login's steps while they happen: the command shows them to who
/// tries a login in a terminal.
pub trait Observer {
    /// A stage was met; `rejected` times before it had refused an answer.
    fn stage(&self, component: &str, rejected: usize);

    /// A request for `path`, its query left out, was answered, or not, after this time.
    fn request(&self, path: &str, took: Duration);
}

/// Writes the lines that only `debug` asks for, and tells the observer.
#[derive(Clone)]
pub struct Trace {
    log: Option<Log>,
    observer: Option<Rc<dyn Observer>>,
}

#[derive(Clone)]
struct Log {
    service: String,
    entry: &'static str,
    socket: Arc<Mutex<Option<Logger<LoggerBackend, Rfc3164>>>>,
}

/// How a login ended, for the log.
pub struct Outcome<'a> {
    /// The name of the PAM result code.
    pub code: &'a str,
    /// Why, for an administrator; `None` for success.
    pub reason: Option<String>,
    /// How loud it is.
    pub severity: Loudness,
}

/// How loud a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    /// All is well.
    Info,
    /// Somebody was refused.
    Notice,
    /// Something must be mended.
    Error,
}

impl Audit {
    /// Begins the record of a call of `entry` (`auth`, `account`, …) by `service`.
    #[must_use]
    pub fn begin(service: &str, entry: &'static str) -> Self {
        Self {
            log: Log {
                service: one_line(service, 32).replace(' ', "_"),
                entry,
                socket: Arc::default(),
            },
            begun: Instant::now(),
            user: None,
            rhost: None,
            tty: None,
            flow: None,
            stages: Vec::new(),
            request_id: None,
            observer: None,
        }
    }

    /// Tells `observer` of the steps from now on.
    #[must_use]
    pub fn observed_by(self, observer: Rc<dyn Observer>) -> Self {
        let observer = Some(observer);
        Self { observer, ..self }
    }

    /// From where somebody logs in, as the application says.
    pub fn from_where(&mut self, rhost: Option<&str>, tty: Option<&str>) {
        self.rhost = rhost.map(|rhost| one_line(rhost, 128));
        self.tty = tty.map(|tty| one_line(tty, 64));
    }

    /// Who logs in. `None` for a name that no account has: people type
    /// passwords there, and they must not end up in a log.
    pub fn user(&mut self, name: Option<&str>) {
        self.user = Some(name.map_or("(unknown)".into(), |name| one_line(name, 128)));
    }

    /// The flow that is run from now on: the line tells of the last one.
    pub fn flow(&mut self, slug: &str) {
        self.flow = Some(slug.to_owned());
        self.stages.clear();
    }

    /// A stage was met; `rejected` times before it had refused an answer.
    pub fn stage(&mut self, component: &str, rejected: usize) {
        if let Some(observer) = &self.observer {
            observer.stage(component, rejected);
        }
        let name = component.strip_prefix("ak-stage-").unwrap_or(component);
        if rejected == 0 && self.stages.len() < 40 {
            self.stages.push(one_line(name, 40));
        }
    }

    /// The id by which authentik's log names a failed request.
    pub fn request_id(&mut self, id: Option<String>) {
        if id.is_some() {
            self.request_id = id;
        }
    }

    /// The writer of debugging lines, silent unless `debug` is set.
    #[must_use]
    pub fn trace(&self, debug: bool) -> Trace {
        Trace {
            log: debug.then(|| self.log.clone()),
            observer: self.observer.clone(),
        }
    }

    /// Writes the one line that every login leaves.
    pub fn finish(&self, outcome: Outcome<'_>) {
        let mut line = format!("{}:", outcome.code);
        let mut add = |key: &str, value: Option<&String>| {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                line.push_str(&format!(" {key}={}", quoted(value)));
            }
        };
        add("user", self.user.as_ref());
        add("rhost", self.rhost.as_ref());
        add("tty", self.tty.as_ref());
        add("flow", self.flow.as_ref());
        let stages = self.stages.join(",");
        add("stages", Some(&stages));
        let milliseconds = self.begun.elapsed().as_millis().to_string();
        add("ms", Some(&milliseconds));
        add("request_id", self.request_id.as_ref());
        add("reason", outcome.reason.as_ref());
        let severity = match outcome.severity {
            Loudness::Info => Severity::LOG_INFO,
            Loudness::Notice => Severity::LOG_NOTICE,
            Loudness::Error => Severity::LOG_ERR,
        };
        self.log.write(severity, &line);
    }
}

impl Trace {
    /// Notes one request: its path without the query, its time, and its status
    /// with the length of the body, or its fault.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        took: Duration,
        outcome: Result<(u16, usize), &ServerFault>,
    ) {
        let path = path.split('?').next().unwrap_or_default();
        if let Some(observer) = &self.observer {
            observer.request(path, took);
        }
        let Some(log) = &self.log else { return };
        let outcome = match outcome {
            Ok((status, bytes)) => format!("status={status} bytes={bytes}"),
            Err(fault) => format!("fault={}", quoted(&fault.to_string())),
        };
        log.write(
            Severity::LOG_DEBUG,
            &format!("debug: {method} {path} {outcome} ms={}", took.as_millis()),
        );
    }
}

impl Log {
    fn write(&self, severity: Severity, text: &str) {
        let Ok(mut socket) = self.socket.lock() else {
            return;
        };
        if socket.is_none() {
            *socket = self.open();
        }
        let Some(logger) = socket.as_mut() else {
            return;
        };
        let line = one_line(
            &format!(
                "pam_authentik_flow({}:{}): {text}",
                self.service, self.entry
            ),
            MAX_LINE,
        );
        // A log that is full or gone is nobody's fault who logs in.
        let _ = match severity {
            Severity::LOG_ERR => logger.err(line),
            Severity::LOG_NOTICE => logger.notice(line),
            Severity::LOG_DEBUG => logger.debug(line),
            _ => logger.info(line),
        };
    }

    fn open(&self) -> Option<Logger<LoggerBackend, Rfc3164>> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        socket.connect(LOG_SOCKET).ok()?;
        let formatter = Rfc3164 {
            process: self.service.clone(),
            pid: nix::unistd::getpid().as_raw(),
        };
        Some(Logger::new(LoggerBackend::Unix(socket), formatter))
    }
}

/// A line as a local syslog daemon takes it (RFC 3164), without a host.
///
/// The crate's own reads a description of the date's form anew for each line,
/// which is 30 kB of code, and writes the days before the tenth as no daemon does.
struct Rfc3164 {
    process: String,
    pid: i32,
}

impl LogFormat<String> for Rfc3164 {
    fn format<W: Write>(
        &self,
        socket: &mut W,
        severity: Severity,
        message: String,
    ) -> syslog::Result<()> {
        // The zone would be read from TZ, which belongs to the caller. journald and
        // rsyslog note the time themselves; where a daemon shows this one, it is UTC.
        let now = OffsetDateTime::now_utc();
        write!(
            socket,
            "<{}>{:.3} {:>2} {:02}:{:02}:{:02} {}[{}]: {message}",
            Facility::LOG_AUTHPRIV as u8 | severity as u8,
            now.month(),
            now.day(),
            now.hour(),
            now.minute(),
            now.second(),
            self.process,
            self.pid,
        )
        .map_err(syslog::Error::Write)
    }
}

/// `value` as it can be told from the keys around it.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && c != '"' && c != '=';
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("{value:?}")
    }
}
