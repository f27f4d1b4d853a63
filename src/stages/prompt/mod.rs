//! `ak-stage-prompt`: a form, which is asked field by field.

mod field;
mod value;

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::dialogue::{Enter, join};
use super::{Stages, unexpected_answer};
use crate::error::{LoginError, Obstacle};
use crate::fault::ServerFault;
use crate::flow::{Challenge, Response};
use crate::secret::Secret;
use field::{Field, Kind};
use value::Value;

pub(super) const COMPONENT: &str = "ak-stage-prompt";
/// How many fields a form may have.
const MAX_FIELDS: usize = 100;
/// How many choices a field may have. All of them are shown.
const MAX_CHOICES: usize = 200;
const WHAT: &str = "answer";

#[derive(Deserialize)]
struct Details {
    fields: Vec<Field>,
}

/// The answers so far, by the fields' keys. After a refusal, only the wrong ones are asked
/// for again.
#[derive(Default)]
pub(super) struct Form {
    values: BTreeMap<String, Value>,
    /// The key of a field that asks for a password.
    password: Option<String>,
}

impl Form {
    pub(super) fn password(&self) -> Option<&Secret> {
        match self.values.get(self.password.as_ref()?)? {
            Value::Text(password) => Some(password),
            _ => None,
        }
    }
}

struct Answer<'a>(&'a BTreeMap<String, Value>);

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("component", COMPONENT)?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

pub(super) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let details: Details = challenge.details().map_err(unexpected_answer)?;
    if details.fields.len() > MAX_FIELDS {
        return Err(unexpected_answer(ServerFault::UnexpectedAnswer(format!(
            "a form of more than {MAX_FIELDS} fields"
        ))));
    }
    stages.dialogue.may_ask_again(rejected)?;
    let too_many = |field: &Field| field.choices().len() > MAX_CHOICES;
    if details.fields.iter().any(too_many) {
        return Err(unexpected_answer(ServerFault::UnexpectedAnswer(format!(
            "a field with more than {MAX_CHOICES} choices"
        ))));
    }
    let mut fields = details.fields;
    fields.sort_by_key(|field| field.order);
    if rejected == 0 {
        stages.form = Form::default();
        stages.show_title(challenge);
    }
    let wrong = |field: &Field| {
        let errors = challenge.errors();
        let is_named = |field: &Field| errors.iter().any(|error| error.field == field.field_key);
        // An error of the whole form, or of a field that nobody is asked for, may
        // concern any answer.
        let all_named = errors
            .iter()
            .all(|error| fields.iter().any(|field| error.field == field.field_key));
        rejected == 0 || !all_named || is_named(field)
    };
    let mut values = std::mem::take(&mut stages.form.values);
    let mut lead = if rejected == 0 {
        String::new()
    } else {
        general_errors(challenge, &fields)
    };
    let again: Vec<&Field> = fields.iter().filter(|field| wrong(field)).collect();
    for field in &again {
        let errors = words_of(challenge, field);
        if !errors.is_empty() {
            // A refused value is not offered again, because Enter would send it.
            values.remove(&field.field_key);
        }
        lead = join(&lead, &errors);
        take(stages, field, &mut lead, &mut values)?;
    }
    if !lead.is_empty() {
        // There is text after the last question, or there was no question.
        if again.iter().any(|field| field.kind().is_asked()) {
            stages.dialogue.tell(&lead)?;
        } else {
            stages
                .dialogue
                .ask(&lead, stages.prompts.words.go_on, WHAT)?;
        }
    }
    passwords_agree(stages, &again, &mut values)?;
    // Any field may hold something confidential.
    let response = Response::with_secret(&Answer(&values));
    stages.form.values = values;
    stages.form.password = fields
        .iter()
        .find(|field| field.kind() == Kind::Password)
        .map(|field| field.field_key.clone());
    response
}

/// The server's message about the last answer of one field.
fn words_of(challenge: &Challenge, field: &Field) -> String {
    let words: Vec<&str> = challenge
        .errors()
        .iter()
        .filter(|error| error.field == field.field_key)
        .map(|error| error.words.as_str())
        .collect();
    words.join("\n")
}

/// The server's messages that belong to no field.
fn general_errors(challenge: &Challenge, fields: &[Field]) -> String {
    let words: Vec<&str> = challenge
        .errors()
        .iter()
        .filter(|error| fields.iter().all(|field| field.field_key != error.field))
        .map(|error| error.words.as_str())
        .collect();
    words.join("\n")
}

/// Asks for one field, or adds its text to the text above the next question.
fn take(
    stages: &mut Stages<'_>,
    field: &Field,
    lead: &mut String,
    values: &mut BTreeMap<String, Value>,
) -> Result<(), LoginError> {
    let value = match field.kind() {
        Kind::Static | Kind::Separator => {
            *lead = join(&join(lead, &field.shown()), &field.sub_text());
            return Ok(());
        }
        Kind::ReadOnly => {
            *lead = join(&join(lead, &field.shown()), &field.sub_text());
            // The server refuses an empty one.
            (!field.initial_value().is_empty()).then(|| Value::text(field.initial_value()))
        }
        Kind::Hidden => {
            (!field.initial_value().is_empty()).then(|| Value::text(field.initial_value()))
        }
        Kind::File | Kind::Unknown if !field.required => None,
        kind @ (Kind::File | Kind::Unknown) => {
            return Err(LoginError::Unsupported {
                component: COMPONENT.into(),
                reason: match kind {
                    Kind::File => Obstacle::File(field.label()),
                    _ => Obstacle::Unknown,
                },
            });
        }
        _ => {
            let lead = join(&std::mem::take(lead), &field.sub_text());
            let before = values.remove(&field.field_key);
            ask(stages, field, &lead, before)?
        }
    };
    match value {
        Some(value) => values.insert(field.field_key.clone(), value),
        None => values.remove(&field.field_key),
    };
    Ok(())
}

/// Asks until the answer can be sent. `None` for an optional field that was left empty.
fn ask(
    stages: &mut Stages<'_>,
    field: &Field,
    lead: &str,
    before: Option<Value>,
) -> Result<Option<Value>, LoginError> {
    let words = &stages.prompts.words;
    let label = field.label();
    match field.kind() {
        Kind::Checkbox => {
            let default = match before {
                Some(Value::Flag(flag)) => flag,
                _ => matches!(field.initial_value(), "true" | "True" | "1"),
            };
            let flag = stages.dialogue.yes_or_no(lead, &label, default)?;
            return Ok(Some(Value::Flag(flag)));
        }
        Kind::Choice => return choose(stages, field, lead, before.as_ref()),
        _ => {}
    }
    if field.kind() == Kind::Password {
        return ask_password(stages, field, lead);
    }
    let default = match &before {
        Some(Value::Text(text)) => text.expose().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => field.initial_value().to_owned(),
    };
    let prompt = field.prompt(words, &default);
    stages.dialogue.ask_until(lead, &prompt, |typed| {
        let text = if typed.is_empty() { &default } else { typed };
        if text.is_empty() && !field.required {
            return Ok(None);
        }
        let (value, complaint) = match field.kind() {
            _ if text.is_empty() => (None, words.required),
            Kind::Number => (value::number(text), words.not_a_number),
            Kind::Date => (value::date(text), words.not_a_date),
            Kind::DateTime => (value::date_time(text), words.not_a_date_time),
            _ => (Some(Value::text(text)), words.required),
        };
        value.map(Some).ok_or_else(|| complaint.to_owned())
    })
}

/// Asks for a password: not echoed, with its blanks, and without an initial value.
fn ask_password(
    stages: &mut Stages<'_>,
    field: &Field,
    lead: &str,
) -> Result<Option<Value>, LoginError> {
    let words = &stages.prompts.words;
    let prompt = field.prompt(words, "");
    let mut lead = lead.to_owned();
    for _ in 0..stages.prompts.attempts {
        let typed = stages.dialogue.ask_secret(&lead, &prompt, WHAT)?;
        if !typed.is_empty() {
            return Ok(Some(Value::Text(typed)));
        }
        if !field.required {
            return Ok(None);
        }
        words.required.clone_into(&mut lead);
    }
    Err(stages.dialogue.used_up())
}

fn choose(
    stages: &mut Stages<'_>,
    field: &Field,
    lead: &str,
    before: Option<&Value>,
) -> Result<Option<Value>, LoginError> {
    let choices = field.choices();
    let default = match before {
        Some(Value::Text(text)) => text.expose(),
        _ => field.initial_value(),
    };
    let default = choices.iter().position(|choice| choice.value() == default);
    let enter = match default {
        Some(index) => Enter::Takes(index),
        None if field.required => Enter::Asks,
        None => Enter::Skips,
    };
    let labels: Vec<String> = choices.iter().map(field::Choice::label).collect();
    if choices.is_empty() {
        // If the server offers no choice, it accepts none.
        return Ok(None);
    }
    let heading = format!("{}:", field.label());
    let index = stages
        .dialogue
        .choose(&join(lead, &heading), &labels, enter)?;
    Ok(index
        .and_then(|index| choices.get(index))
        .map(|choice| Value::text(choice.value())))
}

/// The server requires that all passwords of a form are the same. If they differ, the module
/// asks for them again.
fn passwords_agree(
    stages: &mut Stages<'_>,
    fields: &[&Field],
    values: &mut BTreeMap<String, Value>,
) -> Result<(), LoginError> {
    let passwords: Vec<&&Field> = fields
        .iter()
        .filter(|field| field.kind() == Kind::Password)
        .collect();
    for _ in 0..stages.prompts.attempts {
        let mut given = passwords
            .iter()
            .filter_map(|field| match values.get(&field.field_key) {
                Some(Value::Text(text)) => Some(text),
                _ => None,
            });
        let first = given.next();
        if given.all(|other| Some(other) == first) {
            return Ok(());
        }
        let mut lead = stages.prompts.words.passwords_differ.to_owned();
        for field in &passwords {
            take(stages, field, &mut lead, values)?;
        }
    }
    Err(stages.dialogue.used_up())
}
