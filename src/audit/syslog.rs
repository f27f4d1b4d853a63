//! The socket of the log, and how a line is written to it.

use std::io::{ErrorKind, Write};
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity as SyslogSeverity};
use time::OffsetDateTime;

use super::line::Line;
use super::{journal, lost};
use crate::deadline::Deadline;
use crate::text::one_line;

pub(super) const LOG_SOCKET: &str = "/dev/log";
/// Syslog daemons cut lines at 1 or 8 KiB; this stays below the smaller one.
const MAX_LINE: usize = 960;

/// How long the calls on one handle wait for the log in total: any local user can keep
/// the socket full, and a log that hangs must not block logins.
const BUDGET: Duration = Duration::from_secs(2);
/// How long the line with the count of lost lines waits.
const FOR_REPORTING: Duration = Duration::from_millis(100);

/// The log, as one call of the module writes to it.
#[derive(Clone)]
pub(super) struct Log {
    service: String,
    entry: &'static str,
    channel: Arc<Mutex<Channel>>,
    wait: LogWait,
}

/// The connection to the log, which all lines of a call share.
#[derive(Default)]
struct Channel {
    connection: Option<Connection>,
}

/// A socket of the log that is connected.
enum Connection {
    Journal(UnixDatagram),
    Syslog(Logger<LoggerBackend, Rfc3164>),
}

/// How long the lines of one login have waited for the log. A login consists of several
/// calls of the module on one handle, and the handle keeps this value between them.
#[derive(Debug, Clone, Default)]
pub struct LogWait(Arc<Mutex<Duration>>);

impl Log {
    /// For the lines of a call of `entry` by `service`. They wait only for the time
    /// that earlier calls of the same login have left.
    pub(super) fn of(service: &str, entry: &'static str, wait: LogWait) -> Self {
        Self {
            service: one_line(service, 32).replace(' ', "_"),
            entry,
            channel: Arc::default(),
            wait,
        }
    }

    /// The PAM service, without what could be taken for something else in a line.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    /// Writes a line, or counts it if it cannot be written. Neither is a reason to
    /// fail: a log that is full or missing is not the user's fault.
    ///
    /// A line for `debug` does not wait and is not counted.
    pub(super) fn write(&self, severity: SyslogSeverity, line: &Line<'_>) {
        let Ok(mut channel) = self.channel.lock() else {
            return;
        };
        if matches!(severity, SyslogSeverity::LOG_DEBUG) {
            self.send(&mut channel, severity, line, Duration::ZERO);
            return;
        }
        let Ok(mut waited) = self.wait.0.lock() else {
            return;
        };
        let begun = Instant::now();
        let left = BUDGET.saturating_sub(*waited);
        if self.send(&mut channel, severity, line, left) {
            lost::report_count(|count| {
                let line = Line::text(format!("lost lines: count={count}"));
                let patience = left.saturating_sub(begun.elapsed()).min(FOR_REPORTING);
                self.send(&mut channel, SyslogSeverity::LOG_WARNING, &line, patience)
            });
        } else {
            lost::count_one();
        }
        *waited = waited.saturating_add(begun.elapsed());
    }

    /// Sends a line, and waits for at most `patience` if the log is full.
    fn send(
        &self,
        channel: &mut Channel,
        severity: SyslogSeverity,
        line: &Line<'_>,
        patience: Duration,
    ) -> bool {
        let deadline = Deadline::after(patience);
        let text = one_line(
            &format!(
                "pam_authentik_flow({}:{}): {}",
                self.service, self.entry, line.text
            ),
            MAX_LINE,
        );
        let mut may_be_journal = true;
        loop {
            let is_new = channel.connection.is_none();
            if is_new {
                let journal = may_be_journal.then(journal::connect).flatten();
                channel.connection = match journal {
                    Some(socket) => Some(Connection::Journal(socket)),
                    None => self.open().map(Connection::Syslog),
                };
            }
            let left = deadline.remaining();
            let sent = match channel.connection.as_mut() {
                Some(Connection::Journal(socket)) => wait_for(socket, left).and_then(|()| {
                    let entry = self.entry(severity, &text, line);
                    socket.send(entry.bytes()).map(drop).map_err(|e| e.kind())
                }),
                Some(Connection::Syslog(logger)) => emit(logger, severity, text.clone(), left),
                None => return false,
            };
            match sent {
                Ok(()) => return true,
                // A signal for the application, and there is time left.
                Err(ErrorKind::Interrupted) if !deadline.remaining().is_zero() => {}
                Err(ErrorKind::Interrupted | ErrorKind::WouldBlock) => return false,
                Err(_) => {
                    let failed = channel.connection.take();
                    match failed {
                        // The daemon was restarted after the last line.
                        _ if !is_new => {}
                        Some(Connection::Journal(_)) => may_be_journal = false,
                        _ => return false,
                    }
                }
            }
        }
    }

    /// The line for journald: what a line of syslog holds, and its fields.
    fn entry(&self, severity: SyslogSeverity, text: &str, line: &Line<'_>) -> journal::Entry {
        let mut entry = journal::Entry::default();
        let pid = nix::unistd::getpid().to_string();
        let facility = (Facility::LOG_AUTHPRIV as u8 >> 3).to_string();
        for (name, value) in [
            ("message", text),
            ("priority", &(severity as u8).to_string()),
            ("syslog_facility", &facility),
            ("syslog_identifier", &self.service),
            ("syslog_pid", &pid),
        ] {
            entry.put("", name, value);
        }
        if let Some(id) = line.id {
            entry.put("", "message_id", id);
        }
        let own = [("service", self.service.as_str()), ("entry", self.entry)];
        for (name, value) in own.into_iter().chain(line.fields.iter().copied()) {
            entry.put("PAM_AUTHENTIK_FLOW_", name, &one_line(value, MAX_LINE));
        }
        entry
    }

    fn open(&self) -> Option<Logger<LoggerBackend, Rfc3164>> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(LOG_SOCKET).ok()?;
        let formatter = Rfc3164 {
            process: self.service.clone(),
            pid: nix::unistd::getpid().as_raw(),
        };
        Some(Logger::new(LoggerBackend::Unix(socket), formatter))
    }
}

/// Sends one line, and waits for `patience` at most.
fn emit(
    logger: &mut Logger<LoggerBackend, Rfc3164>,
    severity: SyslogSeverity,
    line: String,
    patience: Duration,
) -> Result<(), ErrorKind> {
    let LoggerBackend::Unix(socket) = &logger.backend else {
        return Err(ErrorKind::Unsupported);
    };
    wait_for(socket, patience)?;
    let sent = match severity {
        SyslogSeverity::LOG_ERR => logger.err(line),
        SyslogSeverity::LOG_WARNING => logger.warning(line),
        SyslogSeverity::LOG_NOTICE => logger.notice(line),
        SyslogSeverity::LOG_DEBUG => logger.debug(line),
        _ => logger.info(line),
    };
    sent.map_err(|error| match error {
        syslog::Error::Write(error) | syslog::Error::Io(error) => error.kind(),
        syslog::Error::Initialization(_) => ErrorKind::Other,
    })
}

/// Has a socket wait for `patience` at most while the log is full.
fn wait_for(socket: &UnixDatagram, patience: Duration) -> Result<(), ErrorKind> {
    // SO_SNDTIMEO is in microseconds, and zero means to wait for ever.
    let may_wait = patience >= Duration::from_millis(1);
    socket
        .set_nonblocking(!may_wait)
        .and_then(|()| match may_wait {
            true => socket.set_write_timeout(Some(patience)),
            false => Ok(()),
        })
        .map_err(|error| error.kind())
}

/// A line in the form that a local syslog daemon accepts (RFC 3164), without a host.
///
/// The crate's own reads a description of the date's form again for each line,
/// which is 30 kB of code, and writes the days before the tenth as no daemon does.
struct Rfc3164 {
    process: String,
    pid: i32,
}

impl LogFormat<String> for Rfc3164 {
    fn format<W: Write>(
        &self,
        socket: &mut W,
        severity: SyslogSeverity,
        message: String,
    ) -> syslog::Result<()> {
        // A local time would need TZ, which belongs to the caller. journald and rsyslog
        // record the time themselves; a daemon that shows this one shows UTC.
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
