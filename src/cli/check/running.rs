//! Processes that still run a module which an update has replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pam_authentik_flow::host::runs_as_root;
use pam_authentik_flow::text;

use crate::cli::report::Report;

/// The most processes that a finding names.
const MOST: usize = 8;
/// Programs with a process for each login, by the kernel's name of it (15 bytes at most).
/// The next login starts a new one.
const ONE_LOGIN: [&str; 14] = [
    "sshd",
    "sshd-session",
    "sshd-auth",
    "login",
    "su",
    "sudo",
    "runuser",
    "passwd",
    "(sd-pam)",
    "gdm-session-wor",
    "lightdm",
    "sddm-helper",
    "polkit-agent-he",
    "cockpit-session",
];

/// A process with the old module.
#[derive(Debug, PartialEq, Eq)]
struct Old {
    pid: u32,
    name: String,
    /// Its unit of systemd, such as `nginx.service`.
    unit: Option<String>,
}

/// What `/proc` shows.
#[derive(Debug, Default)]
struct Seen {
    old: Vec<Old>,
    /// How many processes could not be read.
    unread: usize,
}

/// Names the processes that have loaded one of `modules`, a file that was replaced since.
pub(super) fn look(report: &mut Report, modules: &BTreeSet<PathBuf>) {
    let modules: BTreeSet<PathBuf> = modules
        .iter()
        .filter_map(|module| std::fs::canonicalize(module).ok())
        .collect();
    if modules.is_empty() || !runs_as_root() {
        return;
    }
    let Seen { old, unread } = seen(Path::new("/proc"), &modules);
    if !old.is_empty() {
        let (found, remedy) = words(&old);
        report.warn("module.replaced", found, remedy);
    }
    if unread > 0 {
        report.unknown(
            "module.processes-unread",
            format!("{unread} processes cannot be read: unknown whether they run a module that was replaced"),
            None,
        );
    }
}

fn words(old: &[Old]) -> (String, String) {
    let named: Vec<String> = old
        .iter()
        .take(MOST)
        .map(|Old { pid, name, unit }| match unit {
            Some(unit) => format!("{name} (process {pid}, {unit})"),
            None => format!("{name} (process {pid})"),
        })
        .collect();
    let more = match old.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let units: BTreeSet<&str> = old.iter().filter_map(|old| old.unit.as_deref()).collect();
    let units: Vec<&str> = units.into_iter().collect();
    let remedy = match (units.is_empty(), old.iter().any(|old| old.unit.is_none())) {
        (true, _) => "restart these programs".to_owned(),
        (false, false) => format!("systemctl restart {}", units.join(" ")),
        (false, true) => format!(
            "systemctl restart {}, and restart the other programs",
            units.join(" ")
        ),
    };
    let found = format!(
        "still run the version that was replaced: {}{more}",
        named.join(", ")
    );
    (found, remedy)
}

fn seen(proc: &Path, modules: &BTreeSet<PathBuf>) -> Seen {
    let mut seen = Seen::default();
    let Ok(entries) = std::fs::read_dir(proc) else {
        seen.unread = 1;
        return seen;
    };
    let mut pids: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable();
    for pid in pids {
        let process = proc.join(pid.to_string());
        match std::fs::read(process.join("maps")) {
            Ok(maps) if maps_deleted(&String::from_utf8_lossy(&maps), modules) => {
                seen.old.extend(old(pid, &process));
            }
            // Process 1 may be outside of this container.
            Err(error) if pid != 1 && error.kind() == std::io::ErrorKind::PermissionDenied => {
                seen.unread = seen.unread.saturating_add(1);
            }
            // It has ended.
            Ok(_) | Err(_) => {}
        }
    }
    seen
}

/// Whether a text such as `/proc/1/maps` has one of these files, deleted since.
fn maps_deleted(maps: &str, modules: &BTreeSet<PathBuf>) -> bool {
    maps.lines().any(|line| {
        let path = line
            .find('/')
            .and_then(|start| line.get(start..)?.strip_suffix(" (deleted)"));
        path.is_some_and(|path| modules.contains(Path::new(path)))
    })
}

/// The process, unless it ends with its login.
fn old(pid: u32, process: &Path) -> Option<Old> {
    let read = |name: &str| std::fs::read_to_string(process.join(name)).unwrap_or_default();
    let name = text::one_line(read("comm").trim_end(), 32);
    let group = read("cgroup");
    let group = group.trim_end();
    let ends_with_login = ONE_LOGIN.contains(&name.as_str()) || group.contains("/user.slice/");
    let unit = group
        .rsplit('/')
        .find(|part| part.ends_with(".service"))
        .map(|unit| text::one_line(unit, 64));
    (!ends_with_login).then_some(Old { pid, name, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "/usr/lib/security/pam_authentik_flow.so";

    fn process(proc: &Path, pid: u32, name: &str, group: &str, path: &str) {
        let process = proc.join(pid.to_string());
        std::fs::create_dir(&process).unwrap();
        let maps = format!(
            "7f00-7f01 r-xp 00000000 fe:00 99   [vdso]\n7f02-7f03 r-xp 00000000 fe:00 12    {path}\n"
        );
        for (file, text) in [("maps", maps.as_str()), ("comm", name), ("cgroup", group)] {
            std::fs::write(process.join(file), format!("{text}\n")).unwrap();
        }
    }

    #[test]
    fn a_program_that_stays_is_named_and_a_login_is_not() {
        let proc = tempfile::tempdir().unwrap();
        let proc = proc.path();
        let deleted = format!("{MODULE} (deleted)");
        let nginx = "0::/system.slice/nginx.service";
        process(proc, 7, "nginx", nginx, &deleted);
        process(proc, 8, "saslauthd", "0::/", &deleted);
        process(proc, 9, "new", nginx, MODULE);
        process(
            proc,
            10,
            "other",
            nginx,
            "/usr/lib/pam_authentik_flow.so (deleted)",
        );
        process(
            proc,
            11,
            "sshd-session",
            "0::/system.slice/ssh.service",
            &deleted,
        );
        process(
            proc,
            12,
            "bash",
            "0::/user.slice/user-7.slice/session-1.scope",
            &deleted,
        );
        let seen = seen(proc, &BTreeSet::from([PathBuf::from(MODULE)]));
        let named: Vec<u32> = seen.old.iter().map(|old| old.pid).collect();
        assert_eq!((named, seen.unread), (vec![7, 8], 0));
        let (found, remedy) = words(&seen.old);
        assert_eq!(
            found,
            "still run the version that was replaced: nginx (process 7, nginx.service), saslauthd (process 8)"
        );
        assert_eq!(
            remedy,
            "systemctl restart nginx.service, and restart the other programs"
        );
    }
}
