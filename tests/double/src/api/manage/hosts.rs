//! The hosts that were enrolled, and the keys that administrators need for them.

use serde_json::{Value, json};

use super::kind;
use crate::api::{detail, serialize};
use crate::exchange::{Call, Reply, parse_query};
use crate::state::State;
use crate::world::HostDevice;

/// The key pair that authentik makes for itself when it is installed.
const KEY_PAIR: &str = "6f1d9a0c-6f6d-4b58-9a5c-0a1e6f0c3b52";

/// The key pairs: one that can sign.
pub(super) fn key_pairs(call: &Call) -> Reply {
    let wanted = parse_query(&call.query);
    if wanted.keys().any(|name| name != "has_key") {
        return detail(400, "The double knows no such parameter.");
    }
    let pair = json!({
        "pk": KEY_PAIR,
        "name": "authentik Self-signed Certificate",
        "private_key_available": true,
    });
    Reply::json(200, &serialize::page(vec![pair]))
}

/// The key of an enrolment token.
pub(super) fn view_key(state: &State, uuid: &str) -> Reply {
    let kind = kind::of("endpoints/agents/enrollment_tokens");
    let token = kind.and_then(|kind| state.managed.find(kind, uuid));
    match token.and_then(|token| token.key.clone()) {
        Some(key) => Reply::json(200, &json!({"key": key})),
        None => detail(404, "No EnrollmentToken matches the given query."),
    }
}

fn shown(host: &HostDevice) -> Value {
    json!({"device_uuid": host.uuid, "name": host.name})
}

/// The hosts with this name, or all.
pub(super) fn list(state: &State, call: &Call) -> Reply {
    let wanted = parse_query(&call.query);
    if wanted.keys().any(|name| name != "name") {
        return detail(400, "The double knows no such parameter.");
    }
    let name = wanted.get("name");
    let hosts = state.world.hosts.iter();
    let found = hosts.filter(|host| name.is_none_or(|name| host.name == *name));
    Reply::json(200, &serialize::page(found.map(shown).collect()))
}

/// One host.
pub(super) fn device(state: &State, uuid: &str) -> Reply {
    let mut hosts = state.world.hosts.iter();
    match hosts.find(|host| host.uuid == uuid) {
        Some(host) => Reply::json(200, &shown(host)),
        None => detail(404, "No Device matches the given query."),
    }
}

/// Removes a host, as an administrator does.
pub(super) fn delete(state: &mut State, uuid: &str) -> Reply {
    let before = state.world.hosts.len();
    state.world.hosts.retain(|host| host.uuid != uuid);
    match state.world.hosts.len() < before {
        true => Reply::empty(204),
        false => detail(404, "No Device matches the given query."),
    }
}

/// Removes what belongs to a connector that is removed. Its hosts stay, without tokens.
pub(super) fn forget_connector(state: &mut State, uuid: &str) {
    let world = &mut state.world;
    world
        .enrolment_tokens
        .retain(|token| token.connector != uuid);
    for host in &mut world.hosts {
        host.tokens.retain(|token| token.connector != uuid);
    }
}
