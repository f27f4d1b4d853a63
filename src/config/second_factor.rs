//! `[second_factor]`: whether a second factor is remembered.

use std::time::Duration;

use super::read::{FromToml, Mistake, Written, one_of, table, text_of};
use super::values::Span;

/// For how long it is remembered if the configuration does not say.
const DEFAULT: Duration = Duration::from_secs(3600);
/// A working day with its breaks.
const MOST_HOURS: u64 = 12;

/// Whether a second factor is remembered, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorRules {
    /// Within what it is remembered.
    pub remember: Remember,
    /// For how long, at most. authentik's own time is a limit, too.
    pub remember_for: Duration,
}

/// Within what a second factor is remembered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Remember {
    /// Nothing: each login asks for it.
    #[default]
    Never,
    /// The login session in which it was accepted.
    Session,
}

impl FromToml for Remember {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        one_of(value, &[("never", Self::Never), ("session", Self::Session)])
    }
}

impl Remember {
    /// The value of the key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Session => "session",
        }
    }
}

/// As other durations, or hours.
#[derive(Debug, Clone, Copy)]
pub(super) struct RememberFor(Duration);

impl FromToml for RememberFor {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        let text = text_of(value, "a duration in quotes, such as \"30m\" or \"8h\"")?;
        let hours = text.strip_suffix('h').map(str::parse::<u64>);
        let duration = match hours {
            Some(Ok(hours @ 1..=MOST_HOURS)) => {
                Some(Duration::from_secs(hours.saturating_mul(3600)))
            }
            Some(_) => None,
            None => Span::parse(text).ok().map(|Span(duration)| duration),
        };
        duration
            .filter(|duration| *duration >= Duration::from_secs(1))
            .map(Self)
            .ok_or_else(|| {
                Mistake::at(
                    value,
                    format!("{text:?} is no such duration; write a number and m or h, such as \"30m\" or \"8h\", at most \"12h\""),
                )
            })
    }
}

table! {
    pub(super) struct FactorKeys {
        pub(super) remember: Option<Remember>,
        pub(super) remember_for: Option<RememberFor>,
    }
}

impl FactorKeys {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            remember: self.remember.or(below.remember),
            remember_for: self.remember_for.or(below.remember_for),
        }
    }

    /// What the keys say, and defaults for the rest.
    pub(super) fn rules(self) -> FactorRules {
        FactorRules {
            remember: self.remember.unwrap_or_default(),
            remember_for: self.remember_for.map_or(DEFAULT, |RememberFor(time)| time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn rules(text: &str) -> Result<FactorRules, String> {
        let keys: FactorKeys = read::from_text(text).map_err(|mistake| mistake.message)?;
        Ok(keys.rules())
    }

    #[test]
    fn nothing_is_remembered_unless_it_says_so() {
        assert_eq!(rules("").unwrap().remember, Remember::Never);
        let it = rules("remember = \"session\"").unwrap();
        assert_eq!(it.remember, Remember::Session);
        assert_eq!(it.remember_for, Duration::from_secs(3600));
    }

    #[test]
    fn a_time_has_an_end() {
        let seconds = |text: &str| {
            rules(&format!("remember_for = {text:?}")).map(|it| it.remember_for.as_secs())
        };
        assert_eq!(seconds("30m"), Ok(1800));
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("8h"), Ok(8 * 3600));
        assert_eq!(seconds("12h"), Ok(12 * 3600));
        for text in [
            "0s", "0h", "13h", "61m", "500ms", "h", "-1h", "1d", "1 h", "",
        ] {
            assert!(seconds(text).is_err(), "{text:?}");
        }
    }
}
