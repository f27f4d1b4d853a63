//! What the modules of a stack answer to somebody, as far as can be said
//! without asking them.

use super::{Code, CodeSet, Detail, Entry, Kind, play};

/// Somebody who logs in, with an account of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) name: String,
    /// Unknown for names that only a stack or a configuration mentions.
    pub(crate) uid: Option<u32>,
}

impl Person {
    /// Somebody whom nothing in a stack mentions.
    pub(crate) fn anybody() -> Self {
        Self {
            name: "somebody else".into(),
            uid: Some(4_000_000),
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        let uid = match crate::cli::local::uid(name) {
            Some(uid) => Some(uid),
            None if name == "root" => Some(0),
            None => None,
        };
        Self {
            name: name.into(),
            uid,
        }
    }
}

/// A call of a stack.
#[derive(Debug, Clone)]
pub(crate) struct Scene<'a> {
    pub(crate) kind: Kind,
    pub(crate) person: &'a Person,
    /// Whether the password that they give is that of the local account.
    pub(crate) local_password: bool,
    /// What this project's module answers.
    pub(crate) ours: Code,
}

impl Scene<'_> {
    /// Whether the stack lets them by.
    pub(crate) fn succeeds(&self, entries: &[Entry]) -> bool {
        play(entries, Detail::Verdict, |_, entry| {
            CodeSet::one(self.answer(entry))
        })
        .codes()
        .may_succeed()
    }

    /// What the module of `entry` answers.
    pub(crate) fn answer(&self, entry: &Entry) -> Code {
        if entry.is_ours() {
            return self.ours;
        }
        let has = |word: &str| entry.arguments.iter().any(|argument| argument == word);
        match entry.name() {
            // The local password; everybody's account is well.
            "pam_unix.so"
            | "pam_tcb.so"
            | "pam_pwdfile.so"
            | "pam_userdb.so"
            | "pam_systemd_home.so" => match (self.kind, self.local_password) {
                (Kind::Auth, false) => Code::AUTH_ERR,
                _ => Code::SUCCESS,
            },
            // Directories do not know local accounts.
            "pam_sss.so" | "pam_ldap.so" | "pam_krb5.so" | "pam_winbind.so" => Code::USER_UNKNOWN,
            // The shipped stacks have it for sshd's credentials alone.
            "pam_localuser.so" if has("file=/dev/null") => Code::PERM_DENIED,
            "pam_succeed_if.so" => match self.condition(&entry.arguments) {
                true => Code::SUCCESS,
                false => Code::AUTH_ERR,
            },
            "pam_usertype.so" => {
                let is_system = self.person.uid.is_some_and(|uid| uid < 1000);
                if is_system == has("issystem") {
                    Code::SUCCESS
                } else {
                    Code::AUTH_ERR
                }
            }
            "pam_deny.so" => Code::AUTH_ERR,
            "pam_faillock.so" if has("authfail") => Code::AUTH_ERR,
            "pam_permit.so" | "pam_localuser.so" | "pam_faillock.so" | "pam_securetty.so"
            | "pam_shells.so" | "pam_access.so" | "pam_time.so" => Code::SUCCESS,
            // Called by root alone, which is no login; others set something up.
            "pam_rootok.so" => Code::AUTH_ERR,
            _ => Code::IGNORE,
        }
    }

    /// pam_succeed_if's conditions, all of which must hold. One that cannot be
    /// judged here does not.
    fn condition(&self, arguments: &[String]) -> bool {
        const FLAGS: [&str; 6] = [
            "debug",
            "use_uid",
            "quiet",
            "quiet_fail",
            "quiet_success",
            "audit",
        ];
        let mut words = arguments
            .iter()
            .map(String::as_str)
            .filter(|word| !FLAGS.contains(word));
        let mut any = false;
        while let Some(left) = words.next() {
            let (Some(operator), Some(right)) = (words.next(), words.next()) else {
                return false;
            };
            any = true;
            if !self.holds(left, operator, right).unwrap_or(false) {
                return false;
            }
        }
        any
    }

    fn holds(&self, left: &str, operator: &str, right: &str) -> Option<bool> {
        match left {
            "user" => {
                let name = self.person.name.as_str();
                Some(match operator {
                    "=" => name == right,
                    "!=" => name != right,
                    "in" => right.split(':').any(|listed| listed == name),
                    "notin" => right.split(':').all(|listed| listed != name),
                    _ => return None,
                })
            }
            "uid" => {
                let uid = self.person.uid?;
                let number: u32 = right.parse().ok()?;
                Some(match operator {
                    "<" | "lt" => uid < number,
                    "<=" | "le" => uid <= number,
                    ">" | "gt" => uid > number,
                    ">=" | "ge" => uid >= number,
                    "=" | "eq" => uid == number,
                    "!=" | "ne" => uid != number,
                    _ => return None,
                })
            }
            _ => None,
        }
    }
}

/// The names that guards of a stack mention.
pub(crate) fn mentioned(entries: &[Entry]) -> Vec<String> {
    let mut names = Vec::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.name() == "pam_succeed_if.so")
    {
        let words: Vec<&str> = entry.arguments.iter().map(String::as_str).collect();
        for window in words.windows(3) {
            if let ["user", "in" | "=", right] = window {
                names.extend(right.split(':').map(str::to_owned));
            }
        }
    }
    names
}
