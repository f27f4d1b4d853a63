//! The protocol of authentik's flow executor: ask, answer, until the flow ends.
//!
//! Nothing here knows PAM, HTTP libraries or what a stage wants; those come in
//! through [`Transport`](crate::http::Transport) and [`Answerer`].

mod answerer;
mod challenge;
mod executor;
mod progress;
mod response;

pub use answerer::{Answerer, AskedAgain};
pub use challenge::{Challenge, FieldError};
pub use executor::{FlowEnd, path, run};
pub use response::{FlowToken, Proof, Response};
