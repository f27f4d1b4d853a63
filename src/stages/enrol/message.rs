//! `ak-stage-authenticator-sms` and `ak-stage-authenticator-email`: ask for the address
//! first, and then for the code that was sent to it.

use serde::{Deserialize, Serialize};

use super::lead_after;
use crate::error::LoginError;
use crate::flow::{Challenge, Response};
use crate::stages::{Stages, unexpected_answer};
use crate::text;
use crate::words::fill;

pub(in crate::stages) const SMS: &str = "ak-stage-authenticator-sms";
pub(in crate::stages) const EMAIL: &str = "ak-stage-authenticator-email";

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    phone_number_required: bool,
    #[serde(default)]
    email_required: bool,
    #[serde(default)]
    email: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    component: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

pub(in crate::stages) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let words = &stages.prompts.words;
    let details: Details = challenge.details().map_err(unexpected_answer)?;
    let lead = lead_after(stages, challenge, rejected)?;
    let is_sms = challenge.component() == SMS;
    let mut answer = Answer {
        component: if is_sms { SMS } else { EMAIL },
        phone_number: None,
        email: None,
        code: None,
    };
    let wants_address = if is_sms {
        details.phone_number_required
    } else {
        details.email_required
    };
    if wants_address {
        let prompt = if is_sms {
            words.sms_number
        } else {
            words.email_address
        };
        let address = stages.dialogue.line(&lead, prompt)?;
        let address = Some(address.expose().trim());
        if is_sms {
            answer.phone_number = address;
        } else {
            answer.email = address;
        }
        return Response::new(&answer);
    }
    // The server knew the address and has sent a code to it.
    stages.dialogue.message_sent();
    let prompt = match &details.email {
        _ if is_sms => words.sms_code.to_owned(),
        Some(address) => fill(words.email_code_to, "address", &text::one_line(address, 80)),
        None => words.email_code.to_owned(),
    };
    let code = stages.code(&lead, &prompt)?;
    answer.code = Some(code.expose());
    Response::with_secret(&answer)
}
