//! The stages of a flow: one file for each that is answered, each a function
//! from its challenge and a conversation to a response.

mod dummy;
mod identification;
mod password;
mod refused;
mod user_login;

use crate::config::Prompts;
use crate::conversation::Conversation;
use crate::error::{Heard, LoginError, ServerFault};
use crate::flow::{Answerer, Challenge, Response};
use crate::secret::Secret;

/// Answers the challenges of one login.
pub struct Stages<'a> {
    conversation: &'a mut dyn Conversation,
    prompts: &'a Prompts,
    user: &'a str,
}

impl<'a> Stages<'a> {
    /// For `user`, as authentik names them.
    pub fn new(
        conversation: &'a mut dyn Conversation,
        prompts: &'a Prompts,
        user: &'a str,
    ) -> Self {
        Self {
            conversation,
            prompts,
            user,
        }
    }

    /// Asks for the password once; an empty one never leaves the host.
    fn ask_password(&mut self) -> Result<Secret, LoginError> {
        const WHAT: &str = "password";
        let password = self.conversation.ask_secret(&self.prompts.password, WHAT)?;
        if password.is_empty() {
            return Err(LoginError::Empty { what: WHAT });
        }
        self.conversation.leave_authtok(&password);
        Ok(password)
    }
}

impl Answerer for Stages<'_> {
    fn answer(&mut self, challenge: &Challenge, rejected: usize) -> Result<Response, LoginError> {
        match challenge.component() {
            identification::COMPONENT => identification::answer(self, challenge, rejected),
            password::COMPONENT => password::answer(self, challenge, rejected),
            user_login::COMPONENT => user_login::answer(rejected),
            dummy::COMPONENT => dummy::answer(rejected),
            other => Err(refused::refuse(other)),
        }
    }
}

/// What a stage makes of an answer that the server refused and that is not to
/// be asked for again in this call: the application asks again by itself.
fn refused_once(
    what: &'static str,
    challenge: &Challenge,
    rejected: usize,
) -> Result<(), LoginError> {
    if rejected == 0 {
        return Ok(());
    }
    Err(LoginError::Rejected {
        what,
        words: challenge.error_words(),
    })
}

/// What a stage makes of a challenge that is not as it should be. Whether a
/// person had a part in it is for the executor to say.
fn nonsense(fault: ServerFault) -> LoginError {
    LoginError::Server {
        fault,
        heard: Heard::Person,
    }
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
