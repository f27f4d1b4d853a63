//! `[security_key]`: keys that are plugged into this host.

use std::time::Duration;

use super::read::table;
use super::url::ServerUrl;
use super::values::Limit;

/// How keys of this host are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRules {
    /// Whether they are used at all.
    pub enabled: bool,
    /// Where a person must be to use a key.
    pub place: KeyPlace,
    /// How long the module waits for a touch, within what is left of the login.
    pub timeout: Duration,
    /// How many tries for a PIN are never used.
    pub pin_reserve: u32,
    /// Whether a passkey may answer an identification stage.
    pub passkey: bool,
    /// What authentik takes for the origin of an answer.
    pub origin: String,
    /// The relying party that the keys' credentials are for.
    pub rp_id: String,
}

/// Where the person must be who uses a key of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlace {
    /// At this host. That must be proved.
    Local,
    /// Anywhere but in sshd: for hosts without logind.
    Any,
}

table! {
    pub(super) struct SecurityKeyKeys {
        enabled: Option<bool>,
        pub(super) place ("where"): Option<String>,
        timeout: Option<Limit>,
        pin_reserve: Option<u32>,
        passkey: Option<bool>,
        origin: Option<String>,
        rp_id: Option<String>,
    }
}

impl SecurityKeyKeys {
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            enabled: self.enabled.or(below.enabled),
            place: self.place.or(below.place),
            timeout: self.timeout.or(below.timeout),
            pin_reserve: self.pin_reserve.or(below.pin_reserve),
            passkey: self.passkey.or(below.passkey),
            origin: self.origin.or(below.origin),
            rp_id: self.rp_id.or(below.rp_id),
        }
    }

    /// What the keys say, and defaults for the rest.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub(super) fn rules(self, url: &ServerUrl) -> Result<KeyRules, String> {
        let own = match &self.origin {
            Some(text) => Some(origin(text)?),
            None => None,
        };
        let origin = own.as_ref().unwrap_or(url);
        let host = origin.host();
        let place = match self.place.as_deref() {
            None | Some("local") => KeyPlace::Local,
            Some("any") => KeyPlace::Any,
            Some(other) => {
                return Err(format!(
                    "[security_key] where is {other:?}; write \"local\" or \"any\""
                ));
            }
        };
        let rp_id = self.rp_id.unwrap_or_else(|| host.to_owned());
        // A browser takes no other one either (WebAuthn Level 2, section 5.1.4.1).
        let is_parent = host
            .strip_suffix(rp_id.as_str())
            .is_some_and(|rest| rest.ends_with('.'));
        if rp_id != host && !(is_parent && rp_id.contains('.')) {
            return Err(format!(
                "[security_key] rp_id is {rp_id:?}; write the host of the origin ({host}) or a domain that it is in"
            ));
        }
        let pin_reserve = self.pin_reserve.unwrap_or(3);
        if pin_reserve > 7 {
            return Err(format!(
                "[security_key] pin_reserve is {pin_reserve}, and a key has 8 tries; write a number from 0 to 7"
            ));
        }
        Ok(KeyRules {
            enabled: self.enabled.unwrap_or(true),
            place,
            timeout: self
                .timeout
                .map_or(Duration::from_secs(30), |limit| limit.0),
            pin_reserve,
            passkey: self.passkey.unwrap_or(false),
            origin: origin.origin(),
            rp_id,
        })
    }
}

/// An origin alone, without a path.
fn origin(text: &str) -> Result<ServerUrl, String> {
    let url =
        ServerUrl::parse(text).map_err(|problem| format!("[security_key] origin: {problem}"))?;
    if url.prefix().is_empty() {
        return Ok(url);
    }
    Err(
        "[security_key] origin has a path; write the scheme, the host and the port alone, such as \"https://login.example.com\""
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn rules(text: &str) -> Result<KeyRules, String> {
        let url = ServerUrl::parse("https://auth.example.com:9443/sso").unwrap();
        let keys: SecurityKeyKeys = read::from_text(text).map_err(|mistake| mistake.message)?;
        keys.rules(&url)
    }

    #[test]
    fn the_origin_and_the_relying_party_are_those_of_the_url() {
        let it = rules("").unwrap();
        assert!(it.enabled && !it.passkey);
        assert_eq!((it.place, it.pin_reserve), (KeyPlace::Local, 3));
        assert_eq!(it.origin, "https://auth.example.com:9443");
        assert_eq!(it.rp_id, "auth.example.com");
        let it = rules("origin = \"https://login.example.org\"\nwhere = \"any\"").unwrap();
        assert_eq!(
            (it.origin.as_str(), it.place),
            ("https://login.example.org", KeyPlace::Any)
        );
        assert_eq!(it.rp_id, "login.example.org");
        assert_eq!(
            rules("rp_id = \"example.com\"").unwrap().rp_id,
            "example.com"
        );
    }

    #[test]
    fn an_address_that_no_browser_accepts_is_refused() {
        for text in [
            "rp_id = \"com\"",
            "rp_id = \"example.org\"",
            "rp_id = \"uth.example.com\"",
            "rp_id = \"x.auth.example.com\"",
            "rp_id = \"\"",
            "origin = \"http://auth.example.com\"",
            "origin = \"https://auth.example.com/x\"",
            "where = \"remote\"",
            "pin_reserve = 8",
            "timeout = \"0s\"",
        ] {
            assert!(rules(text).is_err(), "{text}");
        }
    }
}
