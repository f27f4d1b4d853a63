//! The story of a login, readable from top to bottom.

use std::ffi::CStr;
use std::time::Duration;

use pam::constants::PamResultCode;

use crate::access::{self, Verified};
use crate::account_status::{self, AccountStatus, OTHER_SPELLING};
use crate::audit::Audit;
use crate::binding::BoundAccount;
use crate::call::Call;
use crate::config::{Config, FirstPass, Remember};
use crate::conversation::Conversation;
use crate::error::LoginError;
use crate::first_answer::{FirstAnswer, once_more_if_late};
use crate::flow;
use crate::http::{HttpsTransport, Transport};
use crate::identity;
use crate::login_context::LoginContext;
use crate::pam::{self as pam_handle, Transaction, UserName};
use crate::second_factor::{self, FactorCookie, LoginFacts, Remembered, Subject};
use crate::session;
use crate::stages::Stages;

/// The stage that asks for a second factor, as the log names it.
const SECOND_FACTOR: &str = "authenticator-validate";

/// Answers `pam_sm_authenticate`.
///
/// Every failure ends in a code of the table in [`crate::pam::code`], a line in the log
/// and, if there is something to say, a message for the person.
pub fn authenticate(transaction: &mut Transaction<'_>, arguments: &[&CStr]) -> PamResultCode {
    let mut call = Call::begin(transaction, "auth");
    // Before the configuration is read nobody is asked for anything, so there is no
    // guess to slow down.
    let mut fail_delay = Duration::ZERO;
    let result = pam_handle::guarded(|| {
        transaction.check_memory()?;
        // After a late answer the configuration is read again, because it may have
        // changed.
        once_more_if_late(|first| {
            let config = call.config(arguments)?;
            fail_delay = config.fail_delay;
            attempt(transaction, &config, arguments, first, &mut call)
        })
    });
    match result {
        Ok(verified) => {
            let code = pam_handle::success(verified);
            call.audit.note_accepted();
            call.finish(&code, None);
            code
        }
        Err(error) => {
            let code = pam_handle::code(&error);
            call.finish(&code, Some(&error));
            if !matches!(error, LoginError::Skipped(_)) {
                transaction.fail_delay(fail_delay);
            }
            call.explain(transaction, &error);
            code
        }
    }
}

#[cfg_attr(
    feature = "test-panic",
    allow(clippy::panic_in_result_fn, reason = "a defect on purpose")
)]
fn attempt(
    transaction: &mut Transaction<'_>,
    config: &Config,
    arguments: &[&CStr],
    first: &mut FirstAnswer,
    call: &mut Call,
) -> Result<Verified, LoginError> {
    let audit = &mut call.audit;
    audit.set_flow(config.flow.as_str());
    let user = match transaction.user()? {
        UserName::Possible(name) => name,
        UserName::Impossible(reason) => {
            audit.set_user(None);
            refuse_like_a_wrong_password(transaction, config, first, audit)?;
            return Err(LoginError::ImpossibleName(reason));
        }
    };
    #[cfg(feature = "test-panic")]
    #[allow(clippy::panic, clippy::manual_assert, reason = "a defect on purpose")]
    if user == "panic" {
        panic!("correct-horse");
    }
    let status = account_status::of(&user, &config.user)?;
    audit.set_user(status.is_known().then_some(user.as_str()));
    let is_account = matches!(status, AccountStatus::Person);
    match status {
        AccountStatus::Person => {}
        AccountStatus::LeftAlone { reason, .. } => return Err(LoginError::Skipped(reason)),
        AccountStatus::OtherSpelling => {
            refuse_like_a_wrong_password(transaction, config, first, audit)?;
            return Err(LoginError::ImpossibleName(OTHER_SPELLING));
        }
        AccountStatus::NoAccount => {
            if config.user.require_account {
                refuse_like_a_wrong_password(transaction, config, first, audit)?;
                return Err(LoginError::UnknownAccount);
            }
        }
    }
    let subject = subject(config, &call.service, &user);
    // A user who was logged in on this handle before is checked again.
    transaction.forget_proof(&subject);
    let kept_for = format!("{subject}\n{arguments:?}");
    if let Some(error) = transaction.kept_verdict(&kept_for) {
        return Err(error);
    }
    let context = call.context(transaction, is_account.then(|| user.clone()));
    let login = Login {
        config,
        context: &context,
        user: &user,
        first,
    };
    let result = run(transaction, login, &mut call.audit);
    if config.second_factor.remember == Remember::Session {
        second_factor::remove_leftovers(&context.service);
    }
    if result.is_ok() && transaction.user_item() != UserName::Possible(user.clone()) {
        return Err(LoginError::UserReplaced);
    }
    match &result {
        Ok(login) => {
            // A confirmed name cannot be a mistyped password.
            call.audit.set_user(Some(&user));
            transaction.keep_proof(&subject, login.proof.clone());
            hand_over(transaction, config, &context, login);
        }
        // A late answer may come from a machine that has just woken up and has no
        // network yet, so the result is not kept for the next try on the handle.
        Err(error) if error.is_lasting() && !first.came_late() => {
            transaction.keep_verdict(&kept_for, error);
        }
        Err(_) => {}
    }
    result.map(|login| login.proof)
}

/// Leaves the second factor of a login for the session that it opens.
fn hand_over(
    transaction: &mut Transaction<'_>,
    config: &Config,
    context: &LoginContext,
    login: &LoggedIn,
) {
    let (Some(user), Some(factor)) = (&context.user, &login.factor) else {
        return;
    };
    let (Some(subject), variable) = (factor_subject(config, user), second_factor::VARIABLE) else {
        return;
    };
    if let Some(earlier) = transaction.variable(variable) {
        second_factor::discard(&earlier);
        transaction.set_variable(variable, None);
    }
    let from = LoginFacts {
        user,
        service: &context.service,
        rhost: context.rhost.as_deref().unwrap_or_default(),
    };
    let remember_for = config.second_factor.remember_for;
    if let Some(name) = second_factor::hand_over(&from, &subject, factor, remember_for) {
        if !transaction.set_variable(variable, Some(&name)) {
            second_factor::discard(&name);
        }
    }
}

/// The person whose second factor is remembered.
fn factor_subject(config: &Config, user: &str) -> Option<Subject> {
    Some(Subject {
        user: user.to_owned(),
        name: account_status::name_in_authentik(user, &config.user).ok()?,
        url: config.url.to_string(),
        flow: config.flow.as_str().to_owned(),
        factors: format!("{:?}", config.prompt.second_factor),
    })
}

/// The second factor that the session in which sudo was called remembers.
fn remembered(config: &Config, context: &LoginContext) -> Option<Remembered> {
    let rules = config.second_factor;
    if rules.remember != Remember::Session || !second_factor::is_sudo(&context.service) {
        return None;
    }
    let subject = factor_subject(config, context.user.as_ref()?)?;
    second_factor::find(&subject, context.ruser.as_deref(), rules.remember_for)
}

/// For which user and by which rules a login was proved. For another user, service, flow or
/// access rule the proof does not count.
#[must_use]
pub fn subject(config: &Config, service: &str, user: &str) -> String {
    format!(
        "{service}\n{user}\n{}\n{}\n{:?}\n{:?}",
        config.url,
        config.flow.as_str(),
        config.access,
        config.user,
    )
}

/// One login: the rules, the client, the user, and what was answered so far.
pub struct Login<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// What authentik is told of this call.
    pub context: &'a LoginContext,
    /// The name of the account on this host.
    pub user: &'a str,
    /// The first answer, or that it is still awaited.
    pub first: &'a mut FirstAnswer,
}

/// A login that is proved, and what may be remembered of it.
pub struct LoggedIn {
    /// The proof.
    pub proof: Verified,
    /// The second factor that authentik has accepted, if it is to be remembered.
    factor: Option<FactorCookie>,
}

/// Logs a person in, and then ends the session in authentik, whatever the result, unless
/// it ends by itself in a moment.
///
/// This includes the session of a flow that was abandoned because of a late answer.
/// Usually nobody is logged in there, but the password of an earlier module may have
/// done that.
///
/// # Errors
/// As [`prove`].
pub fn run(
    conversation: &mut dyn Conversation,
    login: Login<'_>,
    audit: &mut Audit,
) -> Result<LoggedIn, LoginError> {
    let config = login.config;
    let remembered = remembered(config, login.context);
    let deadline = login.first.start_clock(config.login_timeout);
    let trace = audit.trace(config.debug);
    let mut transport = HttpsTransport::for_login(config, login.context, deadline, trace)?;
    if let Some(remembered) = &remembered {
        transport.remember(remembered);
    }
    let result = prove(&mut transport, conversation, login, audit);
    if result.is_ok() && remembered.is_some() && !audit.has_stage(SECOND_FACTOR) {
        audit.set_remembered();
    }
    let is_short = result.as_ref().is_ok_and(session::ends_by_itself);
    if !is_short {
        session::end(&mut transport, config, audit);
    }
    let proof = result?;
    let factor = transport.take_factor();
    Ok(LoggedIn { proof, factor })
}

/// Runs the flow, lets the server confirm who was logged in, and asks whether they may
/// use this host. This is the only way to a [`Verified`].
///
/// # Errors
/// Everything that keeps the login from being proved.
pub fn prove(
    transport: &mut dyn Transport,
    conversation: &mut dyn Conversation,
    login: Login<'_>,
    audit: &mut Audit,
) -> Result<Verified, LoginError> {
    let Login {
        config,
        context,
        user,
        first,
    } = login;
    let name = account_status::name_in_authentik(user, &config.user)?;
    first.begin_flow(user, &name);
    let mut stages = Stages::new(conversation, config, &name, first).with_keys(context);
    let end = flow::run(
        transport,
        &config.flow,
        &context.query(),
        &mut stages,
        audit,
    )?;
    let identity = identity::confirm(transport, &end, &name, &config.user.types)?;
    let account = BoundAccount {
        name: user,
        rule: config.user.bind,
    };
    access::permit(transport, &identity, &config.access, |identity| {
        account.hold(identity.uid(), audit)
    })
}

/// Asks for a password once and does not send it: a person who guesses names sees the
/// same prompt and messages. The time differs: this prompt comes at once, and that of
/// an existing account after authentik's first answer. Nobody is asked again after a
/// late answer, even if the account was deleted in the meantime.
fn refuse_like_a_wrong_password(
    transaction: &mut Transaction<'_>,
    config: &Config,
    first: &FirstAnswer,
    audit: &Audit,
) -> Result<(), LoginError> {
    if !first.is_awaited() {
        return Ok(());
    }
    // Somebody with an account is not asked, either.
    if config.first_pass == FirstPass::Use {
        if transaction.new_password_of_stack().is_some() {
            audit.log_refused_answer("password");
        }
        return Ok(());
    }
    match transaction.ask_secret(&config.prompt.password, "password") {
        Ok(typed) if typed.is_empty() => Ok(()),
        // The content does not matter, only that somebody guesses. For a user that the
        // host does not know, sshd sends something that cannot be a password.
        Ok(_) | Err(LoginError::Unsendable { .. }) => {
            audit.log_refused_answer("password");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that decided the login; `debug` and `nodelay` did not.
    #[test]
    fn a_proof_is_for_one_user_service_flow_and_rule() {
        let subject = |text: &str, argument: &CStr, service: &str, user: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("config.toml");
            std::fs::write(&path, text).unwrap();
            let path = format!("config={}\0", path.display());
            let path = CStr::from_bytes_with_nul(path.as_bytes()).unwrap();
            let config = Config::load(&[path, argument], service).unwrap();
            super::subject(&config, service, user)
        };
        let text = "url = \"https://a.example\"\nflow = \"f\"\n[access]\ngroups = [\"g\"]\n";
        let first = subject(text, c"debug", "sshd", "alice");
        assert_eq!(first, subject(text, c"nodelay", "sshd", "alice"));
        for other in [
            subject(text, c"debug", "sudo", "alice"),
            subject(text, c"debug", "sshd", "bob"),
            subject(text, c"flow=g", "sshd", "alice"),
            subject(text, c"url=https://b.example", "sshd", "alice"),
            subject(
                &text.replace("[\"g\"]", "[\"h\"]"),
                c"debug",
                "sshd",
                "alice",
            ),
            subject(
                &format!("{text}application = \"x\"\n"),
                c"debug",
                "sshd",
                "alice",
            ),
            subject(
                &format!("{text}[user]\ntypes = [\"external\"]\n"),
                c"debug",
                "sshd",
                "alice",
            ),
            subject(
                &format!("{text}[user]\nname = \"{{user}}-x\"\n"),
                c"debug",
                "sshd",
                "alice",
            ),
            subject(
                &format!("{text}[user]\nlowercase = true\n"),
                c"debug",
                "sshd",
                "alice",
            ),
            subject(
                &format!("{text}[user]\ndomain = \"@example.com\"\n"),
                c"debug",
                "sshd",
                "alice",
            ),
        ] {
            assert_ne!(first, other);
        }
    }
}
