//! `ak-stage-authenticator-totp`: an authenticator app is set up.

use serde::{Deserialize, Serialize};

use super::lead_after;
use super::qr::QrDrawings;
use crate::error::LoginError;
use crate::flow::{Challenge, Response};
use crate::stages::dialogue::join;
use crate::stages::{Stages, unexpected_answer};
use crate::text;
use crate::words::fill;

pub(in crate::stages) const COMPONENT: &str = "ak-stage-authenticator-totp";
/// The longest address that is shown, in bytes. authentik's own have less than 200.
const MAX_ADDRESS: usize = 1024;
/// The values that every app assumes if an address does not have them (the `otpauth` format
/// of Google Authenticator, which other apps follow).
const ASSUMED: [&str; 3] = ["algorithm=SHA1", "digits=6", "period=30"];

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
    let words = &stages.prompts.words;
    let details: Details = challenge.details().map_err(unexpected_answer)?;
    let address = short(&text::one_line(&details.config_url, MAX_ADDRESS));
    let drawings = drawings(stages, &address);
    // The secret is the same as before, and is still on the screen.
    let lead = match rejected {
        0 => set_up(stages, &address, drawings.as_ref(), 0),
        _ => lead_after(stages, challenge, rejected)?,
    };
    let prompt = match drawings {
        Some(_) => words.totp_first_code_or_draw,
        None => words.totp_first_code,
    };
    let mut drawn = usize::from(rejected == 0);
    let leads = |stages: &Stages<'_>| {
        let drawings = drawings.as_ref().filter(|_| drawn < QrDrawings::MOST)?;
        let lead = set_up(stages, &address, Some(drawings), drawn);
        drawn = drawn.saturating_add(1);
        Some(lead)
    };
    let code = stages.code_or_nothing(&lead, prompt, leads)?;
    Response::with_secret(&Answer {
        component: COMPONENT,
        code: code.expose(),
    })
}

/// The text to scan or to type into the app. `before` is how many drawings of the QR code
/// were shown before.
fn set_up(
    stages: &Stages<'_>,
    address: &str,
    drawings: Option<&QrDrawings>,
    before: usize,
) -> String {
    let words = &stages.prompts.words;
    let mut lead = match drawings {
        Some(drawings) => join(words.totp_scan, &drawings.draw(before)),
        None => words.totp_type.to_owned(),
    };
    let secret = parameter(address, "secret");
    if let Some(secret) = secret {
        lead = join(&lead, &fill(words.totp_secret, "secret", secret));
    }
    // The secret alone is enough if the app assumes the other values. Beside a QR code,
    // the address would take lines that the code needs.
    let is_enough = secret.is_some() && knows_the_rest(address);
    if drawings.is_none() || !is_enough {
        lead = join(&lead, &fill(words.totp_address, "address", address));
    }
    lead
}

/// The QR code of `address`. If it would not fit the screen, the issuer is left out of the
/// label, because a parameter has it, too.
fn drawings(stages: &Stages<'_>, address: &str) -> Option<QrDrawings> {
    let unicode = stages.dialogue.shows_unicode();
    let of = |address: &str| QrDrawings::of(address, stages.prompts.qr, unicode);
    let whole = of(address);
    if whole.as_ref().is_some_and(QrDrawings::fits) {
        return whole;
    }
    let shorter = issuer_once(address).and_then(|address| of(&address));
    shorter.filter(QrDrawings::fits).or(whole)
}

/// `address` without the parameters whose values every app assumes.
fn short(address: &str) -> String {
    let Some((before, query)) = address.split_once('?') else {
        return address.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|parameter| !ASSUMED.contains(parameter))
        .collect();
    format!("{before}?{}", kept.join("&"))
}

/// Whether an app that has the secret knows all that it needs: [`short`] has left
/// neither an algorithm nor digits nor a period.
fn knows_the_rest(address: &str) -> bool {
    ASSUMED
        .iter()
        .filter_map(|assumed| assumed.split('=').next())
        .all(|name| parameter(address, name).is_none())
}

/// `address` with the issuer only as a parameter, if the label repeats it.
fn issuer_once(address: &str) -> Option<String> {
    let issuer = parameter(address, "issuer")?;
    let scheme = "otpauth://totp/";
    let label = address.strip_prefix(scheme)?.strip_prefix(issuer)?;
    let rest = ["%3A", "%3a", ":"]
        .into_iter()
        .find_map(|separator| label.strip_prefix(separator))?;
    Some(format!("{scheme}{rest}"))
}

/// A parameter of an address, still encoded.
fn parameter<'a>(address: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = address.split_once('?')?;
    query
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "secret=7H6EH5RTSN5CL2BDB7OK2KL55HST5SUJ";

    #[test]
    fn only_the_defaults_of_every_app_are_left_out() {
        let address = |rest: &str| format!("otpauth://totp/authentik%3Aalice?{SECRET}{rest}");
        assert_eq!(
            short(&address(
                "&algorithm=SHA1&digits=6&period=30&issuer=authentik"
            )),
            address("&issuer=authentik")
        );
        for other in [
            "&algorithm=SHA256&digits=8&period=60&issuer=x",
            "&digits=60&issuer=x",
            "&periods=30",
        ] {
            assert_eq!(short(&address(other)), address(other));
        }
        assert_eq!(short("otpauth://totp/x"), "otpauth://totp/x");
        assert!(knows_the_rest(&address("&issuer=x")));
        assert!(!knows_the_rest(&address("&digits=8")));
    }

    #[test]
    fn an_issuer_is_shown_once_only_if_it_is_the_same() {
        let once = |label: &str| {
            issuer_once(&format!("otpauth://totp/{label}?{SECRET}&issuer=A%20B"))
                .map(|address| address.replace(SECRET, "S"))
        };
        let short = Some("otpauth://totp/alice?S&issuer=A%20B".to_owned());
        assert_eq!(once("A%20B%3Aalice"), short);
        assert_eq!(once("A%20B:alice"), short);
        assert_eq!(once("A%20Balice"), None);
        assert_eq!(once("other%3Aalice"), None);
        assert_eq!(issuer_once("otpauth://totp/a%3Aalice?secret=S"), None);
    }
}
