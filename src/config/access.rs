//! Who may log in, and how users who logged in with a key are checked.

use super::keys::{AccessKeys, AccountKeys, family};
use super::values::{AbsolutePath, Fallback, Slug};

/// Who may log in, of the users that authentik knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessRules {
    /// Members of any of these groups, names or UUIDs; never empty.
    Groups(Vec<String>),
    /// Users who may use this application.
    Application(Slug),
    /// Members of any of these groups who may also use this application.
    GroupsAndApplication(Vec<String>, Slug),
    /// Everyone who can log in to authentik.
    AnyUser,
}

impl AccessRules {
    /// If not empty, a user must be in one of these groups.
    #[must_use]
    pub fn groups(&self) -> Option<&[String]> {
        match self {
            Self::Groups(groups) | Self::GroupsAndApplication(groups, _) => Some(groups),
            Self::Application(_) | Self::AnyUser => None,
        }
    }

    /// The application that must be open to them, if any.
    #[must_use]
    pub fn application(&self) -> Option<&Slug> {
        match self {
            Self::Application(slug) | Self::GroupsAndApplication(_, slug) => Some(slug),
            Self::Groups(_) | Self::AnyUser => None,
        }
    }
}

/// How a user is looked up who logged in without this module, such as with an SSH key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRules {
    /// The token of a service account that has permission to look users up.
    pub token_file: AbsolutePath,
    /// What to do with them while authentik cannot be reached.
    pub on_unavailable: Fallback,
    /// What to do with a user that authentik does not know.
    pub unknown: Fallback,
}

/// The services that look users up if `[account] services` is not set. sudo would also
/// ask with NOPASSWD, and so would cron and systemd's user sessions.
const DEFAULT_SERVICES: [&str; 1] = ["sshd"];

/// The rules for `service`; `None` if it looks nobody up.
pub(super) fn account_rules(
    keys: AccountKeys,
    service: &str,
) -> Result<Option<AccountRules>, String> {
    if keys.services.as_ref().is_some_and(Vec::is_empty) {
        return Err(
            "[account] services is empty, so nobody would be looked up; write services = [\"sshd\"], or leave [account] out"
                .into(),
        );
    }
    let listed = |name: &str| match &keys.services {
        Some(services) => services.iter().any(|listed| listed == name),
        None => DEFAULT_SERVICES.contains(&name),
    };
    let Some(token_file) = keys.token_file else {
        if keys.services.is_some() || keys.on_unavailable.is_some() || keys.unknown.is_some() {
            return Err(
                "[account] has no token_file, so nobody would be looked up; write token_file = \"/etc/security/authentik-account.token\", or leave [account] out"
                    .into(),
            );
        }
        return Ok(None);
    };
    // sudo-i and su-l follow sudo and su here as they do in [services.NAME].
    let asked = listed(service) || family(service).is_some_and(listed);
    Ok(asked.then(|| AccountRules {
        token_file,
        on_unavailable: keys.on_unavailable.unwrap_or(Fallback::Deny),
        unknown: keys.unknown.unwrap_or(Fallback::Deny),
    }))
}

pub(super) fn access_rules(keys: AccessKeys) -> Result<AccessRules, String> {
    const CHOICE: &str = "write groups = [\"linux-users\"] or application = \"linux\" below [access], or allow_any_user = true if really everybody in authentik may log in";
    let named = match (&keys.groups, &keys.application) {
        (Some(_), _) => Some("groups"),
        (None, Some(_)) => Some("application"),
        (None, None) => None,
    };
    if let (Some(named), Some(true)) = (named, keys.allow_any_user) {
        return Err(format!(
            "[access] has {named} and allow_any_user = true, which contradict each other; {CHOICE}"
        ));
    }
    if let Some(groups) = &keys.groups {
        if groups.is_empty() {
            return Err(format!(
                "[access] groups is empty, so nobody could log in; {CHOICE}"
            ));
        }
        if groups.iter().any(|group| group.trim().is_empty()) {
            return Err(format!("[access] groups holds an empty name; {CHOICE}"));
        }
    }
    match (keys.groups, keys.application, keys.allow_any_user) {
        (Some(groups), Some(slug), _) => Ok(AccessRules::GroupsAndApplication(groups, slug)),
        (Some(groups), None, _) => Ok(AccessRules::Groups(groups)),
        (None, Some(slug), _) => Ok(AccessRules::Application(slug)),
        (None, None, Some(true)) => Ok(AccessRules::AnyUser),
        (None, None, _) => Err(format!("[access] does not say who may log in; {CHOICE}")),
    }
}
