//! The authenticator-validate stage.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::plan::{Pending, Plan};
use super::run::Run;
use super::step::{Challenge, Complaint, Errors, NON_FIELD, Step, Text};
use super::{code, invalid, webauthn};
use crate::flow::{Binding, ConfigurationStage, InvalidResponseAction, NotConfigured, Validate};
use crate::random;
use crate::session::{self, MFA};
use crate::state::Remembered;
use crate::version::Behaviour;
use crate::world::{Device, DeviceKind, Phone};

/// How often the state of a waiting push is checked.
const POLL: Duration = Duration::from_millis(20);
/// How long a push waits at most.
const PUSH_EXPIRES: Duration = Duration::from_secs(60);

const NOT_ALLOWED: &str = "No compatible device class allowed";

pub(super) fn show(run: &mut Run<'_>, plan: &mut Plan, options: &Validate) -> Step {
    if asked_lately(run, plan, options) {
        return Step::Done;
    }
    let challenges = device_challenges(run, plan, options);
    if challenges.is_empty() {
        match (
            options.not_configured,
            options.configuration_stages.as_slice(),
        ) {
            (NotConfigured::Skip, _) => return Step::Done,
            (NotConfigured::Deny, _) | (NotConfigured::Configure, []) => {
                let message = "No (allowed) MFA authenticator configured.";
                return Step::Denied(message.to_owned());
            }
            (NotConfigured::Configure, [only]) => return set_up(plan, only),
            (NotConfigured::Configure, _) => {}
        }
    }
    let offered: &[ConfigurationStage] = match challenges.is_empty() {
        true => &options.configuration_stages,
        false => &[],
    };
    let offered: Vec<Value> = offered
        .iter()
        .map(|stage| {
            json!({
                "pk": stage.pk,
                "name": stage.name,
                "verbose_name": stage.verbose_name(),
                "meta_model_name": stage.meta_model_name(),
            })
        })
        .collect();
    Step::Show(
        Challenge::new("ak-stage-authenticator-validate")
            .pending_user()
            .with("device_challenges", challenges)
            .with("configuration_stages", offered),
    )
}

/// Replaces this stage by the enrolment.
fn set_up(plan: &mut Plan, stage: &ConfigurationStage) -> Step {
    let binding = Binding {
        stage: stage.enrolment.into(),
        policy: None,
        invalid_response: InvalidResponseAction::Retry,
        flushes_session: false,
    };
    plan.bindings.insert(1, binding);
    Step::Done
}

fn asked_lately(run: &Run<'_>, plan: &Plan, options: &Validate) -> bool {
    let Some(threshold) = options.last_auth_threshold else {
        return false;
    };
    let known = run
        .call
        .cookie(MFA)
        .and_then(|value| run.memory.mfa.get(value));
    known.is_some_and(|known| {
        run.pending_name(plan).as_deref() == Some(known.device.0.as_str())
            && known.stage == name_of(plan, options)
            && run.now.duration_since(known.at).unwrap_or_default() < threshold
    })
}

/// The name of the stage in the cookie.
fn name_of(plan: &Plan, options: &Validate) -> String {
    options.name.clone().unwrap_or_else(|| plan.slug.clone())
}

/// One entry for each allowed class in which the person has a device.
fn device_challenges(run: &Run<'_>, plan: &mut Plan, options: &Validate) -> Vec<Value> {
    let allowed = |class: &str| options.device_classes.iter().any(|c| c == class);
    let nobody = plan.pending.is_none() && run.session.user.is_none();
    if nobody && allowed("webauthn") {
        let challenge = webauthn::request(run, plan, json!([]), &options.user_verification);
        return vec![json!({
            "device_class": "webauthn",
            "device_uid": "-1",
            "challenge": challenge,
            "last_used": null,
        })];
    }
    let devices = run
        .pending(plan)
        .map(|u| u.devices.clone())
        .unwrap_or_default();
    let mut seen: Vec<&str> = Vec::new();
    let mut challenges = Vec::new();
    for device in devices.iter().filter(|d| allowed(d.class())) {
        if seen.contains(&device.class()) {
            continue;
        }
        seen.push(device.class());
        challenges.push(json!({
            "device_class": device.class(),
            "device_uid": device.pk.to_string(),
            "challenge": device_challenge(run, plan, device, &devices, options),
            "last_used": device.last_used.map(timestamp),
        }));
    }
    challenges
}

fn device_challenge(
    run: &Run<'_>,
    plan: &mut Plan,
    device: &Device,
    all: &[Device],
    options: &Validate,
) -> Value {
    match &device.kind {
        DeviceKind::Email { address, .. } => json!({"email": code::mask(address)}),
        DeviceKind::Webauthn { .. } => {
            // One challenge for all keys of the person.
            let credentials: Vec<Value> = all
                .iter()
                .filter_map(|device| match &device.kind {
                    DeviceKind::Webauthn { credential, .. } => {
                        Some(json!({"id": credential, "type": "public-key"}))
                    }
                    _ => None,
                })
                .collect();
            webauthn::request(run, plan, credentials.into(), &options.user_verification)
        }
        _ => json!({}),
    }
}

fn timestamp(at: SystemTime) -> String {
    OffsetDateTime::from(at)
        .format(&Rfc3339)
        .unwrap_or_default()
}

pub(super) fn answer(
    run: &mut Run<'_>,
    plan: &mut Plan,
    options: &Validate,
    answer: &Map<String, Value>,
) -> Step {
    // a stage that needs no answer accepts none
    match show(run, plan, options) {
        Step::Show(_) => {}
        step => return step,
    }
    let challenges = device_challenges(run, plan, options);
    let classes: Vec<&str> = challenges
        .iter()
        .filter_map(|c| c["device_class"].as_str())
        .collect();
    let has = |class: &str| classes.contains(&class);

    if let Some(choice) = answer.get("selected_stage") {
        let chosen = options
            .configuration_stages
            .iter()
            .find(|stage| challenges.is_empty() && choice.as_str() == Some(&stage.pk));
        return match chosen {
            Some(stage) => set_up(plan, stage),
            None => invalid("selected_stage", "Selected stage is invalid"),
        };
    }
    if let Some(choice) = answer.get("selected_challenge") {
        let same = |c: &&Value| {
            c["device_class"] == choice["device_class"] && c["device_uid"] == choice["device_uid"]
        };
        let Some(chosen) = challenges.iter().find(same) else {
            return invalid("selected_challenge", "invalid challenge selected");
        };
        let class = chosen["device_class"].as_str().unwrap_or_default();
        if !code::send(run, plan, class) {
            if run.version.does(Behaviour::TellsOfTheGateway) && class == "sms" {
                return invalid("selected_challenge", "gateway down");
            }
            return Step::Crash;
        }
    }
    if answer.contains_key("code") {
        return code_answer(run, plan, options, answer, has);
    }
    if let Some(pk) = answer.get("duo") {
        if !has("duo") {
            return invalid("duo", NOT_ALLOWED);
        }
        return push(run, plan, options, pk);
    }
    if let Some(assertion) = answer.get("webauthn") {
        if !has("webauthn") {
            return invalid("webauthn", NOT_ALLOWED);
        }
        let owner = run.pending_name(plan);
        let required = options.user_verification == "required";
        return match webauthn::verified(run, plan, assertion, owner.as_deref(), required) {
            Ok(name) => {
                if owner.is_none() {
                    plan.pending = Some(Pending {
                        shown: name.clone(),
                        username: Some(name),
                    });
                }
                succeed(run, plan, options, ("webauthn", 0))
            }
            Err(complaint) => invalid("webauthn", complaint),
        };
    }
    invalid(NON_FIELD, "Empty response")
}

fn code_answer(
    run: &mut Run<'_>,
    plan: &Plan,
    options: &Validate,
    answer: &Map<String, Value>,
    has: impl Fn(&str) -> bool,
) -> Step {
    let mut errors = Errors::default();
    let Some(Some(given)) = errors.collect("code", Text::default().check(answer, "code")) else {
        return Step::Invalid(errors);
    };
    if !["totp", "static", "sms", "email"].into_iter().any(has) {
        return invalid("code", NOT_ALLOWED);
    }
    if let Some(device) = code::accepted(run, plan, &given) {
        return succeed(run, plan, options, device);
    }
    invalid(
        "code",
        "Invalid Token. Please ensure the time on your device is accurate and try again.",
    )
}

/// Sends a push and waits for the phone.
fn push(run: &mut Run<'_>, plan: &Plan, options: &Validate, pk: &Value) -> Step {
    let pk = match pk {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let Some(pk) = pk else {
        let complaint = Complaint::new("A valid integer is required.", "invalid");
        return invalid("duo", &complaint.string);
    };
    let Some(user) = run.pending(plan) else {
        return Step::Crash;
    };
    let known = user
        .devices
        .iter()
        .any(|d| d.class() == "duo" && u64::from(d.pk) == pk);
    if !known || !run.world.providers.duo {
        return Step::Crash;
    }
    let waited = run.call.waited.saturating_sub(run.owed);
    let refused = || Step::Invalid(Errors::one("duo", "Duo denied access", "denied"));
    let (approves, after) = match user.phone {
        Phone::Approve(after) => (true, after),
        Phone::Deny(after) => (false, after),
        Phone::Never if waited < PUSH_EXPIRES => return Step::Wait(POLL),
        Phone::Never => return refused(),
    };
    if run.pauses && waited < after {
        return Step::Wait((after - waited).min(POLL));
    }
    if !approves {
        return refused();
    }
    let now = run.now;
    if let Some(user) = run.pending_mut(plan) {
        for device in &mut user.devices {
            if device.class() == "duo" {
                device.last_used = Some(now);
            }
        }
    }
    let pk = u32::try_from(pk).unwrap_or_default();
    succeed(run, plan, options, ("duo", pk))
}

/// The factor is accepted. The cookie names the device and the stage.
fn succeed(
    run: &mut Run<'_>,
    plan: &Plan,
    options: &Validate,
    (class, pk): (&'static str, u32),
) -> Step {
    if let (Some(threshold), Some(name)) = (options.last_auth_threshold, run.pending_name(plan)) {
        let value = random::text(188);
        run.cookies
            .push(session::mfa_cookie(&value, threshold, run.now));
        let remembered = Remembered {
            device: (name, class, pk),
            stage: name_of(plan, options),
            at: run.now,
        };
        run.memory.mfa.insert(value, remembered);
    }
    Step::Done
}
