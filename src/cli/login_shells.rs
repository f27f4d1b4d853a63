//! `sudo -i` and `su -`, which may have their own stack.

use super::stack::{Entry, Kind, Stacks};

/// The command for a login shell, its service, and the service of the plain command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LoginShell {
    of: &'static str,
    pub(crate) service: &'static str,
    pub(crate) typed: &'static str,
}

const LOGIN_SHELLS: [LoginShell; 2] = [
    LoginShell {
        of: "sudo",
        service: "sudo-i",
        typed: "sudo -i",
    },
    LoginShell {
        of: "su",
        service: "su-l",
        typed: "su -",
    },
];

/// The login shell of a service that asks the module, if the login shell's own stack
/// does not, neither directly nor by an include.
pub(crate) fn left_out(stacks: &Stacks, service: &str) -> Option<LoginShell> {
    let asks = |service: &str| {
        let entries = stacks.entries(service, Kind::Auth).ok()?;
        Some(entries.iter().any(Entry::is_ours))
    };
    let shell = LOGIN_SHELLS.iter().find(|shell| shell.of == service)?;
    (asks(service)? && !asks(shell.service)?).then_some(*shell)
}
