//! Security keys that are set up: the request, and the check of the answer.
//!
//! The server checks the answer with py_webauthn's `verify_registration_response`, called by
//! authentik/stages/authenticator_webauthn/stage.py without roots for certificates and without
//! `require_user_verification`. This checks the same things in the same order, for the
//! attestations that keys give here: none, and packed by the new key itself.

use data_encoding::BASE64URL_NOPAD;
use minicbor::Decoder;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::{Value, json};

use super::plan::Plan;
use super::run::Run;
use super::webauthn::{host, rp_id};
use crate::random;
use crate::world::{Device, DeviceKind};

const USER_PRESENT: u8 = 1;
const HAS_CREDENTIAL: u8 = 0x40;

/// The request. Its challenge is new each time.
pub(super) fn request(run: &Run<'_>, plan: &mut Plan, user: (&str, &str, &str)) -> Value {
    let (username, name, uid) = user;
    let algorithms: Vec<Value> = [-7, -8, -36, -37, -38, -39, -257, -258, -259]
        .into_iter()
        .map(|alg| json!({"type": "public-key", "alg": alg}))
        .collect();
    let options = &run.world.registration;
    let challenge = plan.scratch.webauthn_challenge.insert(random::text(86));
    let known = run.world.find_user(username);
    let exclude: Vec<Value> = known
        .iter()
        .flat_map(|user| &user.devices)
        .filter_map(|device| match &device.kind {
            DeviceKind::Webauthn { credential, .. } if options.excludes => {
                Some(json!({"type": "public-key", "id": credential}))
            }
            _ => None,
        })
        .collect();
    json!({
        "rp": {"name": "authentik", "id": rp_id(run)},
        "user": {
            "id": BASE64URL_NOPAD.encode(uid.as_bytes()),
            "name": username,
            "displayName": name,
        },
        "challenge": challenge,
        "pubKeyCredParams": algorithms,
        "timeout": 60000,
        "excludeCredentials": exclude,
        "authenticatorSelection": {
            "residentKey": options.resident_key,
            "requireResidentKey": options.resident_key == "required",
            "userVerification": options.user_verification,
        },
        "attestation": options.attestation,
    })
}

/// The key that was set up.
pub(super) fn registered(run: &Run<'_>, plan: &Plan, answer: &Value) -> Result<Device, String> {
    let made = judge(run, plan, answer).map_err(|e| format!("Registration failed. Error: {e}"))?;
    let users = run.world.users.iter();
    let mut devices = users.flat_map(|user| &user.devices);
    let is_known = |device: &Device| matches!(&device.kind, DeviceKind::Webauthn { credential, .. } if *credential == made.id);
    if devices.any(is_known) {
        return Err("Credential ID already exists.".to_owned());
    }
    let id = BASE64URL_NOPAD.decode(made.id.as_bytes());
    let mut device = Device::security_key(&id.unwrap_or_default(), &made.point);
    if let DeviceKind::Webauthn { count, .. } = &mut device.kind {
        *count = made.count;
    }
    Ok(device)
}

struct Made {
    id: String,
    point: Vec<u8>,
    count: u32,
}

fn judge(run: &Run<'_>, plan: &Plan, answer: &Value) -> Result<Made, &'static str> {
    let bytes = |value: &Value| BASE64URL_NOPAD.decode(value.as_str()?.as_bytes()).ok();
    if answer["id"] != answer["rawId"] {
        return Err("id and raw_id were not equivalent");
    }
    if answer["type"] != "public-key" {
        return Err("Unexpected credential type");
    }
    let client_data = bytes(&answer["response"]["clientDataJSON"]);
    let said: Option<Value> = client_data
        .as_deref()
        .and_then(|bytes| serde_json::from_slice(bytes).ok());
    let (Some(client_data), Some(said)) = (client_data, said) else {
        return Err("clientDataJSON was malformed");
    };
    if said["type"] != "webauthn.create" {
        return Err("Unexpected client data type");
    }
    let challenge = plan.scratch.webauthn_challenge.as_deref();
    if challenge.is_none() || said["challenge"].as_str() != challenge {
        return Err("Client data challenge was not expected challenge");
    }
    if said["origin"] != format!("https://{}", host(run)) {
        return Err("Unexpected client data origin");
    }
    let object = bytes(&answer["response"]["attestationObject"]);
    let object = object.as_deref().and_then(Attestation::read);
    let object = object.ok_or("attestationObject was malformed")?;
    let (rp_hash, rest) = object.auth_data.split_first_chunk::<32>().ok_or("short")?;
    if rp_hash != digest(&SHA256, rp_id(run).as_bytes()).as_ref() {
        return Err("Unexpected RP ID hash");
    }
    let (flags, rest) = rest.split_first().ok_or("short")?;
    if flags & USER_PRESENT == 0 {
        return Err("User presence was required, but was not present during attestation");
    }
    if flags & HAS_CREDENTIAL == 0 {
        return Err("Authenticator did not provide attested credential data");
    }
    let (count, rest) = rest.split_first_chunk::<4>().ok_or("short")?;
    let (length, rest) = rest
        .get(16..)
        .and_then(|rest| rest.split_first_chunk::<2>())
        .ok_or("short")?;
    let (id, key) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or("Authenticator did not provide a credential ID")?;
    if BASE64URL_NOPAD.encode(id) != answer["id"] {
        return Err("it names another credential");
    }
    let point = point(key).ok_or("Unsupported credential public key alg")?;
    match object.format.as_str() {
        "none" if object.has_statement => {
            return Err("None attestation had unexpected attestation statement");
        }
        "none" => {}
        "packed" => {
            let signed = [
                &object.auth_data[..],
                digest(&SHA256, &client_data).as_ref(),
            ]
            .concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point)
                .verify(&signed, &object.signature)
                .map_err(|_| "Could not verify attestation statement signature (Packed|Self)")?;
        }
        _ => return Err("Unsupported attestation type"),
    }
    Ok(Made {
        id: BASE64URL_NOPAD.encode(id),
        point,
        count: u32::from_be_bytes(*count),
    })
}

/// An attestation object, as far as it is checked.
#[derive(Default)]
struct Attestation {
    format: String,
    auth_data: Vec<u8>,
    signature: Vec<u8>,
    has_statement: bool,
}

impl Attestation {
    fn read(object: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new(object);
        let mut read = Self::default();
        for _ in 0..decoder.map().ok()?? {
            match decoder.str().ok()? {
                "fmt" => read.format = decoder.str().ok()?.to_owned(),
                "authData" => read.auth_data = decoder.bytes().ok()?.to_vec(),
                "attStmt" => {
                    for _ in 0..decoder.map().ok()?? {
                        read.has_statement = true;
                        match decoder.str().ok()? {
                            "sig" => read.signature = decoder.bytes().ok()?.to_vec(),
                            // For another algorithm than that of the key: see `point`.
                            "alg" if decoder.i64().ok()? == -7 => {}
                            _ => return None,
                        }
                    }
                }
                _ => return None,
            }
        }
        (decoder.position() == object.len()).then_some(read)
    }
}

/// The point of a public key of P-256 (COSE algorithm -7).
fn point(cose: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = Decoder::new(cose);
    let (mut x, mut y, mut algorithm) = (None, None, 0);
    for _ in 0..decoder.map().ok()?? {
        match decoder.i64().ok()? {
            3 => algorithm = decoder.i64().ok()?,
            -2 => x = Some(decoder.bytes().ok()?),
            -3 => y = Some(decoder.bytes().ok()?),
            _ => decoder.skip().ok()?,
        }
    }
    let point = [&[4], x?, y?].concat();
    (algorithm == -7 && point.len() == 65).then_some(point)
}
