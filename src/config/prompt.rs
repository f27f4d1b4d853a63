//! `[prompt]`: what people are asked, and how.

use std::sync::Arc;
use std::time::Duration;

use super::read::{FromToml, Mistake, Written, one_of, parsed, table};
use super::values::Limit;

use crate::display::PromptStyle;
use crate::words::Words;

/// How people are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    /// Asks for the password; without a blank at the end.
    pub password: String,
    /// Asks for a code of the second factor; without a blank at the end.
    pub code: String,
    /// How many codes may be tried in one login, and how often one question may
    /// be answered wrongly; at least one.
    pub attempts: u32,
    /// For how long authentik refuses even a right code after the first wrong one; the
    /// time doubles with each further one.
    pub code_pause: Duration,
    /// What authentik is asked to speak (`Accept-Language`).
    pub language: Option<LanguageTag>,
    /// The module's own words, in that language.
    pub words: Arc<Words>,
    /// How a question is put together.
    pub style: PromptStyle,
    /// How a QR code is drawn.
    pub qr: QrStyle,
    /// The classes of second factors that may be used here, the first one
    /// first; `None`: all, the one used last first.
    pub second_factor: Option<Vec<FactorClass>>,
    /// Stands between a password and a code that are typed in one answer.
    pub code_separator: Option<String>,
    /// Whether the application can ask only once.
    pub single: bool,
    /// Whether a redirect stage in mid-flow is passed by.
    pub skip_redirects: bool,
}

/// A class of devices that a person at a terminal can use, by authentik's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorClass {
    /// A code from an authenticator app.
    Totp,
    /// A recovery code.
    Static,
    /// A code by text message.
    Sms,
    /// A code by e-mail.
    Email,
    /// A push to a phone.
    Duo,
    /// A security key that is plugged into this host.
    Webauthn,
}

impl FactorClass {
    const ALL: [(&str, Self); 6] = [
        ("totp", Self::Totp),
        ("static", Self::Static),
        ("sms", Self::Sms),
        ("email", Self::Email),
        ("duo", Self::Duo),
        ("webauthn", Self::Webauthn),
    ];

    /// The class that authentik calls so, where a terminal can serve it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(called, _)| *called == name);
        named.map(|(_, class)| *class)
    }
}

/// How a QR code is drawn at first. Neither the colours of the terminal nor, over
/// ssh, its character set can be known from within a PAM module: Enter alone draws it
/// in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QrStyle {
    /// As `Utf8` where the application's locale is UTF-8, and in sshd; else as `Ascii`.
    #[default]
    Auto,
    /// With half blocks of Unicode: about 41 columns and 21 lines.
    Utf8,
    /// With `@` and blanks: about 78 columns and 39 lines.
    Ascii,
    /// Not at all; what is in it is always shown as text, too.
    Never,
}

/// The tag of a language, such as `de` or `pt-BR` (RFC 5646): it goes into a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageTag(String);

impl LanguageTag {
    fn parse(tag: &str) -> Result<Self, String> {
        let mut parts = tag.split('-');
        let language = parts.next().unwrap_or_default();
        let is_language =
            (2..=3).contains(&language.len()) && language.chars().all(|c| c.is_ascii_alphabetic());
        let are_subtags = parts.all(|part| {
            (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
        });
        if is_language && are_subtags && tag.len() <= 35 {
            return Ok(Self(tag.to_owned()));
        }
        Err(format!(
            "{tag:?} is no tag of a language; write one such as \"en\", \"de\" or \"fr\""
        ))
    }

    /// The tag itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromToml for LanguageTag {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        parsed(value, Self::parse)
    }
}

impl FromToml for FactorClass {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        one_of(value, &Self::ALL)
    }
}

impl FromToml for PromptStyle {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        let choices = [
            ("auto", Self::Auto),
            ("short", Self::Short),
            ("full", Self::Full),
        ];
        one_of(value, &choices)
    }
}

impl FromToml for QrStyle {
    fn from_toml(value: &Written<'_>) -> Result<Self, Mistake> {
        let choices = [
            ("auto", Self::Auto),
            ("utf8", Self::Utf8),
            ("ascii", Self::Ascii),
            ("never", Self::Never),
        ];
        one_of(value, &choices)
    }
}

table! {
    pub(super) struct PromptKeys {
        password: Option<String>,
        code: Option<String>,
        attempts: Option<u32>,
        code_pause: Option<Limit>,
        language: Option<LanguageTag>,
        style: Option<PromptStyle>,
        qr: Option<QrStyle>,
        pub(super) second_factor: Option<Vec<FactorClass>>,
        code_separator: Option<String>,
        single: Option<bool>,
        skip_redirects: Option<bool>,
    }
}

impl PromptKeys {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            password: self.password.or(below.password),
            code: self.code.or(below.code),
            attempts: self.attempts.or(below.attempts),
            code_pause: self.code_pause.or(below.code_pause),
            language: self.language.or(below.language),
            style: self.style.or(below.style),
            qr: self.qr.or(below.qr),
            second_factor: self.second_factor.or(below.second_factor),
            code_separator: self.code_separator.or(below.code_separator),
            single: self.single.or(below.single),
            skip_redirects: self.skip_redirects.or(below.skip_redirects),
        }
    }

    /// What the keys say, and defaults for the rest.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub(super) fn prompts(self) -> Result<Prompts, String> {
        let attempts = self.attempts.unwrap_or(3);
        if !(1..=10).contains(&attempts) {
            return Err(format!(
                "[prompt] attempts is {attempts}; write a number from 1 to 10"
            ));
        }
        let words = Arc::new(Words::of(
            self.language.as_ref().map_or("en", LanguageTag::as_str),
        ));
        if self.second_factor.as_ref().is_some_and(Vec::is_empty) {
            return Err(
                "[prompt] second_factor is empty, so no code could be given; write second_factor = [\"totp\", \"static\"], or leave it out"
                    .into(),
            );
        }
        // An empty one switches it off for a service.
        let code_separator = self
            .code_separator
            .filter(|separator| !separator.is_empty());
        if let Some(separator) = &code_separator {
            let fits = separator.len() <= 8
                && separator
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !c.is_ascii_alphanumeric());
            if !fits {
                return Err(format!(
                    "[prompt] code_separator is {separator:?}; write up to 8 signs that are neither letters nor digits, such as \";\""
                ));
            }
        }
        Ok(Prompts {
            password: prompt_text("password", self.password, words.password)?,
            code: prompt_text("code", self.code, words.code)?,
            attempts,
            code_pause: self
                .code_pause
                .map_or(Duration::from_secs(1), |Limit(pause)| pause),
            language: self.language,
            words,
            style: self.style.unwrap_or_default(),
            qr: self.qr.unwrap_or_default(),
            second_factor: self.second_factor,
            code_separator,
            single: self.single.unwrap_or(false),
            skip_redirects: self.skip_redirects.unwrap_or(false),
        })
    }
}

fn prompt_text(key: &str, text: Option<String>, default: &str) -> Result<String, String> {
    let text = crate::text::one_line(text.as_deref().unwrap_or(default), 200);
    if text.is_empty() {
        return Err(format!(
            "[prompt] {key} is empty; write what people should read, such as {default:?}"
        ));
    }
    Ok(text)
}
