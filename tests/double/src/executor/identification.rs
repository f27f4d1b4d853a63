//! The identification stage.

use serde_json::{Map, Value, json};

use super::plan::{Pending, Plan};
use super::run::Run;
use super::step::{Challenge, Errors, NON_FIELD, Step, Text};
use super::{invalid, login, simple, webauthn};
use crate::flow::Identification;
use crate::version::Behaviour;

pub(super) fn show(run: &Run<'_>, plan: &mut Plan, options: &Identification) -> Step {
    if plan.keeps_person && plan.pending.is_some() {
        return Step::Done;
    }
    let captcha = options.captcha.then(|| {
        let mut fields = simple::captcha().fields;
        fields.insert("pending_user".to_owned(), json!(""));
        fields.insert(
            "pending_user_avatar".to_owned(),
            json!("/static/dist/assets/images/user_default.png"),
        );
        Value::Object(fields)
    });
    let passkey = match options.passkey {
        true => webauthn::request(run, plan, json!([]), "preferred"),
        false => Value::Null,
    };
    let action = match plan.designation.as_str() {
        "authentication" => "Log in",
        _ => "Continue",
    };
    let challenge = Challenge::new("ak-stage-identification")
        .with("user_fields", options.user_fields.clone())
        .with("pending_user_identifier", Value::Null)
        .with("password_fields", options.password)
        .with("allow_show_password", false)
        .with("flow_designation", plan.designation.as_str())
        .with("captcha_stage", captcha)
        .with("primary_action", run.language.say(action))
        .with("sources", options.sources.clone())
        .with("show_source_labels", false)
        .with("enable_remember_me", false)
        .with("passkey_challenge", passkey);
    Step::Show(challenge)
}

pub(super) fn answer(
    run: &mut Run<'_>,
    plan: &mut Plan,
    options: &Identification,
    answer: &Map<String, Value>,
) -> Step {
    if let (Some(assertion), true) = (answer.get("passkey"), options.passkey) {
        return match webauthn::verified(run, plan, assertion, None, false) {
            Ok(name) => {
                plan.pending = Some(Pending {
                    shown: name.clone(),
                    username: Some(name),
                });
                Step::Done
            }
            Err(complaint) => invalid("passkey", complaint),
        };
    }
    if run.version.does(Behaviour::TakesNoName) && !answer.contains_key("uid_field") {
        return invalid(NON_FIELD, "No identification data provided.");
    }
    let mut errors = Errors::default();
    let uid = errors.collect("uid_field", Text::default().check(answer, "uid_field"));
    let lenient = Text {
        optional: true,
        blank: true,
        null: true,
        keep_blanks_around: false,
    };
    let password = errors.collect("password", lenient.check(answer, "password"));
    let (Some(Some(uid)), Some(password), true) = (uid, password, errors.is_empty()) else {
        return Step::Invalid(errors);
    };
    if options.captcha {
        return invalid(NON_FIELD, "Failed to validate token");
    }
    let user = run.world.identify(&uid, options);
    let known = user.map(|user| user.username.clone());
    let complaint = run.language.say("Failed to authenticate.");
    let failed = || invalid(NON_FIELD, &complaint);
    if options.password {
        let right = user.is_some_and(|user| {
            login::password_fits(user, password.as_deref().unwrap_or_default(), true)
        });
        if !right {
            return failed();
        }
    } else if known.is_none() && !options.pretend_user_exists {
        return failed();
    }
    plan.pending = Some(Pending {
        shown: known.clone().unwrap_or(uid),
        username: known,
    });
    Step::Done
}
