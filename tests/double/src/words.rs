//! What the server says to people, in their language as far as it was recorded.

use crate::exchange::Call;

/// A language that the double has words in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

impl Language {
    /// What `Accept-Language` asks for first.
    pub(crate) fn of(call: &Call) -> Language {
        let first = call
            .header("accept-language")
            .and_then(|header| header.split([',', ';', '-']).next())
            .unwrap_or_default();
        if first.trim().eq_ignore_ascii_case("de") {
            Language::German
        } else {
            Language::English
        }
    }

    /// What `Content-Language` says.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// The text in this language, or in English where nobody recorded the other one.
    pub(crate) fn say(self, english: &str) -> String {
        let german = match english {
            "Log in" => "Anmelden",
            "Invalid password" => "Ungültiges Passwort",
            _ => english,
        };
        match self {
            Language::English => english.to_owned(),
            Language::German => german.to_owned(),
        }
    }
}
