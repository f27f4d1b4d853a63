//! `makeCredential`: what is asked, and what is made.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::cbor::{Bytes, Encoded, Unreadable, count, descriptors, each_entry, map, skip, written};
use super::command;
use crate::security_key::fault::KeyFault;
use crate::security_key::request::NewCredential;

/// What is asked of a key with `makeCredential`.
pub(in crate::security_key) struct CredentialRequest<'a> {
    pub(in crate::security_key) rp_id: &'a str,
    pub(in crate::security_key) client_data_hash: &'a [u8],
    pub(in crate::security_key) new: &'a NewCredential,
    /// The credentials that the key must not have already.
    pub(in crate::security_key) exclude: &'a [&'a [u8]],
    /// Whether the key keeps the credential itself, as a passkey.
    pub(in crate::security_key) resident: bool,
    /// Whether the key verifies the person by itself.
    pub(in crate::security_key) verify: bool,
    /// The number of the PIN protocol, and the proof that the PIN is known.
    pub(in crate::security_key) pin: Option<(u8, Vec<u8>)>,
}

/// `makeCredential`.
///
/// # Errors
/// [`KeyFault::Failed`] where it cannot be written.
pub(in crate::security_key) fn make_credential(
    request: &CredentialRequest<'_>,
) -> Result<Vec<u8>, KeyFault> {
    let excludes = !request.exclude.is_empty();
    let has_options = request.resident || request.verify;
    let entries = [
        excludes,
        has_options,
        request.pin.is_some(),
        request.pin.is_some(),
    ];
    let optional = entries.iter().filter(|is_there| **is_there).count();
    written(command::MAKE_CREDENTIAL, |encoder| {
        encoder.map(count(optional.saturating_add(4)))?;
        encoder.u8(0x01)?.bytes(request.client_data_hash)?;
        names(encoder, request)?;
        if excludes {
            encoder.u8(0x05)?;
            descriptors(encoder, request.exclude)?;
        }
        if has_options {
            encoder.u8(0x07)?;
            encoder.map(u64::from(request.resident).saturating_add(u64::from(request.verify)))?;
            if request.resident {
                encoder.str("rk")?.bool(true)?;
            }
            if request.verify {
                encoder.str("uv")?.bool(true)?;
            }
        }
        if let Some((protocol, proof)) = &request.pin {
            encoder.u8(0x08)?.bytes(proof)?;
            encoder.u8(0x09)?.u8(*protocol)?;
        }
        Ok(())
    })
}

/// The relying party, the person, and the algorithms.
fn names(encoder: &mut Encoder<Bytes>, request: &CredentialRequest<'_>) -> Encoded {
    let new = request.new;
    encoder.u8(0x02)?.map(2)?;
    encoder.str("id")?.str(request.rp_id)?;
    encoder.str("name")?.str(&new.rp_name)?;
    encoder.u8(0x03)?.map(3)?;
    encoder.str("id")?.bytes(&new.user_handle)?;
    encoder.str("name")?.str(&new.user_name)?;
    encoder.str("displayName")?.str(&new.display_name)?;
    encoder.u8(0x04)?.array(count(new.algorithms.len()))?;
    for algorithm in &new.algorithms {
        encoder.map(2)?.str("alg")?.i64(*algorithm)?;
        encoder.str("type")?.str("public-key")?;
    }
    Ok(())
}

/// What the key has made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::security_key) struct CredentialReply {
    /// How the key says of what make it is.
    pub(in crate::security_key) format: String,
    pub(in crate::security_key) auth_data: Vec<u8>,
    /// What it says of its make, in CBOR as it came.
    pub(in crate::security_key) statement: Vec<u8>,
}

impl CredentialReply {
    /// Reads it.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is none.
    pub(in crate::security_key) fn read(reply: &[u8]) -> Result<Self, KeyFault> {
        let mut made = Self::default();
        let read = each_entry(reply, |key, decoder| {
            match key {
                0x01 => decoder.str()?.clone_into(&mut made.format),
                0x02 => made.auth_data = decoder.bytes()?.to_vec(),
                0x03 => made.statement = as_it_came(decoder)?,
                _ => skip(decoder)?,
            }
            Ok(())
        });
        read.map_err(|_| KeyFault::Failed("its makeCredential is not CBOR as CTAP has it"))?;
        if made.statement.is_empty() {
            return Err(KeyFault::Failed("it gave no attestation"));
        }
        Ok(made)
    }

    /// The attestation object (WebAuthn Level 2, section 6.5).
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it cannot be written.
    pub(in crate::security_key) fn object(&self) -> Result<Vec<u8>, KeyFault> {
        // 0xa3: a map of three.
        written(0xa3, |encoder| {
            encoder.str("fmt")?.str(&self.format)?;
            encoder.str("attStmt")?;
            encoder.writer_mut().0.extend_from_slice(&self.statement);
            encoder.str("authData")?.bytes(&self.auth_data)?;
            Ok(())
        })
    }
}

fn as_it_came(decoder: &mut Decoder<'_>) -> Result<Vec<u8>, Unreadable> {
    if decoder.datatype()? != Type::Map {
        return Err(Unreadable);
    }
    let from = decoder.position();
    skip(decoder)?;
    let bytes = decoder.input().get(from..decoder.position());
    Ok(bytes.ok_or(Unreadable)?.to_vec())
}

/// The algorithm of a public key in COSE.
pub(in crate::security_key) fn algorithm_of(cose: &[u8]) -> Option<i64> {
    let mut decoder = Decoder::new(cose);
    for _ in 0..map(&mut decoder).ok()? {
        if decoder.i64().ok()? == 3 {
            return decoder.i64().ok();
        }
        skip(&mut decoder).ok()?;
    }
    None
}
