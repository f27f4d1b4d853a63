//! The properties of a process that a PAM module must not change.

use nix::sys::signal::{SigSet, SigmaskHow, pthread_sigmask};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// A snapshot of the calling process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    /// Open descriptors: what each is, and whether it is closed on exec.
    pub descriptors: BTreeMap<i32, Descriptor>,
    /// The names of the threads.
    pub threads: Vec<String>,
    /// Child processes, running or unreaped.
    pub children: Vec<String>,
    /// Signals that are not at their default: ignored or handled, with flags.
    pub dispositions: BTreeMap<i32, String>,
    /// Blocked signals.
    pub blocked: Vec<i32>,
    /// The working directory.
    pub cwd: String,
    /// The file mode creation mask.
    pub umask: String,
    /// Real, effective and saved user IDs, then group IDs.
    pub ids: [u32; 6],
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The locale, as `setlocale` tells it.
    pub locale: String,
    /// Whether core dumps and debuggers are allowed (`PR_GET_DUMPABLE`).
    pub dumpable: i32,
    /// Resource limits: soft and hard.
    pub limits: BTreeMap<String, (u64, u64)>,
}

/// An open descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// What `/proc/self/fd` says it is.
    pub target: String,
    /// Whether it is closed on exec.
    pub close_on_exec: bool,
}

impl HostState {
    /// Takes a snapshot. It opens `/proc` and leaves nothing open.
    pub fn now() -> HostState {
        let (dispositions, blocked) = signals();
        HostState {
            descriptors: descriptors(),
            threads: threads(),
            children: children(),
            dispositions,
            blocked,
            cwd: fs::read_link("/proc/self/cwd")
                .map(|p| p.to_string_lossy().into_owned())
                .unwrap_or_default(),
            umask: status_line("Umask:"),
            ids: ids(),
            environment: std::env::vars_os()
                .map(|(name, value)| {
                    (
                        name.to_string_lossy().into_owned(),
                        value.to_string_lossy().into_owned(),
                    )
                })
                .collect(),
            locale: locale(),
            // SAFETY: this operation takes no further arguments.
            dumpable: unsafe { libc::prctl(libc::PR_GET_DUMPABLE) },
            limits: limits(),
        }
    }

    /// The differences, in words. Empty if there are none.
    pub fn differences(&self, later: &HostState) -> Vec<String> {
        let mut found = Vec::new();
        let mut note = |what: &str, before: String, after: String| {
            if before != after {
                found.push(format!("{what}: was {before}, is {after}"));
            }
        };
        let fds: BTreeSet<_> = self
            .descriptors
            .keys()
            .chain(later.descriptors.keys())
            .collect();
        for fd in fds {
            let show = |state: &HostState| match state.descriptors.get(fd) {
                None => String::from("closed"),
                Some(d) if d.close_on_exec => d.target.clone(),
                Some(d) => format!("{} (not close-on-exec)", d.target),
            };
            note(&format!("descriptor {fd}"), show(self), show(later));
        }
        let debug = |value: &dyn std::fmt::Debug| format!("{value:?}");
        note("threads", debug(&self.threads), debug(&later.threads));
        note("children", debug(&self.children), debug(&later.children));
        note(
            "signal dispositions",
            debug(&self.dispositions),
            debug(&later.dispositions),
        );
        note(
            "blocked signals",
            debug(&self.blocked),
            debug(&later.blocked),
        );
        note("working directory", self.cwd.clone(), later.cwd.clone());
        note("umask", self.umask.clone(), later.umask.clone());
        note("user and group IDs", debug(&self.ids), debug(&later.ids));
        note(
            "environment",
            debug(&self.environment),
            debug(&later.environment),
        );
        note("locale", self.locale.clone(), later.locale.clone());
        note("dumpable", debug(&self.dumpable), debug(&later.dumpable));
        note("resource limits", debug(&self.limits), debug(&later.limits));
        found
    }
}

/// Open descriptors that a program would inherit if it started now.
pub(crate) fn inheritable() -> BTreeSet<i32> {
    descriptors()
        .into_iter()
        .filter(|(_, descriptor)| !descriptor.close_on_exec)
        .map(|(fd, _)| fd)
        .collect()
}

fn descriptors() -> BTreeMap<i32, Descriptor> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return BTreeMap::new();
    };
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    // The directory has been closed by now, so its own descriptor has no link.
    names
        .iter()
        .filter_map(|name| {
            let fd: i32 = name.to_str()?.parse().ok()?;
            let target = fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
            // SAFETY: asks for the flags of a number; a closed one is an error.
            let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
            (flags >= 0).then(|| {
                let descriptor = Descriptor {
                    target: String::from_utf8_lossy(target.as_os_str().as_bytes()).into_owned(),
                    close_on_exec: flags & libc::FD_CLOEXEC != 0,
                };
                (fd, descriptor)
            })
        })
        .collect()
}

fn threads() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .collect();
    names.sort();
    names
}

/// Processes whose parent is this one.
fn children() -> Vec<String> {
    let me = std::process::id().to_string();
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .as_bytes()
                .iter()
                .all(|b| b.is_ascii_digit())
        })
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| {
            // PID (name) state parent …; the name may hold anything.
            let (head, tail) = stat.rsplit_once(')')?;
            let parent = tail.split_whitespace().nth(1)?;
            (parent == me).then(|| format!("{head})"))
        })
        .collect();
    found.sort();
    found
}

fn signals() -> (BTreeMap<i32, String>, Vec<i32>) {
    let mut dispositions = BTreeMap::new();
    for signal in 1..=64 {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: this changes nothing; `action` is writable. The call refuses numbers that are
        // not signals.
        let code = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
        if code != 0 {
            continue;
        }
        // SAFETY: filled in by the call, and zeroed before it.
        let action = unsafe { action.assume_init() };
        let what = match action.sa_sigaction {
            libc::SIG_DFL => continue,
            libc::SIG_IGN => String::from("ignored"),
            handler => format!("handled at {handler:#x}"),
        };
        dispositions.insert(signal, format!("{what}, flags {:#x}", action.sa_flags));
    }
    let mut mask = SigSet::empty();
    // Cannot fail: it only asks.
    let _ = pthread_sigmask(SigmaskHow::SIG_BLOCK, None, Some(&mut mask));
    let blocked = mask.iter().map(|signal| signal as i32).collect();
    (dispositions, blocked)
}

fn status_line(key: &str) -> String {
    fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .map(|value| value.trim().to_owned())
        .unwrap_or_default()
}

fn ids() -> [u32; 6] {
    let mut ids = [u32::MAX; 6];
    if let Ok(user) = nix::unistd::getresuid() {
        ids[0] = user.real.as_raw();
        ids[1] = user.effective.as_raw();
        ids[2] = user.saved.as_raw();
    }
    if let Ok(group) = nix::unistd::getresgid() {
        ids[3] = group.real.as_raw();
        ids[4] = group.effective.as_raw();
        ids[5] = group.saved.as_raw();
    }
    ids
}

fn locale() -> String {
    // SAFETY: a null locale only asks.
    let name = unsafe { libc::setlocale(libc::LC_ALL, std::ptr::null()) };
    if name.is_null() {
        return String::new();
    }
    // SAFETY: checked above; the string ends in NUL and is read at once.
    let name = unsafe { std::ffi::CStr::from_ptr(name) };
    name.to_string_lossy().into_owned()
}

fn limits() -> BTreeMap<String, (u64, u64)> {
    use nix::sys::resource::{Resource, getrlimit};
    [
        ("open files", Resource::RLIMIT_NOFILE),
        ("core size", Resource::RLIMIT_CORE),
        ("processes", Resource::RLIMIT_NPROC),
        ("address space", Resource::RLIMIT_AS),
        ("file size", Resource::RLIMIT_FSIZE),
        ("locked memory", Resource::RLIMIT_MEMLOCK),
        ("stack", Resource::RLIMIT_STACK),
    ]
    .into_iter()
    .filter_map(|(name, which)| Some((name.to_owned(), getrlimit(which).ok()?)))
    .collect()
}
