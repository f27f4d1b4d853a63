//! Second factors and how they check a code.

use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;

use crate::totp;

/// One second factor of a user.
#[derive(Debug, Clone)]
pub struct Device {
    /// The number that challenges show as `device_uid`; unique within a class.
    pub pk: u32,
    /// When it was last used.
    pub last_used: Option<SystemTime>,
    /// What it is.
    pub kind: DeviceKind,
    failures: u32,
    failed_at: Option<SystemTime>,
    /// The factor of the pause after a wrong code.
    throttling_factor: u32,
}

/// The kind of a device, with the data that it needs to check an answer.
#[derive(Debug, Clone)]
pub enum DeviceKind {
    /// An authenticator app: RFC 6238, six digits, thirty seconds.
    Totp {
        /// The shared secret.
        secret: Vec<u8>,
        /// The latest step whose code was accepted. Codes of this step and earlier ones are
        /// refused.
        last_step: Option<u64>,
    },
    /// A list of codes, each valid once.
    Static {
        /// Those not yet used.
        codes: Vec<String>,
    },
    /// Codes by text message.
    Sms {
        /// The destination.
        number: String,
        /// The one sent last.
        code: Option<String>,
    },
    /// Codes by mail.
    Email {
        /// The destination.
        address: String,
        /// The one sent last.
        code: Option<String>,
    },
    /// A push to the user's [`Phone`](super::Phone).
    Duo,
    /// A security key.
    Webauthn {
        /// The credential's id, base64url.
        credential: String,
        /// Its public key, as a point of P-256 in uncompressed form. Without one no signature
        /// is accepted.
        public_key: Option<Vec<u8>>,
        /// Its last signature counter.
        count: u32,
    },
}

impl Device {
    fn new(kind: DeviceKind) -> Device {
        Device {
            pk: 0,
            last_used: None,
            kind,
            failures: 0,
            failed_at: None,
            throttling_factor: 1,
        }
    }

    /// An authenticator app with this secret.
    pub fn totp(secret: &[u8]) -> Device {
        Device::new(DeviceKind::Totp {
            secret: secret.to_vec(),
            last_step: None,
        })
    }

    /// Codes of any length, each valid once.
    pub fn static_codes<S: Into<String>>(codes: impl IntoIterator<Item = S>) -> Device {
        Device::new(DeviceKind::Static {
            codes: codes.into_iter().map(Into::into).collect(),
        })
    }

    /// Codes by text message.
    pub fn sms(number: &str) -> Device {
        Device::new(DeviceKind::Sms {
            number: number.to_owned(),
            code: None,
        })
    }

    /// Codes by mail.
    pub fn email(address: &str) -> Device {
        Device::new(DeviceKind::Email {
            address: address.to_owned(),
            code: None,
        })
    }

    /// A Duo phone.
    pub fn duo() -> Device {
        Device::new(DeviceKind::Duo)
    }

    /// A security key.
    pub fn webauthn(credential: &str) -> Device {
        Device::new(DeviceKind::Webauthn {
            credential: credential.to_owned(),
            public_key: None,
            count: 0,
        })
    }

    /// A security key: the ID of its credential, and its public key as a point of
    /// P-256 in uncompressed form.
    pub fn security_key(id: &[u8], public_key: &[u8]) -> Device {
        Device::new(DeviceKind::Webauthn {
            credential: BASE64URL_NOPAD.encode(id),
            public_key: Some(public_key.to_owned()),
            count: 0,
        })
    }

    /// Multiplies the pause after a wrong code, as `*_otp_throttling_factor` does.
    pub fn throttling_factor(mut self, factor: u32) -> Device {
        self.throttling_factor = factor;
        self
    }

    /// Gives the device this number.
    pub fn numbered(mut self, pk: u32) -> Device {
        self.pk = pk;
        self
    }

    /// The word the API uses for the class.
    pub fn class(&self) -> &'static str {
        match self.kind {
            DeviceKind::Totp { .. } => "totp",
            DeviceKind::Static { .. } => "static",
            DeviceKind::Sms { .. } => "sms",
            DeviceKind::Email { .. } => "email",
            DeviceKind::Duo => "duo",
            DeviceKind::Webauthn { .. } => "webauthn",
        }
    }

    /// Forgets used codes and wrong attempts.
    pub fn forget_attempts(&mut self) {
        self.failures = 0;
        self.failed_at = None;
        if let DeviceKind::Totp { last_step, .. } = &mut self.kind {
            *last_step = None;
        }
    }

    /// Checks a code and stores the result: a used code is removed. After a wrong one every
    /// code, even a right one, is refused for one second, then two, then four. Codes that were
    /// sent count only with `messages_too`.
    pub(crate) fn accept(&mut self, code: &str, now: SystemTime, messages_too: bool) -> bool {
        let is_sent = matches!(self.kind, DeviceKind::Sms { .. } | DeviceKind::Email { .. });
        if self.throttled(now) && (messages_too || !is_sent) {
            return false;
        }
        let accepted = match &mut self.kind {
            DeviceKind::Totp { secret, last_step } => {
                match totp::matching_step(secret, code, now, *last_step) {
                    Some(step) => {
                        *last_step = Some(step);
                        true
                    }
                    None => false,
                }
            }
            DeviceKind::Static { codes } => match codes.iter().position(|c| c == code) {
                Some(index) => {
                    codes.remove(index);
                    true
                }
                None => false,
            },
            DeviceKind::Sms { code: sent, .. } | DeviceKind::Email { code: sent, .. } => {
                let right = sent.as_deref() == Some(code);
                if right {
                    *sent = None;
                }
                right
            }
            DeviceKind::Duo | DeviceKind::Webauthn { .. } => return false,
        };
        if accepted {
            self.failures = 0;
            self.failed_at = None;
            self.last_used = Some(now);
        } else {
            self.failures += 1;
            self.failed_at = Some(now);
        }
        accepted
    }

    fn throttled(&self, now: SystemTime) -> bool {
        let (Some(failed_at), true) = (self.failed_at, self.failures > 0) else {
            return false;
        };
        let pause =
            Duration::from_secs(1u64 << (self.failures - 1).min(16)) * self.throttling_factor;
        now.duration_since(failed_at).is_ok_and(|past| past < pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_wrong_code_closes_the_device_for_a_while() {
        let mut device = Device::static_codes(["right", "second"]);
        assert!(!device.accept("wrong", at(100), true));
        assert!(!device.accept("right", at(100), true));
        assert!(!device.accept("wrong", at(101), true));
        assert!(!device.accept("right", at(102), true));
        assert!(device.accept("right", at(103), true));
        assert!(!device.accept("right", at(104), true));
        assert!(device.accept("second", at(105), true));
    }

    #[test]
    fn a_code_that_was_sent_is_good_after_a_wrong_one_where_messages_are_not_throttled() {
        for (messages_too, accepted) in [(false, true), (true, false)] {
            let mut device = Device::sms("+15550100");
            if let DeviceKind::Sms { code, .. } = &mut device.kind {
                *code = Some("123456".to_owned());
            }
            assert!(!device.accept("wrong", at(100), messages_too));
            assert_eq!(device.accept("123456", at(100), messages_too), accepted);
        }
    }

    #[test]
    fn a_totp_step_is_good_for_once() {
        let mut device = Device::totp(b"12345678901234567890");
        let code = totp::code(b"12345678901234567890", totp::step(at(59)));
        assert_eq!(code, "287082");
        assert!(device.accept(&code, at(59), true));
        assert!(!device.accept(&code, at(60), true));
    }
}
