//! The keys that decide who gets in. No drop-in replaces one of them by accident.

use super::keys::Keys;

/// Names such a key, as an error message does, and tells whether a file sets it.
type Deciding = (&'static str, fn(&Keys) -> bool);

/// A later file may set one of these a second time only with `override = true`. Any other
/// key it may simply replace.
const DECIDING: [Deciding; 19] = [
    // Who may log in is one decision, whatever it is made of.
    ("[access]", |keys| !keys.access.is_empty()),
    ("[user] ignore", |keys| keys.user.ignore.is_some()),
    ("[user] min_uid", |keys| keys.user.min_uid.is_some()),
    ("[user] allow_root", |keys| keys.user.allow_root.is_some()),
    ("[user] require_account", |keys| {
        keys.user.require_account.is_some()
    }),
    ("[user] domain", |keys| keys.user.domain.is_some()),
    ("[user] name", |keys| keys.user.name.is_some()),
    ("[user] lowercase", |keys| keys.user.lowercase.is_some()),
    ("[user] allow", |keys| keys.user.allow.is_some()),
    ("[user] types", |keys| keys.user.types.is_some()),
    ("[user] bind", |keys| keys.user.bind.is_some()),
    ("[account] services", |keys| keys.account.services.is_some()),
    ("[account] on_unavailable", |keys| {
        keys.account.on_unavailable.is_some()
    }),
    ("[account] unknown", |keys| keys.account.unknown.is_some()),
    ("[outpost] enabled", |keys| keys.outpost.enabled.is_some()),
    // Which factors are good enough.
    ("[prompt] second_factor", |keys| {
        keys.prompt.second_factor.is_some()
    }),
    ("[second_factor] remember", |keys| {
        keys.second_factor.remember.is_some()
    }),
    ("[second_factor] remember_for", |keys| {
        keys.second_factor.remember_for.is_some()
    }),
    ("[security_key] where", |keys| {
        keys.security_key.place.is_some()
    }),
];

/// A deciding key that both files set.
pub(super) fn conflict(over: &Keys, below: &Keys) -> Option<&'static str> {
    DECIDING
        .iter()
        .find(|(_, is_set)| is_set(over) && is_set(below))
        .map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::super::host_rules::HostKeys;
    use super::super::keys::{AccountKeys, OutpostKeys, PasswordKeys, UserKeys};
    use super::super::prompt::PromptKeys;
    use super::super::second_factor::FactorKeys;
    use super::super::security_key::SecurityKeyKeys;
    use super::*;

    /// The keys that a later file may replace. They say where authentik is, how it is asked
    /// and what people see; whoever gets in passes the flow and the keys above.
    const REPLACED: [&str; 35] = [
        "url",
        "flow",
        "ca_file",
        "client_cert",
        "client_key",
        "proxy",
        "addresses",
        "connect_timeout",
        "request_timeout",
        "login_timeout",
        "push_timeout",
        "fail_delay",
        "end_session",
        "invalidation_flow",
        "[account] token_file",
        "[outpost] token_file",
        "[host] token_file",
        "[host] identifier",
        "[password] flow",
        "[prompt] password",
        "[prompt] code",
        "[prompt] attempts",
        "[prompt] code_pause",
        "[prompt] language",
        "[prompt] style",
        "[prompt] qr",
        "[prompt] code_separator",
        "[prompt] single",
        "[prompt] skip_redirects",
        "[security_key] enabled",
        "[security_key] timeout",
        "[security_key] pin_reserve",
        "[security_key] passkey",
        "[security_key] origin",
        "[security_key] rp_id",
    ];

    #[test]
    fn every_key_decides_or_is_replaced() {
        let sections: [(&str, &[&str]); 9] = [
            ("user", UserKeys::KEYS),
            ("account", AccountKeys::KEYS),
            ("outpost", OutpostKeys::KEYS),
            ("host", HostKeys::KEYS),
            ("password", PasswordKeys::KEYS),
            ("prompt", PromptKeys::KEYS),
            ("second_factor", FactorKeys::KEYS),
            ("security_key", SecurityKeyKeys::KEYS),
            ("access", &[]),
        ];
        let mut all = vec!["[access]".to_owned()];
        for key in Keys::KEYS {
            match sections.iter().find(|(name, _)| name == key) {
                Some((name, keys)) => all.extend(keys.iter().map(|key| format!("[{name}] {key}"))),
                None => all.push((*key).to_owned()),
            }
        }
        let decides = DECIDING.map(|(name, _)| name);
        for key in &all {
            let is_replaced = REPLACED.contains(&key.as_str());
            assert_ne!(
                decides.contains(&key.as_str()),
                is_replaced,
                "{key}: decide whether it decides who gets in"
            );
        }
        for key in decides.iter().chain(&REPLACED) {
            assert!(all.iter().any(|one| one == key), "there is no key {key}");
        }
    }
}
