//! The private `/dev/log`: a datagram socket whose lines tests can read.

use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A line that reached `/dev/log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// `emerg`, `alert`, `crit`, `err`, `warning`, `notice`, `info`, `debug`.
    pub priority: &'static str,
    /// `authpriv`, `auth`, `user` and so on; `local0` to `local7`.
    pub facility: &'static str,
    /// The program's name, without its process ID.
    pub tag: String,
    /// The process ID, where there is one.
    pub pid: Option<u32>,
    /// The message.
    pub text: String,
    /// The datagram's bytes.
    pub raw: Vec<u8>,
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogLine {
            priority,
            facility,
            tag,
            text,
            ..
        } = self;
        write!(f, "{facility}.{priority} {tag}: {text}")
    }
}

const PRIORITIES: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

/// The start of a line with which the reader is asked how far it is.
const MARK: &str = "mark-of-the-harness ";

/// The lines of a flood, which are counted and not kept.
pub(crate) const FLOOD: &[u8] = b"<13>flood of the harness";

/// How long the reader waits for a line before it checks whether to stop.
const READ_TIMEOUT: Duration = Duration::from_millis(20);

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

impl LogLine {
    /// Splits a datagram of the traditional format: `<86>Nov 24 00:21:07 sshd[123]: text`.
    /// Missing parts are empty. What cannot be split is the text.
    pub fn parse(raw: &[u8]) -> LogLine {
        let line = String::from_utf8_lossy(raw);
        let line = line.trim_end_matches(['\0', '\n']);
        let (number, rest) = line
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .and_then(|(number, rest)| Some((number.parse::<usize>().ok()?, rest)))
            // The default of syslog(3): user.notice.
            .unwrap_or((13, line));
        // "Nov 24 00:21:07 ": three words, the day padded with a blank.
        let rest = match rest.get(..16) {
            Some(stamp) if stamp.ends_with(' ') && stamp.matches(':').count() == 2 => &rest[16..],
            _ => rest,
        };
        let (tag, pid, text) = match rest.split_once(": ") {
            Some((tag, text)) if !tag.contains(' ') => match tag.split_once('[') {
                Some((tag, pid)) => (tag, pid.trim_end_matches(']').parse().ok(), text),
                None => (tag, None, text),
            },
            _ => ("", None, rest),
        };
        LogLine {
            priority: PRIORITIES[number & 7],
            facility: FACILITIES.get(number >> 3).copied().unwrap_or("unknown"),
            tag: tag.to_owned(),
            pid,
            text: text.to_owned(),
            raw: raw.to_vec(),
        }
    }
}

/// A socket at a path, and the thread that reads it.
pub(crate) struct LogSocket {
    told: Arc<Told>,
    lines: Arc<Mutex<Vec<LogLine>>>,
    reader: Option<JoinHandle<()>>,
    /// The socket without a reader, if there is no reader.
    _stuck: Option<UnixDatagram>,
}

/// The messages to the reader and its replies.
#[derive(Default)]
struct Told {
    stop: AtomicBool,
    pause: AtomicBool,
    /// How many lines of the flood were read.
    flood: AtomicU64,
}

impl LogSocket {
    /// A socket with a reader.
    pub(crate) fn listen(path: &Path) -> io::Result<LogSocket> {
        let socket = UnixDatagram::bind(path)?;
        open_to_all(path)?;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        let told = Arc::<Told>::default();
        let listens = Arc::clone(&told);
        let lines = Arc::default();
        let read = Arc::clone(&lines);
        let reader = std::thread::spawn(move || read_until_told(&socket, &listens, &read));
        Ok(LogSocket {
            told,
            lines,
            reader: Some(reader),
            _stuck: None,
        })
    }

    /// A socket without a reader, whose queue is full: a write to it blocks or fails.
    pub(crate) fn stuck(path: &Path) -> io::Result<LogSocket> {
        let socket = UnixDatagram::bind(path)?;
        open_to_all(path)?;
        fill(path)?;
        Ok(LogSocket {
            told: Arc::default(),
            lines: Arc::default(),
            reader: None,
            _stuck: Some(socket),
        })
    }

    /// From now on nobody reads the socket at `path`, and its queue has room for this many
    /// lines.
    pub(crate) fn pause(&self, path: &Path, room: usize) -> io::Result<()> {
        self.told.pause.store(true, Ordering::SeqCst);
        // The reader may still be reading.
        std::thread::sleep(2 * READ_TIMEOUT);
        if room == 0 {
            return fill(path).map(drop);
        }
        let other = path.with_extension("other");
        let socket = UnixDatagram::bind(&other)?;
        let capacity = fill(&other)?;
        drop(socket);
        std::fs::remove_file(&other)?;
        let writer = UnixDatagram::unbound()?;
        for _ in room..capacity {
            writer.send_to(FLOOD, path)?;
        }
        Ok(())
    }

    /// The socket is read again.
    pub(crate) fn resume(&self) {
        self.told.pause.store(false, Ordering::SeqCst);
    }

    /// How many lines of the flood were read.
    pub(crate) fn flood(&self) -> u64 {
        self.told.flood.load(Ordering::SeqCst)
    }

    /// The lines so far. Datagrams sent before this call are all there.
    pub(crate) fn finish(mut self) -> Vec<LogLine> {
        self.told.stop.store(true, Ordering::SeqCst);
        // A reader that died has left the lines that it had read.
        let _ = self.reader.take().map(JoinHandle::join);
        std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The lines so far, including all that were sent before this call, while the socket is
    /// still read. `path` is its path.
    pub(crate) fn so_far(&self, path: &Path) -> io::Result<Vec<LogLine>> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        // Our own line arrives after all that were sent before.
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let mark = format!("{MARK}{number}").into_bytes();
        UnixDatagram::unbound()?.send_to(&mark, path)?;
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.iter().any(|line| line.raw == mark) {
                let marks = |line: &&LogLine| !line.raw.starts_with(MARK.as_bytes());
                return Ok(lines.iter().filter(marks).cloned().collect());
            }
            drop(lines);
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for LogSocket {
    fn drop(&mut self) {
        self.told.stop.store(true, Ordering::SeqCst);
    }
}

/// Fills the queue of the socket at this path. Returns the number of lines.
fn fill(path: &Path) -> io::Result<usize> {
    let writer = UnixDatagram::unbound()?;
    writer.set_nonblocking(true)?;
    // The queue holds a few datagrams, or several hundred at most.
    let mut lines = 0;
    for _ in 0..100_000 {
        match writer.send_to(FLOOD, path) {
            Ok(_) => lines += 1,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
            Err(e) if e.raw_os_error() == Some(libc::ENOBUFS) => break,
            Err(e) => return Err(e),
        }
    }
    Ok(lines)
}

/// Writes to `/dev/log` without a pause until `time` has passed, and never waits for room.
/// Returns how many lines were written.
///
/// # Errors
///
/// When there is no log.
pub fn flood(time: Duration) -> io::Result<u64> {
    let writer = UnixDatagram::unbound()?;
    writer.set_nonblocking(true)?;
    writer.connect("/dev/log")?;
    let begun = Instant::now();
    let mut written = 0;
    while begun.elapsed() < time {
        // Most are refused, because the queue is full. That is intended.
        written += u64::from(writer.send(FLOOD).is_ok());
    }
    Ok(written)
}

/// Every user may log, as with the real one.
fn open_to_all(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))
}

fn read_until_told(socket: &UnixDatagram, told: &Told, lines: &Mutex<Vec<LogLine>>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        // Checked before the read: everything that was sent before the request has been read
        // when the queue is empty.
        let last = told.stop.load(Ordering::SeqCst);
        if !last && told.pause.load(Ordering::SeqCst) {
            std::thread::sleep(READ_TIMEOUT / 4);
            continue;
        }
        if last && socket.set_nonblocking(true).is_err() {
            return;
        }
        match socket.recv(&mut buffer) {
            Ok(length) if buffer[..length] == *FLOOD => {
                told.flood.fetch_add(1, Ordering::SeqCst);
            }
            Ok(length) => lines
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(LogLine::parse(&buffer[..length])),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if last => return,
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_glibc_is_taken_apart() {
        let line = LogLine::parse(b"<86>Nov  4 00:21:07 sshd[123]: pam_x(sshd:auth): hello: you");
        assert_eq!((line.facility, line.priority), ("authpriv", "info"));
        assert_eq!((line.tag.as_str(), line.pid), ("sshd", Some(123)));
        assert_eq!(line.text, "pam_x(sshd:auth): hello: you");
    }

    #[test]
    fn a_tag_with_parentheses_is_kept() {
        let line = LogLine::parse(b"<84>Nov 14 00:21:07 pam_x(sudo:auth)[9]: no\n");
        assert_eq!((line.facility, line.priority), ("authpriv", "warning"));
        assert_eq!((line.tag.as_str(), line.pid), ("pam_x(sudo:auth)", Some(9)));
        assert_eq!(line.text, "no");
    }

    #[test]
    fn a_datagram_that_is_not_a_log_line_is_text() {
        for text in [
            "",
            "<",
            "<x>y",
            "Nov",
            "\u{e4}\u{f6}\u{fc} and more than sixteen bytes",
        ] {
            let line = LogLine::parse(text.as_bytes());
            assert_eq!((line.text.as_str(), line.tag.as_str()), (text, ""));
            assert_eq!((line.facility, line.priority), ("user", "notice"));
        }
    }
}
