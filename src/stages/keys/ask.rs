//! The questions to the person: a touch, a PIN, and a limit for asking again.

use super::options::ChallengeOptions;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::refusal;
use crate::secret::Secret;
use crate::security_key::{KeyAnswer, KeyFault, NotSigned, Pin, Request, Wanted};
use crate::stages::Stages;
use crate::stages::dialogue::join;

/// How many wrong PINs end a login. A key itself accepts no more in a row either.
const MAX_WRONG_PINS: u32 = 3;
/// The name of the question. Unlike a code, the answer belongs to one challenge, and a late
/// answer is not used for another one.
const WHAT: &str = "PIN";

/// The result of one try.
pub(in crate::stages) enum Try {
    Answered(KeyAnswer),
    /// It failed and was counted, with the next message.
    Failed(String),
}

/// Has a key sign, or sets one up. If no key is plugged in, the person is asked to insert one.
///
/// # Errors
/// [`LoginError::SecurityKey`] when all tries have failed.
pub(in crate::stages) fn sign(
    stages: &mut Stages<'_>,
    request: &Request,
    mut lead: String,
) -> Result<KeyAnswer, LoginError> {
    let words = &stages.prompts.words;
    let mut pin_wanted = false;
    loop {
        let prompt = match stages.keys.wanted(request, pin_wanted, &stages.deadline) {
            Ok(Wanted::Touch) => words.key_touch,
            Ok(Wanted::Pin) => {
                match with_pin(stages, request, &lead, words.key_pin)? {
                    Some(Try::Answered(answer)) => return Ok(answer),
                    Some(Try::Failed(words)) => lead = words,
                    None => {}
                }
                continue;
            }
            Err(fault) => {
                ends_it(&fault)?;
                let told = refusal::of_key(&fault, words);
                let is_said = lead.ends_with(&told);
                let may_say = lead.is_empty() || request.new.is_some();
                if fault != KeyFault::NoKey && may_say && !is_said {
                    lead = join(&lead, &told);
                }
                words.key_insert
            }
        };
        let typed = stages.dialogue.ask_secret(&lead, prompt, WHAT)?;
        if !typed.is_empty() {
            count(stages, KeyFault::NotTouched)?;
            words.key_enter_alone.clone_into(&mut lead);
            continue;
        }
        if prompt == words.key_insert {
            // The person is asked to touch a key only after the module knows that the key
            // has the credential.
            match stages.keys.wanted(request, pin_wanted, &stages.deadline) {
                Ok(_) => lead.clear(),
                Err(fault) => lead = count(stages, fault)?,
            }
            continue;
        }
        match touched(stages, request, None, &mut pin_wanted)? {
            Try::Answered(answer) => return Ok(answer),
            Try::Failed(words) => lead = words,
        }
    }
}

/// Lets a passkey answer instead of a name, where the configuration allows it and a
/// key that can verify people is plugged in. `None`: the person goes on without it.
///
/// # Errors
/// As [`sign`].
pub(in crate::stages) fn passkey(
    stages: &mut Stages<'_>,
    options: &ChallengeOptions,
) -> Result<Option<KeyAnswer>, LoginError> {
    if !stages.keys.rules.passkey || stages.keys.passkey_is_over {
        return Ok(None);
    }
    let words = &stages.prompts.words;
    let Ok(request) = stages.keys.request(options) else {
        return Ok(None);
    };
    // Only a verified person may log in with the key alone.
    let request = Request {
        must_verify: true,
        ..request
    };
    let mut lead = String::new();
    let tried = loop {
        let tried = match stages.keys.wanted(&request, false, &stages.deadline) {
            Err(_) => break None,
            Ok(Wanted::Pin) => with_pin(stages, &request, &lead, words.key_passkey_pin)?,
            Ok(Wanted::Touch) => {
                match stages
                    .dialogue
                    .yes_or_no(&lead, words.key_passkey_touch, true)?
                {
                    true => Some(touched(stages, &request, None, &mut false)?),
                    false => None,
                }
            }
        };
        match tried {
            Some(Try::Answered(answer)) => break Some(answer),
            Some(Try::Failed(words)) => lead = words,
            None => break None,
        }
    };
    stages.keys.passkey_is_over = true;
    stages.keys.passkey_sent = tried.is_some();
    Ok(tried)
}

/// Whether the last answer came from a passkey.
pub(in crate::stages) fn passkey_was_sent(stages: &mut Stages<'_>) -> bool {
    std::mem::take(&mut stages.keys.passkey_sent)
}

/// One try with a key that was chosen in a menu. The menu asks for the touch.
///
/// # Errors
/// As [`sign`].
pub(in crate::stages) fn sign_once(
    stages: &mut Stages<'_>,
    request: &Request,
) -> Result<Try, LoginError> {
    let words = &stages.prompts.words;
    let mut pin_wanted = false;
    let mut lead = String::new();
    loop {
        match stages.keys.wanted(request, pin_wanted, &stages.deadline) {
            Ok(Wanted::Touch) => {
                let tried = touched(stages, request, None, &mut pin_wanted)?;
                if !pin_wanted {
                    return Ok(tried);
                }
            }
            Ok(Wanted::Pin) => match with_pin(stages, request, &lead, words.key_pin)? {
                Some(Try::Answered(answer)) => return Ok(Try::Answered(answer)),
                Some(Try::Failed(words)) => lead = words,
                None => return Ok(Try::Failed(words.nothing_typed.into())),
            },
            Err(fault) => return Ok(Try::Failed(count(stages, fault)?)),
        }
    }
}

/// Asks for the PIN and tries with it; `None` where Enter alone was typed, which is
/// counted where there is no other way.
///
/// # Errors
/// As [`sign`].
fn with_pin(
    stages: &mut Stages<'_>,
    request: &Request,
    lead: &str,
    prompt: &str,
) -> Result<Option<Try>, LoginError> {
    let words = &stages.prompts.words;
    let mut lead = lead.to_owned();
    loop {
        let typed = stages.dialogue.ask_secret(&lead, prompt, WHAT)?;
        if typed.is_empty() {
            if prompt != words.key_passkey_pin {
                count(stages, KeyFault::WrongPin { left: None })?;
            }
            return Ok(None);
        }
        // If the password came in place of the PIN, by mistake or from an application that
        // gives the same answer to every prompt, it would cost a try.
        let of_stack = stages.dialogue.stack_authtok();
        if stages.is_password(&typed) || of_stack.as_ref() == Some(&typed) {
            count(stages, KeyFault::WrongPin { left: None })?;
            words.password_is_no_pin.clone_into(&mut lead);
            continue;
        }
        if typed.expose().chars().count() < 4 || typed.expose().len() > 63 {
            count(stages, KeyFault::WrongPin { left: None })?;
            words.pin_length.clone_into(&mut lead);
            continue;
        }
        stages.keys.pins.push(typed.clone());
        return touched(stages, request, Some(&typed), &mut true).map(Some);
    }
}

/// Looks again, because a key may have been plugged in or removed in the meantime, and has
/// it sign.
fn touched(
    stages: &mut Stages<'_>,
    request: &Request,
    pin: Option<&Secret>,
    pin_wanted: &mut bool,
) -> Result<Try, LoginError> {
    let left = stages.deadline.remaining();
    let deadline = stages.deadline.nested(stages.keys.rules.timeout.min(left));
    let reserve = stages.keys.rules.pin_reserve;
    let pin = pin.map(|pin| Pin { pin, reserve });
    let signed = stages
        .keys
        .look(request, *pin_wanted, &deadline)
        .map_err(NotSigned::Fault)
        .and_then(|look| look.answer(request, Some(stages.user), pin, &deadline));
    match signed {
        Ok(answer) => Ok(Try::Answered(answer)),
        Err(NotSigned::PinWanted) => {
            *pin_wanted = true;
            Ok(Try::Failed(String::new()))
        }
        Err(NotSigned::Fault(_)) if stages.deadline.remaining().is_zero() => {
            Err(ServerFault::LoginTimeout.into())
        }
        Err(NotSigned::Fault(fault)) => count(stages, fault).map(Try::Failed),
    }
}

/// Counts a failed try, and returns the message for it.
///
/// # Errors
/// [`LoginError::SecurityKey`] if it was the last try.
pub(in crate::stages) fn count(
    stages: &mut Stages<'_>,
    fault: KeyFault,
) -> Result<String, LoginError> {
    ends_it(&fault)?;
    let attempts = stages.prompts.attempts;
    let keys = &mut stages.keys;
    keys.failed = keys.failed.saturating_add(1);
    if matches!(fault, KeyFault::WrongPin { .. }) {
        keys.wrong_pins = keys.wrong_pins.saturating_add(1);
    }
    if keys.failed >= attempts || keys.wrong_pins >= MAX_WRONG_PINS {
        return Err(LoginError::SecurityKey(fault));
    }
    Ok(refusal::of_key(&fault, &stages.prompts.words))
}

/// Whether the person can do nothing about it now.
fn ends_it(fault: &KeyFault) -> Result<(), LoginError> {
    match fault {
        KeyFault::PinBlocked | KeyFault::PinPaused | KeyFault::PinReserve { .. } => {
            Err(LoginError::SecurityKey(*fault))
        }
        _ => Ok(()),
    }
}

/// The messages of the server and of the module about a refused answer.
pub(in crate::stages) fn refused_by_server(
    stages: &mut Stages<'_>,
    theirs: Option<String>,
) -> Result<String, LoginError> {
    let ours = count(stages, KeyFault::Failed("authentik refused its answer"))?;
    Ok(join(&theirs.unwrap_or_default(), &ours))
}
