//! While `authentik-flow enable --try` waits to be confirmed, each login that authentik
//! has accepted is noted in a file, so that `confirm` knows that the new stack works.
//!
//! The log would not do: any local user can write a line like the module's into
//! `/dev/log`. This file is made by the command, belongs to root and is judged by its
//! open descriptor. Where it is missing or cannot be written, nothing is noted, and the
//! change takes itself back.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::host::run::{Access, DIRECTORY, ROOM, open, open_directory};
use crate::sys::since_boot;

const NAME: &str = "accepted";

/// The file of accepted logins. A line has the time at which a login began, in
/// milliseconds since the machine was started, and its PAM service.
#[must_use]
pub fn accepted_logins() -> PathBuf {
    [DIRECTORY, NAME].iter().collect()
}

/// Notes a login by `service` that began `ago` and was accepted now, if there is a file
/// for that.
pub(super) fn note(service: &str, ago: Duration) {
    let file = open_directory(Access::Existing)
        .and_then(|directory| open(&directory, NAME, Access::Existing));
    let (Some(mut file), Some(now)) = (file, since_boot()) else {
        return;
    };
    if file.metadata().is_ok_and(|file| file.len() < ROOM) {
        // A short line is appended in one piece.
        let line = format!("{} {service}\n", now.saturating_sub(ago).as_millis());
        let _ = file.write_all(line.as_bytes());
    }
}
