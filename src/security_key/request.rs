//! What a relying party asks for, and what it gets: WebAuthn's side of it.

use ring::digest;
use serde::Serialize;

use super::fault::KeyFault;
use super::message::AssertionReply;

/// authentik's request for an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The relying party.
    pub rp_id: String,
    /// What authentik takes for the origin of the answer.
    pub origin: String,
    /// The challenge, in base64url without padding, as it came.
    pub challenge: String,
    /// The IDs of the credentials that may sign; empty: any passkey.
    pub allow: Vec<Vec<u8>>,
    /// Whether the person must be verified, and not only present.
    pub must_verify: bool,
}

/// What is signed with, beside what the key adds (WebAuthn Level 2, section 5.8.1).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientData<'a> {
    r#type: &'static str,
    challenge: &'a str,
    origin: &'a str,
    cross_origin: bool,
}

impl Request {
    /// The client data, whose hash the key signs.
    pub(super) fn client_data(&self) -> Result<String, KeyFault> {
        serde_json::to_string(&ClientData {
            r#type: "webauthn.get",
            challenge: &self.challenge,
            origin: &self.origin,
            cross_origin: false,
        })
        .map_err(|_| KeyFault::Failed("a request to it cannot be written"))
    }
}

/// The SHA-256 of something that is no secret.
pub(super) fn sha256(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

/// What a key has signed for a person who touched it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// The ID of the credential.
    pub credential: Vec<u8>,
    /// The client data, as its hash was signed.
    pub client_data: String,
    /// What the key says of it, and has signed, too.
    pub authenticator_data: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// Who it is, where the key tells.
    pub user_handle: Option<Vec<u8>>,
    /// Whether the key has verified the person, by a PIN or by a fingerprint.
    pub user_verified: bool,
}

/// The flags of the authenticator data (WebAuthn Level 2, section 6.1).
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;

impl Assertion {
    /// Judges a key's reply to `request`, which named `only` as its one credential
    /// where it did.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is no answer to what was asked: the server would
    /// refuse it, and would not say why.
    pub(super) fn of(
        reply: AssertionReply,
        request: &Request,
        only: Option<&[u8]>,
        client_data: String,
    ) -> Result<Self, KeyFault> {
        let credential = match (reply.credential, only) {
            (Some(named), _) => named,
            // CTAP lets a key leave out the name of the only one.
            (None, Some(only)) => only.to_vec(),
            (None, None) => return Err(KeyFault::Failed("it does not name the credential")),
        };
        if !request.allow.is_empty() && !request.allow.contains(&credential) {
            return Err(KeyFault::Failed("it signed with another credential"));
        }
        let flags = match reply.auth_data.split_first_chunk::<32>() {
            Some((rp_hash, [flags, _, _, _, _, ..]))
                if rp_hash == sha256(request.rp_id.as_bytes()).as_ref() =>
            {
                *flags
            }
            _ => return Err(KeyFault::Failed("it signed for another relying party")),
        };
        if flags & USER_PRESENT == 0 {
            return Err(KeyFault::Failed("it signed without a touch"));
        }
        let user_verified = flags & USER_VERIFIED != 0;
        if request.must_verify && !user_verified {
            return Err(KeyFault::Failed("it signed without user verification"));
        }
        if reply.signature.is_empty() {
            return Err(KeyFault::Failed("it gave no signature"));
        }
        Ok(Self {
            credential,
            client_data,
            authenticator_data: reply.auth_data,
            signature: reply.signature,
            user_handle: reply.user,
            user_verified,
        })
    }
}
