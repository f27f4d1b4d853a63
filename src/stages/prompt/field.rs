//! One field of a form: its description by the server, and the text for the person.

use serde::Deserialize;

use crate::text;
use crate::words::{Words, fill};

/// The longest label, small print, or value that is shown, in bytes.
const MAX_LABEL: usize = 200;
const MAX_SUB_TEXT: usize = 400;
const MAX_SHOWN: usize = 2000;

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text, also `username` and `email`, which the server checks.
    Text,
    Password,
    Number,
    Checkbox,
    Choice,
    Date,
    DateTime,
    /// Shown, and sent back unchanged.
    ReadOnly,
    /// Only shown.
    Static,
    Separator,
    /// Neither shown nor asked for, but sent back unchanged.
    Hidden,
    File,
    /// A type that this version does not know.
    Unknown,
}

impl Kind {
    /// Whether a person answers it.
    pub(super) fn is_asked(self) -> bool {
        matches!(
            self,
            Self::Text
                | Self::Password
                | Self::Number
                | Self::Checkbox
                | Self::Choice
                | Self::Date
                | Self::DateTime
        )
    }
}

/// A field as the server sends it.
#[derive(Debug, Deserialize)]
pub(super) struct Field {
    pub(super) field_key: String,
    #[serde(default)]
    label: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    placeholder: Option<String>,
    #[serde(default)]
    initial_value: Option<String>,
    #[serde(default)]
    pub(super) order: i64,
    #[serde(default)]
    sub_text: Option<String>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
}

/// One of a field's choices. Its label may differ from the value that is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Choice {
    Plain(String),
    Labelled { label: String, value: String },
}

impl Choice {
    pub(super) fn value(&self) -> &str {
        match self {
            Self::Plain(value) | Self::Labelled { value, .. } => value,
        }
    }

    pub(super) fn label(&self) -> String {
        let label = match self {
            Self::Plain(label) | Self::Labelled { label, .. } => label,
        };
        text::one_line(&text::from_html(label, MAX_LABEL), MAX_LABEL)
    }
}

impl Field {
    pub(super) fn kind(&self) -> Kind {
        match self.kind.as_str() {
            "text" | "text_area" | "username" | "email" => Kind::Text,
            // authentik sends no choices for it, so the person types a language tag.
            "ak-locale" if self.choices().is_empty() => Kind::Text,
            "radio-button-group" | "dropdown" | "ak-locale" => Kind::Choice,
            "password" => Kind::Password,
            "number" => Kind::Number,
            "checkbox" => Kind::Checkbox,
            "date" => Kind::Date,
            "date-time" => Kind::DateTime,
            "text_read_only" | "text_area_read_only" => Kind::ReadOnly,
            // The alerts came with 2026.5.0: static text in a coloured box.
            "static" | "alert_info" | "alert_warning" | "alert_danger" => Kind::Static,
            "separator" => Kind::Separator,
            "hidden" => Kind::Hidden,
            "file" => Kind::File,
            _ => Kind::Unknown,
        }
    }

    pub(super) fn choices(&self) -> &[Choice] {
        self.choices.as_deref().unwrap_or_default()
    }

    /// The initial value; empty if there is none.
    pub(super) fn initial_value(&self) -> &str {
        self.initial_value.as_deref().unwrap_or_default()
    }

    /// The label, cleaned, without a colon at its end.
    pub(super) fn label(&self) -> String {
        let label = text::one_line(&text::from_html(&self.label, MAX_LABEL), MAX_LABEL);
        let label = label.trim_end_matches([':', ' ']);
        if label.is_empty() {
            text::one_line(&self.field_key, MAX_LABEL)
        } else {
            label.to_owned()
        }
    }

    /// The small print, cleaned. It may have several lines.
    pub(super) fn sub_text(&self) -> String {
        text::from_html(self.sub_text.as_deref().unwrap_or_default(), MAX_SUB_TEXT)
    }

    /// The text of a field that takes no answer.
    pub(super) fn shown(&self) -> String {
        let value = text::from_html(self.initial_value(), MAX_SHOWN);
        match self.kind() {
            Kind::Static if !value.is_empty() => value,
            Kind::ReadOnly => format!("{}: {value}", self.label()),
            Kind::Separator => text::one_line(&text::from_html(&self.label, MAX_LABEL), MAX_LABEL),
            _ => self.label(),
        }
    }

    /// The prompt. `default` is the meaning of Enter.
    pub(super) fn prompt(&self, words: &Words, default: &str) -> String {
        let mut remarks = Vec::new();
        if !self.required {
            remarks.push(words.optional.to_owned());
        }
        match self.kind() {
            Kind::Date => remarks.push("YYYY-MM-DD".into()),
            Kind::DateTime => remarks.push("YYYY-MM-DD HH:MM".into()),
            _ => {}
        }
        let example = text::one_line(self.placeholder.as_deref().unwrap_or_default(), 80);
        if !example.is_empty() && default.is_empty() {
            remarks.push(fill(words.for_example, "example", &example));
        }
        let mut prompt = self.label();
        if !remarks.is_empty() {
            prompt = format!("{prompt} ({})", remarks.join(", "));
        }
        if !default.is_empty() {
            prompt = format!("{prompt} [{}]", text::one_line(default, 120));
        }
        format!("{prompt}:")
    }
}
