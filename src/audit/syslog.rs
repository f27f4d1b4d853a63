//! The socket of the log, and how a line is written to it.

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};

use syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity as SyslogSeverity};
use time::OffsetDateTime;

use crate::text::one_line;

const LOG_SOCKET: &str = "/dev/log";
/// Syslog daemons cut lines at 1 or 8 KiB; this stays below the smaller one.
const MAX_LINE: usize = 960;

/// The log, as one call of the module writes to it.
#[derive(Clone)]
pub(super) struct Log {
    service: String,
    entry: &'static str,
    socket: Arc<Mutex<Option<Logger<LoggerBackend, Rfc3164>>>>,
}

impl Log {
    /// For lines of a call of `entry` by `service`.
    pub(super) fn of(service: &str, entry: &'static str) -> Self {
        Self {
            service: one_line(service, 32).replace(' ', "_"),
            entry,
            socket: Arc::default(),
        }
    }

    pub(super) fn write(&self, severity: SyslogSeverity, text: &str) {
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
            SyslogSeverity::LOG_ERR => logger.err(line),
            SyslogSeverity::LOG_NOTICE => logger.notice(line),
            SyslogSeverity::LOG_DEBUG => logger.debug(line),
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
        severity: SyslogSeverity,
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
