//! Reads and replaces files of `/etc/pam.d` as a whole, and keeps copies of them.
//!
//! The copies are elsewhere, because libpam treats every file there as a service.

use std::os::unix::fs::MetadataExt;
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
    /// Reads a file that only root can write. Bytes that are not UTF-8, as in a comment of
    /// long ago, become one sign each, and `replace` writes them as they were.
    ///
    /// # Errors
    /// The file is missing or a link, or others can write it.
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
                "{shown} is a link, so another tool manages it (authselect?); use that tool"
            ));
        }
        let bytes =
            read_trusted_file(path, FileKind::Configuration).map_err(|fault| {
                match fault.command() {
                    Some(command) => format!("{shown} {fault}; run {command} {shown}"),
                    None => format!("{shown} {fault}"),
                }
            })?;
        Ok(Self {
            path: path.into(),
            text: decoded(&bytes),
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
        self.is_unchanged()?;
        let owner = Some((self.owner, self.group));
        files::write(
            &self.path,
            &encoded(text),
            self.mode,
            owner,
            Existing::Replace,
        )
    }

    /// Checks that the file is still as it was read.
    ///
    /// # Errors
    /// It has changed meanwhile.
    pub(super) fn is_unchanged(&self) -> Result<(), CommandError> {
        match Self::read(&self.path)?.text == self.text {
            true => Ok(()),
            false => Err(format!(
                "another program is changing {}; it stays as it is",
                self.path.display()
            )),
        }
    }
}

/// The private characters that stand for the bytes from 0x80 on that are not UTF-8.
const ODD: std::ops::RangeInclusive<char> = '\u{F780}'..='\u{F7FF}';
/// What is added to such a byte.
const ODD_BASE: u32 = 0xF700;

/// The text of any bytes. A character that would stand for a byte is taken byte by byte,
/// too, so that each text comes from one file alone.
fn decoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for sign in chunk.valid().chars() {
            match is_odd(sign) {
                true => push_bytes(&mut text, sign.encode_utf8(&mut [0; 4]).as_bytes()),
                false => text.push(sign),
            }
        }
        push_bytes(&mut text, chunk.invalid());
    }
    text
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    let odd = bytes.iter();
    text.extend(odd.filter_map(|byte| char::from_u32(ODD_BASE.saturating_add((*byte).into()))));
}

/// The text of a file for people.
pub(super) fn shown(text: &str) -> String {
    text.replace(is_odd, "\u{FFFD}")
}

/// The bytes of a text that [`PamFile::read`] has given, and that may have changed.
fn encoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for sign in text.chars() {
        let odd = u32::from(sign).checked_sub(ODD_BASE);
        match odd.and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) if is_odd(sign) => bytes.push(byte),
            _ => bytes.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

fn is_odd(sign: char) -> bool {
    ODD.contains(&sign)
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    files::write(path, &encoded(text), 0o600, None, Existing::Replace)
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

    /// The block that is about to be written. Until it is in the file, the other copy
    /// is the one that counts.
    fn next_block(&self, service: &str) -> PathBuf {
        self.dir.join(format!("{service}.block.next"))
    }

    /// Keeps the file without a block, and the block that is about to be written.
    /// `now` is the block that is in the file, if there is one.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn announce(
        &self,
        service: &str,
        before: &str,
        now: Option<&str>,
        next: &str,
    ) -> Result<(), CommandError> {
        self.make()?;
        if let Some(now) = now {
            // An earlier change may have ended between the file and this copy.
            write(&self.block(service), now)?;
        }
        write(&self.next_block(service), next)?;
        write(&self.before(service), before)
    }

    /// The announced block is in the file now. If this fails, both copies stay, and
    /// either counts.
    pub(super) fn written(&self, service: &str) {
        let _ = std::fs::rename(self.next_block(service), self.block(service));
        files::sync(&self.dir);
    }

    /// The announced block is not written: what was kept before holds again.
    pub(super) fn withdraw(&self, service: &str) {
        let _ = std::fs::remove_file(self.next_block(service));
        if !self.block(service).exists() {
            let _ = self.forget(service);
        }
    }

    /// Keeps the file without a block, and the block that is in it.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn keep(
        &self,
        service: &str,
        before: &str,
        block: &str,
    ) -> Result<(), CommandError> {
        self.announce(service, before, None, block)?;
        self.written(service);
        Ok(())
    }

    fn make(&self) -> Result<(), CommandError> {
        // Programs without root's rights read the bindings in it. The files of this module
        // are for root only.
        files::make_folder(&self.dir).map_err(failed(&self.dir))
    }

    /// The block that `enable` wrote, if it kept a copy. There are two after a change
    /// that ended half way: the block of the file is one of them.
    ///
    /// # Errors
    /// Others can write the copy, or the folder cannot be read.
    pub(super) fn find(&self, service: &str) -> Result<Vec<String>, CommandError> {
        let mut found = Vec::new();
        for path in [self.block(service), self.next_block(service)] {
            match path.symlink_metadata() {
                Ok(_) => found.push(PamFile::read(&path)?.text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&path)(error)),
            }
        }
        Ok(found)
    }

    /// Whether anything is kept about a service.
    pub(super) fn has(&self, service: &str) -> bool {
        [
            self.before(service),
            self.block(service),
            self.next_block(service),
        ]
        .iter()
        .any(|path| path.exists())
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
        self.make()?;
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
        for path in [
            self.before(service),
            self.block(service),
            self.next_block(service),
            after,
        ] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_utf8_stay_as_they_are() {
        for bytes in [
            &b"# f\xfcr \xe4\xff\x80\n"[..],
            b"\xc3\xbc \xe2\x82",
            b"",
            b"plain\n",
            "\u{F7FC} \u{F77F}\u{F780}\u{F800}\n".as_bytes(),
        ] {
            assert_eq!(encoded(&decoded(bytes)), bytes);
        }
        let (byte, sign) = (decoded(b"\xfc"), decoded("\u{F7FC}".as_bytes()));
        assert_ne!(byte, sign, "two files, one text");
    }
}
