//! The progress of a flow: which answers were accepted, and whether the flow moves on,
//! stays at its stage, or goes back.

use super::answerer::{Answerer, AskedAgain};
use super::challenge::{Challenge, Ending};
use super::response::{Proof, Response};
use crate::audit::Audit;
use crate::error::{LoginError, Obstacle};

/// The stage that a flow begins with.
const IDENTIFICATION: &str = "ak-stage-identification";
/// How often a flow may start again after an answer that holds no secret.
const MAX_RESTARTS: u32 = 3;
/// A challenge, and how many redirects led to it.
pub(super) struct Step {
    pub(super) challenge: Challenge,
    pub(super) redirects: usize,
}

/// An answer that was sent. The next challenge shows whether it was accepted.
pub(super) struct Sent {
    identity: String,
    /// The digest of the challenge that it answers.
    digest: u64,
    /// Whether the module answered without asking the person.
    is_unasked: bool,
    is_link: bool,
    component: String,
    proof: Option<Proof>,
    /// The secret's name, for the log.
    what: Option<&'static str>,
    rejected: usize,
}

impl Sent {
    /// Records `response` to `challenge`, whose stage has refused `rejected` answers.
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

    /// Writes the refusal to the log before the person is asked again.
    fn note_refusal(&self, audit: &Audit) {
        if let Some(what) = self.what {
            audit.log_refused_answer(what);
        }
    }
}

/// How far a flow has progressed.
#[derive(Default)]
pub(super) struct Progress {
    proofs: Vec<Proof>,
    /// The stages that the flow has left.
    passed: Vec<String>,
    restarts: u32,
    /// A secret that the flow has neither accepted nor refused. It counts as accepted when
    /// the flow reaches another stage. A login that fails before may have been a guess.
    unsettled: Option<&'static str>,
}

impl Progress {
    /// The secret that may or may not have been accepted.
    pub(super) fn unsettled(&self) -> Option<&'static str> {
        self.unsettled
    }

    /// The secrets that were accepted.
    pub(super) fn into_proofs(self) -> Vec<Proof> {
        self.proofs
    }

    /// Takes the challenge in `step`, which came after the answer that was sent, and
    /// returns how many answers its stage has refused.
    ///
    /// # Errors
    /// If the flow cannot continue.
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
                // The stages before that one still count as left.
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

/// The result of an answer.
enum Verdict {
    /// The flow moved on.
    Accepted,
    /// A password stage asks once more and reports no error, so it is probably a second
    /// stage of the same kind. The password that was sent proves nothing until the flow
    /// moves on.
    AskedAgain,
    /// The stage still waits for its link: the pasted link was a different one.
    LinkUnknown,
    /// The flow went back because of a wrong code. The person may try again.
    CodeSentBack,
    /// The flow went back to its beginning after an answer that holds no secret, because
    /// the stage's binding says *restart*. Everything that was accepted no longer counts.
    Restarted,
}

/// Judges an answer for which the challenge carries no error.
///
/// # Errors
/// If the flow went back, or ended because of the answer.
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
        // Two dummy or consent stages may look alike, but nobody is identified twice.
        let began_again = next.component() == IDENTIFICATION
            && passed.iter().any(|identity| next.is_same_stage(identity));
        return Ok(if began_again {
            Verdict::Restarted
        } else {
            Verdict::Accepted
        });
    };
    let what = proof.what();
    if !next.errors().is_empty() && !passed.iter().any(|identity| next.is_same_stage(identity)) {
        // Errors for an answer that was accepted: this is a doubt, so it is a refusal.
        let words = next.error_words();
        return Err(LoginError::Rejected { what, words });
    }
    if let (Ending::AccessDenied(words), 0) = (next.ending(), redirects) {
        // When the flow leaves a stage, it redirects. A denial without a redirect means
        // that the stage's last attempt failed.
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
        // A flow that restarts after a wrong answer shows its first stage on the way, even
        // if that stage skips itself. Only a next stage comes at once.
        Proof::Password if stays && redirects == 1 && !passed.is_empty() => Ok(Verdict::AskedAgain),
        Proof::Password if stays => Err(refused(sent)),
        Proof::Password => Err(LoginError::Restarted {
            component: next.component().to_owned(),
            what,
        }),
    }
}

/// The refusal of a secret, if the server gives no reason.
fn refused(sent: &Sent) -> LoginError {
    LoginError::Rejected {
        what: sent.what.unwrap_or("answer"),
        words: None,
    }
}

/// Whether the same challenge came back after an answer that its stage would accept or
/// refuse with an error. Such a challenge would come back for ever.
///
/// The server redirects after an accepted answer. Without a redirect the flow is at the
/// same stage. The stage may show its next step, but then the challenge differs. Two stages
/// of one name may follow each other, except redirect stages to the same address.
fn is_stuck(sent: &Sent, next: &Challenge, redirects: usize) -> bool {
    if !next.errors().is_empty() || !next.is_same_stage(&sent.identity) {
        return false;
    }
    let is_redirect_stage = *next.ending() == Ending::RedirectStage;
    let is_same = sent.is_unasked || next.digest() == sent.digest;
    is_redirect_stage || (redirects == 0 && is_same)
}

#[cfg(test)]
mod tests;
