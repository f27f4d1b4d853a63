//! PAM's result codes, and sets of them.

/// The names of the codes in a control, in the order of their numbers.
const NAMES: [&str; 32] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

/// A result code of Linux-PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Code(u8);

impl Code {
    pub(crate) const SUCCESS: Self = Self(0);
    pub(crate) const SERVICE_ERR: Self = Self(3);
    pub(crate) const PERM_DENIED: Self = Self(6);
    pub(crate) const AUTH_ERR: Self = Self(7);
    pub(crate) const AUTHINFO_UNAVAIL: Self = Self(9);
    pub(crate) const USER_UNKNOWN: Self = Self(10);
    pub(crate) const MAXTRIES: Self = Self(11);
    pub(crate) const ACCT_EXPIRED: Self = Self(13);
    pub(crate) const CRED_ERR: Self = Self(17);
    pub(crate) const IGNORE: Self = Self(25);
    pub(crate) const MODULE_UNKNOWN: Self = Self(28);
    pub(crate) const INCOMPLETE: Self = Self(31);

    /// Every code, in the order of their numbers.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..32).map(Self)
    }

    /// The code of a number of `PAM_…`.
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        u8::try_from(number).ok().filter(|n| *n < 32).map(Self)
    }

    /// Its place in a control's table.
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Its name in a control, such as `auth_err`.
    pub(crate) fn name(self) -> &'static str {
        NAMES.get(self.index()).copied().unwrap_or("unknown")
    }

    /// The code whose name `text` starts with, and the rest. libpam does not look for
    /// the end of the word.
    pub(crate) fn at_start_of(text: &str) -> Option<(Self, &str)> {
        Self::all().find_map(|code| Some((code, text.strip_prefix(code.name())?)))
    }
}

/// The codes that a module may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CodeSet(u32);

impl CodeSet {
    pub(crate) const NONE: Self = Self(0);
    /// Unknown: every code that a module can return from a finished call.
    pub(crate) const ANY: Self = Self(!(1 << Code::INCOMPLETE.0));

    pub(crate) const fn one(code: Code) -> Self {
        Self(1 << code.0)
    }

    /// Every code of a finished call but success.
    pub(crate) const fn any_but_success() -> Self {
        Self(Self::ANY.0 & !1)
    }

    pub(crate) fn of(codes: &[Code]) -> Self {
        codes.iter().fold(Self::NONE, |set, code| set.with(*code))
    }

    #[must_use]
    pub(crate) const fn with(self, code: Code) -> Self {
        Self(self.0 | 1 << code.0)
    }

    pub(crate) const fn contains(self, code: Code) -> bool {
        self.0 & 1 << code.0 != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Code> {
        Code::all().filter(move |code| self.contains(*code))
    }

    /// Whether success is among them.
    pub(crate) const fn may_succeed(self) -> bool {
        self.contains(Code::SUCCESS)
    }

    /// Whether another code than success is among them.
    pub(crate) const fn may_fail(self) -> bool {
        self.0 & !1 != 0
    }
}
