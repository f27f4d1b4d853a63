//! The components that are not answered, each with its reason.

use crate::error::LoginError;

/// What a terminal cannot do.
const BROWSER: &str = "one of its steps needs a web browser";
const SECURITY_KEY: &str = "a security key needs a web browser";
/// What this version cannot do.
const NOT_YET: &str = "one of its steps is more than this version of the module can do";
const UNKNOWN: &str = "one of its steps is unknown to the module";

/// Every component that authentik sends and that no stage here answers.
pub(super) const REFUSED: [(&str, &str); 22] = [
    ("ak-stage-captcha", BROWSER),
    ("ak-stage-authenticator-webauthn", SECURITY_KEY),
    ("xak-flow-shell", BROWSER),
    ("xak-flow-frame", BROWSER),
    ("ak-stage-autosubmit", BROWSER),
    ("ak-source-plex", BROWSER),
    ("ak-source-oauth-apple", BROWSER),
    ("ak-source-telegram", BROWSER),
    ("ak-provider-oauth2-device-code", BROWSER),
    ("ak-provider-oauth2-device-code-finish", BROWSER),
    ("ak-provider-saml-native-logout", BROWSER),
    ("ak-provider-iframe-logout", BROWSER),
    (
        "ak-stage-session-end",
        "it ends a session instead of beginning one",
    ),
    ("ak-stage-consent", NOT_YET),
    ("ak-stage-prompt", NOT_YET),
    ("ak-stage-authenticator-totp", NOT_YET),
    ("ak-stage-authenticator-static", NOT_YET),
    ("ak-stage-authenticator-sms", NOT_YET),
    ("ak-stage-authenticator-email", NOT_YET),
    ("ak-stage-authenticator-duo", NOT_YET),
    ("ak-stage-email", NOT_YET),
    ("ak-stage-endpoint-agent", NOT_YET),
];

/// The refusal of a component that cannot be answered.
pub(super) fn refuse(component: &str) -> LoginError {
    let reason = REFUSED
        .iter()
        .find(|(name, _)| *name == component)
        .map_or(UNKNOWN, |(_, reason)| reason);
    LoginError::Unsupported {
        component: component.to_owned(),
        reason,
    }
}
