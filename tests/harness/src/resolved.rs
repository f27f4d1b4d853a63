//! A stand-in for systemd-resolved in a host: the socket that nss-resolve asks.

use crate::host::RealHost;
use std::io::{self, BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Where nss-resolve looks for it.
const SOCKET: &str = "/run/systemd/resolve/io.systemd.Resolve";
/// How often the thread checks whether it should end.
const PULSE: Duration = Duration::from_millis(10);

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Nothing. It takes the connection, and keeps it.
    Nothing,
    /// Each name has this address, and no IPv6 address.
    Address(Ipv4Addr),
    /// It knows no name server.
    NoNameServers,
    /// A message that is not JSON.
    Garbage,
}

/// A stand-in that runs until it is dropped. Then its socket refuses connections.
#[derive(Debug)]
pub struct Resolved {
    stop: Arc<AtomicBool>,
    questions: Arc<AtomicUsize>,
}

impl Resolved {
    /// Starts it in a host.
    ///
    /// # Panics
    ///
    /// When the socket cannot be made.
    #[track_caller]
    pub fn start(host: &RealHost, says: Says) -> Resolved {
        let resolved = Resolved {
            stop: Arc::default(),
            questions: Arc::default(),
        };
        let listener = host.listen(SOCKET);
        listener
            .set_nonblocking(true)
            .expect("a socket that does not block");
        let (stop, questions) = (Arc::clone(&resolved.stop), Arc::clone(&resolved.questions));
        std::thread::spawn(move || serve(&listener, says, &stop, &questions));
        resolved
    }

    /// How many questions came.
    pub fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }
}

impl Drop for Resolved {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn serve(listener: &UnixListener, says: Says, stop: &AtomicBool, questions: &AtomicUsize) {
    let mut clients = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, _)) => {
                // A client that has ended reads no answer.
                if let Ok(question) = question(&stream) {
                    questions.fetch_add(1, Ordering::SeqCst);
                    let _ = (&stream).write_all(&answer(&question, says));
                }
                clients.push(stream);
            }
            Err(_) => std::thread::sleep(PULSE),
        }
    }
}

fn question(stream: &UnixStream) -> io::Result<serde_json::Value> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut message = Vec::new();
    BufReader::new(stream).read_until(0, &mut message)?;
    message.pop();
    Ok(serde_json::from_slice(&message)?)
}

fn answer(question: &serde_json::Value, says: Says) -> Vec<u8> {
    let error = |name: &str| serde_json::json!({"error": name, "parameters": {}});
    let message = match says {
        Says::Nothing => return Vec::new(),
        Says::Garbage => return b"no message\0".to_vec(),
        Says::NoNameServers => error("io.systemd.Resolve.NoNameServers"),
        // AF_INET6.
        Says::Address(_) if question["parameters"]["family"] == 10 => {
            error("io.systemd.Resolve.NoSuchResourceRecord")
        }
        Says::Address(address) => serde_json::json!({"parameters": {
            "addresses": [{"ifindex": 1, "family": 2, "address": address.octets()}],
            "name": question["parameters"]["name"],
            "flags": 1,
        }}),
    };
    [message.to_string().as_bytes(), b"\0"].concat()
}
