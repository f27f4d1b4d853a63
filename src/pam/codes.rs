//! The one table from what happened to the result codes of PAM.
//!
//! docs/troubleshoot.md and pam_authentik_flow(8) repeat it. Take care with two rows.
//! `PAM_AUTHINFO_UNAVAIL` takes [`crate::http::Unavailable`], which only the HTTP layer
//! can make, because stacks make an exception for this code. `PAM_IGNORE` comes only
//! from a configured skip, never from an error.

use pam::constants::PamResultCode;

use super::transaction::Phase;
use crate::access::{Admitted, Verified};
use crate::error::LoginError;

/// The code for a login that failed, or for a user that is ignored. Never
/// `PAM_SUCCESS`.
#[must_use]
pub fn code(error: &LoginError) -> PamResultCode {
    use PamResultCode as P;
    match error {
        LoginError::Rejected { .. }
        | LoginError::Empty { .. }
        | LoginError::Unsendable { .. }
        | LoginError::Restarted { .. }
        | LoginError::NoStackPassword
        | LoginError::PushUnanswered
        | LoginError::Declined(_)
        | LoginError::LateAnswer
        | LoginError::NobodyLoggedIn
        | LoginError::SessionRefused
        | LoginError::MessageNotSent { .. }
        | LoginError::SomebodyElse { .. }
        | LoginError::Impersonated
        | LoginError::NotCurrent
        | LoginError::NoSecretAccepted
        | LoginError::UserReplaced
        | LoginError::Server { .. } => P::PAM_AUTH_ERR,
        LoginError::Denied { .. }
        | LoginError::DeniedWithContinue
        | LoginError::HostNotProved { .. }
        | LoginError::Inactive
        | LoginError::AccountType { .. }
        | LoginError::NotInGroup { .. }
        | LoginError::AmbiguousGroup { .. }
        | LoginError::ApplicationDenied { .. }
        | LoginError::NotInAuthentik
        | LoginError::ApplicationNeedsPerson
        // A stack's exception for a server that is down does not apply to accounts:
        // they have [account] on_unavailable.
        | LoginError::LookupFailed(_)
        | LoginError::AnotherPerson { .. }
        | LoginError::NameOfAnotherAccount
        | LoginError::ShortName(_) => P::PAM_PERM_DENIED,
        LoginError::Deactivated => P::PAM_ACCT_EXPIRED,
        LoginError::SecurityKey(fault) if fault.is_about_tries() => P::PAM_MAXTRIES,
        LoginError::SecurityKey(_) => P::PAM_AUTH_ERR,
        LoginError::TooManyAttempts { .. }
        | LoginError::CodesUsedUp { .. }
        | LoginError::AnswersUsedUp { .. }
        | LoginError::RestartedTooOften(_)
        | LoginError::PushRefused { .. } => P::PAM_MAXTRIES,
        LoginError::Skipped(_) | LoginError::LookupSkipped(_) => P::PAM_IGNORE,
        LoginError::UnknownAccount | LoginError::ImpossibleName(_) => P::PAM_USER_UNKNOWN,
        LoginError::Unavailable(_) => P::PAM_AUTHINFO_UNAVAIL,
        LoginError::UnknownFlow { .. }
        | LoginError::UnknownApplication { .. }
        | LoginError::LookupForbidden { .. }
        | LoginError::LookupSeesNobody
        | LoginError::Unsupported { .. }
        | LoginError::Config(_) => P::PAM_SERVICE_ERR,
        LoginError::NewPasswordRefused { .. }
        | LoginError::NewPasswordsDiffer
        | LoginError::NoNewPassword
        | LoginError::NothingChanged
        | LoginError::NoSession => P::PAM_AUTHTOK_ERR,
        LoginError::Host(_) | LoginError::Binding(_) | LoginError::NotBound => P::PAM_SYSTEM_ERR,
        LoginError::Conversation => P::PAM_CONV_ERR,
        LoginError::Bug(_) => P::PAM_ABORT,
    }
}

/// The code for a change of password, which has its own codes for a login that failed.
/// A server that cannot be reached, before anything was changed, is `PAM_TRY_AGAIN`. An
/// old password that is wrong or missing is `PAM_AUTHTOK_RECOVERY_ERR`. Everything that
/// keeps the new one from being set is `PAM_AUTHTOK_ERR`. The rest is as in [`code`].
#[must_use]
pub fn password_code(error: Option<&LoginError>, phase: Phase) -> PamResultCode {
    use PamResultCode as P;
    let Some(error) = error else {
        return P::PAM_SUCCESS;
    };
    match (code(error), phase) {
        (P::PAM_AUTHINFO_UNAVAIL | P::PAM_AUTH_ERR | P::PAM_MAXTRIES, Phase::Update) => {
            P::PAM_AUTHTOK_ERR
        }
        (P::PAM_AUTHINFO_UNAVAIL | P::PAM_AUTH_ERR, Phase::Preliminary)
            if matches!(
                error,
                LoginError::Server { .. } | LoginError::Unavailable(_)
            ) =>
        {
            P::PAM_TRY_AGAIN
        }
        (P::PAM_AUTH_ERR | P::PAM_MAXTRIES, Phase::Preliminary) => P::PAM_AUTHTOK_RECOVERY_ERR,
        (code, _) => code,
    }
}

/// `PAM_SUCCESS` for the account of a person who logged in without this module. It
/// takes the value that says that they may use this host.
#[must_use]
pub fn admitted(_judged: Admitted) -> PamResultCode {
    PamResultCode::PAM_SUCCESS
}

/// `PAM_SUCCESS` for a login. It takes the proof.
#[must_use]
pub fn success(_proof: Verified) -> PamResultCode {
    PamResultCode::PAM_SUCCESS
}
