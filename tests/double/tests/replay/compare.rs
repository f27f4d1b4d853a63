//! What must be equal in two answers, and what may differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::client::Answer;
use super::sidecar::Setup;

/// All differences between an answer and the recorded one.
pub(crate) fn answers(recorded: &Value, answer: &Answer, setup: &Setup) -> Vec<String> {
    let mut found = Vec::new();
    if recorded["status"] != answer.status {
        found.push(format!(
            "status {} instead of {}",
            answer.status, recorded["status"]
        ));
    }
    headers(recorded, answer, &mut found);
    cookies(recorded, answer, setup, &mut found);
    match &recorded["body"] {
        Value::String(text) if text.is_empty() => {
            if !answer.body.is_empty() {
                found.push(format!("a body where none was: {}", answer.body));
            }
        }
        Value::String(_) => {
            if !answer.body.contains("<html>") {
                found.push(format!("no page: {}", answer.body));
            }
        }
        Value::Null => {}
        body => values("", body, &answer.json(), setup, &mut found),
    }
    found
}

fn headers(recorded: &Value, answer: &Answer, found: &mut Vec<String>) {
    for (name, value) in recorded["headers"].as_object().into_iter().flatten() {
        let name = name.to_lowercase();
        let expected = value.as_str().unwrap_or_default();
        let actual = answer.header(&name);
        let same = match name.as_str() {
            "content-length" => true,
            "x-authentik-id" => {
                actual.is_none_or(|id| id.len() == 32) && (actual.is_some() || answer.status >= 405)
            }
            "retry-after" => actual.is_some_and(|seconds| seconds.parse::<u32>().is_ok()),
            "content-language" if answer.status >= 405 => true,
            // a set, in whatever order
            "vary" => {
                let names = |text: &str| -> BTreeSet<String> {
                    text.split(", ").map(str::to_owned).collect()
                };
                actual.is_some_and(|actual| names(actual) == names(expected))
            }
            _ => actual == Some(expected),
        };
        if !same {
            found.push(format!("header {name}: {actual:?} instead of {expected:?}"));
        }
    }
    if answer.header("location").is_some() && recorded["headers"]["location"].is_null() {
        found.push("a location where none was".to_owned());
    }
    if answer.header("date").is_none() {
        found.push("no date".to_owned());
    }
}

fn cookies(recorded: &Value, answer: &Answer, setup: &Setup, found: &mut Vec<String>) {
    let expected: Vec<String> = recorded["set_cookie"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|cookie| cookie_form(cookie, setup.http))
        .collect();
    let actual: Vec<String> = answer
        .all("set-cookie")
        // it was added after the release candidate that was recorded
        .filter(|cookie| !cookie.starts_with("authentik_user_switching="))
        .map(|cookie| cookie_form(cookie, setup.http))
        .collect();
    if expected != actual {
        found.push(format!("cookies {actual:?} instead of {expected:?}"));
    }
}

/// A cookie's name, the length of its value, and its attributes; only its name over HTTP.
fn cookie_form(cookie: &str, http: bool) -> String {
    let mut parts = cookie.split("; ");
    let (name, value) = parts
        .next()
        .and_then(|p| p.split_once('='))
        .unwrap_or_default();
    if http {
        return name.to_owned();
    }
    let length = match value
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix(" chars>"))
    {
        // the two quotes of a value that is removed
        Some("2") => "0".to_owned(),
        Some(length) => length.to_owned(),
        None => value.trim_matches('"').len().to_string(),
    };
    // a device's cookie holds the user's name, and that of a second factor the numbers of
    // device and stage, so their lengths vary
    let length = if ["authentik_device", "authentik_mfa"].contains(&name) {
        "some"
    } else {
        &length
    };
    let attributes: Vec<&str> = parts
        .map(|attribute| {
            attribute
                .split_once("expires=")
                .map_or(attribute, |_| "expires")
        })
        .map(|attribute| {
            let age = attribute.strip_prefix("Max-Age=");
            match age.and_then(|age| age.parse().ok()) {
                Some(3590..=3599) => "an hour",
                Some(290..=299) => "five minutes",
                Some(i64::MIN..=0) => "over",
                _ => attribute,
            }
        })
        .collect();
    format!("{name} {length} {}", attributes.join(" "))
}

/// Compares values, field by field.
fn values(at: &str, recorded: &Value, actual: &Value, setup: &Setup, found: &mut Vec<String>) {
    let key = at.rsplit('.').next().unwrap_or_default();
    if ignores(setup, key, recorded != actual) {
        return;
    }
    match (recorded, actual) {
        (Value::Object(recorded), Value::Object(actual)) => {
            let keys: BTreeSet<&String> = recorded.keys().chain(actual.keys()).collect();
            for key in keys {
                if ignores(setup, key, recorded.get(key) != actual.get(key)) {
                    continue;
                }
                let at = format!("{at}.{key}");
                match (recorded.get(key), actual.get(key)) {
                    (Some(recorded), Some(actual)) => values(&at, recorded, actual, setup, found),
                    (Some(_), None) => found.push(format!("{at} is missing")),
                    (None, _) => found.push(format!("{at} was not there")),
                }
            }
        }
        (Value::Array(recorded), Value::Array(actual)) if recorded.len() == actual.len() => {
            for (number, (recorded, actual)) in recorded.iter().zip(actual).enumerate() {
                // numbers do not hide the key: it is the key of the list
                let at = if recorded.is_string() {
                    at.to_owned()
                } else {
                    format!("{at}.{number}")
                };
                values(&at, recorded, actual, setup, found);
            }
        }
        (Value::String(recorded), Value::String(actual)) => {
            if !same_text(key, recorded, actual) {
                found.push(format!("{at} is {actual:?} instead of {recorded:?}"));
            }
        }
        (recorded, actual) => {
            if recorded != actual {
                found.push(format!("{at} is {actual} instead of {recorded}"));
            }
        }
    }
}

/// Whether the values of a key are not compared. Notes whether they differ.
fn ignores(setup: &Setup, key: &str, differ: bool) -> bool {
    let ignored = setup.ignore.iter().any(|ignored| ignored == key);
    if ignored && differ {
        setup.differed.borrow_mut().insert(key.to_owned());
    }
    ignored
}

fn same_text(key: &str, recorded: &str, actual: &str) -> bool {
    let same_length = recorded.len() == actual.len() && !actual.is_empty();
    match key {
        "pending_user_avatar" | "avatar" if recorded.starts_with("data:") => {
            actual.starts_with("data:image/svg+xml;base64,")
        }
        // a picture's address, cut in the recording
        "pending_user_avatar" if recorded.ends_with('…') => {
            actual.starts_with(recorded.trim_end_matches('…'))
        }
        "request_id" | "token" | "codes" | "challenge" => same_length,
        // The host that was asked: the recorded one and the double's.
        "rpId" | "id" if recorded == "authentik.test" => actual == "localhost",
        "config_url" => match (secret_of(recorded), secret_of(actual)) {
            (Some(old), Some(new)) => {
                old.len() == new.len() && recorded.replace(old, "") == actual.replace(new, "")
            }
            _ => false,
        },
        "last_used" | "last_login" | "date_joined" | "password_change_date" | "last_updated" => {
            actual.starts_with("20") || actual.starts_with("1970")
        }
        "detail" => {
            // "… in 58 seconds."
            let words = |text: &str| -> Vec<String> {
                let words = text.split(' ').filter(|word| word.parse::<u32>().is_err());
                words.map(str::to_owned).collect()
            };
            words(recorded) == words(actual)
        }
        _ => recorded == actual,
    }
}

/// The secret in an otpauth address.
pub(crate) fn secret_of(url: &str) -> Option<&str> {
    url.split_once("secret=")?.1.split('&').next()
}

/// Which fields the components were seen with.
#[derive(Debug, Default)]
pub(crate) struct Shapes(BTreeMap<String, BTreeSet<Vec<String>>>);

impl Shapes {
    /// Remembers a body's fields.
    pub(crate) fn saw(&mut self, body: &Value) {
        if let (Some(component), Some(fields)) = (body["component"].as_str(), body.as_object()) {
            let keys = fields.keys().cloned().collect();
            self.0.entry(component.to_owned()).or_default().insert(keys);
        }
    }

    /// Sample bodies whose fields were never seen together.
    pub(crate) fn missing(&self, samples: &Value) -> Vec<String> {
        let samples = samples.as_object().into_iter().flatten();
        samples
            .filter_map(|(name, body)| {
                let component = body["component"].as_str()?;
                let keys: Vec<String> = body.as_object()?.keys().cloned().collect();
                let seen = self
                    .0
                    .get(component)
                    .is_some_and(|shapes| shapes.contains(&keys));
                (!seen).then(|| format!("components.json: {name} was never seen with {keys:?}"))
            })
            .collect()
    }
}
