//! The cases that every program goes through.

use authentik_double::Double;
use pam_harness::host::configuration;

/// Everybody's password in authentik.
pub(crate) const PASSWORD: &str = "correct-horse";
/// The local password of root, `localadmin` and `operator`.
pub(crate) const LOCAL: &str = pam_harness::accounts::LOCAL_ADMIN_PASSWORD;

/// A case, without the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Good,
    WrongPassword,
    Code,
    MistypedCode,
    UnknownUser,
    IgnoredUser,
    Denied,
    ServerDown,
    IdleConnections,
}

pub(crate) const ALL: [Case; 9] = [
    Case::Good,
    Case::WrongPassword,
    Case::Code,
    Case::MistypedCode,
    Case::UnknownUser,
    Case::IgnoredUser,
    Case::Denied,
    Case::ServerDown,
    Case::IdleConnections,
];

/// The expected result of a case: whether the user gets in, what the module's line says (`None`
/// if the module is not used), and what the person reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) success: bool,
    pub(crate) log: &'static str,
    pub(crate) words: &'static str,
}

impl Case {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Case::Good => "a good login",
            Case::WrongPassword => "a wrong password",
            Case::Code => "a code",
            Case::MistypedCode => "a mistyped code, then the right one",
            Case::UnknownUser => "an unknown user",
            Case::IgnoredUser => "a local user who is left alone",
            Case::Denied => "a denial with its words",
            Case::ServerDown => "the server is down",
            Case::IdleConnections => "the server closes idle connections while a code is typed",
        }
    }

    pub(crate) fn user(self) -> &'static str {
        match self {
            Case::UnknownUser => "nosuch",
            Case::IgnoredUser => "operator",
            Case::Code | Case::MistypedCode | Case::IdleConnections => "bob",
            _ => "alice",
        }
    }

    /// The module's configuration for the case.
    pub(crate) fn configuration(self, double: &Double) -> String {
        let flow = match self {
            Case::Code | Case::MistypedCode | Case::IdleConnections => "linux-mfa",
            Case::Denied => "linux-deny",
            _ => "linux-login",
        };
        let text = configuration(double, flow);
        if self == Case::ServerDown {
            // Nobody can listen there.
            text.replace(&double.url(), "https://127.0.0.1:1")
        } else {
            text
        }
    }

    /// What the person types, prompt by prompt.
    pub(crate) fn answers(self, double: &Double) -> Vec<String> {
        let words: &[&str] = match self {
            Case::WrongPassword => &["wrong-horse"],
            Case::IgnoredUser => &[LOCAL],
            Case::MistypedCode => &[PASSWORD, "000000"],
            _ => &[PASSWORD],
        };
        let mut answers: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        if self.user() == "bob" {
            answers.push(double.totp_unused("bob"));
        }
        answers
    }

    /// The usual result.
    pub(crate) fn expected(self) -> Expected {
        let (success, log, words) = match self {
            Case::Good => (true, "PAM_SUCCESS: user=alice", ""),
            Case::WrongPassword => (
                false,
                "PAM_AUTH_ERR: user=alice",
                "That password was not accepted.",
            ),
            Case::Code => (true, "PAM_SUCCESS: user=bob", "code:"),
            Case::MistypedCode => (true, "PAM_SUCCESS: user=bob", "Invalid Token."),
            Case::UnknownUser => (false, "PAM_USER_UNKNOWN: user=(unknown)", ""),
            Case::IgnoredUser => (true, "PAM_IGNORE: user=operator", ""),
            Case::Denied => (false, "PAM_PERM_DENIED: user=alice", "Go away, please."),
            Case::ServerDown => (
                false,
                "PAM_AUTHINFO_UNAVAIL: user=alice",
                "cannot be reached",
            ),
            Case::IdleConnections => (true, "PAM_SUCCESS: user=bob", "code:"),
        };
        Expected {
            success,
            log,
            words,
        }
    }
}
