//! `pam_authentik_flow.so`: a PAM module that logs people in by running an
//! [authentik](https://goauthentik.io) flow.
//!
//! authentik's flow executor sends challenges; each becomes a PAM conversation,
//! each answer goes back, until the flow ends. The end of a flow is no login
//! yet: the server is asked whose session it is, and only the very user, after
//! a secret was accepted and with the configured access, is
//! [`access::Verified`]. Nothing else makes `PAM_SUCCESS`.
//!
//! The way of a login, from top to bottom, is [`login`]. What the compiler
//! cannot check is in [`pam`] and [`sys`] alone.

use std::ffi::CStr;

use ::pam::constants::{PamFlag, PamResultCode};
use ::pam::module::{PamHandle, PamHooks};

pub mod access;
pub mod account;
pub mod account_status;
pub mod audit;
pub mod call;
pub mod config;
pub mod conversation;
pub mod deadline;
pub mod error;
pub mod fault;
pub mod first_answer;
pub mod flow;
pub mod host;
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
pub mod secret;
pub mod session;
pub mod stages;
#[allow(
    unsafe_code,
    reason = "the border to the C library: every block says why it is sound"
)]
pub mod sys;
pub mod text;
pub mod words;

/// Wipes all memory that the library frees: HTTP and TLS buffers hold passwords
/// and cookies, and no type of ours wraps those. A process that has no memory left
/// gets it from a reserve.
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

    /// There are no credentials to set, but anything else than success is taken
    /// for a failed login: by sshd's parent process, which never saw the
    /// authentication that its child made, and by doas. On such a handle libpam
    /// knows no earlier decision, so a line `success=done` ends the credentials
    /// of the stack here: modules that set some stand in front of it.
    fn sm_setcred(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_SUCCESS
    }

    fn acct_mgmt(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        pam::enter(handle, &args, flags, account::manage)
    }

    fn sm_open_session(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_IGNORE
    }

    fn sm_close_session(_: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        PamResultCode::PAM_IGNORE
    }

    fn sm_chauthtok(handle: &mut PamHandle, args: Vec<&CStr>, flags: PamFlag) -> PamResultCode {
        pam::enter(handle, &args, flags, password::change)
    }
}
