//! `[host]`: what this host proves to authentik which host it is with.

use super::read::{FromToml, Mistake, Written, parsed, table};
use super::values::AbsolutePath;

/// The token of this host, and the identifier that authentik has the token for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRules {
    /// The file of the token.
    pub token_file: AbsolutePath,
    /// The identifier of the device in authentik.
    pub identifier: HostIdentifier,
}

/// The identifier of a device in authentik.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostIdentifier(String);

impl HostIdentifier {
    /// The longest identifier, in bytes. Serial numbers and derived ids have less than half of it.
    pub const MAX_BYTES: usize = 128;

    /// Reads an identifier. Serial numbers may hold blanks, so blanks are allowed inside.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if text.is_empty() || text.trim() != text || text.len() > Self::MAX_BYTES || !is_printable {
            return Err(format!(
                "{text:?} is no identifier; write the one that authentik-flow enrol-host shows: 1 to {} printable ASCII characters without a blank at either end",
                Self::MAX_BYTES
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromToml for HostIdentifier {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, Self::parse)
    }
}

table! {
    pub(super) struct HostKeys {
        token_file: Option<AbsolutePath>,
        identifier: Option<HostIdentifier>,
    }
}

impl HostKeys {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            token_file: self.token_file.or(below.token_file),
            identifier: self.identifier.or(below.identifier),
        }
    }

    /// Both keys, or `None` if there is neither.
    ///
    /// # Errors
    /// Which key is missing.
    pub(super) fn rules(self) -> Result<Option<HostRules>, String> {
        let missing = match (self.token_file, self.identifier) {
            (Some(token_file), Some(identifier)) => {
                return Ok(Some(HostRules {
                    token_file,
                    identifier,
                }));
            }
            (None, None) => return Ok(None),
            (None, Some(_)) => "token_file",
            (Some(_), None) => "identifier",
        };
        Err(format!(
            "[host] {missing} is missing, and token_file and identifier belong together; authentik-flow enrol-host writes both"
        ))
    }
}
