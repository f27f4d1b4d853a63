//! The keys of the configuration file as they are written, before defaults.

use std::net::IpAddr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::deciding;
use super::host_rules::HostKeys;
use super::prompt::PromptKeys;
use super::read::{FromToml, Mistake, own_table, refuse_unknown, table};
use super::second_factor::FactorKeys;
use super::security_key::SecurityKeyKeys;
use super::servers::Servers;
use super::url::{ProxyUrl, ServerUrl};
use super::user::{AccountDomain, AccountKind, Binding, NameTemplate};
use super::values::{AbsolutePath, Fallback, Limit, Slug, Span};

table! {
    /// The keys that may stand at the top and below `[services.NAME]`.
    ///
    /// Every one is optional here, so that a service's keys can be laid over those
    /// at the top; what is required is known only afterwards.
    pub(super) struct Keys {
        pub(super) url: Option<ServerUrl>,
        pub(super) flow: Option<Slug>,
        pub(super) ca_file: Option<AbsolutePath>,
        pub(super) client_cert: Option<AbsolutePath>,
        pub(super) client_key: Option<AbsolutePath>,
        pub(super) proxy: Option<ProxyUrl>,
        pub(super) addresses: Option<Vec<IpAddr>>,
        pub(super) connect_timeout: Option<Limit>,
        pub(super) request_timeout: Option<Limit>,
        pub(super) login_timeout: Option<Limit>,
        pub(super) push_timeout: Option<Limit>,
        pub(super) fail_delay: Option<Span>,
        pub(super) end_session: Option<bool>,
        pub(super) invalidation_flow: Option<Slug>,
        pub(super) user: UserKeys,
        pub(super) access: AccessKeys,
        pub(super) account: AccountKeys,
        pub(super) outpost: OutpostKeys,
        pub(super) host: HostKeys,
        pub(super) password: PasswordKeys,
        pub(super) prompt: PromptKeys,
        pub(super) second_factor: FactorKeys,
        pub(super) security_key: SecurityKeyKeys,
    }
}

table! {
    pub(super) struct UserKeys {
        pub(super) ignore: Option<Vec<String>>,
        pub(super) min_uid: Option<u32>,
        pub(super) allow_root: Option<bool>,
        pub(super) require_account: Option<bool>,
        pub(super) domain: Option<AccountDomain>,
        pub(super) name: Option<NameTemplate>,
        pub(super) lowercase: Option<bool>,
        pub(super) allow: Option<Vec<String>>,
        pub(super) types: Option<Vec<AccountKind>>,
        pub(super) bind: Option<Binding>,
    }
}

table! {
    pub(super) struct AccessKeys {
        pub(super) groups: Option<Vec<String>>,
        pub(super) application: Option<Slug>,
        pub(super) allow_any_user: Option<bool>,
    }
}

table! {
    pub(super) struct AccountKeys {
        pub(super) token_file: Option<AbsolutePath>,
        pub(super) services: Option<Vec<String>>,
        pub(super) on_unavailable: Option<Fallback>,
        pub(super) unknown: Option<Fallback>,
    }
}

table! {
    pub(super) struct OutpostKeys {
        pub(super) token_file: Option<AbsolutePath>,
        pub(super) enabled: Option<bool>,
    }
}

table! {
    pub(super) struct PasswordKeys {
        pub(super) flow: Option<Slug>,
    }
}

/// The service that a login shell's service belongs to: `sudo` of `sudo-i`.
pub(super) fn family(service: &str) -> Option<&str> {
    let (family, kind) = service.rsplit_once('-')?;
    matches!(kind, "i" | "l").then_some(family)
}

/// The keys of one file, or of several that lie over one another, which matter to
/// one service.
#[derive(Debug, Default)]
pub(super) struct Layer {
    top: Keys,
    /// Below `[services.SERVICE]`.
    own: Option<Keys>,
    /// Below `[services.FAMILY]`, see [`family`].
    family: Option<Keys>,
    /// `override = true`: this file may replace who gets in.
    pub(super) is_override: bool,
    pub(super) servers: Servers,
}

impl Layer {
    /// Reads the text of a file.
    ///
    /// Every service's keys are read, so that a mistake shows at once and not
    /// on the day somebody uses that service.
    pub(super) fn read(text: &str, service: &str) -> Result<Self, Mistake> {
        let document = DeTable::parse(text)?;
        let mut services = DeTable::new();
        let mut top = DeTable::new();
        let mut is_override = false;
        let span = document.span();
        for (key, value) in document.into_inner() {
            match key.get_ref().as_ref() {
                "services" => services = own_table(value)?,
                "override" => is_override = bool::from_toml(&value)?,
                _ => {
                    top.insert(key, value);
                }
            }
        }
        refuse_unknown(&top, &[Keys::KEYS, &["services"]].concat())?;
        let top = Keys::from_toml(&Spanned::new(span, DeValue::Table(top)))?;
        let mut layer = Self {
            top,
            is_override,
            ..Self::default()
        };
        layer.servers.add("", &layer.top);
        let family = family(service);
        for (name, value) in services {
            let name_span = name.span();
            let for_service = Keys::from_toml(&value)?;
            let name = name.into_inner();
            if name.chars().any(char::is_uppercase) {
                let lower = name.to_lowercase();
                return Err(Mistake {
                    message: format!(
                        "services.{name}: libpam knows only services in lower case; write [services.{lower}]"
                    ),
                    at: Some(name_span.start),
                });
            }
            layer.servers.add(&name, &for_service);
            if name == service {
                layer.own = Some(for_service);
            } else if Some(name.as_ref()) == family {
                layer.family = Some(for_service);
            }
        }
        Ok(layer)
    }

    /// Lays this file's keys over those of the files before it.
    pub(super) fn over(self, below: Self) -> Self {
        let both = |over: Option<Keys>, below: Option<Keys>| match (over, below) {
            (Some(over), Some(below)) => Some(over.over(below)),
            (over, below) => over.or(below),
        };
        Self {
            top: self.top.over(below.top),
            own: both(self.own, below.own),
            family: both(self.family, below.family),
            is_override: self.is_override,
            servers: self.servers.over(below.servers),
        }
    }

    /// A key that decides who gets in, and that this file and one before it set at
    /// the same place.
    pub(super) fn conflict_with(&self, below: &Self) -> Option<&'static str> {
        let none = Keys::default();
        let places = [
            (&self.top, &below.top),
            (
                self.own.as_ref().unwrap_or(&none),
                below.own.as_ref().unwrap_or(&none),
            ),
            (
                self.family.as_ref().unwrap_or(&none),
                below.family.as_ref().unwrap_or(&none),
            ),
        ];
        places
            .into_iter()
            .find_map(|(over, below)| deciding::conflict(over, below))
    }

    /// The keys of the service over those of its family, over those at the top.
    ///
    /// `sudo -i` and `su -` use the services `sudo-i` and `su-l`. These follow `sudo` and `su`
    /// in each key that they do not set themselves, because an administrator who restricts
    /// sudo means both.
    pub(super) fn keys(self) -> Keys {
        [self.family, self.own]
            .into_iter()
            .flatten()
            .fold(self.top, |below, over| over.over(below))
    }
}

impl Keys {
    fn over(self, below: Self) -> Self {
        Self {
            url: self.url.or(below.url),
            flow: self.flow.or(below.flow),
            ca_file: self.ca_file.or(below.ca_file),
            client_cert: self.client_cert.or(below.client_cert),
            client_key: self.client_key.or(below.client_key),
            proxy: self.proxy.or(below.proxy),
            addresses: self.addresses.or(below.addresses),
            connect_timeout: self.connect_timeout.or(below.connect_timeout),
            request_timeout: self.request_timeout.or(below.request_timeout),
            login_timeout: self.login_timeout.or(below.login_timeout),
            push_timeout: self.push_timeout.or(below.push_timeout),
            fail_delay: self.fail_delay.or(below.fail_delay),
            end_session: self.end_session.or(below.end_session),
            invalidation_flow: self.invalidation_flow.or(below.invalidation_flow),
            user: UserKeys {
                ignore: self.user.ignore.or(below.user.ignore),
                min_uid: self.user.min_uid.or(below.user.min_uid),
                allow_root: self.user.allow_root.or(below.user.allow_root),
                require_account: self.user.require_account.or(below.user.require_account),
                domain: self.user.domain.or(below.user.domain),
                name: self.user.name.or(below.user.name),
                lowercase: self.user.lowercase.or(below.user.lowercase),
                allow: self.user.allow.or(below.user.allow),
                types: self.user.types.or(below.user.types),
                bind: self.user.bind.or(below.user.bind),
            },
            access: if self.access.is_empty() {
                below.access
            } else {
                self.access
            },
            account: AccountKeys {
                token_file: self.account.token_file.or(below.account.token_file),
                services: self.account.services.or(below.account.services),
                on_unavailable: self.account.on_unavailable.or(below.account.on_unavailable),
                unknown: self.account.unknown.or(below.account.unknown),
            },
            outpost: OutpostKeys {
                token_file: self.outpost.token_file.or(below.outpost.token_file),
                enabled: self.outpost.enabled.or(below.outpost.enabled),
            },
            host: self.host.over(below.host),
            password: PasswordKeys {
                flow: self.password.flow.or(below.password.flow),
            },
            prompt: self.prompt.over(below.prompt),
            second_factor: self.second_factor.over(below.second_factor),
            security_key: self.security_key.over(below.security_key),
        }
    }
}

impl AccessKeys {
    /// Who may log in is one decision: a service with its own rules replaces all of them.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_none() && self.application.is_none() && self.allow_any_user.is_none()
    }
}
