//! `pam_authentik_flow.so`: a PAM module that logs people in by running an
//! [authentik](https://goauthentik.io) flow.
//!
//! authentik's flow executor sends challenges. Each becomes a PAM conversation, and
//! each answer goes back, until the flow ends. The end of a flow is not yet a login:
//! the module asks the server whose session it is. Only if it belongs to exactly this
//! user, after a secret was accepted, and the user has access, is there an
//! [`access::Verified`]. Nothing else leads to `PAM_SUCCESS`.
//!
//! [`login`] shows a login from start to end. Unsafe code is only in [`pam`] and
//! [`sys`].

// FreeBSD's OpenPAM gives the result codes other numbers, so a refusal could be read there
// as something else.
#[cfg(not(target_os = "linux"))]
compile_error!("this module is for Linux-PAM, and builds on Linux alone");

use std::ffi::CStr;

use ::pam::constants::{PamFlag, PamResultCode};
use ::pam::module::{PamHandle, PamHooks};

pub mod access;
pub mod account;
pub mod account_status;
pub mod audit;
pub mod binding;
pub mod call;
mod cause;
pub mod config;
pub mod conversation;
pub mod deadline;
pub mod display;
pub mod error;
pub mod fault;
pub mod first_answer;
pub mod flow;
pub mod host;
pub mod host_session;
pub mod html;
pub mod http;
pub mod identity;
pub mod json;
pub mod login;
pub mod login_context;
#[allow(
    unsafe_code,
    reason = "the border to C: every block says why it is sound"
)]
pub mod pam;
pub mod password;
pub mod refusal;
pub mod second_factor;
pub mod secret;
pub mod security_key;
pub mod session;
pub mod stages;
#[allow(
    unsafe_code,
    reason = "the border to the C library: every block says why it is sound"
)]
pub mod sys;
pub mod text;
pub mod token_file;
pub mod words;

/// Wipes all memory that the library frees: HTTP and TLS buffers hold passwords and
/// cookies, and none of our types wraps them. If a process has no memory left, the
/// allocator takes it from a reserve.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<sys::ReservedMemory> =
    zeroizing_alloc::ZeroAlloc(sys::ReservedMemory);

/// What libpam calls.
pub struct AuthentikFlow;

/// libpam finds these entry points by their names, `pam_sm_*`.
#[allow(
    missing_docs,
    unreachable_pub,
    reason = "made by a macro of pam-bindings"
)]
mod entry_points {
    use super::AuthentikFlow;
    ::pam::pam_hooks!(AuthentikFlow);
}

impl PamHooks for AuthentikFlow {
    fn sm_authenticate(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        pam::enter(handle, &args, flags, login::authenticate)
    }

    /// There are no credentials to set, but any other answer than success would look
    /// like a failed login: to sshd's parent process, which did not see its child's
    /// authentication, and to doas. On such a handle libpam knows no earlier decision,
    /// so a line with `success=done` ends the stack for credentials here: modules that
    /// set credentials must come before it.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }

    fn acct_mgmt(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        pam::enter(handle, &args, flags, account::manage)
    }

    /// Does nothing unless the login has left a second factor to remember.
    fn sm_open_session(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        match pam::variable(handle, second_factor::VARIABLE) {
            Some(_) => pam::enter(handle, &args, flags, host_session::open),
            None => PamResultCode::PAM_IGNORE,
        }
    }

    fn sm_close_session(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        match pam::has_remembering_session(handle) {
            true => pam::enter(handle, &args, flags, host_session::close),
            false => PamResultCode::PAM_IGNORE,
        }
    }

    fn sm_chauthtok(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        pam::enter(handle, &args, flags, password::change)
    }
}
