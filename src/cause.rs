//! What ended a login, as one word for programs that read the log.
//!
//! The words in `reason=` are for people and may be improved. These stay as they
//! are: alerts go by them. A new variant needs a word of its own and a row in
//! docs/log.md, which a test holds against this file.

use crate::error::{LoginError, Obstacle};
use crate::fault::ServerFault;
use crate::flow::HostAnswer;

impl LoginError {
    /// The word for `cause=` in the log.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Rejected { .. } => "wrong-answer",
            Self::Empty { .. } => "empty-answer",
            Self::Unsendable { .. } => "unsendable-answer",
            Self::Restarted { .. } => "restarted",
            Self::NoStackPassword => "no-stack-password",
            Self::CodesUsedUp { .. } => "codes-used-up",
            Self::PushRefused { .. } => "push-refused",
            Self::PushUnanswered => "push-unanswered",
            Self::SecurityKey(fault) if fault.is_about_tries() => "key-pin",
            Self::SecurityKey(_) => "key-not-signed",
            Self::Declined(_) => "declined",
            Self::AnswersUsedUp { .. } => "answers-used-up",
            Self::RestartedTooOften(_) => "restarted-too-often",
            Self::LateAnswer => "late-answer",
            Self::TooManyAttempts { .. } => "too-many-attempts",
            Self::MessageNotSent { .. } => "code-not-sent",
            Self::Denied { .. } | Self::DeniedWithContinue => "denied",
            Self::HostNotProved { host, .. } => host.cause(),
            Self::SessionRefused => "session-refused",
            Self::NobodyLoggedIn => "nobody-logged-in",
            Self::SomebodyElse { .. } => "somebody-else",
            Self::Impersonated => "impersonated",
            Self::NotCurrent => "not-current-user",
            Self::AnotherPerson { actual: None, .. } => "person-gone",
            Self::AnotherPerson { .. } => "another-person",
            Self::NotBound => "not-bound",
            Self::Binding(_) => "binding-failed",
            Self::NoSecretAccepted => "no-secret-accepted",
            Self::NameOfAnotherAccount => "name-of-another",
            Self::ShortName(_) => "name-with-domain",
            Self::Inactive | Self::Deactivated => "inactive",
            Self::AccountType { .. } => "account-type",
            Self::NotInGroup { .. } => "not-in-group",
            Self::AmbiguousGroup { .. } => "ambiguous-group",
            Self::ApplicationDenied { .. } => "application-denied",
            Self::NotInAuthentik => "not-in-authentik",
            Self::ApplicationNeedsPerson => "application-needs-login",
            Self::LookupForbidden { .. } => "look-up-forbidden",
            Self::LookupSeesNobody => "look-up-sees-nobody",
            Self::LookupFailed(fault) => fault.cause(),
            Self::LookupSkipped(_) | Self::Unavailable(_) => "unavailable",
            Self::NewPasswordRefused { .. } => "new-password-refused",
            Self::NewPasswordsDiffer => "new-passwords-differ",
            Self::NoNewPassword => "no-new-password",
            Self::NothingChanged => "nothing-changed",
            Self::NoSession => "no-session",
            Self::Skipped(_) => "left-alone",
            Self::UnknownAccount => "unknown-account",
            Self::ImpossibleName(_) => "impossible-name",
            Self::UserReplaced => "user-replaced",
            Self::Server { fault, .. } => fault.cause(),
            Self::UnknownFlow { .. } => "unknown-flow",
            Self::UnknownApplication { .. } => "unknown-application",
            Self::Unsupported { reason, .. } => reason.cause(),
            Self::Config(_) => "configuration",
            Self::Host(_) => "host-failed",
            Self::Conversation => "conversation-failed",
            Self::Bug(_) => "defect",
        }
    }
}

impl HostAnswer {
    fn cause(self) -> &'static str {
        match self {
            Self::Signed => "host-refused",
            Self::NotConfigured | Self::Unreadable => "host-not-proved",
        }
    }
}

impl ServerFault {
    fn cause(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Stale(_) => "answer-from-cache",
            Self::Connection(_) | Self::Closed => "connection",
            Self::Certificate(_) => "certificate",
            Self::TrustedRoots(_) => "configuration",
            Self::Tls(_) => "tls",
            Self::Host(_) => "host-failed",
            Self::Timeout(_) => "timeout",
            Self::Stopped(_) => "process-stopped",
            Self::LoginTimeout => "login-timeout",
            Self::Status(_) => "http-status",
            Self::UnexpectedAnswer(_) => "invalid-answer",
            Self::FlowError => "flow-error",
            Self::Throttled => "throttled",
            Self::ProxyRefused(_) => "proxy",
            Self::NotReady => "starting",
        }
    }
}

impl Obstacle {
    fn cause(&self) -> &'static str {
        match self {
            Self::Browser | Self::SetUpInBrowser | Self::SecurityKey => "needs-browser",
            Self::KeyNotHere(_) => "key-not-here",
            Self::ForeignRelyingParty(_) => "key-of-another-address",
            Self::Passkey => "needs-passkey",
            Self::RedirectStage => "redirect-stage",
            Self::Source => "needs-source",
            Self::OtherFlow => "other-flow",
            Self::Stuck => "stuck",
            Self::NoFactor => "no-second-factor",
            Self::FactorNotAllowed => "second-factor-not-allowed",
            Self::File(_) => "needs-file",
            Self::EndsSession => "invalidation-flow",
            Self::SecondPrompt => "needs-second-prompt",
            Self::Unknown => "unknown-stage",
        }
    }
}
