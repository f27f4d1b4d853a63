//! The lines by which a service asks authentik, and who gets in without it.

use super::arguments::Folders;
use super::judge::{Answer, Stack};
use super::sshd::Settings;
use super::stack::condition::mentioned;
use super::stack::results::Secret;
use super::stack::{Code, CodeSet, Entry, Kind, Person, Stacks};
use super::switch::block_in;
use super::{files, local};
use pam_authentik_flow::config::UserRules;

/// The kind of these lines: the block of `enable`, an include, or lines by somebody
/// else.
pub(crate) fn to_authentik(stacks: &Stacks, service: &str) -> Option<String> {
    let read = stacks.load(service);
    let entry = Kind::ALL
        .iter()
        .flat_map(|kind| read.stack(*kind))
        .find(|entry| entry.is_ours())?;
    let path = stacks.path(service);
    if entry.file != path {
        let by = match is_of_profile(entry) {
            true => ", from pam-auth-update's profile",
            false => "",
        };
        return Some(format!("by an include: {}{by}", entry.place()));
    }
    let lines = block_in(&stacks.text(service)).filter(|lines| lines.contains(&entry.line));
    Some(match lines {
        Some(lines) => format!(
            "by the block of enable: {}:{}-{}",
            path.display(),
            lines.start,
            lines.end.saturating_sub(1)
        ),
        None => format!("by lines written by hand: {}", entry.place()),
    })
}

/// Whether a line is in the part that pam-auth-update writes.
fn is_of_profile(entry: &Entry) -> bool {
    files::text(&entry.file).is_ok_and(|text| {
        text.contains("# here are the per-package modules (the \"Primary\" block)")
    })
}

/// Who gets in with a local password while authentik is down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WayIn {
    /// Everybody with one.
    Everybody,
    /// These accounts, whose passwords may be unknown here.
    Names(Vec<String>),
    /// It depends on a line with an unknown module.
    HangsOn(String),
}

/// Plays the `auth` stack while authentik is down.
pub(crate) fn while_down(service: &str, auth: &[Entry], rules: Option<&UserRules>) -> WayIn {
    let stack = Stack {
        kind: Kind::Auth,
        service,
        entries: auth,
    };
    let down = CodeSet::one(Code::AUTHINFO_UNAVAIL);
    let gets_in = |person: &Person, ours| stack.gets_in(person, ours, Secret::Local);
    match gets_in(&Person::somebody(true), down) {
        Answer::Yes => return WayIn::Everybody,
        Answer::Maybe(line) => return WayIn::HangsOn(line),
        Answer::No => {}
    }
    let mentioned = mentioned(auth);
    let mut names: Vec<String> = mentioned
        .into_iter()
        .filter(|name| gets_in(&Person::named(name), down) != Answer::No)
        .collect();
    // Accounts that the configuration ignores never meet authentik.
    for (name, uid) in local::accounts() {
        let ignored = CodeSet::one(Code::IGNORE);
        if rules.is_some_and(|rules| is_left_alone(rules, &name, uid))
            && !names.contains(&name)
            && gets_in(&Person::named(&name), ignored) == Answer::Yes
        {
            names.push(name);
        }
    }
    names.retain(|name| local::has_password(name) != Some(false));
    WayIn::Names(names)
}

/// Why an account with a local password does not get in by a service all the same: sshd
/// or the account's own state keeps it out.
pub(crate) fn kept_out(name: &str, service: &str, folders: &Folders) -> Option<String> {
    let sshd = folders.sshd().filter(|_| service == "sshd");
    let by_sshd = sshd.and_then(|source| {
        let settings = Settings::of(name, &source).ok()?;
        settings.keeps_out(&local::groups(name))
    });
    by_sshd.or_else(|| local::kept_out(name))
}

/// Whether an account gets in by a local password while authentik is down. `None`: that
/// cannot be told from here, as without root's rights.
pub(crate) fn is_kept(
    service: &str,
    auth: &[Entry],
    rules: Option<&UserRules>,
    folders: &Folders,
) -> Option<bool> {
    let stack = Stack {
        kind: Kind::Auth,
        service,
        entries: auth,
    };
    let mut is_known = true;
    for (name, uid) in local::accounts() {
        let code = match rules.is_some_and(|rules| is_left_alone(rules, &name, uid)) {
            true => Code::IGNORE,
            false => Code::AUTHINFO_UNAVAIL,
        };
        let person = Person::named(&name);
        let gets_in = stack.gets_in(&person, CodeSet::one(code), Secret::Local);
        match (gets_in, local::has_password(&name)) {
            (Answer::No, _) | (_, Some(false)) => {}
            (Answer::Yes, Some(true)) => {
                if kept_out(&name, service, folders).is_none() {
                    return Some(true);
                }
            }
            _ => is_known = false,
        }
    }
    is_known.then_some(false)
}

/// Whether the module ignores an account, by the configuration.
fn is_left_alone(rules: &UserRules, name: &str, uid: u32) -> bool {
    rules.ignore.iter().any(|ignored| ignored == name)
        || (uid == 0 && !rules.allow_root)
        || (uid != 0 && uid < rules.min_uid)
}
