//! The local accounts that have logged in through a stack, as `login --local` has
//! proved.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pam_authentik_flow::host::{FileKind, read_trusted_file};
use serde::{Deserialize, Serialize};

use super::block;
use super::store::PamFile;
use super::trial::pending::lock;
use crate::cli::CommandError;
use crate::cli::files::{self, Existing, failed};

/// A service's file as it is now.
pub(crate) struct Stack {
    service: String,
    text: String,
    pam_dir: PathBuf,
}

/// The record: the accounts that logged in through each stack.
#[derive(Serialize, Deserialize)]
struct Proofs {
    /// The whole file and those that it includes. For another text nothing is proved.
    stack: String,
    /// Each account, with the time in seconds since 1970.
    names: BTreeMap<String, u64>,
}

impl Stack {
    /// # Errors
    /// A file that cannot be read, or that others could have written.
    pub(crate) fn read(pam_dir: &Path, service: &str) -> Result<Self, CommandError> {
        Ok(Self {
            service: service.into(),
            text: PamFile::read(&pam_dir.join(service))?.text,
            pam_dir: pam_dir.into(),
        })
    }

    /// A file of this host as it will be.
    pub(super) fn with(service: &str, text: &str) -> Self {
        Self {
            service: service.into(),
            text: text.into(),
            pam_dir: "/etc/pam.d".into(),
        }
    }

    /// Its service.
    pub(super) fn service(&self) -> &str {
        &self.service
    }

    /// The accounts in the block of `enable`; `None` if there is no block.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        let found = block::find(&self.text).ok().flatten()?;
        Some(found.names())
    }

    /// The file and all that it includes.
    fn whole(&self) -> String {
        let mut whole = String::new();
        let mut known: Vec<String> = Vec::new();
        let mut waiting = vec![self.text.clone()];
        while let Some(text) = waiting.pop() {
            for name in text.replace("\\\n", " ").lines().filter_map(included) {
                if !known.contains(&name) {
                    waiting.push(files::text(&self.pam_dir.join(&name)).unwrap_or_default());
                    known.push(name);
                }
            }
            whole.push_str(&text);
        }
        whole
    }

    fn path(&self, state: &Path) -> PathBuf {
        state.join(format!("{}.proved", self.service))
    }

    /// The accounts that have logged in through exactly this stack. Only root can read
    /// the record.
    pub(crate) fn proved(&self, state: &Path) -> Vec<String> {
        // The text of a stack in it may have signs that stand for bytes.
        let proofs = read_trusted_file(&self.path(state), FileKind::Secret)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Proofs>(&bytes).ok());
        match proofs {
            Some(proofs) if proofs.stack == self.whole() => proofs.names.into_keys().collect(),
            _ => Vec::new(),
        }
    }

    /// Records that an account has logged in.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub(crate) fn keep_proof(&self, state: &Path, name: &str) -> Result<(), CommandError> {
        let _lock = lock(state)?;
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        let mut proofs = Proofs {
            stack: self.whole(),
            names: BTreeMap::new(),
        };
        for known in self.proved(state) {
            proofs.names.insert(known, now);
        }
        proofs.names.insert(name.into(), now);
        let text = serde_json::to_string_pretty(&proofs).map_err(|error| error.to_string())?;
        files::write(&self.path(state), &text, 0o600, None, Existing::Replace)
    }
}

/// The file that a line of a stack includes.
fn included(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let first = words.next()?.to_ascii_lowercase();
    let includes = first == "@include"
        || words.next().is_some_and(|control| {
            ["include", "substack"].contains(&&*control.to_ascii_lowercase())
        });
    includes.then(|| words.next().map(str::to_owned)).flatten()
}

/// Deletes the record of a service.
///
/// # Errors
/// Where the folder cannot be written to.
pub(super) fn forget(state: &Path, service: &str) -> Result<(), CommandError> {
    let path = state.join(format!("{service}.proved"));
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&path)(error)),
        _ => Ok(()),
    }
}
