//! The loop: from the first GET to the flow's end.

use super::challenge::{Challenge, Ending};
use super::response::{Proof, Response};
use crate::audit::Audit;
use crate::config::Slug;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::http::{Answer, Redirect, RequestError, Transport};
use crate::login_context::percent_encoded;

/// How many challenges a flow may send. The longest that people build have a dozen stages.
const MAX_CHALLENGES: usize = 100;
/// How many redirects in a row: one for each stage that skips itself.
const MAX_REDIRECTS: usize = 32;

/// The stage that flows begin with.
const IDENTIFICATION: &str = "ak-stage-identification";
/// How often a flow may begin anew over an answer that holds no secret.
const MAX_RESTARTS: u32 = 3;

/// Answers challenges: the stages, with a person behind them.
pub trait Answerer {
    /// Answers one challenge. `rejected` is how often this very stage has
    /// refused an answer already: from one on, the challenge carries the errors.
    ///
    /// # Errors
    /// Whatever ends the login here: an aborted conversation, a component that
    /// cannot be answered, a refusal after which nothing more is to be tried.
    fn answer(&mut self, challenge: &Challenge, rejected: usize) -> Result<Response, LoginError>;

    /// The flow went back to an earlier stage after a wrong code, and all that
    /// had been accepted is void.
    ///
    /// # Errors
    /// When this was one wrong code too many.
    fn code_sent_back(&mut self) -> Result<(), LoginError>;
}

/// A flow that came to its end without being denied.
///
/// It is **no login**: an empty flow, a flow that was denied with the action
/// *continue*, and one without a user-login stage all end so. What it is worth
/// is for [`crate::identity`] to find out.
#[derive(Debug)]
pub struct FlowEnd {
    proofs: Vec<Proof>,
}

impl FlowEnd {
    /// Whether a secret that the person gave was accepted on the way.
    #[must_use]
    pub fn secret_was_accepted(&self) -> bool {
        !self.proofs.is_empty()
    }
}

/// Runs the flow `slug` to its end. `query` is a query string of its own, which
/// policies of authentik can read; see [`crate::login_context::LoginContext::query`].
///
/// # Errors
/// Whatever kept it from ending in a final redirect; a denial outranks
/// everything, whoever the session belongs to by then.
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
    }
    .drive(slug, answerer)
}

/// The path of the flow's executor. A query string within a query string is
/// encoded as any other value is.
#[must_use]
pub fn path(slug: &Slug, query: &str) -> String {
    let query = percent_encoded(query);
    format!("/api/v3/flows/executor/{}/?query={query}", slug.as_str())
}

struct Run<'a> {
    transport: &'a mut dyn Transport,
    path: String,
    audit: &'a mut Audit,
}

/// A challenge, and whether the server came to it by a redirect.
struct Step {
    challenge: Challenge,
    redirected: bool,
}

/// An answer that was sent, until the next challenge tells what became of it.
struct Sent {
    identity: String,
    proof: Option<Proof>,
    /// The secret's name, for the log.
    what: Option<&'static str>,
    rejected: usize,
}

impl Run<'_> {
    fn drive(mut self, slug: &Slug, answerer: &mut dyn Answerer) -> Result<FlowEnd, LoginError> {
        let mut proofs = Vec::new();
        let mut passed: Vec<String> = Vec::new();
        let mut sent: Option<Sent> = None;
        let mut restarts = 0_u32;
        let mut step = self.start(slug)?;
        for _ in 0..MAX_CHALLENGES {
            let challenge = step.challenge;
            let rejected = match sent.take() {
                None => 0,
                Some(sent) => {
                    let came_back = challenge.is_same_stage(&sent.identity);
                    if came_back && !challenge.errors().is_empty() {
                        self.note_refusal(&sent);
                        sent.rejected.saturating_add(1)
                    } else {
                        let verdict = judge(&sent, &challenge, step.redirected, &passed);
                        if !matches!(verdict, Ok(Verdict::Accepted)) {
                            self.note_refusal(&sent);
                        }
                        match verdict? {
                            Verdict::Accepted => {
                                proofs.extend(sent.proof);
                                passed.push(sent.identity);
                            }
                            Verdict::Restarted => {
                                restarts = restarts.saturating_add(1);
                                if restarts > MAX_RESTARTS {
                                    return Err(LoginError::RestartedTooOften(restarts));
                                }
                                proofs.clear();
                                passed.clear();
                            }
                            Verdict::CodeSentBack => {
                                answerer.code_sent_back()?;
                                proofs.clear();
                                // What is in front of that stage still is.
                                let back = passed
                                    .iter()
                                    .position(|identity| challenge.is_same_stage(identity));
                                passed.truncate(back.unwrap_or(passed.len()));
                            }
                        }
                        0
                    }
                }
            };
            match challenge.ending() {
                Ending::FinalRedirect => return Ok(FlowEnd { proofs }),
                Ending::AccessDenied(words) => {
                    return Err(LoginError::Denied {
                        words: words.clone(),
                    });
                }
                Ending::FlowError(request_id) => {
                    self.audit.request_id(request_id.clone());
                    return Err(ServerFault::FlowError.into());
                }
                // A redirect stage is a stage: what it is worth shows at the end.
                Ending::None | Ending::RedirectStage => {}
            }
            self.audit.stage(challenge.component(), rejected);
            let response = answerer.answer(&challenge, rejected)?;
            sent = Some(Sent {
                identity: challenge.identity().to_owned(),
                proof: response.proof(),
                what: response.what(),
                rejected,
            });
            step = self.send(&response)?;
        }
        let problem = format!("the flow has not ended after {MAX_CHALLENGES} challenges");
        Err(ServerFault::Nonsense(problem).into())
    }

    /// Leaves a line in the log before anybody is asked again.
    fn note_refusal(&self, sent: &Sent) {
        if let Some(what) = sent.what {
            self.audit.refused_answer(what);
        }
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

    fn send(&mut self, response: &Response) -> Result<Step, LoginError> {
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
        let answer = self.transport.get(&self.path);
        answer.map_err(|error| self.failed(error))
    }

    fn follow(&mut self, mut answer: Answer) -> Result<Step, LoginError> {
        for redirects in 0..=MAX_REDIRECTS {
            match (answer.status, answer.redirect.take()) {
                (301..=308, Some(Redirect::SamePlace)) => answer = self.get()?,
                (301..=308, Some(Redirect::Elsewhere(to))) => {
                    let problem = format!("it redirects away from the executor, to {to}");
                    return Err(ServerFault::Nonsense(problem).into());
                }
                (200, _) => {
                    let request_id = answer.request_id.take();
                    if !answer.is_json {
                        self.audit.request_id(request_id);
                        let problem = "its Content-Type is not application/json";
                        return Err(ServerFault::Nonsense(problem.into()).into());
                    }
                    if answer.is_starting {
                        return Err(ServerFault::NotReady.into());
                    }
                    let challenge = Challenge::read(answer.body).inspect_err(|_| {
                        self.audit.request_id(request_id);
                    })?;
                    return Ok(Step {
                        challenge,
                        redirected: redirects > 0,
                    });
                }
                _ => {
                    self.audit.request_id(answer.request_id.take());
                    return Err(answer.fault_of_status().into());
                }
            }
        }
        Err(ServerFault::Nonsense("it redirects without end".into()).into())
    }

    fn failed(&mut self, error: RequestError) -> LoginError {
        self.audit.request_id(error.request_id().map(str::to_owned));
        error.into()
    }
}

/// What became of an answer.
enum Verdict {
    /// The flow went on.
    Accepted,
    /// The flow went back over a wrong code, which may be tried again.
    CodeSentBack,
    /// The flow went back to its beginning over an answer that is no secret: its
    /// binding says *restart*. What had been accepted is void.
    Restarted,
}

/// Judges an answer that was not refused in so many words.
///
/// # Errors
/// Where the flow went back instead of on, or was closed over it.
fn judge(
    sent: &Sent,
    next: &Challenge,
    redirected: bool,
    passed: &[String],
) -> Result<Verdict, LoginError> {
    let Some(proof) = sent.proof else {
        // Dummies and consents may look alike; nobody is identified twice.
        let began_anew = next.component() == IDENTIFICATION
            && passed.iter().any(|identity| next.is_same_stage(identity));
        return Ok(if began_anew {
            Verdict::Restarted
        } else {
            Verdict::Accepted
        });
    };
    let what = proof.what();
    if !next.errors().is_empty() && !passed.iter().any(|identity| next.is_same_stage(identity)) {
        // Errors of an answer that was taken: a doubt, and so a refusal.
        let words = next.error_words();
        return Err(LoginError::Rejected { what, words });
    }
    if let (Ending::AccessDenied(words), false) = (next.ending(), redirected) {
        // An accepted answer is followed by a redirect wherever a stage is
        // left; a denial in its place closes the stage after its last attempt.
        return Err(LoginError::TooManyAttempts {
            words: words.clone(),
        });
    }
    let stays = next.is_same_stage(&sent.identity);
    let went_back = passed.iter().any(|identity| next.is_same_stage(identity));
    match proof {
        _ if !stays && !went_back => Ok(Verdict::Accepted),
        Proof::SecondFactor => Ok(Verdict::CodeSentBack),
        Proof::Password if stays => Err(LoginError::Rejected { what, words: None }),
        Proof::Password => Err(LoginError::Restarted {
            component: next.component().to_owned(),
            what,
        }),
    }
}
