//! Flows that look like a login and are not one, or log in another user. A module that lets
//! somebody in through one of these has a security hole.

use serde_json::json;

use crate::flow::{Field, Flow, Policy, Prompt, UserLogin};

const ANYBODY: &[&str] = &["alice", "bob"];
const ELSEWHERE: &str = "https://example.com/";

fn asks(slug: &str) -> Flow {
    Flow::new(slug).identification().password()
}

pub(super) fn flows() -> Vec<Flow> {
    vec![
        Flow::new("danger-empty").describe("no stages at all", ANYBODY),
        Flow::new("danger-ident-only")
            .identification()
            .describe("the name alone, and nobody is logged in", ANYBODY),
        asks("danger-no-login").describe("the password, and nobody is logged in", ANYBODY),
        Flow::new("danger-login-without-secret")
            .identification()
            .user_login()
            .describe("the name alone, and the session is theirs", ANYBODY),
        Flow::new("danger-prompt-login")
            .identification()
            .bind(Prompt::new([
                Field::new("password", "password", "Favourite password"),
                Field::new("colour", "text", "Favourite colour").optional(),
            ]))
            .user_login()
            .describe("a form that looks like a secret and is none", ANYBODY),
        Flow::new("danger-consent-login")
            .identification()
            .consent()
            .user_login()
            .describe("consent in place of a secret", ANYBODY),
        asks("danger-login-skipped")
            .user_login()
            .only_if(Policy::deny())
            .describe("a policy skips the login stage", ANYBODY),
        asks("danger-continue")
            .user_login()
            .policy(Policy::deny())
            .continue_when_denied()
            .describe("denied, but the answer is a redirect", ANYBODY),
        Flow::new("danger-redirect-first")
            .redirect(ELSEWHERE)
            .identification()
            .password()
            .user_login()
            .describe("a redirect stage before anything", ANYBODY),
        Flow::new("danger-redirect-before-password")
            .identification()
            .redirect(ELSEWHERE)
            .password()
            .user_login()
            .describe("a redirect stage before the password", ANYBODY),
        asks("danger-redirect-after-password")
            .redirect(ELSEWHERE)
            .user_login()
            .describe("a redirect stage between password and login", ANYBODY),
        asks("danger-redirect-after-login")
            .user_login()
            .redirect(ELSEWHERE)
            .describe("a redirect stage behind the login", ANYBODY),
        asks("danger-login-then-deny")
            .user_login()
            .deny("Not you.")
            .describe("denied, though the session is theirs by now", ANYBODY),
        asks("danger-other-user")
            .bind(UserLogin::new().as_user("bob"))
            .describe("whoever it is, bob is logged in", &["alice", "frank"]),
        asks("danger-impersonated")
            .bind(UserLogin::new().impersonated_by("akadmin"))
            .describe("the session is an impersonation", ANYBODY),
        asks("danger-inactive")
            .bind(UserLogin::new().users_me(json!({"user": {"is_active": false}})))
            .describe("logged in, and not active", ANYBODY),
    ]
}
