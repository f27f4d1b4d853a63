//! The endpoint stage: which host is it? Its checks are those of PyJWT, with which the server
//! reads the answer.

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde_json::{Map, Value, json};

use super::invalid;
use super::plan::Plan;
use super::run::Run;
use super::step::{Challenge, Errors, Step, Text};
use crate::random;
use crate::world::HostDevice;

const AUDIENCE: &str = "goauthentik.io/platform/endpoint";
/// How long the server's signature with RSA is, in bytes.
const SIGNATURE: usize = 512;

/// A challenge as the server signs one; nobody checks the signature.
pub(super) fn show(run: &Run<'_>, plan: &mut Plan) -> Step {
    let part = |value: Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let now = seconds(run.now);
    let header = part(json!({"alg": "RS256", "kid": random::text(86), "typ": "JWT"}));
    let claims = part(json!({
        "atc": random::alphanumeric(40),
        "iss": random::uuid(),
        "iat": now,
        "exp": now + 300,
        "goauthentik.io/device/check_in": false,
    }));
    let signature = BASE64URL_NOPAD.encode(&random::bytes(SIGNATURE));
    let challenge = format!("{header}.{claims}.{signature}");
    plan.scratch.endpoint_challenge = Some(challenge.clone());
    Step::Show(
        Challenge::new("ak-stage-endpoint-agent")
            .with("challenge", challenge)
            .with("challenge_idle_timeout", 5),
    )
}

pub(super) fn answer(
    run: &Run<'_>,
    plan: &mut Plan,
    required: bool,
    connector: &str,
    answer: &Map<String, Value>,
) -> Step {
    let field = Text {
        optional: true,
        null: true,
        ..Text::default()
    };
    let mut errors = Errors::default();
    let Some(response) = errors.collect("response", field.check(answer, "response")) else {
        return Step::Invalid(errors);
    };
    let device = match response {
        None => None,
        Some(response) => {
            let Some(token) = Token::read(&response) else {
                // the server does not catch that
                return Step::Crash;
            };
            match verify(run, plan, connector, &token) {
                Ok(device) => device,
                Err(Refused) => return invalid("response", "Invalid challenge response"),
            }
        }
    };
    match device {
        Some(device) => plan.host = Some(device.identifier.clone()),
        None if required => return Step::Denied("Invalid challenge response".to_owned()),
        None => {}
    }
    Step::Done
}

struct Refused;

/// A JSON web token.
struct Token<'a> {
    signed: &'a str,
    header: Value,
    claims: Value,
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    fn read(text: &'a str) -> Option<Token<'a>> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let bytes = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let json = |part: &str| serde_json::from_slice(&bytes(part)?).ok();
        let token = Token {
            signed,
            header: json(header)?,
            claims: json(claims)?,
            signature: bytes(signature)?,
        };
        token.claims["iss"].is_string().then_some(token)
    }
}

/// The host that has signed; none if it has no token that could have.
fn verify<'a>(
    run: &'a Run<'_>,
    plan: &Plan,
    connector: &str,
    token: &Token<'_>,
) -> Result<Option<&'a HostDevice>, Refused> {
    let issuer = &token.claims["iss"];
    let device = run.world.hosts.iter();
    let device = device
        .filter(|host| !host.expired)
        .find(|host| issuer == &host.identifier)
        .ok_or(Refused)?;
    let Some(own) = device.tokens.iter().find(|own| own.connector == connector) else {
        return Ok(None);
    };
    let key = hmac::Key::new(hmac::HMAC_SHA512, own.key.as_bytes());
    let is_signed = hmac::verify(&key, token.signed.as_bytes(), &token.signature).is_ok();
    let audience = &token.claims["aud"];
    let is_for_us = audience == AUDIENCE
        || audience
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == AUDIENCE));
    let challenge = plan.scratch.endpoint_challenge.as_deref();
    let is_answer = challenge.is_some_and(|challenge| token.claims["atc"] == challenge);
    let is_now = is_in_time(&token.claims, seconds(run.now));
    match token.header["alg"] == "HS512" && is_signed && is_for_us && is_answer && is_now {
        true => Ok(Some(device)),
        false => Err(Refused),
    }
}

/// Whether the times in the token fit the server's clock; one that is missing does.
fn is_in_time(claims: &Value, now: u64) -> bool {
    let time = |name: &str| match &claims[name] {
        Value::Null => Ok(None),
        value => value.as_u64().map(Some).ok_or(()),
    };
    let (Ok(issued), Ok(from), Ok(until)) = (time("iat"), time("nbf"), time("exp")) else {
        return false;
    };
    issued.is_none_or(|at| at <= now)
        && from.is_none_or(|at| at <= now)
        && until.is_none_or(|at| at > now)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
