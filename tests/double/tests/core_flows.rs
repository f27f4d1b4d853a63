//! The flows on which all others build, over real TLS.

mod client;

use authentik_double::Double;
use client::{Client, executor};
use serde_json::json;

#[test]
fn name_and_password_log_in() {
    let double = Double::start();
    let mut client = Client::new(&double);
    let first = client.get(&executor("linux-login"));
    assert_eq!(first.component(), "ak-stage-identification");
    let second = client.answer("linux-login", &json!({"uid_field": "ALICE"}));
    assert_eq!(second.component(), "ak-stage-password");
    assert_eq!(second.json()["pending_user"], "alice");
    assert_eq!(client.who(), None);
    let end = client.answer("linux-login", &json!({"password": "correct-horse"}));
    assert_eq!(
        end.json(),
        json!({"component": "xak-flow-redirect", "to": "/"})
    );
    assert_eq!(client.who().as_deref(), Some("alice"));
    assert_eq!(double.active_sessions("alice"), 1);
    assert_eq!(double.connections(), 1);
    assert!(double.requests().iter().all(|seen| seen.status != 0));
    client.get(&executor("default-invalidation-flow"));
    assert_eq!(double.active_sessions("alice"), 0);
}

#[test]
fn a_second_factor_is_wanted_and_taken_once() {
    let double = Double::start();
    let mut client = Client::new(&double);
    client.answer("linux-mfa", &json!({"uid_field": "bob"}));
    let challenge = client.answer("linux-mfa", &json!({"password": "correct-horse"}));
    assert_eq!(challenge.component(), "ak-stage-authenticator-validate");
    let code = double.totp_now("bob");
    client.answer("linux-mfa", &json!({"code": code}));
    assert_eq!(client.who().as_deref(), Some("bob"));
    assert_ne!(double.totp_unused("bob"), code);
}

#[test]
fn no_dangerous_flow_is_a_login_of_the_person_who_asked() {
    let double = Double::start();
    for slug in [
        "danger-empty",
        "danger-no-login",
        "danger-login-skipped",
        "danger-continue",
    ] {
        let mut client = Client::new(&double);
        client.answer(slug, &json!({"uid_field": "alice"}));
        let end = client.answer(slug, &json!({"password": "correct-horse"}));
        assert_eq!(end.component(), "xak-flow-redirect", "{slug}");
        assert_eq!(client.who(), None, "{slug}");
    }
}
