//! `ak-stage-identification`: sends the name, and in the combined form also the password.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::keys::{self, ChallengeOptions, PublicKeyCredential, no_options};
use super::{Stages, unexpected_answer};
use crate::error::{LoginError, Obstacle};
use crate::flow::{Challenge, Proof, Response};

pub(super) const COMPONENT: &str = "ak-stage-identification";

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(default)]
    password_fields: bool,
    #[serde(default)]
    captcha_stage: Option<serde::de::IgnoredAny>,
    /// Since 2025.12: the request to a passkey, which replaces the name.
    #[serde(borrow, default)]
    passkey_challenge: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Answer<'a> {
    component: &'static str,
    uid_field: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
}

#[derive(Serialize)]
struct Passkey {
    component: &'static str,
    passkey: PublicKeyCredential,
}

pub(super) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let details: Details<'_> = challenge.details().map_err(unexpected_answer)?;
    if details.captcha_stage.is_some() {
        return Err(LoginError::Unsupported {
            component: COMPONENT.into(),
            reason: Obstacle::Browser,
        });
    }
    // A refused passkey is neither a wrong name nor a wrong password.
    let rejected = match keys::passkey_was_sent(stages) {
        true => 0,
        false => rejected,
    };
    if let Some(options) = details.passkey_challenge {
        let options = ChallengeOptions::read(options).map_err(no_options)?;
        if let Some(assertion) = keys::passkey(stages, &options)? {
            // A key that has not verified the person only shows that somebody has the key.
            let proof = assertion.user_verified.then_some(Proof::SecurityKey);
            let answer = Passkey {
                component: COMPONENT,
                passkey: assertion.into(),
            };
            return match proof {
                Some(proof) => Response::proving(&answer, proof),
                None => Response::with_secret(&answer),
            };
        }
    }
    let user = stages.user;
    if details.password_fields {
        let password = stages.password(challenge, rejected)?;
        let answer = Answer {
            component: COMPONENT,
            uid_field: user,
            password: Some(password.expose()),
        };
        return Response::proving(&answer, Proof::Password);
    }
    if rejected > 0 {
        let words = challenge.error_words();
        return Err(LoginError::Rejected {
            what: "user name",
            words,
        });
    }
    Response::new(&Answer {
        component: COMPONENT,
        uid_field: user,
        password: None,
    })
    .map(Response::unasked)
}
