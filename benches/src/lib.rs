//! What `make bench` and the check of the instructions in `make test` share.
//!
//! The program plays every part itself, each in its own process: the server, the relay that
//! adds delay, and the clients that are compared.

pub mod bundle;
pub mod callgrind;
pub mod fleet;
pub mod floor;
mod front;
pub mod growth;
pub mod hosts;
pub mod job;
pub mod key;
pub mod libcurl;
pub mod loading;
pub mod logins;
pub mod memory;
pub mod place;
pub mod play;
pub mod real;
pub mod relay;
pub mod report;
pub mod scenario;
pub mod server;
pub mod stats;

/// What stopped a measurement, in words.
pub type Result<T> = std::result::Result<T, String>;

/// Names the place in an error.
pub fn at<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
