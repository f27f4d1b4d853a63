//! The stages of a flow, one file each. A stage is a function from its challenge and a
//! conversation to a response.

mod authenticator_validate;
mod consent;
mod dialogue;
mod dummy;
mod email;
mod endpoint_agent;
mod enrol;
mod identification;
mod keys;
mod password;
mod prompt;
mod redirect;
mod refused;
mod user_login;

use std::time::Duration;

use crate::config::{Config, FirstPass, HostRules, Prompts};
use crate::conversation::Conversation;
use crate::deadline::Deadline;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::first_answer::FirstAnswer;
use crate::flow::{Answerer, AskedAgain, Challenge, Response};
use crate::login_context::LoginContext;
use crate::secret::Secret;
use dialogue::Dialogue;

/// Answers the challenges of one login.
pub struct Stages<'a> {
    dialogue: Dialogue<'a>,
    prompts: &'a Prompts,
    first_pass: FirstPass,
    user: &'a str,
    flow: &'a str,
    /// authentik's address, without a slash at the end.
    server: String,
    deadline: Deadline,
    push_timeout: Duration,
    /// The password that was sent last. A code that equals it is not sent.
    password: Option<Secret>,
    /// The same, with the code that followed it.
    password_as_typed: Option<Secret>,
    /// Whether an earlier module of the stack asked for it.
    password_of_stack: bool,
    /// The code that was typed together with the password.
    typed_code: Option<Secret>,
    codes: authenticator_validate::Codes,
    form: prompt::Form,
    /// Security keys that are plugged in here.
    keys: keys::Keys<'a>,
    /// What this host proves with which host it is.
    host: Option<&'a HostRules>,
    /// Whether the flow's title was shown.
    titled: bool,
    /// How often another e-mail with a link was asked for.
    mails: u32,
}

impl<'a> Stages<'a> {
    /// The stages for `user`, their name in authentik. `first` is the first answer of the
    /// login, or says that it is still awaited.
    pub fn new(
        conversation: &'a mut dyn Conversation,
        config: &'a Config,
        user: &'a str,
        first: &'a mut FirstAnswer,
    ) -> Self {
        Self {
            deadline: first.deadline(),
            dialogue: Dialogue::new(conversation, &config.prompt, first),
            prompts: &config.prompt,
            first_pass: config.first_pass,
            user,
            flow: config.flow.as_str(),
            server: config.url.to_string(),
            push_timeout: config.push_timeout,
            password: None,
            password_as_typed: None,
            password_of_stack: false,
            typed_code: None,
            codes: authenticator_validate::Codes::default(),
            form: prompt::Form::default(),
            keys: keys::Keys::new(&config.security_key),
            host: config.host.as_ref(),
            titled: false,
            mails: 0,
        }
    }

    /// Lets a person who sits at this host use a security key that is plugged in here.
    /// `context` says where they are.
    #[must_use]
    pub fn with_keys(mut self, context: &'a LoginContext) -> Self {
        self.keys.context = Some(context);
        self
    }

    /// The password in the form that was sent last, if it holds one.
    #[must_use]
    pub fn password_of_form(&self) -> Option<&Secret> {
        self.form.password()
    }

    /// Asks for a secret in a flow that is not a login, after the text `lead`.
    ///
    /// # Errors
    /// As [`Conversation::ask_secret`].
    pub fn ask_secret(
        &mut self,
        lead: &str,
        prompt: &str,
        what: &'static str,
    ) -> Result<Secret, LoginError> {
        self.dialogue.ask_secret(lead, prompt, what)
    }

    /// Shows the flow's title above the next question, once in a login.
    fn show_title(&mut self, challenge: &Challenge) {
        if !std::mem::replace(&mut self.titled, true) {
            self.dialogue.set_heading(challenge.title());
        }
    }

    /// Asks for a code, for a stage that proves nothing, until it is not empty.
    fn code(&mut self, lead: &str, prompt: &str) -> Result<Secret, LoginError> {
        self.code_or_nothing(lead, prompt, |_| None)
    }

    /// As [`Stages::code`]. If nothing was typed, the text from `otherwise` is shown as long
    /// as there is one, and this does not count as a wrong answer.
    fn code_or_nothing(
        &mut self,
        lead: &str,
        prompt: &str,
        mut otherwise: impl FnMut(&Self) -> Option<String>,
    ) -> Result<Secret, LoginError> {
        let words = &self.prompts.words;
        let mut lead = lead.to_owned();
        let mut tries = 0;
        while tries < self.prompts.attempts {
            let typed = self.dialogue.ask_secret(&lead, prompt, "code")?;
            let code = Secret::new(typed.expose().split_whitespace().collect());
            if self.is_password(&typed) {
                words.password_is_no_code.clone_into(&mut lead);
            } else if !code.is_empty() {
                return Ok(code);
            } else if let Some(other) = otherwise(self) {
                lead = other;
                continue;
            } else {
                words.nothing_typed.clone_into(&mut lead);
            }
            tries = tries.saturating_add(1);
        }
        Err(self.dialogue.used_up())
    }

    /// Whether the answer to another question is the password: a mistake, or an application
    /// that gives the same answer to every prompt.
    fn is_password(&self, typed: &Secret) -> bool {
        [&self.password, &self.password_as_typed]
            .into_iter()
            .any(|known| known.as_ref() == Some(typed))
    }

    /// The password, from the person or from an earlier module of the stack. An empty one is
    /// never sent. `rejected` is how many passwords the server has refused in this stage.
    fn password(&mut self, challenge: &Challenge, rejected: usize) -> Result<&Secret, LoginError> {
        const WHAT: &str = "password";
        let from_stack = match (self.first_pass, rejected) {
            (FirstPass::Use, 0) => Some(
                self.dialogue
                    .stack_authtok()
                    .ok_or(LoginError::NoStackPassword)?,
            ),
            // The person was asked before: the stack has no password, or it was refused.
            (FirstPass::Try, 0) if self.dialogue.has_late_password() => None,
            (FirstPass::Try, 0) => self.dialogue.stack_authtok(),
            // The stack's password was refused. Now the person is asked, once.
            (FirstPass::Try, 1) if self.password_of_stack => None,
            (_, 0) => None,
            _ => {
                let words = challenge.error_words();
                return Err(LoginError::Rejected { what: WHAT, words });
            }
        };
        self.password_of_stack = from_stack.is_some();
        // A code belongs to the password that it was typed with.
        self.typed_code = None;
        self.password_as_typed = None;
        let password = match from_stack {
            Some(password) => {
                let password = self.without_code(password);
                if password.is_empty() {
                    return Err(LoginError::Empty { what: WHAT });
                }
                password
            }
            None => {
                let typed = self.dialogue.ask_secret("", &self.prompts.password, WHAT)?;
                if self.keys.is_pin(&typed) {
                    return Err(LoginError::Unsendable {
                        what: WHAT,
                        reason: "it is the PIN of the security key",
                    });
                }
                let password = self.without_code(typed);
                if password.is_empty() {
                    return Err(LoginError::Empty { what: WHAT });
                }
                self.dialogue.leave_authtok(&password);
                password
            }
        };
        Ok(self.password.insert(password))
    }

    /// Splits an answer that holds both a password and a code, for applications that can
    /// ask only one question.
    fn without_code(&mut self, typed: Secret) -> Secret {
        let Some(separator) = &self.prompts.code_separator else {
            return typed;
        };
        let Some((password, code)) = typed.expose().rsplit_once(separator.as_str()) else {
            return typed;
        };
        let Some(code) = code_in(code) else {
            return typed;
        };
        self.typed_code = Some(code);
        let password = Secret::new(password.to_owned());
        self.password_as_typed = Some(typed);
        password
    }
}

/// The code in the text after a password: six to eight digits in one group or in two equal
/// ones, as apps show them, or twelve letters and digits, as in authentik's recovery codes.
/// Blanks around it do not matter. Any other text is part of the password.
fn code_in(text: &str) -> Option<Secret> {
    let text = text.trim();
    let (left, right) = text.split_once(' ').unwrap_or((text, ""));
    if !right.is_empty() && left.len() != right.len() {
        return None;
    }
    // It has its full capacity from the start, so that it never moves.
    let mut code = String::with_capacity(text.len());
    code.push_str(left);
    code.push_str(right);
    let code = Secret::new(code);
    let all = |is: fn(&u8) -> bool| code.expose().as_bytes().iter().all(is);
    let is_code = match code.expose().len() {
        6..=8 => all(u8::is_ascii_digit),
        12 => right.is_empty() && all(u8::is_ascii_alphanumeric),
        _ => false,
    };
    is_code.then_some(code)
}

impl Answerer for Stages<'_> {
    fn answer(&mut self, challenge: &Challenge, rejected: usize) -> Result<Response, LoginError> {
        self.dialogue.set_component(challenge.component());
        match challenge.component() {
            identification::COMPONENT => identification::answer(self, challenge, rejected),
            password::COMPONENT => password::answer(self, challenge, rejected),
            authenticator_validate::COMPONENT => {
                authenticator_validate::answer(self, challenge, rejected)
            }
            user_login::COMPONENT => user_login::answer(rejected),
            dummy::COMPONENT => dummy::answer(rejected),
            prompt::COMPONENT => prompt::answer(self, challenge, rejected),
            consent::COMPONENT => consent::answer(self, challenge, rejected),
            email::COMPONENT => email::answer(self, challenge, rejected),
            endpoint_agent::COMPONENT => endpoint_agent::answer(self, challenge, rejected),
            redirect::COMPONENT => redirect::answer(self, challenge, rejected),
            enrol::totp::COMPONENT => enrol::totp::answer(self, challenge, rejected),
            enrol::static_codes::COMPONENT => {
                enrol::static_codes::answer(self, challenge, rejected)
            }
            enrol::message::SMS | enrol::message::EMAIL => {
                enrol::message::answer(self, challenge, rejected)
            }
            enrol::webauthn::COMPONENT => enrol::webauthn::answer(self, challenge, rejected),
            enrol::duo::COMPONENT => enrol::duo::answer(self, challenge, rejected),
            other => Err(refused::refuse(other)),
        }
    }

    fn code_sent_back(&mut self) -> Result<(), LoginError> {
        self.codes.sent_back(self.prompts)?;
        self.dialogue
            .set_heading(Some(self.prompts.words.code_sent_back.into()));
        Ok(())
    }

    fn asked_again(&mut self, why: AskedAgain) {
        let words = &self.prompts.words;
        self.dialogue.set_heading(Some(match why {
            AskedAgain::Password => words.password_again.into(),
            AskedAgain::Link => words.link_unknown.into(),
            AskedAgain::FromTheStart => words.from_the_start.into(),
        }));
    }
}

/// The error for a challenge that is not valid.
fn unexpected_answer(fault: ServerFault) -> LoginError {
    fault.into()
}

/// The error if the server refuses an answer that holds nothing from the person.
fn refused_without_cause(rejected: usize) -> Result<(), LoginError> {
    if rejected == 0 {
        return Ok(());
    }
    Err(unexpected_answer(ServerFault::UnexpectedAnswer(
        "it refuses the only answer to this stage".into(),
    )))
}
