//! What can end a login other than success, in the words of the field.
//!
//! One enum for the whole way of a login; [`crate::pam::code`] holds the one
//! table from it to the result codes of PAM. [`std::fmt::Display`] is for the
//! administrator who reads the log; [`crate::refusal`] is for the person at
//! the prompt. Neither ever holds a secret: no variant can carry one.

mod obstacle;

pub use obstacle::Obstacle;

use crate::config::ConfigError;
use crate::fault::ServerFault;
use crate::flow::HostAnswer;
use crate::host::FileFault;
use crate::http::{RequestError, Unavailable};
use crate::security_key::KeyFault;
use crate::sys::is_setuid;

/// Why somebody is not logged in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    // What the person did.
    /// The server refused what was typed; `words` are the server's own.
    #[error("authentik refused the {what}{}", quoted(words.as_ref()))]
    Rejected {
        /// What was refused, such as `password`.
        what: &'static str,
        /// The server's words to the person, cleaned.
        words: Option<String>,
    },
    /// Nothing was typed; nothing was sent.
    #[error("the {what} was empty and was not sent")]
    Empty {
        /// What was asked for.
        what: &'static str,
    },
    /// What was typed cannot be what the server knows; nothing was sent.
    #[error("the {what} was not sent: {reason}")]
    Unsendable {
        /// What was asked for.
        what: &'static str,
        /// Why it cannot be sent.
        reason: &'static str,
    },
    /// The flow went back to an earlier stage after a secret was sent: the stage's binding
    /// says *restart* on a wrong answer, or the session was lost. A second stage of the same
    /// kind behind the secret looks alike: authentik answers with a redirect and the same
    /// challenge, and nothing in either tells how far the flow is.
    #[error(
        "the flow went back to {component} after the {what}: it was wrong, the session was lost, or the flow has that stage twice"
    )]
    Restarted {
        /// The component of the stage that came back.
        component: String,
        /// The secret that had been sent.
        what: &'static str,
    },
    /// `use_first_pass`, and no earlier module of the stack has left a password.
    #[error("use_first_pass is set, and no earlier module of the stack left a password")]
    NoStackPassword,
    /// As many codes as `[prompt] attempts` allows were wrong.
    #[error("as many codes as [prompt] attempts allows ({wrong}) were wrong{}", if *repeated { "; the password came back as the code: does the application answer every prompt alike?" } else { "" })]
    CodesUsedUp {
        /// How many were wrong.
        wrong: u32,
        /// Whether the password was given as a code: sshd's password method
        /// answers every hidden prompt alike.
        repeated: bool,
    },
    /// authentik could not send the code, as often as it was asked to.
    #[error("authentik could not send the code{}", quoted(words.as_ref()))]
    MessageNotSent {
        /// The server's words, which may be those of its gateway, cleaned.
        words: Option<String>,
    },
    /// The person's phone refused a push, or let it run out.
    #[error("the push was refused or ran out{}", quoted(words.as_ref()))]
    PushRefused {
        /// The server's words to the person, cleaned.
        words: Option<String>,
    },
    /// The phone had not answered when `push_timeout` passed.
    #[error("nobody answered the push within push_timeout")]
    PushUnanswered,
    /// No security key has signed.
    #[error("{0}")]
    SecurityKey(KeyFault),
    /// The person said no to what a consent stage asks.
    #[error("the person declined what {0} asks")]
    Declined(&'static str),
    /// The answers to one question or stage were wrong too often.
    #[error("{tries} answers to {question} were wrong, and no more are allowed")]
    AnswersUsedUp {
        /// The component or field, cleaned.
        question: String,
        /// How many tries there were.
        tries: u32,
    },
    /// The flow went back to its beginning again and again.
    #[error("the flow went back to its beginning {0} times")]
    RestartedTooOften(u32),
    /// The first answer came when the time of the login was over. A new flow takes
    /// it up, so that no login ends in this; see [`crate::first_answer`].
    #[error("the first answer came after login_timeout")]
    LateAnswer,
    /// The server closed the flow instead of answering to a secret.
    ///
    /// It says so after too many wrong ones. Since 2025.12 it counts those of everybody
    /// who tries this name, so that it can be the first one of this login; and it may
    /// be a denial of another kind, which looks the same.
    #[error(
        "authentik ended the flow at the {what}: too many wrong tries for this name, from anywhere, or another denial{}",
        quoted(words.as_ref())
    )]
    TooManyAttempts {
        /// The secret that had been sent.
        what: &'static str,
        /// The server's words to the person, cleaned.
        words: Option<String>,
    },

    // What the server says of the login.
    /// The flow ended in `ak-stage-access-denied`.
    #[error("authentik denied access{}", quoted(words.as_ref()))]
    Denied {
        /// The server's words to the person, cleaned.
        words: Option<String>,
    },
    /// The flow's own policies refused, and its *denied action* is *continue*.
    #[error(
        "authentik denied access: the flow's policies refused it, and its denied action is to continue, so it gives no reason"
    )]
    DeniedWithContinue,
    /// The stage that asks which host this is has refused the answer.
    #[error("{}", of_host(*host, words.as_ref()))]
    HostNotProved {
        /// How it was answered.
        host: HostAnswer,
        /// The server's words, cleaned.
        words: Option<String>,
    },
    /// The flow ended, and the session belongs to nobody.
    #[error(
        "the flow ended, but nobody is logged in: does the flow have a user-login stage, and does it run?"
    )]
    NobodyLoggedIn,
    /// authentik refuses to say whose session it is, as it does for an
    /// account which was deactivated during the login.
    #[error("HTTP 400 for the user of the session: was the account deactivated during the login?")]
    SessionRefused,
    /// The session belongs to somebody else than the person who logs in.
    #[error("the flow logged in another user: {actual}")]
    SomebodyElse {
        /// Who that is, cleaned.
        actual: String,
    },
    /// The session is one in which somebody impersonates the person.
    #[error("somebody else impersonates this user in the session")]
    Impersonated,
    /// The session holds several users, and this is not the one that requests act for.
    #[error("authentik does not say that this user is the current one of the session")]
    NotCurrent,
    /// The flow logged the person in without asking for any secret.
    #[error(
        "the flow asked for no password and no code, so it proves nothing: add a password stage"
    )]
    NoSecretAccepted,
    /// The name in lower case is another account's.
    #[error("in lower case the name is that of another account of this host")]
    NameOfAnotherAccount,
    /// The name cannot be used without its domain, and why.
    #[error("[user] domain cannot be removed from the name: {0}")]
    ShortName(&'static str),
    /// The account of this host belongs to another person than the one who has the name now.
    #[error("{}", another_person(bound, actual.as_deref()))]
    AnotherPerson {
        /// The `uid` that the account is bound to.
        bound: String,
        /// The `uid` of the person who has the name in authentik; `None` if nobody has: they
        /// were renamed or removed.
        actual: Option<String>,
    },
    /// The account of this host belongs to nobody, and this service binds nobody.
    #[error(
        "this account is bound to no person yet, and this service does not run as root: log in once by another service, or run authentik-flow bind"
    )]
    NotBound,
    /// The binding of the account cannot be read or written.
    #[error("the account's file in /var/lib/authentik-flow/bindings, or its directory, {0}")]
    Binding(FileFault),
    /// The account is disabled in authentik.
    #[error("the account is not active in authentik")]
    Inactive,
    /// An account of a type that `[user] types` does not name.
    #[error("the account's type is {actual:?}, which is not in [user] types")]
    AccountType {
        /// The type that authentik gave, cleaned.
        actual: String,
    },
    /// In none of the groups that `[access] groups` names.
    #[error(
        "the user is in none of the groups of [access] groups ({wanted}){}",
        in_groups(theirs)
    )]
    NotInGroup {
        /// The groups that are named there, cleaned.
        wanted: String,
        /// The user's own, cleaned.
        theirs: String,
    },
    /// In groups that share a name which `[access] groups` names.
    #[error("two groups of the user are named {name:?}: write the UUID of one in [access] groups")]
    AmbiguousGroup {
        /// The name, cleaned.
        name: String,
    },
    /// The application of `[access] application` is not open to them.
    #[error("the application {slug:?} is not open to the user{}", quoted(words.as_ref()))]
    ApplicationDenied {
        /// The application's slug.
        slug: String,
        /// Its policies' words to the person, cleaned.
        words: Option<String>,
    },

    // What authentik says of somebody who came by another way.
    /// Nobody of that name, of those who came by another way.
    #[error("authentik knows nobody with this name, and [account] unknown = \"ignore\" is not set")]
    NotInAuthentik,
    /// The account of somebody who came by another way is disabled.
    #[error(
        "the account is not active in authentik, and an SSH key or a ticket does not change that"
    )]
    Deactivated,
    /// Only `[access] application` is set, which somebody without a session cannot be asked for.
    #[error(
        "[access] application can only be checked in the session of a login: also name groups, or nobody gets in with an SSH key"
    )]
    ApplicationNeedsPerson,
    /// The token of `[account] token_file` may not look up what is needed.
    #[error(
        "HTTP {status}: the token of [account] token_file is wrong, or its account's role lacks the permission {permission}"
    )]
    LookupForbidden {
        /// The status that said so.
        status: u16,
        /// authentik's name of the permission.
        permission: &'static str,
    },
    /// The token of `[account]` is good for nothing: authentik shows it no user at all.
    #[error(
        "authentik shows no user to the token of [account] token_file, as to an outpost's token: use the token of a service account whose role has the permission authentik_core.view_user"
    )]
    LookupSeesNobody,
    /// authentik could not be asked about somebody who came by another way.
    #[error("{0}, and [account] on_unavailable = \"ignore\" is not set, or does not cover this")]
    LookupFailed(ServerFault),
    /// authentik is unavailable, and the configuration leaves them to the other
    /// modules then.
    #[error("{0}; left to the other modules, as [account] on_unavailable = \"ignore\" says")]
    LookupSkipped(Unavailable),

    // A new password.
    /// The server's policy refused it, as often as `[prompt] attempts` allows.
    #[error("authentik refused the new password{}", quoted(words.as_ref()))]
    NewPasswordRefused {
        /// The server's words to the person, cleaned.
        words: Option<String>,
    },
    /// It was not typed the same way twice.
    #[error("the new password was not typed the same way twice")]
    NewPasswordsDiffer,
    /// `use_authtok`, and no earlier module of the stack has left a new password.
    #[error("use_authtok is set, and no earlier module of the stack left a new password")]
    NoNewPassword,
    /// The flow that should change the password ended without asking for one.
    #[error(
        "the flow of [password] ended without asking for a new password, so it has changed none"
    )]
    NothingChanged,
    /// The second call without the first, or for somebody else.
    #[error("the preliminary check has left no session to change the password in")]
    NoSession,

    // Who is left alone, who does not exist.
    /// The configuration says to leave this user alone.
    #[error("left alone: {0}")]
    Skipped(&'static str),
    /// The host has no such account.
    #[error("this host has no such account")]
    UnknownAccount,
    /// No account can have this name.
    #[error("no account can have this name: {0}")]
    ImpossibleName(&'static str),
    /// The application has set `PAM_USER` to another name while this user logged in.
    #[error("the application has replaced the user during the login")]
    UserReplaced,

    // The server and the way to it.
    /// authentik is proved to be unavailable. The one way to `PAM_AUTHINFO_UNAVAIL`.
    #[error("{0}")]
    Unavailable(Unavailable),
    /// The server, or the way to it, failed, and that proves nothing.
    #[error("{fault}{}", no_proof(*doubt))]
    Server {
        /// What went wrong.
        fault: ServerFault,
        /// Why it does not prove that authentik is unavailable, where it comes near.
        doubt: Option<&'static str>,
    },
    /// The server has no flow with that slug.
    #[error(
        "HTTP 404: authentik has no flow with the slug {slug:?}, or the server at `url` is not authentik"
    )]
    UnknownFlow {
        /// The slug that was asked for.
        slug: String,
    },
    /// The server has no application with that slug.
    #[error("HTTP 404: authentik has no application with the slug {slug:?} of [access]")]
    UnknownApplication {
        /// The slug that was asked for.
        slug: String,
    },
    /// The flow asks for what a terminal cannot do, or this module cannot yet.
    #[error("the flow sent {component}: {reason}")]
    Unsupported {
        /// The component, cleaned.
        component: String,
        /// Why it cannot be answered here.
        reason: Obstacle,
    },

    // The host and the application.
    /// The configuration is missing or wrong.
    #[error("{0}")]
    Config(ConfigError),
    /// The host itself failed: descriptors, memory, the account database.
    #[error("the host failed: {0}")]
    Host(String),
    /// The application's conversation failed, or was aborted.
    #[error("the application's conversation failed or was aborted")]
    Conversation,
    /// A defect of this module, caught before it reached the application.
    #[error("a defect in the module: {0}")]
    Bug(String),
}

fn another_person(bound: &str, actual: Option<&str>) -> String {
    match actual {
        Some(actual) => format!(
            "this account is bound to another person, by its name or its user ID: it belongs to uid {bound}, and the name to uid {actual} in authentik; if that is right, run authentik-flow bind --replace"
        ),
        None => format!(
            "authentik knows nobody with this name, and the account is bound to uid {bound}: that person was renamed or removed there"
        ),
    }
}

impl From<ConfigError> for LoginError {
    fn from(error: ConfigError) -> Self {
        if error.host_failed {
            Self::Host(error.to_string())
        } else {
            Self::Config(error)
        }
    }
}

impl From<ServerFault> for LoginError {
    fn from(fault: ServerFault) -> Self {
        RequestError::from(fault).into()
    }
}

impl From<RequestError> for LoginError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Unavailable(proof) => Self::Unavailable(proof),
            RequestError::Failed {
                fault: ServerFault::Host(problem),
                ..
            } => Self::Host(problem),
            RequestError::Failed {
                fault: ServerFault::TrustedRoots(error),
                ..
            } => error.into(),
            RequestError::Failed { fault, doubt, .. } => Self::Server { fault, doubt },
        }
    }
}

impl LoginError {
    /// Whether it says no more than that nobody can have the name.
    #[must_use]
    pub fn is_about_the_name(&self) -> bool {
        matches!(self, Self::UnknownAccount | Self::ImpossibleName(_))
    }

    /// Whether asking again on the same handle can only bring the same answer,
    /// so that it is kept and given at once: a denial, or a server that is down.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Denied { .. }
            | Self::DeniedWithContinue
            | Self::HostNotProved { .. }
            | Self::PushRefused { .. }
            | Self::Inactive
            | Self::AccountType { .. }
            | Self::NotInGroup { .. }
            | Self::AmbiguousGroup { .. }
            | Self::ApplicationDenied { .. }
            | Self::AnotherPerson { .. }
            | Self::NameOfAnotherAccount
            | Self::ShortName(_)
            | Self::UnknownFlow { .. }
            | Self::UnknownApplication { .. }
            | Self::NobodyLoggedIn
            | Self::NoSecretAccepted => true,
            // In a set-uid program the proof costs no wait, and the next try may find
            // that the server is back.
            Self::Unavailable(_) => !is_setuid(),
            // sudo asks three times, which would use up the tries of a key.
            Self::SecurityKey(fault) => fault.is_about_tries(),
            // A person who left the code out may type it the next time.
            Self::Unsupported { reason, .. } => *reason != Obstacle::SecondPrompt,
            // The next answer of a server that can be reached may be right.
            Self::Server { fault, .. } => matches!(
                fault,
                ServerFault::Dns(_)
                    | ServerFault::Connection(_)
                    | ServerFault::Closed
                    | ServerFault::Certificate(_)
                    | ServerFault::Tls(_)
                    | ServerFault::Timeout(_)
                    | ServerFault::Throttled
                    | ServerFault::NotReady
            ),
            _ => false,
        }
    }
}

/// Tells an administrator why a stack's exception for a server that is down was
/// not made.
fn no_proof(doubt: Option<&'static str>) -> String {
    doubt
        .map(|doubt| format!(" (not counted as unavailable: {doubt})"))
        .unwrap_or_default()
}

/// The groups of somebody, which may be unknown.
fn in_groups(theirs: &str) -> String {
    match theirs.is_empty() {
        true => String::new(),
        false => format!("; the user's are {theirs}"),
    }
}

/// Why the stage that asks which host this is has refused the answer.
fn of_host(host: HostAnswer, words: Option<&String>) -> String {
    let words = quoted(words);
    let reason = match host {
        HostAnswer::Signed => {
            return format!(
                "authentik does not accept this host's token{words}; the token was revoked, it is not the one of [host] identifier, or the flow's stage has another connector"
            );
        }
        HostAnswer::NotConfigured => "[host] is not configured; run authentik-flow enrol-host",
        HostAnswer::Unreadable => {
            "this service does not run as root, so it cannot read [host] token_file"
        }
    };
    format!("authentik denied access{words}; the flow asks which host this is, and {reason}")
}

fn quoted(words: Option<&String>) -> String {
    words
        .map(|words| format!(": {words:?}"))
        .unwrap_or_default()
}
