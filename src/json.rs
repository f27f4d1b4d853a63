//! Strict reading of JSON that decides something.

use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Error;
use serde_json::value::RawValue;

/// A `T` that was written as an object.
///
/// serde also accepts an array for a structure, with its fields in order. An answer
/// must not get a meaning that way that nobody intended.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// An object whose fields are read one by one. What serde derives for a structure is
/// several times as much code.
#[derive(Debug, Default)]
pub struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads the text of an object.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &'a RawValue) -> Result<Self, Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        serde_json::Deserializer::from_str(text.get()).deserialize_map(FieldsVisitor)
    }

    /// The field of this name, if there is one.
    ///
    /// # Errors
    /// It is there twice, or of another type.
    pub fn optional<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.find(name)? {
            Some(value) => serde_json::from_str(value.get()).map(Some),
            None => Ok(None),
        }
    }

    /// The field of this name.
    ///
    /// # Errors
    /// As [`Fields::optional`], or there is none.
    pub fn required<T: Deserialize<'a>>(&self, name: &'static str) -> Result<T, Error> {
        match self.optional(name)? {
            Some(value) => Ok(value),
            None => Err(Error::missing_field(name)),
        }
    }

    /// The object in the field of this name; an empty one if there is none.
    ///
    /// # Errors
    /// As [`Fields::optional`].
    pub fn object(&self, name: &str) -> Result<Self, Error> {
        self.find(name)?
            .map_or_else(|| Ok(Self::default()), Self::read)
    }

    fn find(&self, name: &str) -> Result<Option<&'a RawValue>, Error> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(Error::custom("a field appears twice")),
            (found, None) => Ok(found.map(|(_, value)| *value)),
        }
    }
}

/// `true` for a field that is present, with any value, null included; with
/// `#[serde(default)]`, `false` for a missing one.
///
/// # Errors
/// Only those of the deserializer.
pub fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|IgnoredAny| true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Name {
        name: String,
    }

    #[test]
    fn an_array_is_not_an_object() {
        let read = |text| serde_json::from_str::<Object<Name>>(text);
        assert_eq!(read(r#"{"name": "a", "more": 1}"#).unwrap().0.name, "a");
        assert!(read(r#"["a"]"#).is_err());
        assert!(read(r#"{"name": "a", "name": "b"}"#).is_err());
        assert!(read(r#""a""#).is_err());
    }

    #[test]
    fn fields_are_read_one_by_one_and_as_strictly() {
        fn fields(text: &str) -> Result<Fields<'_>, Error> {
            Fields::read(serde_json::from_str(text)?)
        }
        let of = fields(r#"{"a": "x\u00fc", "n": 1, "o": {"b": true}, "z": null, "t": 1, "t": 2}"#);
        let of = of.unwrap();
        assert_eq!(of.required::<String>("a").unwrap(), "xü");
        assert_eq!(of.optional::<i64>("n").unwrap(), Some(1));
        assert_eq!(of.optional::<i64>("none").unwrap(), None);
        assert!(of.object("o").unwrap().required::<bool>("b").unwrap());
        assert_eq!(
            of.object("none").unwrap().optional::<bool>("b").unwrap(),
            None
        );
        assert!(of.required::<String>("n").is_err());
        assert!(of.required::<String>("none").is_err());
        assert!(of.optional::<String>("z").is_err(), "null is taken as text");
        assert!(
            of.optional::<i64>("t").is_err(),
            "a repeated field is taken"
        );
        assert!(of.object("a").is_err() && of.object("z").is_err());
        for text in ["[]", "1", "null", "\"a\""] {
            assert!(fields(text).is_err(), "{text}");
        }
    }
}
