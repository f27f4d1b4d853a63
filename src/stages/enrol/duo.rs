//! `ak-stage-authenticator-duo`: activates the Duo app.

use serde::Deserialize;

use super::lead_after;
use super::qr::QrDrawings;
use crate::error::LoginError;
use crate::flow::{Challenge, Response};
use crate::stages::dialogue::join;
use crate::stages::{Stages, unexpected_answer};
use crate::text;
use crate::words::Words;

pub(in crate::stages) const COMPONENT: &str = "ak-stage-authenticator-duo";
/// The longest address that is shown.
const MAX_ADDRESS: usize = 1024;

#[derive(Deserialize)]
struct Details {
    /// The address that Duo's app reads from the QR code: `duo://…`.
    activation_code: String,
}

pub(in crate::stages) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let words = &stages.prompts.words;
    let mut lead = lead_after(stages, challenge, rejected)?;
    let mut address = String::new();
    let mut drawings = None;
    if rejected == 0 {
        let details: Details = challenge.details().map_err(unexpected_answer)?;
        address = text::one_line(&details.activation_code, MAX_ADDRESS);
        let unicode = stages.dialogue.shows_unicode();
        drawings = QrDrawings::of(&address, stages.prompts.qr, unicode);
        lead = match &drawings {
            Some(drawings) => scan(words, drawings, 0, &address),
            None => join(words.duo_open, &address),
        };
    }
    // Enter means "done". Any other answer asks for another drawing.
    for drawn in 1..QrDrawings::MOST {
        let typed = stages.dialogue.ask(&lead, words.duo_done, "answer")?;
        match &drawings {
            Some(drawings) if !typed.expose().trim().is_empty() => {
                lead = scan(words, drawings, drawn, &address);
            }
            _ => break,
        }
    }
    Response::of_component(COMPONENT)
}

/// The QR code and its address. `before` is how many drawings were shown before.
fn scan(words: &Words, drawings: &QrDrawings, before: usize, address: &str) -> String {
    join(&join(words.duo_scan, &drawings.draw(before)), address)
}
