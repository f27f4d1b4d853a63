//! `ak-stage-authenticator-validate`: the second factor.
//!
//! The server tries a code with all devices of the person, so the person can type a code
//! whatever they have chosen. The server sends a message by SMS or e-mail only after its
//! device is chosen. A push is answered on the phone while the request waits.

mod codes;
mod devices;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) use codes::Codes;
use codes::Sent;
use devices::Device;

use super::dialogue::{join, numbered, option, range};
use super::keys::{self, PublicKeyCredential, Try};
use super::{Stages, enrol, unexpected_answer};
use crate::config::FactorClass;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::flow::{Challenge, Proof, Response};
use crate::refusal;
use crate::secret::Secret;
use crate::security_key::{KeyAnswer, Request};
use crate::words::fill;

pub(super) const COMPONENT: &str = "ak-stage-authenticator-validate";
const WHAT: &str = "code";
/// How many messages may be asked for in one login.
const MAX_MESSAGES: u32 = 5;

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow, default)]
    device_challenges: Vec<&'a RawValue>,
    #[serde(default)]
    configuration_stages: Vec<enrol::SetUp>,
}

#[derive(Serialize)]
struct Code<'a> {
    component: &'static str,
    code: &'a str,
}

#[derive(Serialize)]
struct Selection<'a> {
    component: &'static str,
    selected_challenge: &'a RawValue,
}

#[derive(Serialize)]
struct Signed {
    component: &'static str,
    webauthn: PublicKeyCredential,
}

#[derive(Serialize)]
struct Push {
    component: &'static str,
    duo: i64,
}

#[derive(Serialize)]
struct SetUpAnswer<'a> {
    component: &'static str,
    selected_stage: &'a str,
}

pub(super) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let details: Details<'_> = challenge.details().map_err(unexpected_answer)?;
    let sent = std::mem::take(&mut stages.codes.sent);
    if rejected == 0 {
        stages.codes.chosen = None;
    }
    let not_sent = stages.codes.not_sent.take();
    let lead = match sent {
        _ if rejected == 0 => String::new(),
        Sent::Selection if no_message_was_sent(challenge) => {
            let theirs = challenge.error_words();
            let lead = refusal::not_sent(theirs.as_deref(), &stages.prompts.words);
            stages
                .codes
                .message_failed(theirs, stages.prompts.attempts)?;
            lead
        }
        // The person typed a code that they already had.
        Sent::Code if not_sent.is_some() => {
            stages.codes.not_sent = not_sent;
            stages.codes.refused_by_server(stages.prompts)?;
            challenge.error_words().unwrap_or_default()
        }
        // With "Empty response" the server says that it has sent a message.
        Sent::Selection | Sent::Nothing => String::new(),
        Sent::Push => {
            return Err(LoginError::PushRefused {
                words: challenge.error_words(),
            });
        }
        Sent::Key => keys::refused_by_server(stages, challenge.error_words())?,
        Sent::SetUp => {
            stages.codes.count_wrong(stages.prompts.attempts)?;
            challenge.error_words().unwrap_or_default()
        }
        Sent::Code => {
            stages.codes.refused_by_server(stages.prompts)?;
            // The server gives the same answer for a code that is wrong, used, or too early.
            let theirs = challenge.error_words().unwrap_or_default();
            join(&theirs, stages.prompts.words.code_works_once)
        }
    };
    let mut devices = devices::usable(&details, stages.prompts, &stages.keys)?;
    if devices.len() > 1 {
        without_absent_key(stages, &mut devices);
    }
    match devices.as_slice() {
        [] => set_up(stages, &details.configuration_stages, &lead),
        all if all.iter().all(Device::is_at_hand) => code_at_hand(stages, &lead, None),
        [only] if only.class == FactorClass::Duo => push_alone(stages, only, lead),
        [
            Device {
                request: Some(request),
                ..
            },
        ] => {
            let assertion = keys::sign(stages, request, lead)?;
            signed(stages, request, assertion)
        }
        [only] => message_alone(stages, only, &lead),
        several => from_menu(stages, several, lead),
    }
}

/// Whether the server could not send a message. Its answer for a message that was sent
/// belongs to no field.
fn no_message_was_sent(challenge: &Challenge) -> bool {
    let mut errors = challenge.errors().iter();
    errors.any(|error| error.field != "non_field_errors")
}

/// A code of an app or of a list: there is nothing to choose.
fn code_at_hand(
    stages: &mut Stages<'_>,
    lead: &str,
    prompt: Option<&str>,
) -> Result<Response, LoginError> {
    if let Some(code) = stages.typed_code.take() {
        return code_response(stages, &code);
    }
    let prompts = stages.prompts;
    let prompt = prompt.unwrap_or(&prompts.code);
    let mut lead = lead.to_owned();
    loop {
        let typed = ask(stages, &lead, prompt)?;
        match judge(stages, typed)? {
            Typed::Code(code) => return code_response(stages, &code),
            Typed::Nothing => {
                stages.codes.count_wrong(stages.prompts.attempts)?;
                stages.prompts.words.nothing_typed.clone_into(&mut lead);
            }
            Typed::Password(words) => lead = words,
        }
    }
}

/// A message is the only way. It is sent at once, and again after an empty answer.
fn message_alone(
    stages: &mut Stages<'_>,
    device: &Device<'_>,
    lead: &str,
) -> Result<Response, LoginError> {
    if stages.codes.chosen.is_none() && stages.codes.not_sent.is_none() {
        if stages.codes.messages >= MAX_MESSAGES {
            stages.codes.count_wrong(stages.prompts.attempts)?;
        }
        return select(stages, device);
    }
    let prompts = stages.prompts;
    let words = &prompts.words;
    let told = match (&device.address, device.class) {
        _ if stages.codes.not_sent.is_some() => words.send_again.into(),
        (Some(address), _) => fill(words.sent_to, "address", address),
        (None, FactorClass::Email) => words.sent_by_email.into(),
        (None, _) => words.sent_by_sms.into(),
    };
    let mut lead = join(lead, &told);
    loop {
        let typed = ask(stages, &lead, &prompts.code)?;
        match judge(stages, typed)? {
            Typed::Code(code) => return code_response(stages, &code),
            Typed::Nothing if stages.codes.messages < MAX_MESSAGES => {
                return select(stages, device);
            }
            Typed::Nothing => {
                stages.codes.count_wrong(stages.prompts.attempts)?;
                words.nothing_typed.clone_into(&mut lead);
            }
            Typed::Password(words) => lead = words,
        }
    }
}

/// A push is the only way. It is sent when the person presses Enter, and not to an
/// application that answers every prompt with the password.
fn push_alone(
    stages: &mut Stages<'_>,
    device: &Device<'_>,
    mut lead: String,
) -> Result<Response, LoginError> {
    let words = &stages.prompts.words;
    loop {
        let typed = ask(stages, &lead, words.push)?;
        match judge(stages, typed)? {
            Typed::Nothing => return push(stages, device),
            Typed::Code(_) => {
                stages.codes.count_wrong(stages.prompts.attempts)?;
                words.push_enter_alone.clone_into(&mut lead);
            }
            Typed::Password(_) => words.push_enter_alone.clone_into(&mut lead),
        }
    }
}

/// Several ways: a menu, in which a code can be typed straight away.
fn from_menu(
    stages: &mut Stages<'_>,
    devices: &[Device<'_>],
    mut lead: String,
) -> Result<Response, LoginError> {
    let words = &stages.prompts.words;
    if devices.iter().any(Device::is_at_hand) && stages.typed_code.is_some() {
        return code_at_hand(stages, &lead, None);
    }
    if lead.is_empty() {
        lead = match stages.codes.chosen {
            Some(FactorClass::Sms | FactorClass::Email) => words.sent_choose_again.into(),
            _ => String::new(),
        };
    }
    let labels: Vec<String> = devices.iter().map(|device| device.label(words)).collect();
    let prompt = fill(words.code_or_option, "range", &range(devices.len()));
    let menu = join(words.choose_a_factor, &numbered(&labels));
    loop {
        let typed = ask(stages, &join(&lead, &menu), &prompt)?;
        let chosen = option(typed.expose().trim(), devices.len());
        if let Some(device) = chosen.and_then(|index| devices.get(index)) {
            match device.class {
                FactorClass::Totp => return code_at_hand(stages, "", Some(words.code_of_app)),
                FactorClass::Static => return code_at_hand(stages, "", Some(words.code_of_list)),
                FactorClass::Duo if stages.dialogue.shows_texts_at_once() => {
                    stages.dialogue.tell(words.push_waits)?;
                    return push(stages, device);
                }
                // The person would read it only after approving the push.
                FactorClass::Duo => return push_alone(stages, device, String::new()),
                FactorClass::Webauthn => {
                    let Some(request) = &device.request else {
                        return Err(LoginError::Bug("a key without a request".into()));
                    };
                    match keys::sign_once(stages, request)? {
                        Try::Answered(assertion) => return signed(stages, request, assertion),
                        Try::Failed(words) => lead = words,
                    }
                    continue;
                }
                FactorClass::Sms | FactorClass::Email if stages.codes.messages < MAX_MESSAGES => {
                    return select(stages, device);
                }
                FactorClass::Sms | FactorClass::Email => {
                    stages.codes.count_wrong(stages.prompts.attempts)?;
                    lead = fill(words.option_unknown, "range", &range(devices.len()));
                    continue;
                }
            }
        }
        if is_number_of_an_option(typed.expose().trim()) {
            stages.codes.count_unknown_option(COMPONENT)?;
            lead = fill(words.option_unknown, "range", &range(devices.len()));
            continue;
        }
        match judge(stages, typed)? {
            Typed::Code(code) => return code_response(stages, &code),
            Typed::Nothing => {
                stages.codes.count_wrong(stages.prompts.attempts)?;
                words.nothing_typed.clone_into(&mut lead);
            }
            Typed::Password(words) => lead = words,
        }
    }
}

/// Leaves security keys out if there are other devices and no key that is plugged in can
/// answer. The person then reads the same as without security keys.
fn without_absent_key(stages: &Stages<'_>, devices: &mut Vec<Device<'_>>) {
    devices.retain(|device| {
        device.request.as_ref().is_none_or(|request| {
            let wanted = stages.keys.wanted(request, false, &stages.deadline);
            wanted.is_ok()
        })
    });
}

/// The answer that a security key has signed. If the request names no credential, it is the
/// answer of a passkey, and proves the identity if the key has verified the person.
fn signed(
    stages: &mut Stages<'_>,
    request: &Request,
    assertion: KeyAnswer,
) -> Result<Response, LoginError> {
    stages.codes.sent = Sent::Key;
    let proves = !request.allow.is_empty() || assertion.user_verified;
    let answer = Signed {
        component: COMPONENT,
        webauthn: assertion.into(),
    };
    match proves {
        true => Response::proving(&answer, Proof::SecurityKey),
        false => Response::with_secret(&answer),
    }
}

/// One or two digits mean an option: authentik has no codes that are so short.
fn is_number_of_an_option(typed: &str) -> bool {
    matches!(typed.len(), 1 | 2) && typed.bytes().all(|byte| byte.is_ascii_digit())
}

/// The person has no device at all and sets one up, if the flow allows it.
fn set_up(
    stages: &mut Stages<'_>,
    offered: &[enrol::SetUp],
    lead: &str,
) -> Result<Response, LoginError> {
    let chosen = enrol::choose(stages, offered, lead, COMPONENT)?;
    stages.codes.sent = Sent::SetUp;
    Response::new(&SetUpAnswer {
        component: COMPONENT,
        selected_stage: &chosen,
    })
}

fn select(stages: &mut Stages<'_>, device: &Device<'_>) -> Result<Response, LoginError> {
    stages.codes.chosen = Some(device.class);
    stages.codes.sent = Sent::Selection;
    stages.dialogue.message_sent();
    stages.codes.not_sent = None;
    stages.codes.messages = stages.codes.messages.saturating_add(1);
    Response::new(&Selection {
        component: COMPONENT,
        selected_challenge: device.entry,
    })
}

fn push(stages: &mut Stages<'_>, device: &Device<'_>) -> Result<Response, LoginError> {
    let duo: i64 = device.uid.parse().map_err(|_| {
        unexpected_answer(ServerFault::UnexpectedAnswer(
            "a device for pushes has no number".into(),
        ))
    })?;
    stages.codes.sent = Sent::Push;
    stages.dialogue.message_sent();
    let answer = Push {
        component: COMPONENT,
        duo,
    };
    Response::push(&answer, stages.push_timeout)
}

fn code_response(stages: &mut Stages<'_>, code: &Secret) -> Result<Response, LoginError> {
    let pause = stages.codes.pause().min(stages.deadline.remaining());
    std::thread::sleep(pause);
    stages.codes.sent = Sent::Code;
    let answer = Code {
        component: COMPONENT,
        code: code.expose(),
    };
    Response::proving(&answer, Proof::SecondFactor)
}

fn ask(stages: &mut Stages<'_>, lead: &str, prompt: &str) -> Result<Secret, LoginError> {
    stages.dialogue.ask_secret(lead, prompt, WHAT)
}

/// The answer to a prompt for a code.
enum Typed {
    Nothing,
    Code(Secret),
    /// The password or a key's PIN, which counts as a wrong code, with the next message.
    Password(String),
}

fn judge(stages: &mut Stages<'_>, typed: Secret) -> Result<Typed, LoginError> {
    // Apps show codes in groups, and people type them in groups.
    let mut code = String::with_capacity(typed.expose().len());
    code.extend(typed.expose().chars().filter(|c| !c.is_whitespace()));
    let code = Secret::new(code);
    if code.is_empty() {
        return Ok(Typed::Nothing);
    }
    if stages.is_password(&typed) {
        stages.codes.count_password(stages.prompts.attempts)?;
        return Ok(Typed::Password(
            stages.prompts.words.password_is_no_code.into(),
        ));
    }
    if stages.keys.is_pin(&typed) {
        stages.codes.count_wrong(stages.prompts.attempts)?;
        return Ok(Typed::Password(stages.prompts.words.pin_is_no_code.into()));
    }
    Ok(Typed::Code(code))
}
