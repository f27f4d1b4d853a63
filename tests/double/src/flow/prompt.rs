//! The prompt stage and its fields.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Stage;

/// One field of a prompt stage.
#[derive(Debug, Clone)]
pub struct Field {
    /// The key under which the answer is sent.
    pub key: String,
    /// What people see.
    pub label: String,
    /// The type, in the API's words.
    pub kind: String,
    /// Whether an answer is required.
    pub required: bool,
    /// A placeholder.
    pub placeholder: String,
    /// The initial value.
    pub initial_value: String,
    /// Its position.
    pub order: i64,
    /// The help text, which may contain HTML.
    pub sub_text: String,
    /// The choices: texts, or objects with a `value` and a `label`.
    pub choices: Option<Vec<Value>>,
    /// Every answer crashes the stage, as with choices written as dictionaries.
    pub crashes: bool,
}

impl Field {
    /// A required field of this type.
    pub fn new(key: &str, kind: &str, label: &str) -> Field {
        Field {
            key: key.to_owned(),
            label: label.to_owned(),
            kind: kind.to_owned(),
            required: true,
            placeholder: String::new(),
            initial_value: String::new(),
            order: 0,
            sub_text: String::new(),
            choices: None,
            crashes: false,
        }
    }

    /// No answer is required.
    pub fn optional(mut self) -> Field {
        self.required = false;
        self
    }

    /// Sets the placeholder.
    pub fn placeholder(mut self, text: &str) -> Field {
        self.placeholder = text.to_owned();
        self
    }

    /// Sets the initial value.
    pub fn initial(mut self, value: &str) -> Field {
        self.initial_value = value.to_owned();
        self
    }

    /// Sets the position.
    pub fn order(mut self, order: i64) -> Field {
        self.order = order;
        self
    }

    /// Sets the help text.
    pub fn sub_text(mut self, text: &str) -> Field {
        self.sub_text = text.to_owned();
        self
    }

    /// Sets the choices.
    pub fn choices(mut self, choices: &[&str]) -> Field {
        self.choices = Some(choices.iter().map(|choice| json!(choice)).collect());
        self
    }

    /// Makes every answer crash the stage.
    pub fn crashing(mut self) -> Field {
        self.crashes = true;
        self
    }

    /// A field as a challenge shows it.
    #[must_use]
    pub fn of_challenge(shown: &Value) -> Field {
        let text = |key: &str| shown[key].as_str().unwrap_or_default().to_owned();
        Field {
            key: text("field_key"),
            label: text("label"),
            kind: text("type"),
            required: shown["required"].as_bool().unwrap_or_default(),
            placeholder: text("placeholder"),
            initial_value: text("initial_value"),
            order: shown["order"].as_i64().unwrap_or_default(),
            sub_text: text("sub_text"),
            choices: shown["choices"].as_array().cloned(),
            crashes: false,
        }
    }

    /// The field as a challenge shows it, with choices as texts or `as_objects`.
    pub(crate) fn challenge(&self, as_objects: bool) -> Value {
        let choice = |choice: &Value| match choice {
            Value::String(text) if as_objects => json!({"value": text, "label": text}),
            other => other.clone(),
        };
        let choices = self.choices.as_ref();
        let choices: Option<Vec<Value>> =
            choices.map(|choices| choices.iter().map(choice).collect());
        json!({
            "field_key": self.key,
            "label": self.label,
            "type": self.kind,
            "required": self.required,
            "placeholder": self.placeholder,
            "initial_value": self.initial_value,
            "order": self.order,
            "sub_text": self.sub_text,
            "choices": choices,
        })
    }
}

type Check = dyn Fn(&Map<String, Value>) -> Vec<String> + Send + Sync;

/// A validation policy: checks all answers, and reports what is wrong with them.
#[derive(Clone)]
pub struct PromptCheck(Arc<Check>);

impl PromptCheck {
    pub(crate) fn complaints(&self, answers: &Map<String, Value>) -> Vec<String> {
        (self.0)(answers)
    }
}

impl fmt::Debug for PromptCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PromptCheck")
    }
}

/// The prompt stage.
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    /// Its fields.
    pub fields: Vec<Field>,
    /// Validation policies.
    pub checks: Vec<PromptCheck>,
}

impl Prompt {
    /// A prompt with these fields.
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Prompt {
        Prompt {
            fields: fields.into_iter().collect(),
            checks: Vec::new(),
        }
    }

    /// Adds a validation policy. It runs when each field is valid by itself.
    pub fn check(
        mut self,
        check: impl Fn(&Map<String, Value>) -> Vec<String> + Send + Sync + 'static,
    ) -> Prompt {
        self.checks.push(PromptCheck(Arc::new(check)));
        self
    }
}

impl From<Prompt> for Stage {
    fn from(stage: Prompt) -> Stage {
        Stage::Prompt(stage)
    }
}
