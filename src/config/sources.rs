//! The files that the configuration is made of: the one that `config=` names, and
//! the drop-ins in the directory beside it.
//!
//! A drop-in that cannot be opened, checked, read or parsed ends the login, because it might
//! have refused somebody.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::ConfigError;
use super::keys::{Keys, Layer};
use super::read::Mistake;
use super::servers::SEVERAL;
use crate::host::{FileKind, TrustedDirectory, read_trusted_file};

/// One file of the configuration.
#[derive(Debug)]
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Zeroizing<Vec<u8>>,
}

/// The directory of the drop-ins of a configuration file:
/// `/etc/security/pam_authentik_flow.d` beside `/etc/security/pam_authentik_flow.toml`.
#[must_use]
pub fn drop_in_directory(file: &Path) -> PathBuf {
    file.with_extension("d")
}

/// Whether a file of that directory is a drop-in: `[A-Za-z0-9_-]+.toml`. What
/// editors and package managers leave behind has other names.
#[must_use]
pub fn is_drop_in(name: &str) -> bool {
    name.strip_suffix(".toml").is_some_and(|stem| {
        !stem.is_empty()
            && stem
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    })
}

/// Reads the file and its drop-ins, sorted by name: a later one outranks those before it.
///
/// # Errors
/// Any of them that is not to be trusted or cannot be read, or the directory itself.
pub fn read_sources(file: &Path) -> Result<Vec<Source>, ConfigError> {
    let bytes = read_trusted_file(file, FileKind::Configuration)
        .map_err(|fault| ConfigError::file(file, &fault))?;
    let mut sources = vec![Source {
        path: file.to_owned(),
        bytes,
    }];
    let path = drop_in_directory(file);
    let in_directory = |fault| ConfigError::file(&path, &fault);
    let Some(directory) = TrustedDirectory::open(&path).map_err(in_directory)? else {
        return Ok(sources);
    };
    for name in directory.names().map_err(in_directory)? {
        if !is_drop_in(&name) {
            continue;
        }
        let path = path.join(&name);
        let bytes = directory
            .read(&name, FileKind::Configuration)
            .map_err(|fault| ConfigError::file(&path, &fault))?;
        sources.push(Source { path, bytes });
    }
    Ok(sources)
}

/// The keys for `service`, of all files together.
///
/// # Errors
/// A file that is wrong, with its line, and two files that contradict each other
/// about who may log in.
pub(super) fn keys_of(sources: &[(&Path, &[u8])], service: &str) -> Result<Keys, ConfigError> {
    let mut all = Layer::default();
    for (number, (path, bytes)) in sources.iter().enumerate() {
        let layer = layer(path, bytes, service)?;
        if number == 0 && layer.is_override {
            return Err(ConfigError::in_file(
                path,
                "override = true works only in drop-ins; remove it",
            ));
        }
        let conflict = layer.conflict_with(&all).filter(|_| !layer.is_override);
        if let Some(key) = conflict {
            return Err(ConfigError::in_file(
                path,
                format!(
                    "{key} is set by an earlier file as well, and decides who gets in; remove one, \
                     or write override = true at the top of this file"
                ),
            ));
        }
        all = layer.over(all);
    }
    if all.servers.bind_at_several() {
        let path = sources.last().map_or(Path::new(""), |(path, _)| path);
        return Err(ConfigError::in_file(path, SEVERAL));
    }
    Ok(all.keys())
}

fn layer(path: &Path, bytes: &[u8], service: &str) -> Result<Layer, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = line_of(bytes, error.valid_up_to());
        ConfigError::at_line(path, line, "is not UTF-8; save the file as UTF-8")
    })?;
    Layer::read(text, service).map_err(|Mistake { message, at }| {
        let problem = crate::text::one_line(&message, 400);
        match at {
            Some(offset) => ConfigError::at_line(path, line_of(bytes, offset), problem),
            None => ConfigError::in_file(path, problem),
        }
    })
}

/// The number, from one, of the line that holds byte `offset`.
fn line_of(text: &[u8], offset: usize) -> usize {
    let before = text.iter().take(offset);
    before
        .filter(|&&byte| byte == b'\n')
        .count()
        .saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_drop_ins() {
        for name in ["10-site.toml", "a.toml", "_.toml", "A-b_9.toml"] {
            assert!(is_drop_in(name), "{name}");
        }
        for name in [
            ".toml",
            "a.toml~",
            "a.toml.dpkg-new",
            "#a.toml#",
            ".a.toml",
            "a.b.toml",
            "a",
            "a b.toml",
            "ä.toml",
            "..",
            "a.TOML",
        ] {
            assert!(!is_drop_in(name), "{name}");
        }
    }

    #[test]
    fn the_directory_stands_beside_the_file() {
        for (file, directory) in [
            (
                "/etc/security/pam_authentik_flow.toml",
                "/etc/security/pam_authentik_flow.d",
            ),
            ("/etc/other", "/etc/other.d"),
        ] {
            assert_eq!(drop_in_directory(Path::new(file)), Path::new(directory));
        }
    }
}
