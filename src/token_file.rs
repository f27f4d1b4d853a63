//! Tokens in files that root alone can read.

use std::path::Path;

use zeroize::Zeroizing;

use crate::config::{ConfigError, Place};
use crate::host::{FileFault, FileKind, read_trusted_file, runs_as_root};

/// The longest token, in bytes. authentik's own have 60 or 128 characters, JSON web tokens
/// more.
const MAX_TOKEN: usize = 4096;

/// Why a file gives no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFault {
    /// The file is not used.
    File(FileFault),
    /// It holds something else.
    NoToken,
}

impl TokenFault {
    /// Whether the file may be in order, but this process may not read it: it does not run
    /// as root.
    #[must_use]
    pub fn needs_root(&self) -> bool {
        matches!(self, Self::File(FileFault::NotAllowed(_))) && !runs_as_root()
    }

    /// The error of the configuration that names `path`. `without_root` says what to do
    /// about a process that does not run as root and cannot read the file.
    #[must_use]
    pub fn at(&self, path: &Path, without_root: &str) -> ConfigError {
        match self {
            Self::NoToken => ConfigError::new(
                Place::File(path.to_owned()),
                "must contain a token and nothing else; write the token that authentik's admin interface shows, in one line",
            ),
            Self::File(fault) => {
                let mut error = ConfigError::file(path, fault);
                let is_unreadable =
                    matches!(fault, FileFault::Unreadable(_) | FileFault::NotAllowed(_));
                if is_unreadable && !runs_as_root() {
                    error.problem.push_str(without_root);
                }
                error
            }
        }
    }
}

/// The token in `path`, which is ASCII without blanks.
///
/// # Errors
/// If the file cannot be read, if others could have read or written it, or if it holds no
/// token.
pub fn read_token(path: &Path) -> Result<Zeroizing<Vec<u8>>, TokenFault> {
    let bytes = read_trusted_file(path, FileKind::Secret).map_err(TokenFault::File)?;
    let token = bytes.trim_ascii();
    if token.is_empty() || token.len() > MAX_TOKEN || !token.iter().all(u8::is_ascii_graphic) {
        return Err(TokenFault::NoToken);
    }
    Ok(Zeroizing::new(token.to_vec()))
}
