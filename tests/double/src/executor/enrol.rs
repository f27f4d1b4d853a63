//! The stages that set up a second factor.

use serde_json::{Map, Value};

use super::plan::Plan;
use super::run::Run;
use super::step::{Challenge, Complaint, Errors, NON_FIELD, Step, Text};
use super::{code, invalid, registration};
use crate::flow::Enrolment;
use crate::random;
use crate::totp;
use crate::version::Behaviour;
use crate::world::{Device, DeviceKind};

/// The field that carries an address and the one that says whether it is wanted.
fn address_field(kind: Enrolment) -> &'static str {
    match kind {
        Enrolment::Sms => "phone_number",
        _ => "email",
    }
}

pub(super) fn show(run: &mut Run<'_>, plan: &mut Plan, kind: Enrolment) -> Step {
    let Some(user) = run.pending(plan) else {
        return Step::Denied("No pending user.".to_owned());
    };
    let (username, name, email, uid) = (
        user.username.clone(),
        user.name.clone(),
        user.email.clone(),
        user.uid.clone(),
    );
    let challenge = match kind {
        Enrolment::Totp => {
            let secret = plan.scratch.secret.get_or_insert_with(|| random::bytes(20));
            let secret = random::base32(secret);
            Challenge::new("ak-stage-authenticator-totp").with(
                "config_url",
                format!(
                    "otpauth://totp/authentik%3A{username}?secret={secret}\
                     &algorithm=SHA1&digits=6&period=30&issuer=authentik"
                ),
            )
        }
        Enrolment::Static => {
            if plan.scratch.codes.is_empty() {
                plan.scratch.codes = (0..6).map(|_| random::alphanumeric(12)).collect();
            }
            Challenge::new("ak-stage-authenticator-static")
                .with("codes", plan.scratch.codes.clone())
        }
        Enrolment::Sms => Challenge::new("ak-stage-authenticator-sms")
            .with("phone_number_required", plan.scratch.address.is_none()),
        Enrolment::Email => {
            if plan.scratch.address.is_none() && !email.is_empty() {
                if !run.world.providers.email {
                    return Step::Crash;
                }
                send(run, plan, &username, &email);
            }
            let challenge = Challenge::new("ak-stage-authenticator-email")
                .with("email_required", plan.scratch.address.is_none());
            match &plan.scratch.address {
                Some(address) => challenge.with("email", code::mask(address)),
                None => challenge.with("email", Value::Null),
            }
        }
        Enrolment::Duo => {
            if !run.world.providers.duo {
                return Step::Crash;
            }
            let code = plan
                .scratch
                .link
                .get_or_insert_with(|| format!("duo://{}", random::text(20)))
                .clone();
            Challenge::new("ak-stage-authenticator-duo")
                .with(
                    "activation_barcode",
                    "https://api.duo.test/frame/qr?value=double",
                )
                .with("activation_code", code)
                .with("stage_uuid", "0c630370-446f-4a73-912e-2ffee5537518")
        }
        Enrolment::Webauthn => {
            let request = registration::request(run, plan, (&username, &name, &uid));
            Challenge::new("ak-stage-authenticator-webauthn").with("registration", request)
        }
    };
    Step::Show(challenge.pending_user())
}

pub(super) fn answer(
    run: &mut Run<'_>,
    plan: &mut Plan,
    kind: Enrolment,
    answer: &Map<String, Value>,
) -> Step {
    match kind {
        Enrolment::Static => {
            let codes = plan.scratch.codes.clone();
            finish(run, plan, Device::static_codes(codes))
        }
        Enrolment::Totp => {
            let secret = plan.scratch.secret.clone().unwrap_or_default();
            let mut errors = Errors::default();
            let Some(given) = errors.collect("code", integer(answer, "code")) else {
                return Step::Invalid(errors);
            };
            let mut device = Device::totp(&secret);
            let matches = totp::matching_step(&secret, &given, run.now, None).is_some();
            if !matches || !device.accept(&given, run.now, true) {
                return invalid("code", "Code does not match");
            }
            finish(run, plan, device)
        }
        Enrolment::Sms | Enrolment::Email => by_message(run, plan, kind, answer),
        Enrolment::Duo if run.world.providers.duo => finish(run, plan, Device::duo()),
        Enrolment::Duo => Step::Crash,
        Enrolment::Webauthn => match answer.get("response") {
            Some(response) => match registration::registered(run, plan, response) {
                Ok(device) => finish(run, plan, device),
                Err(complaint) => invalid("response", &complaint),
            },
            None => Step::Invalid(Errors::one(
                "response",
                "This field is required.",
                "required",
            )),
        },
    }
}

/// First the address, to which a code is sent, then the code.
fn by_message(
    run: &mut Run<'_>,
    plan: &mut Plan,
    kind: Enrolment,
    answer: &Map<String, Value>,
) -> Step {
    let field = address_field(kind);
    let mut errors = Errors::default();
    if answer.contains_key("code") {
        let as_text = kind == Enrolment::Sms && run.version.does(Behaviour::TakesCodesAsText);
        let checked = match as_text {
            true => Text::default()
                .check(answer, "code")
                .map(Option::unwrap_or_default),
            false => integer(answer, "code"),
        };
        let Some(given) = errors.collect("code", checked) else {
            return Step::Invalid(errors);
        };
        if plan.scratch.sent_code.as_ref() != Some(&given) {
            return invalid(NON_FIELD, "Code does not match");
        }
        let address = plan.scratch.address.clone().unwrap_or_default();
        let device = match kind {
            Enrolment::Sms => Device::sms(&address),
            _ => Device::email(&address),
        };
        return finish(run, plan, device);
    }
    if !answer.contains_key(field) {
        return invalid(NON_FIELD, &format!("{field} required"));
    }
    let Some(Some(address)) = errors.collect(field, Text::default().check(answer, field)) else {
        return Step::Invalid(errors);
    };
    let taken = || {
        let mut devices = run.world.users.iter().flat_map(|user| &user.devices);
        devices.any(
            |device| matches!(&device.kind, DeviceKind::Sms { number, .. } if *number == address),
        )
    };
    if run.version.does(Behaviour::RefusesTakenNumbers) && kind == Enrolment::Sms && taken() {
        plan.scratch.address = Some(address);
        return invalid(NON_FIELD, "Invalid phone number");
    }
    let reachable = match kind {
        Enrolment::Sms => run.world.providers.sms,
        _ => run.world.providers.email,
    };
    let Some(username) = run.pending_name(plan).filter(|_| reachable) else {
        return Step::Crash;
    };
    send(run, plan, &username, &address);
    // not an error, and still the same stage: now it needs the code
    Step::Invalid(Errors::default())
}

fn send(run: &mut Run<'_>, plan: &mut Plan, username: &str, address: &str) {
    let code = random::digits();
    plan.scratch.address = Some(address.to_owned());
    plan.scratch.sent_code = Some(code.clone());
    run.memory.last_code.insert(username.to_owned(), code);
}

/// Gives the person the device.
fn finish(run: &mut Run<'_>, plan: &Plan, device: Device) -> Step {
    let Some(user) = run.pending_mut(plan) else {
        return Step::Crash;
    };
    let same_class = user.devices.iter().filter(|d| d.class() == device.class());
    let pk = same_class.map(|d| d.pk).max().unwrap_or(0) + 1;
    user.devices.push(device.numbered(pk));
    Step::Done
}

/// Six digits in a field that the server reads as an integer.
fn integer(answer: &Map<String, Value>, key: &str) -> Result<String, Complaint> {
    let text = Text::default().check(answer, key)?.unwrap_or_default();
    match text.parse::<u64>() {
        Ok(number) => Ok(format!("{number:06}")),
        Err(_) => Err(Complaint::new("A valid integer is required.", "invalid")),
    }
}
