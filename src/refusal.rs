//! What a person reads when a login fails: short, and what to do next.

use std::sync::Arc;

use crate::config::{Config, LanguageTag};
use crate::error::{LoginError, Obstacle};
use crate::fault::ServerFault;
use crate::security_key::KeyFault;
use crate::text::ascii;
use crate::words::{Words, fill};

/// In which language the person is addressed, and where authentik is.
#[derive(Debug, Clone)]
pub struct Wording {
    /// The module's messages in their language; English before it is known.
    pub(crate) words: Option<Arc<Words>>,
    /// The address of authentik, if it is known.
    pub server: Option<String>,
    /// The tag of the language, if the configuration has one.
    pub language: Option<LanguageTag>,
    /// Whether the message must be ASCII.
    pub ascii_only: bool,
}

impl Wording {
    /// Before the configuration is read.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            words: None,
            server: None,
            language: None,
            ascii_only: false,
        }
    }

    /// As the configuration says.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        Self {
            words: Some(Arc::clone(&config.prompt.words)),
            server: Some(config.url.to_string()),
            language: config.prompt.language.clone(),
            ascii_only: false,
        }
    }

    // Made only when they are needed: most logins know their language then.
    fn words(&self) -> Arc<Words> {
        let words = self.words.clone();
        words.unwrap_or_else(|| Arc::new(Words::of("en")))
    }
}

/// What the person should read, if anything.
///
/// A wrong password gets the same sentence for every name; an ignored user gets none.
///
/// Where it must be ASCII, the module's own sentence stands for words of the server that
/// nobody could read then.
#[must_use]
pub fn message(error: &LoginError, wording: &Wording) -> Option<String> {
    if !wording.ascii_only {
        return compose(error, wording);
    }
    let mut error = error.clone();
    if let Some(theirs) = server_words(&mut error) {
        *theirs = theirs.take().filter(|words| ascii::can_show(words));
    }
    let language = wording.language.as_ref().map_or("", LanguageTag::as_str);
    compose(&error, wording).map(|text| ascii::of(&text, language).into_owned())
}

/// Where an error keeps the server's words, if it is of a kind that has some.
fn server_words(error: &mut LoginError) -> Option<&mut Option<String>> {
    match error {
        LoginError::Rejected { words, .. }
        | LoginError::MessageNotSent { words }
        | LoginError::PushRefused { words }
        | LoginError::TooManyAttempts { words, .. }
        | LoginError::Denied { words }
        | LoginError::ApplicationDenied { words, .. }
        | LoginError::NewPasswordRefused { words } => Some(words),
        _ => None,
    }
}

fn compose(error: &LoginError, wording: &Wording) -> Option<String> {
    let words = &*wording.words();
    Some(match error {
        LoginError::Conversation | LoginError::Skipped(_) | LoginError::LookupSkipped(_) => {
            return None;
        }
        // Nobody was asked for anything, or the next module asks.
        LoginError::NoStackPassword | LoginError::NoNewPassword => return None,
        LoginError::NewPasswordRefused { words: theirs } => theirs
            .clone()
            .unwrap_or_else(|| words.new_password_refused.into()),
        LoginError::NewPasswordsDiffer => words.new_passwords_differ.into(),
        LoginError::NothingChanged | LoginError::NoSession => words.password_unchanged.into(),
        // The same sentence for a password that is wrong, empty, or for a name that
        // does not exist: the server's words would tell people who guess names which of
        // them exist.
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
        LoginError::SecurityKey(fault) => of_key(fault, words),
        LoginError::Declined(_) => words.declined.into(),
        LoginError::LateAnswer => words.too_slow.into(),
        LoginError::TooManyAttempts { words: theirs, .. } => theirs
            .clone()
            .unwrap_or_else(|| words.too_many_attempts.into()),
        LoginError::Denied { words: None } => with_address(words.denied, wording),
        LoginError::DeniedWithContinue => words.denied.into(),
        LoginError::Denied {
            words: Some(theirs),
        }
        | LoginError::ApplicationDenied {
            words: Some(theirs),
            ..
        } => with_address(&fill(words.denied_with, "words", theirs), wording),
        LoginError::Inactive
        | LoginError::Deactivated
        | LoginError::AccountType { .. }
        | LoginError::NotInGroup { .. }
        | LoginError::AmbiguousGroup { .. }
        | LoginError::ApplicationDenied { words: None, .. }
        | LoginError::NotInAuthentik
        | LoginError::ApplicationNeedsPerson
        | LoginError::AnotherPerson { .. }
        | LoginError::NotBound
        | LoginError::NameOfAnotherAccount
        | LoginError::ShortName(_) => words.not_for_this_host.into(),
        LoginError::MessageNotSent { words: theirs } => not_sent(theirs.as_deref(), words),
        LoginError::NobodyLoggedIn
        | LoginError::SessionRefused
        | LoginError::SomebodyElse { .. }
        | LoginError::Impersonated
        | LoginError::NotCurrent
        | LoginError::UserReplaced
        | LoginError::NoSecretAccepted => words.not_confirmed.into(),
        LoginError::Unavailable(_) => words.unreachable.into(),
        LoginError::Server { fault, .. } | LoginError::LookupFailed(fault) => {
            of_server(fault, words).into()
        }
        LoginError::Unsupported { reason, .. } => cannot_go_on(reason, wording),
        LoginError::UnknownFlow { .. }
        | LoginError::UnknownApplication { .. }
        | LoginError::LookupForbidden { .. }
        | LoginError::LookupSeesNobody
        | LoginError::HostNotProved { .. }
        | LoginError::Config(_) => words.not_set_up.into(),
        LoginError::Binding(_) | LoginError::Host(_) | LoginError::Bug(_) => {
            words.host_failed.into()
        }
    })
}

fn cannot_go_on(reason: &Obstacle, wording: &Wording) -> String {
    let words = &*wording.words();
    let text = fill(words.cannot_go_on, "reason", &obstacle(reason, words));
    match reason {
        // There the person sets it up.
        Obstacle::SetUpInBrowser => with_address(&text, wording),
        _ => text,
    }
}

/// What a person reads of a server that has not answered as it should.
fn of_server(fault: &ServerFault, words: &Words) -> &'static str {
    match fault {
        ServerFault::LoginTimeout | ServerFault::Stopped(_) => words.too_slow,
        ServerFault::Throttled => words.busy,
        ServerFault::FlowError => words.flow_error,
        _ => words.unreachable,
    }
}

/// What a person reads of a security key that has not signed.
#[must_use]
pub fn of_key(fault: &KeyFault, words: &Words) -> String {
    let count = |text: &str, left: u32| fill(text, "left", &left.to_string());
    match fault {
        KeyFault::NoKey => words.key_none.into(),
        KeyFault::NotOpened(..) => words.key_not_opened.into(),
        KeyFault::NoCredential => words.key_without_credential.into(),
        KeyFault::NoPin => words.key_without_pin.into(),
        KeyFault::WrongPin { left: Some(1) } => words.key_pin_wrong_one_left.into(),
        KeyFault::WrongPin { left: Some(left) } => count(words.key_pin_wrong_left, *left),
        KeyFault::WrongPin { left: None } => words.key_pin_wrong.into(),
        KeyFault::PinBlocked => words.key_pin_blocked.into(),
        KeyFault::PinPaused => words.key_pin_paused.into(),
        KeyFault::PinReserve { left } => count(words.key_pin_reserve, *left),
        KeyFault::PinChange => words.key_pin_change.into(),
        KeyFault::AlreadySetUp => words.key_already_set_up.into(),
        KeyFault::NoRoom => words.key_no_room.into(),
        KeyFault::NotTouched => words.key_not_touched.into(),
        KeyFault::Declined => words.key_declined.into(),
        KeyFault::Removed => words.key_removed.into(),
        KeyFault::Failed(_) | KeyFault::Status(_) => words.key_failed.into(),
    }
}

/// authentik's denial with its address below it. What somebody must do about the
/// denial, such as change a password that has expired, they can do only there.
fn with_address(denial: &str, wording: &Wording) -> String {
    match &wording.server {
        Some(server) => {
            let address = fill(wording.words().address_of_service, "url", server);
            format!("{denial}\n{address}")
        }
        None => denial.to_owned(),
    }
}

/// That a code could not be sent, with the server's words where there are any.
#[must_use]
pub fn not_sent(theirs: Option<&str>, words: &Words) -> String {
    match theirs {
        Some(theirs) => format!("{}\n{theirs}", words.code_not_sent),
        None => words.code_not_sent.into(),
    }
}

fn refused(what: &str, words: &Words) -> String {
    let what = match what {
        "password" => return words.password_refused.into(),
        "code" => words.what_code,
        "security key" => words.what_key,
        "push" => words.what_push,
        "user name" => words.what_user_name,
        _ => words.what_answer,
    };
    fill(words.refused, "what", what)
}

fn obstacle(obstacle: &Obstacle, words: &Words) -> String {
    match obstacle {
        Obstacle::Browser => words.needs_a_browser.into(),
        Obstacle::SecurityKey | Obstacle::Passkey => words.needs_a_browser_for_key.into(),
        Obstacle::KeyNotHere(_) => words.key_works_at_the_host.into(),
        Obstacle::ForeignRelyingParty(_) => words.key_of_another_address.into(),
        Obstacle::SetUpInBrowser => words.needs_a_browser_for_set_up.into(),
        Obstacle::RedirectStage | Obstacle::OtherFlow => words.redirects.into(),
        Obstacle::Source => words.needs_a_browser.into(),
        Obstacle::Stuck => words.does_not_go_on.into(),
        Obstacle::NoFactor => words.no_typed_factor.into(),
        Obstacle::FactorNotAllowed => words.factor_not_allowed.into(),
        Obstacle::File(label) => fill(words.asks_for_a_file, "label", label),
        Obstacle::EndsSession => words.ends_a_session.into(),
        Obstacle::SecondPrompt => words.asks_twice.into(),
        Obstacle::Unknown => words.unknown_step.into(),
    }
}
