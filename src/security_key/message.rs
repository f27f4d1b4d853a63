//! The messages of CTAP2 (CTAP 2.1, section 6): maps in CBOR, whose keys are small
//! numbers in ascending order.

use minicbor::data::Type;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decoder, Encoder};

use super::fault::KeyFault;

/// The commands.
pub(super) mod command {
    pub(in crate::security_key) const GET_ASSERTION: u8 = 0x02;
    pub(in crate::security_key) const GET_INFO: u8 = 0x04;
    pub(in crate::security_key) const CLIENT_PIN: u8 = 0x06;
    pub(in crate::security_key) const GET_NEXT_ASSERTION: u8 = 0x08;
    pub(in crate::security_key) const SELECTION: u8 = 0x0b;
}

/// How many entries of a list or map of a key are read.
const MAX_ENTRIES: u64 = 128;
/// CTAP's own limit for a message of a key that names none.
const DEFAULT_MAX_MESSAGE: usize = 1024;
/// `getAssertion`'s permission of a PIN token.
const PERMISSION_GET_ASSERTION: u8 = 0x02;

/// What a key says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Info {
    /// Whether it is of CTAP 2.1 or later.
    pub(super) is_2_1: bool,
    /// Whether a PIN is set; `None`: the key takes none.
    pub(super) client_pin: Option<bool>,
    /// Whether it verifies people itself, by a fingerprint, and is set up for it.
    pub(super) verifies_itself: bool,
    /// Whether it signs nothing without user verification.
    pub(super) always_verifies: bool,
    /// Whether PIN tokens have permissions; else they are those of CTAP 2.0.
    pub(super) has_permissions: bool,
    /// Whether the PIN must be changed before it is of use.
    pub(super) must_change_pin: bool,
    /// Whether it may hide credentials from whoever is not verified (`credProtect`).
    /// A key that names no extension at all may do so, too.
    pub(super) may_hide: bool,
    /// The PIN protocols that it names, in its order.
    pub(super) protocols: Vec<u8>,
    /// The longest message that it takes.
    pub(super) max_message: usize,
    /// How many credentials may stand in one list; `None`: it does not say.
    pub(super) max_list: Option<usize>,
    /// The longest ID of its credentials; `None`: it does not say.
    pub(super) max_id: Option<usize>,
}

impl Default for Info {
    /// What CTAP supposes of a key that says nothing.
    fn default() -> Self {
        Self {
            is_2_1: false,
            client_pin: None,
            verifies_itself: false,
            always_verifies: false,
            has_permissions: false,
            must_change_pin: false,
            may_hide: true,
            protocols: Vec::new(),
            max_message: DEFAULT_MAX_MESSAGE,
            max_list: None,
            max_id: None,
        }
    }
}

impl Info {
    /// Reads the reply to `getInfo`.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is not one.
    pub(super) fn read(reply: &[u8]) -> Result<Self, KeyFault> {
        let mut info = Self::default();
        let read = each_entry(reply, |key, decoder| {
            match key {
                0x01 => {
                    for _ in 0..array(decoder)? {
                        info.is_2_1 |=
                            !matches!(decoder.str()?, "FIDO_2_0" | "U2F_V2" | "FIDO_2_1_PRE");
                    }
                }
                0x02 => {
                    let count = array(decoder)?;
                    info.may_hide = count == 0;
                    for _ in 0..count {
                        info.may_hide |= decoder.str()? == "credProtect";
                    }
                }
                0x04 => {
                    for _ in 0..map(decoder)? {
                        let name = decoder.str()?;
                        if decoder.datatype()? != Type::Bool {
                            decoder.skip()?;
                            continue;
                        }
                        let value = decoder.bool()?;
                        info.option(name, value);
                    }
                }
                0x05 => info.max_message = length(decoder)?.max(DEFAULT_MAX_MESSAGE),
                0x06 => {
                    for _ in 0..array(decoder)? {
                        let number = decoder.u64()?;
                        info.protocols.push(u8::try_from(number).unwrap_or(u8::MAX));
                    }
                }
                0x07 => info.max_list = Some(length(decoder)?.max(1)),
                0x08 => info.max_id = Some(length(decoder)?),
                0x0c => info.must_change_pin = decoder.bool()?,
                _ => decoder.skip()?,
            }
            Ok(())
        });
        read.map_err(|_| KeyFault::Failed("its getInfo is not CBOR as CTAP has it"))?;
        Ok(info)
    }

    fn option(&mut self, name: &str, value: bool) {
        match name {
            "clientPin" => self.client_pin = Some(value),
            "uv" => self.verifies_itself = value,
            "alwaysUv" => self.always_verifies = value,
            "pinUvAuthToken" => self.has_permissions = value,
            _ => {}
        }
    }
}

/// A public key of P-256, as COSE writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    x: [u8; 32],
    y: [u8; 32],
}

impl PublicKey {
    /// Of a point in uncompressed form.
    pub(super) fn of_point(point: &[u8]) -> Option<Self> {
        let (head, rest) = point.split_first()?;
        let (x, y) = rest.split_first_chunk::<32>()?;
        let y: [u8; 32] = y.try_into().ok()?;
        (*head == 4).then_some(Self { x: *x, y })
    }

    /// The point in uncompressed form.
    pub(super) fn point(&self) -> Vec<u8> {
        [&[4][..], &self.x, &self.y].concat()
    }
}

/// A reply to `clientPIN`: what there is of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PinReply {
    pub(super) public_key: Option<PublicKey>,
    /// Encrypted.
    pub(super) token: Option<Vec<u8>>,
    pub(super) retries: Option<u32>,
    /// Whether the key must be unplugged first.
    pub(super) power_cycle: bool,
}

impl PinReply {
    /// Reads it.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is none.
    pub(super) fn read(reply: &[u8]) -> Result<Self, KeyFault> {
        let mut pin = Self::default();
        let read = each_entry(reply, |key, decoder| {
            match key {
                0x01 => pin.public_key = Some(public_key(decoder)?),
                0x02 => pin.token = Some(decoder.bytes()?.to_vec()),
                0x03 => pin.retries = Some(decoder.u32()?),
                0x04 => pin.power_cycle = decoder.bool()?,
                _ => decoder.skip()?,
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
            _ => decoder.skip()?,
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

/// What the key has signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AssertionReply {
    /// The ID of the credential, where the key names it.
    pub(super) credential: Option<Vec<u8>>,
    pub(super) auth_data: Vec<u8>,
    pub(super) signature: Vec<u8>,
    /// The user's handle.
    pub(super) user: Option<Vec<u8>>,
    /// The user's name, where the key gives it.
    pub(super) user_name: Option<String>,
    /// How many credentials there are.
    pub(super) count: u32,
}

impl AssertionReply {
    /// Reads it.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is none.
    pub(super) fn read(reply: &[u8]) -> Result<Self, KeyFault> {
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
                _ => decoder.skip()?,
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
            _ => decoder.skip()?,
        }
    }
    Ok(read)
}

/// What is asked of a key with `getAssertion`.
#[derive(Debug, Clone)]
pub(super) struct AssertionRequest<'a> {
    pub(super) rp_id: &'a str,
    pub(super) client_data_hash: &'a [u8],
    /// The credentials that may sign; empty: any that the key itself holds.
    pub(super) allow: &'a [&'a [u8]],
    /// Whether nobody is to be asked for a touch.
    pub(super) silent: bool,
    /// Whether the key verifies the person by itself.
    pub(super) verify: bool,
    /// The number of the PIN protocol, and the proof that the PIN is known.
    pub(super) pin: Option<(u8, Vec<u8>)>,
}

/// `getInfo`.
pub(super) fn get_info() -> Vec<u8> {
    vec![command::GET_INFO]
}

/// `authenticatorSelection`: the key that is touched answers.
pub(super) fn selection() -> Vec<u8> {
    vec![command::SELECTION]
}

/// `getNextAssertion`.
pub(super) fn get_next_assertion() -> Vec<u8> {
    vec![command::GET_NEXT_ASSERTION]
}

/// `getAssertion`.
///
/// # Errors
/// [`KeyFault::Failed`] where it cannot be written.
pub(super) fn get_assertion(request: &AssertionRequest<'_>) -> Result<Vec<u8>, KeyFault> {
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
            encoder.u8(0x03)?.array(count(request.allow.len()))?;
            for id in request.allow {
                encoder.map(2)?;
                encoder.str("id")?.bytes(id)?;
                encoder.str("type")?.str("public-key")?;
            }
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
pub(super) fn bytes_of_credential(id: &[u8]) -> usize {
    id.len().saturating_add(32)
}

/// How many bytes `getAssertion` takes without its list, at most.
pub(super) fn bytes_without_list(rp_id: &str) -> usize {
    rp_id.len().saturating_add(144)
}

/// `clientPIN`: how many tries are left.
///
/// # Errors
/// As [`get_assertion`].
pub(super) fn get_retries(protocol: u8) -> Result<Vec<u8>, KeyFault> {
    written(command::CLIENT_PIN, |encoder| {
        encoder.map(2)?.u8(0x01)?.u8(protocol)?;
        encoder.u8(0x02)?.u8(0x01)?;
        Ok(())
    })
}

/// `clientPIN`: the key's public key.
///
/// # Errors
/// As [`get_assertion`].
pub(super) fn get_key_agreement(protocol: u8) -> Result<Vec<u8>, KeyFault> {
    written(command::CLIENT_PIN, |encoder| {
        encoder.map(2)?.u8(0x01)?.u8(protocol)?;
        encoder.u8(0x02)?.u8(0x02)?;
        Ok(())
    })
}

/// `clientPIN`: a token for the PIN. `permissions_for` is the relying party of a token
/// that may get assertions from it alone; `None` asks for the token of CTAP 2.0.
///
/// # Errors
/// As [`get_assertion`].
pub(super) fn get_pin_token(
    protocol: u8,
    ours: &PublicKey,
    encrypted_pin: &[u8],
    permissions_for: Option<&str>,
) -> Result<Vec<u8>, KeyFault> {
    let (subcommand, entries) = match permissions_for {
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
        if let Some(rp_id) = permissions_for {
            encoder.u8(0x09)?.u8(PERMISSION_GET_ASSERTION)?;
            encoder.u8(0x0a)?.str(rp_id)?;
        }
        Ok(())
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Bytes in memory, which take all that is written.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Write for Bytes {
    type Error = std::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

type Encoded = Result<(), EncodeError<std::convert::Infallible>>;

fn written(
    command: u8,
    write: impl FnOnce(&mut Encoder<Bytes>) -> Encoded,
) -> Result<Vec<u8>, KeyFault> {
    let mut encoder = Encoder::new(Bytes(vec![command]));
    write(&mut encoder).map_err(|_| KeyFault::Failed("a request to it cannot be written"))?;
    Ok(encoder.into_writer().0)
}

/// What cannot be read. What exactly, is the key's affair.
struct Unreadable;

impl From<minicbor::decode::Error> for Unreadable {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// Reads a map, whose keys are small numbers, entry by entry.
fn each_entry(
    reply: &[u8],
    mut entry: impl FnMut(u64, &mut Decoder<'_>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let mut decoder = Decoder::new(reply);
    for _ in 0..map(&mut decoder)? {
        let key = decoder.u64()?;
        entry(key, &mut decoder)?;
    }
    Ok(())
}

/// The length of a map. CTAP2 has no lengths that are left open.
fn map(decoder: &mut Decoder<'_>) -> Result<u64, Unreadable> {
    bounded(decoder.map()?)
}

fn array(decoder: &mut Decoder<'_>) -> Result<u64, Unreadable> {
    bounded(decoder.array()?)
}

fn bounded(length: Option<u64>) -> Result<u64, Unreadable> {
    length
        .filter(|length| *length <= MAX_ENTRIES)
        .ok_or(Unreadable)
}

fn length(decoder: &mut Decoder<'_>) -> Result<usize, Unreadable> {
    usize::try_from(decoder.u64()?).map_err(|_| Unreadable)
}
