//! Reads and replaces files of `/etc/pam.d` as a whole, and keeps copies of them.
//!
//! The copies are elsewhere, because libpam treats every file there as a service.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use pam_authentik_flow::host::{FileKind, read_trusted_file};

use super::drop_in::DropIn;
use super::proofs;
use crate::cli::CommandError;
use crate::cli::files::{self, Existing, failed};

/// The current file of a service.
pub(super) struct PamFile {
    path: PathBuf,
    pub(super) text: String,
    mode: u32,
    owner: u32,
    group: u32,
}

impl PamFile {
    /// Reads a file that only root can write.
    ///
    /// # Errors
    /// The file is missing, a link, not UTF-8, or others can write it.
    pub(super) fn read(path: &Path) -> Result<Self, CommandError> {
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
        let bytes =
            read_trusted_file(path, FileKind::Configuration).map_err(|fault| {
                match fault.command() {
                    Some(command) => format!("{shown} {fault}; run {command} {shown}"),
                    None => format!("{shown} {fault}"),
                }
            })?;
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

    /// Replaces it by `text`, with the same owner and mode. At any moment the old or
    /// the new file is there as a whole.
    ///
    /// # Errors
    /// The folder cannot be written to, or the file has changed meanwhile.
    pub(super) fn replace(&self, text: &str) -> Result<(), CommandError> {
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

/// The copies of `enable`: the file before the change, for people, and the block.
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

    fn block(&self, service: &str) -> PathBuf {
        self.dir.join(format!("{service}.block"))
    }

    /// Keeps both before the change. `before` is `None` if an earlier copy is still
    /// right.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn keep(
        &self,
        service: &str,
        before: &str,
        block: &str,
    ) -> Result<(), CommandError> {
        DirBuilder::new()
            .recursive(true)
            // Programs without root's rights read the bindings in it. The files of this
            // module are for root only.
            .mode(0o755)
            .create(&self.dir)
            .map_err(failed(&self.dir))?;
        let write = |path: &Path, text| files::write(path, text, 0o600, None, Existing::Replace);
        write(&self.before(service), before)?;
        write(&self.block(service), block)
    }

    /// The block that `enable` wrote, if it kept a copy.
    ///
    /// # Errors
    /// Others can write the copy, or the folder cannot be read.
    pub(super) fn find(&self, service: &str) -> Result<Option<String>, CommandError> {
        let path = self.block(service);
        match path.symlink_metadata() {
            Ok(_) => Ok(Some(PamFile::read(&path)?.text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path)(error)),
        }
    }

    /// Whether anything is kept about a service.
    pub(super) fn has(&self, service: &str) -> bool {
        self.before(service).exists() || self.block(service).exists()
    }

    fn drop_in_path(&self) -> PathBuf {
        self.dir.join("sshd.drop-in")
    }

    /// The file of sshd's settings that `enable --sshd` has written.
    ///
    /// # Errors
    /// Others can write the copy, or it is damaged.
    pub(super) fn drop_in(&self) -> Result<Option<DropIn>, CommandError> {
        let path = self.drop_in_path();
        match path.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path)(error)),
        }
        let text = PamFile::read(&path)?.text;
        let kept = serde_json::from_str(&text)
            .map_err(|error| format!("{} is damaged: {error}", path.display()))?;
        Ok(Some(kept))
    }

    /// Keeps or deletes it.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn keep_drop_in(&self, drop_in: Option<&DropIn>) -> Result<(), CommandError> {
        let path = self.drop_in_path();
        let Some(drop_in) = drop_in else {
            return match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(failed(&path)(error))
                }
                _ => {
                    let _ = std::fs::remove_dir(&self.dir);
                    Ok(())
                }
            };
        };
        let text = serde_json::to_string_pretty(drop_in).map_err(|error| error.to_string())?;
        files::write(&path, &text, 0o600, None, Existing::Replace)
    }

    /// Deletes everything that is kept about a service.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn forget(&self, service: &str) -> Result<(), CommandError> {
        proofs::forget(&self.dir, service)?;
        // The last one is version 0.1.0's.
        let after = self.dir.join(format!("{service}.after"));
        for path in [self.before(service), self.block(service), after] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed(&path)(error));
                }
                _ => {}
            }
        }
        // Copies of other services may be in it.
        let _ = std::fs::remove_dir(&self.dir);
        Ok(())
    }
}
