//! `enable --try`: a change that takes itself back unless somebody confirms it from a
//! second login.
//!
//! What takes the change back is arranged first. Only then are the stacks changed, so
//! there is never a change without a way back.

mod confirm;
mod keeper;
pub(super) mod pending;
mod session;
mod take_back;

use std::path::Path;
use std::time::Duration;

use super::say;
use crate::cli::{CommandError, files};
pub(crate) use confirm::run as confirm;
use keeper::Keeper;
use pending::{Made, Pending};
pub(crate) use take_back::run as take_back;

/// A change that is about to be made.
pub(super) struct Trial<'a> {
    state: &'a Path,
    pending: Pending,
    keeper: Keeper,
    patience: Duration,
}

impl<'a> Trial<'a> {
    /// Arranges the way back. The caller has the lock.
    ///
    /// # Errors
    /// Why the change could not be taken back: it must not be made.
    pub(super) fn begin(
        state: &'a Path,
        pam_dir: &Path,
        patience: Duration,
        made: Made,
    ) -> Result<Self, CommandError> {
        let pending = Pending::new(patience, pam_dir, made)?;
        let trial = Self {
            state,
            pending,
            keeper: Keeper::of_this_host(),
            patience,
        };
        let arranged = trial
            .pending
            .save(state)
            .and_then(|()| confirm::begin_noting(false))
            .and_then(|()| trial.keeper.start(state, patience));
        match arranged {
            Ok(()) => Ok(trial),
            Err(why) => {
                end(state, &trial.pending)?;
                Err(format!(
                    "the change could not take itself back: {why}; nothing is changed"
                ))
            }
        }
    }

    /// Says what happens next, after the change is made.
    ///
    /// # Errors
    /// Where standard output or the file of logins cannot be written.
    pub(super) fn made(&self) -> Result<(), CommandError> {
        confirm::begin_noting(true)?;
        let reboot = match self.keeper {
            Keeper::Systemd => {
                "also if this terminal is gone; if the machine is started again, it takes itself back before anybody can log in"
            }
            Keeper::Process => {
                "also if this terminal is gone. There is no systemd here: IF THE MACHINE IS STARTED AGAIN BEFORE, THE CHANGE STAYS"
            }
        };
        let services = self.pending.services();
        say(&format!(
            "{services}: this change takes itself back after {} s, {reboot}.\nTo keep it: log in a second time by {services}, and run there as root: authentik-flow confirm",
            self.patience.as_secs()
        ))
    }

    /// Takes back a change that could only be made in part.
    pub(super) fn give_up(&self, why: &str) {
        // If this fails, the timer tries again.
        let _ = take_back::take_back(self.state, &self.pending, why);
    }
}

/// Refuses a second change while one waits. The caller has the lock.
///
/// # Errors
/// A change is waiting.
pub(super) fn none_waits(state: &Path) -> Result<(), CommandError> {
    match Pending::load(state)? {
        None => Ok(()),
        Some(pending) => Err(format!(
            "a change of {} waits to be confirmed (authentik-flow confirm), and takes itself back in {} s otherwise; nothing is changed",
            pending.services(),
            pending.left()?.as_secs()
        )),
    }
}

/// Removes a service from the waiting change, because `disable` has taken its lines
/// out. The caller has the lock.
///
/// # Errors
/// Where the folder cannot be written to.
pub(super) fn forget(state: &Path, service: &str) -> Result<(), CommandError> {
    let Some(mut pending) = Pending::load(state)? else {
        return Ok(());
    };
    let Made { stacks, sshd } = &mut pending.made;
    stacks.retain(|stack| stack.service != service);
    if service == "sshd" {
        *sshd = None;
    }
    // The settings of sshd may be all that waits.
    match stacks.is_empty() && sshd.is_none() {
        true => end(state, &pending),
        false => pending.save(state),
    }
}

/// The waiting change, for people: its services, and the seconds that are left.
pub(crate) fn waiting(state: &Path) -> Result<Option<(String, u64)>, CommandError> {
    match Pending::load(state)? {
        None => Ok(None),
        Some(pending) => Ok(Some((pending.services(), pending.left()?.as_secs()))),
    }
}

/// Ends the waiting.
fn end(state: &Path, pending: &Pending) -> Result<(), CommandError> {
    let is_running = pending.is_of_this_boot();
    confirm::end_noting();
    keeper::stop(is_running)?;
    Pending::forget(state)?;
    files::sync(state);
    Ok(())
}
