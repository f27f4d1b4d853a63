//! The person whose login is played, as far as known.

use std::ffi::CString;

use crate::cli::local;

/// Somebody who logs in. Every answer that depends on an unknown fact goes both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    /// `None` for somebody that no stack and no configuration mentions.
    pub(crate) name: Option<String>,
    pub(crate) uid: Uid,
    /// Whether the account is in `/etc/passwd`.
    pub(crate) is_local: Option<bool>,
    /// Facts of conditions that are chosen for somebody without a name.
    pub(super) assumed: Vec<(String, bool)>,
}

/// What is known of a uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uid {
    Is(u32),
    /// One of a person: 1000 or more.
    Persons,
    Unknown,
}

impl Person {
    /// Somebody that no stack mentions.
    pub(crate) fn anybody() -> Self {
        Self {
            name: None,
            uid: Uid::Persons,
            is_local: None,
            assumed: Vec::new(),
        }
    }

    /// The same person with an account in `/etc/passwd`, or only in a directory.
    pub(crate) fn somebody(is_local: bool) -> Self {
        Self {
            is_local: Some(is_local),
            ..Self::anybody()
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        let uid = match local::uid(name) {
            Some(uid) => Uid::Is(uid),
            None if name == "root" => Uid::Is(0),
            None => Uid::Unknown,
        };
        Self {
            name: Some(name.into()),
            uid,
            is_local: match uid {
                Uid::Is(_) => local::is_in_passwd(name),
                _ => None,
            },
            assumed: Vec::new(),
        }
    }

    /// The same person, with the assumption that this fact of a condition holds or not.
    pub(super) fn assume(mut self, fact: &str, holds: bool) -> Self {
        self.assumed.push((fact.to_owned(), holds));
        self
    }

    /// What is assumed about a fact.
    pub(super) fn assumes(&self, fact: &str) -> Option<bool> {
        let found = self.assumed.iter().find(|(known, _)| known == fact);
        found.map(|(_, holds)| *holds)
    }

    /// For people.
    pub(crate) fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or("somebody else")
    }

    /// Whether a comparison of the uid with `number` holds, if known.
    pub(super) fn uid_holds(&self, operator: &str, number: u32) -> Option<bool> {
        let compare = |uid: u32| match operator {
            "<" | "lt" => Some(uid < number),
            "<=" | "le" => Some(uid <= number),
            ">" | "gt" => Some(uid > number),
            ">=" | "ge" => Some(uid >= number),
            "=" | "eq" => Some(uid == number),
            "!=" | "ne" => Some(uid != number),
            _ => None,
        };
        match self.uid {
            Uid::Is(uid) => compare(uid),
            // All uids from 1000 up agree only if the lowest and the highest do.
            Uid::Persons => {
                let (low, high) = (compare(1000)?, compare(u32::MAX)?);
                let between = number > 1000 && ["=", "eq", "!=", "ne"].contains(&operator);
                (low == high && !between).then_some(low)
            }
            Uid::Unknown => None,
        }
    }

    /// Whether the person is in a group of this host, if known.
    pub(super) fn is_in_group(&self, group: &str) -> Option<bool> {
        let name = self.name.as_deref()?;
        let user = nix::unistd::User::from_name(name).ok()??;
        let Some(group) = nix::unistd::Group::from_name(group).ok()? else {
            return Some(false);
        };
        let name = CString::new(name).ok()?;
        let groups = nix::unistd::getgrouplist(&name, user.gid).ok()?;
        Some(groups.contains(&group.gid))
    }

    /// The login shell, if there is an account.
    pub(super) fn shell(&self) -> Option<String> {
        let user = nix::unistd::User::from_name(self.name.as_deref()?).ok()??;
        Some(user.shell.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_that_is_not_known_gives_no_answer() {
        let anybody = Person::anybody();
        assert_eq!(anybody.uid_holds(">=", 1000), Some(true));
        assert_eq!(anybody.uid_holds("<", 1000), Some(false));
        assert_eq!(anybody.uid_holds("=", 0), Some(false));
        assert_eq!(anybody.uid_holds(">=", 2000), None);
        assert_eq!(anybody.uid_holds("=", 1500), None);
        assert_eq!(anybody.uid_holds("!=", 1500), None);
        assert_eq!(Person::named("no-such-name-here").uid_holds("=", 0), None);
    }
}
