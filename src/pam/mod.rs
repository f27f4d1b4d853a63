//! The border to libpam and to the C library. All `unsafe` code of the project
//! is in this folder; what it gives out is safe.

mod caller;
mod codes;
mod dns;
mod guard;
mod kept;
mod stopped;
mod transaction;

pub use caller::is_held_by_its_caller;
pub use codes::{admitted, code, password_code, success};
pub use dns::with_bounded_dns;
pub use guard::guarded;
pub use stopped::StopWatch;
pub use transaction::{Phase, Transaction, UserName};
