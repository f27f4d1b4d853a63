//! What becomes of the answers of a flow: which were accepted, and whether the flow
//! goes on, stays where it is, or goes back.

use super::answerer::{Answerer, AskedAgain};
use super::challenge::{Challenge, Ending};
use super::response::{Proof, Response};
use crate::audit::Audit;
use crate::error::{LoginError, Obstacle};

/// The stage that flows begin with.
const IDENTIFICATION: &str = "ak-stage-identification";
/// How often a flow may begin anew over an answer that holds no secret.
const MAX_RESTARTS: u32 = 3;
/// A challenge, and by how many redirects the server came to it.
pub(super) struct Step {
    pub(super) challenge: Challenge,
    pub(super) redirects: usize,
}

/// An answer that was sent, until the next challenge tells what became of it.
pub(super) struct Sent {
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

impl Sent {
    /// `response` to `challenge`, which has refused `rejected` answers before.
    pub(super) fn new(challenge: &Challenge, response: &Response, rejected: usize) -> Self {
        Self {
            identity: challenge.identity().to_owned(),
            digest: challenge.digest(),
            is_unasked: response.is_unasked(),
            is_link: response.flow_token().is_some(),
            component: challenge.component().to_owned(),
            proof: response.proof(),
            what: response.what(),
            rejected,
        }
    }

    /// Leaves a line in the log before anybody is asked again.
    fn note_refusal(&self, audit: &Audit) {
        if let Some(what) = self.what {
            audit.log_refused_answer(what);
        }
    }
}

/// How far a flow has come.
#[derive(Default)]
pub(super) struct Progress {
    proofs: Vec<Proof>,
    /// The stages that were left behind.
    passed: Vec<String>,
    restarts: u32,
    /// A secret that the flow took without saying so, until it goes on to another
    /// stage: a login that fails before may have been a guess.
    unsettled: Option<&'static str>,
}

impl Progress {
    /// The secret of which nobody knows whether it was accepted.
    pub(super) fn unsettled(&self) -> Option<&'static str> {
        self.unsettled
    }

    /// The secrets that were accepted.
    pub(super) fn into_proofs(self) -> Vec<Proof> {
        self.proofs
    }

    /// Says how often the stage of `step` has refused an answer, now that it came upon
    /// what was sent.
    ///
    /// # Errors
    /// Where the flow does not go on.
    pub(super) fn settle(
        &mut self,
        sent: Sent,
        step: &Step,
        answerer: &mut dyn Answerer,
        audit: &Audit,
    ) -> Result<usize, LoginError> {
        let challenge = &step.challenge;
        let came_back = challenge.is_same_stage(&sent.identity);
        if came_back && !challenge.errors().is_empty() {
            sent.note_refusal(audit);
            return Ok(sent.rejected.saturating_add(1));
        }
        let is_repeated = self.unsettled.take().is_some();
        let verdict = match judge(&sent, challenge, step.redirects, &self.passed) {
            Ok(Verdict::AskedAgain) if is_repeated => Err(refused(&sent)),
            verdict => verdict,
        };
        if !matches!(verdict, Ok(Verdict::Accepted | Verdict::AskedAgain)) {
            sent.note_refusal(audit);
        }
        match verdict? {
            Verdict::Accepted => {
                self.proofs.extend(sent.proof);
                self.passed.push(sent.identity);
            }
            Verdict::LinkUnknown => answerer.asked_again(AskedAgain::Link),
            Verdict::AskedAgain => {
                self.unsettled = sent.what;
                answerer.asked_again(AskedAgain::Password);
            }
            Verdict::Restarted => {
                self.restarts = self.restarts.saturating_add(1);
                if self.restarts > MAX_RESTARTS {
                    return Err(LoginError::RestartedTooOften(self.restarts));
                }
                if sent.is_link {
                    answerer.asked_again(AskedAgain::Link);
                }
                answerer.asked_again(AskedAgain::FromTheStart);
                self.proofs.clear();
                self.passed.clear();
            }
            Verdict::CodeSentBack => {
                answerer.code_sent_back()?;
                self.proofs.clear();
                // What is in front of that stage still is.
                let passed = &mut self.passed;
                let back = passed
                    .iter()
                    .position(|identity| challenge.is_same_stage(identity));
                passed.truncate(back.unwrap_or(passed.len()));
            }
        }
        Ok(0)
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
        Proof::SecondFactor | Proof::SecurityKey => Ok(Verdict::CodeSentBack),
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
