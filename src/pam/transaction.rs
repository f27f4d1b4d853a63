//! One call of libpam: the handle's items, its conversation, and what is kept on it.

use std::ffi::{CStr, CString};
use std::time::Duration;

use libc::{c_char, c_int, c_uint, c_void};
use pam::constants::{
    PAM_CHANGE_EXPIRED_AUTHTOK, PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_SILENT,
    PAM_TEXT_INFO, PamFlag, PamMessageStyle, PamResultCode,
};
use pam::conv::Conv;
use pam::items::{AuthTok, OldAuthTok, RHost, RUser, Service, Tty, User};
use pam::module::PamHandle;
use zeroize::Zeroizing;

use crate::conversation::Conversation;
use crate::display::{Display, Prompts, sudo_replaces_prompts};
use crate::error::LoginError;
use crate::secret::Secret;
use crate::sys::{RaisedLimits, command_line, locale_is_utf8};
use crate::text;

unsafe extern "C" {
    /// `pam_set_item(3)`; the crate's own cannot set `PAM_AUTHTOK`.
    fn pam_set_item(handle: *mut PamHandle, item_type: c_int, item: *const c_void) -> c_int;
    /// `pam_putenv(3)`: `NAME=value`, or `NAME` to remove the variable.
    fn pam_putenv(handle: *mut PamHandle, variable: *const c_char) -> c_int;
    /// `pam_getenv(3)`.
    fn pam_getenv(handle: *mut PamHandle, name: *const c_char) -> *const c_char;
    /// `pam_fail_delay(3)`: a Linux-PAM extension.
    fn pam_fail_delay(handle: *mut PamHandle, micro_seconds: c_uint) -> c_int;
}

/// `PAM_AUTHTOK` of `<security/_pam_types.h>`.
const ITEM_AUTHTOK: c_int = 6;
/// `PAM_OLDAUTHTOK`.
const ITEM_OLDAUTHTOK: c_int = 7;
/// The flag of the first call of a change of password (`<security/pam_modules.h>`);
/// the second has another.
const PAM_PRELIM_CHECK: PamFlag = 0x4000;

/// The two calls of a change of password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Whether the password could be changed: nothing is changed yet.
    Preliminary,
    /// The change itself, after every module of the stack has agreed.
    Update,
}

/// Who wants to log in, as the application says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserName {
    /// A name that an account could have.
    Possible(String),
    /// A name that no account can have, and why.
    Impossible(&'static str),
}

/// One call that libpam makes into the module.
pub struct Transaction<'h> {
    pub(super) handle: &'h mut PamHandle,
    limits: &'h RaisedLimits,
    /// Why there is not enough memory for this call, if there is not.
    no_memory: Option<&'h std::io::Error>,
    flags: PamFlag,
    silent: bool,
    /// Whether `PAM_OLDAUTHTOK` holds the password, as in the first call of a password
    /// change.
    old_password: bool,
}

impl<'h> Transaction<'h> {
    /// Takes the handle and the flags that libpam gave, and what
    /// [`super::enter`] has done before.
    pub(super) fn new(
        handle: &'h mut PamHandle,
        flags: PamFlag,
        limits: &'h RaisedLimits,
        no_memory: Option<&'h std::io::Error>,
    ) -> Self {
        Self {
            handle,
            limits,
            no_memory,
            flags,
            silent: flags & PAM_SILENT != 0,
            old_password: false,
        }
    }

    /// Whether there is memory for the rest of the call.
    ///
    /// # Errors
    /// [`LoginError::Host`] where it could not be reserved.
    pub fn check_memory(&self) -> Result<(), LoginError> {
        self.no_memory.map_or(Ok(()), |error| {
            Err(LoginError::Host(format!(
                "no memory for the module: {error}"
            )))
        })
    }

    /// Which of the two calls of a change of password this is.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.flags & PAM_PRELIM_CHECK == 0 {
            Phase::Update
        } else {
            Phase::Preliminary
        }
    }

    /// Whether only expired passwords are to be changed.
    #[must_use]
    pub fn wants_expired_changed_only(&self) -> bool {
        self.flags & PAM_CHANGE_EXPIRED_AUTHTOK != 0
    }

    /// Whether the stack's password is from now on the old one of a password change
    /// (`PAM_OLDAUTHTOK`), for reading and for writing.
    pub fn use_old_password(&mut self, old: bool) {
        self.old_password = old;
    }

    /// The new password that an earlier module of the stack has left (`PAM_AUTHTOK`).
    #[must_use]
    pub fn new_password_of_stack(&self) -> Option<Secret> {
        let authtok = self.handle.get_item::<AuthTok<'_>>().ok().flatten()?;
        usable(authtok.as_bytes())
    }

    /// Leaves the new password for the next modules (`PAM_AUTHTOK`), and replaces an
    /// earlier one.
    pub fn set_new_password(&mut self, password: &Secret) {
        self.set_secret(ITEM_AUTHTOK, password);
    }

    fn set_secret(&mut self, item_type: c_int, secret: &Secret) {
        let mut bytes = Zeroizing::new(Vec::with_capacity(secret.expose().len().saturating_add(1)));
        bytes.extend_from_slice(secret.expose().as_bytes());
        bytes.push(0);
        let Ok(item) = CStr::from_bytes_with_nul(&bytes) else {
            return;
        };
        // SAFETY: the handle is libpam's own, valid and not shared for the whole
        // of this call; libpam copies the string, which ends in NUL, and wipes
        // its copy itself. A failure leaves the item unset, which the modules
        // behind meet by asking.
        let _ = unsafe { pam_set_item(&raw mut *self.handle, item_type, item.as_ptr().cast()) };
    }

    /// The service, by which libpam chose the stack; empty where it is unset.
    #[must_use]
    pub fn service(&self) -> String {
        match self.handle.get_item::<Service<'_>>() {
            Ok(Some(service)) => lossy(&service),
            _ => String::new(),
        }
    }

    /// The host that the person comes from, if the application says so.
    #[must_use]
    pub fn rhost(&self) -> Option<String> {
        let rhost = self.handle.get_item::<RHost<'_>>().ok().flatten();
        rhost
            .map(|rhost| lossy(&rhost))
            .filter(|rhost| !rhost.is_empty())
    }

    /// The terminal, if the application says so.
    #[must_use]
    pub fn tty(&self) -> Option<String> {
        let tty = self.handle.get_item::<Tty<'_>>().ok().flatten();
        tty.map(|tty| lossy(&tty)).filter(|tty| !tty.is_empty())
    }

    /// Who asks, if the application says so.
    #[must_use]
    pub fn ruser(&self) -> Option<String> {
        let ruser = self.handle.get_item::<RUser<'_>>().ok().flatten();
        ruser
            .map(|ruser| lossy(&ruser))
            .filter(|ruser| !ruser.is_empty())
    }

    /// Who wants to log in. It asks through the application if that has not set a name,
    /// as `login` does not.
    ///
    /// # Errors
    /// [`LoginError::Conversation`] when it cannot be asked for.
    pub fn user(&mut self) -> Result<UserName, LoginError> {
        let restored = self.limits.restored();
        let found = self.handle.get_user(None);
        drop(restored);
        if let Err(code) = found {
            // The crate refuses names that are not UTF-8; the item shows whether there
            // is one.
            if code != PamResultCode::PAM_SYSTEM_ERR {
                return Err(LoginError::Conversation);
            }
        }
        match self.handle.get_item::<User<'_>>() {
            Ok(Some(user)) => Ok(judge_name(&user)),
            _ => Err(LoginError::Conversation),
        }
    }

    /// Whose account it is. It does not ask for a missing name.
    #[must_use]
    pub fn user_item(&self) -> UserName {
        match self.handle.get_item::<User<'_>>() {
            Ok(Some(user)) => judge_name(&user),
            _ => UserName::Impossible("there is none"),
        }
    }

    /// A variable of the PAM environment. Other modules may have let the user set it.
    #[must_use]
    pub fn variable(&mut self, name: &str) -> Option<String> {
        variable(self.handle, name)
    }

    /// Sets a variable of the PAM environment, which the session gets; `None` removes it.
    ///
    /// Returns whether libpam has done it.
    pub fn set_variable(&mut self, name: &str, value: Option<&str>) -> bool {
        let text = value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}"));
        let Ok(text) = CString::new(text) else {
            return false;
        };
        // SAFETY: the handle is libpam's own, valid and not shared for the whole of this
        // call; libpam copies the string, which ends in NUL.
        let done = unsafe { pam_putenv(&raw mut *self.handle, text.as_ptr()) };
        done == 0
    }

    /// Asks libpam to wait about this long before it reports a failure to the
    /// application. Of the wishes of several modules, the longest counts.
    pub fn fail_delay(&mut self, delay: Duration) {
        let micro_seconds = c_uint::try_from(delay.as_micros()).unwrap_or(c_uint::MAX);
        // SAFETY: the handle is libpam's own, valid and not shared for the whole
        // of this call; the function keeps a number and nothing else.
        let _ = unsafe { pam_fail_delay(&raw mut *self.handle, micro_seconds) };
    }

    fn converse(
        &self,
        style: PamMessageStyle,
        message: &str,
    ) -> Result<Option<pam::secret::SecretBytes>, PamResultCode> {
        let conversation = self.handle.get_item::<Conv<'_>>()?;
        let Some(conversation) = conversation else {
            return Err(PamResultCode::PAM_BAD_ITEM);
        };
        // The application's code may start a program that its caller chose.
        let _set_back = self.limits.restored();
        conversation.send(style, message)
    }

    /// Shows what has no answer.
    ///
    /// A conversation that succeeds need not give an array of responses for a text:
    /// MariaDB's gives none, and Linux-PAM's `pam_vprompt` takes that. pam-bindings
    /// reports it as `PAM_CONV_ERR`, which may also be the application's own word for
    /// a failure. The two look alike here, so neither ends the login: where nobody is
    /// there any more, the next question fails.
    fn show(&self, style: PamMessageStyle, message: &str) -> Result<(), LoginError> {
        match self.converse(style, message) {
            Ok(_) | Err(PamResultCode::PAM_CONV_ERR) => Ok(()),
            Err(_) => Err(LoginError::Conversation),
        }
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
        let Ok(Some(answer)) = self.converse(style, &prompt) else {
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

    /// Also shown under `PAM_SILENT`: it is part of a question, and sudo sets that
    /// flag.
    fn tell(&mut self, message: &str) -> Result<(), LoginError> {
        for part in text::messages(message) {
            self.show(PAM_TEXT_INFO, &part)?;
        }
        Ok(())
    }

    fn tell_error(&mut self, message: &str) {
        if self.silent {
            return;
        }
        let mut shown = text::for_person(message, text::MAX_MESSAGE_BYTES.saturating_sub(1));
        if message.is_ascii() {
            // The sign that it was cut.
            shown = text::ascii::of(&shown, "").into_owned();
        }
        if !shown.is_empty() {
            let _ = self.show(PAM_ERROR_MSG, &shown);
        }
    }

    fn display(&self) -> Display {
        let mut display = Display::of(&self.service());
        if display.prompts == Prompts::Replaceable
            && sudo_replaces_prompts(command_line().as_deref())
        {
            display.prompts = Prompts::Replaced;
        }
        display
    }

    /// sshd sets no locale, and the client's is not known before the login; nearly all
    /// of them show UTF-8.
    fn shows_unicode(&self) -> bool {
        self.service().starts_with("ssh") || locale_is_utf8()
    }

    fn stack_authtok(&mut self) -> Option<Secret> {
        if self.old_password {
            let authtok = self.handle.get_item::<OldAuthTok<'_>>().ok().flatten()?;
            return usable(authtok.as_bytes());
        }
        self.new_password_of_stack()
    }

    fn leave_authtok(&mut self, password: &Secret) {
        let (item_type, unset) = if self.old_password {
            let item = self.handle.get_item::<OldAuthTok<'_>>();
            (ITEM_OLDAUTHTOK, matches!(item, Ok(None)))
        } else {
            let item = self.handle.get_item::<AuthTok<'_>>();
            (ITEM_AUTHTOK, matches!(item, Ok(None)))
        };
        if unset {
            self.set_secret(item_type, password);
        }
    }
}

/// A variable of the PAM environment on `handle`.
pub fn variable(handle: &mut PamHandle, name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: the handle is libpam's own, valid and not shared for the whole of this call,
    // and the name ends in NUL.
    let value = unsafe { pam_getenv(&raw mut *handle, name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: libpam gives a string that ends in NUL, and keeps it until the variable is
    // set again, which nobody does before it is copied.
    Some(lossy(unsafe { CStr::from_ptr(value) }))
}

/// The bytes as a secret, if they can be a password.
fn usable(bytes: &[u8]) -> Option<Secret> {
    let text = std::str::from_utf8(bytes).ok()?;
    let usable = !text.is_empty() && text.len() <= Secret::MAX_BYTES;
    usable.then(|| Secret::new(text.to_owned()))
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
