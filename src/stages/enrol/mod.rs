//! Sets up a second factor: the choice of a kind, and a file for each kind.

pub(super) mod duo;
pub(super) mod message;
mod qr;
pub(super) mod static_codes;
pub(super) mod totp;
pub(super) mod webauthn;

use serde::Deserialize;

use super::{Stages, dialogue};
use crate::error::{LoginError, Obstacle};
use crate::flow::Challenge;
use crate::text;

/// How many kinds are offered at most.
const MAX_OFFERED: usize = 16;

/// One kind that the flow offers to set up.
#[derive(Deserialize)]
pub(super) struct SetUp {
    pk: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    meta_model_name: String,
}

/// Asks which kind to set up, and returns its `pk`.
///
/// # Errors
/// If none of them works in a terminal.
pub(super) fn choose(
    stages: &mut Stages<'_>,
    offered: &[SetUp],
    lead: &str,
    component: &str,
) -> Result<String, LoginError> {
    let words = &stages.prompts.words;
    let mut kinds: Vec<(&SetUp, String)> = Vec::new();
    for set_up in offered.iter().take(MAX_OFFERED) {
        // "authentik_stages_authenticator_totp.authenticatortotpstage"
        let app = set_up.meta_model_name.split('.').next().unwrap_or_default();
        let kind = match app.rsplit('_').next().unwrap_or_default() {
            "totp" => words.set_up_totp,
            "static" => words.set_up_static,
            "sms" => words.set_up_sms,
            "email" => words.set_up_email,
            "duo" => words.set_up_duo,
            "webauthn" if stages.keys.can_set_up() => words.set_up_key,
            _ => continue,
        };
        let name = text::one_line(&set_up.name, 60);
        let label = if name.is_empty() {
            kind.to_owned()
        } else {
            format!("{kind} ({name})")
        };
        kinds.push((set_up, label));
    }
    if kinds.is_empty() {
        return Err(LoginError::Unsupported {
            component: component.into(),
            reason: if offered.is_empty() {
                Obstacle::NoFactor
            } else {
                Obstacle::SetUpInBrowser
            },
        });
    }
    let labels: Vec<String> = kinds.iter().map(|(_, label)| label.clone()).collect();
    let lead = dialogue::join(lead, words.set_up_a_factor);
    let index = stages
        .dialogue
        .choose(&lead, &labels, dialogue::Enter::Asks)?;
    index
        .and_then(|index| kinds.get(index))
        .map(|(set_up, _)| set_up.pk.clone())
        .ok_or_else(|| LoginError::Bug("a choice that was not offered".into()))
}

/// The server's message about the last answer.
///
/// # Errors
/// [`LoginError::AnswersUsedUp`] if there were too many wrong answers.
fn lead_after(
    stages: &Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<String, LoginError> {
    stages.dialogue.may_ask_again(rejected)?;
    Ok(challenge.error_words().unwrap_or_default())
}
