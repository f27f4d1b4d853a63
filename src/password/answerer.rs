//! The answers to the flow that changes a password: the new password if the flow asks for
//! it, and for other stages the same answers as in a login.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::config::{Config, FirstPass};
use crate::error::LoginError;
use crate::flow::{Answerer, AskedAgain, Challenge, Response};
use crate::json::Object;
use crate::secret::Secret;
use crate::stages::Stages;

const PROMPT: &str = "ak-stage-prompt";
const WHAT: &str = "new password";

/// How many fields of a prompt may ask for the new password: usually the password and its
/// repetition.
const MAX_FIELDS: usize = 8;

/// Answers the flow that changes the password.
pub(super) struct ChangeAnswerer<'a> {
    /// The new password that an earlier module of the stack asked for.
    of_stack: Option<Secret>,
    stages: Stages<'a>,
    config: &'a Config,
    /// The new password that was sent last.
    password: Option<Secret>,
    /// How many answers were refused in all stages together.
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

impl Answerer for ChangeAnswerer<'_> {
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
            return Err(LoginError::AnswersUsedUp {
                question: challenge.component().to_owned(),
                tries: self.refused,
            });
        }
        let response = self.stages.answer(challenge, rejected)?;
        if let Some(password) = self.stages.password_of_form() {
            // A form with other fields as well is filled in like any other form.
            self.password = Some(password.clone());
        }
        Ok(response)
    }

    fn code_sent_back(&mut self) -> Result<(), LoginError> {
        self.stages.code_sent_back()
    }

    fn asked_again(&mut self, why: AskedAgain) {
        self.stages.asked_again(why);
    }
}

impl<'a> ChangeAnswerer<'a> {
    /// Takes the new password from the stack if `config` says so.
    pub(super) fn new(stages: Stages<'a>, config: &'a Config, of_stack: Option<Secret>) -> Self {
        Self {
            of_stack,
            stages,
            config,
            password: None,
            refused: 0,
        }
    }

    /// The new password that was sent last, if one was sent.
    pub(super) fn into_password(self) -> Option<Secret> {
        self.password
    }

    /// The new password, from the stack or typed twice by the person. An empty one is never
    /// sent.
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
        // The error is part of the question, because some applications show nothing else
        // in time.
        let own = &self.config.prompt.words;
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

/// The fields of a prompt that asks only for passwords.
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
