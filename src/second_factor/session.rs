//! What a session remembers.

use std::fs::File;
use std::time::Duration;

use super::hand_over::{LoginFacts, Taken, take};
use super::record;
use super::{FactorCookie, Subject};
use crate::host::run::{self, Access};
use crate::host::{Lookup, find_account};
use crate::sys::{AuditSession, ProcessMark, boot_id, since_boot};

/// What the names begin with; the number of the audit session follows.
const PREFIX: &str = "session.";
/// A record that is being written, by the process whose number follows.
const NEW: &str = "new.";
/// The line of a record that names the leader, counted from 0.
const LEADER: usize = 9;

/// A second factor that authentik has accepted in this login session, for this user, and
/// in this flow.
///
/// Only [`find`] makes one, from a record that fits. It proves no identity: it is a cookie for
/// the server, which decides.
pub struct Remembered(FactorCookie);

impl Remembered {
    /// The value of the cookie, to be sent to the server that has set it.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.0.value
    }
}

/// A record that was written for the session that this process has opened.
pub struct Kept {
    session: AuditSession,
    leader: ProcessMark,
}

/// Why a session remembers nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// There is no record under the name, or it is broken.
    #[error("no login has handed this over, or it was taken already")]
    NoRecord,
    /// It belongs to another login.
    #[error("another login has handed it over")]
    AnotherLogin,
    /// It is too old.
    #[error("the session was opened more than a minute after the login")]
    TooLate,
    /// The kernel has no audit session for this process.
    #[error(
        "this session has no audit session (pam_loginuid must stand before this module, and the kernel needs audit)"
    )]
    NoAudit,
    /// The login has the audit session of the program that made it.
    #[error(
        "this session has the audit session of the program that opened it (pam_loginuid has not made a new one)"
    )]
    NoOwnSession,
    /// The audit session is another user's.
    #[error("the login user ID of this session is another user's")]
    AnotherUser,
    /// The file cannot be written.
    #[error("it cannot be written to /run/pam_authentik_flow")]
    NotWritten,
}

/// Takes what a login has handed over under `name`, and keeps it for the audit session of
/// this process, until the session is closed or this process ends.
///
/// # Errors
/// Why nothing is kept. What was handed over is gone in any case.
pub fn keep(name: &str, login: &LoginFacts<'_>) -> Result<Kept, NotKept> {
    let kept = try_keep(name, login);
    if kept.is_err() {
        super::discard(name);
    }
    kept
}

fn try_keep(name: &str, login: &LoginFacts<'_>) -> Result<Kept, NotKept> {
    let directory = run::open_directory(Access::Existing).ok_or(NotKept::NotWritten)?;
    let session = AuditSession::of_this_process().ok_or(NotKept::NoAudit)?;
    let taken = take(&directory, name, login, session)?;
    if !is_login_user(login.user, session) {
        return Err(NotKept::AnotherUser);
    }
    let (leader, _) = ProcessMark::of_this_process().ok_or(NotKept::NotWritten)?;
    write(&directory, session, leader, &taken).ok_or(NotKept::NotWritten)?;
    Ok(Kept { session, leader })
}

fn write(
    directory: &File,
    session: AuditSession,
    leader: ProcessMark,
    taken: &Taken,
) -> Option<()> {
    let mut record = record::of_session(&boot_id()?, session, &taken.subject)?;
    record.add(&record::mark(leader))?;
    record.add_cookie(&taken.cookie, taken.cookie.lifetime)?;
    // sudo never sees half a record.
    let new = format!("{NEW}{}", leader.pid);
    run::remove(directory, &new);
    run::write_new(directory, &new, record.text())?;
    let renamed = run::rename(directory, &new, &file_name(session));
    if renamed.is_none() {
        run::remove(directory, &new);
    }
    renamed
}

impl Kept {
    /// Forgets it, if this is the process that has opened the session. A child of it that
    /// closes a session closes another one.
    pub fn forget(&self) {
        let own = ProcessMark::of_this_process();
        let is_leader = own.is_some_and(|(own, _)| own == self.leader);
        let directory = run::open_directory(Access::Existing);
        if let (true, Some(directory)) = (is_leader, directory) {
            run::remove(&directory, &file_name(self.session));
        }
    }
}

/// The second factor that is remembered for `subject` in the session of this process, if
/// it was accepted less than `remember_for` ago. `caller` is the user who runs sudo, as
/// sudo says.
#[must_use]
pub fn find(subject: &Subject, caller: Option<&str>, remember_for: Duration) -> Option<Remembered> {
    // With `targetpw` and its like, sudo asks for another user's secrets.
    if caller != Some(subject.user.as_str()) {
        return None;
    }
    let session = AuditSession::of_this_process()?;
    if !is_login_user(&subject.user, session) {
        return None;
    }
    let directory = run::open_directory(Access::Existing)?;
    let name = file_name(session);
    let text = run::read(&directory, &name)?;
    let record = record::of_session(&boot_id()?, session, subject)?;
    let mut rest = record.rest_of(&text)?;
    let leader = rest.mark()?;
    if !leader.is_alive() || AuditSession::of(leader.pid) != Some(session) {
        run::remove(&directory, &name);
        return None;
    }
    let cookie = rest.cookie()?;
    let age = since_boot()?.checked_sub(cookie.since)?;
    if age >= cookie.lifetime {
        run::remove(&directory, &name);
        return None;
    }
    (age < remember_for).then_some(Remembered(cookie))
}

/// Whether the account is the one who logged in.
fn is_login_user(user: &str, session: AuditSession) -> bool {
    find_account(user).is_ok_and(|found| {
        found
            == Lookup::Account {
                uid: session.login_uid,
            }
    })
}

fn file_name(session: AuditSession) -> String {
    format!("{PREFIX}{}", session.id)
}

/// Whether a file belongs to a session or a process that is gone. Files of another kind
/// do not.
pub(super) fn is_left_over(directory: &File, name: &str) -> bool {
    if let Some(pid) = name.strip_prefix(NEW) {
        return pid.parse().is_ok_and(|pid| ProcessMark::of(pid).is_none());
    }
    if !name.starts_with(PREFIX) {
        return false;
    }
    let leader = run::read(directory, name)
        .as_deref()
        .and_then(|text| text.lines().nth(LEADER))
        .and_then(record::parse_mark);
    !leader.is_some_and(ProcessMark::is_alive)
}
