//! One login, played and judged.

use std::time::Duration;

use pam_authentik_flow::audit::Audit;
use pam_authentik_flow::config::Config;
use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::first_answer::FirstAnswer;
use pam_authentik_flow::http::Transport;
use pam_authentik_flow::login::{self, Login};
use pam_authentik_flow::login_context::LoginContext;

use crate::choices::Choices;
use crate::log::{Event, World};
use crate::model;
use crate::person::{PASSWORD, Person};
use crate::rules::{FLOW, Rules, USER};
use crate::server::Server;

/// What became of a login.
#[derive(Debug)]
pub struct Played {
    /// Why the module refused it; nothing where it was let in.
    pub refused: Option<String>,
    /// Why the model would refuse it; nothing where it need not.
    pub must_not: Option<&'static str>,
    /// How many requests were made.
    pub requests: usize,
}

/// Plays the login that `bytes` describe.
///
/// # Panics
/// Where the invariant is broken.
#[must_use]
pub fn play(bytes: &[u8]) -> Played {
    let mut choices = Choices::new(bytes);
    let rules = Rules::choose(&mut choices);
    let world = World::new(choices);
    let mut server = Server::new(&world, &rules);
    let result = prove(&mut server, &world, &rules.config());
    let log = world.log.borrow();
    let must_not = model::may_succeed(&rules, &log).err();
    let refused = result.err().map(|error| error.to_string());
    if let (None, Some(reason)) = (&refused, must_not) {
        panic!("the module let in a person without a proof: {reason}\n{rules:#?}\n{log:#?}");
    }
    secrets_stay(refused.as_deref(), &log);
    Played {
        refused,
        must_not,
        requests: log
            .iter()
            .filter(|event| matches!(event, Event::Request { .. }))
            .count(),
    }
}

/// Runs a login with this server and the person of `world`.
///
/// # Errors
/// As [`login::prove`], whose proof is for nobody here.
pub fn prove(
    server: &mut dyn Transport,
    world: &World<'_>,
    config: &Config,
) -> Result<(), LoginError> {
    let mut audit = Audit::trial("fuzz", "auth");
    login::prove(
        server,
        &mut Person(world),
        Login {
            config,
            context: &LoginContext::default(),
            user: USER,
            // Nothing is waited for that a real server wants to have waited for.
            first: &mut FirstAnswer::within(Deadline::after(Duration::ZERO)),
        },
        &mut audit,
    )
    .map(drop)
}

/// The module asks for three things and no other, and a password is in none of
/// their addresses and in no reason.
fn secrets_stay(refused: Option<&str>, log: &[Event]) {
    let executor = format!("/api/v3/flows/executor/{FLOW}/?query=");
    let mut server_knows = false;
    for event in log {
        let Event::Request { path, body, answer } = event else {
            continue;
        };
        if let Some(behind) = path.strip_prefix(&executor) {
            let token = behind.strip_prefix("flow_token%3D");
            assert!(behind.is_empty() || token.is_some_and(is_token), "{path}");
        } else {
            assert!(path.starts_with("/api/v3/core/"), "{path}");
            assert!(body.is_none() && !path.contains(['?', '%', '#']), "{path}");
        }
        server_knows |= answer.as_ref().is_some_and(|answer| {
            let body = String::from_utf8_lossy(&answer.body);
            body.contains(PASSWORD) || body.contains('\\')
        });
    }
    if let (Some(refused), false) = (refused, server_knows) {
        assert!(!refused.contains(PASSWORD), "{refused}");
    }
}

fn is_token(text: &str) -> bool {
    (8..=256).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
