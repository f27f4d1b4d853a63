//! What every entry point does first and last.

use std::ffi::CStr;

use pam::constants::{PamFlag, PamResultCode};
use pam::module::PamHandle;

use super::transaction::Transaction;
use crate::sys::{MemoryReserve, RaisedLimits, has_stack};

/// Makes the call. It first raises the limits that the caller of a set-uid program has
/// set, and reserves all the memory that the call may need. Both are undone however the
/// call ends.
pub fn enter(
    handle: &mut PamHandle,
    arguments: &[&CStr],
    flags: PamFlag,
    call: impl FnOnce(&mut Transaction<'_>, &[&CStr]) -> PamResultCode,
) -> PamResultCode {
    let limits = RaisedLimits::raise();
    let memory = match has_stack() {
        true => MemoryReserve::hold(),
        false => Err(std::io::Error::other("the limit of the stack is too low")),
    };
    let mut transaction = Transaction::new(handle, flags, &limits, memory.as_ref().err());
    call(&mut transaction, arguments)
}
