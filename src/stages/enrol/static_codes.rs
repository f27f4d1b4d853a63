//! `ak-stage-authenticator-static`: shows new recovery codes.

use serde::Deserialize;

use super::lead_after;
use crate::error::LoginError;
use crate::flow::{Challenge, Response};
use crate::stages::dialogue::join;
use crate::stages::{Stages, unexpected_answer};
use crate::text;

pub(in crate::stages) const COMPONENT: &str = "ak-stage-authenticator-static";
/// How many codes are shown at most. authentik's default is six.
const MAX_CODES: usize = 100;

#[derive(Deserialize)]
struct Details {
    codes: Vec<String>,
}

pub(in crate::stages) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let words = &stages.prompts.words;
    let details: Details = challenge.details().map_err(unexpected_answer)?;
    let lead = lead_after(stages, challenge, rejected)?;
    let codes: Vec<String> = details
        .codes
        .iter()
        .take(MAX_CODES)
        .map(|code| format!("  {}", text::one_line(code, 100)))
        .collect();
    let lead = join(&join(&lead, words.static_keep), &codes.join("\n"));
    stages.dialogue.ask(&lead, words.static_noted, "answer")?;
    Response::of_component(COMPONENT)
}
