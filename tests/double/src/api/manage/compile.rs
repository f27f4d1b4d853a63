//! The flows and applications of the world, built from the objects that administrators made and
//! bound.

use std::time::Duration;

use serde_json::Value;

use super::expression;
use super::store::{Managed, Object};
use crate::flow::{
    Authentication, ConfigurationStage, DeniedAction, Enrolment, Field, Flow, Identification,
    NotConfigured, Policy, Prompt, Stage, UserLogin, Validate, Verdict,
};
use crate::state::State;
use crate::world::{Access, Application, World};

/// Builds all of them again.
pub(super) fn compile(state: &mut State) {
    let State { world, managed, .. } = state;
    for slug in std::mem::take(&mut managed.flows) {
        world.flows.remove(&slug);
    }
    for slug in std::mem::take(&mut managed.applications) {
        world
            .applications
            .retain(|application| application.slug != slug);
    }
    let flows: Vec<Flow> = managed
        .all("flows/instances")
        .map(|o| flow(managed, o))
        .collect();
    managed.flows = flows.iter().map(|flow| flow.slug.clone()).collect();
    flows.into_iter().for_each(|flow| world.add_flow(flow));
    let applications: Vec<Application> = managed
        .all("core/applications")
        .map(|object| application(managed, world, object))
        .collect();
    managed.applications = applications.iter().map(|a| a.slug.clone()).collect();
    applications
        .into_iter()
        .for_each(|application| world.add_application(application));
}

/// The bindings whose target is `pk`, in their order.
fn bound<'a>(managed: &'a Managed, path: &str, pk: &Value) -> Vec<&'a Object> {
    let all = managed.all(path);
    let mut found: Vec<&Object> = all.filter(|o| o.fields.get("target") == Some(pk)).collect();
    found.sort_by_key(|object| object.fields.get("order").and_then(Value::as_i64));
    found
}

fn pointed<'a>(managed: &'a Managed, object: &Object, field: &str) -> Option<&'a Object> {
    managed.by_pk(object.fields.get(field)?)
}

/// The expressions that are bound to an object, if any.
fn expressions<'a>(managed: &'a Managed, pk: &Value) -> Vec<(&'a str, bool)> {
    let bindings = bound(managed, "policies/bindings", pk);
    let enabled = bindings.into_iter().filter(|b| b.flag("enabled", true));
    enabled
        .filter_map(|binding| {
            let policy = pointed(managed, binding, "policy")?;
            Some((policy.text("expression")?, binding.flag("negate", false)))
        })
        .collect()
}

/// The combined verdict of all policies of an object.
fn policy(managed: &Managed, object: &Object) -> Option<Policy> {
    let expressions = expressions(managed, &object.pk);
    if expressions.is_empty() {
        return None;
    }
    let policies: Vec<(Policy, bool)> = expressions
        .into_iter()
        .map(|(text, negate)| (expression::policy(text), negate))
        .collect();
    let all = object.text("policy_engine_mode") == Some("all");
    Some(Policy::check(move |request| {
        let verdicts: Vec<Verdict> = policies
            .iter()
            .map(|(policy, negate)| {
                let mut verdict = policy.evaluate(request);
                verdict.passing ^= negate;
                verdict
            })
            .collect();
        let mut passing = verdicts.iter().map(|verdict| verdict.passing);
        let passing = if all {
            passing.all(|p| p)
        } else {
            passing.any(|p| p)
        };
        let messages = match passing {
            true => Vec::new(),
            false => verdicts.into_iter().flat_map(|v| v.messages).collect(),
        };
        Verdict { passing, messages }
    }))
}

fn flow(managed: &Managed, object: &Object) -> Flow {
    let mut flow = Flow::new(object.text("slug").unwrap_or_default())
        .title(object.text("title").unwrap_or_default())
        .designation(object.text("designation").unwrap_or_default())
        .authentication(match object.text("authentication") {
            Some("require_authenticated") => Authentication::RequireAuthenticated,
            Some("require_unauthenticated") => Authentication::RequireUnauthenticated,
            Some("require_superuser") => Authentication::RequireSuperuser,
            Some("require_redirect") => Authentication::RequireRedirect,
            Some("require_outpost") => Authentication::RequireOutpost,
            Some("require_token") => Authentication::RequireToken,
            _ => Authentication::None,
        });
    flow.policy = policy(managed, object);
    if object.text("denied_action") == Some("continue") {
        flow.denied_action = DeniedAction::Continue;
    }
    for binding in bound(managed, "flows/bindings", &object.pk) {
        let Some(made) = pointed(managed, binding, "stage").map(|s| stage(managed, binding, s))
        else {
            continue;
        };
        flow = flow.bind(made);
        if let Some(policy) = policy(managed, binding) {
            flow = flow.only_if(policy);
        }
        flow = match binding.text("invalid_response_action") {
            Some("restart") => flow.restart_on_invalid(),
            Some("restart_with_context") => flow.restart_with_context(),
            _ => flow,
        };
    }
    flow
}

/// A text such as `minutes=1;seconds=30`, which may also have hours and days.
fn duration(text: Option<&str>) -> Duration {
    let parts = text.unwrap_or_default().split(';');
    let seconds = parts.filter_map(|part| {
        let (unit, count) = part.split_once('=')?;
        let seconds = match unit.trim() {
            "seconds" => 1,
            "minutes" => 60,
            "hours" => 3600,
            "days" => 86_400,
            _ => return None,
        };
        Some(count.trim().parse::<u64>().ok()? * seconds)
    });
    Duration::from_secs(seconds.sum())
}

fn stage(managed: &Managed, binding: &Object, object: &Object) -> Stage {
    match object.path {
        "stages/identification" => identification(object).into(),
        "stages/password" => {
            let attempts = object.fields.get("failed_attempts_before_cancel");
            let attempts = attempts.and_then(Value::as_u64).unwrap_or(5);
            Stage::Password {
                failed_attempts: attempts.try_into().unwrap_or(u32::MAX),
                app_passwords: object
                    .texts("backends")
                    .contains(&"authentik.core.auth.TokenBackend"),
            }
        }
        "stages/user_login" => user_login(managed, binding, object).into(),
        "stages/user_logout" => Stage::UserLogout,
        "stages/user_write" => Stage::UserWrite,
        "stages/authenticator/validate" => validate(managed, object).into(),
        "stages/consent" => Stage::consent(),
        "stages/prompt/stages" => prompt(managed, object).into(),
        "stages/deny" => Stage::Deny {
            message: object.text("deny_message").unwrap_or_default().to_owned(),
        },
        "stages/dummy" if object.flag("throw_error", false) => Stage::Crash,
        "stages/dummy" => Stage::Dummy {
            name: object.text("name").unwrap_or_default().to_owned(),
        },
        "stages/redirect" => Stage::Redirect {
            to: object.text("target_static").unwrap_or_default().to_owned(),
        },
        "stages/captcha" => Stage::Captcha,
        "stages/endpoints" => endpoint(managed, object),
        _ => enrolment(object).map_or(Stage::Crash, Stage::Enrol),
    }
}

/// Without a key for its challenges, the connector's stage is passed over.
fn endpoint(managed: &Managed, object: &Object) -> Stage {
    let connector = pointed(managed, object, "connector");
    let has_key = connector.is_some_and(|connector| connector.text("challenge_key").is_some());
    match has_key {
        true => Stage::EndpointAgent {
            required: object.text("mode") == Some("required"),
            connector: object.text("connector").unwrap_or_default().to_owned(),
        },
        false => Stage::Skip,
    }
}

fn enrolment(object: &Object) -> Option<Enrolment> {
    match object.path.strip_prefix("stages/authenticator/")? {
        "totp" => Some(Enrolment::Totp),
        "static" => Some(Enrolment::Static),
        "webauthn" => Some(Enrolment::Webauthn),
        "duo" => Some(Enrolment::Duo),
        _ => None,
    }
}

fn identification(object: &Object) -> Identification {
    let mut stage = Identification::new().user_fields(&object.texts("user_fields"));
    stage.password = object.text("password_stage").is_some();
    stage.captcha = object.text("captcha_stage").is_some();
    stage.pretend_user_exists = object.flag("pretend_user_exists", true);
    stage.case_sensitive = !object.flag("case_insensitive_matching", true);
    stage
}

fn user_login(managed: &Managed, binding: &Object, object: &Object) -> UserLogin {
    let mut stage = UserLogin::new();
    stage.asks_remember_me = !duration(object.text("remember_me_offset")).is_zero();
    let lasts = duration(object.text("session_duration"));
    stage.session_duration = (!lasts.is_zero()).then_some(lasts);
    stage.binds_address = object.text("network_binding") == Some("bind_asn_network_ip");
    let expressions = expressions(managed, &binding.pk);
    stage.as_user = expressions
        .into_iter()
        .find_map(|(text, _)| expression::swap(text));
    stage
}

fn validate(managed: &Managed, object: &Object) -> Validate {
    let mut stage = Validate::new();
    if !object.texts("device_classes").is_empty() {
        stage = Validate::classes(&object.texts("device_classes"));
    }
    stage.not_configured = match object.text("not_configured_action") {
        Some("deny") => NotConfigured::Deny,
        Some("configure") => NotConfigured::Configure,
        _ => NotConfigured::Skip,
    };
    let threshold = duration(object.text("last_auth_threshold"));
    stage.last_auth_threshold = (!threshold.is_zero()).then_some(threshold);
    let stages = object.items("configuration_stages").iter();
    stage.configuration_stages = stages
        .filter_map(|pk| managed.by_pk(pk))
        .filter_map(|object| {
            Some(ConfigurationStage {
                pk: object.pk.as_str()?.to_owned(),
                name: object.text("name")?.to_owned(),
                enrolment: enrolment(object)?,
            })
        })
        .collect();
    stage
}

fn prompt(managed: &Managed, object: &Object) -> Prompt {
    let fields = object.items("fields").iter();
    let mut stage = Prompt::new(fields.filter_map(|pk| managed.by_pk(pk)).map(field));
    let policies = object.items("validation_policies").iter();
    for policy in policies.filter_map(|pk| managed.by_pk(pk)) {
        let least = policy
            .fields
            .get("length_min")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        let key = policy
            .text("password_field")
            .unwrap_or("password")
            .to_owned();
        let words = policy.text("error_message").unwrap_or_default().to_owned();
        stage = stage.check(move |answers| {
            let given = answers
                .get(&key)
                .and_then(Value::as_str)
                .unwrap_or_default();
            let short = (given.chars().count() as u64) < least;
            short.then(|| words.clone()).into_iter().collect()
        });
    }
    stage
}

fn field(object: &Object) -> Field {
    let text = |name: &str| object.text(name).unwrap_or_default();
    let mut field = Field::new(text("field_key"), text("type"), text("label"))
        .placeholder(text("placeholder"))
        .initial(text("initial_value"))
        .sub_text(text("sub_text"))
        .order(
            object
                .fields
                .get("order")
                .and_then(Value::as_i64)
                .unwrap_or(0),
        );
    field.required = object.flag("required", true);
    if ["dropdown", "radio-button-group"].contains(&text("type")) {
        // `return ["one", "two"]`: JSON after the first word
        let list = text("placeholder")
            .strip_prefix("return ")
            .unwrap_or_default();
        let choices: Vec<Value> = serde_json::from_str(list).unwrap_or_default();
        let first = choices.first().and_then(Value::as_str).unwrap_or_default();
        field.placeholder = String::new();
        field.initial_value = first.to_owned();
        field.choices = Some(choices);
    }
    field
}

fn application(managed: &Managed, world: &World, object: &Object) -> Application {
    let mut application = Application::new(object.text("slug").unwrap_or_default());
    application.needs_all = object.text("policy_engine_mode") == Some("all");
    for binding in bound(managed, "policies/bindings", &object.pk) {
        if !binding.flag("enabled", true) {
            continue;
        }
        if let Some(policy) = pointed(managed, binding, "policy") {
            let text = policy.text("expression").unwrap_or_default();
            application = application.bind(Access::Policy(expression::policy(text)));
        }
        let groups = world.groups.iter();
        let mut groups = groups.filter(|g| binding.text("group") == Some(&g.pk));
        if let Some(group) = groups.next() {
            application = application.bind(Access::Group(group.name.clone()));
        }
        let number = binding.fields.get("user").and_then(Value::as_u64);
        let mut users = world
            .users
            .iter()
            .filter(|user| Some(u64::from(user.pk)) == number);
        if let Some(user) = users.next() {
            application = application.bind(Access::User(user.username.clone()));
        }
    }
    application
}
