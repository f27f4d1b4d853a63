//! Users, groups, roles, tokens, outposts and sessions. They are part of the world, not of the
//! store.

use serde_json::{Map, Value, json};

use super::kind::{self, Kind};
use super::store::Object;
use super::{complain, fields, hosts, invalid, not_found};
use crate::api::{detail, serialize};
use crate::exchange::{Call, Reply};
use crate::random;
use crate::state::State;
use crate::world::{EnrolmentToken, Group, Permission, Token, User, UserType};

fn kind_of(path: &str) -> &'static Kind {
    kind::of(path).unwrap_or_else(|| panic!("{path} is one of the kinds"))
}

fn user_type(word: Option<&str>) -> UserType {
    let types = [
        UserType::External,
        UserType::ServiceAccount,
        UserType::InternalServiceAccount,
    ];
    let found = types.into_iter().find(|kind| Some(kind.as_str()) == word);
    found.unwrap_or(UserType::Internal)
}

/// The name of the user with this number.
pub(super) fn find(state: &State, pk: &str) -> Option<String> {
    let mut users = state.world.users.iter();
    let found = users.find(|user| user.pk.to_string() == pk);
    found.map(|user| user.username.clone())
}

/// Adds an object to the store, and to the world if it belongs there. Returns what the API
/// prints.
pub(super) fn create(state: &mut State, mut object: Object) -> Value {
    let text = |name: &str| object.text(name).unwrap_or_default().to_owned();
    let made = match object.path {
        "core/users" => {
            let mut user = User::new(&text("username"));
            user.pk = object
                .pk
                .as_u64()
                .and_then(|pk| pk.try_into().ok())
                .unwrap_or(0);
            user.name = text("name");
            user.email = text("email");
            // An account without a password cannot log in with one, so nobody has it.
            user.password = random::text(40);
            user.active = object.flag("is_active", true);
            user.user_type = user_type(object.text("type"));
            user.groups = names_of(state, &object.texts("groups"));
            let made = serialize::user(state.version, &state.world, &user);
            state.world.add_user(user);
            made
        }
        "core/groups" => {
            let parents = match object.text("parent") {
                Some(parent) => vec![parent],
                None => object.texts("parents"),
            };
            let mut group = Group::new(&text("name"));
            group.pk = text_of(&object.pk);
            group.parent = names_of(state, &parents).pop();
            let made = serialize::group(state.version, &state.world, &group);
            state.world.add_group(group);
            made
        }
        "core/tokens" => {
            let key = random::alphanumeric(60);
            add_token(state, &object, &key);
            state.managed.asked_for.push(key.clone());
            object.key = Some(key);
            object.json()
        }
        "outposts/instances" => {
            let uuid = text_of(&object.pk);
            let account = format!("ak-outpost-{}", uuid.replace('-', ""));
            let identifier = format!("ak-outpost-{uuid}-api");
            state
                .world
                .add_user(User::new(&account).kind(UserType::InternalServiceAccount));
            let key = random::alphanumeric(60);
            state.world.add_token(Token::new(&key, &account).outpost());
            object
                .fields
                .insert("token_identifier".to_owned(), json!(identifier));
            object.key = Some(key);
            object.json()
        }
        "endpoints/agents/enrollment_tokens" => {
            let key = random::alphanumeric(128);
            let mut token = EnrolmentToken::new(&key);
            token.connector = text("connector");
            state.world.enrolment_tokens.push(token);
            object.key = Some(key);
            object.json()
        }
        _ => object.json(),
    };
    state.managed.objects.push(object);
    made
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The names of groups by their uuids.
fn names_of(state: &State, pks: &[&str]) -> Vec<String> {
    let groups = state.world.groups.iter();
    let found = groups.filter(|group| pks.contains(&group.pk.as_str()));
    found.map(|group| group.name.clone()).collect()
}

/// Gives the token to its owner, for the purpose that it was made for.
fn add_token(state: &mut State, object: &Object, key: &str) {
    let owner = object.fields.get("user").map(Value::to_string);
    let Some(owner) = owner.and_then(|pk| find(state, &pk)) else {
        return;
    };
    match object.text("intent") {
        Some("app_password") => state.world.user_mut(&owner).app_password = Some(key.to_owned()),
        _ => {
            let mut token = Token::new(key, &owner);
            token.permissions = permissions(state, &owner);
            state.world.add_token(token);
        }
    }
}

/// The permissions that a user has by the roles of their groups.
fn permissions(state: &State, username: &str) -> Vec<Permission> {
    let groups = &state.world.user(username).groups;
    let of_groups = state.managed.all("core/groups");
    let of_groups = of_groups.filter(|group| {
        let name = group.text("name").unwrap_or_default();
        groups.iter().any(|own| own == name)
    });
    let roles = of_groups.flat_map(|group| group.items("roles"));
    let roles = roles.filter_map(|role| state.managed.by_pk(role));
    let names = roles.flat_map(|role| role.texts("permissions"));
    names
        .filter_map(|name| match name {
            "authentik_core.view_user" => Some(Permission::ViewUser),
            "authentik_core.view_group" => Some(Permission::ViewGroup),
            _ => None,
        })
        .collect()
}

/// The body of an action, by the path under which its fields are listed.
fn action(state: &State, call: &Call, path: &str) -> Result<Map<String, Value>, Reply> {
    fields::check(state.version, path, &call.body).map_err(|complaints| invalid(&complaints))
}

pub(super) fn set_password(state: &mut State, call: &Call, pk: &str) -> Reply {
    let body = match action(state, call, "core/users/{id}/set_password") {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let Some(name) = find(state, pk) else {
        return not_found(kind_of("core/users"));
    };
    state.world.user_mut(&name).password = text_of(&body["password"]);
    Reply::empty(204)
}

pub(super) fn set_key(state: &mut State, call: &Call, identifier: &str) -> Reply {
    let body = match action(state, call, "core/tokens/{identifier}/set_key") {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let kind = kind_of("core/tokens");
    let Some(mut token) = state.managed.find(kind, identifier).cloned() else {
        return not_found(kind);
    };
    state
        .world
        .tokens
        .retain(|other| Some(&other.key) != token.key.as_ref());
    let key = text_of(&body["key"]);
    add_token(state, &token, &key);
    state.managed.asked_for.push(key.clone());
    state.managed.objects.retain(|other| other.pk != token.pk);
    token.key = Some(key);
    state.managed.objects.push(token);
    Reply::empty(204)
}

/// The key of a token. The first request for an outpost's token finds none yet.
pub(super) fn view_key(state: &mut State, identifier: &str) -> Reply {
    let kind = kind_of("core/tokens");
    let is_asked_for = |object: &&Object| {
        ["identifier", "token_identifier"]
            .iter()
            .any(|f| object.text(f) == Some(identifier))
    };
    let token = state.managed.objects.iter().find(is_asked_for);
    let Some(key) = token.and_then(|token| token.key.clone()) else {
        return not_found(kind);
    };
    if !state.managed.asked_for.contains(&key) {
        state.managed.asked_for.push(key);
        return not_found(kind);
    }
    Reply::json(200, &json!({"key": key}))
}

/// Adds permissions to those that a role has.
pub(super) fn assign(state: &mut State, call: &Call, uuid: &str) -> Reply {
    let path = "rbac/permissions/assigned_by_roles/{uuid}/assign";
    let body = match action(state, call, path) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let Some(named) = body["permissions"].as_array() else {
        return invalid(&complain("permissions", "This field is required."));
    };
    let mut objects = state.managed.objects.iter_mut();
    let Some(role) = objects.find(|object| object.path == "rbac/roles" && object.pk == uuid) else {
        return not_found(kind_of("rbac/roles"));
    };
    let all = role
        .fields
        .entry("permissions")
        .or_insert_with(|| json!([]));
    if let Value::Array(all) = all {
        all.extend(named.iter().cloned());
    }
    let results: Vec<Value> = named.iter().map(|_| json!({"id": "1"})).collect();
    Reply::json(200, &json!(results))
}

/// Removes a user, with their sessions and tokens.
pub(super) fn remove(state: &mut State, name: &str) {
    let pk = json!(state.world.user(name).pk);
    state.world.remove_user(name);
    state.world.tokens.retain(|token| token.username != name);
    state.sessions.end_of_user(name);
    state.managed.take("core/users", &pk);
}

/// Removes any other object.
pub(super) fn removed(state: &mut State, object: &Object) {
    let key = object.key.as_deref();
    match object.path {
        "core/groups" => {
            let name = object.text("name").unwrap_or_default();
            state.world.groups.retain(|group| group.name != name);
            for user in &mut state.world.users {
                user.groups.retain(|group| group != name);
            }
        }
        "core/tokens" => state
            .world
            .tokens
            .retain(|token| Some(token.key.as_str()) != key),
        "endpoints/agents/enrollment_tokens" => state
            .world
            .enrolment_tokens
            .retain(|token| Some(token.key.as_str()) != key),
        "endpoints/agents/connectors" => hosts::forget_connector(state, &text_of(&object.pk)),
        "outposts/instances" => {
            let account = state.world.find_token(key.unwrap_or_default());
            if let Some(name) = account.map(|token| token.username.clone()) {
                remove(state, &name);
            }
        }
        _ => {}
    }
    state.managed.take(object.path, &object.pk);
}

/// The sessions of one user. The double tells only how many there are.
pub(super) fn sessions(state: &State, call: &Call) -> Reply {
    let Some(name) = call.parameter("user__username") else {
        return detail(400, "The double lists the sessions of one user alone.");
    };
    let count = state.sessions.of_user(&name, state.now());
    let pk = state.world.find_user(&name).map(|user| user.pk);
    let session = || json!({"uuid": random::uuid(), "user": pk, "current": false});
    let all = (0..count).map(|_| session()).collect();
    Reply::json(200, &serialize::page(all))
}
