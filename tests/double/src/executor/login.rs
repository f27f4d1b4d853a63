//! The password, user-login, user-logout and user-write stages.

use serde_json::{Map, Value};

use super::invalid;
use super::plan::Plan;
use super::run::{Run, SessionEnd};
use super::step::{Challenge, Complaint, Errors, Step, Text};
use crate::flow::UserLogin;
use crate::session;
use crate::state::client_ip;
use crate::world::User;

/// Whether an active user has this password or app password.
pub(super) fn password_fits(user: &User, password: &str, app_passwords: bool) -> bool {
    let of_an_app = || app_passwords && user.app_password.as_deref() == Some(password);
    user.active && (user.password == password || of_an_app())
}

pub(super) fn password(
    run: &mut Run<'_>,
    plan: &mut Plan,
    app_passwords: bool,
    answer: &Map<String, Value>,
) -> Step {
    if plan.pending.is_none() {
        // this flow has not identified the user of the session
        return Step::Denied("Unknown error".to_owned());
    }
    let field = Text {
        keep_blanks_around: true,
        ..Text::default()
    };
    let mut errors = Errors::default();
    let Some(Some(password)) = errors.collect("password", field.check(answer, "password")) else {
        return Step::Invalid(errors);
    };
    // a name that the identification did not find, but accepted, is tried as a user name
    let pretended = plan.pending.as_ref().filter(|p| p.username.is_none());
    let pretended = pretended.and_then(|pending| run.world.find_user(&pending.shown));
    let found = pretended.or_else(|| run.pending(plan));
    if let Some(user) = found.filter(|user| password_fits(user, &password, app_passwords)) {
        let username = Some(user.username.clone());
        if let Some(pending) = &mut plan.pending {
            pending.username = username;
        }
        return Step::Done;
    }
    invalid("password", &run.language.say("Invalid password"))
}

pub(super) fn show(run: &mut Run<'_>, plan: &Plan, options: &UserLogin) -> Step {
    if options.asks_remember_me {
        return Step::Show(Challenge::new("ak-stage-user-login").pending_user());
    }
    log_in(run, plan, options)
}

pub(super) fn answer(
    run: &mut Run<'_>,
    plan: &Plan,
    options: &UserLogin,
    answer: &Map<String, Value>,
) -> Step {
    if options.asks_remember_me {
        let complaint = match answer.get("remember_me") {
            Some(Value::Bool(_)) => None,
            Some(Value::String(word)) if ["true", "false"].contains(&word.as_str()) => None,
            None => Some(Complaint::required()),
            Some(Value::Null) => Some(Complaint::null()),
            Some(_) => Some(Complaint::new("Must be a valid boolean.", "invalid")),
        };
        if let Some(complaint) = complaint {
            return Step::Invalid(Errors::one(
                "remember_me",
                &complaint.string,
                &complaint.code,
            ));
        }
    }
    log_in(run, plan, options)
}

fn log_in(run: &mut Run<'_>, plan: &Plan, options: &UserLogin) -> Step {
    let chosen = options.as_user.clone();
    let Some(username) = chosen.or_else(|| run.pending_name(plan)) else {
        return Step::Denied("No Pending user to login.".to_owned());
    };
    if !options.asks_remember_me && !options.forgets_device {
        run.cookies.push(session::device_cookie(run.now));
    }
    run.cookies.push(session::csrf_cookie(run.now));
    if run.version.has("cookies", session::USER_SWITCHING) {
        run.cookies.push(session::user_switching_cookie(run.now));
    }
    run.session.user = Some(username);
    run.session.login = options.clone();
    run.session.bound_to = options
        .binds_address
        .then(|| client_ip(run.world, run.call));
    run.session.expires = options.session_duration.map(|lasts| run.now + lasts);
    run.end = SessionEnd::Rotated;
    Step::Done
}

/// Logs out. The session ends too, unless the flow still needs it.
pub(super) fn log_out(run: &mut Run<'_>, plan: &Plan) -> Step {
    if plan.bindings.len() > 1 {
        run.session.user = None;
        run.end = SessionEnd::Rotated;
    } else {
        run.end = SessionEnd::LoggedOut;
    }
    Step::Done
}

/// Writes the values that prompts collected to the user.
pub(super) fn write_user(run: &mut Run<'_>, plan: &mut Plan) -> Step {
    let data = plan.prompt_data.clone();
    let Some(user) = run.pending_mut(plan) else {
        return Step::Denied("No user found and can't create new user.".to_owned());
    };
    let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(password) = text("password") {
        user.password = password;
    }
    if let (Some(name), Some(pending)) = (text("username"), &mut plan.pending) {
        user.username.clone_from(&name);
        pending.shown.clone_from(&name);
        pending.username = Some(name);
    }
    if let Some(name) = text("name") {
        user.name = name;
    }
    if let Some(email) = text("email") {
        user.email = email;
    }
    Step::Done
}
