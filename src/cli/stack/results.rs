//! The codes that the modules of a stack may return for somebody, without calling them.
//!
//! The rules come from the modules' manual pages. A module that is not named here is
//! unknown and may return anything.

use super::condition::conditions;
use super::person::Person;
use super::{Code, CodeSet, Entry, Kind};
use crate::cli::local;

/// Modules that ask for a password of this host.
const LOCAL_SECRETS: [&str; 5] = [
    "pam_unix.so",
    "pam_tcb.so",
    "pam_pwdfile.so",
    "pam_userdb.so",
    "pam_systemd_home.so",
];

/// Modules that ask for a directory's.
const DIRECTORY_SECRETS: [&str; 4] = ["pam_sss.so", "pam_winbind.so", "pam_ldap.so", "pam_krb5.so"];

/// Modules that set something up and keep nobody out.
const SETTERS: [&str; 12] = [
    "pam_cap.so",
    "pam_echo.so",
    "pam_env.so",
    "pam_faildelay.so",
    "pam_gnome_keyring.so",
    "pam_group.so",
    "pam_issue.so",
    "pam_keyinit.so",
    "pam_kwallet5.so",
    "pam_motd.so",
    "pam_umask.so",
    "pam_warn.so",
];

/// Modules that keep people out and ask for nothing.
const GATES: [&str; 9] = [
    "pam_access.so",
    "pam_faillock.so",
    "pam_listfile.so",
    "pam_nologin.so",
    "pam_securetty.so",
    "pam_shells.so",
    "pam_time.so",
    "pam_wheel.so",
    "pam_tally2.so",
];

/// Whether a line asks for the secret that authentik replaces. A smart card that
/// pam_sss requires does not count: pam_sss asks for it before any password.
pub(crate) fn asks_for_secret(entry: &Entry) -> bool {
    let name = entry.name();
    let takes_password = !entry
        .arguments
        .iter()
        .any(|word| word == "require_cert_auth");
    LOCAL_SECRETS.contains(&name) || (DIRECTORY_SECRETS.contains(&name) && takes_password)
}

/// Whether a line's module is unknown.
pub(crate) fn is_unknown(entry: &Entry) -> bool {
    let name = entry.name();
    const JUDGED: [&str; 6] = [
        "pam_succeed_if.so",
        "pam_localuser.so",
        "pam_usertype.so",
        "pam_deny.so",
        "pam_permit.so",
        "pam_rootok.so",
    ];
    !(entry.is_ours()
        || asks_for_secret(entry)
        || SETTERS.contains(&name)
        || GATES.contains(&name)
        || JUDGED.contains(&name))
}

/// Whether a line's module is a gate: it may refuse, its answer is not known here, and
/// its refusal must count.
pub(crate) fn is_gate(entry: &Entry) -> bool {
    GATES.contains(&entry.name())
}

/// Whether a line's module only looks at the person: it may refuse, and its
/// arguments say which people.
pub(crate) fn is_condition(entry: &Entry) -> bool {
    ["pam_localuser.so", "pam_succeed_if.so", "pam_usertype.so"].contains(&entry.name())
}

/// The secret that somebody gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret<'a> {
    /// The local account's.
    Local,
    /// The one that this line asks for.
    Of(&'a Entry),
    /// A wrong one.
    Wrong,
}

/// The results of gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gates {
    /// They let everybody pass.
    Open,
    /// Anything.
    Any,
}

/// A call of a stack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(crate) kind: Kind,
    pub(crate) service: &'a str,
    pub(crate) person: &'a Person,
    pub(crate) secret: Secret<'a>,
    /// The results of this project's module.
    pub(crate) ours: CodeSet,
    pub(crate) gates: Gates,
}

impl Situation<'_> {
    /// The codes that the module of `entry` may return.
    pub(crate) fn results(&self, entry: &Entry) -> CodeSet {
        const YES: CodeSet = CodeSet::one(Code::SUCCESS);
        let has = |word: &str| entry.arguments.iter().any(|argument| argument == word);
        let either = |known: Option<bool>, no: Code| match known {
            Some(true) => YES,
            Some(false) => CodeSet::one(no),
            None => YES.with(no),
        };
        let name = entry.name();
        if entry.is_ours() {
            return self.ours;
        }
        if asks_for_secret(entry) {
            return self.of_secret(entry);
        }
        match name {
            // Stacks use this only for sshd's pam_setcred: no account is in that file.
            "pam_localuser.so" if has("file=/dev/null") => CodeSet::one(Code::PERM_DENIED),
            "pam_localuser.so" => {
                let of_passwd = !entry.arguments.iter().any(|word| word.starts_with("file="));
                let is_local = self.person.is_local.filter(|_| of_passwd);
                either(is_local, Code::PERM_DENIED)
            }
            "pam_succeed_if.so" => self.condition(entry),
            "pam_usertype.so" => {
                let first = local::first_person();
                let is_person = self.person.uid_holds(">=", first);
                // With `use_uid` it is about the caller.
                let is_person = is_person.filter(|_| !has("use_uid"));
                let wanted = has("isregular");
                either(is_person.map(|is| is == wanted), Code::AUTH_ERR)
            }
            "pam_deny.so" => CodeSet::one(Code::AUTH_ERR),
            "pam_permit.so" => YES,
            // It succeeds for root's own su or chsh, which is no login.
            "pam_rootok.so" => CodeSet::one(Code::AUTH_ERR),
            "pam_faillock.so" if has("authfail") => CodeSet::one(Code::AUTH_ERR),
            _ if SETTERS.contains(&name) => YES.with(Code::IGNORE),
            _ if GATES.contains(&name) && self.gates == Gates::Any => CodeSet::ANY,
            // These return PAM_IGNORE if they do not refuse.
            "pam_nologin.so" if !has("successok") => CodeSet::one(Code::IGNORE),
            "pam_wheel.so" if !has("trust") => CodeSet::one(Code::IGNORE),
            _ if GATES.contains(&name) => YES,
            _ => CodeSet::ANY,
        }
    }

    fn of_secret(&self, entry: &Entry) -> CodeSet {
        let refused = CodeSet::of(&[Code::AUTH_ERR, Code::USER_UNKNOWN, Code::AUTHINFO_UNAVAIL]);
        let is_directory = DIRECTORY_SECRETS.contains(&entry.name());
        if self.kind != Kind::Auth {
            // An account that is known is valid.
            return match is_directory {
                true => refused.with(Code::SUCCESS),
                false => CodeSet::one(Code::SUCCESS),
            };
        }
        let is_right = match self.secret {
            Secret::Local => !is_directory && entry.name() != "pam_systemd_home.so",
            Secret::Of(line) => line == entry,
            Secret::Wrong => false,
        };
        match is_right {
            true => CodeSet::one(Code::SUCCESS),
            false => refused,
        }
    }

    /// The codes that pam_sm_setcred of `entry` may return.
    pub(crate) fn credentials(&self, entry: &Entry) -> CodeSet {
        if entry.is_ours() {
            // It sets no credentials, and fails only if it is missing.
            return match self.ours.contains(Code::MODULE_UNKNOWN) {
                true => CodeSet::one(Code::MODULE_UNKNOWN),
                false => CodeSet::one(Code::SUCCESS),
            };
        }
        match entry.name() {
            "pam_succeed_if.so" => CodeSet::one(Code::IGNORE),
            "pam_deny.so" => CodeSet::one(Code::CRED_ERR),
            name if asks_for_secret(entry)
                || [
                    "pam_localuser.so",
                    "pam_permit.so",
                    "pam_rootok.so",
                    "pam_usertype.so",
                ]
                .contains(&name) =>
            {
                CodeSet::one(Code::SUCCESS)
            }
            name if SETTERS.contains(&name) || GATES.contains(&name) => {
                CodeSet::of(&[Code::SUCCESS, Code::IGNORE])
            }
            _ => CodeSet::ANY,
        }
    }

    /// pam_succeed_if's conditions, all of which must hold.
    fn condition(&self, entry: &Entry) -> CodeSet {
        const YES: CodeSet = CodeSet::one(Code::SUCCESS);
        let Some(conditions) = conditions(entry) else {
            return CodeSet::ANY;
        };
        let unknown = YES
            .with(Code::AUTH_ERR)
            .with(Code::SERVICE_ERR)
            .with(Code::USER_UNKNOWN);
        let mut all = YES;
        for condition in conditions {
            match condition.holds(self.person, self.service) {
                Some(true) => {}
                Some(false) if all == YES => return CodeSet::one(Code::AUTH_ERR),
                _ => all = unknown,
            }
        }
        all
    }
}

/// Whether a text compares so, if the operator is one for texts.
pub(super) fn text_holds(left: &str, operator: &str, right: &str) -> Option<bool> {
    let listed = || right.split(':').any(|word| word == left);
    match operator {
        "=" => Some(left == right),
        "!=" => Some(left != right),
        "in" => Some(listed()),
        "notin" => Some(!listed()),
        _ => None,
    }
}
