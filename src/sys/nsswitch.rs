//! Who answers for a host's name: the `hosts` line of `/etc/nsswitch.conf`, as glibc reads
//! it (nsswitch.conf(5)).

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::path::Path;

use super::Family;

const NSSWITCH_CONF: &str = "/etc/nsswitch.conf";
const HOSTS_FILE: &str = "/etc/hosts";
/// The containers that nss-mymachines knows.
const MACHINES: &str = "/run/systemd/machines";
/// The longest file that is read, in bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Whether glibc asks nss-resolve for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsksResolve {
    /// It does not.
    No,
    /// It does. Beside systemd-resolved only name servers may know the name.
    Yes,
    /// It may. Another service may know the name, too, so a silent systemd-resolved does
    /// not mean that the name has no address.
    Perhaps,
}

/// Whether `getaddrinfo(3)` asks nss-resolve for the addresses of `name`.
#[must_use]
pub fn asks_resolve(name: &str, family: Family) -> AsksResolve {
    if !cfg!(target_env = "gnu") || name.parse::<IpAddr>().is_ok() {
        return AsksResolve::No;
    }
    // Without the file glibc asks `dns` and `files`.
    let databases = text_of(NSSWITCH_CONF).unwrap_or_default();
    judge(&databases, name, || {
        let hosts = text_of(HOSTS_FILE);
        // If the file cannot be read here, it may have the name.
        hosts.is_none_or(|hosts| addresses_in(&hosts, name).any(|ip| family.has(ip)))
    })
}

/// The text of a file; empty if there is none. `None` if that is unknown.
fn text_of(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => {
            let most = MAX_BYTES.saturating_add(1);
            file.take(most).read_to_end(&mut bytes).ok()?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) => return None,
    }
    let length = u64::try_from(bytes.len()).ok()?;
    (length <= MAX_BYTES).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// The addresses that a text such as `/etc/hosts` has for `name` (hosts(5)).
pub fn addresses_in<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
    text.lines().filter_map(move |line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        let address = words.next()?.parse().ok()?;
        let mut names = words;
        names
            .any(|known| known.eq_ignore_ascii_case(name))
            .then_some(address)
    })
}

fn judge(databases: &str, name: &str, is_in_hosts_file: impl Fn() -> bool) -> AsksResolve {
    let (mut is_asked, mut others_may_know) = (false, false);
    for (service, continues) in services(databases) {
        let may_fail = continues.unavailable || continues.try_again;
        let (knows, goes_on) = match service {
            "resolve" => {
                is_asked = true;
                (false, may_fail)
            }
            "files" => match is_in_hosts_file() {
                true => (true, continues.success),
                false => (false, continues.not_found),
            },
            // Behind `resolve`, the name servers are asked again before they count as dead.
            "dns" => (!is_asked, may_fail || continues.not_found),
            _ => (may_know(service, name), may_fail || continues.not_found),
        };
        others_may_know |= knows;
        if !goes_on {
            break;
        }
    }
    match (is_asked, others_may_know) {
        (false, _) => AsksResolve::No,
        (true, false) => AsksResolve::Yes,
        (true, true) => AsksResolve::Perhaps,
    }
}

/// Whether a service other than `files`, `dns` and `resolve` may know `name`.
fn may_know(service: &str, name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    match service {
        "myhostname" => {
            let own = nix::unistd::gethostname().unwrap_or_default();
            let has_end = |end| name.ends_with(end);
            own.eq_ignore_ascii_case(name.as_str())
                || name.starts_with('_')
                || ["localhost", "localdomain"].into_iter().any(has_end)
        }
        "mymachines" => Path::new(MACHINES).join(&name).exists(),
        _ if service.starts_with("mdns") => name.ends_with(".local"),
        _ => true,
    }
}

/// Whether glibc goes on to the next service after a result.
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
fn services(databases: &str) -> Vec<(&str, Continues)> {
    let line = databases.lines().rev().find_map(|line| {
        let line = line.split('#').next()?.trim_start();
        line.strip_prefix("hosts")?.trim_start().strip_prefix(':')
    });
    let mut services: Vec<(&str, Continues)> = Vec::new();
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
            services.push((service, Continues::DEFAULT));
            rest = behind.trim_start();
        }
    }
    services
}

#[cfg(test)]
mod tests {
    use super::AsksResolve::{No, Perhaps, Yes};
    use super::*;

    #[test]
    fn a_hosts_file_is_read_as_libc_reads_it() {
        let text = "\
            192.0.2.1 authentik.example.com authentik # 192.0.2.9 authentik\n\
            # 192.0.2.2 authentik\n\
            2001:db8::1\tAuthentik.Example.com\n\
            192.0.2.3 other authentik2\n\
            junk authentik\n";
        let found = |host| -> Vec<String> {
            addresses_in(text, host)
                .map(|address| address.to_string())
                .collect()
        };
        assert_eq!(found("authentik"), ["192.0.2.1"]);
        assert_eq!(found("authentik.example.com"), ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(found("nobody"), [""; 0]);
    }

    /// The file has `b.example`.
    #[test]
    fn nss_resolve_is_seen_where_libc_would_ask_it() {
        for (line, name, expected) in [
            // The defaults of Debian, Fedora and Arch.
            (
                "hosts: files resolve [!UNAVAIL=return] dns",
                "a.example",
                Yes,
            ),
            (
                "hosts: files resolve [!UNAVAIL=return] dns",
                "b.example",
                No,
            ),
            (
                "hosts: files myhostname mdns4_minimal [NOTFOUND=return] resolve [!UNAVAIL=return] dns",
                "a.example",
                Yes,
            ),
            (
                "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns",
                "a.example",
                Yes,
            ),
            (
                "hosts: mymachines resolve [!UNAVAIL=return] files myhostname dns",
                "b.example",
                Perhaps,
            ),
            ("hosts: resolve files", "b.example", Perhaps),
            // nss-resolve has answered then, or has failed for good.
            (
                "hosts: resolve [UNAVAIL=return TRYAGAIN=return] files",
                "b.example",
                Yes,
            ),
            (
                "hosts:files myhostname resolve[!UNAVAIL=return]dns",
                "a.example",
                Yes,
            ),
            // Services that may know the name themselves.
            ("hosts: files myhostname resolve", "localhost", Perhaps),
            ("hosts: files myhostname resolve", "_gateway", Perhaps),
            ("hosts: files mdns4_minimal resolve", "a.local", Perhaps),
            ("hosts: files mdns4_minimal resolve", "a.local.", Perhaps),
            ("hosts: files dns resolve", "a.example", Perhaps),
            ("hosts: files libvirt resolve", "a.example", Perhaps),
            (
                "hosts: files resolve [!UNAVAIL=return] wins",
                "a.example",
                Perhaps,
            ),
            // glibc does not come to it.
            (
                "hosts: files dns [!UNAVAIL=return TRYAGAIN=return unavail=RETURN] resolve",
                "a.example",
                No,
            ),
            ("hosts: files [NOTFOUND=return] resolve", "a.example", No),
            ("hosts: files [SUCCESS=merge] resolve", "b.example", Perhaps),
            ("hosts: files dns", "a.example", No),
            ("hosts: files dns # resolve", "a.example", No),
            ("#hosts: resolve", "a.example", No),
            ("passwd: resolve\n  hosts : files dns", "a.example", No),
            ("hosts: resolve\nhosts: files dns", "a.example", No),
            ("hosts: files dns\n\thosts:\tresolve", "a.example", Yes),
            ("", "a.example", No),
        ] {
            let found = judge(line, name, || name == "b.example");
            assert_eq!(found, expected, "{line}: {name}");
        }
        assert_eq!(asks_resolve("192.0.2.1", Family::Any), No);
    }
}
