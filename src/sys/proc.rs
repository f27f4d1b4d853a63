//! What the kernel says of a process: its start, its audit session, and the boot.
//!
//! Everything is read from `/proc`, and only if that is the kernel's own file system:
//! where it is missing or something else, nothing is known.

use std::fs::File;
use std::io::Read;

use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

/// More than any of these files has.
const MOST: u64 = 4096;
/// The value of an ID that was never set.
const UNSET: u32 = u32::MAX;

/// One process, told from every other one that has or had its number: no two processes of
/// a boot have the same number and begin in the same tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessMark {
    /// Its number.
    pub pid: u32,
    /// When it was started, in ticks since the boot. An exec does not change it.
    pub start: u64,
}

/// The audit session of a process: the kernel gives it a new number when the login user
/// ID is set, and to every child the same one. Nobody can choose a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditSession {
    /// Its number in this boot.
    pub id: u32,
    /// Who logged in. It stays the same when a process changes its user ID.
    pub login_uid: u32,
}

impl ProcessMark {
    /// The mark of this process, and that of its parent, if `/proc` shows it.
    #[must_use]
    pub fn of_this_process() -> Option<(Self, Option<Self>)> {
        let (mark, parent) = stat("self")?;
        Some((mark, Self::of(parent)))
    }

    /// The mark of the process that has this number now; `None` if there is none, or it
    /// has ended and nobody has waited for it.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        stat(&pid.to_string()).map(|(mark, _)| mark)
    }

    /// Whether this process still runs.
    #[must_use]
    pub fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

impl AuditSession {
    /// That of this process; `None` if it has none, or the kernel has no audit.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        Self::of_path("self")
    }

    /// That of the process with this number.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        Self::of_path(&pid.to_string())
    }

    fn of_path(process: &str) -> Option<Self> {
        let number = |name: &str| {
            let text = kernel_file(&format!("/proc/{process}/{name}"))?;
            text.parse().ok().filter(|number| *number != UNSET)
        };
        Some(Self {
            id: number("sessionid")?,
            login_uid: number("loginuid")?,
        })
    }
}

/// The ID of this boot.
#[must_use]
pub fn boot_id() -> Option<String> {
    kernel_file("/proc/sys/kernel/random/boot_id").filter(|id| !id.is_empty())
}

/// The mark of a process that runs, and the number of its parent.
fn stat(process: &str) -> Option<(ProcessMark, u32)> {
    parse_stat(&kernel_file(&format!("/proc/{process}/stat"))?)
}

fn parse_stat(text: &str) -> Option<(ProcessMark, u32)> {
    let pid = text.split(' ').next()?.parse().ok()?;
    // The name is in parentheses, and the program chose what stands between them.
    let (_, rest) = text.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    // proc(5): the state is field 3, the start is field 22.
    let start = fields.nth(17)?.parse().ok()?;
    Some((ProcessMark { pid, start }, parent))
}

/// The text of a file that the kernel itself makes, without the line's end.
fn kernel_file(path: &str) -> Option<String> {
    let file = File::open(path).ok()?;
    let is_kernels = fstatfs(&file).is_ok_and(|found| found.filesystem_type() == PROC_SUPER_MAGIC);
    if !is_kernels {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes).ok()?;
    // A program may choose a name that is not UTF-8.
    let text = String::from_utf8_lossy(&bytes);
    Some(text.trim_end_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_pretend_a_start() {
        let rest = "S 7 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 555 1 2 3";
        for name in ["sshd", "a) S 9 9", ") R 1 1 1 1", "\u{fffd}"] {
            let stat = parse_stat(&format!("42 ({name}) {rest}"));
            let mark = ProcessMark {
                pid: 42,
                start: 555,
            };
            assert_eq!(stat, Some((mark, 7)), "{name}");
        }
        let ended = rest.replacen('S', "Z", 1);
        assert_eq!(parse_stat(&format!("42 (sshd) {ended}")), None);
        for text in ["", "42", "42 (sshd)", "42 (sshd) S", "x (sshd) S 7 1"] {
            assert_eq!(parse_stat(text), None, "{text}");
        }
    }

    #[test]
    fn this_process_is_alive_and_another_of_its_number_is_not() {
        let (mark, parent) = ProcessMark::of_this_process().unwrap();
        assert!(mark.is_alive() && parent.unwrap().is_alive());
        let earlier = ProcessMark {
            start: mark.start - 1,
            ..mark
        };
        assert!(!earlier.is_alive());
    }

    #[test]
    fn a_text_that_is_not_the_kernels_is_ignored() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "7\n").unwrap();
        assert_eq!(kernel_file(file.path().to_str().unwrap()), None);
        assert!(boot_id().is_some_and(|id| id.len() == 36));
    }
}
