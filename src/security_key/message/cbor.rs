//! Maps, lists and numbers, as CTAP2 has them.

use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decoder, Encoder};

use crate::security_key::fault::KeyFault;

/// How many entries of a list or map of a key are read.
const MAX_ENTRIES: u64 = 128;

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Bytes in memory, which take all that is written.
#[derive(Default)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Write for Bytes {
    type Error = std::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

pub(super) type Encoded = Result<(), EncodeError<std::convert::Infallible>>;

pub(super) fn written(
    command: u8,
    write: impl FnOnce(&mut Encoder<Bytes>) -> Encoded,
) -> Result<Vec<u8>, KeyFault> {
    let mut encoder = Encoder::new(Bytes(vec![command]));
    write(&mut encoder).map_err(|_| KeyFault::Failed("a request to it cannot be written"))?;
    Ok(encoder.into_writer().0)
}

/// A list of credentials.
pub(super) fn descriptors(encoder: &mut Encoder<Bytes>, ids: &[&[u8]]) -> Encoded {
    encoder.array(count(ids.len()))?;
    for id in ids {
        encoder.map(2)?;
        encoder.str("id")?.bytes(id)?;
        encoder.str("type")?.str("public-key")?;
    }
    Ok(())
}

/// What cannot be read. What exactly, is the key's affair.
pub(super) struct Unreadable;

impl From<minicbor::decode::Error> for Unreadable {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

/// Reads a map, whose keys are small numbers, entry by entry.
pub(super) fn each_entry(
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
pub(super) fn map(decoder: &mut Decoder<'_>) -> Result<u64, Unreadable> {
    bounded(decoder.map()?)
}

pub(super) fn array(decoder: &mut Decoder<'_>) -> Result<u64, Unreadable> {
    bounded(decoder.array()?)
}

fn bounded(length: Option<u64>) -> Result<u64, Unreadable> {
    length
        .filter(|length| *length <= MAX_ENTRIES)
        .ok_or(Unreadable)
}

pub(super) fn length(decoder: &mut Decoder<'_>) -> Result<usize, Unreadable> {
    usize::try_from(decoder.u64()?).map_err(|_| Unreadable)
}
