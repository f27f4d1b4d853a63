//! Who becomes root by sudo, and which accounts its stack leaves out while authentik is down.

use super::judge::{Answer, Stack, guarded};
use super::stack::results::Secret;
use super::stack::{Code, CodeSet, Entry, Kind, Person, Stacks};
use super::{local, programs};

/// The services by which a person becomes root with the password of their own account.
pub(crate) const SERVICES: [&str; 2] = ["sudo", "sudo-i"];

/// What sudo asks of somebody before a shell as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// No rule gives it.
    None,
    /// A password, by its stack.
    Asks,
    AsksNothing,
}

/// Whether sudo lets somebody run anything as root.
///
/// # Errors
/// sudo does not tell.
pub(crate) fn rule(name: &str) -> Result<Rule, String> {
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

/// Whether the stack of sudo or sudo-i lets somebody in by the local password while
/// authentik is down.
pub(crate) fn lets_in(name: &str, service: &str, auth: &[Entry]) -> Answer {
    let stack = Stack {
        kind: Kind::Auth,
        service,
        entries: auth,
    };
    let person = Person::named(name);
    stack.gets_in(&person, CodeSet::one(Code::AUTHINFO_UNAVAIL), Secret::Local)
}

/// Accounts that get in by other services while authentik is down, and cannot become
/// root then, although a rule of sudo would let them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// sudo or sudo-i.
    service: String,
    names: Vec<String>,
    /// The services by which they get in.
    by: Vec<String>,
    /// These accounts and those that the stack has already, in the words of the command.
    locals: String,
}

impl LeftOut {
    /// For people.
    pub(crate) fn what(&self) -> String {
        let (names, by) = (self.names.join(", "), self.by.join(", "));
        format!(
            "while authentik is down, {names} can log in by {by} with the local password, but cannot become root: {} asks authentik about {names}",
            self.service
        )
    }

    /// The command that lets them in here, too.
    pub(crate) fn command(&self) -> String {
        format!("authentik-flow enable {}{}", self.service, self.locals)
    }

    /// What to do about a stack that is in use.
    pub(crate) fn remedy(&self, stacks: &Stacks) -> String {
        match stacks.has_block(&self.service) {
            true => format!("to change that: {}", self.command()),
            false => format!(
                "to change that, add these accounts to the line in {} that leads local accounts past the module",
                stacks.path(&self.service).display()
            ),
        }
    }
}

/// The accounts that the stack of `service` leaves out, if that is sudo or sudo-i.
///
/// Only accounts count that the other stacks lead past the module, so that somebody has
/// meant them to get in without authentik.
pub(crate) fn left_out(stacks: &Stacks, service: &str) -> Option<LeftOut> {
    if !SERVICES.contains(&service) {
        return None;
    }
    let auth = stacks.entries(service, Kind::Auth).ok()?;
    if !auth.iter().any(Entry::is_ours) {
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    let mut by = Vec::new();
    for other in stacks.naming_module() {
        if is_program_for_root(&other) {
            continue;
        }
        let read = stacks.load(&other);
        let mut missing = guarded(&other, read.stack(Kind::Auth));
        missing.retain(|name| {
            local::uid(name).is_some_and(|uid| uid != 0)
                && local::kept_out(name).is_none()
                && lets_in(name, service, &auth) == Answer::No
                // Where sudo does not tell, nobody knows that it would not.
                && rule(name).map_or(true, |rule| rule == Rule::Asks)
        });
        if missing.is_empty() {
            continue;
        }
        by.push(other);
        names.extend(missing);
    }
    names.sort();
    names.dedup();
    if names.is_empty() {
        return None;
    }
    let mut all = guarded(service, &auth);
    all.extend(names.iter().cloned());
    all.retain(|name| name != "root");
    all.sort();
    all.dedup();
    Some(LeftOut {
        service: service.into(),
        names,
        by,
        locals: all.iter().map(|name| format!(" --local {name}")).collect(),
    })
}

/// Whether a service is not the way by which somebody arrives at the host.
fn is_program_for_root(service: &str) -> bool {
    SERVICES.contains(&service) || ["su", "su-l"].contains(&service)
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
