//! `ak-stage-authenticator-totp`: an authenticator app is set up.

use serde::{Deserialize, Serialize};

use super::{lead_after, qr};
use crate::error::LoginError;
use crate::flow::{Challenge, Response};
use crate::stages::dialogue::join;
use crate::stages::{Stages, nonsense};
use crate::text;
use crate::words::fill;

pub(in crate::stages) const COMPONENT: &str = "ak-stage-authenticator-totp";
/// The longest address that is shown; authentik's own are below 200 bytes.
const MAX_ADDRESS: usize = 1024;

#[derive(Deserialize)]
struct Details {
    config_url: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    component: &'static str,
    code: &'a str,
}

pub(in crate::stages) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let words = stages.prompts.words;
    let mut lead = lead_after(stages, challenge, rejected)?;
    // The secret stays the same, and is on the screen already.
    if rejected == 0 {
        let details: Details = challenge.details().map_err(nonsense)?;
        let address = text::one_line(&details.config_url, MAX_ADDRESS);
        lead = match qr::draw(&address, stages.prompts.qr) {
            Some(drawn) => join(words.totp_scan, &drawn),
            None => words.totp_type.into(),
        };
        if let Some(secret) = secret_of(&address) {
            lead = join(&lead, &fill(words.totp_secret, "secret", secret));
        }
        lead = join(&lead, &fill(words.totp_address, "address", &address));
    }
    let code = stages.code(&lead, words.totp_first_code)?;
    Response::with_secret(&Answer {
        component: COMPONENT,
        code: code.expose(),
    })
}

/// What people type who cannot scan.
fn secret_of(address: &str) -> Option<&str> {
    let (_, query) = address.split_once('?')?;
    query
        .split('&')
        .find_map(|parameter| parameter.strip_prefix("secret="))
}
