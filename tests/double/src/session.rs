//! Sessions and their cookies.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use crate::exchange::Call;
use crate::executor::Plan;
use crate::flow::UserLogin;
use crate::random;

/// The session cookie's name.
pub(crate) const SESSION: &str = "authentik_session";
/// The name of the cookie whose value a POST repeats in a header.
pub(crate) const CSRF: &str = "authentik_csrf";
/// The name of the cookie that says that a second factor was checked recently.
pub(crate) const MFA: &str = "authentik_mfa";

/// The name of the cookie that groups the logins of a browser, since 2026.8.0: its users can
/// switch between them. This is from the source; the recorded release candidate did not have
/// it.
pub(crate) const USER_SWITCHING: &str = "authentik_user_switching";

/// How many characters of the cookie identify the session. The rest is new each time.
const ID_LENGTH: usize = 32;

/// What the server remembers about a client.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    /// Who is logged in.
    pub(crate) user: Option<String>,
    /// The flow in progress.
    pub(crate) plan: Option<Plan>,
    /// Wrong passwords so far, in all flows.
    pub(crate) failed_attempts: u32,
    /// How the person was logged in.
    pub(crate) login: UserLogin,
    /// The only address that may use it, if it is bound to one.
    pub(crate) bound_to: Option<String>,
    /// When the session ends.
    pub(crate) expires: Option<SystemTime>,
}

/// All sessions by their id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: HashMap<String, Session>,
}

impl Sessions {
    /// The id in the call's cookie, if that session is alive.
    pub(crate) fn id_of(&self, call: &Call, now: SystemTime) -> Option<String> {
        let id = call.cookie(SESSION)?.get(..ID_LENGTH)?;
        let session = self.by_id.get(id)?;
        let alive = session.expires.is_none_or(|end| now < end);
        alive.then(|| id.to_owned())
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Session> {
        self.by_id.get(id)
    }

    pub(crate) fn put(&mut self, id: String, session: Session) {
        self.by_id.insert(id, session);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.by_id.remove(id);
    }

    /// How many sessions of a user are alive.
    pub(crate) fn of_user(&self, username: &str, now: SystemTime) -> usize {
        self.by_id
            .values()
            .filter(|s| s.user.as_deref() == Some(username))
            .filter(|s| s.expires.is_none_or(|end| now < end))
            .count()
    }

    /// Ends all sessions of a user.
    pub(crate) fn end_of_user(&mut self, username: &str) {
        self.by_id
            .retain(|_, s| s.user.as_deref() != Some(username));
    }
}

/// A fresh session id.
pub(crate) fn new_id() -> String {
    random::hex(ID_LENGTH / 2)
}

/// `Set-Cookie` of a session. The lengths are the recorded ones.
pub(crate) fn session_cookie(
    id: &str,
    authenticated: bool,
    expires: Option<SystemTime>,
    now: SystemTime,
) -> String {
    let length = if authenticated { 335 } else { 263 };
    let filler = random::text(length - ID_LENGTH);
    let lifetime = match expires {
        Some(end) => {
            let rest = end.duration_since(now).unwrap_or_default().as_secs();
            let rest = rest.saturating_sub(1);
            (
                format!("; expires={}", httpdate::fmt_http_date(end)),
                format!("; Max-Age={rest}"),
            )
        }
        None => (String::new(), String::new()),
    };
    format!(
        "{SESSION}={id}{filler}{}; HttpOnly{}; Path=/; SameSite=None; Secure",
        lifetime.0, lifetime.1
    )
}

/// `Set-Cookie` that removes the session cookie.
pub(crate) fn removed_session_cookie() -> String {
    format!(
        "{SESSION}=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=None; Secure"
    )
}

/// `Set-Cookie` of the CSRF token.
pub(crate) fn csrf_cookie(now: SystemTime) -> String {
    let age = 31_449_600;
    format!(
        "{CSRF}={}; expires={}; Max-Age={age}; Path=/; SameSite=Lax; Secure",
        random::alphanumeric(32),
        httpdate::fmt_http_date(now + Duration::from_secs(age)),
    )
}

/// `Set-Cookie` for the device of the login.
pub(crate) fn device_cookie(now: SystemTime) -> String {
    let age = 2_592_000;
    format!(
        "authentik_device={}; expires={}; Max-Age={age}; Path=/; SameSite=Lax",
        random::text(212),
        httpdate::fmt_http_date(now + Duration::from_secs(age)),
    )
}

/// `Set-Cookie` for the browser's logins: a signed token that only a browser needs.
pub(crate) fn user_switching_cookie(now: SystemTime) -> String {
    let age = 31_536_000;
    format!(
        "{USER_SWITCHING}={}; expires={}; HttpOnly; Max-Age={age}; Path=/; SameSite=None; Secure",
        random::text(193),
        httpdate::fmt_http_date(now + Duration::from_secs(age)),
    )
}

/// `Set-Cookie` that says that a second factor was checked recently.
pub(crate) fn mfa_cookie(value: &str, threshold: Duration, now: SystemTime) -> String {
    format!(
        "{MFA}={value}; expires={}; Max-Age={}; Path=/; SameSite=Lax",
        httpdate::fmt_http_date(now + threshold),
        threshold.as_secs(),
    )
}
