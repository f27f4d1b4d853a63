//! `ak-stage-consent`: shows what the application asks for, and takes yes or no.

use serde::{Deserialize, Serialize};

use super::dialogue::join;
use super::{Stages, unexpected_answer};
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::flow::{Challenge, Response};
use crate::text;

pub(super) const COMPONENT: &str = "ak-stage-consent";
/// How many permissions of each kind are shown.
const MAX_PERMISSIONS: usize = 50;
/// How often the module repeats a consent with the new token that the server sent with its
/// refusal.
const MAX_TOKENS: usize = 3;

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    header_text: Option<String>,
    #[serde(default)]
    permissions: Vec<Permission>,
    #[serde(default)]
    additional_permissions: Vec<Permission>,
    token: String,
}

#[derive(Deserialize)]
struct Permission {
    name: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    component: &'static str,
    token: &'a str,
}

pub(super) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let details: Details = challenge.details().map_err(unexpected_answer)?;
    if rejected > MAX_TOKENS {
        return Err(unexpected_answer(ServerFault::UnexpectedAnswer(
            "it refuses the token that it sent for the consent".into(),
        )));
    }
    // The person has agreed to this, and only the token is new. A consent to anything
    // else is another stage, which asks again.
    if rejected == 0 {
        stages.show_title(challenge);
    }
    if rejected == 0 && !agrees(stages, &details)? {
        return Err(LoginError::Declined("the consent stage"));
    }
    Response::new(&Answer {
        component: COMPONENT,
        token: &details.token,
    })
}

fn agrees(stages: &mut Stages<'_>, details: &Details) -> Result<bool, LoginError> {
    let words = &stages.prompts.words;
    let header = details.header_text.as_deref().unwrap_or_default();
    let mut lead = text::from_html(header, 400);
    for (heading, permissions) in [
        (words.consent_permissions, &details.permissions),
        (
            words.consent_new_permissions,
            &details.additional_permissions,
        ),
    ] {
        let lines: Vec<String> = permissions
            .iter()
            .take(MAX_PERMISSIONS)
            .map(|permission| text::one_line(&text::from_html(&permission.name, 120), 120))
            .filter(|name| !name.is_empty())
            .map(|name| format!("  - {name}"))
            .collect();
        if permissions.len() > MAX_PERMISSIONS {
            // Nobody can agree to something that was not shown.
            return Err(unexpected_answer(ServerFault::UnexpectedAnswer(format!(
                "a consent to more than {MAX_PERMISSIONS} permissions"
            ))));
        }
        if !lines.is_empty() {
            lead = join(&join(&lead, heading), &lines.join("\n"));
        }
    }
    stages.dialogue.yes_or_no(&lead, words.consent, false)
}
