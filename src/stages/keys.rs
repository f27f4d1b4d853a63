//! Security keys that are plugged into this host, in the stages that take their
//! answer: what is asked of the person, and an end to asking again.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Stages;
use super::dialogue::join;
use crate::config::KeyRules;
use crate::deadline::Deadline;
use crate::error::{LoginError, Obstacle};
use crate::fault::ServerFault;
use crate::login_context::LoginContext;
use crate::refusal;
use crate::secret::Secret;
use crate::security_key::{
    Assertion, AtThisHost, KeyFault, Look, Node, NotSigned, Pin, PluggedIn, Request, Wanted,
    plugged_in,
};

/// How many wrong PINs end a login; a key itself takes no more in a row either.
const MAX_WRONG_PINS: u32 = 3;
/// How many credentials of one person are looked for.
const MAX_CREDENTIALS: usize = 64;
/// The longest challenge, and the longest ID of a credential, in base64url.
const MAX_TEXT: usize = 1400;
/// What is asked for. Unlike a code it is for one challenge, and no late answer is
/// given to another one.
const WHAT: &str = "PIN";

/// What is known of this host's keys in one login.
pub(super) struct Keys<'a> {
    pub(super) rules: &'a KeyRules,
    /// Where the person is; `None` where keys have no part, as when a password is changed.
    pub(super) context: Option<&'a LoginContext>,
    /// The PINs that were typed: they are not sent to the server.
    pins: Vec<Secret>,
    wrong_pins: u32,
    /// How many tries have failed.
    failed: u32,
    /// Whether nobody is asked for a passkey any more.
    passkey_is_over: bool,
    /// Whether the answer that was sent last is a passkey's.
    passkey_sent: bool,
}

/// What the challenge of a device holds: the request to a security key (WebAuthn
/// Level 2, section 5.5), or where a message goes.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ChallengeOptions {
    pub(super) email: Option<String>,
    challenge: String,
    #[serde(rename = "rpId")]
    rp_id: String,
    #[serde(rename = "allowCredentials")]
    allow_credentials: Vec<Descriptor>,
    #[serde(rename = "userVerification")]
    user_verification: String,
}

#[derive(Deserialize)]
struct Descriptor {
    id: String,
}

/// A signed answer, as a browser gives it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublicKeyCredential {
    id: String,
    raw_id: String,
    r#type: &'static str,
    response: AuthenticatorResponse,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthenticatorResponse {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

impl From<Assertion> for PublicKeyCredential {
    fn from(assertion: Assertion) -> Self {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let id = text(&assertion.credential);
        Self {
            raw_id: id.clone(),
            id,
            r#type: "public-key",
            response: AuthenticatorResponse {
                client_data: text(assertion.client_data.as_bytes()),
                authenticator_data: text(&assertion.authenticator_data),
                signature: text(&assertion.signature),
                user_handle: assertion.user_handle.as_deref().map(text),
            },
        }
    }
}

/// What came of one try.
pub(super) enum Try {
    Signed(Assertion),
    /// It failed, and was counted; with the words to say next.
    Failed(String),
}

impl<'a> Keys<'a> {
    pub(super) fn new(rules: &'a KeyRules) -> Self {
        Self {
            rules,
            context: None,
            pins: Vec::new(),
            wrong_pins: 0,
            failed: 0,
            passkey_is_over: false,
            passkey_sent: false,
        }
    }

    /// Whether somebody typed a PIN where something else was asked for.
    pub(super) fn is_pin(&self, typed: &Secret) -> bool {
        self.pins.contains(typed)
    }

    /// The proof that the person may use this host's keys.
    fn here(&self) -> Result<AtThisHost, Obstacle> {
        match self.context {
            Some(context) if self.rules.enabled => {
                AtThisHost::prove(context, self.rules.place).map_err(Obstacle::KeyNotHere)
            }
            _ => Err(Obstacle::SecurityKey),
        }
    }

    /// Reads what authentik asks for.
    ///
    /// # Errors
    /// Why no key of this host is asked for it.
    pub(super) fn request(&self, options: &ChallengeOptions) -> Result<Request, Obstacle> {
        self.here()?;
        if options.rp_id != self.rules.rp_id {
            let rp_id = crate::text::one_line(&options.rp_id, 100);
            return Err(Obstacle::ForeignRelyingParty(rp_id));
        }
        let mut allow = Vec::new();
        for Descriptor { id } in options.allow_credentials.iter().take(MAX_CREDENTIALS) {
            if id.len() <= MAX_TEXT {
                allow.extend(URL_SAFE_NO_PAD.decode(id.trim_end_matches('=')).ok());
            }
        }
        let names_some = !options.allow_credentials.is_empty();
        if allow.is_empty() && (names_some || !self.rules.passkey) {
            return Err(Obstacle::Passkey);
        }
        if options.challenge.is_empty() || options.challenge.len() > MAX_TEXT {
            return Err(Obstacle::Unknown);
        }
        Ok(Request {
            rp_id: options.rp_id.clone(),
            origin: self.rules.origin.clone(),
            challenge: options.challenge.clone(),
            allow,
            must_verify: options.user_verification == "required",
        })
    }

    /// Asks each key that is plugged in now, without a word to the person.
    fn look(
        &self,
        request: &Request,
        pin_wanted: bool,
        deadline: &Deadline,
    ) -> Result<Look<Node>, KeyFault> {
        // Whoever has moved away meanwhile uses no key of this host.
        let here = self.here().map_err(|_| KeyFault::NoKey)?;
        let PluggedIn { keys, refused } = plugged_in(&here);
        if let ([], [(number, why), ..]) = (keys.as_slice(), refused.as_slice()) {
            return Err(KeyFault::NotOpened(*number, *why));
        }
        Ok(Look::at(keys, request, pin_wanted, deadline))
    }

    /// What a key that is plugged in wants for this request.
    ///
    /// # Errors
    /// Why none can answer it.
    pub(super) fn wanted(
        &self,
        request: &Request,
        pin_wanted: bool,
        deadline: &Deadline,
    ) -> Result<Wanted, KeyFault> {
        self.look(request, pin_wanted, deadline)?.wanted()
    }
}

/// Has a key sign; whoever has none plugged in is asked to insert it.
///
/// # Errors
/// [`LoginError::SecurityKey`] when it has failed as often as may be.
pub(super) fn sign(
    stages: &mut Stages<'_>,
    request: &Request,
    mut lead: String,
) -> Result<Assertion, LoginError> {
    let words = &stages.prompts.words;
    let mut pin_wanted = false;
    loop {
        let prompt = match stages.keys.wanted(request, pin_wanted, &stages.deadline) {
            Ok(Wanted::Touch) => words.key_touch,
            Ok(Wanted::Pin) => {
                match with_pin(stages, request, &lead, words.key_pin)? {
                    Some(Try::Signed(assertion)) => return Ok(assertion),
                    Some(Try::Failed(words)) => lead = words,
                    None => {}
                }
                continue;
            }
            Err(fault) => {
                ends_it(&fault)?;
                if fault != KeyFault::NoKey && lead.is_empty() {
                    lead = refusal::of_key(&fault, words);
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
            // Nobody is asked to touch a key before it is known whether it is the one.
            match stages.keys.wanted(request, pin_wanted, &stages.deadline) {
                Ok(_) => lead.clear(),
                Err(fault) => lead = count(stages, fault)?,
            }
            continue;
        }
        match touched(stages, request, None, &mut pin_wanted)? {
            Try::Signed(assertion) => return Ok(assertion),
            Try::Failed(words) => lead = words,
        }
    }
}

/// Has a passkey answer in the place of a name, where the configuration allows it and a
/// key that can verify people is plugged in. `None`: the person goes on without it.
///
/// # Errors
/// As [`sign`].
pub(super) fn passkey(
    stages: &mut Stages<'_>,
    options: &ChallengeOptions,
) -> Result<Option<Assertion>, LoginError> {
    if !stages.keys.rules.passkey || stages.keys.passkey_is_over {
        return Ok(None);
    }
    let words = &stages.prompts.words;
    let Ok(request) = stages.keys.request(options) else {
        return Ok(None);
    };
    // Only who is verified may log in by the key alone.
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
            Some(Try::Signed(assertion)) => break Some(assertion),
            Some(Try::Failed(words)) => lead = words,
            None => break None,
        }
    };
    stages.keys.passkey_is_over = true;
    stages.keys.passkey_sent = tried.is_some();
    Ok(tried)
}

/// Whether the answer that was sent last is a passkey's.
pub(super) fn passkey_was_sent(stages: &mut Stages<'_>) -> bool {
    std::mem::take(&mut stages.keys.passkey_sent)
}

/// One try with a key that was chosen in a menu, which is a request to touch it.
///
/// # Errors
/// As [`sign`].
pub(super) fn sign_once(stages: &mut Stages<'_>, request: &Request) -> Result<Try, LoginError> {
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
                Some(Try::Signed(assertion)) => return Ok(Try::Signed(assertion)),
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
        // The password of the flow or of the stack, from an application that answers
        // every prompt alike or from a hand that is used to it, would cost a try.
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

/// Looks anew, for a key may have come or gone while somebody typed, and has it sign.
fn touched(
    stages: &mut Stages<'_>,
    request: &Request,
    pin: Option<&Secret>,
    pin_wanted: &mut bool,
) -> Result<Try, LoginError> {
    let left = stages.deadline.remaining();
    let deadline = stages.deadline.part(stages.keys.rules.timeout.min(left));
    let reserve = stages.keys.rules.pin_reserve;
    let pin = pin.map(|pin| Pin { pin, reserve });
    let signed = stages
        .keys
        .look(request, *pin_wanted, &deadline)
        .map_err(NotSigned::Fault)
        .and_then(|look| look.sign(request, Some(stages.user), pin, &deadline));
    match signed {
        Ok(assertion) => Ok(Try::Signed(assertion)),
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

/// Counts a try that has failed, and gives the words to say of it.
///
/// # Errors
/// [`LoginError::SecurityKey`] when it was the last.
pub(super) fn count(stages: &mut Stages<'_>, fault: KeyFault) -> Result<String, LoginError> {
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

/// Whether nothing that the person could do now would help.
fn ends_it(fault: &KeyFault) -> Result<(), LoginError> {
    match fault {
        KeyFault::PinBlocked | KeyFault::PinPaused | KeyFault::PinReserve { .. } => {
            Err(LoginError::SecurityKey(*fault))
        }
        _ => Ok(()),
    }
}

/// The server's words and the module's own on an assertion that was refused.
pub(super) fn refused_by_server(
    stages: &mut Stages<'_>,
    theirs: Option<String>,
) -> Result<String, LoginError> {
    let ours = count(stages, KeyFault::Failed("authentik refused what it signed"))?;
    Ok(join(&theirs.unwrap_or_default(), &ours))
}
