//! What can go wrong between this host and a security key.

use nix::errno::Errno;

/// Why a security key did not sign, or was not set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// No security key is plugged in.
    #[error("no security key is plugged in")]
    NoKey,
    /// There are keys, and this process may open none of them.
    #[error("there is a security key, but this program may not use it: hidraw{0}: {1}")]
    NotOpened(u32, NotOpened),
    /// None of the keys has a credential that may be used.
    #[error("the security key has none of the credentials that authentik allows")]
    NoCredential,
    /// The person must be verified, and the key has no PIN and no other way.
    #[error("authentik requires user verification, and the security key has no PIN")]
    NoPin,
    /// The PIN was wrong.
    #[error("the PIN of the security key was wrong{}", left.map(|left| format!(", {left} tries are left")).unwrap_or_default())]
    WrongPin {
        /// How many tries the key still allows, where it says so.
        left: Option<u32>,
    },
    /// The key takes no PIN until it is reset.
    #[error("the PIN of the security key is blocked: the key must be reset")]
    PinBlocked,
    /// The key takes no PIN until it was unplugged.
    #[error("the security key takes no PIN until it is unplugged and inserted again")]
    PinPaused,
    /// So few tries are left that this module uses none of them.
    #[error("{left} tries are left for the PIN of the security key, and pin_reserve keeps them")]
    PinReserve {
        /// How many are left.
        left: u32,
    },
    /// The key wants another PIN first, or one that is longer.
    #[error("the security key requires that its PIN is changed")]
    PinChange,
    /// The key has one of the credentials that must not be there twice.
    #[error("the security key is set up for this account already")]
    AlreadySetUp,
    /// The key keeps no passkeys, or not one more, where authentik requires one.
    #[error("the security key cannot keep another passkey")]
    NoRoom,
    /// Nobody touched the key in time.
    #[error("nobody touched the security key in time")]
    NotTouched,
    /// The key says that the person declined.
    #[error("the security key declined")]
    Declined,
    /// The key is gone.
    #[error("the security key was removed")]
    Removed,
    /// The key does not keep to the protocol, or the server refuses what it signed.
    #[error("the security key failed: {0}")]
    Failed(&'static str),
    /// The key reports an error of CTAP that is no other one of these.
    #[error("the security key reports the CTAP error {0:#04x}")]
    Status(u8),
}

/// Why a node is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The kernel refuses.
    #[error("{0}")]
    Refused(Errno),
    /// Something else is in the node's place.
    #[error("it is not the device that sysfs lists")]
    NotListed,
}

impl KeyFault {
    /// Whether it is about the number of tries for a PIN, so that trying again on
    /// the same handle would use up the key's own tries.
    #[must_use]
    pub fn is_about_tries(&self) -> bool {
        matches!(
            self,
            Self::WrongPin { .. } | Self::PinBlocked | Self::PinPaused | Self::PinReserve { .. }
        )
    }
}

/// What a command ended with, other than its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The key's own status, see [`status`].
    Status(u8),
    /// Anything else.
    Fault(KeyFault),
}

impl From<KeyFault> for Trouble {
    fn from(fault: KeyFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Trouble> for KeyFault {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Fault(fault) => fault,
            Trouble::Status(code) => match code {
                status::OPERATION_DENIED | status::NOT_ALLOWED => Self::Declined,
                status::KEEPALIVE_CANCEL | status::USER_ACTION_TIMEOUT | status::ACTION_TIMEOUT => {
                    Self::NotTouched
                }
                status::NO_CREDENTIALS | status::INVALID_CREDENTIAL => Self::NoCredential,
                status::CREDENTIAL_EXCLUDED => Self::AlreadySetUp,
                status::KEY_STORE_FULL => Self::NoRoom,
                status::UNSUPPORTED_ALGORITHM => {
                    Self::Failed("it has none of the algorithms that authentik takes")
                }
                status::PIN_INVALID => Self::WrongPin { left: None },
                status::PIN_BLOCKED => Self::PinBlocked,
                status::PIN_AUTH_BLOCKED => Self::PinPaused,
                status::PIN_NOT_SET => Self::NoPin,
                status::PIN_POLICY_VIOLATION => Self::PinChange,
                other => Self::Status(other),
            },
        }
    }
}

/// The status codes of CTAP that matter here (CTAP 2.1, section 8.2).
pub(super) mod status {
    pub(in crate::security_key) const INVALID_COMMAND: u8 = 0x01;
    pub(in crate::security_key) const CHANNEL_BUSY: u8 = 0x06;
    pub(in crate::security_key) const CREDENTIAL_EXCLUDED: u8 = 0x19;
    pub(in crate::security_key) const INVALID_CREDENTIAL: u8 = 0x22;
    pub(in crate::security_key) const UNSUPPORTED_ALGORITHM: u8 = 0x26;
    pub(in crate::security_key) const OPERATION_DENIED: u8 = 0x27;
    pub(in crate::security_key) const KEY_STORE_FULL: u8 = 0x28;
    pub(in crate::security_key) const UNSUPPORTED_OPTION: u8 = 0x2b;
    pub(in crate::security_key) const INVALID_OPTION: u8 = 0x2c;
    pub(in crate::security_key) const KEEPALIVE_CANCEL: u8 = 0x2d;
    pub(in crate::security_key) const NO_CREDENTIALS: u8 = 0x2e;
    pub(in crate::security_key) const USER_ACTION_TIMEOUT: u8 = 0x2f;
    pub(in crate::security_key) const NOT_ALLOWED: u8 = 0x30;
    pub(in crate::security_key) const PIN_INVALID: u8 = 0x31;
    pub(in crate::security_key) const PIN_BLOCKED: u8 = 0x32;
    pub(in crate::security_key) const PIN_AUTH_INVALID: u8 = 0x33;
    pub(in crate::security_key) const PIN_AUTH_BLOCKED: u8 = 0x34;
    pub(in crate::security_key) const PIN_NOT_SET: u8 = 0x35;
    pub(in crate::security_key) const PUAT_REQUIRED: u8 = 0x36;
    pub(in crate::security_key) const PIN_POLICY_VIOLATION: u8 = 0x37;
    pub(in crate::security_key) const ACTION_TIMEOUT: u8 = 0x3a;
    pub(in crate::security_key) const UV_BLOCKED: u8 = 0x3c;
    pub(in crate::security_key) const UV_INVALID: u8 = 0x3f;
}
