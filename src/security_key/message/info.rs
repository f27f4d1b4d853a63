//! What a key says of itself: the reply to `getInfo`.

use minicbor::data::Type;

use super::cbor::{array, each_entry, length, map, skip};
use crate::security_key::fault::KeyFault;

/// CTAP's own limit for a message of a key that names none.
const DEFAULT_MAX_MESSAGE: usize = 1024;

/// What a key says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::security_key) struct Info {
    /// Whether it is of CTAP 2.1 or later.
    pub(in crate::security_key) is_2_1: bool,
    /// Whether a PIN is set; `None`: the key takes none.
    pub(in crate::security_key) client_pin: Option<bool>,
    /// Whether it verifies people itself, by a fingerprint, and is set up for it.
    pub(in crate::security_key) verifies_itself: bool,
    /// Whether it signs nothing without user verification.
    pub(in crate::security_key) always_verifies: bool,
    /// Whether it keeps credentials itself, and has room for one more as far as it says.
    pub(in crate::security_key) keeps_credentials: bool,
    /// Whether it makes a credential that it does not keep without user verification,
    /// though it has a PIN.
    pub(in crate::security_key) makes_unverified: bool,
    /// Whether PIN tokens have permissions; else they are those of CTAP 2.0.
    pub(in crate::security_key) has_permissions: bool,
    /// Whether the PIN must be changed before it is of use.
    pub(in crate::security_key) must_change_pin: bool,
    /// Whether it may hide credentials until the user is verified (`credProtect`). A key that
    /// names no extension may do so too.
    pub(in crate::security_key) may_hide: bool,
    /// The PIN protocols that it names, in its order.
    pub(in crate::security_key) protocols: Vec<u8>,
    /// The longest message that it takes.
    pub(in crate::security_key) max_message: usize,
    /// How many credentials may stand in one list; `None`: it does not say.
    pub(in crate::security_key) max_list: Option<usize>,
    /// The longest ID of its credentials; `None`: it does not say.
    pub(in crate::security_key) max_id: Option<usize>,
}

impl Default for Info {
    /// What CTAP supposes of a key that says nothing.
    fn default() -> Self {
        Self {
            is_2_1: false,
            client_pin: None,
            verifies_itself: false,
            always_verifies: false,
            keeps_credentials: false,
            makes_unverified: false,
            has_permissions: false,
            must_change_pin: false,
            may_hide: true,
            protocols: Vec::new(),
            max_message: DEFAULT_MAX_MESSAGE,
            max_list: None,
            max_id: None,
        }
    }
}

impl Info {
    /// Reads the reply to `getInfo`.
    ///
    /// # Errors
    /// [`KeyFault::Failed`] where it is not one.
    pub(in crate::security_key) fn read(reply: &[u8]) -> Result<Self, KeyFault> {
        let mut info = Self::default();
        let mut is_full = false;
        let read = each_entry(reply, |key, decoder| {
            match key {
                0x01 => {
                    for _ in 0..array(decoder)? {
                        info.is_2_1 |=
                            !matches!(decoder.str()?, "FIDO_2_0" | "U2F_V2" | "FIDO_2_1_PRE");
                    }
                }
                0x02 => {
                    let count = array(decoder)?;
                    info.may_hide = count == 0;
                    for _ in 0..count {
                        info.may_hide |= decoder.str()? == "credProtect";
                    }
                }
                0x04 => {
                    for _ in 0..map(decoder)? {
                        let name = decoder.str()?;
                        if decoder.datatype()? != Type::Bool {
                            skip(decoder)?;
                            continue;
                        }
                        let value = decoder.bool()?;
                        info.option(name, value);
                    }
                }
                0x05 => info.max_message = length(decoder)?.max(DEFAULT_MAX_MESSAGE),
                0x06 => {
                    for _ in 0..array(decoder)? {
                        let number = decoder.u64()?;
                        info.protocols.push(u8::try_from(number).unwrap_or(u8::MAX));
                    }
                }
                0x07 => info.max_list = Some(length(decoder)?.max(1)),
                0x08 => info.max_id = Some(length(decoder)?),
                0x14 => is_full = decoder.u64()? == 0,
                0x0c => info.must_change_pin = decoder.bool()?,
                _ => skip(decoder)?,
            }
            Ok(())
        });
        read.map_err(|_| KeyFault::Failed("its getInfo is not CBOR as CTAP has it"))?;
        info.keeps_credentials &= !is_full;
        Ok(info)
    }

    fn option(&mut self, name: &str, value: bool) {
        match name {
            "clientPin" => self.client_pin = Some(value),
            "uv" => self.verifies_itself = value,
            "alwaysUv" => self.always_verifies = value,
            "rk" => self.keeps_credentials = value,
            "makeCredUvNotRqd" => self.makes_unverified = value,
            "pinUvAuthToken" => self.has_permissions = value,
            _ => {}
        }
    }
}
