//! What is sent for a field, checked as far as it can be before it is sent.

use serde::Serialize;
use time::format_description::BorrowedFormatItem as Item;
use time::format_description::Component;
use time::format_description::modifier;
use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

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

/// A day that there is, as `YYYY-MM-DD`.
pub(super) fn date(typed: &str) -> Option<Value> {
    let is_date = typed.len() == 10 && Date::parse(typed, DATE).is_ok();
    is_date.then(|| Value::text(typed))
}

const DATE: &[Item<'_>] = &[
    Item::Component(Component::Year(modifier::Year::default())),
    Item::Literal(b"-"),
    Item::Component(Component::Month(modifier::Month::default())),
    Item::Literal(b"-"),
    Item::Component(Component::Day(modifier::Day::default())),
];

/// A moment as `YYYY-MM-DD HH:MM`, with seconds and an offset from UTC or
/// without: as ISO 8601 has it, but that a blank may stand for the `T`.
pub(super) fn date_time(typed: &str) -> Option<Value> {
    let text = typed.replacen(' ', "T", 1);
    let (day, _) = text.split_once('T')?;
    date(day)?;
    let is_moment = PrimitiveDateTime::parse(&text, &Iso8601::PARSING).is_ok()
        || OffsetDateTime::parse(&text, &Iso8601::PARSING).is_ok();
    is_moment.then(|| Value::text(&text))
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
        ] {
            assert!(date_time(right).is_some(), "{right}");
        }
        for wrong in [
            "2026-02-28",
            "2026-02-28 25:00",
            "2026-02-30 09:30",
            "tomorrow",
            "2026-02-28  09:30",
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
