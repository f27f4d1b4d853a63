//! The cookie by which authentik knows that a second factor was accepted a moment ago.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::sys::since_boot;

/// Its name.
pub const COOKIE: &str = "authentik_mfa";

/// A cookie that the server has set in this login. It is wiped when it is dropped.
///
/// authentik binds it to the stage and to the number of the device, not to a person, a session
/// or an address. With it and the password, anyone can skip the second factor.
pub struct FactorCookie {
    pub(super) value: Zeroizing<String>,
    /// When the server has set it, by CLOCK_BOOTTIME.
    pub(super) since: Duration,
    /// For how long, by its Max-Age.
    pub(super) lifetime: Duration,
}

impl FactorCookie {
    /// A cookie that came with the answer that is read now; `None` if there is no clock
    /// by which its end could be told, or no such value could be in a header.
    #[must_use]
    pub fn set_now(value: &str, lifetime: Duration) -> Option<Self> {
        let is_plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
        let since = since_boot().filter(|_| is_plain)?;
        Some(Self {
            value: Zeroizing::new(value.to_owned()),
            since,
            lifetime,
        })
    }
}
