//! Nobody is locked out, and nothing becomes laxer: what `enable`, `disable` and `check` refuse
//! or report, case by case.

mod people;
mod requirements;
mod services;

use std::fs;
use std::process::Command;

use crate::bench::Bench;

/// Whether sshd can be queried, with its own host key.
pub(crate) fn has_sshd(bench: &Bench) -> bool {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(bench.path("hostkey"))
        .status();
    // sshd needs it, and it is removed at each start of the machine.
    let _ = fs::create_dir_all("/run/sshd");
    let is_there = std::path::Path::new("/usr/sbin/sshd").exists();
    is_there && made.is_ok_and(|status| status.success())
}
