//! The JSON of WebAuthn: what authentik asks of a key, and the answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Error;
use serde_json::value::RawValue;

use crate::error::{LoginError, Obstacle};
use crate::fault::ServerFault;
use crate::json::Fields;
use crate::security_key::{Given, Keep, KeyAnswer, NewCredential, Request};
use crate::stages::unexpected_answer;
use crate::text;

/// How many credentials of one person are looked for.
const MAX_CREDENTIALS: usize = 64;
/// How many algorithms are passed on to a key.
const MAX_ALGORITHMS: usize = 32;
/// The longest challenge, and the longest ID of a credential, in base64url.
const MAX_TEXT: usize = 1400;
/// The longest handle of a user (WebAuthn Level 2, section 5.4.3).
const MAX_HANDLE: usize = 64;
/// How many bytes of a name a key is given; keys may keep no more (CTAP 2.1, section
/// 6.1.2).
const MAX_NAME: usize = 64;

/// What the challenge of a device holds: the request to a security key (WebAuthn
/// Level 2, section 5.5), or where a message goes.
#[derive(Default)]
pub(in crate::stages) struct ChallengeOptions {
    pub(in crate::stages) email: Option<String>,
    challenge: String,
    rp_id: String,
    allow_credentials: Vec<String>,
    user_verification: String,
}

/// The request to set a key up (WebAuthn Level 2, section 5.4).
pub(in crate::stages) struct CreationOptions {
    rp_id: String,
    rp_name: String,
    user_id: String,
    user_name: String,
    display_name: String,
    challenge: String,
    algorithms: Vec<i64>,
    exclude_credentials: Vec<String>,
    attachment: Option<String>,
    resident_key: Option<String>,
    require_resident_key: bool,
    user_verification: Option<String>,
    attestation: String,
}

/// The IDs in a list of credentials.
fn descriptors(fields: &Fields<'_>, name: &str) -> Result<Vec<String>, Error> {
    let list: Option<Vec<&RawValue>> = fields.optional(name)?;
    let list = list.unwrap_or_default().into_iter();
    list.map(|entry| Fields::read(entry)?.required("id"))
        .collect()
}

/// The text of a field; an empty one if there is none.
fn text_of(fields: &Fields<'_>, name: &str) -> Result<String, Error> {
    Ok(fields.optional(name)?.unwrap_or_default())
}

impl ChallengeOptions {
    /// Reads it.
    ///
    /// # Errors
    /// A field has the wrong type.
    pub(in crate::stages) fn read(text: &RawValue) -> Result<Self, Error> {
        let fields = Fields::read(text)?;
        Ok(Self {
            // Null where there is none.
            email: fields.optional::<Option<String>>("email")?.flatten(),
            challenge: text_of(&fields, "challenge")?,
            rp_id: text_of(&fields, "rpId")?,
            allow_credentials: descriptors(&fields, "allowCredentials")?,
            user_verification: text_of(&fields, "userVerification")?,
        })
    }

    /// The request to a key of the relying party `rp_id`.
    ///
    /// # Errors
    /// Why no key of this host is asked for it.
    pub(super) fn request(
        &self,
        rp_id: &str,
        origin: &str,
        passkey: bool,
    ) -> Result<Request, Obstacle> {
        of_this(&self.rp_id, rp_id)?;
        let allow = ids(&self.allow_credentials);
        let names_some = !self.allow_credentials.is_empty();
        if allow.is_empty() && (names_some || !passkey) {
            return Err(Obstacle::Passkey);
        }
        Ok(Request {
            rp_id: rp_id.to_owned(),
            origin: origin.to_owned(),
            challenge: challenge(&self.challenge)?,
            allow,
            must_verify: self.user_verification == "required",
            new: None,
        })
    }
}

impl CreationOptions {
    /// Reads it.
    ///
    /// # Errors
    /// A field is missing, or has the wrong type.
    pub(in crate::stages) fn read(text: &RawValue) -> Result<Self, Error> {
        let fields = Fields::read(text)?;
        let (rp, user) = (fields.object("rp")?, fields.object("user")?);
        let selection = fields.object("authenticatorSelection")?;
        let choice = |name| Ok(selection.optional::<Option<String>>(name)?.flatten());
        let mut algorithms = Vec::new();
        for entry in fields.required::<Vec<&RawValue>>("pubKeyCredParams")? {
            let entry = Fields::read(entry)?;
            let (kind, number): (String, i64) = (entry.required("type")?, entry.required("alg")?);
            if kind == "public-key" && algorithms.len() < MAX_ALGORITHMS {
                algorithms.push(number);
            }
        }
        Ok(Self {
            rp_id: rp.required("id")?,
            rp_name: text_of(&rp, "name")?,
            user_id: user.required("id")?,
            user_name: user.required("name")?,
            display_name: text_of(&user, "displayName")?,
            challenge: fields.required("challenge")?,
            algorithms,
            exclude_credentials: descriptors(&fields, "excludeCredentials")?,
            attachment: choice("authenticatorAttachment")?,
            resident_key: choice("residentKey")?,
            require_resident_key: selection.optional("requireResidentKey")?.unwrap_or(false),
            user_verification: choice("userVerification")?,
            attestation: text_of(&fields, "attestation")?,
        })
    }

    /// As [`ChallengeOptions::request`].
    ///
    /// # Errors
    /// Why no key of this host is set up.
    pub(super) fn request(&self, rp_id: &str, origin: &str) -> Result<Request, Obstacle> {
        of_this(&self.rp_id, rp_id)?;
        // What is built into a machine is no key that is plugged in.
        if self.attachment.as_deref() == Some("platform") {
            return Err(Obstacle::SetUpInBrowser);
        }
        let user_handle = decoded(&self.user_id)
            .filter(|handle| (1..=MAX_HANDLE).contains(&handle.len()))
            .ok_or(Obstacle::Unknown)?;
        let keep = match self.resident_key.as_deref() {
            Some("required") => Keep::Required,
            Some("preferred") => Keep::Preferred,
            Some("discouraged") => Keep::Discouraged,
            _ if self.require_resident_key => Keep::Required,
            _ => Keep::Discouraged,
        };
        let verification = self.user_verification.as_deref();
        let new = NewCredential {
            rp_name: text::one_line(&self.rp_name, MAX_NAME),
            user_handle,
            user_name: text::one_line(&self.user_name, MAX_NAME),
            display_name: text::one_line(&self.display_name, MAX_NAME),
            algorithms: self.algorithms.clone(),
            exclude: ids(&self.exclude_credentials),
            keep,
            verification_discouraged: verification == Some("discouraged"),
            without_attestation: matches!(self.attestation.as_str(), "" | "none"),
        };
        Ok(Request {
            rp_id: rp_id.to_owned(),
            origin: origin.to_owned(),
            challenge: challenge(&self.challenge)?,
            allow: Vec::new(),
            must_verify: verification == Some("required"),
            new: Some(new),
        })
    }
}

/// The error for options that cannot be read. serde's message may quote them.
pub(in crate::stages) fn no_options(_: Error) -> LoginError {
    unexpected_answer(ServerFault::UnexpectedAnswer(
        "the request to a security key has a field of a wrong type, or lacks one".into(),
    ))
}

/// Whether the request is for the relying party of the configuration.
fn of_this(theirs: &str, rp_id: &str) -> Result<(), Obstacle> {
    if theirs == rp_id {
        return Ok(());
    }
    Err(Obstacle::ForeignRelyingParty(text::one_line(theirs, 100)))
}

fn challenge(text: &str) -> Result<String, Obstacle> {
    match text.len() {
        1..=MAX_TEXT => Ok(text.to_owned()),
        _ => Err(Obstacle::Unknown),
    }
}

fn ids(credentials: &[String]) -> Vec<Vec<u8>> {
    let credentials = credentials.iter().take(MAX_CREDENTIALS);
    credentials.filter_map(|id| decoded(id)).collect()
}

/// Decodes base64url (RFC 4648, section 5). The crate's decoder is eight times as much code,
/// because it can be told what to accept.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = Some(text).filter(|text| text.len() <= MAX_TEXT)?;
    let mut bytes = Vec::with_capacity(text.len());
    for digits in text.trim_end_matches('=').as_bytes().chunks(4) {
        let mut group = 0_u32;
        for digit in digits {
            group = (group << 6) | u32::from(value_of(*digit)?);
        }
        for _ in digits.len()..4 {
            group <<= 6;
        }
        let [_, decoded @ ..] = group.to_be_bytes();
        let (decoded, unused) = decoded.split_at_checked(digits.len().checked_sub(1)?)?;
        // One digit is no byte. Bits that belong to none are zero, so each value has one text.
        if decoded.is_empty() || unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(decoded);
    }
    Some(bytes)
}

fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => digit.checked_sub(b'A'),
        b'a'..=b'z' => digit.checked_sub(b'a' - 26),
        b'0'..=b'9' => digit.checked_add(52 - b'0'),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

/// A key's answer, as a browser gives it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::stages) struct PublicKeyCredential {
    id: String,
    raw_id: String,
    r#type: &'static str,
    response: AuthenticatorResponse,
}

#[derive(Default, Serialize)]
struct AuthenticatorResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "authenticatorData", skip_serializing_if = "Option::is_none")]
    authenticator_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(rename = "userHandle", skip_serializing_if = "Option::is_none")]
    user_handle: Option<String>,
    #[serde(rename = "attestationObject", skip_serializing_if = "Option::is_none")]
    attestation_object: Option<String>,
}

impl From<KeyAnswer> for PublicKeyCredential {
    fn from(answer: KeyAnswer) -> Self {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let id = text(&answer.credential);
        let mut response = AuthenticatorResponse {
            client_data: text(answer.client_data.as_bytes()),
            ..AuthenticatorResponse::default()
        };
        match answer.given {
            Given::Assertion {
                authenticator_data,
                signature,
                user_handle,
            } => {
                response.authenticator_data = Some(text(&authenticator_data));
                response.signature = Some(text(&signature));
                response.user_handle = user_handle.as_deref().map(text);
            }
            Given::Credential(object) => response.attestation_object = Some(text(&object)),
        }
        Self {
            raw_id: id.clone(),
            id,
            r#type: "public-key",
            response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_decoded_as_the_crate_does() {
        let crates = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
        let alike = |text: &str| assert_eq!(decoded(text), crates(text), "{text:?}");
        let bytes: Vec<u8> = (0..=255).collect();
        for start in 0..bytes.len() {
            for length in 0..8 {
                let part: Vec<u8> = bytes
                    .iter()
                    .cycle()
                    .skip(start)
                    .take(length)
                    .copied()
                    .collect();
                alike(&URL_SAFE_NO_PAD.encode(part));
            }
        }
        // All texts of up to three of these, right and wrong.
        let signs = [
            "", "A", "Q", "g", "z", "0", "9", "-", "_", "+", "/", "=", " ", "\u{e4}", "\0",
        ];
        for a in signs {
            for b in signs {
                for c in signs {
                    alike(&format!("{a}{b}{c}"));
                    alike(&format!("AAAA{a}{b}{c}"));
                    alike(&format!("{a}{b}{c}AAAA"));
                }
            }
        }
        assert_eq!(decoded(&"A".repeat(MAX_TEXT + 1)), None);
        assert!(decoded(&"A".repeat(MAX_TEXT)).is_some());
    }
}
