//! `ak-stage-authenticator-validate`: the second factor, as a typed code.
//!
//! The server tries a code against all of the person's devices, so an
//! authenticator app and static codes need no choice. Messages by SMS and
//! e-mail are sent only once their device is chosen.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Stages, nonsense};
use crate::error::{LoginError, ServerFault};
use crate::flow::{Challenge, Proof, Response};
use crate::secret::Secret;
use crate::text;

pub(super) const COMPONENT: &str = "ak-stage-authenticator-validate";
const WHAT: &str = "code";

/// How many of a person's devices are looked at.
const MAX_DEVICES: usize = 32;

#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow, default)]
    device_challenges: Vec<&'a RawValue>,
    #[serde(default)]
    configuration_stages: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Device {
    device_class: String,
    #[serde(default)]
    challenge: DeviceChallenge,
}

/// Of what a device's challenge holds, the one thing to show: e-mail devices
/// give their masked address.
#[derive(Default, Deserialize)]
struct DeviceChallenge {
    #[serde(default)]
    email: Option<String>,
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

/// What was tried so far in this login.
#[derive(Default)]
pub(super) struct Codes {
    wrong: u32,
    /// How many of those the server has seen, for its throttling.
    refused_by_server: u32,
    /// Until when the server refuses even a right code.
    throttled_until: Option<Instant>,
    /// Whether the password was given as a code.
    repeated: bool,
    /// Whether the server was asked to send a message in this run of the stage.
    selected: bool,
    /// Whether that was the last thing sent.
    selecting: bool,
}

impl Codes {
    /// Counts one wrong code.
    ///
    /// # Errors
    /// [`LoginError::CodesUsedUp`] when it was the last that may be tried.
    fn count_wrong(&mut self, attempts: u32) -> Result<(), LoginError> {
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong < attempts {
            return Ok(());
        }
        Err(LoginError::CodesUsedUp {
            wrong: self.wrong,
            repeated: self.repeated,
        })
    }

    /// Counts a code that the server has refused. Measured: after it the server
    /// refuses even a right one for a second, then for two, four and so on.
    fn refused_by_server(&mut self, attempts: u32) -> Result<(), LoginError> {
        const MARGIN: Duration = Duration::from_millis(250);
        let pause = 1_u64
            .checked_shl(self.refused_by_server)
            .unwrap_or(u64::MAX);
        self.refused_by_server = self.refused_by_server.saturating_add(1);
        self.throttled_until = Instant::now()
            .checked_add(Duration::from_secs(pause))
            .and_then(|until| until.checked_add(MARGIN));
        self.count_wrong(attempts)
    }

    /// The flow went back over a wrong code: what was chosen is forgotten there.
    pub(super) fn sent_back(&mut self, attempts: u32) -> Result<(), LoginError> {
        self.selected = false;
        self.selecting = false;
        self.refused_by_server(attempts)
    }
}

pub(super) fn answer(
    stages: &mut Stages<'_>,
    challenge: &Challenge,
    rejected: usize,
) -> Result<Response, LoginError> {
    let details: Details<'_> = challenge.details().map_err(nonsense)?;
    let way = choose(&details)?;
    let mut lead = None;
    let was_selecting = std::mem::take(&mut stages.codes.selecting);
    if rejected > 0 && !was_selecting {
        stages.codes.refused_by_server(stages.prompts.attempts)?;
        lead = challenge.error_words();
    }
    if let Way::Message { entry, told } = way {
        if !stages.codes.selected {
            stages.codes.selected = true;
            stages.codes.selecting = true;
            return Response::new(&Selection {
                component: COMPONENT,
                selected_challenge: entry,
            });
        }
        lead = lead.or(Some(told));
    }
    let code = ask(stages, lead)?;
    wait_for_the_throttle(stages);
    let answer = Code {
        component: COMPONENT,
        code: code.expose(),
    };
    Response::proving(&answer, Proof::SecondFactor)
}

/// How a code comes to the person.
enum Way<'a> {
    /// They have it: from an app, or written down.
    Typed,
    /// The server sends it once `entry` is chosen; `told` says where to.
    Message { entry: &'a RawValue, told: String },
}

fn choose<'a>(details: &Details<'a>) -> Result<Way<'a>, LoginError> {
    let mut devices = Vec::new();
    for entry in details.device_challenges.iter().take(MAX_DEVICES) {
        let device: Device = serde_json::from_str(entry.get()).map_err(|_| {
            nonsense(ServerFault::Nonsense(
                "a device of the second factor has no class".into(),
            ))
        })?;
        devices.push((device, *entry));
    }
    let has = |class: &str| {
        devices
            .iter()
            .any(|(device, _)| device.device_class == class)
    };
    if has("totp") || has("static") {
        return Ok(Way::Typed);
    }
    let message = devices
        .iter()
        .find(|(device, _)| device.device_class == "sms" || device.device_class == "email");
    if let Some((device, entry)) = message {
        let masked = device
            .challenge
            .email
            .as_deref()
            .map(|email| text::one_line(email, 80));
        let told = match masked {
            Some(address) => format!("A code was sent to {address}."),
            None => "A code was sent to you.".into(),
        };
        return Ok(Way::Message { entry, told });
    }
    let reason = if has("webauthn") {
        "a security key needs a web browser"
    } else if has("duo") {
        "this version of the module cannot send a push"
    } else if details.configuration_stages.is_empty() {
        "it offers no second factor that can be typed"
    } else {
        "a second factor must be set up in a web browser first"
    };
    Err(LoginError::Unsupported {
        component: COMPONENT.into(),
        reason,
    })
}

/// Asks until there is something worth sending.
fn ask(stages: &mut Stages<'_>, mut lead: Option<String>) -> Result<Secret, LoginError> {
    loop {
        // sshd before 10.3 shows messages only with the next prompt: what must
        // be read before answering is part of it.
        let prompt = match lead {
            Some(lead) => format!("{lead}\n{}", stages.prompts.code),
            None => stages.prompts.code.clone(),
        };
        let typed = stages.conversation.ask_secret(&prompt, WHAT)?;
        // Apps show codes in groups, and people type them so.
        let mut code = String::with_capacity(typed.expose().len());
        code.extend(typed.expose().chars().filter(|c| !c.is_whitespace()));
        let code = Secret::new(code);
        if code.is_empty() {
            stages.codes.count_wrong(stages.prompts.attempts)?;
            lead = Some("Nothing was typed.".into());
        } else if stages.password.as_ref() == Some(&typed) {
            stages.codes.repeated = true;
            stages.codes.count_wrong(stages.prompts.attempts)?;
            lead = Some("That was your password, not a code.".into());
        } else {
            return Ok(code);
        }
    }
}

/// Holds a code back as long as the server would refuse even a right one.
fn wait_for_the_throttle(stages: &mut Stages<'_>) {
    let Some(until) = stages.codes.throttled_until.take() else {
        return;
    };
    let pause = until
        .saturating_duration_since(Instant::now())
        .min(stages.deadline.remaining());
    std::thread::sleep(pause);
}
