//! `core/users/` and `core/groups/`.

use serde_json::{Value, json};

use super::{Caller, detail, serialize, unauthenticated};
use crate::exchange::{Call, Reply};
use crate::session;
use crate::state::State;
use crate::version::Behaviour;
use crate::world::{Permission, UserType};

/// The user who is logged in.
pub(super) fn me(state: &State, call: &Call, caller: &Caller) -> Reply {
    let Some(user) = caller
        .username
        .as_deref()
        .and_then(|name| state.world.find_user(name))
    else {
        return match caller.is_inactive && state.version.does(Behaviour::RefusesInactiveSessions) {
            true => Reply::empty(400).cookies([session::removed_session_cookie()]),
            false => unauthenticated(),
        };
    };
    let me = |user| serialize::me(state.version, &state.world, user);
    let mut body = json!({"user": me(user)});
    if state.version.has("session", "users") {
        body["users"] = json!([me(user)]);
    }
    let now = state.now();
    let id = state.sessions.id_of(call, now);
    let session = id.as_deref().and_then(|id| state.sessions.get(id));
    let login = session
        .filter(|_| caller.token.is_none())
        .map(|session| session.login.clone())
        .unwrap_or_default();
    let original = login
        .impersonated_by
        .as_ref()
        .or(user.impersonated_by.as_ref());
    if let Some(original) = original.and_then(|name| state.world.find_user(name)) {
        body["original"] = me(original);
    }
    if let Some(patch) = &login.users_me {
        merge(&mut body, patch);
    }
    let cookie = id.map(|id| {
        let expires = session.and_then(|session| session.expires);
        session::session_cookie(&id, true, expires, now)
    });
    Reply::json(200, &body).cookies(cookie)
}

/// RFC 7396: objects are merged, `null` removes a field, anything else replaces it.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(fields) = target else {
        return;
    };
    for (key, change) in changes {
        if change.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.clone()).or_insert(Value::Null), change);
        }
    }
}

/// Why the caller may not look, if that is so.
fn forbidden(state: &State, caller: &Caller, wanted: Permission) -> Option<Reply> {
    let Some(username) = &caller.username else {
        return Some(unauthenticated());
    };
    let superuser = state.world.find_user(username).is_some_and(|u| u.superuser);
    let token = caller.token.as_deref();
    let allowed = token
        .and_then(|key| state.world.find_token(key))
        .is_some_and(|token| token.permissions.contains(&wanted));
    if superuser || allowed || sees_nothing(state, caller) {
        return None;
    }
    Some(detail(
        403,
        "You do not have permission to perform this action.",
    ))
}

/// Whether the caller gets empty lists instead of a refusal. authentik does so with the
/// accounts of outposts.
fn sees_nothing(state: &State, caller: &Caller) -> bool {
    let token = caller.token.as_deref();
    let token = token.and_then(|key| state.world.find_token(key));
    let user = caller.username.as_deref();
    let user = user.and_then(|name| state.world.find_user(name));
    user.is_some_and(|user| !user.superuser && user.user_type == UserType::InternalServiceAccount)
        && token.is_none_or(|token| token.permissions.is_empty())
}

/// The first page of the list of users, with at most `page_size` users. `username` is compared
/// exactly, including case.
pub(super) fn users(state: &State, call: &Call, caller: &Caller) -> Reply {
    if let Some(refusal) = forbidden(state, caller, Permission::ViewUser) {
        return refusal;
    }
    let wanted = call.parameter("username");
    let blind = sees_nothing(state, caller);
    let found: Vec<Value> = state
        .world
        .users
        .iter()
        .filter(|user| !blind && wanted.as_ref().is_none_or(|name| user.username == *name))
        .map(|user| serialize::user(state.version, &state.world, user))
        .collect();
    let size = call.parameter("page_size");
    let size = size.and_then(|size| size.parse().ok()).unwrap_or(100);
    Reply::json(200, &serialize::first_page(found, size))
}

/// The list of groups, by name or by direct member.
pub(super) fn groups(state: &State, call: &Call, caller: &Caller) -> Reply {
    if let Some(refusal) = forbidden(state, caller, Permission::ViewGroup) {
        return refusal;
    }
    let name = call.parameter("name");
    let member = call.parameter("members_by_username");
    let has_member = |group: &str, member: &str| {
        let user = state.world.find_user(member);
        user.is_some_and(|user| user.groups.iter().any(|name| name == group))
    };
    let blind = sees_nothing(state, caller);
    let found = state
        .world
        .groups
        .iter()
        .filter(|_| !blind)
        .filter(|group| name.as_ref().is_none_or(|name| group.name == *name))
        .filter(|group| member.as_ref().is_none_or(|m| has_member(&group.name, m)))
        .map(|group| serialize::group(state.version, &state.world, group))
        .collect();
    Reply::json(200, &serialize::page(found))
}

/// One group by its uuid.
pub(super) fn group(state: &State, pk: &str, caller: &Caller) -> Reply {
    if let Some(refusal) = forbidden(state, caller, Permission::ViewGroup) {
        return refusal;
    }
    let blind = sees_nothing(state, caller);
    let mut seen = state.world.groups.iter().filter(|_| !blind);
    match seen.find(|group| group.pk == pk) {
        Some(group) => Reply::json(200, &serialize::group(state.version, &state.world, group)),
        None => detail(404, "No Group matches the given query."),
    }
}
