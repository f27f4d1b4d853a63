//! Changes a password through authentik's own flow for it, as passwd asks for.
//!
//! libpam calls the module twice. In the first call, before any module changes anything,
//! the person logs in through the usual flow with the old password. In the second call,
//! the flow that changes the password runs in the same session.

mod answerer;

use std::ffi::CStr;

use pam::constants::PamResultCode;

use crate::account_status::{self, AccountStatus};
use crate::audit::Audit;
use crate::call::Call;
use crate::config::{Config, FirstPass, Slug};
use crate::conversation::Conversation;
use crate::deadline::Deadline;
use crate::error::LoginError;
use crate::first_answer::{FirstAnswer, once_more_if_late};
use crate::flow;
use crate::host;
use crate::http::{HttpsTransport, Transport};
use crate::login::{self, Login};
use crate::login_context::LoginContext;
use crate::pam::{self as pam_handle, Phase, Transaction};
use crate::secret::Secret;
use crate::session;
use crate::stages::Stages;
use crate::words::fill;
use answerer::ChangeAnswerer;

/// Answers both calls of `pam_sm_chauthtok`.
pub fn change(transaction: &mut Transaction<'_>, arguments: &[&CStr]) -> PamResultCode {
    let phase = transaction.phase();
    let mut call = Call::begin(transaction, "password");
    let result = pam_handle::guarded(|| {
        transaction.check_memory()?;
        once_more_if_late(|first| {
            let config = call.config(arguments)?;
            let result = attempt(transaction, &config, phase, first, &mut call);
            // Nobody was asked for anything, or the second call writes the line.
            let is_quiet = match &result {
                Ok(()) => phase == Phase::Preliminary,
                Err(LoginError::Skipped(_)) => config.password_flow.is_none(),
                Err(_) => false,
            };
            call.quiet(is_quiet && !config.debug);
            result
        })
    });
    let error = result.as_ref().err();
    let code = pam_handle::password_code(error, phase);
    call.finish(&code, error);
    // The application itself says that the user does not exist.
    if let Some(error) = error.filter(|error| !error.is_about_the_name()) {
        call.explain(transaction, error);
    }
    code
}

fn attempt(
    transaction: &mut Transaction<'_>,
    config: &Config,
    phase: Phase,
    first: &mut FirstAnswer,
    call: &mut Call,
) -> Result<(), LoginError> {
    let Some(flow) = &config.password_flow else {
        return Err(LoginError::Skipped("[password] names no flow"));
    };
    if transaction.wants_expired_changed_only() {
        // The expired password belongs to another module, and only that one knows it.
        return Err(LoginError::Skipped(
            "only expired passwords are to be changed, and authentik's has not expired",
        ));
    }
    let (user, status) = call.user(transaction.user_item(), &config.user)?;
    match status {
        AccountStatus::Person => {}
        AccountStatus::LeftAlone { reason, .. } => return Err(LoginError::Skipped(reason)),
        AccountStatus::NoAccount | AccountStatus::OtherSpelling => {
            return Err(LoginError::UnknownAccount);
        }
    }
    let change = PasswordChange {
        config,
        flow,
        context: call.context(transaction, Some(user.clone())),
        user: &user,
        subject: format!(
            "{}\n{}",
            login::subject(config, &call.service, &user),
            flow.as_str()
        ),
    };
    match phase {
        Phase::Preliminary => change.log_in(transaction, first, &mut call.audit),
        Phase::Update => change.set_new_password(transaction, &mut call.audit),
    }
}

/// One change of a password, in one of its two calls.
struct PasswordChange<'a> {
    config: &'a Config,
    /// The flow that changes passwords.
    flow: &'a Slug,
    context: LoginContext,
    user: &'a str,
    /// The name under which the session of the first call is kept.
    subject: String,
}

impl PasswordChange<'_> {
    /// The first call: the old password, and everything else that a login asks for.
    fn log_in(
        &self,
        transaction: &mut Transaction<'_>,
        first: &mut FirstAnswer,
        audit: &mut Audit,
    ) -> Result<(), LoginError> {
        audit.set_flow(self.config.flow.as_str());
        let config = with_old_password(self.config, self.user);
        let deadline = first.start_clock(config.login_timeout);
        let trace = audit.trace(config.debug);
        let mut transport = HttpsTransport::for_login(&config, &self.context, deadline, trace)?;
        let login = Login {
            config: &config,
            context: &self.context,
            user: self.user,
            first,
        };
        transaction.use_old_password(true);
        let result = login::prove(&mut transport, transaction, login, audit);
        transaction.use_old_password(false);
        match result {
            Ok(_) => {
                if let Some(session) = transport.into_session() {
                    transaction.keep_session(&self.subject, session);
                }
                Ok(())
            }
            Err(error) => {
                session::end(&mut transport, &config, audit);
                Err(error)
            }
        }
    }

    /// The second call: the flow that changes passwords, in the session of the first.
    fn set_new_password(
        &self,
        transaction: &mut Transaction<'_>,
        audit: &mut Audit,
    ) -> Result<(), LoginError> {
        let config = self.config;
        audit.set_flow(self.flow.as_str());
        // The time runs from the start of the call, even if the person answers late: the
        // session in which the old password was accepted cannot be created again.
        let deadline = Deadline::after(config.login_timeout);
        let mut first = FirstAnswer::within(deadline.clone());
        let kept = transaction.take_session(&self.subject);
        let kept = kept.ok_or(LoginError::NoSession)?;
        let trace = audit.trace(config.debug);
        let mut transport = HttpsTransport::resume(kept, config, &self.context, deadline, trace)?;
        let of_stack = transaction.new_password_of_stack();
        let login = Login {
            config,
            context: &self.context,
            user: self.user,
            first: &mut first,
        };
        transaction.use_old_password(true);
        let result = run_flow(&mut transport, transaction, login, of_stack, audit);
        transaction.use_old_password(false);
        session::end(&mut transport, config, audit);
        transaction.set_new_password(&result?);
        Ok(())
    }
}

/// Runs the flow of `[password]` in the session of a login and returns the new password.
/// `of_stack` is the one that an earlier module of the stack asked for.
///
/// # Errors
/// Everything that keeps the flow from its end, and [`LoginError::NothingChanged`] if it
/// ended without asking for a new password.
pub fn run_flow(
    transport: &mut dyn Transport,
    conversation: &mut dyn Conversation,
    login: Login<'_>,
    of_stack: Option<Secret>,
    audit: &mut Audit,
) -> Result<Secret, LoginError> {
    let config = login.config;
    let Some(flow) = &config.password_flow else {
        return Err(LoginError::NothingChanged);
    };
    let name = account_status::name_in_authentik(login.user, &config.user)?;
    // If other stages of the flow ask for a password, they mean the old one.
    let with_old = with_old_password(config, login.user);
    let stages = Stages::new(conversation, &with_old, &name, login.first);
    let mut answerer = ChangeAnswerer::new(stages, config, of_stack);
    let query = login.context.query();
    flow::run(transport, flow, &query, &mut answerer, audit)?;
    // The end of the flow proves nothing: it may never have asked for a password.
    answerer.into_password().ok_or(LoginError::NothingChanged)
}

/// The configuration for stages that ask for the old password.
fn with_old_password(config: &Config, user: &str) -> Config {
    let mut config = config.clone();
    // If the stack has the old password, nobody is asked for it again.
    if config.first_pass == FirstPass::Ask {
        config.first_pass = FirstPass::Try;
    }
    config.prompt.password = if host::root_called() {
        // Root can set a local password without the old one, and expects the same here.
        fill(config.prompt.words.current_password_root, "user", user)
    } else {
        config.prompt.words.current_password.into()
    };
    config
}
