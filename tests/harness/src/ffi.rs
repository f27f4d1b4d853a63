//! The part of libpam's C interface that an application uses.
//!
//! Everything here is declared as Linux-PAM's headers have it; the safe side
//! is [`crate::transaction`].

use std::ffi::{c_char, c_int, c_uint, c_void};

/// The opaque handle of a transaction.
#[repr(C)]
pub(crate) struct PamHandle {
    _opaque: [u8; 0],
    _not_send: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,
}

/// `struct pam_message`.
#[repr(C)]
pub(crate) struct PamMessage {
    pub(crate) style: c_int,
    pub(crate) text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
pub(crate) struct PamResponse {
    pub(crate) text: *mut c_char,
    pub(crate) retcode: c_int,
}

/// The conversation callback.
pub(crate) type ConversationFn = unsafe extern "C" fn(
    count: c_int,
    messages: *mut *const PamMessage,
    responses: *mut *mut PamResponse,
    appdata: *mut c_void,
) -> c_int;

/// The callback of the item `PAM_FAIL_DELAY`.
pub(crate) type FailDelayFn =
    unsafe extern "C" fn(status: c_int, microseconds: c_uint, appdata: *mut c_void);

/// `struct pam_conv`.
#[repr(C)]
pub(crate) struct PamConv {
    pub(crate) conversation: ConversationFn,
    pub(crate) appdata: *mut c_void,
}

#[link(name = "pam")]
unsafe extern "C" {
    pub(crate) fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conversation: *const PamConv,
        confdir: *const c_char,
        handle: *mut *mut PamHandle,
    ) -> c_int;
    pub(crate) fn pam_end(handle: *mut PamHandle, status: c_int) -> c_int;
    pub(crate) fn pam_set_item(handle: *mut PamHandle, item: c_int, value: *const c_void) -> c_int;
    pub(crate) fn pam_get_item(
        handle: *const PamHandle,
        item: c_int,
        value: *mut *const c_void,
    ) -> c_int;
    pub(crate) fn pam_strerror(handle: *mut PamHandle, code: c_int) -> *const c_char;
    pub(crate) fn pam_getenvlist(handle: *mut PamHandle) -> *mut *mut c_char;
    pub(crate) fn pam_authenticate(handle: *mut PamHandle, flags: c_int) -> c_int;
    pub(crate) fn pam_setcred(handle: *mut PamHandle, flags: c_int) -> c_int;
    pub(crate) fn pam_acct_mgmt(handle: *mut PamHandle, flags: c_int) -> c_int;
    pub(crate) fn pam_open_session(handle: *mut PamHandle, flags: c_int) -> c_int;
    pub(crate) fn pam_close_session(handle: *mut PamHandle, flags: c_int) -> c_int;
    pub(crate) fn pam_chauthtok(handle: *mut PamHandle, flags: c_int) -> c_int;
}
