//! The value of a field, checked as far as possible before it is sent.

use serde::Serialize;
use time::{Date, Month, Time, UtcOffset};

use crate::secret::Secret;

/// A field's value.
#[derive(Clone)]
pub(super) enum Value {
    Text(Secret),
    Number(i64),
    Flag(bool),
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text.expose()),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
        }
    }
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Secret::new(text.to_owned()))
    }
}

/// A whole number.
pub(super) fn number(typed: &str) -> Option<Value> {
    typed.parse().ok().map(Value::Number)
}

/// A valid date, as `YYYY-MM-DD`.
pub(super) fn date(typed: &str) -> Option<Value> {
    is_day(typed).then(|| Value::text(typed))
}

/// A date and time as `YYYY-MM-DD HH:MM`, optionally with seconds and an offset from UTC. The
/// format is that of ISO 8601, with `T` or a blank in the middle.
pub(super) fn date_time(typed: &str) -> Option<Value> {
    let text = typed.replacen(' ', "T", 1);
    let (day, time) = text.split_once('T')?;
    (is_day(day) && is_time(time)).then(|| Value::text(&text))
}

// The module does not use the parsers of `time`: in the version that Rust 1.85 can build,
// one of them can exhaust the stack (see deny.toml).

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    let (Ok(year), Some(month), Some(day)) = (year.parse(), two_digits(month), two_digits(day))
    else {
        return false;
    };
    is_year
        && Month::try_from(month)
            .is_ok_and(|month| Date::from_calendar_date(year, month, day).is_ok())
}

/// `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`, then nothing, `Z`, `+HH` or `+HH:MM`.
fn is_time(text: &str) -> bool {
    let (time, offset) = text.split_at(text.find(['Z', '+', '-']).unwrap_or(text.len()));
    let (clock, fraction) = match time.split_once('.') {
        Some((clock, fraction)) => (clock, Some(fraction)),
        None => (time, None),
    };
    let is_clock = match (between_colons(clock).as_deref(), fraction) {
        (Some([hour, minute]), None) => Time::from_hms(*hour, *minute, 0).is_ok(),
        (Some([hour, minute, second]), None) => Time::from_hms(*hour, *minute, *second).is_ok(),
        (Some([hour, minute, second]), Some(fraction)) => {
            Time::from_hms(*hour, *minute, *second).is_ok()
                && (1..=6).contains(&fraction.len())
                && fraction.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    };
    is_clock && (matches!(offset, "" | "Z") || is_offset(offset))
}

fn is_offset(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']);
    let (hours, minutes) = match digits.and_then(between_colons).as_deref() {
        Some([hours]) => (*hours, 0),
        Some([hours, minutes]) => (*hours, *minutes),
        _ => return false,
    };
    let (Ok(hours), Ok(minutes)) = (i8::try_from(hours), i8::try_from(minutes)) else {
        return false;
    };
    UtcOffset::from_hms(hours, minutes, 0).is_ok()
}

fn between_colons(text: &str) -> Option<Vec<u8>> {
    text.split(':').map(two_digits).collect()
}

fn two_digits(text: &str) -> Option<u8> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_a_day_that_there_is() {
        for right in ["2026-02-28", "2028-02-29", "1999-12-31"] {
            assert!(date(right).is_some(), "{right}");
        }
        for wrong in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "26-01-01",
            "01.02.2026",
            "2026-02-28x",
            "2026/02/28",
        ] {
            assert!(date(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_moment_may_have_a_blank_seconds_and_an_offset() {
        for right in [
            "2026-02-28 09:30",
            "2026-02-28T09:30",
            "2026-02-28 09:30:15",
            "2026-02-28T09:30:15+02:00",
            "2026-02-28T09:30Z",
            "2026-02-28 23:59:59.123456-03",
        ] {
            assert!(date_time(right).is_some(), "{right}");
        }
        for wrong in [
            "2026-02-28",
            "2026-02-28 25:00",
            "2026-02-30 09:30",
            "tomorrow",
            "2026-02-28  09:30",
            "2026-02-28 9:30",
            "2026-02-28 09",
            "2026-02-28 09:30:60",
            "2026-02-28 09:30.5",
            "2026-02-28 09:30:15.",
            "2026-02-28 09:30:15.1234567",
            "2026-02-28 09:30:15:01",
            "2026-02-28 09:30+",
            "2026-02-28 09:30+26:00",
            "2026-02-28 09:30+02:60",
            "2026-02-28 09:30+02:00:00",
            "2026-02-28 09:30Zx",
            "2026-02-28 09:30 UTC",
            "+026-02-28 09:30",
            "2026-02-28T09:30T",
            "2026-02-28 ",
            "",
        ] {
            assert!(date_time(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_whole() {
        assert!(matches!(number("-12"), Some(Value::Number(-12))));
        for wrong in ["", "1.5", "1e3", "one", "99999999999999999999"] {
            assert!(number(wrong).is_none(), "{wrong}");
        }
    }
}
