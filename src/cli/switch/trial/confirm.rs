//! `confirm` keeps a change of `enable --try`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use pam_authentik_flow::audit::accepted_logins;
use pam_authentik_flow::host::{FileKind, read_trusted_file};
use pam_authentik_flow::sys::since_boot;

use super::end;
use super::pending::{self, Pending};
use super::session::Session;
use super::take_back;
use crate::cli::arguments::Confirm;
use crate::cli::switch::{proofs, say, say_what_is_proved};
use crate::cli::{CommandError, Exit};

/// Keeps the change. Only root can do this, from another login, after a login through
/// the changed stack.
pub(crate) fn run(options: &Confirm) -> Result<Exit, CommandError> {
    let state = &options.state.state_dir;
    if !nix::unistd::geteuid().is_root() {
        return Err("only root can confirm a change; run this as root".into());
    }
    let nothing = || match pending::last(state) {
        Some(last) => format!("no change waits to be confirmed. The last one:\n{last}"),
        None => "no change waits to be confirmed: enable --try makes one".into(),
    };
    if !state.is_dir() {
        return Err(nothing());
    }
    let _lock = pending::lock(state)?;
    let Some(pending) = Pending::load(state)? else {
        return Err(nothing());
    };
    let left = pending.left()?;
    if left.is_zero() {
        // A timer does not count the time in which the machine is suspended.
        take_back::take_back(state, &pending, "nobody has confirmed it in time")?;
        return Err("the time is over, and the change is taken back now".into());
    }
    let left = format!(
        "the change takes itself back in {} s unless it is confirmed",
        left.as_secs()
    );
    match Session::own().is_other_than(&pending.session) {
        Some(true) => {}
        Some(false) => {
            return Err(format!(
                "this is the login that made the change: log in a second time, and run authentik-flow confirm there as root; {left}"
            ));
        }
        None => {
            return Err(format!(
                "unknown whether this is another login than the one that made the change: neither pam_loginuid nor logind knows this session; {left}. To keep the change anyway, wait until it is taken back, then run enable without --try"
            ));
        }
    }
    let logins = accepted()?;
    let mut missing = pending.changed();
    missing.retain(|service| !logins.contains_key(*service));
    if !missing.is_empty() {
        return Err(format!(
            "authentik has accepted no login by {} since the change; log in once by each of them with an account of authentik, then confirm; {left}",
            missing.join(", ")
        ));
    }
    end(state, &pending)?;
    if pending.made.sshd.is_some() {
        say("sshd: its settings are confirmed, and stay as they are.")?;
    }
    for stack in &pending.made.stacks {
        let ago = logins.get(&stack.service).copied().unwrap_or_default();
        say(&format!(
            "{}: confirmed, and stays as it is. authentik accepted a login {} s ago.",
            stack.service,
            ago.as_secs()
        ))?;
        let now = proofs::Stack::with(&stack.service, &stack.after);
        say_what_is_proved(state, &now, &now.names().unwrap_or_default())?;
    }
    Ok(Exit::Success)
}

/// The services by which authentik has accepted a login since the change, each with the
/// time since that login began. The module notes them in a file that only root can
/// write.
fn accepted() -> Result<BTreeMap<String, Duration>, CommandError> {
    let path = accepted_logins();
    let bytes = read_trusted_file(&path, FileKind::Secret)
        .map_err(|fault| format!("{} {fault}; no login can be proved", path.display()))?;
    let now = since_boot().unwrap_or_default();
    Ok(services(&String::from_utf8_lossy(&bytes), now))
}

fn services(text: &str, now: Duration) -> BTreeMap<String, Duration> {
    let mut lines = text.lines();
    let number = |text: &str| text.parse().ok().map(Duration::from_millis);
    let mut found = BTreeMap::new();
    let Some(since) = lines
        .next()
        .and_then(|line| number(line.strip_prefix("since ")?))
    else {
        return found;
    };
    for line in lines {
        let Some((begun, service)) = line.split_once(' ') else {
            continue;
        };
        if let Some(begun) = number(begun).filter(|begun| *begun >= since) {
            found.insert(service.to_owned(), now.saturating_sub(begun));
        }
    }
    found
}

/// Makes the module note logins from now on.
///
/// # Errors
/// Where the file cannot be written.
pub(super) fn begin_noting(is_changed: bool) -> Result<(), CommandError> {
    use std::os::unix::fs::DirBuilderExt;
    let path = accepted_logins();
    let folder = path.parent().unwrap_or(Path::new("/"));
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(crate::cli::files::failed(folder)(error));
        }
        _ => {}
    }
    let now = since_boot().unwrap_or_default().as_millis();
    let text = match is_changed {
        true => format!("since {now}\n"),
        false => String::new(),
    };
    let existing = crate::cli::files::Existing::Replace;
    crate::cli::files::write(&path, &text, 0o600, None, existing)
}

/// Makes the module stop noting logins.
pub(super) fn end_noting() {
    // After a restart of the machine it no longer exists.
    let _ = std::fs::remove_file(accepted_logins());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_counts_that_began_after_the_change() {
        let now = Duration::from_millis(9000);
        let found = |text| services(text, now).into_keys().collect::<Vec<_>>();
        assert_eq!(
            found("since 5000\n4999 sshd\n5000 sudo\nx su\n6000\n"),
            ["sudo"]
        );
        // The change was not made yet.
        assert!(found("5000 sudo\n").is_empty());
        assert!(found("").is_empty());
    }
}
