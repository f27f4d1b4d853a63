//! What a person reads when a login fails: short, and what to do next.

use crate::error::{LoginError, Obstacle};
use crate::fault::ServerFault;
use crate::words::{Words, fill};

/// What the person should read, if anything.
///
/// A wrong password gets one sentence, whoever it is for; a skip says nothing.
#[must_use]
pub fn words_of(error: &LoginError, words: &Words) -> Option<String> {
    let text = match error {
        LoginError::Conversation | LoginError::Skipped(_) | LoginError::LookupSkipped(_) => {
            return None;
        }
        // Nobody was asked for anything, or the module behind asks next.
        LoginError::NoStackPassword | LoginError::NoNewPassword => return None,
        LoginError::NewPasswordRefused { words: theirs } => theirs
            .clone()
            .unwrap_or_else(|| words.new_password_refused.into()),
        LoginError::NewPasswordsDiffer => words.new_passwords_differ.into(),
        LoginError::NothingChanged | LoginError::NoSession => words.password_unchanged.into(),
        // One sentence for a password, wrong, empty or of nobody: the server's
        // words would tell those who guess names which of them exist.
        LoginError::Rejected {
            what: "password", ..
        }
        | LoginError::UnknownAccount
        | LoginError::ImpossibleName(_) => words.password_refused.into(),
        LoginError::Rejected {
            words: Some(theirs),
            ..
        } => theirs.clone(),
        LoginError::Rejected { what, .. }
        | LoginError::Empty { what }
        | LoginError::Unsendable { what, .. }
        | LoginError::Restarted { what, .. } => refused(what, words),
        LoginError::CodesUsedUp { .. } => words.codes_used_up.into(),
        LoginError::AnswersUsedUp { .. } | LoginError::RestartedTooOften(_) => {
            words.answers_used_up.into()
        }
        LoginError::PushRefused { .. } => words.push_refused.into(),
        LoginError::PushUnanswered => words.push_unanswered.into(),
        LoginError::Declined(_) => words.declined.into(),
        LoginError::LateAnswer => words.too_slow.into(),
        LoginError::TooManyAttempts { words: theirs } => theirs
            .clone()
            .unwrap_or_else(|| words.too_many_attempts.into()),
        LoginError::Denied { words: theirs } => match theirs {
            Some(theirs) => fill(words.denied_with, "words", theirs),
            None => words.denied.into(),
        },
        LoginError::NotOpen {
            words: Some(theirs),
            ..
        } => fill(words.denied_with, "words", theirs),
        LoginError::Inactive
        | LoginError::Deactivated
        | LoginError::AccountType { .. }
        | LoginError::NotInGroup
        | LoginError::AmbiguousGroup { .. }
        | LoginError::NotOpen { words: None, .. }
        | LoginError::NotInAuthentik
        | LoginError::ApplicationNeedsPerson
        | LoginError::AnothersName => words.not_for_this_host.into(),
        LoginError::NobodyLoggedIn
        | LoginError::SomebodyElse { .. }
        | LoginError::Impersonated
        | LoginError::NotCurrent
        | LoginError::NoSecretAccepted => words.not_confirmed.into(),
        LoginError::Unavailable(_) => words.unreachable.into(),
        LoginError::Server { fault, .. } | LoginError::LookupFailed(fault) => match fault {
            ServerFault::LoginTimeout | ServerFault::Stopped(_) => words.too_slow.into(),
            ServerFault::Throttled => words.busy.into(),
            ServerFault::FlowError => words.flow_error.into(),
            _ => words.unreachable.into(),
        },
        LoginError::Unsupported { reason, .. } => {
            fill(words.cannot_go_on, "reason", &obstacle(reason, words))
        }
        LoginError::UnknownFlow { .. }
        | LoginError::UnknownApplication { .. }
        | LoginError::LookupForbidden { .. }
        | LoginError::LookupSeesNobody
        | LoginError::Config(_) => words.not_set_up.into(),
        LoginError::Host(_) | LoginError::Bug(_) => words.host_failed.into(),
    };
    Some(text)
}

fn refused(what: &str, words: &Words) -> String {
    let what = match what {
        "password" => return words.password_refused.into(),
        "code" => words.what_code,
        "push" => words.what_push,
        "user name" => words.what_user_name,
        _ => words.what_answer,
    };
    fill(words.refused, "what", what)
}

fn obstacle(obstacle: &Obstacle, words: &Words) -> String {
    match obstacle {
        Obstacle::Browser => words.needs_a_browser.into(),
        Obstacle::SecurityKey => words.needs_a_browser_for_key.into(),
        Obstacle::SetUpInBrowser => words.needs_a_browser_for_set_up.into(),
        Obstacle::RedirectStage => words.redirects.into(),
        Obstacle::NoFactor => words.no_typed_factor.into(),
        Obstacle::FactorNotAllowed => words.factor_not_allowed.into(),
        Obstacle::File(label) => fill(words.asks_for_a_file, "label", label),
        Obstacle::EndsSession => words.ends_a_session.into(),
        Obstacle::SecondPrompt => words.asks_twice.into(),
        Obstacle::Unknown => words.unknown_step.into(),
    }
}
