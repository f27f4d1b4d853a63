//! `ak-stage-authenticator-webauthn`: a security key that is plugged in here is set up.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::lead_after;
use crate::error::{LoginError, Obstacle};
use crate::flow::{Challenge, Response};
use crate::stages::keys::{self, CreationOptions, PublicKeyCredential, no_options};
use crate::stages::{Stages, unexpected_answer};

pub(in crate::stages) const COMPONENT: &str = "ak-stage-authenticator-webauthn";

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    registration: &'a RawValue,
}

#[derive(Serialize)]
struct Answer {
    component: &'static str,
    response: PublicKeyCredential,
}

pub(in crate::stages) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let refuse = |reason| LoginError::Unsupported {
        component: COMPONENT.into(),
        reason,
    };
    if !stages.keys.can_set_up() {
        return Err(refuse(Obstacle::SetUpInBrowser));
    }
    let details: Details<'_> = challenge.details().map_err(unexpected_answer)?;
    let options = CreationOptions::read(details.registration).map_err(no_options)?;
    let request = stages.keys.creation(&options).map_err(refuse)?;
    let lead = match rejected {
        0 => stages.prompts.words.key_sets_up.to_owned(),
        _ => lead_after(stages, challenge, rejected)?,
    };
    // This proves nothing: a person who got this far sets up a key of their own.
    let made = keys::sign(stages, &request, lead)?;
    Response::with_secret(&Answer {
        component: COMPONENT,
        response: made.into(),
    })
}
