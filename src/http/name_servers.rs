//! Whether the name servers of this host answer at all.
//!
//! `getaddrinfo(3)` gives the same error for a dead name server and for a host that has no
//! free port to ask from. So the module asks each name server once more through a socket of
//! its own, where it can tell the two apart. A failure on this side proves nothing.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use crate::host::{FileKind, read_trusted_file};

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// How many name servers glibc uses (resolv.conf(5), `MAXNS`).
const MAX_SERVERS: usize = 3;
const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;

/// Whether no name server answers a question for the A record of `host`. Each one is asked,
/// and each is silent for its share of `limit`, refuses, or reports a failure.
pub(super) fn are_all_dead(host: &str, limit: Duration) -> bool {
    // systemd-resolved and others make it a link. The file behind it must be root's.
    let Ok(text) = read_trusted_file(Path::new(RESOLV_CONF), FileKind::Certificates) else {
        return false;
    };
    let servers = servers_in(&String::from_utf8_lossy(&text));
    let Some(question) = question(host) else {
        return false;
    };
    let share = limit
        .checked_div(u32::try_from(servers.len()).unwrap_or(1))
        .unwrap_or(limit)
        .max(Duration::from_millis(500));
    servers
        .iter()
        .all(|server| is_dead(*server, &question, share).unwrap_or(false))
}

/// The name servers in a text such as `/etc/resolv.conf`, or this host if it names none.
fn servers_in(text: &str) -> Vec<IpAddr> {
    let mut servers: Vec<IpAddr> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next())?
        })
        .filter_map(|address| address.split('%').next().unwrap_or_default().parse().ok())
        .take(MAX_SERVERS)
        .collect();
    if servers.is_empty() {
        servers.push(Ipv4Addr::LOCALHOST.into());
    }
    servers
}

/// A question for the A record of `host` (RFC 1035).
fn question(host: &str) -> Option<Vec<u8>> {
    // The message's id, "recursion desired", one question.
    let mut message = vec![0x61, 0x6b, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in host.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|l| (1..64).contains(l))?;
        message.push(length);
        message.extend_from_slice(label.as_bytes());
    }
    // The end of the name, type A, class IN.
    message.extend_from_slice(&[0, 0, 1, 0, 1]);
    Some(message)
}

/// # Errors
/// A failure of this host. Then nothing is known about the server.
fn is_dead(server: IpAddr, question: &[u8], wait: Duration) -> std::io::Result<bool> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // This fails if all ports are taken.
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_read_timeout(Some(wait))?;
    let mut answer = [0_u8; 512];
    let answered = socket
        .connect(SocketAddr::new(server, 53))
        .and_then(|()| socket.send(question))
        .and_then(|_| socket.recv(&mut answer));
    match answered {
        Ok(length) => {
            let code = answer.get(3).filter(|_| length >= 12);
            Ok(matches!(
                code.map(|byte| byte & 0x0f),
                Some(SERVFAIL | REFUSED)
            ))
        }
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::WouldBlock
            | ErrorKind::TimedOut => Ok(true),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_libc_reads_them() {
        let text = "# nameserver 192.0.2.9\nsearch a.example\nnameserver 192.0.2.1\n\
                    nameserver fe80::1%eth0\nnameserver junk\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n";
        let servers: Vec<String> = servers_in(text).iter().map(IpAddr::to_string).collect();
        assert_eq!(servers, ["192.0.2.1", "fe80::1", "192.0.2.2"]);
        assert_eq!(servers_in(""), [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    }

    #[test]
    fn a_question_is_one_of_dns() {
        let message = question("a.example.").unwrap();
        assert_eq!(
            message.get(12..),
            Some(&b"\x01a\x07example\0\0\x01\0\x01"[..])
        );
        assert!(question("a..b").is_none());
        assert!(question(&"x".repeat(64)).is_none());
    }
}
