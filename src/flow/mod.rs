//! The protocol of authentik's flow executor: GET a challenge, POST an answer, until the
//! flow ends.
//!
//! This folder knows neither PAM nor an HTTP library nor any stage. They come in through
//! [`Transport`](crate::http::Transport) and [`Answerer`].

mod answerer;
mod challenge;
mod executor;
mod progress;
mod response;

pub use answerer::{Answerer, AskedAgain};
pub use challenge::{Challenge, FieldError};
pub use executor::{FlowEnd, path, run};
pub use response::{FlowToken, HostAnswer, Proof, Response};
