//! Name services in `/etc/nsswitch.conf` that wait longer than a login may take.

use std::net::IpAddr;
use std::path::Path;

use pam_authentik_flow::config::Config;

use super::network::peer;
use crate::cli::report::Report;

/// Warns if a login looks the server's name up through nss-resolve. It waits two minutes
/// for a name server, and nothing that the module can set bounds that.
pub(super) fn look(report: &mut Report, config: &Config) {
    let (host, _, _) = peer(config);
    let name = host.trim_start_matches('[').trim_end_matches(']');
    if !config.addresses.is_empty() || name.parse::<IpAddr>().is_ok() {
        return;
    }
    let read = |path: &str| std::fs::read_to_string(Path::new(path));
    // libc has a default without nss-resolve for a missing file.
    let Ok(databases) = read("/etc/nsswitch.conf") else {
        return;
    };
    if asks_resolve(&databases, &read("/etc/hosts").unwrap_or_default(), name) {
        let instead = match config.proxy {
            None => "write the server's addresses into `addresses`, or",
            Some(_) => "write an IP address into `proxy`, or",
        };
        report.warn(
            "dns.resolve-waits",
            format!(
                "the hosts line of /etc/nsswitch.conf has `resolve`: while no name server answers, it waits two minutes for {name}, and connect_timeout does not limit it; sshd and login hang up before the module can say that authentik is unavailable"
            ),
            format!("{instead} write a line for {name} into /etc/hosts, with `files` in front of `resolve`"),
        );
    }
}

/// The action of glibc after a result of a name service (nsswitch.conf(5)).
#[derive(Debug, Clone, Copy)]
struct Continues {
    success: bool,
    not_found: bool,
    unavailable: bool,
    try_again: bool,
}

impl Continues {
    const DEFAULT: Self = Self {
        success: false,
        not_found: true,
        unavailable: true,
        try_again: true,
    };

    /// Takes a part of the brackets, such as `NOTFOUND=return` or `!UNAVAIL=return`.
    fn set(&mut self, rule: &str) {
        let Some((status, action)) = rule.split_once('=') else {
            return;
        };
        // `merge` asks the next service, too.
        let goes_on = !action.eq_ignore_ascii_case("return");
        let (is_negated, status) = match status.strip_prefix('!') {
            Some(status) => (true, status),
            None => (false, status),
        };
        for (name, value) in [
            ("success", &mut self.success),
            ("notfound", &mut self.not_found),
            ("unavail", &mut self.unavailable),
            ("tryagain", &mut self.try_again),
        ] {
            if status.eq_ignore_ascii_case(name) != is_negated {
                *value = goes_on;
            }
        }
    }
}

/// The services of the last `hosts` line, each with what follows it.
fn services(databases: &str) -> Vec<(String, Continues)> {
    let line = databases.lines().rev().find_map(|line| {
        let line = line.split('#').next()?.trim_start();
        line.strip_prefix("hosts")?.trim_start().strip_prefix(':')
    });
    let mut services: Vec<(String, Continues)> = Vec::new();
    let mut rest = line.unwrap_or_default().trim_start();
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (rules, behind) = inside.split_once(']').unwrap_or((inside, ""));
            if let Some((_, continues)) = services.last_mut() {
                rules
                    .split_ascii_whitespace()
                    .for_each(|rule| continues.set(rule));
            }
            rest = behind.trim_start();
        } else {
            let end = rest
                .find(|c: char| c.is_ascii_whitespace() || c == '[')
                .unwrap_or(rest.len());
            let (service, behind) = rest.split_at(end);
            services.push((service.to_owned(), Continues::DEFAULT));
            rest = behind.trim_start();
        }
    }
    services
}

/// Whether libc may ask nss-resolve for `name`.
fn asks_resolve(databases: &str, hosts: &str, name: &str) -> bool {
    let is_in_file = hosts.lines().any(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut names = line.split_ascii_whitespace().skip(1);
        names.any(|known| known.eq_ignore_ascii_case(name))
    });
    for (service, continues) in services(databases) {
        let goes_on = match service.as_str() {
            "resolve" => return true,
            "files" if is_in_file => continues.success,
            "files" => continues.not_found,
            // What they answer is not known here. They may fail in each of these ways.
            _ => continues.not_found || continues.unavailable || continues.try_again,
        };
        if !goes_on {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nss_resolve_is_seen_where_libc_would_ask_it() {
        let hosts = "127.0.0.1 localhost # a.example\n192.0.2.1 B.example b\n";
        for (line, name, expected) in [
            (
                "hosts: files resolve [!UNAVAIL=return] dns",
                "a.example",
                true,
            ),
            (
                "hosts: files resolve [!UNAVAIL=return] dns",
                "b.example",
                false,
            ),
            ("hosts: resolve files", "b.example", true),
            (
                "hosts:files myhostname resolve[!UNAVAIL=return]dns",
                "a.example",
                true,
            ),
            (
                "hosts: mymachines mdns4_minimal [NOTFOUND=return] resolve",
                "a.example",
                true,
            ),
            (
                "hosts: files dns [!UNAVAIL=return TRYAGAIN=return unavail=RETURN] resolve",
                "a.example",
                false,
            ),
            ("hosts: files [NOTFOUND=return] resolve", "a.example", false),
            ("hosts: files [SUCCESS=merge] resolve", "b.example", true),
            ("hosts: files dns resolve", "a.example", true),
            ("hosts: files dns", "a.example", false),
            ("hosts: files dns # resolve", "a.example", false),
            ("#hosts: resolve", "a.example", false),
            ("passwd: resolve\n  hosts : files dns", "a.example", false),
            ("hosts: resolve\nhosts: files dns", "a.example", false),
            ("", "a.example", false),
        ] {
            assert_eq!(asks_resolve(line, hosts, name), expected, "{line}: {name}");
        }
    }
}
