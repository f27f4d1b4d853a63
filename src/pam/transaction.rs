//! One call of libpam: the handle's items, its conversation, and what is kept on it.

use std::ffi::CStr;
use std::time::{Duration, Instant};

use libc::{c_int, c_uint, c_void};
use pam::constants::{
    PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_SILENT, PAM_TEXT_INFO, PamFlag,
    PamMessageStyle, PamResultCode,
};
use pam::conv::Conv;
use pam::items::{AuthTok, RHost, RUser, Service, Tty, User};
use pam::module::PamHandle;
use zeroize::Zeroizing;

use crate::access::Verified;
use crate::conversation::Conversation;
use crate::error::LoginError;
use crate::secret::Secret;
use crate::text;

unsafe extern "C" {
    /// `pam_set_item(3)`; the crate's own cannot set `PAM_AUTHTOK`.
    fn pam_set_item(handle: *mut PamHandle, item_type: c_int, item: *const c_void) -> c_int;
    /// `pam_fail_delay(3)`: a Linux-PAM extension.
    fn pam_fail_delay(handle: *mut PamHandle, micro_seconds: c_uint) -> c_int;
}

/// `PAM_AUTHTOK` of `<security/_pam_types.h>`.
const ITEM_AUTHTOK: c_int = 6;

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

/// Who wants to log in, as the application says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserName {
    /// A name that an account could have.
    Possible(String),
    /// A name that no account can have, and why.
    Impossible(&'static str),
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

/// One call that libpam makes into the module.
pub struct Transaction<'h> {
    handle: &'h mut PamHandle,
    silent: bool,
}

impl<'h> Transaction<'h> {
    /// Takes the handle and the flags that libpam gave.
    pub fn new(handle: &'h mut PamHandle, flags: PamFlag) -> Self {
        Self {
            handle,
            silent: flags & PAM_SILENT != 0,
        }
    }

    /// The service, by which libpam chose the stack; empty where it is unset.
    #[must_use]
    pub fn service(&self) -> String {
        match self.handle.get_item::<Service<'_>>() {
            Ok(Some(service)) => lossy(&service),
            _ => String::new(),
        }
    }

    /// From which host the person comes, where the application says so.
    #[must_use]
    pub fn rhost(&self) -> Option<String> {
        let rhost = self.handle.get_item::<RHost<'_>>().ok().flatten();
        rhost
            .map(|rhost| lossy(&rhost))
            .filter(|rhost| !rhost.is_empty())
    }

    /// On which terminal, where the application says so.
    #[must_use]
    pub fn tty(&self) -> Option<String> {
        let tty = self.handle.get_item::<Tty<'_>>().ok().flatten();
        tty.map(|tty| lossy(&tty)).filter(|tty| !tty.is_empty())
    }

    /// Who asks, where the application says so.
    #[must_use]
    pub fn ruser(&self) -> Option<String> {
        let ruser = self.handle.get_item::<RUser<'_>>().ok().flatten();
        ruser
            .map(|ruser| lossy(&ruser))
            .filter(|ruser| !ruser.is_empty())
    }

    /// Who wants to log in; asks through the application where it has not said
    /// so, as `login` does not.
    ///
    /// # Errors
    /// [`LoginError::Conversation`] when it cannot be asked for.
    pub fn user(&mut self) -> Result<UserName, LoginError> {
        if let Err(code) = self.handle.get_user(None) {
            // The crate refuses names that are not UTF-8; the item tells.
            if code != PamResultCode::PAM_SYSTEM_ERR {
                return Err(LoginError::Conversation);
            }
        }
        match self.handle.get_item::<User<'_>>() {
            Ok(Some(user)) => Ok(judge_name(&user)),
            _ => Err(LoginError::Conversation),
        }
    }

    /// Whose account it is; nobody is asked for a name that is not there.
    #[must_use]
    pub fn named_user(&self) -> UserName {
        match self.handle.get_item::<User<'_>>() {
            Ok(Some(user)) => judge_name(&user),
            _ => UserName::Impossible("there is none"),
        }
    }

    /// Asks libpam to wait about this long before the application hears of a
    /// failure; several modules' wishes end in the longest.
    pub fn fail_delay(&mut self, delay: Duration) {
        let micro_seconds = c_uint::try_from(delay.as_micros()).unwrap_or(c_uint::MAX);
        // SAFETY: the handle is libpam's own, valid and not shared for the whole
        // of this call; the function keeps a number and nothing else.
        let _ = unsafe { pam_fail_delay(&raw mut *self.handle, micro_seconds) };
    }

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

    fn converse(
        &self,
        style: PamMessageStyle,
        message: &str,
    ) -> Result<Option<pam::secret::SecretBytes>, LoginError> {
        let conversation = self.handle.get_item::<Conv<'_>>();
        let Ok(Some(conversation)) = conversation else {
            return Err(LoginError::Conversation);
        };
        conversation
            .send(style, message)
            .map_err(|_| LoginError::Conversation)
    }

    fn question(
        &self,
        style: PamMessageStyle,
        prompt: &str,
        what: &'static str,
    ) -> Result<Secret, LoginError> {
        // One for the blank, one for the NUL.
        let mut prompt = text::for_person(prompt, text::MAX_MESSAGE_BYTES.saturating_sub(2));
        prompt.push(' ');
        let Some(answer) = self.converse(style, &prompt)? else {
            return Err(LoginError::Conversation);
        };
        if answer.len() > Secret::MAX_BYTES {
            return Err(LoginError::Unsendable {
                what,
                reason: "it is too long",
            });
        }
        match answer.as_str() {
            Ok(answer) => Ok(Secret::new(answer.to_owned())),
            Err(_) => Err(LoginError::Unsendable {
                what,
                reason: "it is not UTF-8",
            }),
        }
    }
}

impl Conversation for Transaction<'_> {
    fn ask_secret(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError> {
        self.question(PAM_PROMPT_ECHO_OFF, prompt, what)
    }

    fn ask(&mut self, prompt: &str, what: &'static str) -> Result<Secret, LoginError> {
        self.question(PAM_PROMPT_ECHO_ON, prompt, what)
    }

    /// Shown under `PAM_SILENT`, too: it is half of a question, and sudo asks
    /// with that flag.
    fn tell(&mut self, message: &str) -> Result<(), LoginError> {
        for part in text::messages(message) {
            self.converse(PAM_TEXT_INFO, &part)?;
        }
        Ok(())
    }

    fn tell_error(&mut self, message: &str) {
        if self.silent {
            return;
        }
        let message = text::for_person(message, text::MAX_MESSAGE_BYTES.saturating_sub(1));
        if !message.is_empty() {
            let _ = self.converse(PAM_ERROR_MSG, &message);
        }
    }

    fn stack_authtok(&mut self) -> Option<Secret> {
        let authtok = self.handle.get_item::<AuthTok<'_>>().ok().flatten()?;
        let text = std::str::from_utf8(authtok.as_bytes()).ok()?;
        let usable = !text.is_empty() && text.len() <= Secret::MAX_BYTES;
        usable.then(|| Secret::new(text.to_owned()))
    }

    fn leave_authtok(&mut self, password: &Secret) {
        if !matches!(self.handle.get_item::<AuthTok<'_>>(), Ok(None)) {
            return;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            password.expose().len().saturating_add(1),
        ));
        bytes.extend_from_slice(password.expose().as_bytes());
        bytes.push(0);
        let Ok(item) = CStr::from_bytes_with_nul(&bytes) else {
            return;
        };
        // SAFETY: the handle is libpam's own, valid and not shared for the whole
        // of this call; libpam copies the string, which ends in NUL, and wipes
        // its copy itself. A failure leaves the item unset, which the modules
        // behind meet by asking.
        let _ = unsafe { pam_set_item(&raw mut *self.handle, ITEM_AUTHTOK, item.as_ptr().cast()) };
    }
}

fn judge_name(user: &CStr) -> UserName {
    let bytes = user.to_bytes();
    match (
        crate::host::impossible_name(bytes),
        std::str::from_utf8(bytes),
    ) {
        (None, Ok(name)) => UserName::Possible(name.to_owned()),
        (Some(reason), _) => UserName::Impossible(reason),
        (None, Err(_)) => UserName::Impossible("it is not UTF-8"),
    }
}

fn lossy(text: &CStr) -> String {
    String::from_utf8_lossy(text.to_bytes()).into_owned()
}
