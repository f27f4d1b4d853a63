//! JSON, read in another way than the module reads it: the members of an object in their order,
//! including duplicates, with values parsed only on request.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object, with all its members.
pub struct Object(Vec<(String, Box<RawValue>)>);

/// The values of one name in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member<'a> {
    /// No value.
    Missing,
    /// One value, as it was written.
    Once(&'a str),
    /// Several values, so it is unclear which one counts.
    Twice,
}

impl Object {
    /// Reads an object and nothing else. Bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_str(&String::from_utf8_lossy(text)).ok()
    }

    /// The value of this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Member<'_> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (None, _) => Member::Missing,
            (Some((_, value)), None) => Member::Once(value.get()),
            _ => Member::Twice,
        }
    }

    /// The names of its members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The one text of this name.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.member(name).text()
    }
}

impl Member<'_> {
    /// Whether it occurs once, and is exactly this word of JSON.
    #[must_use]
    pub fn is(self, word: &str) -> bool {
        self == Member::Once(word)
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(self) -> Option<String> {
        let Member::Once(value) = self else {
            return None;
        };
        serde_json::from_str(value).ok()
    }

    /// The object, if it is one.
    #[must_use]
    pub fn object(self) -> Option<Object> {
        let Member::Once(value) = self else {
            return None;
        };
        serde_json::from_str(value).ok()
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn elements(self) -> Option<Vec<Box<RawValue>>> {
        let Member::Once(value) = self else {
            return None;
        };
        serde_json::from_str(value).ok()
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
