//! The accounts of `--local`. Each must be a way in.

use crate::cli::arguments::SshdConfig;
use crate::cli::judge::{Answer, Stack};
use crate::cli::sshd::Settings;
use crate::cli::stack::results::Secret;
use crate::cli::stack::{Code, CodeSet, Entry, Kind, Person};
use crate::cli::{CommandError, local, programs};

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
        proof.doubts.push("sshd: mind that sshd refuses root's password unless PermitRootLogin is yes: name a local account with --local, too, or only root's key gets in while authentik is down".into());
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
    sudo: Option<&[Entry]>,
    proof: &mut Proof,
) -> Result<(), CommandError> {
    if names.iter().any(|name| is_root(name) && can_log_in(name)) {
        proof.root.push("root, with root's password".into());
    }
    let mut unknown = None;
    let mut refused = Vec::new();
    for name in names.iter().filter(|name| !is_root(name)) {
        match may_sudo(name) {
            Ok(Rule::Asks) => match sudo.map_or(Answer::Yes, |auth| by_sudo(name, auth)) {
                Answer::Yes => proof.root.push(format!("{name}, by sudo")),
                Answer::No => refused.push(name.as_str()),
                Answer::Maybe(line) => {
                    unknown = Some(format!("what sudo returns for {name} depends on {line}"));
                }
            },
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
                "nobody of {} can become root while authentik is down: {why}",
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
            "nobody of {} can become root: root's password is locked, and sudo -l -U gives none of them ALL; let one of them use sudo (usermod -aG sudo NAME), or give root a password",
            names.join(", ")
        )),
    }
}

/// Whether sudo's stack lets somebody in by the local password while authentik is down.
fn by_sudo(name: &str, auth: &[Entry]) -> Answer {
    let stack = Stack {
        kind: Kind::Auth,
        service: "sudo",
        entries: auth,
    };
    let person = Person::named(name);
    stack.gets_in(&person, CodeSet::one(Code::AUTHINFO_UNAVAIL), Secret::Local)
}

/// What sudo asks of somebody before a shell as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// No rule gives it.
    None,
    /// A password, by its stack.
    Asks,
    AsksNothing,
}

/// Whether sudo lets somebody run anything as root.
fn may_sudo(name: &str) -> Result<Rule, String> {
    let said = programs::ask("sudo", &["-n", "-l", "-U", name])?;
    if !said.succeeded {
        return Err(format!("sudo -l -U {name}: {}", said.complaint));
    }
    let rules: Vec<&str> = said.text.lines().filter(|line| gives_root(line)).collect();
    // The last rule that matches counts, so each of them must ask nothing.
    let asks_nothing = |line: &&str| line.contains("NOPASSWD:");
    Ok(match rules.is_empty() {
        true => Rule::None,
        false if rules.iter().all(asks_nothing) => Rule::AsksNothing,
        false => Rule::Asks,
    })
}

/// A line such as `(ALL : ALL) ALL` or `(root) NOPASSWD: /bin/bash`.
fn gives_root(line: &str) -> bool {
    let Some((accounts, what)) = line
        .trim()
        .strip_prefix('(')
        .and_then(|l| l.split_once(')'))
    else {
        return false;
    };
    let users = accounts.split(':').next().unwrap_or_default();
    let as_root = users
        .split(',')
        .any(|user| ["ALL", "root"].contains(&user.trim()));
    let commands = what.split(',').map(|command| {
        let command = command.trim();
        // Tags such as NOPASSWD: come first.
        let bare = command.rsplit(": ").next().unwrap_or(command);
        bare.trim()
    });
    const SHELLS: [&str; 7] = [
        "ALL",
        "/bin/sh",
        "/bin/bash",
        "/usr/bin/bash",
        "/usr/bin/sh",
        "/bin/su",
        "/usr/bin/su",
    ];
    as_root
        && commands
            .into_iter()
            .any(|command| SHELLS.contains(&command))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_gives_root_only_where_it_gives_a_shell() {
        for (line, gives) in [
            ("    (ALL : ALL) ALL", true),
            ("    (ALL) NOPASSWD: ALL", true),
            ("    (root) /usr/bin/apt, /bin/bash", true),
            ("    (root) NOPASSWD: /usr/bin/su", true),
            ("    (www-data) ALL", false),
            ("    (root) /usr/bin/apt", false),
            ("User bob may run the following commands on host:", false),
        ] {
            assert_eq!(gives_root(line), gives, "{line}");
        }
    }
}
