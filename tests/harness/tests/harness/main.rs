//! Tests of the harness itself, with modules of every Linux-PAM.

mod conversation;
mod host;
mod isolation;
mod skipping;

use pam_harness::{Module, Pam};

/// A stack with this line for one group; the other groups permit everything.
pub(crate) fn stack(line: &str) -> Pam {
    Pam::new(&Module::system("pam_permit.so"))
        .user("alice")
        .stack(line)
}

/// `pam_unix.so`, which asks for a password and knows `localadmin`'s.
pub(crate) fn local() -> Pam {
    Pam::new(&Module::system("pam_unix.so"))
        .arguments("")
        .user("localadmin")
}

/// The message with which `run` fails.
#[track_caller]
pub(crate) fn failure(pam: Pam) -> String {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pam.run()))
        .expect_err("the run did not fail");
    match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(_) => String::from("a panic without words"),
    }
}
