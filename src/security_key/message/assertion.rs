//! `getAssertion`: what is asked, and what is signed.

use minicbor::Decoder;

use super::cbor::{Unreadable, count, descriptors, each_entry, map, skip, written};
use super::command;
use crate::security_key::fault::KeyFault;

/// What the key has signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::security_key) struct AssertionReply {
    /// The ID of the credential, where the key names it.
    pub(in crate::security_key) credential: Option<Vec<u8>>,
    pub(in crate::security_key) auth_data: Vec<u8>,
    pub(in crate::security_key) signature: Vec<u8>,
    /// The user's handle.
    pub(in crate::security_key) user: Option<Vec<u8>>,
    /// The user's name, where the key gives it.
    pub(in crate::security_key) user_name: Option<String>,
    /// How many credentials there are.
    pub(in crate::security_key) count: u32,
}

impl AssertionReply {
    /// Reads it.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is none.
    pub(in crate::security_key) fn read(reply: &[u8]) -> Result<Self, KeyFault> {
        let mut assertion = Self {
            count: 1,
            ..Self::default()
        };
        let read = each_entry(reply, |key, decoder| {
            match key {
                0x01 => assertion.credential = text_map(decoder)?.id,
                0x02 => assertion.auth_data = decoder.bytes()?.to_vec(),
                0x03 => assertion.signature = decoder.bytes()?.to_vec(),
                0x04 => {
                    let TextMap { id, name } = text_map(decoder)?;
                    (assertion.user, assertion.user_name) = (id, name);
                }
                0x05 => assertion.count = decoder.u32()?,
                _ => skip(decoder)?,
            }
            Ok(())
        });
        read.map_err(|_| KeyFault::Failed("its getAssertion is not CBOR as CTAP has it"))?;
        Ok(assertion)
    }
}

/// A credential or a user, as far as it is of use.
#[derive(Default)]
struct TextMap {
    id: Option<Vec<u8>>,
    name: Option<String>,
}

fn text_map(decoder: &mut Decoder<'_>) -> Result<TextMap, Unreadable> {
    let mut read = TextMap::default();
    for _ in 0..map(decoder)? {
        match decoder.str()? {
            "id" => read.id = Some(decoder.bytes()?.to_vec()),
            "name" => read.name = Some(decoder.str()?.to_owned()),
            _ => skip(decoder)?,
        }
    }
    Ok(read)
}

/// What is asked of a key with `getAssertion`.
#[derive(Debug, Clone)]
pub(in crate::security_key) struct AssertionRequest<'a> {
    pub(in crate::security_key) rp_id: &'a str,
    pub(in crate::security_key) client_data_hash: &'a [u8],
    /// The credentials that may sign; empty: any that the key itself holds.
    pub(in crate::security_key) allow: &'a [&'a [u8]],
    /// Whether nobody is to be asked for a touch.
    pub(in crate::security_key) silent: bool,
    /// Whether the key verifies the person by itself.
    pub(in crate::security_key) verify: bool,
    /// The number of the PIN protocol, and the proof that the PIN is known.
    pub(in crate::security_key) pin: Option<(u8, Vec<u8>)>,
}

/// `getAssertion`.
///
/// # Errors
/// [`KeyFault::Failed`] where it cannot be written.
pub(in crate::security_key) fn get_assertion(
    request: &AssertionRequest<'_>,
) -> Result<Vec<u8>, KeyFault> {
    let allows = !request.allow.is_empty();
    let has_options = request.silent || request.verify;
    let entries = [
        true,
        true,
        allows,
        has_options,
        request.pin.is_some(),
        request.pin.is_some(),
    ];
    written(command::GET_ASSERTION, |encoder| {
        encoder.map(count(entries.iter().filter(|is_there| **is_there).count()))?;
        encoder.u8(0x01)?.str(request.rp_id)?;
        encoder.u8(0x02)?.bytes(request.client_data_hash)?;
        if allows {
            encoder.u8(0x03)?;
            descriptors(encoder, request.allow)?;
        }
        if has_options {
            encoder.u8(0x05)?;
            encoder.map(u64::from(request.silent).saturating_add(u64::from(request.verify)))?;
            if request.silent {
                encoder.str("up")?.bool(false)?;
            }
            if request.verify {
                encoder.str("uv")?.bool(true)?;
            }
        }
        if let Some((protocol, proof)) = &request.pin {
            encoder.u8(0x06)?.bytes(proof)?;
            encoder.u8(0x07)?.u8(*protocol)?;
        }
        Ok(())
    })
}

/// How many bytes one more credential takes in `getAssertion`, at most.
pub(in crate::security_key) fn bytes_of_credential(id: &[u8]) -> usize {
    id.len().saturating_add(32)
}

/// How many bytes `getAssertion` takes without its list, at most.
pub(in crate::security_key) fn bytes_without_list(rp_id: &str) -> usize {
    rp_id.len().saturating_add(144)
}
