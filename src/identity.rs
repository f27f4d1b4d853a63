//! Whose session is this?
//!
//! `xak-flow-redirect` ends a login, and also an empty flow, a flow that was
//! denied with the action *continue*, and one without a user-login stage. So the module
//! asks the server whose session it is, and refuses if anything is in doubt.

use std::time::Duration;

use serde::Deserialize;

use crate::config::AccountKind;
use crate::error::LoginError;
use crate::fault::ServerFault;
use crate::flow::FlowEnd;
use crate::http::{Answer, Transport, uncached};
use crate::json::Object;
use crate::text;

const USERS_ME: &str = "/api/v3/core/users/me/";

/// A user that the server has confirmed as the owner of the session: with exactly the
/// expected name, active, of an allowed type, not impersonated, and after a secret was
/// accepted.
///
/// Only [`confirm`] makes one. It is not yet a permission.
pub struct Identity {
    groups: Vec<Group>,
    uid: Option<String>,
    session_lifetime: Option<Duration>,
}

/// A group of authentik that the user belongs to, directly or through a
/// group below it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub pk: String,
}

impl Identity {
    /// The groups, with their ancestors.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How long the session lives that was confirmed, if the very answer that confirms it
    /// says so: what an earlier answer said was about the session before the login.
    #[must_use]
    pub fn session_lifetime(&self) -> Option<Duration> {
        self.session_lifetime
    }

    /// What authentik calls the person, whatever their name is; `None` if it does not say.
    #[must_use]
    pub fn uid(&self) -> Option<&str> {
        self.uid.as_deref()
    }
}

#[derive(Deserialize)]
struct Me {
    user: Object<User>,
    /// Present beside `user` if somebody impersonates them; any value but null counts.
    #[serde(default, deserialize_with = "is_not_null")]
    original: bool,
}

#[derive(Deserialize)]
struct User {
    username: String,
    is_active: bool,
    /// Since 2026.8, which can switch between several users of one browser: whether
    /// requests act for this one. Anything but `true` is a doubt.
    #[serde(default = "yes", deserialize_with = "is_true")]
    is_current: bool,
    #[serde(rename = "type")]
    kind: String,
    groups: Vec<Object<Group>>,
    #[serde(default)]
    uid: Option<String>,
}

fn yes() -> bool {
    true
}

/// `true` only for the value `true`.
fn is_true<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)? == Some(true))
}

/// `true` for a field that is present and not null.
fn is_not_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<serde::de::IgnoredAny>::deserialize(deserializer)?.is_some())
}

/// Asks the server whose session it is. The user must be exactly `expected`, and of one
/// of `types`.
///
/// # Errors
/// Everything that is in doubt: nobody or somebody else is logged in, no secret was
/// accepted, the account is inactive, impersonated or of another type, or a field is
/// missing in the answer.
pub fn confirm(
    transport: &mut dyn Transport,
    end: &FlowEnd,
    expected: &str,
    types: &[AccountKind],
) -> Result<Identity, LoginError> {
    let answer = transport.get(&uncached(USERS_ME))?;
    let me = read(&answer)?;
    let Object(user) = me.user;
    if me.original {
        return Err(LoginError::Impersonated);
    }
    // The identification stage ignores case: for "ALICE" authentik logs alice in.
    if user.username != expected {
        return Err(LoginError::SomebodyElse {
            actual: text::one_line(&user.username, 128),
        });
    }
    if !user.is_current {
        return Err(LoginError::NotCurrent);
    }
    if !end.secret_was_accepted() {
        return Err(LoginError::NoSecretAccepted);
    }
    if !user.is_active {
        return Err(LoginError::Inactive);
    }
    if !types.iter().any(|kind| kind.as_str() == user.kind) {
        return Err(LoginError::AccountType {
            actual: text::one_line(&user.kind, 40),
        });
    }
    Ok(Identity {
        groups: user.groups.into_iter().map(|Object(group)| group).collect(),
        uid: user.uid,
        session_lifetime: answer.session_lifetime,
    })
}

fn read(answer: &Answer) -> Result<Me, LoginError> {
    match answer.status {
        200 if !answer.is_json => Err(ServerFault::UnexpectedAnswer(
            "its Content-Type is not application/json".into(),
        )
        .into()),
        200 => serde_json::from_slice(&answer.body)
            .map(|Object(me)| me)
            .map_err(|_| {
                ServerFault::UnexpectedAnswer("it does not name the user of the session".into())
                    .into()
            }),
        401 | 403 => Err(LoginError::NobodyLoggedIn),
        // Measured: what it says of the session of an account that was deactivated.
        400 => Err(LoginError::SessionRefused),
        _ => Err(answer.fault_of_status().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_proves_the_owner_of_the_session() {
        let body =
            r#"{"user":{"username":"alice","is_active":true,"type":"internal","groups":[]}}"#;
        let answer = |is_json| Answer {
            status: 200,
            is_json,
            body: body.as_bytes().to_vec().into(),
            ..Answer::default()
        };
        assert!(read(&answer(true)).is_ok());
        let refused = read(&answer(false)).err().unwrap().to_string();
        assert!(refused.contains("Content-Type"), "{refused}");
    }
}
