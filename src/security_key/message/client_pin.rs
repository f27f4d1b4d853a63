//! `clientPIN`: the tries, the key agreement, and the token.

use minicbor::Decoder;

use super::cbor::{Unreadable, each_entry, map, skip, written};
use super::command;
use crate::security_key::fault::KeyFault;

/// What a PIN token may be for (CTAP 2.1, section 6.5.5.7).
pub(in crate::security_key) mod permission {
    pub(in crate::security_key) const MAKE_CREDENTIAL: u8 = 0x01;
    pub(in crate::security_key) const GET_ASSERTION: u8 = 0x02;
}

/// A public key of P-256, as COSE writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::security_key) struct PublicKey {
    x: [u8; 32],
    y: [u8; 32],
}

impl PublicKey {
    /// Of a point in uncompressed form.
    pub(in crate::security_key) fn of_point(point: &[u8]) -> Option<Self> {
        let (head, rest) = point.split_first()?;
        let (x, y) = rest.split_first_chunk::<32>()?;
        let y: [u8; 32] = y.try_into().ok()?;
        (*head == 4).then_some(Self { x: *x, y })
    }

    /// The point in uncompressed form.
    pub(in crate::security_key) fn point(&self) -> Vec<u8> {
        [&[4][..], &self.x, &self.y].concat()
    }
}

/// A reply to `clientPIN`: what there is of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::security_key) struct PinReply {
    pub(in crate::security_key) public_key: Option<PublicKey>,
    /// Encrypted.
    pub(in crate::security_key) token: Option<Vec<u8>>,
    pub(in crate::security_key) retries: Option<u32>,
    /// Whether the key must be unplugged first.
    pub(in crate::security_key) power_cycle: bool,
}

impl PinReply {
    /// Reads it.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is none.
    pub(in crate::security_key) fn read(reply: &[u8]) -> Result<Self, KeyFault> {
        let mut pin = Self::default();
        let read = each_entry(reply, |key, decoder| {
            match key {
                0x01 => pin.public_key = Some(public_key(decoder)?),
                0x02 => pin.token = Some(decoder.bytes()?.to_vec()),
                0x03 => pin.retries = Some(decoder.u32()?),
                0x04 => pin.power_cycle = decoder.bool()?,
                _ => skip(decoder)?,
            }
            Ok(())
        });
        read.map_err(|_| KeyFault::Failed("its clientPIN is not CBOR as CTAP has it"))?;
        Ok(pin)
    }
}

fn public_key(decoder: &mut Decoder<'_>) -> Result<PublicKey, Unreadable> {
    let mut coordinates = (None, None);
    for _ in 0..map(decoder)? {
        match decoder.i64()? {
            -2 => coordinates.0 = Some(decoder.bytes()?),
            -3 => coordinates.1 = Some(decoder.bytes()?),
            _ => skip(decoder)?,
        }
    }
    let coordinate = |bytes: Option<&[u8]>| -> Result<[u8; 32], Unreadable> {
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(Unreadable)
    };
    Ok(PublicKey {
        x: coordinate(coordinates.0)?,
        y: coordinate(coordinates.1)?,
    })
}

/// `clientPIN`: how many tries are left.
///
/// # Errors
/// [`KeyFault::Failed`] where it cannot be written.
pub(in crate::security_key) fn get_retries(protocol: u8) -> Result<Vec<u8>, KeyFault> {
    written(command::CLIENT_PIN, |encoder| {
        encoder.map(2)?.u8(0x01)?.u8(protocol)?;
        encoder.u8(0x02)?.u8(0x01)?;
        Ok(())
    })
}

/// `clientPIN`: the key's public key.
///
/// # Errors
/// [`KeyFault::Failed`] where it cannot be written.
pub(in crate::security_key) fn get_key_agreement(protocol: u8) -> Result<Vec<u8>, KeyFault> {
    written(command::CLIENT_PIN, |encoder| {
        encoder.map(2)?.u8(0x01)?.u8(protocol)?;
        encoder.u8(0x02)?.u8(0x02)?;
        Ok(())
    })
}

/// `clientPIN`: a token for the PIN, with what it may be for and with the relying party
/// that it may be used for; `None` asks for the token of CTAP 2.0.
///
/// # Errors
/// [`KeyFault::Failed`] where it cannot be written.
pub(in crate::security_key) fn get_pin_token(
    protocol: u8,
    ours: &PublicKey,
    encrypted_pin: &[u8],
    permissions: Option<(u8, &str)>,
) -> Result<Vec<u8>, KeyFault> {
    let (subcommand, entries) = match permissions {
        Some(_) => (0x09, 6),
        None => (0x05, 4),
    };
    written(command::CLIENT_PIN, |encoder| {
        encoder.map(entries)?.u8(0x01)?.u8(protocol)?;
        encoder.u8(0x02)?.u8(subcommand)?;
        encoder.u8(0x03)?.map(5)?;
        // COSE: kty EC2, alg ECDH-ES + HKDF-256, crv P-256.
        encoder.i8(1)?.i8(2)?.i8(3)?.i8(-25)?.i8(-1)?.i8(1)?;
        encoder.i8(-2)?.bytes(&ours.x)?;
        encoder.i8(-3)?.bytes(&ours.y)?;
        encoder.u8(0x06)?.bytes(encrypted_pin)?;
        if let Some((permissions, rp_id)) = permissions {
            encoder.u8(0x09)?.u8(permissions)?;
            encoder.u8(0x0a)?.str(rp_id)?;
        }
        Ok(())
    })
}
