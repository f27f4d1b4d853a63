//! The flow executor: plans a flow, runs its stages, and says how it ended.

mod answer;
mod code;
mod endpoint;
mod enrol;
mod identification;
mod login;
mod plan;
mod prompt;
mod registration;
mod run;
mod simple;
mod step;
mod validate;
mod webauthn;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::csrf;
use crate::exchange::{Call, Outcome, Reply, parse_query};
use crate::flow::{
    Authentication, Binding, DeniedAction, Flow, InvalidResponseAction, Policy, PolicyRequest,
    Stage, Verdict,
};
use crate::session::{self, Session};
use crate::state::{Outpost, State, client_ip, outpost};
use crate::version::Behaviour;
use crate::words::Language;

pub(crate) use answer::AVATAR;
pub(crate) use plan::Plan;
use run::{Body, Run, SessionEnd};
use step::{Errors, Step};
pub use webauthn::JudgedAssertion;

/// The answer to a request for the executor of this slug.
pub(crate) fn execute(state: &mut State, call: &Call, slug: &str) -> Outcome {
    let now = state.now();
    let Some(flow) = state.world.flows.get(slug).cloned() else {
        return match call.method.as_str() {
            "POST" => Reply::server_error("POST").into(),
            _ => Reply::page(404, "Not Found").into(),
        };
    };
    let found = state.sessions.id_of(call, now);
    let id = found.clone().unwrap_or_else(session::new_id);
    let mut session = found
        .as_deref()
        .and_then(|id| state.sessions.get(id))
        .cloned()
        .unwrap_or_default();
    if outpost(&state.world, call) == Outpost::Broken {
        if call.method == "GET" {
            return Reply::server_error("GET").into();
        }
        let cookie = session::session_cookie(&id, false, None, now);
        state.sessions.put(id, session);
        return Reply::server_error(&call.method).cookies([cookie]).into();
    }

    let bearer = match call.bearer().map(|key| state.world.find_token(key)) {
        None => Bearer::Absent,
        Some(None) => Bearer::Unknown,
        Some(Some(_)) => Bearer::Known,
    };
    let authenticated = match bearer {
        Bearer::Absent => session.user.is_some(),
        Bearer::Unknown => false,
        Bearer::Known => true,
    };
    if let Some(reply) = refuse_early(state, call, bearer, authenticated) {
        let refused = session::session_cookie(&id, false, None, now);
        state.sessions.put(id, session);
        return reply.cookies([refused]).into();
    }

    let outcome = Executor {
        language: Language::of(call),
        flow: &flow,
        owed: Duration::ZERO,
        policy_ip: client_ip(&state.world, call),
        now,
        call,
        state,
    }
    .respond(&mut session);
    let (reply, end, cookies) = match outcome {
        Ok(answer) => answer,
        Err(wait) => return Outcome::Wait(wait),
    };

    let reply = match end {
        SessionEnd::LoggedOut => {
            state.sessions.remove(&id);
            let had_cookie = call.cookie(session::SESSION).is_some();
            reply.cookies(had_cookie.then(session::removed_session_cookie))
        }
        SessionEnd::Kept | SessionEnd::Rotated => {
            let id = if end == SessionEnd::Rotated {
                state.sessions.remove(&id);
                session::new_id()
            } else {
                id
            };
            let authenticated = match end {
                // logged in by it, or logged out
                SessionEnd::Rotated => session.user.is_some(),
                _ => authenticated || session.user.is_some(),
            };
            let cookie = session::session_cookie(&id, authenticated, session.expires, now);
            state.sessions.put(id, session);
            reply.cookies(cookies).cookies([cookie])
        }
    };
    reply.into()
}

/// The token of an `Authorization` header. It takes precedence over the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bearer {
    Absent,
    Unknown,
    Known,
}

/// Answers that need no plan: wrong methods, headers or tokens, and too many requests.
fn refuse_early(
    state: &mut State,
    call: &Call,
    bearer: Bearer,
    authenticated: bool,
) -> Option<Reply> {
    match call.method.as_str() {
        "GET" | "POST" => {}
        "HEAD" => {
            return Some(Reply::empty(405).with("allow", "GET, POST, HEAD, OPTIONS"));
        }
        "OPTIONS" => {
            let description = json!({
                "name": "Flow Executor",
                "description": "Flow executor, passing requests to Stage Views",
                "renders": ["application/json"],
                "parses": ["application/json"],
            });
            let reply = Reply::json(200, &description);
            return Some(reply.with("allow", "GET, POST, HEAD, OPTIONS"));
        }
        _ => return Some(flow_error(call)),
    }
    let forged = call.method == "POST"
        && bearer == Bearer::Absent
        && authenticated
        && csrf::complaint(call).is_some();
    if !call.accepts_json() || bearer == Bearer::Unknown || forged {
        return Some(flow_error(call));
    }
    // a request that has waited was counted when it arrived
    if !authenticated && call.attempt == 0 && state.throttle().is_some() {
        return Some(flow_error(call));
    }
    None
}

fn flow_error(call: &Call) -> Reply {
    Reply::flow(&json!({
        "component": "ak-stage-flow-error",
        "request_id": call.request_id,
    }))
}

/// One request while a flow handles it.
struct Executor<'a> {
    state: &'a mut State,
    call: &'a Call,
    flow: &'a Flow,
    language: Language,
    policy_ip: String,
    now: SystemTime,
    /// How long the policies evaluated so far delay the request.
    owed: Duration,
}

/// The decoded `query`.
type Query = BTreeMap<String, String>;
type Answer = (Reply, SessionEnd, Vec<String>);

impl Executor<'_> {
    fn respond(&mut self, session: &mut Session) -> Result<Answer, Duration> {
        let query = parse_query(&self.call.parameter("query").unwrap_or_default());
        let link = query.get("flow_token").filter(|token| {
            let plan = self.state.memory.links.get(*token);
            plan.is_some_and(|plan| plan.slug == self.flow.slug)
        });
        let restarts = self.state.version.does(Behaviour::RestartsOverUnknownLinks);
        if restarts && link.is_none() && query.contains_key("flow_token") {
            session.plan = None;
        }
        if let Some(plan) = link.and_then(|token| self.state.memory.links.get(token)) {
            session.plan = Some(self.behind_the_link(plan));
        }
        let mut plan = match session.plan.take().filter(|p| p.slug == self.flow.slug) {
            Some(plan) => plan,
            None => match self.plan(session, &query)? {
                Ok(plan) => plan,
                Err(reply) => return Ok((reply, SessionEnd::Kept, Vec::new())),
            },
        };
        while let Some(policy) = plan.bindings.front().and_then(|b| b.policy.clone()) {
            let user = plan.pending.as_ref().and_then(|p| p.username.clone());
            let user = user.or_else(|| session.user.clone());
            let host = plan.host.as_deref();
            if self
                .evaluate(&policy, user.as_deref(), host, &query)?
                .passing
            {
                break;
            }
            plan.pop();
        }
        let Some(binding) = plan.bindings.front().cloned() else {
            return Ok((self.done(&plan, &query), SessionEnd::Kept, Vec::new()));
        };

        // from here on only a phone can delay the answer, so a link that was followed is used
        // up
        if let Some(token) = link {
            self.state.memory.links.remove(token);
        }
        let mut run = Run {
            world: &mut self.state.world,
            memory: &mut self.state.memory,
            version: self.state.version,
            pauses: self.state.pauses,
            session,
            call: self.call,
            language: self.language,
            now: self.now,
            owed: self.owed,
            end: SessionEnd::Kept,
            cookies: Vec::new(),
        };
        let step = if self.call.method == "GET" {
            run.get(&mut plan, &binding.stage)
        } else {
            match run.body() {
                Body::Unreadable => Step::Crash,
                Body::NotADictionary(errors) => Step::Invalid(errors),
                Body::Answer(answer) => run.post(&mut plan, &binding.stage, &answer),
            }
        };
        let step = match step {
            Step::Invalid(errors) => match binding.invalid_response {
                InvalidResponseAction::Retry => run.ask_again(&mut plan, &binding.stage, errors),
                InvalidResponseAction::Restart => {
                    plan = Plan::new(self.flow);
                    Step::Stay
                }
                InvalidResponseAction::RestartWithContext => {
                    plan = plan.again(self.flow);
                    Step::Stay
                }
            },
            Step::StartOver => {
                plan = Plan::new(self.flow);
                run.start_over(&mut plan)
            }
            step => step,
        };
        if binding.flushes_session {
            run.end = SessionEnd::LoggedOut;
        }
        let (end, cookies) = (run.end, std::mem::take(&mut run.cookies));
        let reply = match step {
            Step::Wait(pause) => return Err(pause),
            Step::Show(challenge) => {
                let reply = Reply::flow(&self.dress(&challenge, Some(&plan), session));
                session.plan = Some(plan);
                reply
            }
            Step::Crash => {
                session.plan = Some(plan);
                flow_error(self.call)
            }
            Step::Denied(message) => self.denied(Some(&plan), session, &message),
            Step::Stay => {
                session.plan = Some(plan);
                self.redirect()
            }
            // `ask_again` and `start_over` have replaced these
            Step::Invalid(_) | Step::StartOver => flow_error(self.call),
            Step::Done => {
                plan.pop();
                if plan.bindings.is_empty() {
                    self.done(&plan, &query)
                } else {
                    session.plan = Some(plan);
                    self.redirect()
                }
            }
        };
        Ok((reply, end, cookies))
    }

    /// The plan that a link leads to. Since 2026.8 a consent comes first.
    fn behind_the_link(&self, plan: &Plan) -> Plan {
        let mut plan = plan.clone();
        if self.state.version.does(Behaviour::ConfirmsLinks) {
            plan.bindings.push_front(Binding {
                stage: Stage::Consent {
                    header_text: Some("Continue to confirm this email address.".to_owned()),
                    permissions: Vec::new(),
                },
                policy: None,
                invalid_response: InvalidResponseAction::Retry,
                flushes_session: false,
            });
        }
        plan
    }

    /// Plans the flow for this client, or says why it does not apply.
    fn plan(&mut self, session: &Session, query: &Query) -> Result<Result<Plan, Reply>, Duration> {
        let user = session
            .user
            .as_deref()
            .and_then(|name| self.state.world.find_user(name));
        let applies = match self.flow.authentication {
            Authentication::None => true,
            Authentication::RequireAuthenticated => user.is_some(),
            Authentication::RequireSuperuser => user.is_some_and(|u| u.superuser),
            Authentication::RequireOutpost => {
                outpost(&self.state.world, self.call) == Outpost::Real
            }
            Authentication::RequireUnauthenticated => user.is_none(),
            Authentication::RequireRedirect => false,
            // a client with the token already has a plan
            Authentication::RequireToken => {
                !self.state.version.does(Behaviour::KnowsRequiredTokens)
            }
        };
        if !applies {
            let message = match self.flow.authentication {
                Authentication::RequireToken => {
                    "This link is invalid or has expired. Please request a new one."
                }
                _ => "Flow does not apply to current user.",
            };
            return Ok(Err(self.denied(None, session, message)));
        }
        let Some(policy) = &self.flow.policy else {
            return Ok(Ok(Plan::new(self.flow)));
        };
        let verdict = self.evaluate(policy, session.user.as_deref(), None, query)?;
        Ok(if verdict.passing {
            Ok(Plan::new(self.flow))
        } else if self.flow.denied_action == DeniedAction::Continue {
            Err(self.redirect_out(&format!("{}/", self.call.prefix()), false))
        } else if verdict.messages.is_empty() {
            let message = "Flow does not apply to current user.";
            Err(self.denied(None, session, message))
        } else {
            Err(self.denied(None, session, &verdict.messages.join("\n")))
        })
    }

    fn evaluate(
        &mut self,
        policy: &Policy,
        username: Option<&str>,
        host: Option<&str>,
        query: &Query,
    ) -> Result<Verdict, Duration> {
        if self.state.pauses {
            self.owed += policy.pause();
        }
        let rest = self.owed.saturating_sub(self.call.waited);
        if !rest.is_zero() {
            return Err(rest);
        }
        Ok(policy.evaluate(&PolicyRequest {
            user: username.and_then(|name| self.state.world.find_user(name)),
            query,
            user_agent: self.call.header("user-agent").unwrap_or_default(),
            client_ip: &self.policy_ip,
            host: host.and_then(|id| self.state.world.hosts.iter().find(|h| h.identifier == id)),
        }))
    }
}

/// An answer whose fields are wrong in this way, for stages that say so themselves.
fn invalid(field: &str, string: &str) -> Step {
    Step::Invalid(Errors::one(field, string, "invalid"))
}
