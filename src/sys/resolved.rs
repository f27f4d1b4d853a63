//! Whether systemd-resolved answers a question in time.
//!
//! nss-resolve waits two minutes for systemd-resolved, and nothing bounds that from
//! outside. So the module first asks the same question at the same socket (the Varlink
//! interface of systemd-resolved.service(8)) for as long as it may wait. After an answer,
//! nss-resolve gets the same one from the cache.
//!
//! The answer is not used, so it does not matter who gives it. Only root and
//! systemd-resolved itself can create the socket.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::Family;

/// Where systemd-resolved listens.
pub const SOCKET: &str = "/run/systemd/resolve/io.systemd.Resolve";
/// A name server always gets this long.
const SHORTEST: Duration = Duration::from_secs(1);
/// An answer that is longer, in bytes, is none. Sixteen addresses take about 2 KiB.
const MAX_ANSWER: usize = 1024 * 1024;

/// Whether systemd-resolved says nothing about `name` within `limit`, but at least one
/// second. If it cannot be reached, or closes the connection, nss-resolve does not wait for
/// it, so it is not silent.
pub(super) fn is_silent(name: &str, family: Family, limit: Duration) -> bool {
    let limit = limit.max(SHORTEST);
    is_silent_at(Path::new(SOCKET), &question(name, family), limit)
}

/// The question of nss-resolve, which names no family if it wants every address. A
/// message ends in NUL, which JSON itself never contains.
fn question(name: &str, family: Family) -> String {
    let name = serde_json::Value::from(name);
    let family = match family {
        Family::Any => String::new(),
        Family::V4 => format!("\"family\":{},", libc::AF_INET),
        Family::V6 => format!("\"family\":{},", libc::AF_INET6),
    };
    format!(
        "{{\"method\":\"io.systemd.Resolve.ResolveHostname\",\"parameters\":{{\"name\":{name},{family}\"flags\":0}}}}\0"
    )
}

fn is_silent_at(path: &Path, question: &str, limit: Duration) -> bool {
    ask(path, question.as_bytes(), limit) == Err(Errno::ETIMEDOUT)
}

/// Asks, and reads until the end of the answer.
///
/// # Errors
/// ETIMEDOUT if there is no whole answer in time; any other error is one that nss-resolve
/// has, too.
fn ask(path: &Path, question: &[u8], limit: Duration) -> nix::Result<()> {
    let begun = Instant::now();
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = &socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let wait = Wait {
        socket,
        begun,
        limit,
    };
    let fd = socket.as_raw_fd();
    let address = UnixAddr::new(path)?;
    // This waits while too many others wait for systemd-resolved.
    wait.repeat(&mut || connect(fd, &address).map(|()| 0))?;
    let mut rest = question;
    while !rest.is_empty() {
        // Without MSG_NOSIGNAL a closed connection ends the host process.
        let sent = wait.repeat(&mut || send(fd, rest, MsgFlags::MSG_NOSIGNAL))?;
        rest = rest.get(sent..).unwrap_or_default();
    }
    let mut piece = [0; 4096];
    let mut length = 0_usize;
    while length <= MAX_ANSWER {
        let received = wait.repeat(&mut || recv(fd, &mut piece, MsgFlags::empty()))?;
        let received = piece.get(..received).unwrap_or_default();
        if received.is_empty() || received.contains(&0) {
            return Ok(());
        }
        length = length.saturating_add(received.len());
    }
    Err(Errno::ETIMEDOUT)
}

/// The time that is left for a socket.
struct Wait<'a> {
    socket: &'a OwnedFd,
    begun: Instant,
    limit: Duration,
}

impl Wait<'_> {
    /// Repeats `step`, which signals may interrupt.
    ///
    /// # Errors
    /// ETIMEDOUT if no time is left; otherwise the step's own error.
    fn repeat(&self, step: &mut dyn FnMut() -> nix::Result<usize>) -> nix::Result<usize> {
        loop {
            let left = self.limit.saturating_sub(self.begun.elapsed());
            if left.is_zero() {
                return Err(Errno::ETIMEDOUT);
            }
            // Zero would be a wait without an end.
            let left = i64::try_from(left.as_micros()).unwrap_or(i64::MAX).max(1);
            let left = TimeVal::microseconds(left);
            setsockopt(self.socket, sockopt::SendTimeout, &left)?;
            setsockopt(self.socket, sockopt::ReceiveTimeout, &left)?;
            match step() {
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                other => return other,
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the stand-in needs a thread")]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    const LIMIT: Duration = Duration::from_millis(400);

    /// Asks a stand-in that does this with the connection. Returns whether it counts as
    /// silent, and how long that took.
    fn asked(serve: impl FnOnce(&mut UnixStream) + Send) -> (bool, Duration) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut asked = Vec::new();
                let mut byte = [1];
                while byte != [0] {
                    stream.read_exact(&mut byte).unwrap();
                    asked.extend(byte);
                }
                let expected: &[u8] = b"{\"method\":\"io.systemd.Resolve.ResolveHostname\",\"parameters\":{\"name\":\"a.example\",\"family\":2,\"flags\":0}}\0";
                assert_eq!(asked, expected);
                serve(&mut stream);
            });
            let begun = Instant::now();
            let question = question("a.example", Family::V4);
            let is_silent = is_silent_at(&path, &question, LIMIT);
            (is_silent, begun.elapsed())
        })
    }

    #[test]
    fn a_question_is_that_of_nss_resolve() {
        let expected = "{\"method\":\"io.systemd.Resolve.ResolveHostname\",\"parameters\":{\"name\":\"a\\\"b\",\"flags\":0}}\0";
        assert_eq!(question("a\"b", Family::Any), expected);
    }

    #[test]
    fn an_answer_in_time_is_not_silence_whatever_it_says() {
        let in_pieces = |stream: &mut UnixStream| {
            for piece in [&b"{\"parameters\""[..], b":{\"addresses\":[]}}", b"\0"] {
                stream.write_all(piece).unwrap();
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        let (is_silent, took) = asked(in_pieces);
        assert!(!is_silent && took < LIMIT, "{took:?}");
        for answer in [
            &b"{\"error\":\"io.systemd.Resolve.NoNameServers\"}\0"[..],
            b"junk\0",
            b"junk",
            b"",
        ] {
            // After the last two the connection is closed.
            let (is_silent, took) = asked(|stream| stream.write_all(answer).unwrap());
            assert!(!is_silent && took < LIMIT, "{answer:?}: {took:?}");
        }
    }

    #[test]
    fn silence_and_an_answer_without_an_end_stop_at_the_limit() {
        let wait_for_the_end = |stream: &mut UnixStream| {
            let _ = stream.read(&mut [0]);
        };
        let dribble = |stream: &mut UnixStream| {
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        for (what, serve) in [
            ("silence", wait_for_the_end as fn(&mut UnixStream)),
            ("dribble", dribble),
        ] {
            let (is_silent, took) = asked(serve);
            assert!(is_silent, "{what}");
            assert!((LIMIT..LIMIT * 2).contains(&took), "{what}: {took:?}");
        }
        let (is_silent, _) = asked(|stream| while stream.write_all(&[b'x'; 65536]).is_ok() {});
        assert!(is_silent, "too long");
    }

    #[test]
    fn a_missing_socket_is_not_silence_and_a_full_queue_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let ask = || is_silent_at(&path, "{}\0", LIMIT);
        assert!(!ask(), "no socket");
        let listener = UnixListener::bind(&path).unwrap();
        nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        let _first = UnixStream::connect(&path).unwrap();
        let begun = Instant::now();
        assert!(ask(), "nobody accepts");
        assert!(begun.elapsed() < LIMIT * 2);
        drop(listener);
        assert!(!ask(), "nobody listens");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(!ask(), "a file");
    }
}
