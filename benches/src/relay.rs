//! A relay that makes loopback as slow as a real network: what arrives on one side leaves on
//! the other half a round trip later, in order, whatever its size.
//!
//! The kernel itself connects at once on loopback, so the round trip of TCP's
//! own handshake is added to the first bytes of a connection.

use crate::{Result, at};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

type Burst = (Instant, Vec<u8>);

/// Starts a relay to `port` with this round trip, and returns the relay's port. It runs until
/// the process ends.
pub fn start(port: u16, round_trip: Duration) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(at("the relay"))?;
    let own = listener.local_addr().map_err(at("the relay"))?.port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                relay(client, server, round_trip);
            }
        }
    });
    Ok(own)
}

fn relay(client: TcpStream, server: TcpStream, round_trip: Duration) {
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    one_way(client, server2, round_trip / 2, round_trip);
    one_way(server, client2, round_trip / 2, Duration::ZERO);
}

/// `first` is how much longer than `delay` the first burst waits.
fn one_way(mut from: TcpStream, to: TcpStream, delay: Duration, first: Duration) {
    let (bursts, arriving): (Sender<Burst>, Receiver<Burst>) = channel();
    thread::spawn(move || deliver(&arriving, to));
    thread::spawn(move || {
        let opened = Instant::now();
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let due = Instant::now().max(opened + first) + delay;
            if bursts.send((due, buffer[..length].to_vec())).is_err() {
                break;
            }
        }
    });
}

fn deliver(arriving: &Receiver<Burst>, mut to: TcpStream) {
    while let Ok((due, bytes)) = arriving.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
