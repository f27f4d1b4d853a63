//! The log: one line for the outcome of every login, in the AUTHPRIV facility,
//! and more with the argument `debug`. A secret is never in it.
//!
//! The socket is the module's own and does not block: a syslog daemon that
//! hangs, or is not there, ends no login. `openlog` is never called, for it
//! would change what the application itself logs.

mod line;
mod observer;
mod syslog;

pub use line::{Audit, Outcome, Severity};
pub use observer::{Observer, Trace};
