//! The accounts of `--local`. Each must be a way in.

use crate::cli::arguments::SshdConfig;
use crate::cli::judge::Answer;
use crate::cli::sshd::Settings;
use crate::cli::stack::Entry;
use crate::cli::sudo::{self, Rule};
use crate::cli::{CommandError, local};

/// The findings about the accounts.
#[derive(Debug, Default)]
pub(super) struct Proof {
    /// Facts that could not be checked, and warnings.
    pub(super) doubts: Vec<String>,
    /// The accounts that can become root, and how.
    pub(super) root: Vec<String>,
}

/// Refuses names that cannot log in by `service`, and a list in which nobody can become
/// root.
///
/// Root's password may be locked if another account has one. `sudo` is sudo's stack,
/// unless the same change also gives it these names.
///
/// # Errors
/// A name without an account or a password, or that something keeps out.
pub(super) fn hold(
    names: &[String],
    service: &str,
    sshd: Option<&SshdConfig>,
    sudo: Option<&[Entry]>,
) -> Result<Proof, CommandError> {
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
    let mut proof = Proof::default();
    for name in names.iter().filter(|name| !is_root(name)) {
        if let Some(why) = local::kept_out(name) {
            return Err(format!(
                "--local {name}: {name} cannot log in: {why}; correct that, or name another account"
            ));
        }
    }
    if service == "sshd" {
        by_sshd(names, sshd, &mut proof)?;
    }
    becomes_root(names, sudo, &mut proof)?;
    Ok(proof)
}

/// sshd's own rules.
fn by_sshd(
    names: &[String],
    sshd: Option<&SshdConfig>,
    proof: &mut Proof,
) -> Result<(), CommandError> {
    let others = names.iter().any(|name| !is_root(name) && can_log_in(name));
    if !others {
        proof.doubts.push("sshd: sshd refuses root's password unless PermitRootLogin is yes: also name a local account with --local, or only root's key gets in while authentik is down".into());
    }
    let Some(sshd) = sshd else {
        return Ok(());
    };
    // These reasons concern only root.
    let mut kept_out = Vec::new();
    let mut gets_in = false;
    for name in names.iter().filter(|name| can_log_in(name)) {
        match Settings::of(name, sshd) {
            Ok(settings) => match settings.keeps_out(&local::groups(name)) {
                Some(why) if !is_root(name) => {
                    return Err(format!(
                        "--local {name}: sshd does not let {name} in by a password: {why}; change that in sshd_config, or name another account"
                    ));
                }
                Some(why) => kept_out.push(format!("{name}: {why}")),
                None => {
                    gets_in = true;
                    if let Some(more) = settings.asks_for_more() {
                        proof.doubts.push(format!(
                            "sshd: AuthenticationMethods also asks {name} for {more}: whether {name} has it is not proved"
                        ));
                    }
                }
            },
            Err(why) => {
                proof.doubts.push(format!(
                    "sshd: whether sshd lets {name} in is not proved: {why}"
                ));
                return Ok(());
            }
        }
    }
    match gets_in {
        true => Ok(()),
        false => Err(format!(
            "no local way in would remain by sshd ({}); name an account with --local that sshd lets in by its password",
            kept_out.join(", ")
        )),
    }
}

/// At least one of them must be able to become root.
fn becomes_root(
    names: &[String],
    auth: Option<&[Entry]>,
    proof: &mut Proof,
) -> Result<(), CommandError> {
    if names.iter().any(|name| is_root(name) && can_log_in(name)) {
        proof.root.push("root, with root's password".into());
    }
    let mut unknown = None;
    let mut refused = Vec::new();
    for name in names.iter().filter(|name| !is_root(name)) {
        match sudo::rule(name) {
            Ok(Rule::Asks) => {
                match auth.map_or(Answer::Yes, |auth| sudo::lets_in(name, "sudo", auth)) {
                    Answer::Yes => proof.root.push(format!("{name}, by sudo")),
                    Answer::No => refused.push(name.as_str()),
                    Answer::Maybe(line) => {
                        unknown = Some(format!("what sudo returns for {name} depends on {line}"));
                    }
                }
            }
            Ok(Rule::AsksNothing) => proof.root.push(format!("{name}, by sudo")),
            Ok(Rule::None) => {}
            Err(why) => unknown = Some(why),
        }
    }
    if !refused.is_empty() {
        let why = format!(
            "sudo asks authentik about {}, so sudo lets them in only while authentik is up; name them for sudo, too: authentik-flow enable sudo{}",
            refused.join(", "),
            refused
                .iter()
                .map(|name| format!(" --local {name}"))
                .collect::<String>()
        );
        if proof.root.is_empty() && unknown.is_none() {
            return Err(format!(
                "none of {} can become root while authentik is down: {why}",
                names.join(", ")
            ));
        }
        proof.doubts.push(why);
    }
    if !proof.root.is_empty() {
        return Ok(());
    }
    match unknown {
        Some(why) => {
            proof.doubts.push(format!(
                "whether one of {} can become root is not proved: {why}",
                names.join(", ")
            ));
            Ok(())
        }
        None => Err(format!(
            "none of {} can become root: root's password is locked, and sudo -l -U gives none of them ALL; let one of them use sudo (usermod -aG sudo NAME), or give root a password",
            names.join(", ")
        )),
    }
}

/// Accounts with a local password that will now be asked by authentik.
pub(super) fn asked_from_now_on(
    names: &[String],
    is_left_alone: impl Fn(&str, u32) -> bool,
) -> Vec<String> {
    local::accounts()
        .into_iter()
        .filter(|(name, uid)| {
            !names.contains(name)
                && *uid != 0
                && !is_left_alone(name, *uid)
                && local::has_password(name) == Some(true)
        })
        .map(|(name, _)| name)
        .collect()
}

fn can_log_in(name: &str) -> bool {
    local::has_password(name) != Some(false)
}

fn is_root(name: &str) -> bool {
    name == "root" || local::uid(name) == Some(0)
}
