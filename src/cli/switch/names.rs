//! The accounts of `--local`, each of which is to be a way in.

use crate::cli::{Refusal, local};

/// Refuses names by which nobody would get in.
///
/// Root's password may be locked, as it often is, while another account has one.
///
/// # Errors
/// A name without an account or without a password, and names that have none
/// among them.
pub(super) fn hold(names: &[String]) -> Result<(), Refusal> {
    for name in names.iter().filter(|name| !is_root(name)) {
        if can_log_in(name) {
            continue;
        }
        return Err(match local::uid(name) {
            None => format!(
                "--local {name}: there is no such account on this host; name one that has a local password"
            ),
            Some(_) => format!(
                "--local {name}: {name} has no local password; give it one (passwd {name}), or name another account"
            ),
        });
    }
    if !names.iter().any(|name| can_log_in(name)) {
        return Err(format!(
            "no local way in would remain: {} has no local password; name an account with --local that has one (passwd gives it one)",
            names.join(", ")
        ));
    }
    Ok(())
}

/// What is to be said where the only name is one whose password the service
/// refuses, as sshd does with root's by its own default.
pub(super) fn doubt(service: &str, names: &[String]) -> Option<String> {
    let others = names.iter().any(|name| !is_root(name) && can_log_in(name));
    (service == "sshd" && !others).then(|| {
        "sshd: mind that sshd refuses root's password unless PermitRootLogin is yes: name a local account with --local, too, or only root's key gets in while authentik is down".into()
    })
}

fn can_log_in(name: &str) -> bool {
    local::has_password(name) != Some(false)
}

fn is_root(name: &str) -> bool {
    name == "root" || local::uid(name) == Some(0)
}
