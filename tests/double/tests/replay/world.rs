//! Adds the flows, users and applications of the sidecar to the double's world.

use std::collections::BTreeMap;
use std::time::Duration;

use authentik_double::{
    Access, Application, Authentication, Device, Enrolment, Field, Flow, Group, Identification,
    NotConfigured, Policy, Prompt, Stage, User, UserLogin, UserType, Validate,
};
use serde_json::Value;

/// All recordings of a set, by name.
pub(crate) type Recordings = BTreeMap<String, Value>;

/// A flow of the sidecar. Each stage is a few words.
pub(crate) fn flow(slug: &str, stages: &[String], recordings: &Recordings) -> Flow {
    stages.iter().fold(Flow::new(slug), |flow, stage| {
        let (kind, what) = stage.split_once(' ').unwrap_or((stage, ""));
        with(flow, kind, what, recordings)
            .unwrap_or_else(|| panic!("{slug}: no stage {kind:?} {what:?}"))
    })
}

fn with(flow: Flow, kind: &str, what: &str, recordings: &Recordings) -> Option<Flow> {
    Some(match kind {
        // words about the flow
        "title" => flow.title(what),
        "title-of" => flow.title(shown(what, recordings)["flow_info"]["title"].as_str()?),
        "designation" => flow.designation(what),
        "outpost" => flow.authentication(Authentication::RequireOutpost),
        "unauthenticated" => flow.authentication(Authentication::RequireUnauthenticated),
        "redirected" => flow.authentication(Authentication::RequireRedirect),
        "with-token" => flow.authentication(Authentication::RequireToken),
        "authenticated" => flow.authentication(Authentication::RequireAuthenticated),
        "refused" => flow.policy(match what {
            "" => Policy::deny(),
            words => Policy::deny_with(&[words]),
        }),
        // words about the last stage
        "flushes" => flow.flush_session(),
        "skipped" => flow.only_if(Policy::deny()),
        "restart" => flow.restart_on_invalid(),
        "restart-with-context" => flow.restart_with_context(),
        // stages
        "identification" => flow.bind(identification(what)?),
        "combined" => flow.combined(),
        "password" => flow.password(),
        "password-inbuilt" => flow.bind(Stage::Password {
            failed_attempts: 5,
            app_passwords: false,
        }),
        "one-try" => flow.password_tries(1),
        "validate" => flow.validate(),
        "validate-or-skip" => flow.bind(Validate::new().not_configured(NotConfigured::Skip)),
        "validate-hourly" => flow.bind(
            Validate::new()
                .last_auth_threshold(Duration::from_secs(3600))
                .named(what),
        ),
        "enrols" => flow.bind(Validate::new().configure(&enrolments(what)?)),
        "enrol" => flow.bind(*enrolments(what)?.first()?),
        "consent" => flow.consent(),
        "consent-of" => flow.bind(consent(&shown(what, recordings))),
        "prompt-of" => flow.bind(Prompt::new(fields(&shown(what, recordings)))),
        "checked-prompt-of" => {
            let (name, complaint) = what.split_once(' ')?;
            let complaint = complaint.to_owned();
            let fields = fields(&shown(name, recordings));
            flow.bind(Prompt::new(fields).check(move |answers| {
                let answer = answers.values().next().and_then(Value::as_str);
                let good = answer.is_some_and(|text| text == "ok" || text.len() >= 12);
                (!good).then(|| complaint.clone()).into_iter().collect()
            }))
        }
        "write" => flow.bind(Stage::UserWrite),
        "email" => flow.bind(Stage::Email),
        "endpoint" => flow.bind(Stage::endpoint(what == "required")),
        "dummy" => flow.dummy(what),
        "skip" => flow.bind(Stage::Skip),
        "deny" => flow.deny(what),
        "deny-outside" => {
            let (group, words) = what.split_once(' ')?;
            let group = group.to_owned();
            let outside = Policy::check(move |request| {
                request
                    .user
                    .is_none_or(|user| !user.groups.contains(&group))
            });
            flow.deny(words).only_if(outside)
        }
        "redirect" => flow.redirect(what),
        "login" => flow.user_login(),
        "login-as" => flow.bind(UserLogin::new().as_user(what)),
        "login-bound" => flow.bind(lasting(what)?.bind_address()),
        "login-brief" => flow.bind(lasting(what)?.forget_device()),
        "login-for" => flow.bind(lasting(what)?),
        "remember" => flow.bind(match what {
            "" => UserLogin::new().ask_remember_me(),
            seconds => lasting(seconds)?.ask_remember_me(),
        }),
        "logout" => flow.bind(Stage::UserLogout),
        _ => return None,
    })
}

/// The body of a recording at one of its steps, as `NAME.STEP`.
fn shown(what: &str, recordings: &Recordings) -> Value {
    let (name, step) = what.split_once('.').expect("NAME.STEP");
    let step: usize = step.parse().expect("the number of a step");
    recordings[name][step]["body"].clone()
}

/// The password that was typed at a step of a recording, as `NAME.STEP`.
fn typed(what: &str, recordings: &Recordings) -> String {
    let (name, step) = what.split_once('.').expect("NAME.STEP");
    let step: usize = step.parse().expect("the number of a step");
    let password = recordings[name][step]["request"]["password"].as_str();
    password.expect("a password").to_owned()
}

fn identification(what: &str) -> Option<Identification> {
    let stage = Identification::new();
    Some(match what {
        "" => stage,
        "username-email" => stage.user_fields(&["username", "email"]),
        "upn" => stage.user_fields(&["upn"]),
        "case-sensitive" => stage.case_sensitive().reveal_unknown_users(),
        _ => return None,
    })
}

fn lasting(seconds: &str) -> Option<UserLogin> {
    let seconds = Duration::from_secs(seconds.parse().ok()?);
    Some(UserLogin::new().session_duration(seconds))
}

fn enrolments(what: &str) -> Option<Vec<Enrolment>> {
    what.split(' ')
        .map(|kind| {
            Some(match kind {
                "email" => Enrolment::Email,
                "sms" => Enrolment::Sms,
                "static" => Enrolment::Static,
                "totp" => Enrolment::Totp,
                _ => return None,
            })
        })
        .collect()
}

fn consent(shown: &Value) -> Stage {
    let permissions = shown["permissions"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Stage::Consent {
        header_text: shown["header_text"].as_str().map(str::to_owned),
        permissions: permissions
            .map(|permission| (text(&permission["id"]), text(&permission["name"])))
            .collect(),
    }
}

fn fields(shown: &Value) -> Vec<Field> {
    let fields = shown["fields"].as_array().into_iter().flatten();
    fields.map(Field::of_challenge).collect()
}

/// A user, described by a few words.
pub(crate) fn person(name: &str, words: &[String], recordings: &Recordings) -> User {
    words.iter().fold(User::new(name), |mut user, word| {
        let (kind, what) = word.split_once(' ').unwrap_or((word, ""));
        match kind {
            "name" => user.name = what.to_owned(),
            "email" => user.email = what.to_owned(),
            "upn" => user.upn = Some(what.to_owned()),
            "password" => user.password = what.to_owned(),
            "password-of" => user.password = typed(what, recordings),
            "seen" => user.last_login = Some("2026-11-27T04:59:03.145074Z".to_owned()),
            "app-password" => user.app_password = Some(what.to_owned()),
            "group" => user.groups.push(what.to_owned()),
            "superuser" => user.superuser = true,
            "external" => user.user_type = UserType::External,
            "avatar" => user.avatar = Some(what.to_owned()),
            "totp" => return user.device(Device::totp(name.repeat(5).as_bytes())),
            "static" => return user.device(Device::static_codes(what.split_whitespace())),
            "sms" => return user.device(Device::sms(what)),
            "mail-code" => return user.device(Device::email(what)),
            "key" => return user.device(Device::webauthn(what)),
            _ => panic!("{name}: no word {word:?}"),
        }
        user
    })
}

/// A group; one with a parent as `NAME PARENT`.
pub(crate) fn group(text: &str) -> Group {
    match text.split_once(' ') {
        Some((name, parent)) => Group::new(name).parent(parent),
        None => Group::new(text),
    }
}

/// An application that is open to the users and groups in its words.
pub(crate) fn application(slug: &str, words: &[String]) -> Application {
    words
        .iter()
        .fold(Application::new(slug), |application, word| {
            let (kind, what) = word.split_once(' ').expect("two words");
            let what = what.to_owned();
            match kind {
                "user" => application.bind(Access::User(what)),
                "group" => application.bind(Access::Group(what)),
                "address" => application.bind(Access::Policy(Policy::check(move |request| {
                    request.client_ip == what
                }))),
                "says" => application.message(&what),
                _ => panic!("{slug}: no word {word:?}"),
            }
        })
}
