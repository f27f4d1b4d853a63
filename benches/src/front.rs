//! A relay that counts what passes, and that a test can close and open.

use crate::{Result, at};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::Duration;

/// A relay in front of the server, at a port that stays the same. It counts connections and
/// bytes, and can be closed.
pub(crate) struct Front {
    pub(crate) port: u16,
    target: u16,
    counts: Arc<Counts>,
    is_open: Arc<AtomicBool>,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
    sent: AtomicUsize,
    received: AtomicUsize,
}

impl Front {
    pub(crate) fn start(target: u16) -> Result<Front> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(at("a port"))?;
        let port = listener.local_addr().map_err(at("a port"))?.port();
        let front = Front {
            port,
            target,
            counts: Arc::default(),
            is_open: Arc::new(AtomicBool::new(true)),
        };
        front.serve(listener);
        Ok(front)
    }

    fn serve(&self, listener: TcpListener) {
        // SAFETY: the descriptor is the listener's, which outlives the call.
        unsafe { libc::listen(listener.as_raw_fd(), 4096) };
        let (counts, is_open, target) = (
            Arc::clone(&self.counts),
            Arc::clone(&self.is_open),
            self.target,
        );
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !is_open.load(Ordering::SeqCst) {
                    break;
                }
                counts.accepted.fetch_add(1, Ordering::SeqCst);
                let open = counts.open.fetch_add(1, Ordering::SeqCst) + 1;
                counts.most.fetch_max(open, Ordering::SeqCst);
                let counts = Arc::clone(&counts);
                let spawned = std::thread::Builder::new()
                    .stack_size(64 * 1024)
                    .spawn(move || pass(client, target, &counts));
                drop(spawned);
            }
        });
    }

    /// Refuses connections from now on.
    pub(crate) fn close(&mut self) {
        self.is_open.store(false, Ordering::SeqCst);
        // Wakes the thread that accepts, which ends and closes the port.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
            sleep(Duration::from_millis(10));
        }
    }

    /// Accepts connections again.
    pub(crate) fn open(&mut self) -> Result<()> {
        if self.is_open.load(Ordering::SeqCst) {
            return Ok(());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).map_err(at("a port"))?;
        self.is_open = Arc::new(AtomicBool::new(true));
        self.serve(listener);
        Ok(())
    }

    pub(crate) fn accepted(&self) -> usize {
        self.counts.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.counts.most.load(Ordering::SeqCst)
    }

    pub(crate) fn sent(&self) -> usize {
        self.counts.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn received(&self) -> usize {
        self.counts.received.load(Ordering::SeqCst)
    }
}

/// Relays data in both directions until both sides have closed.
fn pass(client: TcpStream, target: u16, counts: &Arc<Counts>) {
    let _ = client.set_nodelay(true);
    if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) {
        let _ = server.set_nodelay(true);
        if let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) {
            let counts2 = Arc::clone(counts);
            let back = std::thread::Builder::new()
                .stack_size(64 * 1024)
                .spawn(move || one_way(server2, client2, &counts2.received));
            one_way(client, server, &counts.sent);
            if let Ok(back) = back {
                let _ = back.join();
            }
        }
    }
    counts.open.fetch_sub(1, Ordering::SeqCst);
}

fn one_way(mut from: TcpStream, mut to: TcpStream, count: &AtomicUsize) {
    let mut buffer = [0; 8 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count.fetch_add(length, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
