//! Files that the command writes, whole or not at all.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::CommandError;

/// What happens to an existing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It is replaced.
    Replace,
    /// It stays, and nothing is written.
    Keep,
}

/// Writes a file beside `path` and renames it, so that nobody reads half of it.
///
/// # Errors
/// The folder cannot be written to, or the file exists and must stay.
pub(crate) fn write(
    path: &Path,
    text: &(impl AsRef<[u8]> + ?Sized),
    mode: u32,
    owner: Option<(u32, u32)>,
    existing: Existing,
) -> Result<(), CommandError> {
    let failed = failed(path);
    let dir = path.parent().unwrap_or(Path::new("/"));
    // A dot in front: in /etc/pam.d no program uses it as a service.
    let mut file = tempfile::Builder::new()
        .prefix(".authentik-flow-")
        .tempfile_in(dir)
        .map_err(&failed)?;
    file.write_all(text.as_ref()).map_err(&failed)?;
    if let Some((uid, gid)) = owner {
        fchown(file.as_file(), Some(uid), Some(gid)).map_err(&failed)?;
    }
    file.as_file()
        .set_permissions(Permissions::from_mode(mode))
        .map_err(&failed)?;
    file.as_file().sync_all().map_err(&failed)?;
    match existing {
        Existing::Replace => file.persist(path),
        Existing::Keep => file.persist_noclobber(path),
    }
    .map_err(|error| failed(error.error))?;
    // This also makes the rename survive a power cut, if the file system allows it.
    sync(dir);
    Ok(())
}

/// The text of a file of the host, whatever its comments are written in: a byte that is
/// not UTF-8 becomes U+FFFD. Two files may have one text, so never write it back.
///
/// # Errors
/// The error of the kernel.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let bytes = std::fs::read(path)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Tries to make a file in the folder of `path`, and removes it again.
///
/// # Errors
/// As [`write`].
pub(crate) fn try_in_folder_of(path: &Path) -> Result<(), CommandError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    tempfile::Builder::new()
        .prefix(".authentik-flow-")
        .tempfile_in(dir)
        .map(drop)
        .map_err(failed(path))
}

/// Makes the folder of `path`, which others may read, if it is missing.
///
/// # Errors
/// As [`write`].
pub(crate) fn make_folder_of(path: &Path) -> Result<(), CommandError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    make_folder(dir).map_err(failed(dir))
}

/// Makes a folder that everybody can read, whatever the umask is. An existing one keeps its
/// mode.
///
/// # Errors
/// The error of the kernel.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let make = || DirBuilder::new().mode(0o755).create(path);
    let made = make().or_else(|error| match (error.kind(), path.parent()) {
        (io::ErrorKind::NotFound, Some(parent)) => {
            make_folder(parent)?;
            make()
        }
        _ => Err(error),
    });
    match made {
        Ok(()) => std::fs::set_permissions(path, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes renames and removals in a folder survive a power cut.
pub(crate) fn sync(dir: &Path) {
    if let Ok(dir) = std::fs::File::open(dir) {
        let _ = dir.sync_all();
    }
}

/// The error of a path, and what to do about it.
pub(crate) fn failed(path: &Path) -> impl Fn(std::io::Error) -> CommandError {
    let path: PathBuf = path.into();
    move |error| {
        let shown = path.display();
        let kind = error.kind();
        // Without the error number, and without the name of the temporary file.
        let error = error.to_string();
        let error = error.split(" (os error").next().unwrap_or_default();
        match kind {
            std::io::ErrorKind::PermissionDenied => format!("{shown}: {error}; run this as root"),
            std::io::ErrorKind::ReadOnlyFilesystem => {
                format!("{shown}: {error}; mount it to be written: mount -o remount,rw")
            }
            std::io::ErrorKind::StorageFull => format!("{shown}: {error}; make room first (df)"),
            std::io::ErrorKind::NotFound => {
                let missing = path.ancestors().skip(1).find(|dir| !dir.exists());
                match path.ancestors().nth(1).filter(|_| missing.is_some()) {
                    Some(dir) => format!(
                        "{shown}: there is no folder {0}; make it first: mkdir -p {0}",
                        dir.display()
                    ),
                    None => format!("{shown}: there is no such file"),
                }
            }
            std::io::ErrorKind::AlreadyExists => format!(
                "{shown} is there already, and stays as it is: edit it, or move it away first"
            ),
            _ => format!("{shown}: {error}"),
        }
    }
}
