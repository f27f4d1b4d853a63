//! Whether tests can have the namespace that separates them from the machine.

use crate::runner::{self, HarnessError};
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Whether a private mount namespace is possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// It is.
    Available,
    /// It is not, for this reason.
    Unavailable(String),
}

/// Checks for the user who runs the test. Tried once per process.
pub fn isolation() -> Isolation {
    isolation_as(None)
}

/// Checks for another user. Only root can become another user.
pub fn isolation_as(uid: Option<u32>) -> Isolation {
    static KNOWN: Mutex<BTreeMap<Option<u32>, Isolation>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known
        .entry(uid)
        .or_insert_with(|| match probe(uid) {
            Ok(()) => Isolation::Available,
            Err(HarnessError::Died { stderr, .. }) => {
                Isolation::Unavailable(stderr.trim().to_owned())
            }
            Err(other) => Isolation::Unavailable(other.to_string()),
        })
        .clone()
}

/// The ID of an ordinary user to run a transaction as: nobody's if the tests run as root.
/// `None` if the tests already run as an ordinary user.
pub fn ordinary_user() -> Option<u32> {
    nix::unistd::Uid::effective().is_root().then_some(65534)
}

fn probe(uid: Option<u32>) -> Result<(), HarnessError> {
    let scratch = tempfile::tempdir().map_err(runner::setup("a temporary directory"))?;
    let mut program = runner::pam_run()?;
    if let Some(uid) = uid {
        let copy = scratch.path().join("pam-run");
        std::fs::copy(&program, &copy).map_err(runner::setup(copy.display()))?;
        program = copy;
        give_away(scratch.path(), uid)?;
    }
    let mut command = Command::new(program);
    command.env_clear().arg("--probe").arg(scratch.path());
    if let Some(uid) = uid {
        command.uid(uid).gid(uid);
    }
    runner::run(command, b"", Duration::from_secs(30)).map(drop)
}

/// Changes the owner of a directory and everything in it.
pub(crate) fn give_away(path: &std::path::Path, uid: u32) -> Result<(), HarnessError> {
    let failed = || runner::setup(format!("{} for user {uid}", path.display()));
    std::os::unix::fs::lchown(path, Some(uid), Some(uid)).map_err(failed())?;
    let is_directory = path.symlink_metadata().is_ok_and(|m| m.is_dir());
    if is_directory {
        for entry in path.read_dir().map_err(failed())? {
            give_away(&entry.map_err(failed())?.path(), uid)?;
        }
    }
    Ok(())
}
