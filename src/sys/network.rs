//! Whether this process is in the host's own network.

use std::fs::metadata;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt,
};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};

/// The inode of the kernel's first namespace of processes, a constant of the kernel
/// (`PROC_PID_INIT_INO`).
const FIRST_PROCESSES: u64 = 0xEFFF_FFFC;
/// Where systemd listens for systemctl if it is process 1. Only root can open it.
const SYSTEMD: &str = "/run/systemd/private";

/// Proof that this thread is in the network of the host's own init.
///
/// A set-uid sandbox puts its caller into a network of the caller's making, with the
/// caller's firewall and servers. Only root starts the init of a host, and decides about
/// its network.
#[derive(Debug)]
pub struct HostNetwork(());

impl HostNetwork {
    /// Makes the proof. There is none if anything cannot be read: without `/proc`, or
    /// without the right to look at process 1 (`CAP_SYS_PTRACE`).
    #[must_use]
    pub fn prove() -> Option<Self> {
        let has_proc = statfs("/proc").ok()?.filesystem_type() == PROC_SUPER_MAGIC;
        let is_in_it = namespace("thread-self/ns/net")? == namespace("1/ns/net")?;
        if !(has_proc && is_in_it) {
            return None;
        }
        // In the kernel's first namespace of processes, `/proc` shows `self` only if it is
        // the `/proc` of that namespace.
        let (_, processes) = namespace("self/ns/pid")?;
        let is_hosts_init = processes == FIRST_PROCESSES || is_systemd_first()?;
        is_hosts_init.then_some(Self(()))
    }
}

/// The device and the inode of the namespace to which this link of `/proc` leads.
fn namespace(link: &str) -> Option<(u64, u64)> {
    let found = metadata(format!("/proc/{link}")).ok()?;
    Some((found.dev(), found.ino()))
}

/// Whether process 1, as this process counts, is a container's systemd, and not a process
/// of a sandbox in which this one runs.
///
/// The kernel says who listens at a socket, with the process ID that the client sees. From
/// a sandbox with processes of its own, the systemd of the host is not visible.
fn is_systemd_first() -> Option<bool> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let client = socket(AddressFamily::Unix, SockType::Stream, flags, None).ok()?;
    connect(client.as_raw_fd(), &UnixAddr::new(SYSTEMD).ok()?).ok()?;
    let peer = getsockopt(&client.as_fd(), sockopt::PeerCredentials).ok()?;
    Some(peer.pid() == 1 && peer.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_told_from_every_other_one() {
        let network = namespace("thread-self/ns/net");
        assert!(network.is_some());
        assert_eq!(namespace("self/ns/net"), network);
        assert_ne!(namespace("self/ns/pid"), network);
        assert_eq!(namespace("self/ns/nothing"), None);
    }
}
