//! The story of a login, readable from top to bottom.

use std::ffi::CStr;
use std::time::Duration;

use pam::constants::PamResultCode;

use crate::access::{self, Verified};
use crate::audit::{Audit, Loudness, Outcome};
use crate::config::{Config, UserRules};
use crate::conversation::Conversation;
use crate::deadline::Deadline;
use crate::error::LoginError;
use crate::flow::{self, Transport};
use crate::host::{self, Lookup};
use crate::http::HttpsTransport;
use crate::identity;
use crate::pam::{self as pam_handle, Transaction, UserName};
use crate::stages::Stages;
use crate::words::{self, Words};

/// What libpam waits after a failure where the configuration could not be read.
const DEFAULT_FAIL_DELAY: Duration = Duration::from_secs(2);

/// Answers `pam_sm_authenticate`.
///
/// Whatever goes wrong ends in a code of the table in [`crate::pam::code`], a
/// line in the log and, where there is something to say, words for the person.
pub fn authenticate(transaction: &mut Transaction<'_>, arguments: &[&CStr]) -> PamResultCode {
    let service = transaction.service();
    let mut audit = Audit::begin(&service, "auth");
    audit.from_where(transaction.rhost().as_deref(), transaction.tty().as_deref());
    let mut fail_delay = DEFAULT_FAIL_DELAY;
    let mut words = Words::of("en");
    let result = pam_handle::guarded(|| {
        let config = Config::load(arguments, &service)?;
        fail_delay = config.fail_delay;
        words = config.prompt.words;
        attempt(transaction, &config, arguments, &service, &mut audit)
    })
    .and_then(|result| result);
    match result {
        Ok(verified) => {
            let code = pam_handle::success(verified);
            audit.finish(Outcome {
                code: &format!("{code:?}"),
                reason: None,
                severity: Loudness::Info,
            });
            code
        }
        Err(error) => {
            let code = pam_handle::code(&error);
            audit.finish(Outcome {
                code: &format!("{code:?}"),
                reason: Some(error.to_string()),
                severity: loudness(&error),
            });
            if !matches!(error, LoginError::Skipped(_)) {
                transaction.fail_delay(fail_delay);
            }
            if let Some(text) = words::refusal(&error, words) {
                transaction.tell_error(&text);
            }
            code
        }
    }
}

fn attempt(
    transaction: &mut Transaction<'_>,
    config: &Config,
    arguments: &[&CStr],
    service: &str,
    audit: &mut Audit,
) -> Result<Verified, LoginError> {
    let deadline = Deadline::after(config.login_timeout);
    audit.flow(config.flow.as_str());
    let user = match transaction.user()? {
        UserName::Possible(name) => name,
        UserName::Impossible(reason) => {
            audit.user(None);
            refuse_like_a_wrong_password(transaction, config)?;
            return Err(LoginError::ImpossibleName(reason));
        }
    };
    #[cfg(feature = "test-panic")]
    #[allow(clippy::panic, clippy::manual_assert, reason = "a defect on purpose")]
    if user == "panic" {
        panic!("correct-horse");
    }
    match standing(&user, &config.user)? {
        Standing::Person => audit.user(Some(&user)),
        Standing::LeftAlone { reason, known } => {
            audit.user(known.then_some(user.as_str()));
            return Err(LoginError::Skipped(reason));
        }
        Standing::OtherSpelling => {
            audit.user(None);
            refuse_like_a_wrong_password(transaction, config)?;
            return Err(LoginError::ImpossibleName(
                "the account database knows it by another spelling",
            ));
        }
        Standing::NoAccount => {
            audit.user(None);
            if config.user.require_account {
                refuse_like_a_wrong_password(transaction, config)?;
                return Err(LoginError::UnknownAccount);
            }
        }
    }
    let subject = format!(
        "{service}\n{user}\n{}\n{}\n{arguments:?}",
        config.url,
        config.flow.as_str()
    );
    if let Some(error) = transaction.kept_verdict(&subject) {
        return Err(error);
    }
    let result = run(transaction, config, service, &user, deadline, audit);
    match &result {
        // Whom authentik has confirmed has typed no password for a name.
        Ok(_) => audit.user(Some(&user)),
        Err(error) if error.is_lasting() => transaction.keep_verdict(&subject, error),
        Err(_) => {}
    }
    result
}

/// Runs the flow as `user`, then has the server confirm who that was, then asks
/// whether they may use this host. The one way to a [`Verified`].
///
/// # Errors
/// Whatever keeps it from being proved.
pub fn run(
    conversation: &mut dyn Conversation,
    config: &Config,
    service: &str,
    user: &str,
    deadline: Deadline,
    audit: &mut Audit,
) -> Result<Verified, LoginError> {
    let trace = audit.trace(config.debug);
    let mut transport = HttpsTransport::new(config, service, &host::host_name(), deadline, trace)?;
    run_over(&mut transport, conversation, config, user, deadline, audit)
}

/// As [`run`], over any transport: recorded answers of a real server go this
/// very way, too.
///
/// # Errors
/// As [`run`].
pub fn run_over(
    transport: &mut dyn Transport,
    conversation: &mut dyn Conversation,
    config: &Config,
    user: &str,
    deadline: Deadline,
    audit: &mut Audit,
) -> Result<Verified, LoginError> {
    let name = name_in_authentik(user, &config.user)?;
    let mut stages = Stages::new(conversation, config, &name, deadline);
    let end = flow::run(transport, &config.flow, &mut stages, audit)?;
    let identity = identity::confirm(transport, &end, &name, &config.user.types)?;
    access::permit(&identity, &config.access)
}

/// What `user` is called in authentik.
///
/// # Errors
/// [`LoginError::AnothersName`] where lowering the name would make one account
/// log in as another.
fn name_in_authentik(user: &str, rules: &UserRules) -> Result<String, LoginError> {
    if !rules.lowercase {
        return Ok(rules.name.apply(user));
    }
    let lowered = user.to_ascii_lowercase();
    if lowered != user && !matches!(account(&lowered)?, Lookup::Unknown) {
        return Err(LoginError::AnothersName);
    }
    Ok(rules.name.apply(&lowered))
}

fn account(name: &str) -> Result<Lookup, LoginError> {
    host::find_account(name).map_err(|error| LoginError::Host(error.to_string()))
}

/// What the host and the configuration make of a name.
enum Standing {
    Person,
    /// `known` tells whether it is a name that the host or the configuration has:
    /// another may be a password that was typed in its place.
    LeftAlone {
        reason: &'static str,
        known: bool,
    },
    /// The account database answers to the name with an account of another name.
    OtherSpelling,
    NoAccount,
}

fn standing(user: &str, rules: &UserRules) -> Result<Standing, LoginError> {
    if rules.ignore.iter().any(|name| name == user) {
        return Ok(Standing::LeftAlone {
            reason: "the name is in [user] ignore",
            known: true,
        });
    }
    let found = account(user)?;
    let known = !matches!(found, Lookup::Unknown);
    let left_alone = |reason| Standing::LeftAlone { reason, known };
    if let Some(allowed) = &rules.allow {
        if !allowed.iter().any(|name| name == user) {
            return Ok(left_alone("the name is not in [user] allow"));
        }
    }
    Ok(match found {
        Lookup::Unknown => Standing::NoAccount,
        // Nothing that is said of that account was asked for: not its uid either.
        Lookup::OtherSpelling => Standing::OtherSpelling,
        Lookup::Account { uid: 0 } if rules.allow_root => Standing::Person,
        Lookup::Account { uid: 0 } => {
            left_alone("root is left alone unless [user] allow_root = true")
        }
        Lookup::Account { uid } if uid < rules.min_uid => {
            left_alone("the uid is below [user] min_uid")
        }
        Lookup::Account { .. } => Standing::Person,
    })
}

/// Asks for a password once and sends it nowhere: who guesses names sees the
/// same prompt and, by the fail delay, about the same wait.
fn refuse_like_a_wrong_password(
    transaction: &mut Transaction<'_>,
    config: &Config,
) -> Result<(), LoginError> {
    match transaction.ask_secret(&config.prompt.password, "password") {
        // What was typed does not matter, only that somebody could type.
        Ok(_) | Err(LoginError::Unsendable { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn loudness(error: &LoginError) -> Loudness {
    match error {
        LoginError::Skipped(_) => Loudness::Info,
        LoginError::Server { .. }
        | LoginError::UnknownFlow { .. }
        | LoginError::Unsupported { .. }
        | LoginError::NobodyLoggedIn
        | LoginError::NoSecretAccepted
        | LoginError::Config(_)
        | LoginError::Host(_)
        | LoginError::Bug(_) => Loudness::Error,
        _ => Loudness::Notice,
    }
}
