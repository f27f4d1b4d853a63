//! Security keys: the request for an assertion, and its check.
//!
//! The server checks the assertion with py_webauthn's `verify_authentication_response`. This
//! checks the same things in the same order. Tests of the module compare the two.

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::{Value, json};

use super::plan::Plan;
use super::run::Run;
use crate::random;
use crate::world::{Device, DeviceKind};

/// The server's answer to an unknown credential, and to a wrong signature.
const INVALID_DEVICE: &str = "Invalid device";
const FAILED: &str = "Assertion failed";

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 4;

/// An assertion for a known credential, and the data that it was checked with.
#[derive(Debug, Clone)]
pub struct JudgedAssertion {
    /// What the client sent.
    pub answer: Value,
    /// The challenge that was to be signed, in base64url.
    pub challenge: String,
    /// The origin that the client had to have.
    pub origin: String,
    /// The counter of the key before.
    pub count: u32,
    /// Whether user verification was required.
    pub required: bool,
    /// The verdict.
    pub accepted: bool,
}

/// The request. The relying party is the requested host without its port.
pub(super) fn request(
    run: &Run<'_>,
    plan: &mut Plan,
    credentials: Value,
    verification: &str,
) -> Value {
    let challenge = plan
        .scratch
        .webauthn_challenge
        .get_or_insert_with(|| random::text(86));
    json!({
        "challenge": challenge,
        "timeout": 60000,
        "rpId": rp_id(run),
        "allowCredentials": credentials,
        "userVerification": verification,
    })
}

pub(super) fn host(run: &Run<'_>) -> String {
    run.call
        .header("host")
        .unwrap_or("authentik.test")
        .to_owned()
}

pub(super) fn rp_id(run: &Run<'_>) -> String {
    let host = host(run);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name.to_owned(),
        _ => host,
    }
}

/// The user whose key signed the answer to the plan's challenge.
///
/// `owner` is the expected user, if known. `required` says whether user verification is
/// required.
pub(super) fn verified(
    run: &mut Run<'_>,
    plan: &Plan,
    answer: &Value,
    owner: Option<&str>,
    required: bool,
) -> Result<String, &'static str> {
    let id = answer["id"].as_str().unwrap_or_default();
    let (name, known) = run
        .world
        .users
        .iter()
        .filter(|user| owner.is_none_or(|owner| user.username == owner))
        .flat_map(|user| user.devices.iter().map(move |device| (user, device)))
        .find_map(|(user, device)| match &device.kind {
            DeviceKind::Webauthn {
                credential,
                public_key: Some(public_key),
                count,
            } if credential == id => {
                let known = Known {
                    public_key: public_key.clone(),
                    count: *count,
                };
                Some((user.username.clone(), known))
            }
            _ => None,
        })
        .ok_or(INVALID_DEVICE)?;
    let signed = judge(run, plan, answer, &known, required);
    let judged = JudgedAssertion {
        answer: answer.clone(),
        challenge: plan.scratch.webauthn_challenge.clone().unwrap_or_default(),
        origin: format!("https://{}", host(run)),
        count: known.count,
        required,
        accepted: signed.is_some(),
    };
    run.memory.assertions.push(judged);
    let signed = signed.ok_or(FAILED)?;
    let now = run.now;
    let device = run.world.find_user_mut(&name).and_then(|user| {
        let is_it = |device: &&mut Device| matches!(&device.kind, DeviceKind::Webauthn { credential, .. } if credential == id);
        user.devices.iter_mut().find(is_it)
    });
    if let Some(device) = device {
        device.last_used = Some(now);
        if let DeviceKind::Webauthn { count, .. } = &mut device.kind {
            *count = signed;
        }
    }
    Ok(name)
}

/// The stored data of a credential.
struct Known {
    public_key: Vec<u8>,
    count: u32,
}

/// The new counter of the key, if everything is right.
fn judge(run: &Run<'_>, plan: &Plan, answer: &Value, known: &Known, required: bool) -> Option<u32> {
    let bytes = |value: &Value| BASE64URL_NOPAD.decode(value.as_str()?.as_bytes()).ok();
    if answer["id"] != answer["rawId"] || answer["type"] != "public-key" {
        return None;
    }
    let response = &answer["response"];
    let client_data = bytes(&response["clientDataJSON"])?;
    let data = bytes(&response["authenticatorData"])?;
    let signature = bytes(&response["signature"])?;
    let said: Value = serde_json::from_slice(&client_data).ok()?;
    let origin = format!("https://{}", host(run));
    let challenge = plan.scratch.webauthn_challenge.as_deref()?;
    if said["type"] != "webauthn.get" || said["challenge"] != challenge || said["origin"] != origin
    {
        return None;
    }
    let (rp_hash, rest) = data.split_first_chunk::<32>()?;
    let (flags, rest) = rest.split_first()?;
    let (signed, _) = rest.split_first_chunk::<4>()?;
    let signed = u32::from_be_bytes(*signed);
    if rp_hash != digest(&SHA256, rp_id(run).as_bytes()).as_ref()
        || flags & USER_PRESENT == 0
        || (required && flags & USER_VERIFIED == 0)
        || ((signed > 0 || known.count > 0) && signed <= known.count)
    {
        return None;
    }
    let message = [&data[..], digest(&SHA256, &client_data).as_ref()].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &known.public_key)
        .verify(&message, &signature)
        .ok()?;
    Some(signed)
}
