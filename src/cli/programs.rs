//! Programs of the host whose output `authentik-flow` reads, such as sshd and sudo.

#![allow(
    clippy::disallowed_types,
    reason = "the command may start processes; the module may not"
)]

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The folders of these programs. The caller's PATH does not count.
const DIRS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];
/// The time limit of a program.
const PATIENCE: Duration = Duration::from_secs(10);

/// The limit of the output that is read, in bytes.
const MOST: u64 = 64 * 1024 * 1024;

/// The output of a program.
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) text: String,
    /// The last line of standard error.
    pub(crate) complaint: String,
}

/// Runs a program without input and with an empty environment.
///
/// # Errors
/// The program is not installed, cannot be started, or does not end.
pub(crate) fn ask(name: &str, arguments: &[&str]) -> Result<Said, String> {
    let path = DIRS
        .iter()
        .map(|dir| std::path::Path::new(dir).join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("{name} is not installed"))?;
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    // A pipe holds 64 KiB. A log can be longer.
    let mut out = tempfile::tempfile().map_err(failed)?;
    let mut complaints = tempfile::tempfile().map_err(failed)?;
    let mut child = Command::new(&path)
        .args(arguments)
        .env_clear()
        .env("PATH", DIRS.join(":"))
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(out.try_clone().map_err(failed)?)
        .stderr(complaints.try_clone().map_err(failed)?)
        .spawn()
        .map_err(failed)?;
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("{name} does not end"));
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let text = written(&mut out).map_err(failed)?;
    let complaints = written(&mut complaints).map_err(failed)?;
    let complaint = complaints.lines().last().unwrap_or_default().to_owned();
    Ok(Said {
        succeeded: status.success(),
        text,
        complaint,
    })
}

fn written(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
