//! The stages of a flow: one file for each that is answered, each a function
//! from its challenge and a conversation to a response.

mod authenticator_validate;
mod dummy;
mod identification;
mod password;
mod refused;
mod user_login;

use crate::config::{Config, FirstPass, Prompts};
use crate::conversation::Conversation;
use crate::deadline::Deadline;
use crate::error::{Heard, LoginError, ServerFault};
use crate::flow::{Answerer, Challenge, Response};
use crate::secret::Secret;

/// Answers the challenges of one login.
pub struct Stages<'a> {
    conversation: &'a mut dyn Conversation,
    prompts: &'a Prompts,
    first_pass: FirstPass,
    user: &'a str,
    deadline: Deadline,
    /// The password that was sent last: a code that equals it is not sent.
    password: Option<Secret>,
    /// Whether an earlier module of the stack had asked for it.
    password_of_stack: bool,
    codes: authenticator_validate::Codes,
}

impl<'a> Stages<'a> {
    /// For `user`, as authentik names them, until `deadline`.
    pub fn new(
        conversation: &'a mut dyn Conversation,
        config: &'a Config,
        user: &'a str,
        deadline: Deadline,
    ) -> Self {
        Self {
            conversation,
            prompts: &config.prompt,
            first_pass: config.first_pass,
            user,
            deadline,
            password: None,
            password_of_stack: false,
            codes: authenticator_validate::Codes::default(),
        }
    }

    /// The password, from the person or from an earlier module of the stack; an
    /// empty one never leaves the host. `rejected` is how often the server has
    /// refused one in this stage.
    fn password(&mut self, challenge: &Challenge, rejected: usize) -> Result<&Secret, LoginError> {
        const WHAT: &str = "password";
        let from_stack = match (self.first_pass, rejected) {
            (FirstPass::Use, 0) => Some(
                self.conversation
                    .stack_authtok()
                    .ok_or(LoginError::NoStackPassword)?,
            ),
            (FirstPass::Try, 0) => self.conversation.stack_authtok(),
            // The stack's password was refused; now the person is asked, once.
            (FirstPass::Try, 1) if self.password_of_stack => None,
            (_, 0) => None,
            _ => {
                let words = challenge.error_words();
                return Err(LoginError::Rejected { what: WHAT, words });
            }
        };
        self.password_of_stack = from_stack.is_some();
        let password = match from_stack {
            Some(password) => password,
            None => {
                let password = self.conversation.ask_secret(&self.prompts.password, WHAT)?;
                if password.is_empty() {
                    return Err(LoginError::Empty { what: WHAT });
                }
                self.conversation.leave_authtok(&password);
                password
            }
        };
        Ok(self.password.insert(password))
    }
}

impl Answerer for Stages<'_> {
    fn answer(&mut self, challenge: &Challenge, rejected: usize) -> Result<Response, LoginError> {
        match challenge.component() {
            identification::COMPONENT => identification::answer(self, challenge, rejected),
            password::COMPONENT => password::answer(self, challenge, rejected),
            authenticator_validate::COMPONENT => {
                authenticator_validate::answer(self, challenge, rejected)
            }
            user_login::COMPONENT => user_login::answer(rejected),
            dummy::COMPONENT => dummy::answer(rejected),
            other => Err(refused::refuse(other)),
        }
    }

    fn code_sent_back(&mut self) -> Result<(), LoginError> {
        self.codes.sent_back(self.prompts.attempts)
    }
}

/// What a stage makes of a challenge that is not as it should be. Whether a
/// person had a part in it is for the executor to say.
fn nonsense(fault: ServerFault) -> LoginError {
    LoginError::server(fault, Heard::Person)
}

/// What a stage makes of a refusal of an answer that holds nothing of a person's.
fn refused_without_cause(rejected: usize) -> Result<(), LoginError> {
    if rejected == 0 {
        return Ok(());
    }
    Err(nonsense(ServerFault::Nonsense(
        "it refuses the one answer that this stage has".into(),
    )))
}
