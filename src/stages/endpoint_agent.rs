//! `ak-stage-endpoint-agent` (since 2025.12): asks for a proof of which host this is.
//!
//! authentik has a token for each host, and this host has a copy of its own in
//! `[host] token_file`. The answer is a JSON web token (RFC 7519) that is signed with it
//! and holds the challenge. It has no time in it: the server binds it to its challenge, and
//! this host's clock may be wrong. Without `[host]` the module answers that it proves
//! nothing, and the stage decides whether that is enough.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Stages, unexpected_answer};
use crate::config::HostRules;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::flow::{Challenge, HostAnswer, Response};
use crate::token_file::read_token;

pub(super) const COMPONENT: &str = "ak-stage-endpoint-agent";

/// The reader that the answer is for.
const AUDIENCE: &str = "goauthentik.io/platform/endpoint";
/// The header of the answer: HMAC with SHA-512 (RFC 7518, section 3.2).
const HEADER: &[u8] = br#"{"alg":"HS512","typ":"JWT"}"#;
/// The longest challenge, in bytes. The server's own, signed with RSA, has about 1100.
const MAX_CHALLENGE: usize = 8192;

#[derive(Deserialize)]
struct Details {
    challenge: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'static str,
    atc: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    component: &'static str,
    response: Option<&'a str>,
}

pub(super) fn answer(
    stages: &Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let (token, host) = match stages.host {
        None => (None, HostAnswer::NotConfigured),
        Some(rules) => match read_token(rules.token_file.as_path()) {
            Ok(token) => (Some((token, rules)), HostAnswer::Signed),
            // A screen locker. The server decides whether it needs the proof.
            Err(fault) if fault.needs_root() => (None, HostAnswer::Unreadable),
            Err(fault) => return Err(fault.at(rules.token_file.as_path(), "").into()),
        },
    };
    if rejected > 0 {
        let words = challenge.error_words();
        return Err(LoginError::HostNotProved { host, words });
    }
    let signed = match token {
        None => None,
        Some((token, rules)) => {
            let details: Details = challenge.details().map_err(unexpected_answer)?;
            Some(signed(&details.challenge, rules, &token)?)
        }
    };
    Response::with_secret(&Answer {
        component: COMPONENT,
        response: signed.as_ref().map(|text| text.as_str()),
    })
    .map(|response| response.unasked().about_host(host))
}

/// The challenge in a JSON web token of this host.
fn signed(
    challenge: &str,
    rules: &HostRules,
    token: &[u8],
) -> Result<Zeroizing<String>, LoginError> {
    let is_token = challenge.bytes().all(|byte| byte.is_ascii_graphic());
    if challenge.is_empty() || challenge.len() > MAX_CHALLENGE || !is_token {
        let problem = "the challenge for this host is no signed text";
        return Err(unexpected_answer(ServerFault::UnexpectedAnswer(
            problem.into(),
        )));
    }
    let claims = serde_json::to_vec(&Claims {
        iss: rules.identifier.as_str(),
        aud: AUDIENCE,
        atc: challenge,
    })
    .map_err(|error| LoginError::Bug(format!("claims are not JSON: {error}")))?;
    // It has its full capacity from the start, so that it never moves.
    let capacity = claims.len().saturating_mul(2).saturating_add(256);
    let mut text = Zeroizing::new(String::with_capacity(capacity));
    URL_SAFE_NO_PAD.encode_string(HEADER, &mut text);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(&claims, &mut text);
    let key = hmac::Key::new(hmac::HMAC_SHA512, token);
    let signature = hmac::sign(&key, text.as_bytes());
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut text);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AbsolutePath, HostIdentifier};

    fn rules() -> HostRules {
        HostRules {
            token_file: AbsolutePath::parse("/token").unwrap(),
            identifier: HostIdentifier::parse("a \"host\"").unwrap(),
        }
    }

    /// Computed with Python's hmac, json and base64.
    #[test]
    fn the_answer_is_signed_as_another_library_signs_it() {
        let text = signed("head.body.sign", &rules(), b"the-token-of-this-host").unwrap();
        assert_eq!(
            *text,
            "eyJhbGciOiJIUzUxMiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhIFwiaG9zdFwiIiwiYXVkIjoiZ29hdXRoZW50aWsuaW8vcGxhdGZvcm0vZW5kcG9pbnQiLCJhdGMiOiJoZWFkLmJvZHkuc2lnbiJ9.pzr0gOZS_tFfX-O_dJ12TTIS50oyWk9q4mglMOpRUJ9I1MRHYce044wuOKu1wXDir-c2oy_5dkJHGjroES5DVQ"
        );
    }

    #[test]
    fn a_challenge_that_is_no_signed_text_is_refused() {
        let long = "x".repeat(MAX_CHALLENGE + 1);
        for challenge in ["", "a b", "a\n", "ä", "a\u{0}", &long] {
            let signed = signed(challenge, &rules(), b"token");
            assert!(matches!(
                signed,
                Err(LoginError::Server {
                    fault: ServerFault::UnexpectedAnswer(_),
                    ..
                })
            ));
        }
        assert!(signed(&"x".repeat(MAX_CHALLENGE), &rules(), b"token").is_ok());
    }
}
