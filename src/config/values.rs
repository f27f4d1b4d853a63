//! The values in the configuration file. A wrong one is refused with its line and with
//! what to write instead.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::read::{FromToml, Mistake, Written, one_of, parsed, text_of};

/// authentik allows 50 characters for flows, and any number for applications.
const MAX_SLUG: usize = 200;

/// The slug of a flow or an application, as authentik allows it: letters, digits, `-` and `_`.
///
/// It becomes part of a URL's path, so nothing else may be in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug(String);

impl Slug {
    /// Reads a slug.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() || text.len() > MAX_SLUG || !text.chars().all(allowed) {
            return Err(format!(
                "{text:?} is no slug; write the slug that authentik's admin interface shows, such as \"linux-login\""
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromToml for Slug {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, Self::parse)
    }
}

/// An absolute path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsolutePath(PathBuf);

impl AbsolutePath {
    /// Reads a path. A relative one would depend on the working directory of sudo's
    /// caller.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let path = Path::new(text);
        if path.is_absolute() && !text.contains('\0') {
            Ok(Self(path.to_owned()))
        } else {
            Err(format!(
                "{text:?} is not a path from the root; write it in full, such as \"/etc/ssl/certs/authentik-ca.pem\""
            ))
        }
    }

    /// The path itself.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl FromToml for AbsolutePath {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, Self::parse)
    }
}

/// A duration as `"500ms"`, `"5s"` or `"2m"`, at most an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

const LONGEST: Duration = Duration::from_secs(3600);

impl Span {
    /// Reads a duration.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let wrong = || {
            format!("{text:?} is no duration; write a number and s or m, such as \"5s\" or \"2m\"")
        };
        if digits.len().saturating_add(unit.len()) != text.len() || digits.is_empty() {
            return Err(wrong());
        }
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        let duration = match unit {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" => Duration::from_secs(number.saturating_mul(60)),
            _ => return Err(wrong()),
        };
        if duration > LONGEST {
            return Err(format!(
                "{text:?} is too long; the longest duration is \"60m\""
            ));
        }
        Ok(Self(duration))
    }
}

impl FromToml for Span {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        let text = text_of(value, "a duration in quotes, such as \"5s\" or \"2m\"")?;
        Self::parse(text).map_err(|problem| Mistake::at(value, problem))
    }
}

/// A limit that must be more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit(pub(super) Duration);

impl FromToml for Limit {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        let Span(duration) = Span::from_toml(value)?;
        if duration.is_zero() {
            return Err(Mistake::at(
                value,
                "a limit of zero would refuse every login; write a duration above zero, such as \"5s\"".into(),
            ));
        }
        Ok(Self(duration))
    }
}

/// What to do with users if authentik has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// They are refused.
    Deny,
    /// The other modules of the stack decide (`PAM_IGNORE`).
    Ignore,
}

impl FromToml for Fallback {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        one_of(value, &[("deny", Self::Deny), ("ignore", Self::Ignore)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(Span::parse("5s"), Ok(Span(Duration::from_secs(5))));
        assert_eq!(Span::parse("2m"), Ok(Span(Duration::from_secs(120))));
        assert_eq!(Span::parse("250ms"), Ok(Span(Duration::from_millis(250))));
        assert_eq!(Span::parse("0s"), Ok(Span(Duration::ZERO)));
        for text in [
            "",
            "5",
            "s",
            "5 s",
            "-5s",
            "5h",
            "1.5s",
            "61m",
            "99999999999999999999s",
            "5sm",
            "s5",
        ] {
            assert!(Span::parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn slugs_cannot_leave_their_path() {
        assert!(Slug::parse("linux-login_2").is_ok());
        for text in [
            "",
            "a/b",
            "..",
            "a b",
            "ä",
            "a?b",
            "%2e",
            &"a".repeat(MAX_SLUG + 1),
        ] {
            assert!(Slug::parse(text).is_err(), "{text:?} was accepted");
        }
    }
}
