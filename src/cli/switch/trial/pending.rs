//! The record of a change that waits to be confirmed.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use pam_authentik_flow::audit::accepted_logins;
use pam_authentik_flow::host::{FileKind, read_trusted_file};
use pam_authentik_flow::sys::since_boot;
use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::cli::CommandError;
use crate::cli::files::{self, Existing, failed};
use crate::cli::switch::drop_in::DropIn;

const NAME: &str = "pending.json";
const LAST: &str = "last-try";
const LOCK: &str = "lock";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A change that takes itself back unless it is confirmed.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli::switch) struct Pending {
    /// Differs for each change.
    pub(super) id: u64,
    /// The kernel's id of this boot.
    boot: String,
    /// When it takes itself back, in milliseconds since the boot.
    until_ms: u64,
    /// The login session in which the change was made.
    pub(super) session: Session,
    pub(super) pam_dir: PathBuf,
    #[serde(flatten)]
    pub(super) made: Made,
}

/// What is changed.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli::switch) struct Made {
    pub(in crate::cli::switch) stacks: Vec<Stack>,
    /// The settings of sshd.
    pub(in crate::cli::switch) sshd: Option<DropIn>,
}

/// The stack of one service, before and after.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::cli::switch) struct Stack {
    pub(in crate::cli::switch) service: String,
    /// The whole file, before and after.
    pub(in crate::cli::switch) before: String,
    pub(in crate::cli::switch) after: String,
    /// The block in it.
    pub(in crate::cli::switch) block: String,
}

impl Pending {
    /// A change by this process that takes itself back after `patience`.
    ///
    /// # Errors
    /// A kernel that tells neither the time nor which start this is.
    pub(super) fn new(
        patience: Duration,
        pam_dir: &Path,
        made: Made,
    ) -> Result<Self, CommandError> {
        let boot = boot_id()?;
        let until = now()?.saturating_add(patience);
        let id = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_err(|_| "the clock of this host is before 1970; set it first")?;
        Ok(Self {
            id: u64::try_from(id.as_nanos()).unwrap_or_default(),
            boot,
            until_ms: u64::try_from(until.as_millis()).unwrap_or(u64::MAX),
            session: Session::own(),
            pam_dir: std::path::absolute(pam_dir).unwrap_or_else(|_| pam_dir.into()),
            made,
        })
    }

    /// How long it can still be confirmed. Zero after a restart of the machine.
    ///
    /// # Errors
    /// As [`Pending::new`].
    pub(super) fn left(&self) -> Result<Duration, CommandError> {
        if boot_id()? != self.boot || !is_noted() {
            return Ok(Duration::ZERO);
        }
        Ok(Duration::from_millis(self.until_ms).saturating_sub(now()?))
    }

    /// Whether the machine has not been restarted since the change.
    pub(super) fn is_of_this_boot(&self) -> bool {
        is_noted() && boot_id().is_ok_and(|boot| boot == self.boot)
    }

    /// Its services. The settings of sshd alone change sshd, too.
    pub(super) fn changed(&self) -> Vec<&str> {
        let stacks = &self.made.stacks;
        let mut names: Vec<&str> = stacks.iter().map(|s| s.service.as_str()).collect();
        if self.made.sshd.is_some() && !names.contains(&"sshd") {
            names.push("sshd");
        }
        names
    }

    /// Its services, for people.
    pub(super) fn services(&self) -> String {
        self.changed().join(", ")
    }

    /// The change that is kept in this folder, if there is one.
    ///
    /// # Errors
    /// A file that others could have written, or that is damaged.
    pub(super) fn load(state: &Path) -> Result<Option<Self>, CommandError> {
        let path = state.join(NAME);
        match path.symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path)(error)),
        }
        let bytes = read_trusted_file(&path, FileKind::Secret)
            .map_err(|fault| format!("{} {fault}", path.display()))?;
        let pending = serde_json::from_slice(&bytes)
            .map_err(|error| format!("{} is damaged: {error}", path.display()))?;
        Ok(Some(pending))
    }

    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn save(&self, state: &Path) -> Result<(), CommandError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let path = state.join(NAME);
        files::write(&path, &text, 0o600, None, Existing::Replace)
    }

    /// # Errors
    /// Where the folder cannot be written to.
    pub(super) fn forget(state: &Path) -> Result<(), CommandError> {
        let path = state.join(NAME);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&path)(error)),
            _ => {
                let _ = std::fs::remove_dir(state);
                Ok(())
            }
        }
    }
}

fn now() -> Result<Duration, CommandError> {
    since_boot().ok_or_else(|| "the kernel does not tell how long it has run".into())
}

/// A container that is restarted has the same kernel and boot id, but its `/run` is
/// empty.
fn is_noted() -> bool {
    accepted_logins().exists()
}

fn boot_id() -> Result<String, CommandError> {
    let path = Path::new(BOOT_ID);
    let text = std::fs::read_to_string(path).map_err(failed(path))?;
    Ok(text.trim().to_owned())
}

/// Excludes `confirm`, `enable` and `take-back` from each other until it is dropped.
///
/// The lock is a file that only root can open: anybody can lock a folder that they can
/// read.
#[derive(Debug)]
pub(in crate::cli::switch) struct Lock {
    _file: Flock<File>,
    state: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.state.join(LOCK));
        // This fails if the folder holds anything.
        let _ = std::fs::remove_dir(&self.state);
    }
}

/// Waits for the lock.
///
/// # Errors
/// Where the folder or the file cannot be made.
pub(in crate::cli::switch) fn lock(state: &Path) -> Result<Lock, CommandError> {
    let path = state.join(LOCK);
    loop {
        files::make_folder(state).map_err(|error| unchanged(state, error))?;
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(&path);
        let file = match file {
            // The previous holder has removed the folder.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file.map_err(|error| unchanged(&path, error))?,
        };
        let locked = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, error)| failed(&path)(error.into()))?;
        // The previous holder has removed the file.
        let own = locked.metadata().map_err(failed(&path))?;
        let is_same = |now: std::fs::Metadata| (now.dev(), now.ino()) == (own.dev(), own.ino());
        if path.symlink_metadata().is_ok_and(is_same) {
            return Ok(Lock {
                _file: locked,
                state: state.into(),
            });
        }
    }
}

/// The error at `path`, before anything is changed.
fn unchanged(path: &Path, error: std::io::Error) -> CommandError {
    format!("{}; nothing is changed", failed(path)(error))
}

/// Keeps the outcome of the last change, for a person who asks later.
pub(super) fn remember(state: &Path, text: &str) {
    // The log says it, too.
    let _ = files::write(
        &state.join(LAST),
        &format!("{text}\n"),
        0o600,
        None,
        Existing::Replace,
    );
}

/// The outcome of the last change.
pub(super) fn last(state: &Path) -> Option<String> {
    let text = std::fs::read_to_string(state.join(LAST)).ok()?;
    Some(text.trim().to_owned())
}
