//! passwd: a new password, through authentik's own flow for it.
//!
//! libpam calls twice. First, before any module changes anything, the person
//! logs in through the flow of every login, with the old password. Then the
//! flow that changes the password runs in that very session.

use std::ffi::CStr;

use pam::constants::PamResultCode;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::account_status::{self, AccountStatus};
use crate::audit::{Audit, Outcome};
use crate::config::{Config, FirstPass};
use crate::conversation::Conversation as _;
use crate::deadline::Deadline;
use crate::error::LoginError;
use crate::first_answer::{FirstAnswer, once_more_if_late};
use crate::flow::{self, Answerer, Challenge, Response};
use crate::host;
use crate::http::HttpsTransport;
use crate::json::Object;
use crate::login::{self, Login};
use crate::pam::{self as pam_handle, Phase, Transaction, UserName};
use crate::refusal;
use crate::secret::Secret;
use crate::session;
use crate::stages::Stages;
use crate::words::{Words, fill};

const PROMPT: &str = "ak-stage-prompt";
const WHAT: &str = "new password";

/// How many fields of a prompt may ask for the new password: it and its repetition,
/// and some room.
const MAX_FIELDS: usize = 8;

/// Answers `pam_sm_chauthtok`, both calls of it.
pub fn change(transaction: &mut Transaction<'_>, arguments: &[&CStr]) -> PamResultCode {
    let service = transaction.service();
    let phase = transaction.phase();
    let mut audit = Audit::begin(&service, "password", transaction.log_wait());
    audit.from_where(transaction.rhost().as_deref(), transaction.tty().as_deref());
    let mut quiet = false;
    let mut words = Words::of("en");
    let result = pam_handle::guarded(|| {
        transaction.has_memory()?;
        once_more_if_late(|first| {
            let config = Config::load(arguments, &service)?;
            words = config.prompt.words;
            let result = attempt(transaction, &config, &service, phase, first, &mut audit);
            // Nobody asked for anything, or the second call leaves the line.
            quiet = match &result {
                Ok(()) => phase == Phase::Preliminary,
                Err(LoginError::Skipped(_)) => config.password_flow.is_none(),
                Err(_) => false,
            } && !config.debug;
            result
        })
    })
    .and_then(|result| result);
    let code = pam_handle::password_code(result.as_ref().err(), phase);
    if let Err(error) = &result {
        // The application says itself that there is nobody of that name.
        let nameless = matches!(
            error,
            LoginError::UnknownAccount | LoginError::ImpossibleName(_)
        );
        if let Some(text) = refusal::words_of(error, words).filter(|_| !nameless) {
            transaction.tell_error(&text);
        }
    }
    if !quiet {
        let reason = result.as_ref().err().map(ToString::to_string);
        let severity = result
            .as_ref()
            .map_or_else(login::severity_of, |()| crate::audit::Severity::Info);
        audit.finish(Outcome {
            code: &format!("{code:?}"),
            reason,
            severity,
        });
    }
    code
}

fn attempt(
    transaction: &mut Transaction<'_>,
    config: &Config,
    service: &str,
    phase: Phase,
    first: &mut FirstAnswer,
    audit: &mut Audit,
) -> Result<(), LoginError> {
    let Some(change_flow) = &config.password_flow else {
        return Err(LoginError::Skipped("[password] names no flow"));
    };
    if transaction.wants_expired_changed_only() {
        // What has expired is a password of another module's, which alone knows it.
        return Err(LoginError::Skipped(
            "only what has expired is to be changed, and authentik's password has not",
        ));
    }
    let user = match transaction.named_user() {
        UserName::Possible(user) => user,
        UserName::Impossible(reason) => {
            audit.user(None);
            return Err(LoginError::ImpossibleName(reason));
        }
    };
    match account_status::of(&user, &config.user)? {
        AccountStatus::Person => audit.user(Some(&user)),
        AccountStatus::LeftAlone { reason, known } => {
            audit.user(known.then_some(user.as_str()));
            return Err(LoginError::Skipped(reason));
        }
        AccountStatus::NoAccount | AccountStatus::OtherSpelling => {
            audit.user(None);
            return Err(LoginError::UnknownAccount);
        }
    }
    let subject = format!(
        "{}\n{}",
        login::subject(config, service, &user),
        change_flow.as_str()
    );
    match phase {
        Phase::Preliminary => {
            audit.flow(config.flow.as_str());
            let config = with_old_password(config, &user);
            let login = Login {
                config: &config,
                context: &login::context(transaction, service, Some(user.clone())),
                user: &user,
                first,
            };
            log_in(transaction, login, &subject, audit)
        }
        Phase::Update => {
            audit.flow(change_flow.as_str());
            // Its time is that of the call, whoever answers when: the session in which
            // the old password was accepted cannot be had again.
            let deadline = Deadline::after(config.login_timeout);
            let mut first = FirstAnswer::within(deadline.clone());
            let kept = transaction.take_session(&subject);
            let kept = kept.ok_or(LoginError::NoSession)?;
            let context = login::context(transaction, service, Some(user.clone()));
            let trace = audit.trace(config.debug);
            let mut transport = HttpsTransport::go_on(kept, config, &context, deadline, trace)?;
            let name = account_status::name_in_authentik(&user, &config.user)?;
            let of_stack = transaction.new_password_of_stack();
            // Whatever other stages the flow has, their password is the old one.
            let with_old = with_old_password(config, &user);
            transaction.use_old_password(true);
            let mut change = Change {
                of_stack,
                stages: Stages::new(transaction, &with_old, &name, &mut first),
                config,
                password: None,
                refused: 0,
            };
            let query = context.query();
            let result = flow::run(&mut transport, change_flow, &query, &mut change, audit);
            let password = change.password.take();
            drop(change);
            transaction.use_old_password(false);
            session::end(&mut transport, config);
            match (result, password) {
                (Ok(_), Some(password)) => {
                    transaction.set_new_password(&password);
                    Ok(())
                }
                // A flow that ends proves nothing: this one never asked for a password.
                (Ok(_), None) => Err(LoginError::NothingChanged),
                (Err(error), _) => Err(error),
            }
        }
    }
}

/// The first call: the old password, and whatever else a login asks for.
fn log_in(
    transaction: &mut Transaction<'_>,
    login: Login<'_>,
    subject: &str,
    audit: &mut Audit,
) -> Result<(), LoginError> {
    let config = login.config;
    let deadline = login.first.time_begins(config.login_timeout);
    let trace = audit.trace(config.debug);
    let mut transport = HttpsTransport::for_login(config, login.context, deadline, trace)?;
    transaction.use_old_password(true);
    let result = login::prove(&mut transport, transaction, login, audit);
    transaction.use_old_password(false);
    match result {
        Ok(_) => {
            if let Some(session) = transport.into_session() {
                transaction.keep_session(subject, session);
            }
            Ok(())
        }
        Err(error) => {
            session::end(&mut transport, config);
            Err(error)
        }
    }
}

/// The configuration for stages that ask for the password that is to be changed.
fn with_old_password(config: &Config, user: &str) -> Config {
    let mut config = config.clone();
    // It is what the stack has, if it has one; nobody is asked twice.
    if config.first_pass == FirstPass::Ask {
        config.first_pass = FirstPass::Try;
    }
    config.prompt.password = if host::root_called() {
        // Root may set a local password without the old one, and expects so here.
        fill(config.prompt.words.current_password_root, "user", user)
    } else {
        config.prompt.words.current_password.into()
    };
    config
}

/// Answers the flow that changes the password.
struct Change<'a> {
    /// The new password that an earlier module of the stack has asked for.
    of_stack: Option<Secret>,
    stages: Stages<'a>,
    config: &'a Config,
    /// The password that was sent last.
    password: Option<Secret>,
    /// How many answers were refused, whatever the stage.
    refused: u32,
}

#[derive(Deserialize)]
struct Details {
    fields: Vec<Object<Field>>,
}

#[derive(Deserialize)]
struct Field {
    field_key: String,
    #[serde(rename = "type")]
    kind: String,
}

/// The new password in every field that asks for it.
struct NewPassword<'a> {
    fields: &'a [Object<Field>],
    password: &'a Secret,
}

impl Serialize for NewPassword<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("component", PROMPT)?;
        for Object(field) in self.fields {
            map.serialize_entry(&field.field_key, self.password.expose())?;
        }
        map.end()
    }
}

impl Answerer for Change<'_> {
    fn answer(&mut self, challenge: &Challenge, rejected: usize) -> Result<Response, LoginError> {
        if rejected > 0 {
            self.refused = self.refused.saturating_add(1);
        }
        if let Some(fields) = password_fields(challenge)? {
            let password = self.new_password(challenge, rejected)?;
            let response = Response::with_secret(&NewPassword {
                fields: &fields,
                password: &password,
            })?;
            self.password = Some(password);
            return Ok(response);
        }
        if self.refused >= self.config.prompt.attempts {
            return Err(LoginError::TooManyAttempts {
                words: challenge.error_words(),
            });
        }
        let response = self.stages.answer(challenge, rejected)?;
        if let Some(password) = self.stages.password_of_form() {
            // A form that asks for more than a password is filled in as any other.
            self.password = Some(password.clone());
        }
        Ok(response)
    }

    fn code_sent_back(&mut self) -> Result<(), LoginError> {
        self.stages.code_sent_back()
    }
}

impl Change<'_> {
    /// The new password, from the stack or twice from the person. An empty one
    /// never leaves the host.
    fn new_password(
        &mut self,
        challenge: &Challenge,
        rejected: usize,
    ) -> Result<Secret, LoginError> {
        let words = challenge.error_words();
        let refused = |words| Err(LoginError::NewPasswordRefused { words });
        let stack_alone = self.config.use_authtok || self.config.first_pass == FirstPass::Use;
        if stack_alone && rejected > 0 {
            return refused(words);
        }
        if stack_alone || (self.config.first_pass == FirstPass::Try && rejected == 0) {
            match self.of_stack.take() {
                Some(password) => return Ok(password),
                None if stack_alone => return Err(LoginError::NoNewPassword),
                None => {}
            }
        }
        if self.refused >= self.config.prompt.attempts {
            return refused(words);
        }
        // What was wrong is said with the question: some applications show
        // nothing else in time.
        let own = self.config.prompt.words;
        let mut lead = words.filter(|_| rejected > 0).unwrap_or_default();
        for _ in 0..self.config.prompt.attempts {
            let password = self.stages.ask_secret(&lead, own.new_password, WHAT)?;
            if password.is_empty() {
                return Err(LoginError::Empty { what: WHAT });
            }
            let again = self.stages.ask_secret("", own.new_password_again, WHAT)?;
            if password == again {
                return Ok(password);
            }
            own.new_passwords_differ.clone_into(&mut lead);
        }
        Err(LoginError::NewPasswordsDiffer)
    }
}

/// The fields of a prompt that asks for passwords and for nothing else.
fn password_fields(challenge: &Challenge) -> Result<Option<Vec<Object<Field>>>, LoginError> {
    if challenge.component() != PROMPT {
        return Ok(None);
    }
    let details: Details = challenge.details().map_err(LoginError::from)?;
    let fields = details.fields;
    let all = fields.iter().all(|Object(field)| field.kind == "password");
    let usable = all && (1..=MAX_FIELDS).contains(&fields.len());
    Ok(usable.then_some(fields))
}
