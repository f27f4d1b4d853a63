//! Whether a peer itself refuses a connection.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, connect, getsockopt, recv,
    setsockopt, socket, sockopt,
};

/// The result of an attempt to connect, as far as it says something about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The peer answered the connection with a reset (RST).
    Reset,
    /// The kernel has no route to the address.
    NoRoute,
    /// Anything else: a connection, silence, an ICMP message, trouble of this host.
    Nothing,
}

/// Connects to `address`, and says who refused. It waits for at most `limit`.
///
/// ECONNREFUSED alone does not say who: a firewall with a rule such as `REJECT`, which
/// any local user can provoke by connecting often, sends an ICMP message that leads to
/// the same error. With `IP_RECVERR` the kernel also keeps that message (ip(7); for TCP
/// since Linux 5.11). EHOSTUNREACH and a late ENETUNREACH come from a router, or from
/// an address resolution without an answer, which a local user can cause by flooding
/// the network.
#[must_use]
pub fn refusal_of(address: &SocketAddr, limit: Duration) -> Refusal {
    attempt(address, limit).unwrap_or(Refusal::Nothing)
}

fn attempt(address: &SocketAddr, limit: Duration) -> nix::Result<Refusal> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let tcp = socket(family, SockType::Stream, flags, None)?;
    match address {
        SocketAddr::V4(_) => setsockopt(&tcp, sockopt::Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(&tcp, sockopt::Ipv6RecvErr, &true)?,
    }
    let error = match connect(tcp.as_raw_fd(), &SockaddrStorage::from(*address)) {
        // The kernel says so at once: nothing was sent.
        Err(Errno::ENETUNREACH) => return Ok(Refusal::NoRoute),
        Err(Errno::EINPROGRESS) => {
            let mut waits = [PollFd::new(
                std::os::fd::AsFd::as_fd(&tcp),
                PollFlags::POLLOUT,
            )];
            let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
            if poll(&mut waits, limit)? == 0 {
                return Ok(Refusal::Nothing);
            }
            Errno::from_raw(getsockopt(&tcp, sockopt::SocketError)?)
        }
        Err(error) => error,
        Ok(()) => return Ok(Refusal::Nothing),
    };
    if error != Errno::ECONNREFUSED {
        return Ok(Refusal::Nothing);
    }
    let mut byte = [0_u8];
    let quiet = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    Ok(match recv(tcp.as_raw_fd(), &mut byte, quiet) {
        // There is no ICMP message, so the reset came from the peer.
        Err(Errno::EAGAIN) => Refusal::Reset,
        _ => Refusal::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_closed_port_resets_and_an_open_one_does_not() {
        let second = Duration::from_secs(1);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(refusal_of(&address, second), Refusal::Nothing);
        drop(listener);
        assert_eq!(refusal_of(&address, second), Refusal::Reset);
    }
}
