//! The components that the module does not answer, each with the reason.

use crate::error::{LoginError, Obstacle};

/// All components of authentik that no stage here answers.
const REFUSED: [(&str, Obstacle); 12] = [
    ("ak-stage-captcha", Obstacle::Browser),
    ("xak-flow-shell", Obstacle::Browser),
    ("xak-flow-frame", Obstacle::Browser),
    ("ak-stage-autosubmit", Obstacle::Browser),
    ("ak-source-plex", Obstacle::Browser),
    ("ak-source-oauth-apple", Obstacle::Browser),
    ("ak-source-telegram", Obstacle::Browser),
    ("ak-provider-oauth2-device-code", Obstacle::Browser),
    ("ak-provider-oauth2-device-code-finish", Obstacle::Browser),
    ("ak-provider-saml-native-logout", Obstacle::Browser),
    ("ak-provider-iframe-logout", Obstacle::Browser),
    ("ak-stage-session-end", Obstacle::EndsSession),
];

/// The refusal of a component that cannot be answered.
pub(super) fn refuse(component: &str) -> LoginError {
    let reason = REFUSED
        .iter()
        .find(|(name, _)| *name == component)
        .map_or(Obstacle::Unknown, |(_, reason)| reason.clone());
    LoginError::Unsupported {
        component: component.to_owned(),
        reason,
    }
}
