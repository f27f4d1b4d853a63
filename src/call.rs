//! One call of an entry point: what logging in, checking an account and changing
//! a password have in common.

use std::ffi::CStr;

use pam::constants::PamResultCode;

use crate::account_status::{self, AccountStatus};
use crate::audit::{Audit, Outcome, Severity};
use crate::config::{Config, UserRules};
use crate::conversation::Conversation as _;
use crate::display::{Display, sshd_is_asking};
use crate::error::LoginError;
use crate::host;
use crate::login_context::LoginContext;
use crate::pam::{Transaction, UserName};
use crate::refusal::{self, Wording};
use crate::sys::command_line;

/// One call of an entry point, from its start to its line in the log.
pub struct Call {
    /// The service, by which libpam chose the stack.
    pub service: String,
    /// What the log says about the call.
    pub audit: Audit,
    entry: &'static str,
    is_quiet: bool,
    wording: Wording,
}

impl Call {
    /// Starts a call of `entry` (`auth`, `account`, `password`).
    #[must_use]
    pub fn begin(transaction: &mut Transaction<'_>, entry: &'static str) -> Self {
        let service = transaction.service();
        let mut audit = Audit::begin(&service, entry, transaction.log_wait());
        audit.set_origin(transaction.rhost().as_deref(), transaction.tty().as_deref());
        Self {
            entry,
            service,
            audit,
            is_quiet: false,
            wording: Wording::unknown(),
        }
    }

    /// Reads the configuration, which says in what language the person is addressed.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn config(&mut self, arguments: &[&CStr]) -> Result<Config, LoginError> {
        let config = Config::load(arguments, &self.service)?;
        self.wording = Wording::of(&config);
        Ok(config)
    }

    /// The user of the call, and the status of the account. The log gets the
    /// name if the host knows the account.
    ///
    /// # Errors
    /// [`LoginError::ImpossibleName`], and those of [`account_status::of`].
    pub fn user(
        &mut self,
        name: UserName,
        rules: &UserRules,
    ) -> Result<(String, AccountStatus), LoginError> {
        let user = match name {
            UserName::Possible(user) => user,
            UserName::Impossible(reason) => {
                self.audit.set_user(None);
                return Err(LoginError::ImpossibleName(reason));
            }
        };
        let status = account_status::of(&user, rules)?;
        self.audit
            .set_user(status.is_known().then_some(user.as_str()));
        Ok((user, status))
    }

    /// Writes no line to the log if `is_quiet`.
    pub fn quiet(&mut self, is_quiet: bool) {
        self.is_quiet = is_quiet;
    }

    /// What authentik is told about this call. `user` is the name of an existing
    /// account.
    #[must_use]
    pub fn context(&self, transaction: &Transaction<'_>, user: Option<String>) -> LoginContext {
        LoginContext {
            service: self.service.clone(),
            host: host::host_name(),
            user,
            ruser: transaction
                .ruser()
                .and_then(|name| account_status::known_name(&name)),
            rhost: transaction.rhost(),
            tty: transaction.tty(),
        }
    }

    /// Writes the line of the log.
    pub fn finish(&self, code: &PamResultCode, error: Option<&LoginError>) {
        if self.is_quiet {
            return;
        }
        self.audit.finish(Outcome {
            code: &format!("{code:?}"),
            cause: error.map(LoginError::cause),
            reason: error.map(ToString::to_string),
            severity: error.map_or(Severity::Info, severity_of),
        });
    }

    /// Tells the person why it failed, if there is something to say.
    pub fn explain(&self, transaction: &mut Transaction<'_>, error: &LoginError) {
        let wording = Wording {
            ascii_only: self.ends_in_ascii(),
            ..self.wording.clone()
        };
        if let Some(text) = refusal::message(error, &wording) {
            transaction.tell_error(&text);
        }
    }
}

impl Call {
    /// Whether the text that ends this call must be ASCII. What is said of an account behind
    /// a key or a ticket is shown as it is.
    fn ends_in_ascii(&self) -> bool {
        Display::of(&self.service).escapes_refusals
            && match self.entry {
                "account" => sshd_is_asking(command_line().as_deref()),
                entry => entry == "auth",
            }
    }
}

/// How severe a refusal is in the log.
fn severity_of(error: &LoginError) -> Severity {
    match error {
        LoginError::Skipped(_) => Severity::Info,
        LoginError::Server { .. }
        | LoginError::UnknownFlow { .. }
        | LoginError::UnknownApplication { .. }
        | LoginError::ApplicationNeedsPerson
        | LoginError::LookupForbidden { .. }
        | LoginError::LookupSeesNobody
        | LoginError::LookupFailed(_)
        | LoginError::LookupSkipped(_)
        | LoginError::Unsupported { .. }
        | LoginError::NobodyLoggedIn
        | LoginError::NoSecretAccepted
        | LoginError::AnotherPerson { .. }
        | LoginError::Binding(_)
        | LoginError::Config(_)
        | LoginError::Host(_)
        | LoginError::Bug(_) => Severity::Error,
        _ => Severity::Notice,
    }
}
