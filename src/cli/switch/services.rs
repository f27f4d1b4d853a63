//! Which services the module may be put into.

use crate::cli::CommandError;
use crate::cli::stack::Stacks;
use crate::cli::suggest::nearest;

/// Services whose lines many others use, or that are not logins of a person.
const REFUSED: [(&str, &str); 16] = [
    ("other", "every service without its own file uses it"),
    ("cron", "every job would ask for the account"),
    ("crond", "every job would ask for the account"),
    ("atd", "every job would ask for the account"),
    (
        "polkit-1",
        "polkit's helper has no network, so nobody could authorise anything",
    ),
    (
        "systemd-user",
        "no session would start while authentik is down",
    ),
    ("chsh", "it changes a local account, and is no login"),
    ("chfn", "it changes a local account, and is no login"),
    ("chpasswd", "it changes local passwords, and is no login"),
    ("newusers", "it makes local accounts, and is no login"),
    ("runuser", "root alone uses it, without a password"),
    ("runuser-l", "root alone uses it, without a password"),
    ("groupadd", "root alone uses it, and it is no login"),
    ("useradd", "root alone uses it, and it is no login"),
    (
        "systemd-run0",
        "polkit authorises it, and nobody is asked for a password here",
    ),
    (
        "passwd",
        "it changes a password, and is no login: see docs for a `password` line",
    ),
];

/// Files that are only included.
pub(crate) fn is_shared(name: &str) -> bool {
    const SHARED: [&str; 9] = [
        "system-auth",
        "system-login",
        "system-local-login",
        "system-remote-login",
        "password-auth",
        "fingerprint-auth",
        "smartcard-auth",
        "postlogin",
        "config-util",
    ];
    SHARED.contains(&name) || name.starts_with("common-") || name.starts_with("base-")
}

/// Refuses services that must not have the module.
///
/// # Errors
/// Why, and what to do instead.
pub(super) fn hold(service: &str, has_file: bool) -> Result<(), CommandError> {
    if is_shared(service) {
        return Err(format!(
            "other services include {service}, cron and polkit among them; name the services that you mean, such as: authentik-flow enable sshd sudo"
        ));
    }
    if let Some((_, why)) = REFUSED.iter().find(|(name, _)| *name == service) {
        return Err(format!(
            "the module does not belong in {service}: {why}; name the services that people log in by, such as: authentik-flow enable sshd sudo"
        ));
    }
    if service == "ssh" && !has_file {
        return Err(
            "there is no service ssh: sshd's is called sshd; write: authentik-flow enable sshd"
                .into(),
        );
    }
    Ok(())
}

/// Refuses a service that does not exist, and suggests a similar one.
///
/// # Errors
/// Neither the folder of the stacks nor the system's own has it, and another service
/// has a similar name.
pub(super) fn exists(service: &str, stacks: &Stacks) -> Result<(), CommandError> {
    let known = stacks.services();
    let near = nearest(service, known.iter().map(String::as_str));
    match near.filter(|_| !known.iter().any(|name| name == service)) {
        Some(near) => Err(format!(
            "there is no service {service}; if you mean {near}: authentik-flow enable {near}"
        )),
        None => Ok(()),
    }
}
