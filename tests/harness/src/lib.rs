//! Drives the real libpam, for tests and the demo.
//!
//! A test describes one transaction with [`Pam`]. A process of its own, `pam-run`, runs it
//! through `pam_start_confdir` with a private stack, in a private mount namespace, so that it
//! does not depend on the machine's `/etc` and `/dev/log`. The result is an [`Outcome`].
//!
//! ```no_run
//! use pam_harness::{Module, Pam};
//!
//! # fn test() {
//! pam_harness::require_isolation!();
//! let run = Pam::new(&Module::system("pam_unix.so"))
//!     .service("sshd")
//!     .user("localadmin")
//!     .arguments("")
//!     .answer_secret("local-secret")
//!     .expecting("Password")
//!     .authenticate()
//!     .run();
//! assert_eq!(run.code(), "PAM_SUCCESS");
//! # }
//! ```

pub mod accounts;
mod builder;
pub mod codes;
pub mod command_host;
mod ffi;
pub mod host;
pub mod host_state;
mod isolation;
mod later;
pub mod memory;
mod module;
pub mod name_server;
pub mod namespace;
mod outcome;
pub mod player;
pub mod python;
pub mod resolved;
mod runner;
pub mod script;
pub mod skip;
mod stack;
mod stage;
mod strain;
pub mod syslog;
pub mod terminal;
pub mod threads;
pub mod transaction;
pub mod virtual_key;

pub use builder::Pam;
pub use codes::{Call, Code, Style};
pub use isolation::{Isolation, isolation, isolation_as, ordinary_user};
pub use module::Module;
pub use outcome::Outcome;
pub use runner::{HarnessError, pam_run};
pub use script::{Answer, Limit, ProcessOptions};
pub use syslog::LogLine;
