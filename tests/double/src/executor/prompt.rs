//! The prompt stage: what each type of field takes.

use serde_json::{Map, Value, json};
use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime, PrimitiveDateTime};

use super::plan::Plan;
use super::run::Run;
use super::step::{Challenge, Complaint, Errors, NON_FIELD, Step, Text};
use crate::flow::{Field, Prompt};
use crate::version::{Behaviour, Version};

pub(super) fn show(version: Version, options: &Prompt) -> Step {
    let mut fields: Vec<&Field> = options.fields.iter().collect();
    fields.sort_by_key(|field| field.order);
    let as_objects = version.does(Behaviour::ShowsChoicesAsObjects);
    let fields: Vec<Value> = fields
        .into_iter()
        .map(|field| field.challenge(as_objects))
        .collect();
    Step::Show(Challenge::new("ak-stage-prompt").with("fields", fields))
}

pub(super) fn answer(
    run: &mut Run<'_>,
    plan: &mut Plan,
    options: &Prompt,
    answer: &Map<String, Value>,
) -> Step {
    let mut errors = Errors::default();
    let mut data = Map::new();
    for field in &options.fields {
        let given = answer.get(&field.key);
        if field.crashes && given.is_some() {
            return Step::Crash;
        }
        let taken = run.world.users.iter();
        let taken = field.kind == "username"
            && given
                .and_then(Value::as_str)
                .is_some_and(|name| taken.clone().any(|user| user.username == name));
        let checked = if taken {
            Err(Complaint::new("Username is already taken.", "invalid"))
        } else {
            check(field, answer)
        };
        if let Some(Some(value)) = errors.collect(&field.key, checked) {
            data.insert(field.key.clone(), value);
        }
    }
    if !errors.is_empty() {
        return Step::Invalid(errors);
    }
    let passwords: Vec<&Value> = options
        .fields
        .iter()
        .filter(|field| field.kind == "password")
        .filter_map(|field| data.get(&field.key))
        .collect();
    if passwords.windows(2).any(|pair| pair[0] != pair[1]) {
        errors.add(NON_FIELD, "Passwords don't match.", "invalid");
        return Step::Invalid(errors);
    }
    for complaint in options.checks.iter().flat_map(|c| c.complaints(&data)) {
        errors.add(NON_FIELD, &complaint, "invalid");
    }
    if !errors.is_empty() {
        return Step::Invalid(errors);
    }
    plan.prompt_data.extend(data);
    Step::Done
}

/// The value that a field takes, if any.
fn check(field: &Field, answer: &Map<String, Value>) -> Result<Option<Value>, Complaint> {
    let kind = field.kind.as_str();
    let shows_only = matches!(kind, "separator" | "static" | "hidden");
    let read_only = matches!(kind, "text_read_only" | "text_area_read_only");
    let Some(given) = answer.get(&field.key) else {
        let has_default = !field.initial_value.is_empty();
        return if shows_only || has_default || !field.required || kind == "checkbox" {
            let initial = has_default.then(|| json!(field.initial_value));
            Ok(initial)
        } else {
            Err(Complaint::required())
        };
    };
    let blank_is_fine = !field.required
        && matches!(
            kind,
            "text"
                | "text_area"
                | "password"
                | "email"
                | "ak-locale"
                | "hidden"
                | "static"
                | "separator"
                | "dropdown"
                | "radio-button-group"
        );
    let text = Text {
        blank: blank_is_fine || shows_only,
        keep_blanks_around: kind == "password",
        ..Text::default()
    };
    match kind {
        "number" => number(given).map(Some),
        "checkbox" => boolean(given).map(Some),
        "date" => date(given).map(Some),
        "date-time" => date_time(given).map(Some),
        _ => {
            let value = text.check(answer, &field.key)?.unwrap_or_default();
            match kind {
                "email" if !value.is_empty() && !looks_like_mail(&value) => {
                    Err(Complaint::new("Enter a valid email address.", "invalid"))
                }
                "file" if !value.starts_with("data:") => {
                    Err(Complaint::new("Invalid scheme", "invalid"))
                }
                "dropdown" | "radio-button-group" if !offered(field, &value) => {
                    Err(Complaint::new(
                        &format!("\"{value}\" is not a valid choice."),
                        "invalid_choice",
                    ))
                }
                _ if read_only => Ok(Some(json!(field.initial_value))),
                _ => Ok(Some(json!(value))),
            }
        }
    }
}

fn offered(field: &Field, value: &str) -> bool {
    let listed = field.choices.as_ref().is_none_or(|choices| {
        choices.iter().any(|choice| {
            let choice = choice.get("value").unwrap_or(choice);
            choice == value
        })
    });
    listed || (value.is_empty() && !field.required)
}

fn looks_like_mail(value: &str) -> bool {
    value
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
}

fn number(given: &Value) -> Result<Value, Complaint> {
    let number = match given {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null => return Err(Complaint::null()),
        _ => None,
    };
    number
        .map(|number| json!(number))
        .ok_or_else(|| Complaint::new("A valid integer is required.", "invalid"))
}

fn boolean(given: &Value) -> Result<Value, Complaint> {
    let word = match given {
        Value::Bool(value) => return Ok(json!(value)),
        Value::Null => return Err(Complaint::null()),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.to_lowercase(),
        _ => String::new(),
    };
    match word.as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(json!(true)),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(json!(false)),
        _ => Err(Complaint::new("Must be a valid boolean.", "invalid")),
    }
}

fn date(given: &Value) -> Result<Value, Complaint> {
    let text = given.as_str().unwrap_or_default();
    match Date::parse(text, &Iso8601::DATE) {
        Ok(_) if text.len() == 10 => Ok(json!(text)),
        _ => Err(Complaint::new(
            "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.",
            "invalid",
        )),
    }
}

fn date_time(given: &Value) -> Result<Value, Complaint> {
    let text = given.as_str().unwrap_or_default();
    let with_zone = OffsetDateTime::parse(text, &Iso8601::PARSING).is_ok();
    if with_zone || PrimitiveDateTime::parse(text, &Iso8601::PARSING).is_ok() {
        return Ok(json!(text));
    }
    Err(Complaint::new(
        "Datetime has wrong format. Use one of these formats instead: \
         YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
        "invalid",
    ))
}
