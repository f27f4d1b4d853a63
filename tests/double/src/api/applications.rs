//! `core/applications/SLUG/check_access/`.

use serde_json::json;

use super::{Caller, detail};
use crate::exchange::{Call, Reply, parse_query};
use crate::flow::PolicyRequest;
use crate::state::{State, client_ip};
use crate::version::Behaviour;
use crate::world::Access;

/// Whether the caller may use an application. An application without bindings is open to
/// everyone, including anonymous callers.
pub(super) fn check_access(state: &mut State, call: &Call, slug: &str, caller: &Caller) -> Reply {
    let anonymous = caller.username.is_none();
    if let Some(seconds) = anonymous.then(|| state.throttle()).flatten() {
        let message = format!("Request was throttled. Expected available in {seconds} seconds.");
        return detail(429, &message).with("retry-after", &seconds.to_string());
    }
    let world = &state.world;
    let Some(application) = world.applications.iter().find(|a| a.slug == slug) else {
        return detail(404, "No Application matches the given query.");
    };
    let user = caller
        .username
        .as_deref()
        .and_then(|name| world.find_user(name));
    let query = parse_query(&call.query);
    let ip = client_ip(world, call);
    let request = PolicyRequest {
        user,
        query: &query,
        user_agent: call.header("user-agent").unwrap_or_default(),
        client_ip: &ip,
        // a flow's context is no application's
        host: None,
    };
    let mut messages = Vec::new();
    let mut verdicts = Vec::new();
    for binding in &application.bindings {
        verdicts.push(match binding {
            Access::User(name) => user.is_some_and(|user| user.username == *name),
            Access::Group(name) => user.is_some_and(|user| {
                world
                    .groups_with_ancestors(user)
                    .iter()
                    .any(|group| group.name == *name)
            }),
            Access::Policy(policy) => {
                let verdict = policy.evaluate(&request);
                messages.extend(verdict.messages);
                verdict.passing
            }
        });
    }
    let passing = match application.needs_all {
        true => verdicts.iter().all(|passing| *passing),
        false => verdicts.is_empty() || verdicts.contains(&true),
    };
    if !passing {
        messages.extend(application.messages.iter().cloned());
    }
    let is_super = user.is_some_and(|user| user.superuser);
    if state.version.does(Behaviour::KeepsMessagesBack) && !is_super {
        messages.clear();
    }
    Reply::json(
        200,
        &json!({"passing": passing, "messages": messages, "log_messages": []}),
    )
}
