//! The configuration: a file with its drop-ins, and the module's arguments, made
//! into one value that does not change during a login.

mod access;
mod arguments;
mod deciding;
mod error;
mod host_rules;
mod keys;
mod prompt;
mod read;
mod second_factor;
mod security_key;
mod servers;
mod sources;
mod url;
mod user;
mod values;

use std::ffi::CStr;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

pub use access::{AccessRules, AccountRules};
pub use arguments::{Arguments, FirstPass};
pub use error::{ConfigError, Place};
pub use host_rules::{HostIdentifier, HostRules};

pub use prompt::{FactorClass, LanguageTag, Prompts, QrStyle};
pub use second_factor::{FactorRules, Remember};
pub use security_key::{KeyPlace, KeyRules};
pub use sources::{Source, drop_in_directory, is_drop_in, read_sources};
pub use url::{ProxyUrl, ServerUrl};
pub use user::{AccountDomain, AccountKind, Binding, NameTemplate};
pub use values::{AbsolutePath, Fallback, Slug};

use access::{access_rules, account_rules};
use keys::Keys;
use values::{Limit, Span};

/// What a login goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where authentik is.
    pub url: ServerUrl,
    /// The flow that people log in with.
    pub flow: Slug,
    /// The certificates to trust; the distribution's bundle where it is missing.
    pub ca_file: Option<AbsolutePath>,
    /// The certificate and key that are shown to a proxy in front of authentik that asks for one.
    pub client_cert: Option<ClientFiles>,
    /// The proxy on the way to authentik.
    pub proxy: Option<ProxyUrl>,
    /// The server's addresses, so that no login waits for DNS; empty: it is asked.
    pub addresses: Vec<IpAddr>,
    /// The longest that a connection may take: DNS, and then TCP and TLS, each.
    pub connect_timeout: Duration,
    /// The longest that one request may take, its connection and body included.
    pub request_timeout: Duration,
    /// The longest that a login may take from its first answer on, see
    /// [`crate::first_answer`].
    pub login_timeout: Duration,
    /// The longest that a push to a phone is waited for, within what is left of
    /// the login.
    pub push_timeout: Duration,
    /// What libpam waits after a failure, more or less.
    pub fail_delay: Duration,
    /// Which users the module is for.
    pub user: UserRules,
    /// Whether authentik's session ends with the login; else it runs out as the
    /// flow's user-login stage says.
    pub end_session: bool,
    /// The flow that ends a session.
    pub invalidation_flow: Slug,
    /// Who may log in.
    pub access: AccessRules,
    /// How people are looked up that this module has not logged in; `None`: they are not.
    pub account: Option<AccountRules>,
    /// The file of the outpost's token, with which authentik is told the client's address.
    pub outpost_token: Option<AbsolutePath>,
    /// What this host proves with which host it is; `None`: it does not.
    pub host: Option<HostRules>,
    /// The flow that changes passwords; `None`: this module changes none.
    pub password_flow: Option<Slug>,
    /// What people are asked.
    pub prompt: Prompts,
    /// Whether a second factor is remembered.
    pub second_factor: FactorRules,
    /// How security keys that are plugged in here are used.
    pub security_key: KeyRules,
    /// Where the password comes from.
    pub first_pass: FirstPass,
    /// Whether a new password comes from an earlier module of the stack alone.
    pub use_authtok: bool,
    /// More lines in the log.
    pub debug: bool,
}

/// A client certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate's chain, PEM.
    pub certificate: AbsolutePath,
    /// Its key, PEM, readable by its owner alone.
    pub key: AbsolutePath,
}

/// Which users the module is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRules {
    /// Names that are left alone (`PAM_IGNORE`).
    pub ignore: Vec<String>,
    /// Where it is there, all other names are left alone.
    pub allow: Option<Vec<String>>,
    /// Accounts with a smaller uid are left alone.
    pub min_uid: u32,
    /// Whether uid 0 is logged in through authentik, too.
    pub allow_root: bool,
    /// Whether somebody without an account on this host is refused.
    pub require_account: bool,
    /// What is taken off the names of a directory's accounts first; `None`: nothing.
    pub domain: Option<AccountDomain>,
    /// What the user is called in authentik.
    pub name: NameTemplate,
    /// Whether the name is lowered before it is mapped.
    pub lowercase: bool,
    /// The types of account that may log in; never empty.
    pub types: Vec<AccountKind>,
    /// Whether accounts of this host are bound to people.
    pub bind: Binding,
}

impl Config {
    /// Whether no resolver has a part in which server is asked: its addresses are
    /// written down, or the host in `url` is one, and no proxy is between.
    #[must_use]
    pub fn has_fixed_addresses(&self) -> bool {
        let host = self.url.host();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_address = host.parse::<IpAddr>().is_ok();
        self.proxy.is_none() && (is_address || !self.addresses.is_empty())
    }

    /// Reads the configuration for `service`, the name of a PAM stack.
    ///
    /// # Errors
    /// A file or drop-in that is missing, that others than root could have written,
    /// or that holds what is unknown or wrong: with the line, and what to write instead.
    pub fn load(arguments: &[&CStr], service: &str) -> Result<Self, ConfigError> {
        let arguments = Arguments::parse(arguments)?;
        let sources = read_sources(arguments.config.as_path())?;
        let files: Vec<(&Path, &[u8])> = sources
            .iter()
            .map(|source| (source.path.as_path(), source.bytes.as_slice()))
            .collect();
        Self::from_files(&files, service, &arguments)
    }

    /// Reads the configuration for `service` from the bytes of a file without drop-ins. It does
    /// not check the owner of the file. A login uses [`Config::load`], which does.
    ///
    /// # Errors
    /// As [`Config::load`], but for the file itself.
    pub fn from_bytes(
        bytes: &[u8],
        service: &str,
        arguments: &Arguments,
    ) -> Result<Self, ConfigError> {
        let path = arguments.config.as_path();
        Self::from_files(&[(path, bytes)], service, arguments)
    }

    fn from_files(
        files: &[(&Path, &[u8])],
        service: &str,
        arguments: &Arguments,
    ) -> Result<Self, ConfigError> {
        let keys = sources::keys_of(files, service)?;
        let path = arguments.config.as_path();
        Self::from_keys(keys, service, arguments).map_err(|mut problem| {
            if files.len() > 1 {
                // It may be that no file alone is wrong.
                let directory = drop_in_directory(path);
                problem = format!("{problem} (with the files in {})", directory.display());
            }
            ConfigError::in_file(path, problem)
        })
    }

    fn from_keys(keys: Keys, service: &str, arguments: &Arguments) -> Result<Self, String> {
        let seconds = Duration::from_secs;
        let limit = |limit: Option<Limit>, default: u64| limit.map_or(seconds(default), |l| l.0);
        // Applications hang up: sshd after 120 s (LoginGraceTime), login after
        // 60 s (LOGIN_TIMEOUT). The module must have said why before that.
        let login_default = if service == "login" { 50 } else { 100 };
        let fail_delay = keys.fail_delay.map_or(seconds(2), |Span(d)| d);
        let client_cert = match (keys.client_cert, keys.client_key) {
            (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
            (None, None) => None,
            _ => {
                return Err(
                    "client_cert and client_key belong together; write both or none".into(),
                );
            }
        };
        let addresses = keys.addresses.unwrap_or_default();
        if keys.proxy.is_some() && !addresses.is_empty() {
            return Err(
                "addresses has no effect with proxy, which looks the name up itself; leave one out"
                    .into(),
            );
        }
        if addresses.len() > 16 {
            return Err("addresses holds more than 16; leave some out".into());
        }
        let is_another = |url| keys.url.as_ref().is_some_and(|own| own != url);
        if keys.user.bind == Some(Binding::Uid) && arguments.url.as_ref().is_some_and(is_another) {
            return Err(format!(
                "url= in the PAM stack names another server, and {}",
                servers::SEVERAL
            ));
        }
        let url =
            arguments.url.clone().or(keys.url).ok_or(
                "url is missing; write url = \"https://authentik.example.com\" at the top",
            )?;
        Ok(Self {
            security_key: keys.security_key.rules(&url)?,
            url,
            flow: arguments.flow.clone().or(keys.flow).ok_or(
                "flow is missing; write the flow's slug, such as flow = \"linux-login\", at the top",
            )?,
            ca_file: arguments.ca_file.clone().or(keys.ca_file),
            client_cert,
            proxy: keys.proxy,
            addresses,
            connect_timeout: limit(keys.connect_timeout, 5),
            request_timeout: limit(keys.request_timeout, 30),
            login_timeout: limit(keys.login_timeout, login_default),
            push_timeout: limit(keys.push_timeout, 75),
            fail_delay: if arguments.nodelay { Duration::ZERO } else { fail_delay },
            user: UserRules {
                ignore: keys.user.ignore.unwrap_or_default(),
                allow: keys.user.allow,
                min_uid: keys.user.min_uid.unwrap_or(1000),
                allow_root: keys.user.allow_root.unwrap_or(false),
                require_account: keys.user.require_account.unwrap_or(true),
                domain: keys.user.domain,
                name: keys.user.name.unwrap_or_default(),
                lowercase: keys.user.lowercase.unwrap_or(false),
                types: types(keys.user.types)?,
                bind: keys.user.bind.unwrap_or_default(),
            },
            end_session: keys.end_session.unwrap_or(true),
            invalidation_flow: keys.invalidation_flow.map_or_else(
                || Slug::parse("default-invalidation-flow"),
                Ok,
            )?,
            account: account_rules(keys.account, service)?,
            access: access_rules(keys.access)?,
            outpost_token: keys
                .outpost
                .token_file
                .filter(|_| keys.outpost.enabled.unwrap_or(true)),
            host: keys.host.rules()?,
            password_flow: keys.password.flow,
            prompt: keys.prompt.prompts()?,
            second_factor: keys.second_factor.rules(),
            first_pass: arguments.first_pass,
            use_authtok: arguments.use_authtok,
            debug: arguments.debug,
        })
    }
}

/// The types of account that may log in.
fn types(given: Option<Vec<AccountKind>>) -> Result<Vec<AccountKind>, String> {
    let types = given.unwrap_or_else(|| vec![AccountKind::Internal]);
    if types.is_empty() {
        return Err(
            "[user] types is empty, so nobody could log in; write types = [\"internal\"]".into(),
        );
    }
    Ok(types)
}

#[cfg(test)]
mod drop_in_tests;
#[cfg(test)]
mod tests;
