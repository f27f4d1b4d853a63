//! The interface between the flow's protocol and the stages that answer challenges.

use super::challenge::Challenge;
use super::response::Response;
use crate::error::LoginError;

/// Answers challenges. The stages implement it, with a person to ask.
pub trait Answerer {
    /// Answers one challenge. `rejected` is how many answers this stage has refused so
    /// far. If it is not zero, the challenge carries the errors of the last one.
    ///
    /// # Errors
    /// Everything that ends the login here: an aborted conversation, a component that
    /// the module cannot answer, a refusal after which nothing else can be tried.
    fn answer(&mut self, challenge: &Challenge, rejected: usize) -> Result<Response, LoginError>;

    /// Notes that the flow went back to an earlier stage after a wrong code. Everything
    /// that was accepted before no longer counts.
    ///
    /// # Errors
    /// If this was one wrong code too many.
    fn code_sent_back(&mut self) -> Result<(), LoginError>;

    /// Notes that the flow asks for something again without a reason of its own. The next
    /// question tells the person.
    fn asked_again(&mut self, _why: AskedAgain) {}
}

/// Why a flow asks again for something that was answered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedAgain {
    /// A second password stage follows the first one.
    Password,
    /// The server does not know the pasted link, or it has expired.
    Link,
    /// The flow started again: its session was lost, or a stage restarted it.
    FromTheStart,
}
