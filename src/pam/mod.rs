//! The border to libpam. With [`crate::sys`] this is the only folder with
//! `unsafe` code; its interface is safe.

#[cfg(feature = "cli")]
mod application;
mod codes;
mod entry;
mod guard;
mod kept;
mod transaction;

#[cfg(feature = "cli")]
pub use application::{Answer, Attempt, Codes, Question};
pub use codes::{admitted, code, password_code, success};
pub use entry::enter;
pub use guard::guarded;
pub use kept::has_remembering_session;
pub use transaction::{Phase, Transaction, UserName, variable};
