//! The person's devices, as far as a terminal can use them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{COMPONENT, Details};
use crate::config::{FactorClass, Prompts};
use crate::error::{LoginError, Obstacle};
use crate::fault::ServerFault;
use crate::security_key::Request;
use crate::stages::keys::{ChallengeOptions, Keys, no_options};
use crate::stages::unexpected_answer;
use crate::text;
use crate::words::{Words, fill};

/// How many devices of a person are considered.
const MAX_DEVICES: usize = 32;

/// A way to give a second factor. There is one for each class.
pub(super) struct Device<'a> {
    pub(super) class: FactorClass,
    pub(super) uid: String,
    /// The entry itself. It selects the device when it is sent back.
    pub(super) entry: &'a RawValue,
    /// The address of a message, masked by the server; cleaned.
    pub(super) address: Option<String>,
    /// The request to a security key.
    pub(super) request: Option<Request>,
    last_used: Option<String>,
}

impl Device<'_> {
    /// The text in the menu.
    pub(super) fn label(&self, words: &Words) -> String {
        match (self.class, &self.address) {
            (FactorClass::Totp, _) => words.factor_totp.into(),
            (FactorClass::Static, _) => words.factor_static.into(),
            (FactorClass::Sms, _) => words.factor_sms.into(),
            (FactorClass::Email, Some(address)) => fill(words.factor_email_to, "address", address),
            (FactorClass::Email, None) => words.factor_email.into(),
            (FactorClass::Duo, _) => words.factor_duo.into(),
            (FactorClass::Webauthn, _) => words.factor_webauthn.into(),
        }
    }

    /// Whether the person has the code already, in an app or on a list.
    pub(super) fn is_at_hand(&self) -> bool {
        matches!(self.class, FactorClass::Totp | FactorClass::Static)
    }
}

#[derive(Deserialize)]
struct Entry<'a> {
    device_class: String,
    #[serde(default)]
    device_uid: String,
    #[serde(borrow, default)]
    challenge: Option<&'a RawValue>,
    #[serde(default)]
    last_used: Option<String>,
}

/// The devices that can be used here, with the one to offer first at the front. Empty if the
/// person has no device at all.
///
/// # Errors
/// If the person has devices, but none can be used here.
pub(super) fn usable<'a>(
    details: &Details<'a>,
    prompts: &Prompts,
    keys: &Keys<'_>,
) -> Result<Vec<Device<'a>>, LoginError> {
    let mut devices: Vec<Device<'a>> = Vec::new();
    // Why the person's security key cannot be used here, if so.
    let mut without_key = None;
    for entry in details.device_challenges.iter().take(MAX_DEVICES) {
        let read: Entry<'_> = serde_json::from_str(entry.get()).map_err(|_| {
            unexpected_answer(ServerFault::UnexpectedAnswer(
                "a device of the second factor has no class".into(),
            ))
        })?;
        let Some(class) = FactorClass::named(&read.device_class) else {
            continue;
        };
        if devices.iter().any(|device| device.class == class) {
            continue;
        }
        let options = match read.challenge {
            Some(options) => ChallengeOptions::read(options).map_err(no_options)?,
            None => ChallengeOptions::default(),
        };
        let request = match class {
            FactorClass::Webauthn => match keys.request(&options) {
                Ok(request) => Some(request),
                Err(obstacle) => {
                    without_key = Some(obstacle);
                    continue;
                }
            },
            _ => None,
        };
        devices.push(Device {
            class,
            uid: read.device_uid,
            entry,
            request,
            address: options
                .email
                .map(|address| text::one_line(&address, 80))
                .filter(|address| !address.is_empty()),
            last_used: read.last_used,
        });
    }
    let refuse = |reason| LoginError::Unsupported {
        component: COMPONENT.into(),
        reason,
    };
    if devices.is_empty() && !details.device_challenges.is_empty() {
        return Err(refuse(without_key.unwrap_or(Obstacle::NoFactor)));
    }
    let allowed = prompts.second_factor.as_deref();
    let place = |device: &Device<'_>| allowed?.iter().position(|class| *class == device.class);
    if allowed.is_some() {
        let had_some = !devices.is_empty();
        devices.retain(|device| place(device).is_some());
        if devices.is_empty() && had_some {
            return Err(refuse(Obstacle::FactorNotAllowed));
        }
    }
    devices.sort_by(|a, b| match allowed {
        Some(_) => place(a).cmp(&place(b)),
        // The server sends all times in the same format and zone, so they sort as text.
        None => b.last_used.cmp(&a.last_used),
    });
    Ok(devices)
}
