//! What a relying party asks for, and what it gets: WebAuthn's side of it.

use ring::digest;
use serde::Serialize;

use super::fault::KeyFault;
use super::message::{AssertionReply, CredentialReply, algorithm_of};

/// authentik's request to a key: to sign, or to make a credential.
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
    /// What a key is set up with. `None`: one that is set up signs.
    pub new: Option<NewCredential>,
}

/// What a key is asked to make (WebAuthn Level 2, section 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// What people call the relying party.
    pub rp_name: String,
    /// The person, as authentik knows them.
    pub user_handle: Vec<u8>,
    /// The person's name, for logins.
    pub user_name: String,
    /// The person's name, for people.
    pub display_name: String,
    /// The algorithms that authentik takes, the best one first, as COSE numbers them.
    pub algorithms: Vec<i64>,
    /// The credentials that the key must not have.
    pub exclude: Vec<Vec<u8>>,
    /// Whether the key keeps the credential itself.
    pub keep: Keep,
    /// Whether the person should be verified only if there is no other way.
    pub verification_discouraged: bool,
    /// Whether authentik requests no attestation.
    pub without_attestation: bool,
}

/// Whether a key keeps a credential itself, as a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It must.
    Required,
    /// It does, where the person is verified anyway: without a PIN it would show to
    /// everybody whose it is.
    Preferred,
    /// It does not.
    Discouraged,
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
            r#type: match self.new {
                Some(_) => "webauthn.create",
                None => "webauthn.get",
            },
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

/// What a key has given for a person who touched it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAnswer {
    /// The ID of the credential.
    pub credential: Vec<u8>,
    /// The client data, as its hash was signed.
    pub client_data: String,
    /// Whether the key has verified the person, by a PIN or by a fingerprint.
    pub user_verified: bool,
    /// What it has signed, or made.
    pub given: Given,
}

/// What a key has signed, or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The signature of a credential that authentik knows.
    Assertion {
        /// What the key says of it, and has signed, too.
        authenticator_data: Vec<u8>,
        /// The signature.
        signature: Vec<u8>,
        /// Who it is, where the key tells.
        user_handle: Option<Vec<u8>>,
    },
    /// A new credential: the attestation object.
    Credential(Vec<u8>),
}

/// The flags of the authenticator data (WebAuthn Level 2, section 6.1).
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const HAS_CREDENTIAL: u8 = 0x40;
/// Where the authenticator data of a new credential says of what make the key is.
const MAKE: std::ops::Range<usize> = 37..53;

impl KeyAnswer {
    /// Judges a key's signature for `request`, which named `only` as its one credential
    /// where it did.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is no answer to what was asked: the server would
    /// refuse it, and would not say why.
    pub(super) fn signed(
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
        let flags = flags(&reply.auth_data, request)?;
        if reply.signature.is_empty() {
            return Err(KeyFault::Failed("it gave no signature"));
        }
        Ok(Self {
            credential,
            client_data,
            user_verified: flags & USER_VERIFIED != 0,
            given: Given::Assertion {
                authenticator_data: reply.auth_data,
                signature: reply.signature,
                user_handle: reply.user,
            },
        })
    }

    /// Judges the credential that a key has made for `request`.
    ///
    /// # Errors
    /// As [`KeyAnswer::signed`].
    pub(super) fn made(
        mut reply: CredentialReply,
        request: &Request,
        new: &NewCredential,
        client_data: String,
    ) -> Result<Self, KeyFault> {
        let flags = flags(&reply.auth_data, request)?;
        let (id, public_key) = (flags & HAS_CREDENTIAL != 0)
            .then(|| credential_in(&reply.auth_data))
            .flatten()
            .ok_or(KeyFault::Failed("it made no credential"))?;
        if new.exclude.iter().any(|other| other == id) {
            return Err(KeyFault::AlreadySetUp);
        }
        if !algorithm_of(public_key).is_some_and(|it| new.algorithms.contains(&it)) {
            return Err(KeyFault::Failed(
                "it made a credential of another algorithm",
            ));
        }
        let credential = id.to_vec();
        if new.without_attestation {
            // 0xa0: an empty map. Nothing of what is left is signed.
            reply.format = "none".into();
            reply.statement = vec![0xa0];
            if let Some(make) = reply.auth_data.get_mut(MAKE) {
                make.fill(0);
            }
        }
        Ok(Self {
            credential,
            client_data,
            user_verified: flags & USER_VERIFIED != 0,
            given: Given::Credential(reply.object()?),
        })
    }
}

/// The flags of authenticator data that answer `request`.
fn flags(auth_data: &[u8], request: &Request) -> Result<u8, KeyFault> {
    let flags = match auth_data.split_first_chunk::<32>() {
        Some((rp_hash, [flags, _, _, _, _, ..]))
            if rp_hash == sha256(request.rp_id.as_bytes()).as_ref() =>
        {
            *flags
        }
        _ => return Err(KeyFault::Failed("it answered for another relying party")),
    };
    if flags & USER_PRESENT == 0 {
        return Err(KeyFault::Failed("it answered without a touch"));
    }
    if request.must_verify && flags & USER_VERIFIED == 0 {
        return Err(KeyFault::Failed("it answered without user verification"));
    }
    Ok(flags)
}

/// The ID and the public key of a new credential (WebAuthn Level 2, section 6.5.1).
fn credential_in(auth_data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = auth_data.get(MAKE.end..)?.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    rest.split_at_checked(length).filter(|_| length > 0)
}
