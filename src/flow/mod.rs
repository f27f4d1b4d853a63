//! The protocol of authentik's flow executor: ask, answer, until the flow ends.
//!
//! Nothing here knows PAM, HTTP libraries or what a stage wants; those come in
//! through [`Transport`](crate::http::Transport) and [`Answerer`].

mod challenge;
mod executor;
mod response;

pub use challenge::{Challenge, FieldError};
pub use executor::{Answerer, AskedAgain, FlowEnd, path, run};
pub use response::{FlowToken, Proof, Response};
