//! PAM's result codes, flags, items and message styles, with their names.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A result code of PAM. Prints as its name, for example `PAM_AUTH_ERR`, and compares with a
/// name: `assert_eq!(run.code(), "PAM_AUTH_ERR")`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "NamedCode", from = "NamedCode")]
pub struct Code(pub i32);

/// A code in JSON: the number counts, the name is for readers.
#[derive(Serialize, Deserialize)]
struct NamedCode {
    number: i32,
    name: String,
}

impl From<Code> for NamedCode {
    fn from(code: Code) -> Self {
        NamedCode {
            number: code.0,
            name: code.to_string(),
        }
    }
}

impl From<NamedCode> for Code {
    fn from(code: NamedCode) -> Self {
        Code(code.number)
    }
}

macro_rules! codes {
    ($($name:ident = $number:literal,)*) => {
        impl Code {
            $(#[doc = concat!("`", stringify!($name), "`, ", $number, ".")]
            pub const $name: Code = Code($number);)*

            /// Every code of Linux-PAM.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The name in the headers. `None` for an unknown number.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

codes! {
    PAM_SUCCESS = 0,
    PAM_OPEN_ERR = 1,
    PAM_SYMBOL_ERR = 2,
    PAM_SERVICE_ERR = 3,
    PAM_SYSTEM_ERR = 4,
    PAM_BUF_ERR = 5,
    PAM_PERM_DENIED = 6,
    PAM_AUTH_ERR = 7,
    PAM_CRED_INSUFFICIENT = 8,
    PAM_AUTHINFO_UNAVAIL = 9,
    PAM_USER_UNKNOWN = 10,
    PAM_MAXTRIES = 11,
    PAM_NEW_AUTHTOK_REQD = 12,
    PAM_ACCT_EXPIRED = 13,
    PAM_SESSION_ERR = 14,
    PAM_CRED_UNAVAIL = 15,
    PAM_CRED_EXPIRED = 16,
    PAM_CRED_ERR = 17,
    PAM_NO_MODULE_DATA = 18,
    PAM_CONV_ERR = 19,
    PAM_AUTHTOK_ERR = 20,
    PAM_AUTHTOK_RECOVERY_ERR = 21,
    PAM_AUTHTOK_LOCK_BUSY = 22,
    PAM_AUTHTOK_DISABLE_AGING = 23,
    PAM_TRY_AGAIN = 24,
    PAM_IGNORE = 25,
    PAM_ABORT = 26,
    PAM_AUTHTOK_EXPIRED = 27,
    PAM_MODULE_UNKNOWN = 28,
    PAM_BAD_ITEM = 29,
    PAM_CONV_AGAIN = 30,
    PAM_INCOMPLETE = 31,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "PAM code {}", self.0),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq<str> for Code {
    fn eq(&self, name: &str) -> bool {
        self.name() == Some(name)
    }
}

impl PartialEq<&str> for Code {
    fn eq(&self, name: &&str) -> bool {
        self.name() == Some(*name)
    }
}

/// Flags that an application passes to a call.
pub mod flags {
    /// The module shows no messages of its own; sudo sets it.
    pub const PAM_SILENT: i32 = 0x8000;
    /// An empty password is refused; sshd sets it.
    pub const PAM_DISALLOW_NULL_AUTHTOK: i32 = 0x0001;
    /// `pam_setcred`: set the credentials.
    pub const PAM_ESTABLISH_CRED: i32 = 0x0002;
    /// `pam_setcred`: take the credentials back.
    pub const PAM_DELETE_CRED: i32 = 0x0004;
    /// `pam_setcred`: set them again.
    pub const PAM_REINITIALIZE_CRED: i32 = 0x0008;
    /// `pam_setcred`: make them last longer.
    pub const PAM_REFRESH_CRED: i32 = 0x0010;
    /// `pam_chauthtok`: only if it has expired.
    pub const PAM_CHANGE_EXPIRED_AUTHTOK: i32 = 0x0020;
}

/// An item of the handle that an application may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// `PAM_SERVICE`
    Service,
    /// `PAM_USER`
    User,
    /// `PAM_TTY`
    Tty,
    /// `PAM_RHOST`
    Rhost,
    /// `PAM_RUSER`
    Ruser,
    /// `PAM_USER_PROMPT`
    UserPrompt,
}

impl Item {
    /// The number in the headers.
    pub fn number(self) -> i32 {
        match self {
            Item::Service => 1,
            Item::User => 2,
            Item::Tty => 3,
            Item::Rhost => 4,
            Item::Ruser => 8,
            Item::UserPrompt => 9,
        }
    }
}

/// `PAM_FAIL_DELAY`, whose value is a function.
pub(crate) const ITEM_FAIL_DELAY: i32 = 10;

/// How a message is shown or asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `PAM_PROMPT_ECHO_OFF`: a question whose answer is not shown.
    EchoOff,
    /// `PAM_PROMPT_ECHO_ON`: a question whose answer is shown.
    EchoOn,
    /// `PAM_ERROR_MSG`
    Error,
    /// `PAM_TEXT_INFO`
    Info,
    /// `PAM_RADIO_TYPE`, `PAM_BINARY_PROMPT` or an unknown number.
    Other(i32),
}

impl Style {
    /// The style of this number.
    pub fn of(number: i32) -> Style {
        match number {
            1 => Style::EchoOff,
            2 => Style::EchoOn,
            3 => Style::Error,
            4 => Style::Info,
            other => Style::Other(other),
        }
    }

    /// Whether an answer is expected.
    pub fn is_prompt(self) -> bool {
        !matches!(self, Style::Error | Style::Info)
    }
}

/// A call of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// `pam_authenticate`
    Authenticate,
    /// `pam_setcred`
    Setcred,
    /// `pam_acct_mgmt`
    AcctMgmt,
    /// `pam_open_session`
    OpenSession,
    /// `pam_close_session`
    CloseSession,
    /// `pam_chauthtok`
    Chauthtok,
}
