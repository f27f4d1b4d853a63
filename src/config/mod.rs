//! The configuration: one file and the module's arguments, made into one value
//! that does not change during a login.

mod arguments;
mod error;
mod keys;
mod url;
mod values;

use std::ffi::CStr;
use std::path::Path;
use std::time::Duration;

pub use arguments::{Arguments, DEFAULT_FILE};
pub use error::{ConfigError, Place};
pub use url::ServerUrl;
pub use values::{AbsolutePath, Slug};

use crate::host::{FileKind, read_trusted_file};
use keys::{AccessKeys, Keys};
use values::{Limit, Span};

/// What a login goes by.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where authentik is.
    pub url: ServerUrl,
    /// The flow that people log in with.
    pub flow: Slug,
    /// The certificates to trust; the distribution's bundle where it is missing.
    pub ca_file: Option<AbsolutePath>,
    /// The longest that a connection may take: DNS, TCP and TLS.
    pub connect_timeout: Duration,
    /// The longest that one request may take, its connection and body included.
    pub request_timeout: Duration,
    /// The longest that a whole login may take, the person's typing included.
    pub login_timeout: Duration,
    /// What libpam waits after a failure, more or less.
    pub fail_delay: Duration,
    /// Which users the module is for.
    pub user: UserRules,
    /// Who may log in.
    pub access: AccessRules,
    /// What people are asked.
    pub prompt: Prompts,
    /// More lines in the log.
    pub debug: bool,
}

/// Which users the module is for.
#[derive(Debug, Clone)]
pub struct UserRules {
    /// Names that are left alone (`PAM_IGNORE`).
    pub ignore: Vec<String>,
    /// Accounts with a smaller uid are left alone.
    pub min_uid: u32,
    /// Whether uid 0 is logged in through authentik, too.
    pub allow_root: bool,
    /// Whether somebody without an account on this host is refused.
    pub require_account: bool,
}

/// Who may log in, of those that authentik knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessRules {
    /// Members of any of these groups; never empty.
    Groups(Vec<String>),
    /// Everybody who can log in to authentik.
    AnyUser,
}

/// The texts of prompts, without a blank at the end.
#[derive(Debug, Clone)]
pub struct Prompts {
    /// Asks for the password.
    pub password: String,
}

impl Config {
    /// Reads the configuration for `service`, the name of a PAM stack.
    ///
    /// # Errors
    /// A file that is missing, that others than root could have written, or
    /// that holds what is unknown or wrong: with the line, and what to write instead.
    pub fn load(arguments: &[&CStr], service: &str) -> Result<Self, ConfigError> {
        let arguments = Arguments::parse(arguments)?;
        let path = arguments.config.as_path();
        let bytes =
            read_trusted_file(path, FileKind::Configuration).map_err(|fault| ConfigError {
                place: Place::File(path.to_owned()),
                problem: fault.to_string(),
            })?;
        Self::from_bytes(&bytes, path, service, arguments.debug)
    }

    fn from_bytes(
        bytes: &[u8],
        path: &Path,
        service: &str,
        debug: bool,
    ) -> Result<Self, ConfigError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = line_of(bytes, error.valid_up_to());
            at_line(path, line, "is not UTF-8; save the file as UTF-8".into())
        })?;
        let keys = Keys::read(text, service).map_err(|error| {
            let problem = explain(error.message());
            match error.span() {
                Some(span) => at_line(path, line_of(bytes, span.start), problem),
                None => in_file(path, problem),
            }
        })?;
        Self::from_keys(keys, service, debug).map_err(|problem| in_file(path, problem))
    }

    fn from_keys(keys: Keys, service: &str, debug: bool) -> Result<Self, String> {
        let seconds = Duration::from_secs;
        let limit = |limit: Option<Limit>, default: u64| limit.map_or(seconds(default), |l| l.0);
        // Applications hang up: sshd after 120 s (LoginGraceTime), login after
        // 60 s (LOGIN_TIMEOUT). The module must have said why before that.
        let login_default = if service == "login" { 50 } else { 100 };
        let password = keys.prompt.password.unwrap_or_else(|| "Password:".into());
        let password = crate::text::one_line(&password, 200);
        if password.is_empty() {
            return Err(
                "[prompt] password is empty; write what people should read, such as \"Password:\""
                    .into(),
            );
        }
        Ok(Self {
            url: keys.url.ok_or(
                "url is missing; write url = \"https://authentik.example.com\" at the top",
            )?,
            flow: keys
                .flow
                .ok_or("flow is missing; write the flow's slug, such as flow = \"linux-login\", at the top")?,
            ca_file: keys.ca_file,
            connect_timeout: limit(keys.connect_timeout, 5),
            request_timeout: limit(keys.request_timeout, 30),
            login_timeout: limit(keys.login_timeout, login_default),
            fail_delay: keys.fail_delay.map_or(seconds(2), |Span(d)| d),
            user: UserRules {
                ignore: keys.user.ignore.unwrap_or_default(),
                min_uid: keys.user.min_uid.unwrap_or(1000),
                allow_root: keys.user.allow_root.unwrap_or(false),
                require_account: keys.user.require_account.unwrap_or(true),
            },
            access: access_rules(keys.access)?,
            prompt: Prompts { password },
            debug,
        })
    }
}

fn access_rules(keys: AccessKeys) -> Result<AccessRules, String> {
    const CHOICE: &str = "write groups = [\"linux-users\"] below [access], or allow_any_user = true if really everybody in authentik may log in";
    match (keys.groups, keys.allow_any_user) {
        (Some(_), Some(true)) => Err(format!(
            "[access] has groups and allow_any_user = true, which contradict each other; {CHOICE}"
        )),
        (Some(groups), _) if groups.is_empty() => Err(format!(
            "[access] groups is empty, so nobody could log in; {CHOICE}"
        )),
        (Some(groups), _) if groups.iter().any(|group| group.trim().is_empty()) => {
            Err(format!("[access] groups holds an empty name; {CHOICE}"))
        }
        (Some(groups), _) => Ok(AccessRules::Groups(groups)),
        (None, Some(true)) => Ok(AccessRules::AnyUser),
        (None, _) => Err(format!("[access] does not say who may log in; {CHOICE}")),
    }
}

/// The number, from one, of the line that holds byte `offset`.
fn line_of(text: &[u8], offset: usize) -> usize {
    let before = text.iter().take(offset);
    before
        .filter(|&&byte| byte == b'\n')
        .count()
        .saturating_add(1)
}

fn at_line(path: &Path, line: usize, problem: String) -> ConfigError {
    ConfigError {
        place: Place::Line(path.to_owned(), line),
        problem,
    }
}

fn in_file(path: &Path, problem: String) -> ConfigError {
    ConfigError {
        place: Place::File(path.to_owned()),
        problem,
    }
}

/// Says what to write where the parser only says what it met.
fn explain(message: &str) -> String {
    let message = crate::text::one_line(message, 400);
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return message;
    };
    let mut names = rest.split('`');
    let unknown = names.next().unwrap_or_default();
    let known: Vec<&str> = names.skip(1).step_by(2).collect();
    format!(
        "unknown key {unknown:?}; here are allowed: {}",
        known.join(", ")
    )
}

#[cfg(test)]
mod tests;
