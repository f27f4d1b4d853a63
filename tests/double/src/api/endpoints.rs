//! `endpoints/`: how a host is enrolled, and how it asks about itself. Since 2025.12.

use serde_json::{Map, Value, json};

use super::detail;
use crate::exchange::{Call, Reply};
use crate::random;
use crate::state::State;
use crate::version::Behaviour;
use crate::world::{EnrolmentToken, HostDevice, HostToken, World};

/// The answer, if the path is one of those that hosts use. They have tokens of their own.
pub(super) fn respond(state: &mut State, call: &Call, segments: &[&str]) -> Option<Reply> {
    if segments.first() != Some(&"endpoints") {
        return None;
    }
    if !state.version.does(Behaviour::EnrolsHosts) {
        return Some(Reply::page(404, "Not Found"));
    }
    match (call.method.as_str(), segments) {
        ("POST", ["endpoints", "agents", "connectors", "enroll", ""]) => Some(enrol(state, call)),
        ("GET", ["endpoints", "agents", "connectors", "agent_config", ""]) => {
            Some(agent_config(&state.world, call))
        }
        _ => None,
    }
}

fn refused() -> Reply {
    detail(403, "You do not have permission to perform this action.")
}

fn enrol(state: &mut State, call: &Call) -> Reply {
    let world = &mut state.world;
    let enrolment = call.bearer().and_then(|key| enrolment(world, key)).cloned();
    let Some(enrolment) = enrolment else {
        return refused();
    };
    let Ok(Value::Object(fields)) = serde_json::from_slice(&call.body) else {
        return detail(400, "JSON parse error");
    };
    let mut complaints = Map::new();
    let mut text = |name: &str| match fields.get(name).and_then(Value::as_str) {
        Some(text) if !text.trim().is_empty() => text.trim().to_owned(),
        given => {
            let words = match given {
                Some(_) => "This field may not be blank.",
                None => "This field is required.",
            };
            complaints.insert(name.to_owned(), json!([words]));
            String::new()
        }
    };
    let (identifier, name) = (text("device_serial"), text("device_name"));
    if !complaints.is_empty() {
        return Reply::json(400, &Value::Object(complaints));
    }
    let key = random::alphanumeric(128);
    let token = HostToken {
        connector: enrolment.connector.clone(),
        key: key.clone(),
    };
    match world.hosts.iter_mut().find(|h| h.identifier == identifier) {
        Some(host) => {
            host.tokens.retain(|old| old.connector != token.connector);
            host.tokens.push(token);
        }
        None => world.hosts.push(HostDevice {
            name,
            access_group: enrolment.access_group,
            tokens: vec![token],
            ..HostDevice::new(&identifier, &key)
        }),
    }
    Reply::json(200, &json!({"token": key, "expires_in": 0}))
}

fn enrolment<'a>(world: &'a World, key: &str) -> Option<&'a EnrolmentToken> {
    let mut tokens = world.enrolment_tokens.iter();
    tokens.find(|token| {
        token.key == key && !token.expired && !world.disabled_connectors.contains(&token.connector)
    })
}

fn agent_config(world: &World, call: &Call) -> Reply {
    let key = call.header("authorization").and_then(|header| {
        let (scheme, key) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer+agent").then_some(key)
    });
    let Some(key) = key else {
        return super::unauthenticated();
    };
    let has_token = |host: &&HostDevice| {
        !host.expired
            && host.tokens.iter().any(|token| {
                token.key == key && !world.disabled_connectors.contains(&token.connector)
            })
    };
    match world.hosts.iter().find(has_token) {
        None => refused(),
        Some(host) => Reply::json(
            200,
            &json!({
                "device_id": host.uuid,
                "refresh_interval": 1800,
                "authorization_flow": null,
                "jwks_auth": {"keys": []},
                "jwks_challenge": {"keys": []},
                "nss_uid_offset": 1000,
                "nss_gid_offset": 1000,
                "auth_terminate_session_on_expiry": false,
                "system_config": {},
                "license_status": null,
            }),
        ),
    }
}
