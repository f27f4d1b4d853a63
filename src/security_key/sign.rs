//! The touch: every key that can answer is asked at once, and the one that somebody
//! touches signs.

use super::device::Device;
use super::fault::{KeyFault, Trouble, status};
use super::key::{Key, wait_for_any};
use super::look::{Candidate, Look, Need, Shown, Wanted, batches, shown};
use super::message::{
    self, AssertionReply, AssertionRequest, CredentialReply, CredentialRequest, permission,
};
use super::pin::Token;
use super::request::{Keep, KeyAnswer, NewCredential, Request, sha256};
use crate::deadline::Deadline;
use crate::secret::Secret;

/// A PIN, and how many tries of the key are never used for it.
#[derive(Debug, Clone, Copy)]
pub struct Pin<'a> {
    /// The PIN, as it was typed.
    pub pin: &'a Secret,
    /// How many tries must be left for other programs.
    pub reserve: u32,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSigned {
    /// A touch alone is not enough for this key after all: the PIN is wanted.
    PinWanted,
    /// Anything else.
    Fault(KeyFault),
}

impl From<KeyFault> for NotSigned {
    fn from(fault: KeyFault) -> Self {
        Self::Fault(fault)
    }
}

impl<D: Device> Look<D> {
    /// Has one of the keys sign, or make a credential, once somebody touches it. A `pin`
    /// goes to a key that needs one, and to no other.
    ///
    /// # Errors
    /// Why no key has answered.
    pub fn answer(
        mut self,
        request: &Request,
        account: Option<&str>,
        pin: Option<Pin<'_>>,
        deadline: &Deadline,
    ) -> Result<KeyAnswer, NotSigned> {
        let wanted = self.wanted()?;
        let candidates = &mut self.candidates;
        let client_data = request.client_data()?;
        let hash = sha256(client_data.as_bytes());
        let proof = match (wanted, pin) {
            (Wanted::Touch, _) => None,
            (Wanted::Pin, None) => return Err(NotSigned::PinWanted),
            (Wanted::Pin, Some(pin)) => {
                keep_one(candidates, deadline)?;
                let chosen = candidates.first_mut().ok_or(KeyFault::NoKey)?;
                Some(verify(chosen, request, pin, deadline)?.sign(hash.as_ref()))
            }
        };
        let mut messages = Vec::with_capacity(candidates.len());
        for candidate in candidates.iter() {
            messages.push(match &request.new {
                None => to_sign(candidate, request, hash.as_ref(), proof.clone())?,
                Some(new) => to_make(candidate, request, new, hash.as_ref(), proof.clone())?,
            });
        }
        let (index, reply) = first_touched(candidates, &messages, deadline)?;
        let touched = candidates.get_mut(index).ok_or(KeyFault::Removed)?;
        if let Some(new) = &request.new {
            let made = CredentialReply::read(&reply)?;
            return Ok(KeyAnswer::made(made, request, new, client_data)?);
        }
        let mut reply = AssertionReply::read(&reply)?;
        if request.allow.is_empty() {
            reply = of_account(&mut touched.key, reply, account, deadline)?;
        }
        let only = match (&touched.credential, request.allow.as_slice()) {
            (Some(only), _) | (None, [only]) => Some(only.as_slice()),
            _ => None,
        };
        Ok(KeyAnswer::signed(reply, request, only, client_data)?)
    }
}

/// What this key is sent to sign.
fn to_sign<D: Device>(
    candidate: &Candidate<D>,
    request: &Request,
    hash: &[u8],
    pin: Option<(u8, Vec<u8>)>,
) -> Result<Vec<u8>, KeyFault> {
    // A key that shows nothing before it has verified the person gets the list.
    let allow: Vec<&[u8]> = match &candidate.credential {
        Some(only) => vec![only],
        None => request.allow.iter().map(Vec::as_slice).collect(),
    };
    message::get_assertion(&AssertionRequest {
        rp_id: &request.rp_id,
        client_data_hash: hash,
        allow: &allow,
        silent: false,
        verify: candidate.need == Need::OwnVerification,
        pin,
    })
}

/// What this key is sent to make a credential.
fn to_make<D: Device>(
    candidate: &Candidate<D>,
    request: &Request,
    new: &NewCredential,
    hash: &[u8],
    pin: Option<(u8, Vec<u8>)>,
) -> Result<Vec<u8>, KeyFault> {
    let info = &candidate.key.info;
    // What does not fit at once was looked for before.
    let batches = batches(info, &request.rp_id, &new.exclude);
    let exclude = match batches.as_slice() {
        [all] => all.as_slice(),
        _ => &[],
    };
    message::make_credential(&CredentialRequest {
        rp_id: &request.rp_id,
        client_data_hash: hash,
        new,
        exclude,
        resident: match new.keep {
            Keep::Required => true,
            Keep::Preferred => info.keeps_credentials && candidate.need != Need::Touch,
            Keep::Discouraged => false,
        },
        verify: candidate.need == Need::OwnVerification,
        pin,
    })
}

/// Gives a key the PIN, unless too few tries are left, and finds out what it has shown
/// to nobody before.
fn verify<D: Device>(
    chosen: &mut Candidate<D>,
    request: &Request,
    pin: Pin<'_>,
    deadline: &Deadline,
) -> Result<Token, KeyFault> {
    let left = chosen.key.retries(deadline)?;
    if left <= pin.reserve {
        return Err(KeyFault::PinReserve { left });
    }
    let (permissions, list) = match &request.new {
        None => (permission::GET_ASSERTION, &request.allow),
        Some(new) => (
            permission::MAKE_CREDENTIAL | permission::GET_ASSERTION,
            &new.exclude,
        ),
    };
    let permissions = (permissions, request.rp_id.as_str());
    let key = &mut chosen.key;
    let token = key.token(pin.pin, permissions, deadline)?;
    if chosen.credential.is_some() || list.is_empty() {
        return Ok(token);
    }
    let found = shown(key, request, list, Some(&token), deadline)?;
    chosen.credential = match (found, &request.new, list.as_slice()) {
        (Shown::Credential(_), Some(_), _) => return Err(KeyFault::AlreadySetUp),
        (_, Some(_), _) => None,
        (Shown::Credential(id), None, _) => Some(id),
        // The touch itself shows whether it has it.
        (Shown::Refused, None, [only]) => Some(only.clone()),
        _ => return Err(KeyFault::NoCredential),
    };
    Ok(token)
}

/// How many accounts of one key are looked at.
const MAX_ACCOUNTS: u32 = 16;

/// Of several passkeys in one key the one of this account. A key with one alone does not
/// name its user, and users/me tells whose it is.
fn of_account<D: Device>(
    key: &mut Key<D>,
    first: AssertionReply,
    account: Option<&str>,
    deadline: &Deadline,
) -> Result<AssertionReply, KeyFault> {
    let count = first.count.min(MAX_ACCOUNTS);
    let mut reply = first;
    for _ in 1..count {
        if reply.user_name.is_some() && reply.user_name.as_deref() == account {
            return Ok(reply);
        }
        reply = key.next_account(deadline)?;
    }
    match count > 1 && reply.user_name.as_deref() != account {
        true => Err(KeyFault::NoCredential),
        false => Ok(reply),
    }
}

/// Keeps the key that somebody touches, where a PIN must be sent to one and there are
/// several. Those of CTAP 2.0 cannot be asked that way: the first of them is it.
fn keep_one<D: Device>(
    candidates: &mut Vec<Candidate<D>>,
    deadline: &Deadline,
) -> Result<(), NotSigned> {
    if candidates.iter().any(|candidate| candidate.key.info.is_2_1) {
        candidates.retain(|candidate| candidate.key.info.is_2_1);
        if candidates.len() > 1 {
            let messages = vec![message::selection(); candidates.len()];
            let (index, _) = first_touched(candidates, &messages, deadline)?;
            candidates.swap(0, index);
        }
    }
    candidates.truncate(1);
    Ok(())
}

/// Sends each key its message, and waits for the one that answers with success: its
/// index, and its reply. The others are cancelled.
fn first_touched<D: Device>(
    candidates: &mut [Candidate<D>],
    messages: &[Vec<u8>],
    deadline: &Deadline,
) -> Result<(usize, Vec<u8>), NotSigned> {
    let mut last = NotSigned::Fault(KeyFault::Removed);
    for (candidate, message) in candidates.iter_mut().zip(messages) {
        if let Err(fault) = candidate.key.begin(message, deadline) {
            last = fault.into();
            candidate.key.give_up();
        }
    }
    while candidates
        .iter()
        .any(|candidate| candidate.key.is_waiting())
    {
        let mut answered = None;
        for (index, (candidate, message)) in candidates.iter_mut().zip(messages).enumerate() {
            if !candidate.key.is_waiting() {
                continue;
            }
            let trouble = match candidate.key.reply(deadline) {
                Ok(None) => continue,
                Ok(Some(reply)) => {
                    answered = Some((index, reply));
                    break;
                }
                Err(Trouble::Status(status::CHANNEL_BUSY)) => {
                    match candidate.key.begin(message, deadline) {
                        Ok(()) => continue,
                        Err(fault) => fault.into(),
                    }
                }
                Err(trouble) => trouble,
            };
            last = refused(candidate, trouble);
            candidate.key.cancel();
        }
        let is_over = answered.is_some() || deadline.remaining().is_zero();
        if is_over {
            for candidate in candidates.iter_mut() {
                candidate.key.cancel();
            }
            return answered.ok_or_else(|| KeyFault::NotTouched.into());
        }
        wait_for_any(candidates.iter().map(|candidate| &candidate.key), deadline);
    }
    Err(last)
}

fn refused<D: Device>(candidate: &Candidate<D>, trouble: Trouble) -> NotSigned {
    let has_pin = candidate.key.info.client_pin == Some(true);
    match trouble {
        Trouble::Status(status::PUAT_REQUIRED | status::UV_BLOCKED | status::UV_INVALID)
            if has_pin && candidate.need != Need::Pin =>
        {
            NotSigned::PinWanted
        }
        // The token is of no use any more: it was made for a touch that did not come.
        Trouble::Status(status::PIN_AUTH_INVALID) => KeyFault::NotTouched.into(),
        Trouble::Status(status::UV_BLOCKED | status::UV_INVALID) => KeyFault::Declined.into(),
        Trouble::Status(status::INVALID_COMMAND) => {
            KeyFault::Failed("it does not know what it is asked for").into()
        }
        trouble => KeyFault::from(trouble).into(),
    }
}
