//! The application's side of libpam, for `authentik-flow login --local`. Only the command
//! is built with it.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pam::module::PamHandle;

use crate::secret::Secret;

/// `struct pam_message`.
#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
struct Response {
    text: *mut c_char,
    /// Always 0.
    retcode: c_int,
}

/// `struct pam_conv`.
#[repr(C)]
struct Conversation {
    call: extern "C" fn(c_int, *mut *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

// SAFETY: these are the declarations of Linux-PAM's headers.
unsafe extern "C" {
    fn pam_start(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        handle: *mut *mut PamHandle,
    ) -> c_int;
    fn pam_set_item(handle: *mut PamHandle, item_type: c_int, item: *const c_void) -> c_int;
    fn pam_authenticate(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut PamHandle, flags: c_int) -> c_int;
    fn pam_end(handle: *mut PamHandle, status: c_int) -> c_int;
}

const SUCCESS: c_int = 0;
const BUF_ERR: c_int = 5;
const CONV_ERR: c_int = 19;
const ITEM_TTY: c_int = 3;
const ITEM_RHOST: c_int = 4;
const PROMPT_ECHO_OFF: c_int = 1;
const PROMPT_ECHO_ON: c_int = 2;
/// More than any module sends at once (`PAM_MAX_NUM_MSG`).
const MOST_MESSAGES: c_int = 32;

/// What a module asks or says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question<'a> {
    /// An answer that is not shown.
    Hidden(&'a str),
    /// An answer that is shown.
    Shown(&'a str),
    /// A text that wants no answer.
    Text(&'a str),
}

/// Answers what modules ask; `None` ends the login.
pub type Answer<'a> = dyn FnMut(Question<'_>) -> Option<Secret> + 'a;

/// A login that is tried, by the stack of `/etc/pam.d` (or wherever libpam finds it).
pub struct Attempt<'a> {
    /// The PAM service.
    pub service: &'a str,
    /// Who logs in.
    pub user: &'a str,
    /// `PAM_TTY`, and `PAM_RHOST` where the application has one.
    pub tty: Option<&'a str>,
    /// The machine from which the person comes.
    pub rhost: Option<&'a str>,
}

/// The names of the codes that the two calls gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes {
    /// Of `pam_authenticate`.
    pub auth: &'static str,
    /// Of `pam_acct_mgmt`, which is asked after a success alone.
    pub account: Option<&'static str>,
}

impl Attempt<'_> {
    /// Asks the stack's auth and account lines. Opens no session and changes nothing, but
    /// what the modules of the stack count or log.
    ///
    /// # Errors
    /// The name of the code with which libpam does not begin.
    pub fn run(&self, answer: &mut Answer<'_>) -> Result<Codes, &'static str> {
        let text = |text: &str| CString::new(text).map_err(|_| name(BUF_ERR));
        let (service, user) = (text(self.service)?, text(self.user)?);
        let mut answer: &mut Answer<'_> = answer;
        let conversation = Conversation {
            call: converse,
            data: ptr::from_mut(&mut answer).cast(),
        };
        let mut handle = ptr::null_mut();
        // SAFETY: the strings end in NUL and outlive the call; libpam copies `conversation`,
        // and its `data` outlives the handle, which this function ends.
        let begun =
            unsafe { pam_start(service.as_ptr(), user.as_ptr(), &conversation, &mut handle) };
        if begun != SUCCESS || handle.is_null() {
            return Err(name(begun));
        }
        for (item, value) in [(ITEM_TTY, self.tty), (ITEM_RHOST, self.rhost)] {
            if let Some(value) = value.and_then(|value| CString::new(value).ok()) {
                // SAFETY: the handle is live, and libpam copies this string.
                let _ = unsafe { pam_set_item(handle, item, value.as_ptr().cast()) };
            }
        }
        // SAFETY: the handle is live, and so is what the conversation uses.
        let auth = unsafe { pam_authenticate(handle, 0) };
        let account = (auth == SUCCESS).then(|| {
            // SAFETY: as above.
            unsafe { pam_acct_mgmt(handle, 0) }
        });
        // SAFETY: the handle is live, and not used after this.
        let _ = unsafe { pam_end(handle, account.unwrap_or(auth)) };
        Ok(Codes {
            auth: name(auth),
            account: account.map(name),
        })
    }
}

extern "C" fn converse(
    count: c_int,
    messages: *mut *const Message,
    responses: *mut *mut Response,
    data: *mut c_void,
) -> c_int {
    if !(1..=MOST_MESSAGES).contains(&count) || messages.is_null() || responses.is_null() {
        return CONV_ERR;
    }
    let length = usize::try_from(count).unwrap_or_default();
    // SAFETY: libpam gives an array of `count` pointers to messages.
    let messages = unsafe { std::slice::from_raw_parts(messages, length) };
    // SAFETY: `data` is the closure that `Attempt::run` holds for as long as the handle lives.
    let answer = unsafe { &mut *data.cast::<&mut Answer<'_>>() };
    let mut texts: Vec<Option<Secret>> = Vec::with_capacity(length);
    for message in messages {
        // SAFETY: each pointer is that of a message.
        let message = unsafe { &**message };
        let text = match message.text.is_null() {
            true => String::new(),
            // SAFETY: the text of a message ends in NUL.
            false => unsafe { CStr::from_ptr(message.text) }
                .to_string_lossy()
                .into_owned(),
        };
        let question = match message.style {
            PROMPT_ECHO_OFF => Question::Hidden(&text),
            PROMPT_ECHO_ON => Question::Shown(&text),
            _ => Question::Text(&text),
        };
        // A panic must not reach C.
        let Ok(given) = catch_unwind(AssertUnwindSafe(|| answer(question))) else {
            return CONV_ERR;
        };
        match (question, given) {
            (Question::Text(_), _) => texts.push(None),
            (_, Some(given)) => texts.push(Some(given)),
            (_, None) => return CONV_ERR,
        }
    }
    // SAFETY: calloc takes any numbers; libpam frees what it gets.
    let array = unsafe { libc::calloc(length, size_of::<Response>()) }.cast::<Response>();
    if array.is_null() {
        return BUF_ERR;
    }
    // SAFETY: the array is all zeros, which are responses, and nobody else has it yet.
    let empty = unsafe { std::slice::from_raw_parts_mut(array, length) };
    for (response, text) in empty.iter_mut().zip(&texts) {
        let Some(text) = text else { continue };
        let bytes = text.expose().as_bytes();
        // SAFETY: the secret's bytes are readable for that length; the copy is libpam's,
        // which wipes and frees it.
        response.text = unsafe { libc::strndup(bytes.as_ptr().cast(), bytes.len()) };
    }
    // SAFETY: `responses` is where libpam wants the array.
    unsafe { responses.write(array) };
    SUCCESS
}

/// A code's name, by its number in Linux-PAM.
fn name(code: c_int) -> &'static str {
    const NAMES: [&str; 32] = [
        "PAM_SUCCESS",
        "PAM_OPEN_ERR",
        "PAM_SYMBOL_ERR",
        "PAM_SERVICE_ERR",
        "PAM_SYSTEM_ERR",
        "PAM_BUF_ERR",
        "PAM_PERM_DENIED",
        "PAM_AUTH_ERR",
        "PAM_CRED_INSUFFICIENT",
        "PAM_AUTHINFO_UNAVAIL",
        "PAM_USER_UNKNOWN",
        "PAM_MAXTRIES",
        "PAM_NEW_AUTHTOK_REQD",
        "PAM_ACCT_EXPIRED",
        "PAM_SESSION_ERR",
        "PAM_CRED_UNAVAIL",
        "PAM_CRED_EXPIRED",
        "PAM_CRED_ERR",
        "PAM_NO_MODULE_DATA",
        "PAM_CONV_ERR",
        "PAM_AUTHTOK_ERR",
        "PAM_AUTHTOK_RECOVERY_ERR",
        "PAM_AUTHTOK_LOCK_BUSY",
        "PAM_AUTHTOK_DISABLE_AGING",
        "PAM_TRY_AGAIN",
        "PAM_IGNORE",
        "PAM_ABORT",
        "PAM_AUTHTOK_EXPIRED",
        "PAM_MODULE_UNKNOWN",
        "PAM_BAD_ITEM",
        "PAM_CONV_AGAIN",
        "PAM_INCOMPLETE",
    ];
    let at = usize::try_from(code).unwrap_or(usize::MAX);
    NAMES.get(at).copied().unwrap_or("an unknown code")
}
