//! The CBOR of CTAP2, with a reader and a writer that are independent of the module.

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A number.
    Int(i128),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map, in its order.
    Map(Vec<(Value, Value)>),
    /// Yes or no.
    Bool(bool),
}

use Value::{Bool, Bytes, Int, List, Map, Text};

impl Value {
    /// The last value under a number.
    pub(super) fn at(&self, key: i128) -> Option<&Value> {
        self.find(&Int(key))
    }

    /// The last value under a name.
    pub(super) fn named(&self, key: &str) -> Option<&Value> {
        self.find(&Text(key.to_owned()))
    }

    fn find(&self, wanted: &Value) -> Option<&Value> {
        match self {
            Map(entries) => entries
                .iter()
                .rev()
                .find(|(k, _)| k == wanted)
                .map(|e| &e.1),
            _ => None,
        }
    }

    pub(super) fn int(&self) -> Option<i128> {
        match self {
            Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[Value] {
        match self {
            List(values) => values,
            _ => &[],
        }
    }

    /// Reads a value, which must be the whole input.
    pub(super) fn read(bytes: &[u8]) -> Option<Value> {
        let (value, rest) = read(bytes, 8)?;
        rest.is_empty().then_some(value)
    }

    /// Writes it.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append(&mut out);
        out
    }

    fn append(&self, out: &mut Vec<u8>) {
        match self {
            Int(number) if *number < 0 => head(out, 1, (-1 - number) as u64),
            Int(number) => head(out, 0, *number as u64),
            Bytes(bytes) => {
                head(out, 2, bytes.len() as u64);
                out.extend(bytes);
            }
            Text(text) => {
                head(out, 3, text.len() as u64);
                out.extend(text.as_bytes());
            }
            List(values) => {
                head(out, 4, values.len() as u64);
                values.iter().for_each(|value| value.append(out));
            }
            Map(entries) => {
                head(out, 5, entries.len() as u64);
                for (key, value) in entries {
                    key.append(out);
                    value.append(out);
                }
            }
            Bool(yes) => out.push(0xf4 + u8::from(*yes)),
        }
    }
}

/// A text.
pub(super) fn text(text: &str) -> Value {
    Text(text.to_owned())
}

/// A map under numbers.
pub(super) fn numbered(entries: Vec<(i128, Value)>) -> Value {
    Map(entries.into_iter().map(|(key, v)| (Int(key), v)).collect())
}

/// A map under names.
pub(super) fn named(entries: Vec<(&str, Value)>) -> Value {
    Map(entries.into_iter().map(|(key, v)| (text(key), v)).collect())
}

fn head(out: &mut Vec<u8>, kind: u8, number: u64) {
    let kind = kind << 5;
    match number {
        0..=23 => out.push(kind | number as u8),
        24..=0xff => out.extend([kind | 24, number as u8]),
        0x100..=0xffff => {
            out.push(kind | 25);
            out.extend((number as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(kind | 26);
            out.extend((number as u32).to_be_bytes());
        }
        _ => {
            out.push(kind | 27);
            out.extend(number.to_be_bytes());
        }
    }
}

fn read(bytes: &[u8], depth: u32) -> Option<(Value, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (kind, small) = (first >> 5, first & 31);
    if kind == 7 {
        let value = matches!(small, 20 | 21).then_some(Bool(small == 21))?;
        return Some((value, rest));
    }
    let width = match small {
        0..=23 => 0,
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (number, mut rest) = rest.split_at_checked(width)?;
    let number = match width {
        0 => u64::from(small),
        _ => number.iter().fold(0, |n, byte| (n << 8) | u64::from(*byte)),
    };
    let depth = depth.checked_sub(1)?;
    let length = usize::try_from(number).ok()?;
    let value = match kind {
        0 => Int(i128::from(number)),
        1 => Int(-1 - i128::from(number)),
        2 | 3 => {
            let (content, after) = rest.split_at_checked(length)?;
            rest = after;
            match kind {
                2 => Bytes(content.to_vec()),
                _ => Text(String::from_utf8(content.to_vec()).ok()?),
            }
        }
        4 => {
            let mut values = Vec::new();
            for _ in 0..length {
                let (value, after) = read(rest, depth)?;
                values.push(value);
                rest = after;
            }
            List(values)
        }
        5 => {
            let mut entries = Vec::new();
            for _ in 0..length {
                let (key, after) = read(rest, depth)?;
                let (value, after) = read(after, depth)?;
                entries.push((key, value));
                rest = after;
            }
            Map(entries)
        }
        _ => return None,
    };
    Some((value, rest))
}
