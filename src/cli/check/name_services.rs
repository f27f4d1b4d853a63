//! Name services in `/etc/nsswitch.conf` that wait longer than a login may take.

use std::net::IpAddr;
use std::path::Path;

use pam_authentik_flow::config::Config;
use pam_authentik_flow::sys::{AsksResolve, Family, RESOLVED_SOCKET, asks_resolve};

use super::network::peer;
use crate::cli::report::Report;

/// Warns if a login looks the server's name up through nss-resolve, and the module cannot
/// find out first whether systemd-resolved answers. nss-resolve waits two minutes for it.
pub(super) fn look(report: &mut Report, config: &Config) {
    let (host, _, _) = peer(config);
    let name = host.trim_start_matches('[').trim_end_matches(']');
    if !config.addresses.is_empty() || name.parse::<IpAddr>().is_ok() {
        return;
    }
    let why = match asks_resolve(name, Family::Any) {
        AsksResolve::No => return,
        AsksResolve::Yes if !is_too_old() => return,
        AsksResolve::Yes => format!("systemd-resolved has no socket {RESOLVED_SOCKET}"),
        AsksResolve::Perhaps => format!("another service in it may know {name}"),
    };
    let instead = match config.proxy {
        None => "write the server's addresses into `addresses`, or",
        Some(_) => "write an IP address into `proxy`, or",
    };
    report.warn(
        "dns.resolve-waits",
        format!(
            "the hosts line of /etc/nsswitch.conf has `resolve`, and {why}: while systemd-resolved does not answer, it waits two minutes for {name}, and connect_timeout does not limit it; sshd and login hang up before the module can say that authentik is unavailable"
        ),
        format!("{instead} write a line for {name} into /etc/hosts, with `files` in front of `resolve`"),
    );
}

/// Whether systemd-resolved runs without the socket. Then nss-resolve asks it by D-Bus.
/// Without its directory it does not run, and nss-resolve does not wait.
fn is_too_old() -> bool {
    let socket = Path::new(RESOLVED_SOCKET);
    !socket.exists() && socket.parent().is_some_and(Path::exists)
}
