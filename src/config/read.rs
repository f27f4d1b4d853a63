//! How values are taken from a parsed file.
//!
//! serde could do it, but what it generates for the configuration is a twentieth of the
//! module, and its messages know the types of Rust and not what an administrator writes.

use std::net::IpAddr;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

/// What is wrong with the text, and at which byte.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) message: String,
    pub(super) at: Option<usize>,
}

impl Mistake {
    pub(super) fn at<T>(place: &Spanned<T>, message: String) -> Self {
        Self {
            message,
            at: Some(place.span().start),
        }
    }
}

impl From<Error> for Mistake {
    fn from(error: Error) -> Self {
        Self {
            message: error.message().to_owned(),
            at: error.span().map(|span| span.start),
        }
    }
}

/// A value, as it is written in a file.
pub(super) type Written<'a> = Spanned<DeValue<'a>>;

/// What can be read from a value.
pub(super) trait FromToml: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it and what to write instead, and where.
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake>;
}

/// A field of a table: a key that may be missing, or a table of its own. It is filled
/// in place: a struct that is put together from its fields is larger as code.
pub(super) trait Field {
    fn fill(&mut self, value: &Written<'_>) -> Result<(), Mistake>;
}

impl<T: FromToml> Field for Option<T> {
    fn fill(&mut self, value: &Written<'_>) -> Result<(), Mistake> {
        *self = Some(T::from_toml(value)?);
        Ok(())
    }
}

/// A table of the file, all of whose keys are known.
pub(super) struct Table<'a>(&'a DeTable<'a>);

impl<'a> Table<'a> {
    /// The value as a table with no other keys than `known`.
    ///
    /// # Errors
    /// If the value is not a table, or one of its keys is unknown: an administrator could rely
    /// on a key that was silently ignored.
    pub(super) fn of(value: &'a Written<'a>, known: &[&str]) -> Result<Self, Mistake> {
        match value.get_ref() {
            DeValue::Table(table) => {
                refuse_unknown(table, known)?;
                Ok(Self(table))
            }
            _ => Err(expected(value, "a table")),
        }
    }

    pub(super) fn fill(&self, name: &str, field: &mut dyn Field) -> Result<(), Mistake> {
        self.0.get(name).map_or(Ok(()), |value| field.fill(value))
    }
}

/// Refuses a table that holds other keys than `known`.
pub(super) fn refuse_unknown(table: &DeTable<'_>, known: &[&str]) -> Result<(), Mistake> {
    match table
        .keys()
        .find(|key| !known.contains(&key.get_ref().as_ref()))
    {
        None => Ok(()),
        Some(key) => Err(Mistake::at(
            key,
            format!(
                "unknown key {:?}; allowed here: {}",
                key.get_ref(),
                known.join(", ")
            ),
        )),
    }
}

/// The value as a table, whatever its keys.
///
/// # Errors
/// If the value is not a table.
pub(super) fn own_table<'a>(value: Written<'a>) -> Result<DeTable<'a>, Mistake> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Ok(table),
        other => Err(expected(&Spanned::new(span, other), "a table")),
    }
}

/// Defines a table of the configuration: its keys are called as its fields are, or as
/// stands in parentheses behind one.
macro_rules! table {
    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
    ($(#[$meta:meta])* $visible:vis struct $name:ident {
        $($of:vis $field:ident $(($key:literal))?: $type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default)]
        $visible struct $name { $($of $field: $type,)* }

        impl $name {
            /// The keys that it knows.
            pub(super) const KEYS: &[&str] = &[$(table!(@key $field $($key)?),)*];
        }

        impl $crate::config::read::FromToml for $name {
            fn from_toml(
                value: &$crate::config::read::Written<'_>,
            ) -> Result<Self, $crate::config::read::Mistake> {
                let table = $crate::config::read::Table::of(value, Self::KEYS)?;
                let mut keys = Self::default();
                $(table.fill(table!(@key $field $($key)?), &mut keys.$field)?;)*
                Ok(keys)
            }
        }

        impl $crate::config::read::Field for $name {
            fn fill(
                &mut self,
                value: &$crate::config::read::Written<'_>,
            ) -> Result<(), $crate::config::read::Mistake> {
                *self = $crate::config::read::FromToml::from_toml(value)?;
                Ok(())
            }
        }
    };
}
pub(super) use table;

/// The text of a string.
pub(super) fn text<'a>(value: &'a Written<'_>) -> Result<&'a str, Mistake> {
    text_of(value, "a string in quotes")
}

/// The text of a string; `wanted` says what it is to hold.
pub(super) fn text_of<'a>(value: &'a Written<'_>, wanted: &str) -> Result<&'a str, Mistake> {
    value
        .get_ref()
        .as_str()
        .ok_or_else(|| expected(value, wanted))
}

/// What `parse` makes of the text of a string.
pub(super) fn parsed<T>(
    value: &Written<'_>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, Mistake> {
    parse(text(value)?).map_err(|problem| Mistake::at(value, problem))
}

/// Which of the words of `choices` the string is.
pub(super) fn one_of<T: Copy>(value: &Written<'_>, choices: &[(&str, T)]) -> Result<T, Mistake> {
    let text = text(value)?;
    match choices.iter().find(|(word, _)| *word == text) {
        Some((_, choice)) => Ok(*choice),
        None => {
            let words: Vec<String> = choices
                .iter()
                .map(|(word, _)| format!("{word:?}"))
                .collect();
            Err(no_such_word(value, text, &words))
        }
    }
}

fn no_such_word(value: &Written<'_>, text: &str, words: &[String]) -> Mistake {
    Mistake::at(
        value,
        format!("{text:?} is unknown; write one of {}", words.join(", ")),
    )
}

/// Says what was expected and what stands there.
fn expected(value: &Written<'_>, wanted: &str) -> Mistake {
    let found = match value.get_ref() {
        DeValue::String(text) => format!("the string {text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(true) => "the boolean true".into(),
        DeValue::Boolean(false) => "the boolean false".into(),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "an array".into(),
        DeValue::Table(_) => "a table".into(),
    };
    Mistake::at(value, format!("expected {wanted}, found {found}"))
}

impl FromToml for String {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        text(value).map(str::to_owned)
    }
}

impl FromToml for bool {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        let wanted = "a boolean, true or false without quotes";
        value
            .get_ref()
            .as_bool()
            .ok_or_else(|| expected(value, wanted))
    }
}

impl FromToml for u32 {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        value
            .get_ref()
            .as_integer()
            .and_then(|number| Self::from_str_radix(number.as_str(), number.radix()).ok())
            .ok_or_else(|| expected(value, "a whole number from 0 to 4294967295"))
    }
}

impl FromToml for IpAddr {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, |text| {
            text.parse().map_err(|_| {
                format!(
                    "{text:?} is no IP address; write one such as \"192.0.2.1\" or \"2001:db8::1\""
                )
            })
        })
    }
}

impl<T: FromToml> FromToml for Vec<T> {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        match value.get_ref() {
            DeValue::Array(values) => values.iter().map(T::from_toml).collect(),
            _ => Err(expected(value, "an array, such as [\"a\", \"b\"]")),
        }
    }
}

/// A whole document as one value.
#[cfg(test)]
pub(super) fn from_text<T: FromToml>(text: &str) -> Result<T, Mistake> {
    let document = DeTable::parse(text)?;
    let span = document.span();
    T::from_toml(&Spanned::new(span, DeValue::Table(document.into_inner())))
}

#[cfg(test)]
mod tests {
    use super::super::{Arguments, Config};

    const LEAST: &str = "url = \"https://a.example\"\nflow = \"f\"\naccess.allow_any_user = true\n";

    fn load(text: &str) -> Result<Config, String> {
        let arguments = Arguments::parse(&[c"config=/f.toml"]).unwrap();
        Config::from_bytes(text.as_bytes(), "sshd", &arguments).map_err(|error| error.to_string())
    }

    /// Each with its line, and with what is wrong.
    const WRONG: &str = r#"
        url = 5                         1 expected a string in quotes, found the number 5
        url = 0x1F                      1 expected a string in quotes, found the number 0x1F
        url = 2026-01-01                1 expected a string in quotes, found a date
        override = "yes"                1 expected a boolean, true or false without quotes, found the string "yes"
        services = []                   1 expected a table, found an array
        services.sudo = true            1 expected a table, found the boolean true
        user = "root"                   1 expected a table, found the string "root"
        [user]|min_uid = 4294967296     2 expected a whole number from 0 to 4294967295, found the number 4294967296
        [user]|min_uid = -1             2 expected a whole number from 0 to 4294967295, found the number -1
        [user]|min_uid = 1.5            2 expected a whole number from 0 to 4294967295, found the number 1.5
        [user]|min_uid = nan            2 expected a whole number from 0 to 4294967295, found the number nan
        [user]|allow = "a"              2 expected an array, such as ["a", "b"], found the string "a"
        [user]|allow = ["a",| 5]        3 expected a string in quotes, found the number 5
        [user]|allow = { a = 1 }        2 expected an array, such as ["a", "b"], found a table
        [user]|types = ["human"]        2 "human" is unknown; write one of "internal", "external", "service_account", "internal_service_account"
        [user]|bind = "compare"         2 "compare" is unknown; write one of "never", "uid"
        addresses = ["localhost"]       1 "localhost" is no IP address; write one such as "192.0.2.1" or "2001:db8::1"
        fail_delay = 5                  1 expected a duration in quotes, such as "5s" or "2m", found the number 5
        [account]|unknown = "Deny"      2 "Deny" is unknown; write one of "deny", "ignore"
        [prompt]|qr = ""                2 "" is unknown; write one of "auto", "utf8", "ascii", "never"
        [prompt]|second_factor = ["x"]  2 "x" is unknown; write one of "totp", "static", "sms", "email", "duo", "webauthn"
        [prompt]|language = "x"         2 "x" is no tag of a language; write one such as "en", "de" or "fr"
        [second_factor]|remember = true 2 expected a string in quotes, found the boolean true
        [second_factor]|remember = "x"  2 "x" is unknown; write one of "never", "session"
        [security_key]|where = true     2 expected a string in quotes, found the boolean true
        [security_key]|place = "any"    2 unknown key "place"; allowed here: enabled, where, timeout, pin_reserve, passkey, origin, rp_id
    "#;

    #[test]
    fn a_wrong_value_is_named_with_what_is_expected() {
        let mut seen = 0;
        for line in WRONG.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (text, wanted) = line.split_at(32);
            let shown = load(&text.trim().replace('|', "\n")).unwrap_err();
            assert_eq!(shown, format!("/f.toml:{}", wanted.replacen(' ', ": ", 1)));
            seen += 1;
        }
        assert_eq!(seen, 26);
    }

    #[test]
    fn numbers_are_read_in_each_way_that_toml_has() {
        for number in [
            "2000",
            "+2000",
            "2_000",
            "0x7d0",
            "0x7D0",
            "0o3720",
            "0b111_1101_0000",
        ] {
            let config = load(&format!("{LEAST}[user]\nmin_uid = {number}\n")).unwrap();
            assert_eq!(config.user.min_uid, 2000, "{number}");
        }
    }

    #[test]
    fn tables_are_read_in_each_way_that_toml_has() {
        for text in [
            "user = { min_uid = 2000 }\n",
            "user.min_uid = 2000\n",
            "\"user\".'min_uid' = 2000\n",
        ] {
            let config = load(&format!("{text}{LEAST}")).unwrap();
            assert_eq!(config.user.min_uid, 2000, "{text}");
        }
        for text in ["[[user]]\nmin_uid = 2000\n", "user = [2000]\n"] {
            let shown = load(text).unwrap_err();
            assert!(
                shown.contains("expected a table, found an array"),
                "{shown}"
            );
        }
    }
}
