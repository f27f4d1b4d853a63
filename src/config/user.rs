//! How a user of the host is named in authentik, and of what kind they may be.

use super::read::{FromToml, Mistake, Written, one_of, parsed};

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
                "{text:?} has blanks or characters that are not ASCII; {EXAMPLE}"
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

impl FromToml for NameTemplate {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, Self::parse)
    }
}

/// The domain in the names of a directory's accounts on this host, with its
/// separator: `EXAMPLE\` in front, as winbind has it, or `@example.com` behind, as SSSD
/// has it with full names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDomain {
    text: String,
    in_front: bool,
}

/// The signs that may part a name and a domain. A short name holds none of them.
const SEPARATORS: [char; 3] = ['\\', '/', '@'];

impl AccountDomain {
    /// Reads a domain with its separator.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let domain = match (text.strip_suffix('\\'), text.strip_prefix('@')) {
            (Some(domain), None) => Some((domain, true)),
            (None, Some(domain)) => Some((domain, false)),
            _ => None,
        };
        let is_label = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        match domain {
            Some((domain, in_front)) if !domain.is_empty() && domain.chars().all(is_label) => {
                Ok(Self {
                    text: text.to_owned(),
                    in_front,
                })
            }
            _ => Err(format!(
                "{text:?} is no domain with its separator; write domain = 'EXAMPLE\\' (in single quotes) or domain = \"@example.com\""
            )),
        }
    }

    /// The domain with its separator, as it is written in names.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `user` without the domain: a name of another account on the face of it, which
    /// [`crate::account_status::name_in_authentik`] judges. A name without any domain
    /// stays as it is.
    ///
    /// # Errors
    /// Where the name has another domain, several, or nothing beside it. Names are
    /// compared byte by byte.
    pub fn strip<'a>(&self, user: &'a str) -> Result<&'a str, &'static str> {
        let short = if self.in_front {
            user.strip_prefix(&self.text)
        } else {
            user.strip_suffix(&self.text)
        };
        match short {
            None if !user.contains(SEPARATORS) => Ok(user),
            None => Err("it has another domain than [user] domain"),
            Some("") => Err("it has [user] domain, but no name"),
            Some(short) if short.contains(SEPARATORS) => Err("it has more than one domain"),
            Some(short) => Ok(short),
        }
    }

    /// The name of the account that is called `short` without the domain.
    #[must_use]
    pub fn with(&self, short: &str) -> String {
        if self.in_front {
            format!("{}{short}", self.text)
        } else {
            format!("{short}{}", self.text)
        }
    }
}

impl FromToml for AccountDomain {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, Self::parse)
    }
}

/// The types that authentik gives accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

impl FromToml for AccountKind {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        let all = [
            Self::Internal,
            Self::External,
            Self::ServiceAccount,
            Self::InternalServiceAccount,
        ];
        one_of(value, &all.map(|kind| (kind.as_str(), kind)))
    }
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

/// Whether an account of this host belongs to one person of authentik.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Binding {
    /// It belongs to the person who has its name in authentik.
    #[default]
    Never,
    /// The first login binds it to the person's `uid`.
    Uid,
    /// It is compared, and nothing is bound: a login that changes nothing. Not a value
    /// of the key.
    Compare,
}

impl FromToml for Binding {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        one_of(value, &[("never", Self::Never), ("uid", Self::Uid)])
    }
}

impl Binding {
    /// The value of the key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Uid | Self::Compare => "uid",
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
            assert!(
                NameTemplate::parse(wrong).is_err(),
                "{wrong:?} was accepted"
            );
        }
    }

    #[test]
    fn exactly_one_domain_is_removed() {
        let front = AccountDomain::parse("EXAMPLE\\").unwrap();
        let behind = AccountDomain::parse("@example.com").unwrap();
        for (domain, user, short) in [
            (&front, "EXAMPLE\\alice", "alice"),
            (&front, "alice", "alice"),
            (&front, "EXAMPLEalice", "EXAMPLEalice"),
            (&behind, "alice@example.com", "alice"),
            (&behind, "alice", "alice"),
        ] {
            assert_eq!(domain.strip(user), Ok(short), "{user}");
            if user != short {
                assert_eq!(domain.with(short), user);
            }
        }
        for (domain, user) in [
            (&front, "example\\alice"),
            (&front, "OTHER\\alice"),
            (&front, "EXAMPLE\\EXAMPLE\\alice"),
            (&front, "EXAMPLE\\OTHER\\alice"),
            (&front, "EXAMPLE\\alice@example.com"),
            (&front, "EXAMPLE\\"),
            (&front, "EXAMPLE\\/alice"),
            (&front, "EXAMPLE/alice"),
            (&front, "EXAMPLE@alice"),
            (&front, "alice@EXAMPLE\\"),
            (&behind, "alice@example.com@example.com"),
            (&behind, "alice@EXAMPLE.COM"),
            (&behind, "alice@example.com.evil"),
            (&behind, "alice@other.example.com"),
            (&behind, "EXAMPLE\\alice@example.com"),
            (&behind, "@example.com"),
            (&behind, "alice@"),
        ] {
            assert!(domain.strip(user).is_err(), "{user} was accepted");
        }
        for wrong in [
            "",
            "\\",
            "@",
            "EXAMPLE",
            "example.com",
            "@EXAMPLE\\",
            "A\\B\\",
            "@a@b",
            "@a b",
            "EXAMPLE/",
            "EXAMPLE+",
            "{user}@a",
            "@\u{e4}",
        ] {
            assert!(
                AccountDomain::parse(wrong).is_err(),
                "{wrong:?} was accepted"
            );
        }
    }
}
