//! Files that decide what the module trusts. They are opened first and then checked by
//! their open descriptors, so the file that is read is the file that was checked.

use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use zeroize::Zeroizing;

/// What a file is for, and so how strictly it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The configuration: others may read it.
    Configuration,
    /// Certificates to trust: others may read them, and links are followed, because the
    /// distributions' bundles are links.
    Certificates,
    /// A key: not a link, and readable only by its owner.
    Secret,
    /// What the module has noted: others may read it, and it is not a link.
    Note,
}

/// Why a file is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// It cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It exists, or may exist, and this process has no right to open it.
    #[error("cannot be read: {0}")]
    NotAllowed(String),
    /// The host has no descriptor or no memory left to open it.
    #[error("cannot be read, because this host is out of resources: {0}")]
    HostFailed(String),
    /// It is a directory, a device or the like.
    #[error("is not a regular file")]
    NotAFile,
    /// It belongs neither to root nor to the effective user.
    #[error("belongs to uid {owner}; it must belong to root")]
    ForeignOwner {
        /// Its owner.
        owner: u32,
    },
    /// Others than its owner can write to it.
    #[error("can be written by others (mode {mode:04o})")]
    WritableByOthers {
        /// Its permission bits.
        mode: u32,
    },
    /// A secret that others than its owner can read.
    #[error("can be read by others (mode {mode:04o})")]
    ReadableByOthers {
        /// Its permission bits.
        mode: u32,
    },
    /// A link, a file or something else instead of a directory.
    #[error("is not a directory")]
    NotADirectory,
    /// A directory with too many files.
    #[error("holds too many files")]
    TooManyFiles,
    /// It holds something else than expected.
    #[error("has unexpected content")]
    NotUnderstood,
    /// It cannot be written.
    #[error("cannot be written: {0}")]
    NotWritten(String),
    /// Larger than any such file.
    #[error("is larger than {MAX_BYTES} bytes")]
    TooLarge,
}

impl FileFault {
    /// The command that repairs it, without the path at its end.
    #[must_use]
    pub fn command(&self) -> Option<&'static str> {
        match self {
            Self::ForeignOwner { .. } => Some("chown root"),
            Self::WritableByOthers { .. } => Some("chmod go-w"),
            Self::ReadableByOthers { .. } => Some("chmod 600"),
            _ => None,
        }
    }
}

/// The distributions' bundles of certificates have a few hundred kilobytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a file that only root can have written, or the effective user if the module
/// does not run as root (a screen locker).
///
/// # Errors
/// The [`FileFault`] that keeps it from being used.
pub fn read_trusted_file(path: &Path, kind: FileKind) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    read_from(AT_FDCWD, path, kind)
}

/// Reads a file as [`read_trusted_file`] does; a relative path starts at `directory`.
pub(super) fn read_from(
    directory: BorrowedFd<'_>,
    path: &Path,
    kind: FileKind,
) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let mut bytes = Zeroizing::new(Vec::new());
    read_into(directory, path, kind, &mut bytes)?;
    Ok(bytes)
}

/// Reads a file as [`read_from`] does; `None` if there is no such file.
pub(super) fn find_in(
    directory: BorrowedFd<'_>,
    path: &Path,
    kind: FileKind,
) -> Result<Option<Zeroizing<Vec<u8>>>, FileFault> {
    let mut bytes = Zeroizing::new(Vec::new());
    match open(directory, path, kind) {
        Ok(file) => read_open(file, kind, &mut bytes).map(|()| Some(bytes)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(unreadable(error.into())),
    }
}

/// Reads a file of certificates in the same way. They are public, so the buffer is
/// an ordinary one: wiping a bundle byte by byte costs as much as parsing a fifth of it.
///
/// # Errors
/// The [`FileFault`] that keeps it from being used.
pub fn read_public_file(path: &Path) -> Result<Vec<u8>, FileFault> {
    let mut bytes = Vec::new();
    read_into(AT_FDCWD, path, FileKind::Certificates, &mut bytes)?;
    Ok(bytes)
}

/// Reads the file into `bytes`, which is empty and has no buffer yet.
fn read_into(
    directory: BorrowedFd<'_>,
    path: &Path,
    kind: FileKind,
    bytes: &mut Vec<u8>,
) -> Result<(), FileFault> {
    let file = open(directory, path, kind).map_err(|error| unreadable(error.into()))?;
    read_open(file, kind, bytes)
}

fn open(directory: BorrowedFd<'_>, path: &Path, kind: FileKind) -> nix::Result<File> {
    // Without O_NONBLOCK a fifo instead of the file would block the login.
    let mut flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    if matches!(kind, FileKind::Secret | FileKind::Note) {
        flags |= OFlag::O_NOFOLLOW;
    }
    loop {
        match openat(directory, path, flags, Mode::empty()) {
            // A signal for the application.
            Err(Errno::EINTR) => {}
            other => return other.map(File::from),
        }
    }
}

/// Judges an open file, and reads it.
fn read_open(file: File, kind: FileKind, bytes: &mut Vec<u8>) -> Result<(), FileFault> {
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(FileFault::NotAFile);
    }
    judge_owner_and_mode(metadata.uid(), metadata.mode())?;
    let mode = metadata.mode() & 0o7777;
    if kind == FileKind::Secret && mode & 0o077 != 0 {
        return Err(FileFault::ReadableByOthers { mode });
    }
    if metadata.len() > MAX_BYTES {
        return Err(FileFault::TooLarge);
    }
    // If there is room for less than 32 bytes, the standard library reads through a
    // buffer on the stack, which nobody wipes.
    let expected = usize::try_from(metadata.len())
        .unwrap_or(0)
        .saturating_add(64);
    bytes.reserve_exact(expected);
    file.take(MAX_BYTES.saturating_add(1))
        .read_to_end(bytes)
        .map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(FileFault::TooLarge);
    }
    Ok(())
}

/// Whether only root, or the effective user, can have written a file with this owner
/// and mode.
pub(super) fn judge_owner_and_mode(owner: u32, mode: u32) -> Result<(), FileFault> {
    if !is_trusted(owner, nix::unistd::geteuid().as_raw()) {
        return Err(FileFault::ForeignOwner { owner });
    }
    let mode = mode & 0o7777;
    if mode & 0o022 != 0 {
        return Err(FileFault::WritableByOthers { mode });
    }
    Ok(())
}

/// Whether a process of the user `me` trusts the owner of a file.
fn is_trusted(owner: u32, me: u32) -> bool {
    owner == 0 || owner == me
}

/// The fault of a file that cannot be opened or read.
pub(super) fn unreadable(error: std::io::Error) -> FileFault {
    let text = error.to_string();
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        FileFault::NotAllowed(text)
    } else if super::is_host_failure(&error) {
        FileFault::HostFailed(text)
    } else {
        FileFault::Unreadable(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn file(dir: &tempfile::TempDir, mode: u32) -> std::path::PathBuf {
        let path = dir.path().join("file");
        // One without the right to write stays as it is for an ordinary user.
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, "text").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn files_that_others_can_write_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o644, 0o400, 0o755] {
            let read = read_trusted_file(&file(&dir, mode), FileKind::Configuration);
            assert_eq!(read.unwrap().as_slice(), b"text", "{mode:o}");
        }
        for mode in [0o622, 0o602, 0o660, 0o666] {
            let read = read_trusted_file(&file(&dir, mode), FileKind::Configuration);
            assert_eq!(read, Err(FileFault::WritableByOthers { mode }), "{mode:o}");
        }
    }

    #[test]
    fn certificates_are_read_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_public_file(&file(&dir, 0o644)).unwrap(), b"text");
    }

    #[test]
    fn a_program_that_is_started_meanwhile_gets_no_open_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = open(AT_FDCWD, &file(&dir, 0o600), FileKind::Secret).unwrap();
        let flags = fcntl(&file, FcntlArg::F_GETFD).unwrap();
        assert_eq!(flags, FdFlag::FD_CLOEXEC.bits());
        let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL).unwrap());
        assert!(flags.contains(OFlag::O_NONBLOCK), "{flags:?}");
    }

    #[test]
    fn root_trusts_root_and_others_trust_root_and_themselves() {
        let trusted = |me| [0, 7, 1000].map(|owner| is_trusted(owner, me));
        assert_eq!(trusted(0), [true, false, false]);
        assert_eq!(trusted(1000), [true, false, true]);
    }

    #[test]
    fn a_secret_is_for_its_owner_alone_and_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, 0o640);
        let read = read_trusted_file(&path, FileKind::Secret);
        assert_eq!(read, Err(FileFault::ReadableByOthers { mode: 0o640 }));
        let path = file(&dir, 0o600);
        assert!(read_trusted_file(&path, FileKind::Secret).is_ok());
        let link = dir.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(matches!(
            read_trusted_file(&link, FileKind::Secret),
            Err(FileFault::Unreadable(_))
        ));
        assert!(read_trusted_file(&link, FileKind::Certificates).is_ok());
    }

    #[test]
    fn a_file_has_at_most_four_megabytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, 0o600);
        let sized = |bytes: u64| {
            let file = File::options().write(true).open(&path).unwrap();
            file.set_len(bytes).unwrap();
            read_trusted_file(&path, FileKind::Secret)
        };
        assert_eq!(sized(4_194_304).map(|text| text.len()), Ok(4_194_304));
        assert_eq!(sized(4_194_305), Err(FileFault::TooLarge));
    }

    #[test]
    fn a_fault_that_a_command_repairs_names_it() {
        for (fault, command) in [
            (FileFault::ForeignOwner { owner: 7 }, Some("chown root")),
            (
                FileFault::WritableByOthers { mode: 0o666 },
                Some("chmod go-w"),
            ),
            (
                FileFault::ReadableByOthers { mode: 0o644 },
                Some("chmod 600"),
            ),
            (FileFault::NotAFile, None),
            (FileFault::TooLarge, None),
        ] {
            assert_eq!(fault.command(), command, "{fault}");
        }
    }

    #[test]
    fn a_host_without_descriptors_or_memory_is_no_fault_of_the_file() {
        for (errno, fails) in [
            (Errno::EMFILE, true),
            (Errno::ENOMEM, true),
            (Errno::EACCES, false),
            (Errno::ENOENT, false),
        ] {
            let fault = unreadable(errno.into());
            assert_eq!(matches!(fault, FileFault::HostFailed(_)), fails, "{errno}");
        }
    }

    #[test]
    fn a_path_that_is_not_a_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            read_trusted_file(dir.path(), FileKind::Certificates),
            Err(FileFault::NotAFile)
        );
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(
            read_trusted_file(&fifo, FileKind::Configuration),
            Err(FileFault::NotAFile)
        );
        let missing = read_trusted_file(&dir.path().join("none"), FileKind::Configuration);
        assert!(matches!(missing, Err(FileFault::Unreadable(_))));
    }

    /// A user who can write to the folder keeps replacing one file by another.
    #[test]
    fn the_file_that_was_checked_is_the_one_that_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let lay = |name: &str, text: &str, mode: u32| {
            let from = dir.path().join(name);
            std::fs::write(&from, text).unwrap();
            std::fs::set_permissions(&from, std::fs::Permissions::from_mode(mode)).unwrap();
            from
        };
        let good = lay("good", "good", 0o600);
        let bad = lay("bad", "bad", 0o666);
        std::fs::hard_link(&good, &path).unwrap();
        let done = std::sync::atomic::AtomicBool::new(false);
        let over = std::sync::atomic::Ordering::Relaxed;
        let (mut taken, mut refused) = (0, 0);
        #[allow(clippy::disallowed_methods, reason = "two who race, in a test")]
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let next = dir.path().join("next");
                while !done.load(over) {
                    for from in [&bad, &good] {
                        std::fs::hard_link(from, &next).unwrap();
                        std::fs::rename(&next, &path).unwrap();
                    }
                }
            });
            let begun = std::time::Instant::now();
            while begun.elapsed() < std::time::Duration::from_secs(1) {
                match read_trusted_file(&path, FileKind::Configuration) {
                    Ok(text) if text.as_slice() == b"good" => taken += 1,
                    Ok(_) => {
                        done.store(true, over);
                        panic!("the file that was read is not the one that was checked");
                    }
                    Err(FileFault::WritableByOthers { .. }) => refused += 1,
                    Err(other) => {
                        done.store(true, over);
                        panic!("{other}");
                    }
                }
            }
            done.store(true, over);
        });
        assert!(taken > 100 && refused > 100, "{taken} and {refused}");
    }

    #[test]
    fn a_foreign_owner_is_refused() {
        if !nix::unistd::geteuid().is_root() {
            // An ordinary user cannot give a file away; the run as root covers it.
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, 0o600);
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        let read = read_trusted_file(&path, FileKind::Configuration);
        assert_eq!(read, Err(FileFault::ForeignOwner { owner: 65_534 }));
    }
}
