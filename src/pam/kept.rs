//! What is kept on the handle from one call to the next: a refusal that asking
//! again would not change, the mark of a login, and the session in which a
//! password is to be changed.

use std::any::Any;
use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::transaction::Transaction;
use crate::access::Verified;
use crate::error::LoginError;

/// Under which name something is kept on the handle. It carries an address of
/// this very library: another build of the module in the same stack could keep
/// something of another shape.
fn kept_name(what: &str) -> String {
    static HERE: u8 = 0;
    format!("pam_authentik_flow.{what}.{:p}", &raw const HERE)
}

/// The refusal of a login ([`Kept`]).
const VERDICT: &str = "verdict";
/// The proof of a login ([`Mark`]).
const MARK: &str = "mark";

/// How long a server that could not be reached is taken to be down on one handle.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// The session of a change of password ([`KeptSession`]), of which several lines
/// of one stack keep one each.
fn session_name(subject: &str) -> String {
    kept_name(&format!("session.{subject}"))
}

/// A verdict that asking again would not change.
struct Kept {
    /// What it holds for: another user or flow begins anew.
    subject: String,
    error: LoginError,
    at: Instant,
}

/// That this module has logged somebody in on this handle.
#[derive(Default)]
struct Mark {
    /// For whom and by which rules; empty for nobody.
    subject: String,
    proof: Option<Verified>,
}

/// A session that the first call of a change of password has proved.
struct KeptSession {
    /// Taken by the second call. What a session is, is not for this folder to know.
    session: RefCell<Option<Box<dyn Any>>>,
}

impl Transaction<'_> {
    /// The verdict that was kept on this handle for `subject`, if it still holds.
    #[must_use]
    pub fn kept_verdict(&self, subject: &str) -> Option<LoginError> {
        // SAFETY: only keep_verdict of this very library stores under that name,
        // and it stores a Kept.
        let kept = unsafe { self.handle.get_data::<Kept>(&kept_name(VERDICT)) }.ok()?;
        let holds = match kept.error {
            LoginError::Server { .. } => kept.at.elapsed() < KEPT_FOR,
            _ => true,
        };
        (holds && kept.subject == subject).then(|| kept.error.clone())
    }

    /// Keeps a verdict on the handle, so that an application that asks again,
    /// as sudo does three times, costs no further request and no wait.
    pub fn keep_verdict(&mut self, subject: &str, error: &LoginError) {
        let kept = Kept {
            subject: subject.to_owned(),
            error: error.clone(),
            at: Instant::now(),
        };
        // A handle without memory for it only means that it is asked again.
        let _ = self.handle.set_data(&kept_name(VERDICT), Box::new(kept));
    }

    /// Notes on the handle that a login was proved for `subject`: the account
    /// is asked for next, in the same process.
    pub fn mark(&mut self, subject: &str, proof: Verified) {
        let mark = Mark {
            subject: subject.to_owned(),
            proof: Some(proof),
        };
        // Without memory for it they are looked up as anybody else.
        let _ = self.handle.set_data(&kept_name(MARK), Box::new(mark));
    }

    /// Takes the note back. Where libpam has no memory even for that, the next
    /// login's refusal keeps the application from asking for the account.
    pub fn unmark(&mut self) {
        if self.has_mark() {
            let _ = self
                .handle
                .set_data(&kept_name(MARK), Box::new(Mark::default()));
        }
    }

    /// The proof of a login for `subject`, where there was one on this handle.
    #[must_use]
    pub fn marked(&self, subject: &str) -> Option<Verified> {
        // SAFETY: only mark and unmark of this very library store under that
        // name, and they store a Mark.
        let mark = unsafe { self.handle.get_data::<Mark>(&kept_name(MARK)) }.ok()?;
        mark.proof.clone().filter(|_| mark.subject == subject)
    }

    fn has_mark(&self) -> bool {
        // SAFETY: as in marked.
        unsafe { self.handle.get_data::<Mark>(&kept_name(MARK)) }.is_ok()
    }

    /// Keeps the session in which `subject` was proved for the second call of
    /// `pam_chauthtok`. It is wiped with the handle, and then ends at the server
    /// when its time is over: what libpam calls at the end must ask nobody.
    pub fn keep_session(&mut self, subject: &str, session: impl Any) {
        let kept = KeptSession {
            session: RefCell::new(Some(Box::new(session))),
        };
        // Without memory for it the second call says that there is none.
        let _ = self.handle.set_data(&session_name(subject), Box::new(kept));
    }

    /// Takes the session that was kept for `subject`, where it is of this type.
    #[must_use]
    pub fn take_session<S: Any>(&mut self, subject: &str) -> Option<S> {
        let name = session_name(subject);
        // SAFETY: only keep_session of this very library stores under such a
        // name, and it stores a KeptSession.
        let kept = unsafe { self.handle.get_data::<KeptSession>(&name) }.ok()?;
        let session = kept.session.try_borrow_mut().ok()?.take()?;
        session.downcast::<S>().ok().map(|session| *session)
    }
}
