//! The loop from the first GET to the end of the flow.

use super::answerer::Answerer;
use super::challenge::{Challenge, Ending};
use super::progress::{Progress, Sent, Step};
use super::response::{Proof, Response};
use crate::audit::Audit;
use crate::config::Slug;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::http::{Answer, Redirect, RequestError, Transport};
use crate::login_context::percent_encoded;

/// How many challenges a flow may send. Long flows have about a dozen stages.
const MAX_CHALLENGES: usize = 100;
/// How many redirects may follow each other. Each stage that skips itself causes one.
const MAX_REDIRECTS: usize = 32;

/// How many requests a flow may take: for each challenge a request, an answer and a
/// redirect, and some more for stages that skip themselves.
const MAX_REQUESTS: u32 = 300;

/// A flow that ended without a denial.
///
/// This is **not a login**: an empty flow, a flow that was denied with the action
/// *continue*, and a flow without a user-login stage end in the same way.
/// [`crate::identity`] finds out whether somebody is logged in.
#[derive(Debug)]
pub struct FlowEnd {
    proofs: Vec<Proof>,
}

impl FlowEnd {
    /// Whether the server accepted a secret of the person in this flow.
    #[must_use]
    pub fn secret_was_accepted(&self) -> bool {
        !self.proofs.is_empty()
    }
}

/// Runs the flow `slug` to its end. `query` is a query string that authentik's policies can
/// read; see [`crate::login_context::LoginContext::query`].
///
/// # Errors
/// Everything that prevents a final redirect. A denial always counts, even if somebody is
/// logged in at that time.
pub fn run(
    transport: &mut dyn Transport,
    slug: &Slug,
    query: &str,
    answerer: &mut dyn Answerer,
    audit: &mut Audit,
) -> Result<FlowEnd, LoginError> {
    Run {
        transport,
        path: path(slug, query),
        audit,
        requests: 0,
    }
    .drive(slug, answerer)
}

/// The path of the flow's executor. The inner query string is percent-encoded like any
/// other value.
#[must_use]
pub fn path(slug: &Slug, query: &str) -> String {
    let query = percent_encoded(query);
    format!("/api/v3/flows/executor/{}/?query={query}", slug.as_str())
}

struct Run<'a> {
    transport: &'a mut dyn Transport,
    path: String,
    audit: &'a mut Audit,
    requests: u32,
}

impl Run<'_> {
    fn drive(mut self, slug: &Slug, answerer: &mut dyn Answerer) -> Result<FlowEnd, LoginError> {
        let mut progress = Progress::default();
        let result = self.drive_within(&mut progress, slug, answerer);
        if let (Err(_), Some(what)) = (&result, progress.unsettled()) {
            self.audit.log_refused_answer(what);
        }
        result?;
        Ok(FlowEnd {
            proofs: progress.into_proofs(),
        })
    }

    fn drive_within(
        &mut self,
        progress: &mut Progress,
        slug: &Slug,
        answerer: &mut dyn Answerer,
    ) -> Result<(), LoginError> {
        let mut sent: Option<Sent> = None;
        let mut host = None;
        let mut step = self.start(slug)?;
        for _ in 0..MAX_CHALLENGES {
            let rejected = match sent.take() {
                None => 0,
                Some(sent) => progress.settle(sent, &step, answerer, self.audit)?,
            };
            let challenge = step.challenge;
            match challenge.ending() {
                Ending::FinalRedirect => return Ok(()),
                Ending::AccessDenied(words) => {
                    let words = words.clone();
                    // When the flow leaves a stage, it redirects. A denial without a redirect
                    // is the stage's own.
                    return Err(match host.filter(|_| step.redirects == 0) {
                        Some(host) => LoginError::HostNotProved { host, words },
                        None => LoginError::Denied { words },
                    });
                }
                Ending::DeniedWithContinue => return Err(LoginError::DeniedWithContinue),
                Ending::FlowError(request_id) => {
                    self.audit.request_id(request_id.clone());
                    return Err(ServerFault::FlowError.into());
                }
                // A redirect stage is a stage like others. The end of the flow decides.
                Ending::None | Ending::RedirectStage => {}
            }
            self.audit.add_stage(challenge.component(), rejected);
            let response = answerer.answer(&challenge, rejected)?;
            sent = Some(Sent::new(&challenge, &response, rejected));
            host = response.host();
            if let Some(host) = host {
                self.audit.set_host_proof(host.as_str());
            }
            step = self.send(&response)?;
        }
        let problem = format!("the flow has not ended after {MAX_CHALLENGES} challenges");
        Err(ServerFault::UnexpectedAnswer(problem).into())
    }

    fn start(&mut self, slug: &Slug) -> Result<Step, LoginError> {
        let answer = self.get()?;
        if answer.status == 404 {
            return Err(LoginError::UnknownFlow {
                slug: slug.as_str().to_owned(),
            });
        }
        self.follow(answer)
    }

    /// Counts a request.
    ///
    /// # Errors
    /// If there were too many: the flow goes round in circles.
    fn count_request(&mut self) -> Result<(), LoginError> {
        self.requests = self.requests.saturating_add(1);
        if self.requests <= MAX_REQUESTS {
            return Ok(());
        }
        let problem = format!("the flow has not ended after {MAX_REQUESTS} requests");
        Err(ServerFault::UnexpectedAnswer(problem).into())
    }

    fn send(&mut self, response: &Response) -> Result<Step, LoginError> {
        self.count_request()?;
        let answer = match response.flow_token() {
            Some(token) => self.transport.get(&token.appended_to(&self.path)),
            None => {
                let limit = response.push_timeout();
                self.transport.post(&self.path, response.body(), limit)
            }
        };
        let answer = answer.map_err(|error| match error.fault() {
            ServerFault::Timeout(_) if response.push_timeout().is_some() => {
                LoginError::PushUnanswered
            }
            _ => self.failed(error),
        })?;
        self.follow(answer)
    }

    fn get(&mut self) -> Result<Answer, LoginError> {
        self.count_request()?;
        let answer = self.transport.get(&self.path);
        answer.map_err(|error| self.failed(error))
    }

    fn follow(&mut self, mut answer: Answer) -> Result<Step, LoginError> {
        for redirects in 0..=MAX_REDIRECTS {
            match (answer.status, answer.redirect.take()) {
                (301..=308, Some(Redirect::SamePlace)) => answer = self.get()?,
                (301..=308, Some(Redirect::Elsewhere(to))) => {
                    let problem = format!("it redirects away from the executor, to {to}");
                    return Err(ServerFault::UnexpectedAnswer(problem).into());
                }
                (200, _) => {
                    let request_id = answer.request_id.take();
                    if !answer.is_json {
                        self.audit.request_id(request_id);
                        let problem = "its Content-Type is not application/json";
                        return Err(ServerFault::UnexpectedAnswer(problem.into()).into());
                    }
                    if answer.is_starting {
                        return Err(ServerFault::NotReady.into());
                    }
                    let challenge = Challenge::read(answer.body).inspect_err(|_| {
                        self.audit.request_id(request_id);
                    })?;
                    return Ok(Step {
                        challenge,
                        redirects,
                    });
                }
                _ => {
                    self.audit.request_id(answer.request_id.take());
                    return Err(answer.fault_of_status().into());
                }
            }
        }
        Err(ServerFault::UnexpectedAnswer("it redirects too often".into()).into())
    }

    fn failed(&mut self, error: RequestError) -> LoginError {
        self.audit.request_id(error.request_id().map(str::to_owned));
        error.into()
    }
}

#[cfg(test)]
mod tests;
