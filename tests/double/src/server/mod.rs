//! TCP, TLS and HTTP around the double's own code.

mod connection;
mod takeover;

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::exchange::find_header;
use crate::fault::Fault;
use crate::served::Served;
use crate::state::State;

/// A request that the server has seen.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query as it came, without the question mark.
    pub query: String,
    /// The headers as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The answer's status; 0 as long as there is none.
    pub status: u16,
    /// Which connection it came over, counted from 1.
    pub connection: usize,
    /// When it came.
    pub at: Instant,
}

impl SeenRequest {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// How the server treats its connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// The path below which it lives.
    pub(crate) prefix: String,
    pub(crate) idle_timeout: Option<Duration>,
    /// One permit for each worker.
    pub(crate) workers: Option<Arc<Semaphore>>,
    /// Whether clients wait for TLS in vain.
    pub(crate) mute: bool,
}

/// What the server's thread and the test's thread share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    log: Mutex<Log>,
    faults: Mutex<Vec<Fault>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    pub(crate) options: Options,
    pub(crate) served: Served,
    /// Each change closes all connections.
    pub(crate) hang_ups: watch::Sender<u64>,
}

/// Requests, with a mark that tells late answers which log they belong to.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) requests: Vec<SeenRequest>,
    pub(crate) cleared: usize,
}

impl Shared {
    pub(crate) fn new(state: State, options: Options) -> Shared {
        Shared {
            state: Mutex::new(state),
            options,
            ..Shared::default()
        }
    }

    // A test that panics while it holds a lock has failed already; the others need not.

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Closes all connections and waits until they are gone.
    pub(crate) fn hang_up(&self) {
        self.hang_ups.send_modify(|count| *count += 1);
        let started = Instant::now();
        while self.open.load(Ordering::SeqCst) > 0 && started.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Counts a connection as long as it is open.
struct Open(Arc<Shared>);

impl Open {
    fn count(shared: &Arc<Shared>) -> Open {
        shared.open.fetch_add(1, Ordering::SeqCst);
        Open(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Accepts connections until the runtime stops.
pub(crate) async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, shared: Arc<Shared>) {
    let acceptor = TlsAcceptor::from(tls);
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            continue;
        };
        let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        let open = Open::count(&shared);
        let mut hang_ups = shared.hang_ups.subscribe();
        tokio::spawn(async move {
            let _open = open;
            tokio::select! {
                () = talk(stream, acceptor, peer.ip(), number, shared) => {}
                _ = hang_ups.changed() => {}
            }
        });
    }
}

/// One connection from its first byte to its last.
async fn talk(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    peer: IpAddr,
    number: usize,
    shared: Arc<Shared>,
) {
    // small writes go out at once, or a dripping body comes in lumps
    let _ = stream.set_nodelay(true);
    if shared.options.mute {
        return std::future::pending().await;
    }
    // a client that does not trust the certificate is no concern of the server's
    if let Ok(stream) = acceptor.accept(stream).await {
        connection::run(stream, peer, number, shared).await;
    }
}
