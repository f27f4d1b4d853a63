//! One PAM transaction, safely: the application's side of libpam.

use crate::codes::{Call, Code, ITEM_FAIL_DELAY, Item, Style};
use crate::ffi;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::ptr;

/// One message of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How it is shown or asked.
    pub style: Style,
    /// Its bytes, as they came.
    pub text: Vec<u8>,
}

/// What the application does with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The answer to a prompt. It ends at its first NUL byte, as C has it.
    Text(Vec<u8>),
    /// No answer: for a message that is no prompt, or if an application returns a null pointer.
    Nothing,
}

/// The application's side of the conversation.
pub trait Converse {
    /// Shows the messages and returns one reply for each, in order, or the code with which the
    /// conversation fails, usually `PAM_CONV_ERR`.
    fn converse(&mut self, messages: &[Message]) -> Result<Vec<Reply>, Code>;

    /// Whether messages without a prompt get an array of empty responses.
    fn gives_array_for_texts(&self) -> bool {
        true
    }

    /// The name that the application puts into `PAM_USER` while the module asks.
    fn replaces_user(&self) -> Option<&str> {
        None
    }

    /// Called before and after each conversation, while the application's code runs.
    fn runs(&mut self, begins: bool) {
        let _ = begins;
    }

    /// Called after each `authenticate` and `chauthtok` with the microseconds that libpam would
    /// have slept. Here it never sleeps.
    fn fail_delay(&mut self, status: Code, microseconds: u32) {
        let _ = (status, microseconds);
    }
}

/// A transaction: from `pam_start_confdir` to `pam_end`.
pub struct Transaction<C: Converse> {
    handle: *mut ffi::PamHandle,
    /// From `Box::into_raw`, given back when the transaction ends. libpam's
    /// callbacks use the same pointer while a call of ours is under way.
    application: *mut Application<C>,
    last: c_int,
}

/// What libpam's callbacks get.
struct Application<C> {
    conversation: C,
    /// Null until `pam_start` has made it.
    handle: *mut ffi::PamHandle,
}

impl<C: Converse> Transaction<C> {
    /// Starts a transaction with the stack `confdir/service`.
    pub fn start(
        service: &str,
        user: Option<&str>,
        confdir: &Path,
        conversation: C,
    ) -> Result<Transaction<C>, Code> {
        let confdir = c_string(confdir.as_os_str().as_encoded_bytes())?;
        Transaction::begin(service, user, Some(&confdir), conversation)
    }

    /// Starts a transaction with the stack that libpam finds, in `/etc/pam.d` or elsewhere.
    pub fn start_by_default(
        service: &str,
        user: Option<&str>,
        conversation: C,
    ) -> Result<Transaction<C>, Code> {
        Transaction::begin(service, user, None, conversation)
    }

    fn begin(
        service: &str,
        user: Option<&str>,
        confdir: Option<&CStr>,
        conversation: C,
    ) -> Result<Transaction<C>, Code> {
        let service = c_string(service.as_bytes())?;
        let user = user.map(|u| c_string(u.as_bytes())).transpose()?;
        let application = Box::into_raw(Box::new(Application {
            conversation,
            handle: ptr::null_mut(),
        }));
        let pam_conv = ffi::PamConv {
            conversation: conversation_callback::<C>,
            appdata: application.cast(),
        };
        let mut handle = ptr::null_mut();
        // SAFETY: the strings end in NUL and, like `pam_conv`, which libpam
        // copies, outlive the call; `user` and the folder may be null (`pam_start`
        // calls it so); `handle` is writable.
        let code = unsafe {
            ffi::pam_start_confdir(
                service.as_ptr(),
                user.as_ref().map_or(ptr::null(), |u| u.as_ptr()),
                &pam_conv,
                confdir.map_or(ptr::null(), CStr::as_ptr),
                &mut handle,
            )
        };
        let mut transaction = Transaction {
            handle,
            application,
            last: code,
        };
        if code != 0 || handle.is_null() {
            return Err(Code(code));
        }
        // SAFETY: it came from the Box above, and no call is under way.
        unsafe { (*application).handle = handle };
        transaction.set_fail_delay()?;
        Ok(transaction)
    }

    fn set_fail_delay(&mut self) -> Result<(), Code> {
        let callback: ffi::FailDelayFn = fail_delay_callback::<C>;
        // SAFETY: the handle is live; for this item the value is the function
        // itself, which takes what libpam passes.
        let code =
            unsafe { ffi::pam_set_item(self.handle, ITEM_FAIL_DELAY, callback as *const c_void) };
        check(code)
    }

    /// Sets an item of the handle.
    pub fn set_item(&mut self, item: Item, value: &str) -> Result<(), Code> {
        let value = c_string(value.as_bytes())?;
        // SAFETY: the handle is live; these items are strings, and libpam
        // copies them.
        let code = unsafe { ffi::pam_set_item(self.handle, item.number(), value.as_ptr().cast()) };
        check(code)
    }

    /// An item of the handle; `None` if it is not set.
    pub fn item(&self, item: Item) -> Option<String> {
        let mut value: *const c_void = ptr::null();
        // SAFETY: the handle is live and `value` is writable.
        let code = unsafe { ffi::pam_get_item(self.handle, item.number(), &mut value) };
        if code != 0 || value.is_null() {
            return None;
        }
        // SAFETY: these items are strings that libpam keeps for as long as
        // the handle lives and the item is not set again.
        let text = unsafe { CStr::from_ptr(value.cast()) };
        Some(text.to_string_lossy().into_owned())
    }

    /// The session's environment that modules made, each as `NAME=value`.
    pub fn environment(&self) -> Vec<String> {
        // SAFETY: the handle is live.
        let list = unsafe { ffi::pam_getenvlist(self.handle) };
        let mut variables = Vec::new();
        if list.is_null() {
            return variables;
        }
        let mut next = list;
        loop {
            // SAFETY: the list ends in a null pointer, at which we stop.
            let entry = unsafe { next.read() };
            if entry.is_null() {
                break;
            }
            // SAFETY: every entry is a string that ends in NUL.
            let text = unsafe { CStr::from_ptr(entry) };
            variables.push(text.to_string_lossy().into_owned());
            // SAFETY: the entries come from malloc and are ours to free.
            unsafe { libc::free(entry.cast()) };
            // SAFETY: the end has not been reached, so one more entry follows.
            next = unsafe { next.add(1) };
        }
        // SAFETY: so does the list.
        unsafe { libc::free(list.cast()) };
        variables
    }

    /// Makes a call and returns its result.
    pub fn call(&mut self, call: Call, flags: i32) -> Code {
        let function = match call {
            Call::Authenticate => ffi::pam_authenticate,
            Call::Setcred => ffi::pam_setcred,
            Call::AcctMgmt => ffi::pam_acct_mgmt,
            Call::OpenSession => ffi::pam_open_session,
            Call::CloseSession => ffi::pam_close_session,
            Call::Chauthtok => ffi::pam_chauthtok,
        };
        // SAFETY: the handle is live, and nothing here holds a reference to
        // the application while libpam may call it back.
        self.last = unsafe { function(self.handle, flags) };
        Code(self.last)
    }

    /// The meaning of a code, in libpam's words.
    pub fn meaning(&self, code: Code) -> String {
        // SAFETY: Linux-PAM takes any number and gives a constant string.
        let text = unsafe { ffi::pam_strerror(self.handle, code.0) };
        if text.is_null() {
            return String::from("no description");
        }
        // SAFETY: checked above; the string ends in NUL.
        let text = unsafe { CStr::from_ptr(text) };
        text.to_string_lossy().into_owned()
    }

    /// The application's own data.
    pub fn application(&mut self) -> &mut C {
        // SAFETY: it came from a Box that nobody has freed; callbacks run
        // only inside `call`, which takes `&mut self` as this borrow does.
        unsafe { &mut (*self.application).conversation }
    }

    /// Ends the transaction with the last call's result, as applications do.
    pub fn end(self) -> Code {
        let mut this = self;
        this.finish()
    }

    fn finish(&mut self) -> Code {
        let mut code = Code::PAM_SUCCESS;
        if !self.handle.is_null() {
            // SAFETY: the handle is live and is forgotten at once.
            code = Code(unsafe { ffi::pam_end(self.handle, self.last) });
            self.handle = ptr::null_mut();
        }
        if !self.application.is_null() {
            // SAFETY: from Box::into_raw; libpam, which knew it, is done.
            drop(unsafe { Box::from_raw(self.application) });
            self.application = ptr::null_mut();
        }
        code
    }
}

impl<C: Converse> Drop for Transaction<C> {
    fn drop(&mut self) {
        self.finish();
    }
}

fn check(code: c_int) -> Result<(), Code> {
    if code == 0 { Ok(()) } else { Err(Code(code)) }
}

fn c_string(bytes: &[u8]) -> Result<CString, Code> {
    CString::new(bytes).map_err(|_| Code::PAM_BUF_ERR)
}

/// The callback for a module's messages.
///
/// A panic ends here, as `PAM_CONV_ERR`: it must not cross into C.
unsafe extern "C" fn conversation_callback<C: Converse>(
    count: c_int,
    messages: *mut *const ffi::PamMessage,
    responses: *mut *mut ffi::PamResponse,
    appdata: *mut c_void,
) -> c_int {
    let Ok(length) = usize::try_from(count) else {
        return Code::PAM_CONV_ERR.0;
    };
    if length == 0 || messages.is_null() || responses.is_null() || appdata.is_null() {
        return Code::PAM_CONV_ERR.0;
    }
    // SAFETY: `appdata` is the Box's pointer that `start` gave to libpam;
    // callbacks come one at a time, from within `call`, which holds no
    // reference to it.
    let application = unsafe { &mut *appdata.cast::<Application<C>>() };
    let conversation = &mut application.conversation;
    conversation.runs(true);
    let code = converse(conversation, length, messages, responses);
    if let Some(user) = conversation
        .replaces_user()
        .and_then(|user| CString::new(user).ok())
    {
        // SAFETY: the handle is live while a call of it is under way, and libpam copies
        // the string.
        unsafe {
            ffi::pam_set_item(
                application.handle,
                Item::User.number(),
                user.as_ptr().cast(),
            )
        };
    }
    conversation.runs(false);
    code
}

fn converse<C: Converse>(
    application: &mut C,
    length: usize,
    messages: *mut *const ffi::PamMessage,
    responses: *mut *mut ffi::PamResponse,
) -> c_int {
    let mut batch = Vec::with_capacity(length);
    // SAFETY: Linux-PAM passes an array of `count` pointers, which lives for
    // this call.
    let messages = unsafe { std::slice::from_raw_parts(messages.cast_const(), length) };
    for message in messages {
        // SAFETY: each points to a message that lives for this call.
        let message = unsafe { &**message };
        let text = if message.text.is_null() {
            Vec::new()
        } else {
            // SAFETY: checked above; a message's text ends in NUL.
            unsafe { CStr::from_ptr(message.text) }.to_bytes().to_vec()
        };
        batch.push(Message {
            style: Style::of(message.style),
            text,
        });
    }
    let replies = match catch_unwind(AssertUnwindSafe(|| application.converse(&batch))) {
        Ok(Ok(replies)) if replies.len() == length => replies,
        Ok(Err(code)) if code != Code::PAM_SUCCESS => return code.0,
        _ => return Code::PAM_CONV_ERR.0,
    };
    let is_text = batch.iter().all(|message| !message.style.is_prompt());
    if is_text && !application.gives_array_for_texts() {
        return Code::PAM_SUCCESS.0;
    }
    // SAFETY: calloc may be called with any numbers; null is checked below.
    let array: *mut ffi::PamResponse =
        unsafe { libc::calloc(length, size_of::<ffi::PamResponse>()) }.cast();
    if array.is_null() {
        return Code::PAM_BUF_ERR.0;
    }
    // SAFETY: `length` zeroed elements, of which nobody else knows yet; zero is
    // a valid value of both fields.
    let elements = unsafe { std::slice::from_raw_parts_mut(array, length) };
    for (element, reply) in elements.iter_mut().zip(&replies) {
        if let Reply::Text(bytes) = reply {
            element.text = copy_for_c(bytes);
        }
    }
    // SAFETY: not null, and libpam passes a place for the array, which the
    // module frees along with the texts.
    unsafe { responses.write(array) };
    Code::PAM_SUCCESS.0
}

/// A copy of the bytes in memory from malloc, which a module frees.
fn copy_for_c(bytes: &[u8]) -> *mut c_char {
    let until_nul = bytes.split(|b| *b == 0).next().unwrap_or_default();
    let text = CString::new(until_nul).unwrap_or_default();
    // SAFETY: the text ends in NUL.
    unsafe { libc::strdup(text.as_ptr()) }
}

/// The callback that replaces sleeping.
unsafe extern "C" fn fail_delay_callback<C: Converse>(
    status: c_int,
    microseconds: c_uint,
    appdata: *mut c_void,
) {
    if appdata.is_null() {
        return;
    }
    // SAFETY: as for the conversation; libpam passes the same pointer.
    let application = unsafe { &mut *appdata.cast::<Application<C>>() };
    // The panic's message was printed. Nothing else can be done in C.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        application
            .conversation
            .fail_delay(Code(status), microseconds);
    }));
}
