//! How a user of the host is named in authentik, and of what kind they may be.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// A name with a place for the user, such as `{user}@example.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate {
    before: String,
    after: String,
}

/// The place for the user's name.
const PLACE: &str = "{user}";

impl NameTemplate {
    /// Reads a template that holds `{user}` exactly once: a name without it
    /// would make everybody one person.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "write {user} exactly once, such as name = \"{user}@example.com\"";
        let mut parts = text.split(PLACE);
        let (Some(before), Some(after), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("{text:?} does not name the user once; {EXAMPLE}"));
        };
        let rest = [before, after];
        if rest.iter().any(|part| part.contains(['{', '}'])) {
            return Err(format!("{text:?} holds another brace; {EXAMPLE}"));
        }
        if rest
            .iter()
            .any(|part| !part.chars().all(|c| c.is_ascii_graphic()))
        {
            return Err(format!(
                "{text:?} holds more than ASCII without blanks; {EXAMPLE}"
            ));
        }
        Ok(Self {
            before: before.to_owned(),
            after: after.to_owned(),
        })
    }

    /// The name of `user` in authentik.
    #[must_use]
    pub fn apply(&self, user: &str) -> String {
        format!("{}{user}{}", self.before, self.after)
    }
}

impl Default for NameTemplate {
    /// The name as it is.
    fn default() -> Self {
        Self {
            before: String::new(),
            after: String::new(),
        }
    }
}

impl<'de> Deserialize<'de> for NameTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The types that authentik gives accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// People of the organisation.
    Internal,
    /// Guests, such as customers.
    External,
    /// Programs.
    ServiceAccount,
    /// authentik's own, such as outposts'.
    InternalServiceAccount,
}

impl AccountKind {
    /// authentik's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
            Self::ServiceAccount => "service_account",
            Self::InternalServiceAccount => "internal_service_account",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_stands_in_a_name_once() {
        let apply = |template: &str| NameTemplate::parse(template).map(|t| t.apply("alice"));
        assert_eq!(
            apply("{user}@example.com").as_deref(),
            Ok("alice@example.com")
        );
        assert_eq!(apply("{user}").as_deref(), Ok("alice"));
        assert_eq!(NameTemplate::default().apply("alice"), "alice");
        for wrong in [
            "",
            "alice",
            "{user}{user}",
            "{user}{host}",
            "{user",
            "{user} x",
            "{user}@ex\u{e4}mple",
        ] {
            assert!(NameTemplate::parse(wrong).is_err(), "{wrong:?} was taken");
        }
    }
}
