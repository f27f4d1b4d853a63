//! Lines that could not be written to the log are counted in a file of root's,
//! so that the next line that is written can say that some are missing.
//!
//! The module runs in programs that others start: nothing that a caller
//! controls decides anything here. The umask is undone by `fchmod`, the working
//! directory is not used, a small RLIMIT_FSIZE means that nothing is counted,
//! and both the directory and the file are judged by their open descriptors.
//! Whoever stops su (SIGSTOP) while it holds the lock keeps lines from being
//! counted meanwhile, and delays nobody for longer than the wait for the lock.

use std::fs::{File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, Flock, FlockArg, OFlag, openat};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::geteuid;

use crate::deadline::Deadline;

const DIRECTORY: &str = "/run/pam_authentik_flow";
const NAME: &str = "lost";
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The file holds one number in a field of this width and a newline. It always
/// has the same length, so that no write can leave half of an older number.
const WIDTH: usize = 20;
const LENGTH: u64 = 21;
/// The lock is held for as long as it takes to read and write a number.
const LOCK_POLL: Duration = Duration::from_millis(1);

/// Counts one line that was lost. Waits for the lock for `patience` at most.
///
/// Does nothing where the program does not run as root, and where the file
/// cannot be had: a log that is missing must not end a login.
pub(super) fn count_one(patience: Duration) {
    let Some(file) = open(Access::Create).and_then(|file| lock(file, patience)) else {
        return;
    };
    let count = read(&file).unwrap_or(0);
    write(&file, count.saturating_add(1));
}

/// Hands the count to `report`, where there is one, and sets it to zero if
/// `report` says that the log has it.
///
/// `report` is called with the lock held, so it must not take longer than others
/// wait for the lock. Where somebody else holds it, they are counting or
/// reporting, and the next line will come here again.
pub(super) fn report_count(report: impl FnOnce(u64) -> bool) {
    let Some(file) = open(Access::Existing) else {
        return;
    };
    // Most of the time there is nothing to report, which needs no lock.
    if read(&file).unwrap_or(0) == 0 {
        return;
    }
    let Some(file) = lock(file, Duration::ZERO) else {
        return;
    };
    match read(&file) {
        None | Some(0) => {}
        Some(count) => {
            if report(count) {
                write(&file, 0);
            }
        }
    }
}

/// Whether the file may be created.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Existing,
    Create,
}

/// The file, if it is root's and nobody else can write to it.
fn open(access: Access) -> Option<File> {
    if !geteuid().is_root() || !may_write() {
        return None;
    }
    let directory = open_directory(access)?;
    let flags = OFlag::O_RDWR
        | OFlag::O_NOFOLLOW
        | OFlag::O_CLOEXEC
        // A fifo in the file's place must not hold the login up.
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY;
    let existing = || openat(&directory, NAME, flags, Mode::empty());
    let file: File = match existing() {
        Err(Errno::ENOENT) if access == Access::Create => {
            let new = flags | OFlag::O_CREAT | OFlag::O_EXCL;
            match openat(&directory, NAME, new, Mode::from_bits_truncate(FILE_MODE)) {
                Ok(descriptor) => {
                    let file = File::from(descriptor);
                    // The umask may have taken bits away.
                    file.set_permissions(Permissions::from_mode(FILE_MODE))
                        .ok()?;
                    file
                }
                // Another login has just made it.
                Err(Errno::EEXIST) => existing().ok()?.into(),
                Err(_) => return None,
            }
        }
        other => other.ok()?.into(),
    };
    let is_file = file.metadata().ok()?.is_file();
    (is_file && is_roots_alone(&file)).then_some(file)
}

fn open_directory(access: Access) -> Option<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    // An absolute path: the working directory is not used.
    let existing = || openat(AT_FDCWD, DIRECTORY, flags, Mode::empty());
    let directory: File = match existing() {
        Err(Errno::ENOENT) if access == Access::Create => {
            let mode = Mode::from_bits_truncate(DIRECTORY_MODE);
            let made = mkdirat(AT_FDCWD, DIRECTORY, mode);
            if !matches!(made, Ok(()) | Err(Errno::EEXIST)) {
                return None;
            }
            let directory = File::from(existing().ok()?);
            if made.is_ok() && is_roots_alone(&directory) {
                directory
                    .set_permissions(Permissions::from_mode(DIRECTORY_MODE))
                    .ok()?;
            }
            directory
        }
        other => other.ok()?.into(),
    };
    is_roots_alone(&directory).then_some(directory)
}

/// Whether the open file or directory belongs to root and is writable by root alone.
fn is_roots_alone(file: &File) -> bool {
    file.metadata()
        .is_ok_and(|found| found.uid() == 0 && found.mode() & 0o022 == 0)
}

/// A write beyond RLIMIT_FSIZE raises SIGXFSZ, which would end the program.
fn may_write() -> bool {
    getrlimit(Resource::RLIMIT_FSIZE).is_ok_and(|(soft, _)| soft >= LENGTH)
}

fn lock(mut file: File, patience: Duration) -> Option<Flock<File>> {
    let deadline = Deadline::after(patience);
    loop {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Some(locked),
            Err((file, Errno::EAGAIN | Errno::EINTR)) => file,
            Err(_) => return None,
        };
        if deadline.remaining().is_zero() {
            return None;
        }
        std::thread::sleep(LOCK_POLL);
    }
}

/// The number in the file: zero for a file that was just made, nothing for one
/// that holds something else.
fn read(file: &File) -> Option<u64> {
    // One byte more than a good file has.
    let mut bytes = [0; WIDTH.saturating_add(2)];
    let length = file.read_at(&mut bytes, 0).ok()?;
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?.trim();
    if text.is_empty() {
        return Some(0);
    }
    text.parse().ok()
}

fn write(file: &File, count: u64) {
    let _ = file.write_all_at(format!("{count:<WIDTH$}\n").as_bytes(), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_back_and_never_longer_than_before() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let file = File::options()
            .read(true)
            .write(true)
            .open(path.path())
            .unwrap();
        assert_eq!(read(&file), Some(0), "a new file");
        for count in [u64::MAX, 12, 0, 7] {
            write(&file, count);
            assert_eq!(read(&file), Some(count));
            assert_eq!(file.metadata().unwrap().len(), LENGTH);
        }
        for garbage in ["-1", "a lot of words that are no number", "\u{fffd}"] {
            std::fs::write(path.path(), garbage).unwrap();
            assert_eq!(read(&file), None, "{garbage}");
        }
    }

    #[test]
    fn a_lock_that_somebody_holds_is_waited_for_and_not_for_long() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let open = || File::open(path.path()).unwrap();
        let held = lock(open(), Duration::ZERO).unwrap();
        let begun = std::time::Instant::now();
        assert!(lock(open(), Duration::from_millis(30)).is_none());
        let waited = begun.elapsed();
        assert!(waited >= Duration::from_millis(30) && waited < Duration::from_secs(2));
        drop(held);
        assert!(lock(open(), Duration::ZERO).is_some());
    }

    #[test]
    fn what_others_could_write_is_not_used() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let file = path.as_file();
        let is_root = geteuid().is_root();
        for (mode, good) in [(0o600, true), (0o644, true), (0o620, false), (0o602, false)] {
            file.set_permissions(Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_roots_alone(file), good && is_root, "{mode:o}");
        }
        if is_root {
            file.set_permissions(Permissions::from_mode(0o600)).unwrap();
            std::os::unix::fs::chown(path.path(), Some(65_534), None).unwrap();
            assert!(!is_roots_alone(file), "another owner");
        }
    }
}
