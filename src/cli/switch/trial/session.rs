//! The login session of a process.

use serde::{Deserialize, Serialize};

/// The kernel's and systemd's ids of the session. No process of the session can change
/// them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// The kernel's audit session id (`pam_loginuid`).
    audit: Option<u32>,
    /// logind's control group.
    scope: Option<String>,
}

impl Session {
    /// The session of this process.
    pub(super) fn own() -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/self/sessionid"), &read("/proc/self/cgroup"))
    }

    fn parse(number: &str, groups: &str) -> Self {
        let is_scope = |part: &&str| part.starts_with("session-") && part.ends_with(".scope");
        let scope = groups.split(['/', '\n']).find(is_scope).map(str::to_owned);
        let number = number.trim().parse().ok();
        Self {
            // The largest number means that no login has opened the session.
            audit: number.filter(|number| *number != u32::MAX),
            scope,
        }
    }

    /// Whether this is another login than `first`. `None` if that cannot be told.
    pub(super) fn is_other_than(&self, first: &Self) -> Option<bool> {
        match (&self.audit, &first.audit) {
            (Some(own), Some(first)) => return Some(own != first),
            (Some(_), None) => return Some(true),
            (None, _) => {}
        }
        match (&self.scope, &first.scope) {
            (Some(own), Some(first)) => Some(own != first),
            (Some(_), None) => Some(true),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_login_has_another_session_number() {
        let none = Session::parse("4294967295", "0::/system.slice/x.service\n");
        let first = Session::parse("3", "0::/user.slice/user-0.slice/session-3.scope\n");
        let second = Session::parse("4", "0::/user.slice/user-0.slice/session-4.scope\n");
        let scope = Session::parse(
            "4294967295",
            "1:name=systemd:/user.slice/session-c7.scope\n",
        );
        assert_eq!(scope.scope.as_deref(), Some("session-c7.scope"));
        for (own, before, other) in [
            (&first, &first, Some(false)),
            (&second, &first, Some(true)),
            (&second, &none, Some(true)),
            (&none, &none, None),
            (&none, &first, None),
            (&scope, &scope, Some(false)),
            (&scope, &none, Some(true)),
        ] {
            assert_eq!(own.is_other_than(before), other, "{own:?} {before:?}");
        }
    }
}
