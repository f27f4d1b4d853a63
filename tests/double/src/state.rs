//! What the server stores between requests.

use std::collections::HashMap;
use std::time::SystemTime;

use crate::api::Managed;
use crate::exchange::Call;
use crate::executor::{JudgedAssertion, Plan};
use crate::session::Sessions;
use crate::version::Version;
use crate::world::{Token, UserType, World};

/// Everything behind the lock.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) sessions: Sessions,
    pub(crate) memory: Memory,
    /// What was created through the API.
    pub(crate) managed: Managed,
    pub(crate) version: Version,
    /// Whether slow policies and phones really wait.
    pub(crate) pauses: bool,
}

/// Data that outlives sessions and does not belong to the world.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The contents of each `authentik_mfa` cookie.
    pub(crate) mfa: HashMap<String, Remembered>,
    /// The plans of mailed links, by `flow_token`.
    pub(crate) links: HashMap<String, Plan>,
    /// The `flow_token` that was mailed last, by user.
    pub(crate) last_link: HashMap<String, String>,
    /// The code that was sent last by text message or mail, by user.
    pub(crate) last_code: HashMap<String, String>,
    /// What security keys have signed, the newest last.
    pub(crate) assertions: Vec<JudgedAssertion>,
    /// How many wrong passwords were tried for a name, in all sessions.
    pub(crate) wrong_passwords: HashMap<String, u32>,
    /// When anonymous clients made the requests that count.
    anonymous: Vec<SystemTime>,
}

/// The contents of an `authentik_mfa` cookie: a device, and the stage that accepted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// The owner of the device, its class and its number.
    pub(crate) device: (String, &'static str, u32),
    /// The stage: its name, or the only flow that has it.
    pub(crate) stage: String,
    pub(crate) at: SystemTime,
}

impl State {
    pub(crate) fn now(&self) -> SystemTime {
        self.world.clock.now()
    }

    /// Counts an anonymous request. If that is one too many, returns in how many seconds the
    /// next one is allowed.
    pub(crate) fn throttle(&mut self) -> Option<u64> {
        let limit = self.world.anonymous_requests_per_minute?;
        let now = self.now();
        let age = |at: &SystemTime| now.duration_since(*at).unwrap_or_default().as_secs();
        self.memory.anonymous.retain(|at| age(at) < 60);
        if self.memory.anonymous.len() < limit as usize {
            self.memory.anonymous.push(now);
            return None;
        }
        let oldest = self.memory.anonymous.first().map_or(0, age);
        Some(60 - oldest)
    }
}

/// The effect of an outpost token on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outpost {
    /// No token, or one without effect.
    Absent,
    /// That of a real outpost.
    Real,
    /// The token of an internal service account without an outpost. The executor crashes.
    Broken,
}

/// Checks `X-authentik-outpost-token`.
pub(crate) fn outpost(world: &World, call: &Call) -> Outpost {
    let owner = |token: &Token| world.find_user(&token.username).map(|u| u.user_type);
    let Some(token) = call
        .header("x-authentik-outpost-token")
        .and_then(|key| world.find_token(key))
    else {
        return Outpost::Absent;
    };
    match (owner(token), token.outpost) {
        (Some(UserType::InternalServiceAccount), true) => Outpost::Real,
        (Some(UserType::InternalServiceAccount), false) => Outpost::Broken,
        _ => Outpost::Absent,
    }
}

/// The client's address, as policies see it.
pub(crate) fn client_ip(world: &World, call: &Call) -> String {
    let claimed = call.header("x-authentik-remote-ip").unwrap_or_default();
    if outpost(world, call) != Outpost::Absent && claimed.parse::<std::net::IpAddr>().is_ok() {
        claimed.to_owned()
    } else {
        call.peer.clone()
    }
}
