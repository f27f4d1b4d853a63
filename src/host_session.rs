//! The session of this host that a login opens, and its end: whether it remembers the
//! second factor. [`crate::second_factor`] says how.
//!
//! Neither can refuse a login: both answer `PAM_IGNORE`, whatever happens.

use std::ffi::CStr;

use pam::constants::PamResultCode;

use crate::audit::Audit;
use crate::pam::{self as pam_handle, Transaction, UserName};
use crate::second_factor::{self, Kept, LoginFacts, VARIABLE};

/// Answers `pam_sm_open_session` for a login that has handed something over.
pub fn open(transaction: &mut Transaction<'_>, _arguments: &[&CStr]) -> PamResultCode {
    // A panic and the lack of memory have the same result: nothing is remembered.
    let _ = pam_handle::guarded(|| {
        let name = transaction.variable(VARIABLE);
        // The session's programs must not see it.
        transaction.set_variable(VARIABLE, None);
        transaction.check_memory()?;
        if let Some(name) = name {
            keep(transaction, &name);
        }
        Ok(())
    });
    PamResultCode::PAM_IGNORE
}

fn keep(transaction: &mut Transaction<'_>, name: &str) {
    let UserName::Possible(user) = transaction.user_item() else {
        second_factor::discard(name);
        return;
    };
    let service = transaction.service();
    let rhost = transaction.rhost().unwrap_or_default();
    let login = LoginFacts {
        user: &user,
        service: &service,
        rhost: &rhost,
    };
    match second_factor::keep(name, &login) {
        Ok(kept) => transaction.keep_memory(kept),
        Err(reason) => {
            let mut audit = Audit::begin(&service, "session", transaction.log_wait());
            audit.set_origin(Some(&rhost), None);
            audit.set_user(Some(&user));
            audit.log_not_remembered(&reason.to_string());
        }
    }
}

/// Answers `pam_sm_close_session` for a session that remembers something.
pub fn close(transaction: &mut Transaction<'_>, _arguments: &[&CStr]) -> PamResultCode {
    let _ = pam_handle::guarded(|| {
        if let Some(kept) = transaction.take_memory::<Kept>() {
            kept.forget();
        }
        Ok(())
    });
    PamResultCode::PAM_IGNORE
}
