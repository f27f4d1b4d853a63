//! The JSON of WebAuthn: what authentik asks of a key, and the answer.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::error::Obstacle;
use crate::security_key::{Given, Keep, KeyAnswer, NewCredential, Request};
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
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::stages) struct ChallengeOptions {
    pub(in crate::stages) email: Option<String>,
    challenge: String,
    #[serde(rename = "rpId")]
    rp_id: String,
    #[serde(rename = "allowCredentials")]
    allow_credentials: Vec<Descriptor>,
    #[serde(rename = "userVerification")]
    user_verification: String,
}

#[derive(Deserialize)]
struct Descriptor {
    id: String,
}

/// The request to set a key up (WebAuthn Level 2, section 5.4).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::stages) struct CreationOptions {
    rp: RelyingParty,
    user: Person,
    challenge: String,
    pub_key_cred_params: Vec<Algorithm>,
    #[serde(default)]
    exclude_credentials: Vec<Descriptor>,
    #[serde(default)]
    authenticator_selection: Selection,
    #[serde(default)]
    attestation: String,
}

#[derive(Deserialize)]
struct RelyingParty {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    id: String,
    name: String,
    #[serde(default)]
    display_name: String,
}

#[derive(Deserialize)]
struct Algorithm {
    r#type: String,
    alg: i64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selection {
    authenticator_attachment: Option<String>,
    resident_key: Option<String>,
    require_resident_key: bool,
    user_verification: Option<String>,
}

impl ChallengeOptions {
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
    /// As [`ChallengeOptions::request`].
    ///
    /// # Errors
    /// Why no key of this host is set up.
    pub(super) fn request(&self, rp_id: &str, origin: &str) -> Result<Request, Obstacle> {
        of_this(&self.rp.id, rp_id)?;
        let selection = &self.authenticator_selection;
        // What is built into a machine is no key that is plugged in.
        if selection.authenticator_attachment.as_deref() == Some("platform") {
            return Err(Obstacle::SetUpInBrowser);
        }
        let user_handle = decoded(&self.user.id)
            .filter(|handle| (1..=MAX_HANDLE).contains(&handle.len()))
            .ok_or(Obstacle::Unknown)?;
        let known = |param: &&Algorithm| param.r#type == "public-key";
        let algorithms = self.pub_key_cred_params.iter().filter(known);
        let keep = match selection.resident_key.as_deref() {
            Some("required") => Keep::Required,
            Some("preferred") => Keep::Preferred,
            Some("discouraged") => Keep::Discouraged,
            _ if selection.require_resident_key => Keep::Required,
            _ => Keep::Discouraged,
        };
        let verification = selection.user_verification.as_deref();
        let new = NewCredential {
            rp_name: text::one_line(&self.rp.name, MAX_NAME),
            user_handle,
            user_name: text::one_line(&self.user.name, MAX_NAME),
            display_name: text::one_line(&self.user.display_name, MAX_NAME),
            algorithms: algorithms
                .take(MAX_ALGORITHMS)
                .map(|param| param.alg)
                .collect(),
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

fn ids(credentials: &[Descriptor]) -> Vec<Vec<u8>> {
    let credentials = credentials.iter().take(MAX_CREDENTIALS);
    credentials.filter_map(|it| decoded(&it.id)).collect()
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let text = Some(text).filter(|text| text.len() <= MAX_TEXT)?;
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
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

#[derive(Serialize)]
struct AuthenticatorResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(flatten)]
    given: GivenText,
}

#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum GivenText {
    Assertion {
        authenticator_data: String,
        signature: String,
        user_handle: Option<String>,
    },
    Credential {
        attestation_object: String,
    },
}

impl From<KeyAnswer> for PublicKeyCredential {
    fn from(answer: KeyAnswer) -> Self {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let id = text(&answer.credential);
        Self {
            raw_id: id.clone(),
            id,
            r#type: "public-key",
            response: AuthenticatorResponse {
                client_data: text(answer.client_data.as_bytes()),
                given: match answer.given {
                    Given::Assertion {
                        authenticator_data,
                        signature,
                        user_handle,
                    } => GivenText::Assertion {
                        authenticator_data: text(&authenticator_data),
                        signature: text(&signature),
                        user_handle: user_handle.as_deref().map(text),
                    },
                    Given::Credential(object) => GivenText::Credential {
                        attestation_object: text(&object),
                    },
                },
            },
        }
    }
}
