//! One flow for each component that a terminal cannot handle. The component follows the
//! identification.

use serde_json::{Value, json};

use crate::flow::{Enrolment, Flow, Identification, Stage};

pub(super) fn flows() -> Vec<Flow> {
    let mut flows: Vec<Flow> = bodies()
        .into_iter()
        .map(|(component, mut body, pending_user)| {
            body["component"] = json!(component);
            flow(
                component,
                Stage::Raw {
                    challenge: body,
                    pending_user,
                },
            )
        })
        .collect();
    flows.push(flow("ak-stage-captcha", Stage::Captcha));
    flows.push(flow(
        "ak-stage-authenticator-webauthn",
        Enrolment::Webauthn.into(),
    ));
    flows.push(
        Flow::new("component-ak-stage-identification-captcha")
            .bind(Identification::new().with_password().with_captcha())
            .user_login()
            .describe("identification with a captcha in it", &["alice"]),
    );
    flows
}

fn flow(component: &str, stage: Stage) -> Flow {
    Flow::new(&format!("component-{component}"))
        .identification()
        .bind(stage)
        .password()
        .user_login()
        .describe(&format!("sends {component}"), &["alice"])
}

/// Each component with a plausible body, and whether it carries the pending user.
fn bodies() -> Vec<(&'static str, Value, bool)> {
    vec![
        (
            "xak-flow-shell",
            json!({"body": "<p>Please enable <b>JavaScript</b>.</p>"}),
            false,
        ),
        (
            "xak-flow-frame",
            json!({
                "url": "https://example.com/frame",
                "loading_overlay": true,
                "loading_text": "Please wait",
            }),
            false,
        ),
        (
            "ak-stage-autosubmit",
            json!({
                "url": "https://example.com/sso",
                "attrs": {"SAMLRequest": "fVLLTsMwEPwVy", "RelayState": "xyz"},
                "title": "Redirecting",
            }),
            false,
        ),
        (
            "ak-source-plex",
            json!({"client_id": "plex-client", "slug": "plex"}),
            false,
        ),
        (
            "ak-source-oauth-apple",
            json!({
                "client_id": "com.example.login",
                "scope": "name email",
                "redirect_uri": "https://example.com/source/oauth/callback/apple/",
                "state": "state",
            }),
            false,
        ),
        (
            "ak-source-telegram",
            json!({"bot_username": "example_bot", "request_message_access": false}),
            false,
        ),
        ("ak-provider-oauth2-device-code", json!({}), false),
        ("ak-provider-oauth2-device-code-finish", json!({}), false),
        (
            "ak-provider-saml-native-logout",
            json!({
                "post_url": "https://example.com/slo",
                "redirect_url": "https://example.com/",
                "saml_binding": "post",
                "saml_request": "fVLLTsMwEPwVy",
                "provider_name": "example",
                "is_complete": false,
            }),
            false,
        ),
        (
            "ak-provider-iframe-logout",
            json!({"logout_urls": [{"url": "https://example.com/logout"}]}),
            false,
        ),
        (
            "ak-stage-session-end",
            json!({
                "application_name": "linux",
                "application_launch_url": null,
                "invalidation_flow_url": null,
                "brand_name": "authentik",
            }),
            true,
        ),
        (
            "ak-stage-endpoint-agent",
            json!({"challenge": "c2lnbiBtZQ", "challenge_idle_timeout": 5}),
            false,
        ),
    ]
}
