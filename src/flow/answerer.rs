//! Who answers the challenges of a flow.

use super::challenge::Challenge;
use super::response::Response;
use crate::error::LoginError;

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
