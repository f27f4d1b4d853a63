//! Data on the handle from one call to the next: a final refusal, the proof of a login, the
//! session in which a password will be changed, and how long the calls have waited for the log.

use std::any::Any;
use std::cell::RefCell;
use std::time::Duration;

use pam::module::PamHandle;

use super::transaction::Transaction;
use crate::access::Verified;
use crate::audit::LogWait;
use crate::error::LoginError;
use crate::sys::since_boot;

/// The name under which data is kept on the handle. It contains an address of this
/// library, because another build of the module in the same stack could keep data of
/// another shape.
fn kept_name(what: &str) -> String {
    static HERE: u8 = 0;
    format!("pam_authentik_flow.{what}.{:p}", &raw const HERE)
}

/// The refusal of a login ([`Kept`]).
const VERDICT: &str = "verdict";
/// The proof of a login ([`KeptProof`]).
const PROOF: &str = "proof";

/// How long a verdict is kept on one handle. That is long enough for sudo's three
/// tries. A screen locker keeps its handle while the screen is locked, and in that time
/// somebody may have fixed what was wrong.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// How long the calls have waited for the log ([`KeptWait`]).
const LOG_WAIT: &str = "log-wait";
/// The session of a change of password ([`KeptSession`]).
const SESSION: &str = "session";

/// What a session remembers ([`KeptMemory`]).
const MEMORY: &str = "memory";

/// The name under which data is kept for one user, service and flow: several lines of
/// one stack keep their own.
fn name_for(what: &str, subject: &str) -> String {
    kept_name(&format!("{what}.{subject}"))
}

/// A final refusal.
struct Kept {
    error: LoginError,
    /// When, on the clock that continues while a laptop sleeps.
    at: Option<Duration>,
}

/// How long the calls on this handle have waited for the log.
struct KeptWait {
    wait: LogWait,
    /// Since when, on the clock that continues while a laptop sleeps.
    since: Option<Duration>,
}

/// That this module has logged somebody in on this handle.
struct KeptProof {
    /// `None` after the login was withdrawn.
    proof: Option<Verified>,
}

/// A session that the first call of a password change has proved.
struct KeptSession {
    /// Taken by the second call. This folder does not know what a session is.
    session: RefCell<Option<Box<dyn Any>>>,
}

/// What the session that was opened on this handle remembers.
struct KeptMemory {
    /// Taken when the session is closed. This folder does not know what it is.
    memory: RefCell<Option<Box<dyn Any>>>,
}

/// Whether a session that remembers something was opened on this handle.
#[must_use]
pub fn has_remembering_session(handle: &PamHandle) -> bool {
    // SAFETY: only keep_memory of this very library stores under that name, and it
    // stores a KeptMemory.
    unsafe { handle.get_data::<KeptMemory>(&kept_name(MEMORY)) }.is_ok()
}

impl Transaction<'_> {
    /// Keeps what a session remembers, until it is closed on this handle.
    pub fn keep_memory(&mut self, memory: impl Any) {
        let kept = KeptMemory {
            memory: RefCell::new(Some(Box::new(memory))),
        };
        // Without memory for it, the end of the session's process is the end of it.
        let _ = self.handle.set_data(&kept_name(MEMORY), Box::new(kept));
    }

    /// Takes what the session that was opened on this handle remembers.
    #[must_use]
    pub fn take_memory<M: Any>(&mut self) -> Option<M> {
        // SAFETY: only keep_memory of this very library stores under that name, and it
        // stores a KeptMemory.
        let kept = unsafe { self.handle.get_data::<KeptMemory>(&kept_name(MEMORY)) }.ok()?;
        let memory = kept.memory.try_borrow_mut().ok()?.take()?;
        memory.downcast::<M>().ok().map(|memory| *memory)
    }

    /// The verdict that was kept on this handle for `subject`, if it still holds.
    #[must_use]
    pub fn kept_verdict(&self, subject: &str) -> Option<LoginError> {
        // SAFETY: only keep_verdict of this very library stores under that name,
        // and it stores a Kept.
        let kept = unsafe { self.handle.get_data::<Kept>(&name_for(VERDICT, subject)) }.ok()?;
        let age = since_boot()?.checked_sub(kept.at?)?;
        (age < KEPT_FOR).then(|| kept.error.clone())
    }

    /// Keeps a verdict on the handle. If the application asks again, as sudo does three
    /// times, it costs no further request and no wait.
    pub fn keep_verdict(&mut self, subject: &str, error: &LoginError) {
        let kept = Kept {
            error: error.clone(),
            at: since_boot(),
        };
        // If the handle has no memory for it, the next call asks again.
        let _ = self
            .handle
            .set_data(&name_for(VERDICT, subject), Box::new(kept));
    }

    /// How long the calls on this handle have waited for the log. It starts again after
    /// a minute, because a screen locker keeps its handle for days.
    #[must_use]
    pub fn log_wait(&mut self) -> LogWait {
        let name = kept_name(LOG_WAIT);
        let now = since_boot();
        // SAFETY: only this function of this very library stores under that name,
        // and it stores a KeptWait.
        if let Ok(kept) = unsafe { self.handle.get_data::<KeptWait>(&name) } {
            let age = now
                .zip(kept.since)
                .and_then(|(now, then)| now.checked_sub(then));
            if age.is_some_and(|age| age < KEPT_FOR) {
                return kept.wait.clone();
            }
        }
        let wait = LogWait::default();
        let kept = KeptWait {
            wait: wait.clone(),
            since: now,
        };
        // Without memory for it, this call has the whole time.
        let _ = self.handle.set_data(&name, Box::new(kept));
        wait
    }

    /// Notes on the handle that a login was proved for `subject`: the application asks
    /// about the account next, in the same process.
    pub fn keep_proof(&mut self, subject: &str, proof: Verified) {
        let kept = KeptProof { proof: Some(proof) };
        // Without memory for it, the user is looked up like everyone else.
        let _ = self
            .handle
            .set_data(&name_for(PROOF, subject), Box::new(kept));
    }

    /// Removes the note. If libpam has no memory even for that, the refusal of the next
    /// login keeps the application from asking about the account.
    pub fn forget_proof(&mut self, subject: &str) {
        if self.kept_proof(subject).is_some() {
            let kept = KeptProof { proof: None };
            let _ = self
                .handle
                .set_data(&name_for(PROOF, subject), Box::new(kept));
        }
    }

    /// The proof of a login for `subject`, if there was one on this handle.
    #[must_use]
    pub fn kept_proof(&self, subject: &str) -> Option<Verified> {
        // SAFETY: only keep_proof and forget_proof of this very library store under such a
        // name, and they store a KeptProof.
        let kept = unsafe { self.handle.get_data::<KeptProof>(&name_for(PROOF, subject)) }.ok()?;
        kept.proof.clone()
    }

    /// Keeps the session in which `subject` was proved for the second call of
    /// `pam_chauthtok`. It is wiped with the handle, and then expires at the server:
    /// code that libpam calls at the end must make no request.
    pub fn keep_session(&mut self, subject: &str, session: impl Any) {
        let kept = KeptSession {
            session: RefCell::new(Some(Box::new(session))),
        };
        // Without memory for it, the second call says that there is no session.
        let _ = self
            .handle
            .set_data(&name_for(SESSION, subject), Box::new(kept));
    }

    /// Takes the session that was kept for `subject`, if it has this type.
    #[must_use]
    pub fn take_session<S: Any>(&mut self, subject: &str) -> Option<S> {
        let name = name_for(SESSION, subject);
        // SAFETY: only keep_session of this very library stores under such a
        // name, and it stores a KeptSession.
        let kept = unsafe { self.handle.get_data::<KeptSession>(&name) }.ok()?;
        let session = kept.session.try_borrow_mut().ok()?.take()?;
        session.downcast::<S>().ok().map(|session| *session)
    }
}
