//! Which of the keys can answer a request: found out without a touch and without a
//! word to the person (`up: false`).

use std::time::Duration;

use super::device::Device;
use super::fault::{KeyFault, Trouble, status};
use super::key::Key;
use super::message::{self, AssertionReply, AssertionRequest};
use super::pin::Token;
use super::request::{Keep, NewCredential, Request, sha256};
use crate::deadline::Deadline;

/// How long one key may take to say what it has.
const KEY_LIMIT: Duration = Duration::from_secs(3);
/// How many keys are asked.
const MAX_KEYS: usize = 8;

/// What a key needs from the person before it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// A touch.
    Touch,
    /// A touch of a key that verifies the person by itself.
    OwnVerification,
    /// The PIN, then a touch.
    Pin,
}

/// A key that can answer.
pub(super) struct Candidate<D: Device> {
    pub(super) key: Key<D>,
    pub(super) need: Need,
    /// The one credential of the list that it has shown; `None` where it shows none
    /// before the person is verified, or holds a passkey.
    pub(super) credential: Option<Vec<u8>>,
}

/// The keys that can answer a request.
pub struct Look<D: Device> {
    pub(super) candidates: Vec<Candidate<D>>,
    /// Why there is none, if so.
    fault: KeyFault,
}

/// What the person is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To touch a key.
    Touch,
    /// The PIN, and to touch the key then.
    Pin,
}

impl<D: Device> Look<D> {
    /// Asks each of the keys. `pin_wanted` says that a touch alone was refused before.
    pub fn at(devices: Vec<D>, request: &Request, pin_wanted: bool, deadline: &Deadline) -> Self {
        let mut look = Self {
            candidates: Vec::new(),
            fault: KeyFault::NoKey,
        };
        for device in devices.into_iter().take(MAX_KEYS) {
            let limit = deadline.nested(KEY_LIMIT.min(deadline.remaining()));
            let candidate = Key::open(device, &limit).and_then(|key| match &request.new {
                None => judge(key, request, pin_wanted, &limit),
                Some(new) => judge_new(key, request, new, pin_wanted, &limit),
            });
            match candidate {
                Ok(candidate) => look.candidates.push(candidate),
                Err(fault) => look.fault = weightier(look.fault, fault),
            }
        }
        // A key that has shown the credential is it; what others may hide is no matter.
        if look.candidates.iter().any(|it| it.credential.is_some()) {
            look.candidates.retain(|it| it.credential.is_some());
        }
        // One that a touch is enough for spares the person a PIN.
        if look.candidates.iter().any(|it| it.need != Need::Pin) {
            look.candidates.retain(|it| it.need != Need::Pin);
        }
        look
    }

    /// What the person must be asked for.
    ///
    /// # Errors
    /// Why none of the keys can answer.
    pub fn wanted(&self) -> Result<Wanted, KeyFault> {
        match self.candidates.first() {
            Some(first) if first.need == Need::Pin => Ok(Wanted::Pin),
            Some(_) => Ok(Wanted::Touch),
            None => Err(self.fault),
        }
    }
}

/// Of two reasons why no key can answer, the one that says more.
fn weightier(one: KeyFault, other: KeyFault) -> KeyFault {
    let weight = |fault: &KeyFault| match fault {
        KeyFault::NoKey => 0,
        KeyFault::Failed(_) | KeyFault::Status(_) => 1,
        KeyFault::Removed => 2,
        KeyFault::NoCredential => 3,
        _ => 4,
    };
    if weight(&other) > weight(&one) {
        other
    } else {
        one
    }
}

fn judge<D: Device>(
    mut key: Key<D>,
    request: &Request,
    pin_wanted: bool,
    deadline: &Deadline,
) -> Result<Candidate<D>, KeyFault> {
    let has_pin = key.info.client_pin == Some(true);
    let verifies = key.info.verifies_itself && !pin_wanted;
    let credential = match request.allow.as_slice() {
        // A passkey: whether there is one shows only to who is verified.
        [] => None,
        allow => match shown(&mut key, request, allow, None, deadline)? {
            Shown::Credential(id) => Some(id),
            Shown::Nothing if key.info.may_hide && (has_pin || verifies) => None,
            Shown::Nothing => return Err(KeyFault::NoCredential),
            // The touch itself shows whether it has it.
            Shown::Refused if allow.len() == 1 => allow.first().cloned(),
            Shown::Refused => return Err(KeyFault::NoCredential),
        },
    };
    // A key without a PIN hides nothing, passkeys included.
    let hides = credential.is_none() && (has_pin || verifies);
    let must_verify = pin_wanted || request.must_verify || key.info.always_verifies || hides;
    let need = match (must_verify, verifies, has_pin) {
        (false, ..) => Need::Touch,
        (true, true, _) => Need::OwnVerification,
        (true, false, true) => Need::Pin,
        (true, false, false) => return Err(KeyFault::NoPin),
    };
    if need == Need::Pin && key.info.must_change_pin {
        return Err(KeyFault::PinChange);
    }
    Ok(Candidate {
        key,
        need,
        credential,
    })
}

/// As [`judge`], where a key is set up.
fn judge_new<D: Device>(
    mut key: Key<D>,
    request: &Request,
    new: &NewCredential,
    pin_wanted: bool,
    deadline: &Deadline,
) -> Result<Candidate<D>, KeyFault> {
    if let Shown::Credential(_) = shown(&mut key, request, &new.exclude, None, deadline)? {
        return Err(KeyFault::AlreadySetUp);
    }
    let info = &key.info;
    if new.keep == Keep::Required && !info.keeps_credentials {
        return Err(KeyFault::NoRoom);
    }
    let has_pin = info.client_pin == Some(true);
    let verifies = info.verifies_itself && !pin_wanted;
    let must_verify = pin_wanted || request.must_verify || info.always_verifies;
    // A key with a PIN makes none without it, unless it says otherwise.
    let may_spare = new.verification_discouraged && info.makes_unverified;
    let spares = may_spare && new.keep != Keep::Required;
    let need = match (must_verify, verifies, has_pin) {
        (false, ..) if spares => Need::Touch,
        (_, true, _) => Need::OwnVerification,
        (_, false, true) => Need::Pin,
        (false, false, false) => Need::Touch,
        (true, false, false) => return Err(KeyFault::NoPin),
    };
    if need == Need::Pin && info.must_change_pin {
        return Err(KeyFault::PinChange);
    }
    Ok(Candidate {
        key,
        need,
        credential: None,
    })
}

/// What a key shows of a list.
pub(super) enum Shown {
    /// The credential that it has.
    Credential(Vec<u8>),
    /// None of them.
    Nothing,
    /// It does not look without a touch.
    Refused,
}

/// Searches for a credential of the list. With the PIN's `token` it also finds hidden ones.
pub(super) fn shown<D: Device>(
    key: &mut Key<D>,
    request: &Request,
    list: &[Vec<u8>],
    token: Option<&Token>,
    deadline: &Deadline,
) -> Result<Shown, KeyFault> {
    let client_data = request.client_data()?;
    let hash = sha256(client_data.as_bytes());
    for batch in batches(&key.info, &request.rp_id, list) {
        let asked = message::get_assertion(&AssertionRequest {
            rp_id: &request.rp_id,
            client_data_hash: hash.as_ref(),
            allow: &batch,
            silent: true,
            verify: false,
            pin: token.map(|token| token.sign(hash.as_ref())),
        })?;
        match key.command(&asked, deadline) {
            Ok(reply) => {
                let named = AssertionReply::read(&reply)?.credential;
                return match (named, batch.as_slice()) {
                    (Some(id), ids) if ids.contains(&id.as_slice()) => Ok(Shown::Credential(id)),
                    (None, [only]) => Ok(Shown::Credential(only.to_vec())),
                    _ => Err(KeyFault::Failed(
                        "it names a credential that nobody asked for",
                    )),
                };
            }
            Err(Trouble::Status(
                status::NO_CREDENTIALS | status::INVALID_CREDENTIAL | status::PUAT_REQUIRED,
            )) => {}
            Err(Trouble::Status(status::UNSUPPORTED_OPTION | status::INVALID_OPTION)) => {
                return Ok(Shown::Refused);
            }
            Err(trouble) => return Err(trouble.into()),
        }
    }
    Ok(Shown::Nothing)
}

/// The list in parts that the key takes at a time.
pub(super) fn batches<'a>(
    info: &message::Info,
    rp_id: &str,
    list: &'a [Vec<u8>],
) -> Vec<Vec<&'a [u8]>> {
    let room = info
        .max_message
        .min(super::hid::MAX_MESSAGE)
        .saturating_sub(message::bytes_without_list(rp_id));
    let most = info.max_list.unwrap_or(1).max(1);
    let mut batches: Vec<Vec<&[u8]>> = Vec::new();
    let mut left = 0_usize;
    for id in list {
        if info.max_id.is_some_and(|longest| id.len() > longest) {
            continue;
        }
        let bytes = message::bytes_of_credential(id);
        match batches.last_mut() {
            Some(batch) if batch.len() < most && bytes <= left => batch.push(id),
            _ => {
                batches.push(vec![id]);
                left = room;
            }
        }
        left = left.saturating_sub(bytes);
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_by_number_and_by_length() {
        let list: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; 64]).collect();
        let sizes = |max_list, max_message, max_id| -> Vec<usize> {
            let info = message::Info {
                max_list,
                max_message,
                max_id,
                ..message::Info::default()
            };
            batches(&info, "authentik.test", &list)
                .iter()
                .map(Vec::len)
                .collect()
        };
        assert_eq!(sizes(Some(8), 7609, None), [8, 8, 4]);
        assert_eq!(sizes(None, 7609, None), [1; 20]);
        // 1024 bytes have room for nine of them.
        assert_eq!(sizes(Some(200), 1024, None), [9, 9, 2]);
        assert!(sizes(Some(8), 1024, Some(63)).is_empty());
    }
}
