//! What administrators do through the API: they create flows, stages, policies, users,
//! applications, tokens and outposts, and remove them. Only superusers with a token may do so.

mod compile;
mod expression;
mod fields;
mod hosts;
mod kind;
mod people;
mod store;

use serde_json::{Map, Value, json};

use super::{Caller, detail, serialize};
use crate::exchange::{Call, Reply, parse_query};
use crate::random;
use crate::state::State;
use kind::Kind;
pub(crate) use store::Managed;
use store::Object;

/// The answer, if an administrator asks for one of these paths.
pub(super) fn respond(
    state: &mut State,
    call: &Call,
    segments: &[&str],
    caller: &Caller,
) -> Option<Reply> {
    let name = caller
        .username
        .as_deref()
        .filter(|_| caller.token.is_some())?;
    if !state.world.find_user(name)?.superuser {
        return None;
    }
    let (last, path) = segments.split_last()?;
    if !last.is_empty() {
        return None;
    }
    match call.method.as_str() {
        "GET" => read(state, call, path),
        "POST" => create(state, call, path),
        "DELETE" => match path {
            ["endpoints", "devices", uuid] => Some(hosts::delete(state, uuid)),
            _ => delete(state, path),
        },
        _ => None,
    }
}

fn invalid(complaints: &Map<String, Value>) -> Reply {
    Reply::json(400, &Value::Object(complaints.clone()))
}

fn complain(field: &str, words: &str) -> Map<String, Value> {
    Map::from_iter([(field.to_owned(), json!([words]))])
}

fn not_found(kind: &Kind) -> Reply {
    detail(404, &format!("No {} matches the given query.", kind.model))
}

fn read(state: &mut State, call: &Call, path: &[&str]) -> Option<Reply> {
    match path {
        ["admin", "version"] => {
            let version = json!({
                "version_current": state.version.name(),
                "version_latest": state.version.name(),
                "version_latest_valid": true,
                "build_hash": "",
                "outdated": false,
                "outpost_outdated": false,
            });
            return Some(Reply::json(200, &version));
        }
        ["outposts", "instances", "default_settings"] => {
            let config = json!({"config": {
                "log_level": "info",
                "authentik_host": "",
                "authentik_host_insecure": false,
            }});
            return Some(Reply::json(200, &config));
        }
        ["core", "authenticated_sessions"] => return Some(people::sessions(state, call)),
        ["core", "tokens", identifier, "view_key"] => {
            return Some(people::view_key(state, identifier));
        }
        // These two paths are answered elsewhere, also for callers with a permission.
        ["core", "users" | "groups"] => return None,
        ["endpoints", "agents", "enrollment_tokens", uuid, "view_key"] => {
            return Some(hosts::view_key(state, uuid));
        }
        ["endpoints", "devices"] => return Some(hosts::list(state, call)),
        ["endpoints", "devices", uuid] => return Some(hosts::device(state, uuid)),
        ["crypto", "certificatekeypairs"] => return Some(hosts::key_pairs(call)),
        _ => {}
    }
    if let Some(kind) = kind::of(&path.join("/")) {
        return Some(list(state, call, kind));
    }
    let (kind, id) = kind::with_id(path)?;
    let found = match kind.path {
        "core/users" => people::find(state, id).map(|user| {
            let user = state.world.user(&user);
            serialize::user(state.version, &state.world, user)
        }),
        _ => state.managed.find(kind, id).map(Object::json),
    };
    Some(found.map_or_else(|| not_found(kind), |found| Reply::json(200, &found)))
}

/// The objects that match the parameters. Only exact matches are supported.
fn list(state: &State, call: &Call, kind: &Kind) -> Reply {
    let wanted = parse_query(&call.query);
    let mut complaints = Map::new();
    for name in wanted.keys() {
        if !kind.filters.iter().any(|(parameter, _)| parameter == name) {
            complaints.extend(complain(name, "The double knows no such parameter."));
        }
    }
    if !complaints.is_empty() {
        return invalid(&complaints);
    }
    let matches = |object: &Object| {
        kind.filters.iter().all(|(parameter, field)| {
            let wanted = wanted.get(*parameter);
            wanted.is_none_or(|wanted| object.text(field) == Some(wanted))
        })
    };
    let found = state.managed.all(kind.path).filter(|o| matches(o));
    Reply::json(200, &serialize::page(found.map(Object::json).collect()))
}

fn create(state: &mut State, call: &Call, path: &[&str]) -> Option<Reply> {
    match path {
        ["core", "users", pk, "set_password"] => {
            return Some(people::set_password(state, call, pk));
        }
        ["core", "tokens", identifier, "set_key"] => {
            return Some(people::set_key(state, call, identifier));
        }
        ["rbac", "permissions", "assigned_by_roles", uuid, "assign"] => {
            return Some(people::assign(state, call, uuid));
        }
        _ => {}
    }
    let kind = kind::of(&path.join("/"))?;
    let fields = match fields::check(state.version, kind.path, &call.body) {
        Ok(fields) => fields,
        Err(complaints) => return Some(invalid(&complaints)),
    };
    if let Some(complaints) = objection(state, kind, &fields) {
        return Some(invalid(&complaints));
    }
    let pk = match kind.number {
        true => json!(state.managed.number(&state.world)),
        false => json!(random::uuid()),
    };
    let object = Object::new(kind, pk, fields);
    let made = people::create(state, object);
    compile::compile(state);
    Some(Reply::json(201, &made))
}

/// Why an object cannot be created although its fields are valid.
fn objection(
    state: &State,
    kind: &Kind,
    fields: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    for name in kind.unique {
        let value = fields
            .get(*name)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let taken = match kind.path {
            "core/users" => state.world.users.iter().any(|u| u.username == value),
            "core/groups" => state.world.groups.iter().any(|g| g.name == value),
            "flows/instances" if *name == "slug" => state.world.flows.contains_key(value),
            "core/applications" if *name == "slug" => {
                state.world.applications.iter().any(|a| a.slug == value)
            }
            _ => false,
        };
        let mut others = state.managed.all(kind.path);
        if taken || others.any(|other| other.text(name) == Some(value)) {
            return Some(complain(name, "This field must be unique."));
        }
    }
    for (name, value) in fields {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for item in items.iter().filter(|item| !item.is_null()) {
            if !state.managed.refers(&state.world, kind, name, item) {
                let words = format!("Invalid pk \"{item}\" - object does not exist.");
                return Some(complain(name, &words));
            }
        }
    }
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    match kind.path {
        "policies/bindings" => {
            let set = ["policy", "group", "user"].map(given);
            (set.iter().flatten().count() != 1).then(|| {
                complain(
                    "non_field_errors",
                    "One of 'policy', 'group' or 'user' must be set.",
                )
            })
        }
        "policies/expression" => {
            let expression = given("expression").and_then(Value::as_str);
            let known = expression.is_some_and(expression::is_known);
            (!known).then(|| complain("expression", "The double does not understand this."))
        }
        "outposts/instances" => {
            let providers = given("providers").and_then(Value::as_array);
            let none = providers.is_none_or(Vec::is_empty);
            none.then(|| complain("providers", "This list may not be empty."))
        }
        "flows/instances" | "core/applications" => {
            let slug = given("slug").and_then(Value::as_str).unwrap_or_default();
            let fits = slug
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
            (!fits || slug.len() > 50)
                .then(|| complain("slug", "Enter a valid \u{201c}slug\u{201d}."))
        }
        _ => None,
    }
}

fn delete(state: &mut State, path: &[&str]) -> Option<Reply> {
    let (kind, id) = kind::with_id(path)?;
    let gone = match kind.path {
        "core/users" => people::find(state, id).map(|name| people::remove(state, &name)),
        _ => {
            let object = state.managed.find(kind, id).cloned();
            object.map(|object| people::removed(state, &object))
        }
    };
    compile::compile(state);
    Some(match gone {
        Some(()) => Reply::empty(204),
        None => not_found(kind),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_fields() {
        for kind in kind::KINDS {
            let nothing = fields::check(crate::Version::V2026_8, kind.path, b"{}");
            assert!(nothing.is_err(), "{} has no required field", kind.path);
        }
    }
}
