//! One request to one stage: the data that the stage may use, and the call of the right stage.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::plan::Plan;
use super::step::{Challenge, Errors, NON_FIELD, Step};
use super::{endpoint, enrol, identification, login, prompt, simple, validate};
use crate::exchange::Call;
use crate::flow::Stage;
use crate::session::Session;
use crate::state::Memory;
use crate::version::{Behaviour, Version};
use crate::words::Language;
use crate::world::{User, World};

/// The lowest reputation of a name. From there on nothing more is counted.
const LOWEST_REPUTATION: u32 = 5;

/// What happens to the session after the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionEnd {
    Kept,
    /// It gets a new id, and the old id becomes invalid.
    Rotated,
    LoggedOut,
}

/// What a POST's body is.
pub(super) enum Body {
    Answer(Map<String, Value>),
    NotADictionary(Errors),
    Unreadable,
}

/// What a stage works with.
pub(super) struct Run<'a> {
    pub(super) world: &'a mut World,
    pub(super) memory: &'a mut Memory,
    pub(super) version: Version,
    pub(super) pauses: bool,
    pub(super) session: &'a mut Session,
    pub(super) call: &'a Call,
    pub(super) language: Language,
    pub(super) now: SystemTime,
    /// How long policies have delayed the request.
    pub(super) owed: Duration,
    pub(super) end: SessionEnd,
    pub(super) cookies: Vec<String>,
}

impl Run<'_> {
    /// The user of the plan: the identified one, otherwise the one who is logged in.
    pub(super) fn pending_name(&self, plan: &Plan) -> Option<String> {
        match &plan.pending {
            Some(pending) => pending.username.clone(),
            None => self.session.user.clone(),
        }
    }

    pub(super) fn pending(&self, plan: &Plan) -> Option<&User> {
        self.world.find_user(&self.pending_name(plan)?)
    }

    pub(super) fn pending_mut(&mut self, plan: &Plan) -> Option<&mut User> {
        let name = self.pending_name(plan)?;
        self.world.find_user_mut(&name)
    }

    pub(super) fn body(&self) -> Body {
        let content_type = self.call.header("content-type").unwrap_or_default();
        if !content_type.starts_with("application/json") {
            return Body::Unreadable;
        }
        if self.call.body.is_empty() {
            return Body::Answer(Map::new());
        }
        let kind = match serde_json::from_slice(&self.call.body) {
            Err(_) => return Body::Unreadable,
            Ok(Value::Object(answer)) => return Body::Answer(answer),
            Ok(Value::Array(_)) => "list",
            Ok(Value::String(_)) => "str",
            Ok(Value::Bool(_)) => "bool",
            Ok(Value::Null) => "NoneType",
            Ok(Value::Number(number)) if number.is_f64() => "float",
            Ok(Value::Number(_)) => "int",
        };
        let string = format!("Invalid data. Expected a dictionary, but got {kind}.");
        Body::NotADictionary(Errors::one(NON_FIELD, &string, "invalid"))
    }

    /// What the stage shows.
    pub(super) fn get(&mut self, plan: &mut Plan, stage: &Stage) -> Step {
        match stage {
            Stage::Identification(options) => identification::show(self, plan, options),
            Stage::Password { .. } => {
                let name = plan.pending.as_ref().map(|pending| pending.shown.as_str());
                let so_far = name.and_then(|name| self.memory.wrong_passwords.get(name));
                let so_far = so_far.copied().unwrap_or_default();
                plan.scratch.wrong_passwords_before.get_or_insert(so_far);
                Step::Show(
                    Challenge::new("ak-stage-password")
                        .pending_user()
                        .with("allow_show_password", false),
                )
            }
            Stage::Validate(options) => validate::show(self, plan, options),
            Stage::Enrol(kind) => enrol::show(self, plan, *kind),
            Stage::UserLogin(options) => login::show(self, plan, options),
            Stage::UserLogout => login::log_out(self, plan),
            Stage::Prompt(options) => prompt::show(self.version, options),
            Stage::UserWrite => login::write_user(self, plan),
            Stage::EndpointAgent { .. } => endpoint::show(self, plan),
            _ => simple::show(self, plan, stage),
        }
    }

    /// The result of an answer to the stage.
    pub(super) fn post(
        &mut self,
        plan: &mut Plan,
        stage: &Stage,
        answer: &Map<String, Value>,
    ) -> Step {
        match stage {
            Stage::Identification(options) => identification::answer(self, plan, options, answer),
            Stage::Password { app_passwords, .. } => {
                login::password(self, plan, *app_passwords, answer)
            }
            Stage::Validate(options) => validate::answer(self, plan, options, answer),
            Stage::Enrol(kind) => enrol::answer(self, plan, *kind, answer),
            Stage::UserLogin(options) => login::answer(self, plan, options, answer),
            Stage::UserLogout => login::log_out(self, plan),
            Stage::Prompt(options) => prompt::answer(self, plan, options, answer),
            Stage::UserWrite => login::write_user(self, plan),
            Stage::EndpointAgent {
                required,
                connector,
            } => endpoint::answer(self, plan, *required, connector, answer),
            _ => simple::answer(self, plan, stage, answer),
        }
    }

    /// Counts a wrong password, and returns how many count so far.
    fn tries_of_password(&mut self, plan: &mut Plan) -> u32 {
        self.session.failed_attempts += 1;
        let name = plan.pending.as_ref().map(|pending| pending.shown.clone());
        let name = name.or_else(|| self.pending_name(plan)).unwrap_or_default();
        let of_name = self.memory.wrong_passwords.entry(name).or_default();
        let by_reputation = self.version.does(Behaviour::CountsByReputation);
        if !by_reputation || *of_name < LOWEST_REPUTATION {
            *of_name += 1;
        }
        if by_reputation {
            // since the stage was first shown to this client
            *of_name - plan.scratch.wrong_passwords_before.unwrap_or_default()
        } else {
            self.session.failed_attempts
        }
    }

    /// The first stage of a restarted flow takes the answer, which was meant for another stage.
    pub(super) fn start_over(&mut self, plan: &mut Plan) -> Step {
        let Some(first) = plan.bindings.front().cloned() else {
            return Step::Done;
        };
        let Body::Answer(answer) = self.body() else {
            return Step::Crash;
        };
        match self.post(plan, &first.stage, &answer) {
            Step::Invalid(errors) => self.ask_again(plan, &first.stage, errors),
            step => step,
        }
    }

    /// Shows the stage again with its errors, or ends the flow after too many wrong answers.
    pub(super) fn ask_again(&mut self, plan: &mut Plan, stage: &Stage, errors: Errors) -> Step {
        if let Stage::Password {
            failed_attempts, ..
        } = stage
        {
            if self.tries_of_password(plan) >= *failed_attempts {
                self.session.failed_attempts = 0;
                return Step::Denied("Invalid password".to_owned());
            }
        }
        match self.get(plan, stage) {
            Step::Show(challenge) => {
                Step::Show(challenge.with("response_errors", Value::Object(errors.0)))
            }
            step => step,
        }
    }
}
