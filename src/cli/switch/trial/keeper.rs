//! What takes the change back in time: systemd, or a process that waits.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the command may start processes; the module may not"
)]

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cli::files::{self, Existing, failed};
use crate::cli::{CommandError, programs};

const UNITS: &str = "/etc/systemd/system";
const SERVICE: &str = "authentik-flow-try.service";
const TIMER: &str = "authentik-flow-try.timer";
/// A link in this folder makes systemd run the service at each start.
const WANTED: &str = "sysinit.target.wants";
/// The waiting process prints this once it is detached.
const READY: &str = "ready";

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    Systemd,
    Process,
}

impl Keeper {
    /// The one that this host has.
    pub(super) fn of_this_host() -> Self {
        match Path::new("/run/systemd/system").is_dir() {
            true => Self::Systemd,
            false => Self::Process,
        }
    }

    /// Arranges that the change is taken back after `patience`. When this returns, that
    /// is certain.
    ///
    /// # Errors
    /// Why it is not certain.
    pub(super) fn start(self, state: &Path, patience: Duration) -> Result<(), CommandError> {
        match self {
            Self::Systemd => start_units(state, patience),
            Self::Process => start_process(state),
        }
    }
}

/// The path of this command, for a unit that root's systemd starts later.
fn own_path() -> Result<PathBuf, CommandError> {
    let path = std::env::current_exe().map_err(|error| format!("this program's path: {error}"))?;
    for part in path.ancestors() {
        let metadata = part.metadata().map_err(failed(part))?;
        let mode = metadata.mode();
        // In a folder with the sticky bit, others cannot replace what root owns.
        let is_sticky = metadata.is_dir() && mode & 0o1000 != 0;
        let by_others = match metadata.gid() {
            0 => 0o002,
            _ => 0o022,
        };
        if metadata.uid() != 0 || (mode & by_others != 0 && !is_sticky) {
            return Err(format!(
                "{} must belong to root and be writable by root alone, because {} runs again later; install the package's command",
                part.display(),
                path.display()
            ));
        }
    }
    Ok(path)
}

fn start_units(state: &Path, patience: Duration) -> Result<(), CommandError> {
    let command = plain(&own_path()?)?;
    let state = plain(&std::path::absolute(state).map_err(failed(state))?)?;
    let service = format!(
        "# By authentik-flow enable --try; authentik-flow confirm removes it.\n\
         [Unit]\n\
         Description=Take back the change of authentik-flow enable --try\n\
         Documentation=man:authentik-flow(1)\n\
         # After a failed start of the machine, too: the timer tries again.\n\
         OnFailure={TIMER}\n\
         DefaultDependencies=no\n\
         After=local-fs.target\n\
         Before=sysinit.target systemd-user-sessions.service getty.target ssh.service sshd.service display-manager.service\n\
         Conflicts=shutdown.target\n\n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={command} take-back --state-dir {state}\n"
    );
    let timer = format!(
        "# By authentik-flow enable --try; authentik-flow confirm removes it.\n\
         [Unit]\n\
         Description=Wait for authentik-flow confirm\n\
         Documentation=man:authentik-flow(1)\n\n\
         [Timer]\n\
         OnActiveSec={}ms\n\
         # Again and again, if it fails: a disk that is full may have room again.\n\
         OnUnitInactiveSec=30s\n\
         AccuracySec=100ms\n\
         RemainAfterElapse=no\n",
        // Not before the time is over: the service would then do nothing.
        patience
            .saturating_add(Duration::from_millis(200))
            .as_millis()
    );
    let units = Path::new(UNITS);
    let write = |name: &str, text: &str| {
        files::write(&units.join(name), text, 0o644, None, Existing::Replace)
    };
    write(SERVICE, &service)?;
    write(TIMER, &timer)?;
    let wanted = units.join(WANTED);
    std::fs::create_dir_all(&wanted).map_err(failed(&wanted))?;
    let link = wanted.join(SERVICE);
    match symlink(Path::new("..").join(SERVICE), &link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(failed(&link)(error));
        }
        _ => {}
    }
    files::sync(&wanted);
    systemctl(&["daemon-reload"])?;
    systemctl(&["start", TIMER])?;
    systemctl(&["is-active", TIMER])
}

/// Checks that a path means the same in a unit file.
fn plain(path: &Path) -> Result<String, CommandError> {
    let text = path.to_str().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => Ok(text.into()),
        false => Err(format!(
            "{} cannot stand in a unit of systemd; use a path of letters, digits and /._+-",
            path.display()
        )),
    }
}

fn systemctl(arguments: &[&str]) -> Result<(), CommandError> {
    let said = programs::ask("systemctl", arguments)?;
    match said.succeeded {
        true => Ok(()),
        false => Err(format!(
            "systemctl {}: {}",
            arguments.join(" "),
            match said.complaint.is_empty() {
                true => said.text.trim(),
                false => &said.complaint,
            }
        )),
    }
}

/// Starts a process in its own session, so that it survives the terminal.
fn start_process(state: &Path) -> Result<(), CommandError> {
    let path = own_path()?;
    let state = std::path::absolute(state).map_err(failed(state))?;
    let mut child = Command::new(&path)
        .args(["take-back", "--wait", "--state-dir"])
        .arg(&state)
        .current_dir("/")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed(&path))?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(failed(&path))?;
    }
    match line.trim() == READY {
        true => Ok(()),
        false => Err("the process that would take the change back did not start".into()),
    }
}

/// Detaches this process from the terminal, and tells the process that started it.
///
/// # Errors
/// The kernel refuses a new session.
pub(super) fn detach() -> Result<(), CommandError> {
    nix::unistd::setsid().map_err(|error| format!("a session of its own: {error}"))?;
    super::super::say(READY)
}

/// Removes the units. A missing one is no error.
///
/// # Errors
/// Where a unit cannot be removed.
pub(super) fn stop(is_running: bool) -> Result<(), CommandError> {
    let units = Path::new(UNITS);
    let paths = [
        units.join(WANTED).join(SERVICE),
        units.join(TIMER),
        units.join(SERVICE),
    ];
    if !paths.iter().any(|path| path.symlink_metadata().is_ok()) {
        return Ok(());
    }
    // After a start of the machine it runs only if the first try has failed.
    let is_running = is_running || systemctl(&["is-active", TIMER]).is_ok();
    if is_running {
        // It may have elapsed.
        let _ = systemctl(&["stop", TIMER]);
    }
    for path in &paths {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(path)(error));
            }
            _ => {}
        }
    }
    // Others may use the folder, too.
    let _ = std::fs::remove_dir(units.join(WANTED));
    files::sync(units);
    if is_running {
        let _ = systemctl(&["daemon-reload"]);
    }
    Ok(())
}
