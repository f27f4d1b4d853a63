//! The stages that need no file of their own.

use serde_json::{Map, Value, json};

use super::invalid;
use super::plan::Plan;
use super::run::Run;
use super::step::{Challenge, Errors, NON_FIELD, Step, Text};
use crate::flow::Stage;
use crate::random;
use crate::version::Behaviour;

/// The captcha's challenge.
pub(super) fn captcha() -> Challenge {
    Challenge::new("ak-stage-captcha")
        .pending_user()
        .with("site_key", "dummy-site-key")
        .with("js_url", "https://www.recaptcha.net/recaptcha/api.js")
        .with("interactive", false)
}

pub(super) fn show(run: &mut Run<'_>, plan: &mut Plan, stage: &Stage) -> Step {
    Step::Show(match stage {
        Stage::Consent {
            header_text,
            permissions,
        } => {
            let token = random::uuid();
            plan.scratch.consent_token = Some(token.clone());
            let permissions: Vec<Value> = permissions
                .iter()
                .map(|(id, name)| json!({"id": id, "name": name}))
                .collect();
            let challenge = Challenge::new("ak-stage-consent")
                .pending_user()
                .with("permissions", permissions)
                .with("additional_permissions", json!([]))
                .with("token", token);
            match header_text {
                Some(text) => challenge.with("header_text", text.as_str()),
                None => challenge,
            }
        }
        Stage::Dummy { name } => Challenge::new("ak-stage-dummy").with("name", name.as_str()),
        Stage::Endless => {
            plan.scratch.count += 1;
            let name = format!("dummy {}", plan.scratch.count);
            Challenge::new("ak-stage-dummy").with("name", name)
        }
        Stage::Deny { message } if message.is_empty() => {
            return Step::Denied("Unknown error".to_owned());
        }
        Stage::Deny { message } => return Step::Denied(message.clone()),
        Stage::Redirect { to } => Challenge::new("xak-flow-redirect")
            .with("to", to.as_str())
            .with("final_redirect", false),
        Stage::Email => {
            if plan.scratch.link_followed {
                return Step::Done;
            }
            if !run.world.providers.email {
                return Step::Crash;
            }
            send_link(run, plan);
            Challenge::new("ak-stage-email")
        }
        Stage::Captcha => captcha(),
        Stage::Crash => return Step::Crash,
        Stage::Skip => return Step::Done,
        Stage::Loop => return Step::Stay,
        Stage::Raw {
            challenge,
            pending_user,
        } => Challenge {
            fields: challenge.as_object().cloned().unwrap_or_default(),
            pending_user: *pending_user,
        },
        _ => return Step::Crash,
    })
}

pub(super) fn answer(
    run: &mut Run<'_>,
    plan: &mut Plan,
    stage: &Stage,
    answer: &Map<String, Value>,
) -> Step {
    let mut errors = Errors::default();
    match stage {
        Stage::Consent { .. } => {
            let token = errors.collect("token", Text::default().check(answer, "token"));
            let Some(token) = token else {
                return Step::Invalid(errors);
            };
            if token == plan.scratch.consent_token {
                Step::Done
            } else {
                invalid("token", "Invalid consent token, re-showing prompt")
            }
        }
        Stage::Redirect { to } => match errors.collect("to", Text::default().check(answer, "to")) {
            Some(_) => left(run, plan, to),
            None => Step::Invalid(errors),
        },
        Stage::Captcha => match errors.collect("token", Text::default().check(answer, "token")) {
            Some(_) => invalid("token", "Failed to validate token"),
            None => Step::Invalid(errors),
        },
        Stage::Email => {
            if plan.scratch.link_followed {
                return Step::Done;
            }
            if !run.world.providers.email {
                return Step::Crash;
            }
            Step::Invalid(Errors::one(NON_FIELD, "email-sent", "email-sent"))
        }
        Stage::Endless => Step::Stay,
        Stage::Dummy { .. } | Stage::Crash | Stage::Skip | Stage::Raw { .. } => Step::Done,
        _ => show(run, plan, stage),
    }
}

/// What happens when a client says that it followed a redirect.
fn left(run: &Run<'_>, plan: &Plan, to: &str) -> Step {
    if to.starts_with("/source/") && run.version.does(Behaviour::KeepsToSources) {
        // nobody has returned from the source
        Step::Crash
    } else if to.starts_with("/if/flow/") && plan.pending.is_some() {
        // the other flow replaces the plan of this one
        Step::StartOver
    } else {
        Step::Done
    }
}

/// Mails a link. The link stays the same until somebody follows it.
fn send_link(run: &mut Run<'_>, plan: &mut Plan) {
    let token = plan
        .scratch
        .link
        .get_or_insert_with(|| random::alphanumeric(40))
        .clone();
    let mut behind_the_link = plan.clone();
    behind_the_link.scratch.link_followed = true;
    if let Some(name) = run.pending_name(plan) {
        run.memory.last_link.insert(name, token.clone());
    }
    run.memory.links.insert(token, behind_the_link);
}
