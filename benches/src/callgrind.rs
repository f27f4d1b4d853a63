//! Instructions per login, which do not vary with the load of the machine.

use crate::job::Job;
use crate::scenario::write_job;
use crate::{Result, at};
use std::path::Path;
use std::process::Command;

/// Whether valgrind is installed.
pub fn is_there() -> bool {
    let version = Command::new("valgrind").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// Instructions within `pam_sm_authenticate`, of all logins of the job.
pub fn instructions(program: &Path, job: &Job) -> Result<u64> {
    let out = job.confdir.join("callgrind.out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=pam_sm_authenticate"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .arg("play")
        .arg(write_job(job)?)
        .output()
        .map_err(at("valgrind"))?;
    if !output.status.success() {
        // valgrind's own lines begin with its process' number.
        let errors = String::from_utf8_lossy(&output.stderr);
        let own: Vec<&str> = errors
            .lines()
            .filter(|line| !line.starts_with("=="))
            .collect();
        return Err(own.join(" "));
    }
    let text = std::fs::read_to_string(&out).map_err(at(out.display()))?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("summary: "))
        .and_then(|number| number.trim().parse().ok())
        .filter(|number| *number > 0);
    total.ok_or_else(|| format!("{} holds no sum", out.display()))
}

/// The compiler that built a file, as the file names it, with the architecture: `1.95.0
/// x86_64`.
pub fn compiler(module: &Path) -> Result<String> {
    const MARK: &[u8] = b"rustc version ";
    let bytes = std::fs::read(module).map_err(at(module.display()))?;
    let found = bytes.windows(MARK.len()).position(|window| window == MARK);
    let begin = found.ok_or_else(|| format!("{} names no compiler", module.display()))?;
    let version: String = bytes[begin + MARK.len()..]
        .iter()
        .map(|byte| char::from(*byte))
        .take_while(|c| c.is_ascii_graphic())
        .collect();
    Ok(format!("{version} {}", std::env::consts::ARCH))
}
