//! Which fields a POST may have and must have, version by version: `fields.txt`.
//!
//! authentik itself ignores a field that it does not know. The double refuses it, so that a
//! misspelt field is noticed.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::version::Version;

/// One field of one path, for some versions.
struct Field {
    path: &'static str,
    name: &'static str,
    kind: &'static str,
    /// The values of a choice, or of a list of choices.
    choices: Vec<&'static str>,
    null: bool,
    required: bool,
    since: Option<Version>,
    until: Option<Version>,
}

impl Field {
    fn is_in(&self, version: Version) -> bool {
        self.since.is_none_or(|since| version >= since)
            && self.until.is_none_or(|until| version < until)
    }
}

fn table() -> &'static [Field] {
    static TABLE: OnceLock<Vec<Field>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut path = "";
        let mut fields = Vec::new();
        for line in include_str!("fields.txt").lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.strip_prefix("  ") {
                None => path = line,
                Some(line) => fields.push(field(path, line)),
            }
        }
        fields
    })
}

fn field(path: &'static str, line: &'static str) -> Field {
    let mut words = line.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let (name, kind) = (word(), word());
    let choices = match kind {
        "choice" | "choices" => word().split('|').collect(),
        _ => Vec::new(),
    };
    let mut field = Field {
        path,
        name,
        kind,
        choices,
        null: false,
        required: false,
        since: None,
        until: None,
    };
    loop {
        match word() {
            "" => return field,
            "null" => field.null = true,
            "required" => field.required = true,
            "since" => field.since = Version::named(word()),
            "until" => field.until = Version::named(word()),
            other => panic!("fields.txt: {path} {name}: {other:?}"),
        }
    }
}

/// What is wrong with a body, field by field, as the API says it.
pub(super) type Complaints = Map<String, Value>;

/// The body of a POST to this path, if it has the fields that this version knows.
pub(super) fn check(
    version: Version,
    path: &str,
    body: &[u8],
) -> Result<Map<String, Value>, Complaints> {
    let Ok(Value::Object(given)) = serde_json::from_slice(body) else {
        let complaint = json!(["Invalid data. Expected a dictionary."]);
        return Err(Map::from_iter([("non_field_errors".to_owned(), complaint)]));
    };
    let mut complaints = Complaints::new();
    let mut complain =
        |name: &str, words: String| complaints.insert(name.to_owned(), json!([words]));
    let known: Vec<&Field> = table()
        .iter()
        .filter(|field| field.path == path && field.is_in(version))
        .collect();
    for field in &known {
        match given.get(field.name) {
            None if field.required => {
                complain(field.name, "This field is required.".to_owned());
            }
            None => {}
            Some(value) => {
                if let Some(words) = complaint(field, value) {
                    complain(field.name, words);
                }
            }
        }
    }
    for name in given.keys() {
        if !known.iter().any(|field| field.name == name) {
            complain(
                name,
                format!("{path} has no such field in {}.", version.name()),
            );
        }
    }
    match complaints.is_empty() {
        true => Ok(given),
        false => Err(complaints),
    }
}

fn complaint(field: &Field, value: &Value) -> Option<String> {
    if value.is_null() {
        return (!field.null).then(|| "This field may not be null.".to_owned());
    }
    let wrong = |words: &str| Some(words.to_owned());
    match field.kind {
        "string" | "text" | "time" => match value.as_str() {
            None => wrong("Not a valid string."),
            Some("") if field.kind == "text" => wrong("This field may not be blank."),
            Some(_) => None,
        },
        "bool" if !value.is_boolean() => wrong("Must be a valid boolean."),
        "int" if !value.is_i64() => wrong("A valid integer is required."),
        "number" if !value.is_number() => wrong("A valid number is required."),
        "object" if !value.is_object() => wrong("Value must be valid JSON."),
        "uuid" => not_a_uuid(value),
        "choice" => not_a_choice(field, value),
        "uuids" | "ints" | "strings" | "choices" | "list" => match value.as_array() {
            None => wrong("Expected a list of items."),
            Some(items) => items.iter().find_map(|item| match field.kind {
                "uuids" => not_a_uuid(item),
                "choices" => not_a_choice(field, item),
                "ints" if !item.is_i64() => wrong("A valid integer is required."),
                "strings" if !item.is_string() => wrong("Not a valid string."),
                _ => None,
            }),
        },
        _ => None,
    }
}

fn not_a_uuid(value: &Value) -> Option<String> {
    let text = value.as_str().unwrap_or_default();
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let fits = digits == 32 && text.len() == 36;
    (!fits).then(|| format!("\u{201c}{text}\u{201d} is not a valid UUID."))
}

fn not_a_choice(field: &Field, value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let known = field.choices.contains(&text.as_str());
    (!known).then(|| format!("\"{text}\" is not a valid choice."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(version: Version, path: &str, body: Value) -> Vec<String> {
        let checked = check(version, path, body.to_string().as_bytes());
        checked
            .err()
            .unwrap_or_default()
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    #[test]
    fn a_body_has_the_fields_of_its_version() {
        let [old, new] = Version::ENDS;
        let path = "core/groups";
        let parent = json!({"name": "g", "parent": null});
        let parents = json!({"name": "g", "parents": []});
        assert_eq!(wrong(old, path, parent.clone()), [""; 0]);
        assert_eq!(wrong(new, path, parent), ["parent"]);
        assert_eq!(wrong(old, path, parents.clone()), ["parents"]);
        assert_eq!(wrong(new, path, parents), [""; 0]);
        assert_eq!(wrong(new, path, json!({"nam": "g"})), ["nam", "name"]);
        assert_eq!(wrong(new, path, json!({"name": ""})), ["name"]);
        assert_eq!(
            wrong(new, path, json!({"name": "g", "users": ["a"]})),
            ["users"]
        );
        let token = json!({"identifier": "t", "intent": "anything"});
        assert_eq!(wrong(new, "core/tokens", token), ["intent"]);
    }
}
