//! Lines that could not be written to the log are counted in a file that belongs to
//! root, so that the next line that is written can say that some are missing.
//!
//! The file has one byte for each lost line. A byte is appended without a lock:
//! a caller can stop su (SIGSTOP) at any point, so no login may depend on another one.
//! The process that reports the count first renames the file, which only one process
//! can do, and removes it when the log has the line. A
//! file that was claimed and is still there a while later, because the log was
//! full or the process was stopped, is claimed again by the next one.
//!
//! Nothing that a caller controls decides anything here. The umask is undone by
//! `fchmod`, the working directory is not used, a small RLIMIT_FSIZE means that
//! nothing is counted, and both the directory and the files are judged by their
//! open descriptors.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use nix::fcntl::{AtFlags, renameat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use crate::host::run::{self, Access, open, open_directory};
use crate::sys::since_boot;

const NAME: &str = "lost";
/// What the name of a claimed file begins with. When it was claimed follows, in
/// milliseconds since the machine was started, and by which process.
const CLAIMED: &str = "lost.";
/// Lines beyond this many are not counted any more.
pub(super) const MAX_COUNT: u64 = run::ROOM;
/// A claimed file is claimed again after this time. It takes a tenth of a second
/// to report a count.
const CLAIM_EXPIRES: Duration = Duration::from_secs(10);
/// How many claimed files one report reads.
const MAX_CLAIMED: usize = 16;

/// Counts one line that was lost.
///
/// Does nothing if the program does not run as root, or if the file cannot be opened: a
/// missing log must not end a login.
pub(super) fn count_one() {
    let file =
        open_directory(Access::Create).and_then(|directory| open(&directory, NAME, Access::Create));
    let Some(mut file) = file else { return };
    if file.metadata().is_ok_and(|file| file.len() < MAX_COUNT) {
        // Appending one byte is atomic.
        let _ = file.write_all(b".");
    }
}

/// Gives the count to `report`, if there is one, and resets it if `report` says that
/// the log has the line.
pub(super) fn report_count(report: impl FnOnce(u64) -> bool) {
    let Some(directory) = open_directory(Access::Existing) else {
        return;
    };
    let Some(now) = since_boot() else { return };
    let waiting = waiting(&directory, now);
    // Most of the time there is nothing to report.
    if waiting.is_empty() {
        return;
    }
    let mut claimed = Vec::new();
    let mut count = 0_u64;
    for (number, name) in waiting.iter().enumerate() {
        let own = format!(
            "{CLAIMED}{}.{}.{number}",
            now.as_millis(),
            nix::unistd::getpid()
        );
        // A process that comes second finds that the file has been renamed.
        if renameat(&directory, name.as_str(), &directory, own.as_str()).is_err() {
            continue;
        }
        if let Some(file) = open(&directory, &own, Access::Existing) {
            let length = file.metadata().map_or(0, |file| file.len());
            count = count.saturating_add(length);
        }
        claimed.push(own);
    }
    let is_reported = count == 0 || report(count);
    for name in claimed {
        let name = name.as_str();
        // If new lines were lost in the meantime, the claim has to expire.
        if is_reported || give_back(&directory, name).is_ok() {
            let _ = unlinkat(&directory, name, UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// Gives a claimed file its old name, unless another file has it now.
fn give_back(directory: &File, name: &str) -> nix::Result<()> {
    linkat(directory, name, directory, NAME, AtFlags::empty())
}

/// The files whose lines no process is reporting now.
fn waiting(directory: &File, now: Duration) -> Vec<String> {
    run::names(directory)
        .filter(|name| name == NAME || is_expired(name, now))
        .filter(|name| open(directory, name, Access::Existing).is_some())
        .take(MAX_CLAIMED)
        .collect()
}

/// Whether this is the name of a file that was claimed long ago.
fn is_expired(name: &str, now: Duration) -> bool {
    name.strip_prefix(CLAIMED)
        .and_then(|rest| rest.split('.').next())
        .and_then(|claimed| claimed.parse().ok())
        .is_some_and(|claimed| {
            // A time in the future belongs to an earlier boot.
            now.checked_sub(Duration::from_millis(claimed))
                .is_none_or(|age| age > CLAIM_EXPIRES)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_expires() {
        let now = Duration::from_secs(100);
        for (name, expired) in [
            ("lost.89000.1.0", true),
            ("lost.95000.1.0", false),
            // Of another boot, in a directory that outlived it.
            ("lost.200000.1.0", true),
            ("lost.x.1.0", false),
            ("lost.", false),
            ("lost", false),
            ("other.1.1.0", false),
        ] {
            assert_eq!(is_expired(name, now), expired, "{name}");
        }
    }
}
