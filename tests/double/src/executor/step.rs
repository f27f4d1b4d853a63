//! The result of a request to a stage.

use std::time::Duration;

use serde_json::{Map, Value, json};

/// A challenge, without the parts that every challenge shares.
#[derive(Debug, Clone)]
pub(crate) struct Challenge {
    pub(crate) fields: Map<String, Value>,
    /// Whether `pending_user` and its avatar belong to it.
    pub(crate) pending_user: bool,
}

impl Challenge {
    pub(crate) fn new(component: &str) -> Challenge {
        let mut fields = Map::new();
        fields.insert("component".to_owned(), json!(component));
        Challenge {
            fields,
            pending_user: false,
        }
    }

    pub(crate) fn pending_user(mut self) -> Challenge {
        self.pending_user = true;
        self
    }

    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Challenge {
        self.fields.insert(key.to_owned(), value.into());
        self
    }
}

/// The errors of an answer, by field.
#[derive(Debug, Clone, Default)]
pub(crate) struct Errors(pub(crate) Map<String, Value>);

/// The key of errors that belong to no field.
pub(crate) const NON_FIELD: &str = "non_field_errors";

impl Errors {
    pub(crate) fn one(field: &str, string: &str, code: &str) -> Errors {
        let mut errors = Errors::default();
        errors.add(field, string, code);
        errors
    }

    pub(crate) fn add(&mut self, field: &str, string: &str, code: &str) {
        let entry = json!({"string": string, "code": code});
        if let Value::Array(list) = self.0.entry(field.to_owned()).or_insert_with(|| json!([])) {
            list.push(entry);
        }
    }

    /// Adds the error of a field, if there is one, and returns its value.
    pub(crate) fn collect<T>(&mut self, field: &str, checked: Result<T, Complaint>) -> Option<T> {
        match checked {
            Ok(value) => Some(value),
            Err(complaint) => {
                self.add(field, &complaint.string, &complaint.code);
                None
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What is wrong with one value.
#[derive(Debug, Clone)]
pub(crate) struct Complaint {
    pub(crate) string: String,
    pub(crate) code: String,
}

impl Complaint {
    pub(crate) fn new(string: &str, code: &str) -> Complaint {
        Complaint {
            string: string.to_owned(),
            code: code.to_owned(),
        }
    }

    pub(crate) fn required() -> Complaint {
        Complaint::new("This field is required.", "required")
    }

    pub(crate) fn blank() -> Complaint {
        Complaint::new("This field may not be blank.", "blank")
    }

    pub(crate) fn null() -> Complaint {
        Complaint::new("This field may not be null.", "null")
    }
}

/// The result of a request to a stage.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// The stage asks.
    Show(Challenge),
    /// The stage is done.
    Done,
    /// The stage redirects to the same address, and is shown again.
    Stay,
    /// The plan is discarded. The flow starts again, and its first stage takes the answer.
    StartOver,
    /// The answer was wrong; the stage asks again.
    Invalid(Errors),
    /// The flow ends in access-denied.
    Denied(String),
    /// The stage crashed: a flow-error.
    Crash,
    /// The answer is not known yet.
    Wait(Duration),
}

/// How a text field is checked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Text {
    pub(crate) optional: bool,
    pub(crate) blank: bool,
    pub(crate) null: bool,
    pub(crate) keep_blanks_around: bool,
}

impl Text {
    /// The text under a key. Numbers count as text. Blanks around it are usually removed.
    pub(crate) fn check(
        self,
        answer: &Map<String, Value>,
        key: &str,
    ) -> Result<Option<String>, Complaint> {
        let text = match answer.get(key) {
            None if self.optional => return Ok(None),
            None => return Err(Complaint::required()),
            Some(Value::Null) if self.null => return Ok(None),
            Some(Value::Null) => return Err(Complaint::null()),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(Complaint::new("Not a valid string.", "invalid")),
        };
        if text.contains('\0') {
            return Err(Complaint::new(
                "Null characters are not allowed.",
                "null_characters_not_allowed",
            ));
        }
        let text = if self.keep_blanks_around {
            text
        } else {
            text.trim().to_owned()
        };
        if text.is_empty() && !self.blank {
            return Err(Complaint::blank());
        }
        Ok(Some(text))
    }
}
