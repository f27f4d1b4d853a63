//! `ak-stage-authenticator-duo`: the Duo app is activated.

use serde::{Deserialize, Serialize};

use super::{lead_after, qr};
use crate::error::LoginError;
use crate::flow::{Challenge, Response};
use crate::stages::dialogue::join;
use crate::stages::{Stages, nonsense};
use crate::text;

pub(in crate::stages) const COMPONENT: &str = "ak-stage-authenticator-duo";
/// The longest address that is shown.
const MAX_ADDRESS: usize = 1024;

#[derive(Deserialize)]
struct Details {
    /// What Duo's app reads from the QR code: `duo://…`.
    activation_code: String,
}

#[derive(Serialize)]
struct Answer {
    component: &'static str,
}

pub(in crate::stages) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let words = stages.prompts.words;
    let mut lead = lead_after(stages, challenge, rejected)?;
    if rejected == 0 {
        let details: Details = challenge.details().map_err(nonsense)?;
        let address = text::one_line(&details.activation_code, MAX_ADDRESS);
        lead = match qr::draw(&address, stages.prompts.qr) {
            Some(drawn) => join(words.duo_scan, &drawn),
            None => words.duo_open.into(),
        };
        lead = join(&lead, &address);
    }
    stages.dialogue.ask(&lead, words.duo_done, "answer")?;
    Response::new(&Answer {
        component: COMPONENT,
    })
}
