//! `/run/pam_authentik_flow`: what the module notes until the next boot. Root alone can
//! read and write it.
//!
//! Nothing that a caller controls decides anything here. The umask is undone by
//! `fchmod`, the working directory is not used, a small RLIMIT_FSIZE means that
//! nothing is written, and both the directory and the files are judged by their
//! open descriptors.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use zeroize::Zeroizing;

use super::file::{FileKind, find_in};

/// The directory.
pub(crate) const DIRECTORY: &str = "/run/pam_authentik_flow";
/// No file in it is larger.
pub(crate) const ROOM: u64 = 1 << 20;
/// Opens a file for writing only if it does not exist yet.
pub(super) const NEW_FILE: OFlag = OFlag::O_WRONLY
    .union(OFlag::O_CREAT)
    .union(OFlag::O_EXCL)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC)
    .union(OFlag::O_NOCTTY);
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Whether the file may be created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Existing,
    Create,
}

/// The file, if it belongs to root and nobody else can write to it.
pub(crate) fn open(directory: &File, name: &str, access: Access) -> Option<File> {
    let flags = OFlag::O_WRONLY
        | OFlag::O_APPEND
        | OFlag::O_NOFOLLOW
        | OFlag::O_CLOEXEC
        // A fifo instead of the file must not block the login.
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY;
    let existing = || openat(directory, name, flags, Mode::empty());
    let file: File = match existing() {
        Err(Errno::ENOENT) if access == Access::Create => {
            let new = flags | OFlag::O_CREAT | OFlag::O_EXCL;
            match openat(directory, name, new, Mode::from_bits_truncate(FILE_MODE)) {
                Ok(descriptor) => {
                    let file = File::from(descriptor);
                    // The umask may have taken bits away.
                    file.set_permissions(Permissions::from_mode(FILE_MODE))
                        .ok()?;
                    file
                }
                // Another login has just created it.
                Err(Errno::EEXIST) => existing().ok()?.into(),
                Err(_) => return None,
            }
        }
        other => other.ok()?.into(),
    };
    let is_file = file.metadata().ok()?.is_file();
    (is_file && is_roots_alone(&file)).then_some(file)
}

pub(crate) fn open_directory(access: Access) -> Option<File> {
    if !geteuid().is_root() || !crate::sys::may_write(ROOM) {
        return None;
    }
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

/// Makes a file that does not exist yet, and writes `text` into it. It is removed again
/// if it cannot be written whole, as on a full disk.
pub(crate) fn write_new(directory: &File, name: &str, text: &str) -> Option<()> {
    let mode = Mode::from_bits_truncate(FILE_MODE);
    let mut file = File::from(openat(directory, name, NEW_FILE, mode).ok()?);
    let written = file
        .set_permissions(Permissions::from_mode(FILE_MODE))
        .and_then(|()| file.write_all(text.as_bytes()));
    if written.is_err() {
        remove(directory, name);
    }
    written.ok()
}

/// The text of a file, if it belongs to root and nobody else can read or write it.
pub(crate) fn read(directory: &File, name: &str) -> Option<Zeroizing<String>> {
    let bytes = find_in(directory.as_fd(), Path::new(name), FileKind::Secret).ok()??;
    std::str::from_utf8(&bytes)
        .ok()
        .map(|text| Zeroizing::new(text.to_owned()))
}

/// Gives a file another name, which may be taken.
pub(crate) fn rename(directory: &File, from: &str, to: &str) -> Option<()> {
    renameat(directory, from, directory, to).ok()
}

/// Removes a file. Says whether this call has done it: of several at once, exactly one.
pub(crate) fn remove(directory: &File, name: &str) -> bool {
    unlinkat(directory, name, UnlinkatFlags::NoRemoveDir).is_ok()
}

/// The names in the directory. There are none if it cannot be read.
pub(crate) fn names(directory: &File) -> impl Iterator<Item = String> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Dir::openat(directory, ".", flags, Mode::empty())
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_others_can_write_are_not_used() {
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
            assert!(!is_roots_alone(file), "a file of another owner is taken");
        }
    }
}
