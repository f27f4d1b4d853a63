//! What the host and the configuration say about a name, before authentik is asked.

use crate::config::{AccountDomain, UserRules};
use crate::error::LoginError;
use crate::host::{self, Entry, Lookup};

/// What the host and the configuration make of a name.
pub enum AccountStatus {
    /// An account of the host that the module handles.
    Person,
    /// The configuration says to ignore it. `known` says whether the host or the
    /// configuration has this name; any other name may be a password that was typed by
    /// mistake.
    LeftAlone {
        /// Which rule says so.
        reason: &'static str,
        /// Whether an account has that name.
        known: bool,
    },
    /// The account database returns an account of another name.
    OtherSpelling,
    /// The host has no such account.
    NoAccount,
}

/// The refusal of [`AccountStatus::OtherSpelling`], for the log.
pub const OTHER_SPELLING: &str = "the account database spells it differently";

impl AccountStatus {
    /// Whether an account has the name, so that it may be logged. People type passwords
    /// where a name is asked for.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Person => true,
            Self::LeftAlone { known, .. } => *known,
            Self::OtherSpelling | Self::NoAccount => false,
        }
    }
}

/// Judges `user` by the account database and `[user]`.
///
/// # Errors
/// [`LoginError::Host`] if the account database fails.
pub fn of(user: &str, rules: &UserRules) -> Result<AccountStatus, LoginError> {
    if rules.ignore.iter().any(|name| name == user) {
        return Ok(AccountStatus::LeftAlone {
            reason: "the name is in [user] ignore",
            known: true,
        });
    }
    let found = account(user)?;
    // This comes before any rule about names: an account with two names could avoid one
    // of them.
    if matches!(found, Lookup::OtherSpelling) {
        return Ok(AccountStatus::OtherSpelling);
    }
    let known = !matches!(found, Lookup::Unknown);
    let left_alone = |reason| AccountStatus::LeftAlone { reason, known };
    if let Some(allowed) = &rules.allow {
        if !allowed.iter().any(|name| name == user) {
            return Ok(left_alone("the name is not in [user] allow"));
        }
    }
    Ok(match found {
        Lookup::Unknown => AccountStatus::NoAccount,
        // That account was not asked for, so its uid does not count either.
        Lookup::OtherSpelling => AccountStatus::OtherSpelling,
        Lookup::Account { uid: 0 } if rules.allow_root => AccountStatus::Person,
        Lookup::Account { uid: 0 } => {
            left_alone("root is left alone unless [user] allow_root = true")
        }
        Lookup::Account { uid } if uid < rules.min_uid => {
            left_alone("the uid is below [user] min_uid")
        }
        Lookup::Account { .. } => AccountStatus::Person,
    })
}

/// What `user` is called in authentik: without `[user] domain`, lowered, and then as
/// `[user] name` says.
///
/// # Errors
/// [`LoginError::NameOfAnotherAccount`] where lowering the name would make one account
/// log in as another, and [`LoginError::ShortName`] where taking the domain off would;
/// [`LoginError::Host`] where that cannot be told.
pub fn name_in_authentik(user: &str, rules: &UserRules) -> Result<String, LoginError> {
    if let Some(domain) = &rules.domain {
        let short = domain.strip(user).map_err(LoginError::ShortName)?;
        if short != user {
            return name_without_domain(user, short, domain, rules);
        }
    }
    if !rules.lowercase {
        return Ok(rules.name.apply(user));
    }
    let lowered = user.to_ascii_lowercase();
    if lowered != user {
        // A database that takes any spelling gives the user's own entry for it.
        let found = entry(&lowered)?;
        if found.is_some() && found != entry(user)?.filter(|own| own.name == user) {
            return Err(LoginError::NameOfAnotherAccount);
        }
    }
    Ok(rules.name.apply(&lowered))
}

/// The name of `user` in authentik, where they are called `short`, apart from case.
///
/// The short name must not belong to another account. Otherwise one person in authentik would
/// own both accounts. Either no account has it, or the database returns the same entry for it
/// as for `user`. It must not be the name of root, of a system account, or of an account that
/// is left alone: those belong to the host.
fn name_without_domain(
    user: &str,
    short: &str,
    domain: &AccountDomain,
    rules: &UserRules,
) -> Result<String, LoginError> {
    let own = entry(user)?;
    if own.as_ref().is_some_and(|own| own.name != user) {
        return Err(LoginError::ShortName(OTHER_SPELLING));
    }
    let mut name = short.to_owned();
    let mut others = vec![name.clone()];
    if rules.lowercase {
        name = short.to_ascii_lowercase();
        others.push(name.clone());
        others.push(domain.with(&name));
    }
    for other in others {
        if host::impossible_name(other.as_bytes()).is_some() {
            return Err(LoginError::ShortName(
                "no account can have the rest as a name",
            ));
        }
        if other == "root" || rules.ignore.contains(&other) {
            return Err(LoginError::ShortName(LEFT_ALONE));
        }
        match entry(&other)? {
            None => {}
            Some(found) if found.uid == 0 || found.uid < rules.min_uid => {
                return Err(LoginError::ShortName(LEFT_ALONE));
            }
            Some(found) if own.as_ref() == Some(&found) => {}
            Some(_) => {
                return Err(LoginError::ShortName(
                    "without it, it is the name of another account of this host",
                ));
            }
        }
    }
    Ok(rules.name.apply(&name))
}

/// Whose accounts authentik has no part in.
const LEFT_ALONE: &str = "without it, it is the name of an account that is left alone";

/// `name`, if an account of the host has exactly that name.
#[must_use]
pub fn known_name(name: &str) -> Option<String> {
    let known = host::impossible_name(name.as_bytes()).is_none()
        && matches!(host::find_account(name), Ok(Lookup::Account { .. }));
    known.then(|| name.to_owned())
}

fn entry(name: &str) -> Result<Option<Entry>, LoginError> {
    host::find_entry(name).map_err(|error| LoginError::Host(error.to_string()))
}

fn account(name: &str) -> Result<Lookup, LoginError> {
    host::find_account(name).map_err(|error| LoginError::Host(error.to_string()))
}
