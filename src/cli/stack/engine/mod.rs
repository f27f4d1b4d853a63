//! The engine: reads stacks and computes their results as libpam does.
//!
//! The rules are those of Linux-PAM 1.5 and 1.7: pam.conf(5), and the behaviour of the
//! libraries, with which a test compares it. It uses nothing else of the command, so
//! that the test can build it alone.

pub(crate) mod codes;
mod collect;
pub(crate) mod control;
pub(crate) mod lines;
pub(crate) mod load;
pub(crate) mod play;
pub(crate) mod together;
pub(crate) mod walk;

/// What a stack is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Auth,
    Account,
    Session,
    Password,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Auth, Self::Account, Self::Session, Self::Password];

    /// Its name in a file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Account => "account",
            Self::Session => "session",
            Self::Password => "password",
        }
    }

    /// The kind of a name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}
