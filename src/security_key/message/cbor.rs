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

/// Passes over a value, whatever it is. minicbor's own way is ten times as much code,
/// because it also knows lengths that are left open.
pub(super) fn skip(decoder: &mut Decoder<'_>) -> Result<(), Unreadable> {
    let mut rest = decoder
        .input()
        .get(decoder.position()..)
        .ok_or(Unreadable)?;
    let mut left = 1_u64;
    // Each value takes a byte at least, so a key cannot name more of them than it sends.
    while let Some(others) = left.checked_sub(1) {
        let (head, behind) = rest.split_first().ok_or(Unreadable)?;
        let size = match head & 0x1f {
            0..=23 => 0,
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(Unreadable),
        };
        let (bytes, behind) = behind.split_at_checked(size).ok_or(Unreadable)?;
        let number = match size {
            0 => u64::from(head & 0x1f),
            _ => bytes
                .iter()
                .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        };
        rest = behind;
        left = match head >> 5 {
            2 | 3 => {
                let length = usize::try_from(number).map_err(|_| Unreadable)?;
                rest = rest.get(length..).ok_or(Unreadable)?;
                others
            }
            4 => others.saturating_add(number),
            5 => others.saturating_add(number.saturating_mul(2)),
            6 => others.saturating_add(1),
            _ => others,
        };
    }
    decoder.set_position(decoder.input().len().saturating_sub(rest.len()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value, and what is behind it.
    fn passed(bytes: &[u8]) -> Option<usize> {
        let mut decoder = Decoder::new(bytes);
        skip(&mut decoder).ok().map(|()| decoder.position())
    }

    #[test]
    fn a_value_is_passed_over_as_a_whole_and_nothing_behind_it() {
        for (value, length) in [
            (&[0x17][..], 1),
            (&[0x18, 0xff], 2),
            (&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 9),
            (&[0x39, 0x01, 0x00], 3),
            (&[0x43, 1, 2, 3], 4),
            (&[0x58, 2, 1, 2], 4),
            (&[0x62, b'a', b'b'], 3),
            (&[0x80], 1),
            (&[0x83, 1, 0x82, 2, 3, 0x40], 6),
            (&[0xa2, 1, 0xf5, 0x61, b'a', 0x81, 0xf6], 7),
            (&[0xc1, 0x1a, 0, 0, 0, 0], 6),
            (&[0xfb, 0, 0, 0, 0, 0, 0, 0, 0], 9),
        ] {
            assert_eq!(passed(value), Some(length), "{value:x?}");
            let more = [value, &[0xff; 3]].concat();
            assert_eq!(passed(&more), Some(length), "{value:x?}");
            let minicbors = Decoder::new(value).skip().is_ok();
            assert!(minicbors, "{value:x?}");
            for end in 0..value.len() {
                assert_eq!(passed(&value[..end]), None, "{value:x?} to {end}");
            }
        }
    }

    #[test]
    fn an_item_without_an_end_or_a_length_is_not_skipped() {
        for bytes in [
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0][..],
            &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
            &[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
            &[0x9f, 0xff],
            &[0x5f, 0x41, 0, 0xff],
            &[0x1c],
        ] {
            assert_eq!(passed(bytes), None, "{bytes:x?}");
        }
        assert_eq!(passed(&[0x81; 5000]), None);
        // Text that nobody reads need not be UTF-8.
        assert_eq!(passed(&[0x62, 0xff, 0xff]), Some(3));
    }
}
