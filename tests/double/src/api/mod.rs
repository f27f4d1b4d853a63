//! The rest of the API: the user who is logged in, access to applications, and the lists of
//! users and groups.

mod accounts;
mod applications;
mod endpoints;
mod manage;
mod serialize;

use serde_json::json;

use crate::csrf;
use crate::exchange::{Call, Outcome, Reply};
use crate::executor;
use crate::session::{self, SESSION};
use crate::state::{State, client_ip};
use crate::version::Behaviour;

pub(crate) use manage::Managed;

/// Answers any request.
pub(crate) fn route(state: &mut State, call: &Call) -> Outcome {
    if let Some(refusal) = refuse_other_address(state, call) {
        return refusal.into();
    }
    let segments: Vec<&str> = call.path.split('/').skip(1).collect();
    match segments.as_slice() {
        ["api", "v3", "flows", "executor", slug, ""] => executor::execute(state, call, slug),
        ["flows", "-", "cancel", ""] => cancel(state, call),
        ["-", "health", "ready" | "live", ""] => Reply::empty(200).into(),
        ["api", "v3", "root", "config", ""] => config(call).into(),
        ["api", "v3", rest @ ..] => api(state, call, rest).into(),
        _ => Reply::page(404, "Not Found").into(),
    }
}

/// Ends a session that is bound to another address than that of this request, and sends the
/// client to a new login.
fn refuse_other_address(state: &mut State, call: &Call) -> Option<Reply> {
    let id = state.sessions.id_of(call, state.now())?;
    let bound_to = state.sessions.get(&id)?.bound_to.clone()?;
    if bound_to == client_ip(&state.world, call) {
        return None;
    }
    state.sessions.remove(&id);
    let path = call.target.split('?').next().unwrap_or_default();
    let login = format!(
        "{}/flows/-/default/authentication/?next={path}",
        call.prefix()
    );
    let reply = Reply::empty(302)
        .with("location", &login)
        .with("vary", "Cookie");
    Some(reply.cookies([session::removed_session_cookie()]))
}

/// Who makes a request.
pub(crate) struct Caller {
    pub(crate) username: Option<String>,
    /// Whether the session belongs to an account that is not active.
    pub(crate) is_inactive: bool,
    /// The key of the token, if the caller sent one.
    pub(crate) token: Option<String>,
}

impl Caller {
    /// Checks the bearer token and the session cookie. The token takes precedence.
    fn of(state: &State, call: &Call) -> Result<Caller, Reply> {
        if let Some(key) = call.bearer() {
            return match state.world.find_token(key) {
                Some(token) => Ok(Caller {
                    username: Some(token.username.clone()),
                    is_inactive: false,
                    token: Some(token.key.clone()),
                }),
                None => Err(detail(403, "Token invalid/expired")),
            };
        }
        let id = state.sessions.id_of(call, state.now());
        let session = id.as_deref().and_then(|id| state.sessions.get(id));
        let owner = session.and_then(|session| session.user.clone());
        let username = owner
            .clone()
            .filter(|name| state.world.find_user(name).is_some_and(|u| u.active));
        Ok(Caller {
            is_inactive: owner.is_some() && username.is_none(),
            username,
            token: None,
        })
    }
}

/// A refusal in the API's form.
pub(crate) fn detail(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"detail": message}))
}

pub(crate) fn unauthenticated() -> Reply {
    detail(403, "Authentication credentials were not provided.")
}

fn api(state: &mut State, call: &Call, segments: &[&str]) -> Reply {
    let allow = match segments {
        ["core", "tokens" | "users" | "groups", ""] => "GET, POST, HEAD, OPTIONS",
        ["core", "groups", _, ""] | ["flows", "instances", _, ""] => {
            "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
        }
        _ => "GET, HEAD, OPTIONS",
    };
    let mut reply = respond(state, call, segments).with("allow", allow);
    if state.version.does(Behaviour::SendsNoCharset) {
        for (_, value) in &mut reply.headers {
            if value == "application/json; charset=utf-8" {
                *value = "application/json".to_owned();
            }
        }
    }
    let stale = call.cookie(SESSION).is_some() && state.sessions.id_of(call, state.now()).is_none();
    reply.cookies(stale.then(session::removed_session_cookie))
}

fn respond(state: &mut State, call: &Call, segments: &[&str]) -> Reply {
    if !call.accepts_json() {
        return detail(406, "Could not satisfy the request Accept header.");
    }
    if let Some(reply) = endpoints::respond(state, call, segments) {
        return reply;
    }
    let caller = match Caller::of(state, call) {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    if call.method != "GET" {
        if let Some(reply) = manage::respond(state, call, segments, &caller) {
            return reply;
        }
        let by_cookie = caller.token.is_none() && caller.username.is_some();
        return match csrf::complaint(call).filter(|_| by_cookie) {
            Some(complaint) => detail(403, &format!("CSRF Failed: {complaint}")),
            None if caller.username.is_none() => unauthenticated(),
            None => detail(405, &format!("Method \"{}\" not allowed.", call.method)),
        };
    }
    match segments {
        ["core", "users", "me", ""] => accounts::me(state, call, &caller),
        ["core", "users", ""] => accounts::users(state, call, &caller),
        ["core", "groups", ""] => accounts::groups(state, call, &caller),
        ["core", "groups", pk, ""] => accounts::group(state, pk, &caller),
        ["core", "applications", slug, "check_access", ""] => {
            applications::check_access(state, call, slug, &caller)
        }
        ["flows", "instances", slug, ""] => {
            match (&caller.username, state.world.flows.get(*slug)) {
                (None, _) => unauthenticated(),
                (Some(name), _) if hides_flows(state, name) => {
                    detail(403, "You do not have permission to perform this action.")
                }
                (_, None) => detail(404, "No Flow matches the given query."),
                (_, Some(flow)) => Reply::json(200, &serialize::flow(flow)),
            }
        }
        _ => manage::respond(state, call, segments, &caller)
            .unwrap_or_else(|| Reply::page(404, "Not Found")),
    }
}

/// Whether the caller may not see flows.
fn hides_flows(state: &State, username: &str) -> bool {
    let user = state.world.find_user(username);
    state.version.does(Behaviour::GuardsFlows) && user.is_some_and(|user| !user.superuser)
}

/// A browser's "cancel": the plan is removed, and the session will be ended.
fn cancel(state: &mut State, call: &Call) -> Outcome {
    let now = state.now();
    let found = state.sessions.id_of(call, now);
    let id = found.unwrap_or_else(session::new_id);
    let mut session = state.sessions.get(&id).cloned().unwrap_or_default();
    session.plan = None;
    let cookie = session::session_cookie(&id, session.user.is_some(), session.expires, now);
    state.sessions.put(id, session);
    Reply::empty(302)
        .with(
            "location",
            &format!("{}/flows/-/default/invalidation/", call.prefix()),
        )
        .cookies([cookie])
        .into()
}

fn config(call: &Call) -> Reply {
    if call.method != "GET" {
        return detail(405, &format!("Method \"{}\" not allowed.", call.method));
    }
    Reply::json(
        200,
        &json!({
            "error_reporting": {
                "enabled": false,
                "sentry_dsn": "",
                "environment": "customer",
                "send_pii": false,
                "traces_sample_rate": 0.1,
            },
            "capabilities": ["can_impersonate", "is_enterprise"],
            "cache_timeout": 300,
            "cache_timeout_flows": 300,
            "cache_timeout_policies": 300,
        }),
    )
    .with("allow", "GET, HEAD, OPTIONS")
}
