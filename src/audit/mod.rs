//! The log: one line for the outcome of every login, in the AUTHPRIV facility,
//! and more with the argument `debug`. It never contains a secret.
//!
//! The socket is the module's own. A line waits while the log is full, since any
//! local user can fill it, but all lines of a login together wait for two seconds
//! at most: a syslog daemon that hangs, or is not there, ends no login. Lines that
//! could not be written are counted. `openlog` is never called, for it would
//! change what the application itself logs.

mod accepted;
mod journal;
mod line;
mod lost;
mod observer;
mod syslog;

pub use accepted::accepted_logins;
pub use line::{Audit, Outcome, Severity};
pub use observer::{Observer, Trace};
pub use syslog::LogWait;
