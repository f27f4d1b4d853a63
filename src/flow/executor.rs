//! The loop: from the first GET to the flow's end.

use super::challenge::{Challenge, Ending};
use super::response::{Proof, Response};
use crate::audit::Audit;
use crate::config::Slug;
use crate::error::{LoginError, Obstacle};
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
/// How many requests a flow may take: each challenge with its answer and one
/// redirect, and room for stages that skip themselves.
const MAX_REQUESTS: u32 = 300;

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

    /// The flow asks for something again, without saying why: whoever is asked next
    /// should know.
    fn asked_again(&mut self, _why: AskedAgain) {}
}

/// Why a flow asks for something that was answered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedAgain {
    /// A second password stage stands right behind the first.
    Password,
    /// The server does not know the link that was pasted, or no longer.
    Link,
    /// The flow began anew: its session was lost, or a stage restarts it.
    FromTheStart,
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
    let mut run = Run {
        transport,
        path: path(slug, query),
        audit,
        requests: 0,
        unsettled: None,
    };
    let result = run.drive(slug, answerer);
    if let (Err(_), Some(what)) = (&result, run.unsettled) {
        run.audit.refused_answer(what);
    }
    result
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
    requests: u32,
    /// A secret that the flow took without saying so, until it goes on to another
    /// stage: a login that fails before may have been a guess.
    unsettled: Option<&'static str>,
}

/// A challenge, and by how many redirects the server came to it.
struct Step {
    challenge: Challenge,
    redirects: usize,
}

/// An answer that was sent, until the next challenge tells what became of it.
struct Sent {
    identity: String,
    /// The digest of the challenge that it answers.
    digest: u64,
    /// Whether nobody was asked for it.
    is_unasked: bool,
    is_link: bool,
    component: String,
    proof: Option<Proof>,
    /// The secret's name, for the log.
    what: Option<&'static str>,
    rejected: usize,
}

impl Run<'_> {
    fn drive(&mut self, slug: &Slug, answerer: &mut dyn Answerer) -> Result<FlowEnd, LoginError> {
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
                        let is_repeated = self.unsettled.take().is_some();
                        let verdict = judge(&sent, &challenge, step.redirects, &passed);
                        let verdict = match verdict {
                            Ok(Verdict::AskedAgain) if is_repeated => Err(refused(&sent)),
                            verdict => verdict,
                        };
                        if !matches!(verdict, Ok(Verdict::Accepted | Verdict::AskedAgain)) {
                            self.note_refusal(&sent);
                        }
                        match verdict? {
                            Verdict::Accepted => {
                                proofs.extend(sent.proof);
                                passed.push(sent.identity);
                            }
                            Verdict::LinkUnknown => answerer.asked_again(AskedAgain::Link),
                            Verdict::AskedAgain => {
                                self.unsettled = sent.what;
                                answerer.asked_again(AskedAgain::Password);
                            }
                            Verdict::Restarted => {
                                restarts = restarts.saturating_add(1);
                                if restarts > MAX_RESTARTS {
                                    return Err(LoginError::RestartedTooOften(restarts));
                                }
                                if sent.is_link {
                                    answerer.asked_again(AskedAgain::Link);
                                }
                                answerer.asked_again(AskedAgain::FromTheStart);
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
                Ending::DeniedWithContinue => return Err(LoginError::DeniedWithContinue),
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
                digest: challenge.digest(),
                is_unasked: response.is_unasked(),
                is_link: response.flow_token().is_some(),
                component: challenge.component().to_owned(),
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

    /// Counts a request.
    ///
    /// # Errors
    /// When it is one too many: a flow that goes round in circles, whatever its stages.
    fn count_request(&mut self) -> Result<(), LoginError> {
        self.requests = self.requests.saturating_add(1);
        if self.requests <= MAX_REQUESTS {
            return Ok(());
        }
        let problem = format!("the flow has not ended after {MAX_REQUESTS} requests");
        Err(ServerFault::Nonsense(problem).into())
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
                        redirects,
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
    /// The stage that asks for a password asks once more, and says nothing of the
    /// last one: a second stage of the kind, as it seems. What was sent proves
    /// nothing until the flow goes on.
    AskedAgain,
    /// The stage waits for its link still: the one that was pasted is another.
    LinkUnknown,
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
    redirects: usize,
    passed: &[String],
) -> Result<Verdict, LoginError> {
    let Some(proof) = sent.proof else {
        if sent.is_link && next.is_same_stage(&sent.identity) {
            return Ok(Verdict::LinkUnknown);
        }
        if is_stuck(sent, next, redirects) {
            return Err(LoginError::Unsupported {
                component: sent.component.clone(),
                reason: Obstacle::Stuck,
            });
        }
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
    if let (Ending::AccessDenied(words), 0) = (next.ending(), redirects) {
        // An accepted answer is followed by a redirect wherever a stage is
        // left; a denial in its place closes the stage after its last attempt.
        return Err(LoginError::TooManyAttempts {
            what,
            words: words.clone(),
        });
    }
    let stays = next.is_same_stage(&sent.identity);
    let went_back = passed.iter().any(|identity| next.is_same_stage(identity));
    match proof {
        _ if !stays && !went_back => Ok(Verdict::Accepted),
        Proof::SecondFactor => Ok(Verdict::CodeSentBack),
        // A flow that restarts over a wrong one shows its first stage on the way, even
        // if that skips itself: only the next stage comes at once.
        Proof::Password if stays && redirects == 1 && !passed.is_empty() => Ok(Verdict::AskedAgain),
        Proof::Password if stays => Err(refused(sent)),
        Proof::Password => Err(LoginError::Restarted {
            component: next.component().to_owned(),
            what,
        }),
    }
}

/// The refusal of a secret of which the server says nothing.
fn refused(sent: &Sent) -> LoginError {
    LoginError::Rejected {
        what: sent.what.unwrap_or("answer"),
        words: None,
    }
}

/// Whether the same challenge came back, though an answer was sent that the stage
/// takes or refuses in words: it would come back for ever.
///
/// An accepted answer is followed by a redirect. Without one the stage stays where it
/// is; it may show its next step, in a challenge that differs. Two stages of one name
/// may follow each other, but for redirect stages to the same address.
fn is_stuck(sent: &Sent, next: &Challenge, redirects: usize) -> bool {
    if !next.errors().is_empty() || !next.is_same_stage(&sent.identity) {
        return false;
    }
    let is_redirect_stage = *next.ending() == Ending::RedirectStage;
    let is_same = sent.is_unasked || next.digest() == sent.digest;
    is_redirect_stage || (redirects == 0 && is_same)
}
