//! Files of `/etc/pam.d`, read and replaced as a whole, and the copies of them.
//!
//! The copies are not kept beside them: libpam takes every file there for a
//! service.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use pam_authentik_flow::host::{FileKind, read_trusted_file};

use crate::cli::Refusal;
use crate::cli::files::{self, Existing, failed};

/// A service's file as it is.
pub(super) struct PamFile {
    path: PathBuf,
    pub(super) text: String,
    mode: u32,
    owner: u32,
    group: u32,
}

impl PamFile {
    /// Reads a file that root alone can have written.
    ///
    /// # Errors
    /// A file that is missing, a link, not UTF-8, or could be others' work.
    pub(super) fn read(path: &Path) -> Result<Self, Refusal> {
        let shown = path.display();
        let metadata = path.symlink_metadata().map_err(|error| {
            let why = failed(path)(error);
            let name = path.file_name().map(Path::new).unwrap_or(path);
            let vendor = Path::new("/usr/lib/pam.d").join(name);
            match vendor.is_file() {
                true => format!("{why}; copy {} there first", vendor.display()),
                false => why,
            }
        })?;
        if metadata.is_symlink() {
            return Err(format!(
                "{shown} is a link, so another tool takes care of it (authselect?); use that one"
            ));
        }
        let bytes = read_trusted_file(path, FileKind::Configuration)
            .map_err(|fault| format!("{shown} {fault}"))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| format!("{shown} is not UTF-8; change it by hand"))?;
        Ok(Self {
            path: path.into(),
            text: text.to_owned(),
            mode: metadata.mode() & 0o7777,
            owner: metadata.uid(),
            group: metadata.gid(),
        })
    }

    /// Puts `text` in its place, with the same owner and mode: at any moment
    /// there is the one or the other, whole.
    ///
    /// # Errors
    /// Where the folder cannot be written to, or the file was changed meanwhile.
    pub(super) fn replace(&self, text: &str) -> Result<(), Refusal> {
        if Self::read(&self.path)?.text != self.text {
            return Err(format!(
                "{} was changed in this very moment, and stays as it is",
                self.path.display()
            ));
        }
        let owner = Some((self.owner, self.group));
        files::write(&self.path, text, self.mode, owner, Existing::Replace)
    }
}

/// The files as they were before `enable`, and as it left them.
pub(super) struct Copies {
    dir: PathBuf,
}

impl Copies {
    pub(super) fn at(dir: &Path) -> Self {
        Self { dir: dir.into() }
    }

    /// The copy of the file before `enable`.
    pub(super) fn before(&self, service: &str) -> PathBuf {
        self.dir.join(format!("{service}.before"))
    }

    fn after(&self, service: &str) -> PathBuf {
        self.dir.join(format!("{service}.after"))
    }

    /// Keeps both states, before anything is changed.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn keep(&self, service: &str, before: &str, after: &str) -> Result<(), Refusal> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(failed(&self.dir))?;
        let write = |path: &Path, text| files::write(path, text, 0o600, None, Existing::Replace);
        write(&self.before(service), before)?;
        write(&self.after(service), after)
    }

    /// Both states, if `enable` has kept them.
    ///
    /// # Errors
    /// Copies that others could have written.
    pub(super) fn find(&self, service: &str) -> Result<Option<(String, String)>, Refusal> {
        let (before, after) = (self.before(service), self.after(service));
        if !before.exists() || !after.exists() {
            return Ok(None);
        }
        Ok(Some((
            PamFile::read(&before)?.text,
            PamFile::read(&after)?.text,
        )))
    }

    /// Removes both.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn forget(&self, service: &str) -> Result<(), Refusal> {
        for path in [self.before(service), self.after(service)] {
            std::fs::remove_file(&path).map_err(failed(&path))?;
        }
        // Others may be kept in it.
        let _ = std::fs::remove_dir(&self.dir);
        Ok(())
    }
}
