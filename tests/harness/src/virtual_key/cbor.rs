//! The CBOR of CTAP2 as a tree, because tests may look at the requests that a key reads.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Any value that CTAP2 has.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Int(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A list.
    Array(Vec<Value>),
    /// A map, in its order.
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// Reads one value, which must be the whole input.
    pub(super) fn read(bytes: &[u8]) -> Option<Value> {
        let mut decoder = Decoder::new(bytes);
        let value = read(&mut decoder)?;
        (decoder.position() == bytes.len()).then_some(value)
    }

    /// Writes it.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Bytes::default());
        write(self, &mut encoder);
        encoder.into_writer().0
    }

    /// The value of a map under a number.
    pub fn at(&self, key: i64) -> Option<&Value> {
        self.find(&Value::Int(key))
    }

    /// The value of a map under a name.
    pub fn named(&self, key: &str) -> Option<&Value> {
        self.find(&Value::Text(key.to_owned()))
    }

    fn find(&self, wanted: &Value) -> Option<&Value> {
        match self {
            Value::Map(entries) => entries.iter().find(|(k, _)| k == wanted).map(|(_, v)| v),
            _ => None,
        }
    }

    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[Value] {
        match self {
            Value::Array(values) => values,
            _ => &[],
        }
    }

    pub(super) fn is_true(&self) -> bool {
        *self == Value::Bool(true)
    }
}

fn read(decoder: &mut Decoder<'_>) -> Option<Value> {
    Some(match decoder.datatype().ok()? {
        Type::Bool => Value::Bool(decoder.bool().ok()?),
        Type::Bytes => Value::Bytes(decoder.bytes().ok()?.to_vec()),
        Type::String => Value::Text(decoder.str().ok()?.to_owned()),
        Type::Array => {
            let length = decoder.array().ok()??;
            Value::Array((0..length).map(|_| read(decoder)).collect::<Option<_>>()?)
        }
        Type::Map => {
            let length = decoder.map().ok()??;
            let entries = (0..length).map(|_| Some((read(decoder)?, read(decoder)?)));
            Value::Map(entries.collect::<Option<_>>()?)
        }
        _ => Value::Int(decoder.i64().ok()?),
    })
}

fn write(value: &Value, encoder: &mut Encoder<Bytes>) {
    // Writing to memory does not fail.
    let _ = match value {
        Value::Int(number) => encoder.i64(*number).map(drop),
        Value::Bytes(bytes) => encoder.bytes(bytes).map(drop),
        Value::Text(text) => encoder.str(text).map(drop),
        Value::Bool(yes) => encoder.bool(*yes).map(drop),
        Value::Array(values) => {
            let _ = encoder.array(values.len() as u64);
            values.iter().for_each(|value| write(value, encoder));
            Ok(())
        }
        Value::Map(entries) => {
            let _ = encoder.map(entries.len() as u64);
            for (key, value) in entries {
                write(key, encoder);
                write(value, encoder);
            }
            Ok(())
        }
    };
}

/// Bytes in memory, which take all that is written.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl minicbor::encode::Write for Bytes {
    type Error = std::convert::Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}
