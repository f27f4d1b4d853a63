//! Whether the name servers of this host answer at all.
//!
//! `getaddrinfo(3)` gives the same error for a dead name server and for a host that has no
//! free port to ask from. So the module asks each name server once more through a socket of
//! its own, where it can tell the two apart. A failure on this side proves nothing.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::time::Duration;

use nix::net::if_::if_nametoindex;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The longest such file that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// The port of DNS.
const PORT: u16 = 53;
/// How many name servers glibc uses (resolv.conf(5), `MAXNS`).
const MAX_SERVERS: usize = 3;
const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;

/// Whether no name server answers a question for the A record of `host`. Each one is asked,
/// and each is silent for its share of `limit`, refuses, or reports a failure.
pub(super) fn are_all_dead(host: &str, limit: Duration) -> bool {
    let (Some(servers), Some(question)) = (configured(), question(host)) else {
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

/// The name servers that libc asks; `None` if this host failed to say.
///
/// The owner of the file does not matter: systemd-resolved writes it as a user of its
/// own. libc reads it without a check, so anyone who can write it can already make the
/// name not exist. In a set-uid program no name server proves anything.
fn configured() -> Option<Vec<SocketAddr>> {
    let mut text = Vec::new();
    match File::open(RESOLV_CONF) {
        Ok(file) => {
            let most = u64::try_from(MAX_BYTES).ok()?.saturating_add(1);
            file.take(most).read_to_end(&mut text).ok()?;
        }
        // libc then asks this host. A link without a file is missing, too.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) => return None,
    }
    (text.len() <= MAX_BYTES).then(|| servers_in(&String::from_utf8_lossy(&text)))
}

/// The name servers in a text such as `/etc/resolv.conf`, or this host if it names none.
fn servers_in(text: &str) -> Vec<SocketAddr> {
    let mut servers: Vec<SocketAddr> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next())?
        })
        .filter_map(server)
        .take(MAX_SERVERS)
        .collect();
    if servers.is_empty() {
        servers.push((Ipv4Addr::LOCALHOST, PORT).into());
    }
    servers
}

/// A name server, such as `192.0.2.1` or `fe80::1%eth0`.
fn server(text: &str) -> Option<SocketAddr> {
    let Some((address, link)) = text.split_once('%') else {
        let address: IpAddr = text.parse().ok()?;
        return Some((address, PORT).into());
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let number = link.parse().ok();
    let by_name = || {
        address
            .is_unicast_link_local()
            .then(|| if_nametoindex(link))
    };
    // libc ignores a link that does not exist.
    let link = number.or_else(|| by_name()?.ok()).unwrap_or_default();
    Some(SocketAddrV6::new(address, PORT, 0, link).into())
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
fn is_dead(server: SocketAddr, question: &[u8], wait: Duration) -> std::io::Result<bool> {
    if is_without_link(&server) {
        return Ok(true);
    }
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = match UdpSocket::bind(SocketAddr::new(any, 0)) {
        // This kernel has no IPv6, so libc cannot ask that server, either.
        Err(error) if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => return Ok(true),
        // This fails if all ports are taken.
        other => other?,
    };
    socket.set_read_timeout(Some(wait))?;
    let mut answer = [0_u8; 512];
    let answered = socket
        .connect(server)
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
            // The socket has its port, so this host has no IPv6 address to send from.
            ErrorKind::AddrNotAvailable if server.is_ipv6() => Ok(true),
            _ => Err(error),
        },
    }
}

/// Whether this is a link-local address without its link: nobody can send there.
fn is_without_link(server: &SocketAddr) -> bool {
    matches!(server, SocketAddr::V6(at) if at.ip().is_unicast_link_local() && at.scope_id() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_libc_reads_them() {
        let text = "# nameserver 192.0.2.9\nsearch a.example\nnameserver 192.0.2.1\n\
                    nameserver fe80::1%none0\nnameserver junk\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n";
        let servers: Vec<String> = servers_in(text).iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[fe80::1]:53", "192.0.2.2:53"]);
        assert_eq!(servers_in(""), ["127.0.0.1:53".parse().unwrap()]);
    }

    #[test]
    fn a_name_server_on_a_link_keeps_its_link() {
        for (text, expected) in [
            ("fe80::1%lo", Some("[fe80::1%1]:53")),
            ("fe80::1%7", Some("[fe80::1%7]:53")),
            ("fe80::1%none0", Some("[fe80::1]:53")),
            // Only a link-local address may name its link.
            ("2001:db8::1%lo", Some("[2001:db8::1]:53")),
            ("192.0.2.1%lo", None),
        ] {
            let found = server(text).map(|server| server.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        let wait = Duration::from_millis(10);
        let unsent = server("fe80::1%none0").unwrap();
        assert!(is_dead(unsent, &question("a.example").unwrap(), wait).unwrap());
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
