//! Which accounts are bound to people (`[user] bind`), and the person for each.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pam_authentik_flow::account;
use pam_authentik_flow::account_status;
use pam_authentik_flow::config::{Binding, Config};
use pam_authentik_flow::error::LoginError;
use pam_authentik_flow::host::{Bindings, FileFault, Uid};
use pam_authentik_flow::http::HttpsTransport;

use super::Way;
use super::people::MAX_PEOPLE;
use crate::cli::remedy::of_config;
use crate::cli::report::Report;

/// What everybody must be allowed to do with the directory: a locker is not root.
const FOR_EVERYBODY: u32 = 0o005;

/// Looks at the files, as a login does.
pub(super) fn stored(report: &mut Report, config: &Config, state: &Path) {
    if config.user.bind == Binding::Never {
        return;
    }
    let place = state.join("bindings");
    let bindings = Bindings::at(state);
    let accounts = match bindings.accounts() {
        Ok(accounts) => accounts,
        Err(fault) => return unusable(report, state, &place, &fault),
    };
    let found = accounts.iter().map(|name| (name, bindings.find(name)));
    let damaged: Vec<String> = found
        .filter_map(|(name, found)| Some((name, found.err()?)))
        .map(|(name, fault)| format!("{name} ({fault})"))
        .collect();
    if !damaged.is_empty() {
        report.wrong(
            "bindings.damaged",
            format!(
                "files in {} cannot be used, and logins to these accounts are refused: {}",
                place.display(),
                damaged.join(", ")
            ),
            "write them again as root: authentik-flow bind --replace NAME",
        );
    }
    if is_closed(state) || is_closed(&place) {
        report.warn(
            "bindings.closed",
            format!(
                "only root can read {}: a screen locker, which is not root, refuses everybody",
                place.display()
            ),
            format!("chmod 755 {} {}", state.display(), place.display()),
        );
    }
    let bound = accounts.len().saturating_sub(damaged.len());
    let user_ids = bindings.user_ids().unwrap_or_default();
    let unreadable = user_ids.iter().filter(|name| bindings.find(name).is_err());
    let unreadable: Vec<&str> = unreadable.map(String::as_str).collect();
    if !unreadable.is_empty() {
        report.wrong(
            "bindings.damaged",
            format!(
                "files of user IDs in {} cannot be used, and first logins with these user IDs are refused: {}",
                place.display(),
                unreadable.join(", ")
            ),
            "write them again as root: authentik-flow bind --replace NAME",
        );
    }
    let text = match bound {
        0 if damaged.is_empty() => {
            return report.ok(
                "bindings.none",
                "no account is bound yet: the first login binds each to the person who logs in",
            );
        }
        1 => "1 account is bound to a person".to_owned(),
        count => format!("{count} accounts are bound to people"),
    };
    report.ok("bindings.stored", text);
    report.value("bound_accounts", bound);
}

/// The directory itself cannot be used.
fn unusable(report: &mut Report, state: &Path, place: &Path, fault: &FileFault) {
    let remedy = match fault.command() {
        // One of the two: it does no harm to the other.
        Some(command) => format!("{command} {} {}", state.display(), place.display()),
        None => "correct it as root; the directories belong to root, with mode 755".into(),
    };
    report.wrong(
        "bindings.wrong",
        format!(
            "{} {fault}: the module cannot read the bindings, and refuses every login",
            place.display()
        ),
        remedy,
    );
}

/// Whether it exists, and others than its owner cannot read it.
fn is_closed(directory: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(directory) else {
        return false;
    };
    metadata.permissions().mode() & FOR_EVERYBODY != FOR_EVERYBODY
}

/// Asks authentik who has the names of the bound accounts now, where there is a token
/// for it. Nobody can be found by a `uid`: authentik does not search for it.
pub(super) fn persons(report: &mut Report, way: &Way<'_>) {
    let config = way.config;
    let bindings = Bindings::at(&way.state);
    let accounts = bindings.accounts().unwrap_or_default();
    let mut bound: Vec<(String, Uid)> = accounts
        .into_iter()
        .filter_map(|name| Some((bindings.find(&name).ok()??, name)))
        .map(|(uid, name)| (name, uid))
        .collect();
    let Some(lookup) = way.lookup().filter(|_| !bound.is_empty()) else {
        return;
    };
    let mut transport = match lookup {
        Ok(transport) => transport,
        Err(error) => {
            let (found, remedy) = of_config(&error);
            return report.wrong("token.wrong", found, remedy);
        }
    };
    let more = bound.len().saturating_sub(MAX_PEOPLE);
    bound.truncate(MAX_PEOPLE);
    let (mut gone, mut others) = (Vec::new(), Vec::new());
    for (name, uid) in &bound {
        match now(&mut transport, name, config) {
            Ok(Some(actual)) if actual == *uid => {}
            Ok(Some(_)) => others.push(name.as_str()),
            Ok(None) => gone.push(name.as_str()),
            Err(error) => return report.unknown("bindings.failed", error.to_string(), None),
        }
    }
    tell(report, bound.len(), more, &gone, &others);
}

/// Who has the account's name in authentik now; `None` if nobody has.
fn now(
    transport: &mut HttpsTransport,
    account: &str,
    config: &Config,
) -> Result<Option<Uid>, LoginError> {
    let name = account_status::name_in_authentik(account, &config.user)?;
    match account::uid_of(transport, &name) {
        Ok(uid) => Ok(uid.as_deref().and_then(Uid::parse)),
        Err(LoginError::NotInAuthentik) => Ok(None),
        Err(error) => Err(error),
    }
}

fn tell(report: &mut Report, asked: usize, more: usize, gone: &[&str], others: &[&str]) {
    if !others.is_empty() {
        report.warn(
            "bindings.another-person",
            format!(
                "in authentik, another person has the name now, and the module refuses them: {}",
                others.join(", ")
            ),
            "to give the account to that person, run as root: authentik-flow bind --replace NAME",
        );
    }
    if !gone.is_empty() {
        report.warn(
            "bindings.nobody",
            format!(
                "authentik no longer has anybody with this name: {}. They were removed or renamed, and the module refuses the next person with the name",
                gone.join(", ")
            ),
            "rename the account here, too; or delete it, then run as root: authentik-flow bind --remove NAME",
        );
    }
    if others.is_empty() && gone.is_empty() {
        let more = match more {
            0 => String::new(),
            more => format!("; {more} more were not looked up"),
        };
        report.ok(
            "bindings.good",
            format!(
                "in authentik, each name still belongs to the same person ({asked} looked up{more})"
            ),
        );
    }
}
