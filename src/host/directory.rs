//! A directory of files that decide what the module trusts. It is opened first and
//! checked by its open descriptor, and its files are opened from that descriptor.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::stat::Mode;
use zeroize::Zeroizing;

use super::file::{FileFault, FileKind, find_in, judge_owner_and_mode, read_from, unreadable};

/// More files than any such directory has.
const MAX_FILES: usize = 256;

/// A directory that only root can write to, or the effective user if the module does
/// not run as root.
#[derive(Debug)]
pub struct TrustedDirectory(File);

impl TrustedDirectory {
    /// Opens the directory; `None` if it does not exist.
    ///
    /// # Errors
    /// The [`FileFault`] that keeps it from being used. A directory that exists and
    /// cannot be opened is a fault, because its files could have forbidden something.
    pub fn open(path: &Path) -> Result<Option<Self>, FileFault> {
        Self::open_from(AT_FDCWD, path)
    }

    /// Opens a directory in this one; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`TrustedDirectory::open`].
    pub fn within(&self, name: &str) -> Result<Option<Self>, FileFault> {
        Self::open_from(self.0.as_fd(), Path::new(name))
    }

    fn open_from(start: BorrowedFd<'_>, path: &Path) -> Result<Option<Self>, FileFault> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let directory = match openat(start, path, flags, Mode::empty()) {
            Ok(descriptor) => File::from(descriptor),
            Err(Errno::ENOENT) => return Ok(None),
            // A link ends in either, depending on the kernel.
            Err(Errno::ENOTDIR | Errno::ELOOP) => return Err(FileFault::NotADirectory),
            Err(error) => return Err(unreadable(error.into())),
        };
        let metadata = directory.metadata().map_err(unreadable)?;
        judge_owner_and_mode(metadata.uid(), metadata.mode())?;
        Ok(Some(Self(directory)))
    }

    /// The names in the directory, sorted by their bytes. A name that is not UTF-8
    /// is left out.
    ///
    /// # Errors
    /// The directory cannot be read, or holds more than 256 entries.
    pub fn names(&self) -> Result<Vec<String>, FileFault> {
        self.first_names(MAX_FILES)
    }

    /// The same without a bound on their number.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn all_names(&self) -> Result<Vec<String>, FileFault> {
        self.first_names(usize::MAX)
    }

    fn first_names(&self, most: usize) -> Result<Vec<String>, FileFault> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let entries = Dir::openat(self.0.as_fd(), ".", flags, Mode::empty())
            .map_err(|error| unreadable(error.into()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(error.into()))?;
            if names.len() >= most {
                return Err(FileFault::TooManyFiles);
            }
            if let Ok(name) = entry.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads one of its files, and checks it as [`super::read_trusted_file`] does.
    ///
    /// # Errors
    /// The [`FileFault`] that keeps the file from being used.
    pub fn read(&self, name: &str, kind: FileKind) -> Result<Zeroizing<Vec<u8>>, FileFault> {
        read_from(self.0.as_fd(), Path::new(name), kind)
    }

    /// Reads one of its files in the same way; `None` if it does not exist.
    ///
    /// # Errors
    /// The [`FileFault`] that keeps a file that exists from being used.
    pub fn find(
        &self,
        name: &str,
        kind: FileKind,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FileFault> {
        find_in(self.0.as_fd(), Path::new(name), kind)
    }

    /// The open directory.
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn directory(mode: u32) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("b"), "two").unwrap();
        std::fs::write(dir.path().join("a"), "one").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        dir
    }

    #[test]
    fn its_files_are_listed_in_order_and_read() {
        let dir = directory(0o755);
        let open = TrustedDirectory::open(dir.path()).unwrap().unwrap();
        let names = open.names().unwrap();
        assert_eq!(names, [".", "..", "a", "b"]);
        let text = open.read("a", FileKind::Configuration).unwrap();
        assert_eq!(text.as_slice(), b"one");
        let missing = open.read("c", FileKind::Configuration);
        assert!(matches!(missing, Err(FileFault::Unreadable(_))));
    }

    #[test]
    fn a_missing_file_is_none_and_every_other_error_is_a_fault() {
        let dir = directory(0o755);
        assert!(
            TrustedDirectory::open(&dir.path().join("none"))
                .unwrap()
                .is_none()
        );
        let file = TrustedDirectory::open(&dir.path().join("a"));
        assert_eq!(file.unwrap_err(), FileFault::NotADirectory);
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert_eq!(
            TrustedDirectory::open(&link).unwrap_err(),
            FileFault::NotADirectory
        );
    }

    #[test]
    fn one_that_others_could_write_to_is_refused() {
        for mode in [0o775, 0o757, 0o1777] {
            let dir = directory(mode);
            let opened = TrustedDirectory::open(dir.path());
            assert_eq!(opened.unwrap_err(), FileFault::WritableByOthers { mode });
        }
        if nix::unistd::geteuid().is_root() {
            let dir = directory(0o755);
            std::os::unix::fs::chown(dir.path(), Some(65_534), None).unwrap();
            let opened = TrustedDirectory::open(dir.path());
            assert_eq!(
                opened.unwrap_err(),
                FileFault::ForeignOwner { owner: 65_534 }
            );
        }
    }

    /// A screen locker runs as its user, who may not read everything.
    #[test]
    fn a_directory_that_cannot_be_opened_does_not_count_as_missing() {
        let dir = directory(0o000);
        let opened = TrustedDirectory::open(dir.path());
        if nix::unistd::geteuid().is_root() {
            // Root may read everything; the run as an ordinary user covers it.
            assert!(opened.is_ok());
        } else {
            assert!(matches!(opened, Err(FileFault::Unreadable(_))));
        }
    }

    #[test]
    fn too_many_files_are_refused() {
        let dir = directory(0o755);
        for number in 0..MAX_FILES {
            std::fs::write(dir.path().join(number.to_string()), "").unwrap();
        }
        let open = TrustedDirectory::open(dir.path()).unwrap().unwrap();
        assert_eq!(open.names().unwrap_err(), FileFault::TooManyFiles);
    }
}
