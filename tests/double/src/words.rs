//! The server's texts for people, in their language if it was recorded.

use crate::exchange::Call;

/// A language that the double has words in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
    French,
}

impl Language {
    /// What `Accept-Language` asks for first.
    pub(crate) fn of(call: &Call) -> Language {
        let first = call
            .header("accept-language")
            .and_then(|header| header.split([',', ';', '-']).next())
            .unwrap_or_default();
        match first.trim().to_lowercase().as_str() {
            "de" => Language::German,
            "fr" => Language::French,
            _ => Language::English,
        }
    }

    /// What `Content-Language` says.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
            Language::French => "fr",
        }
    }

    /// The text in this language, or in English if it was not recorded.
    pub(crate) fn say(self, english: &str) -> String {
        let words = match (self, english) {
            (Language::German, "Log in") => "Anmelden",
            (Language::German, "Invalid password") => "Ungültiges Passwort",
            (Language::German, "No (allowed) MFA authenticator configured.") => {
                "Kein (erlaubter) MFA-Authentifikator konfiguriert."
            }
            (Language::French, "Log in") => "Se connecter",
            (Language::French, "Failed to authenticate.") => "Échec d'authentification.",
            _ => english,
        };
        words.to_owned()
    }
}
