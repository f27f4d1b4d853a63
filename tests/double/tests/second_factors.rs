//! Second factors and enrolment, where no recording shows them.

mod client;

use std::time::{Duration, Instant};

use authentik_double::{Double, Flow, Phone, Validate};
use client::Client;
use serde_json::{Value, json};

/// Logs in up to the second factor and returns what the server shows then.
fn begin(client: &mut Client, slug: &str, user: &str) -> Value {
    client.answer(slug, &json!({"uid_field": user}));
    client
        .answer(slug, &json!({"password": "correct-horse"}))
        .json()
}

fn first_error(body: &Value) -> (String, String) {
    let errors = body["response_errors"].as_object().expect("errors");
    let (field, list) = errors.iter().next().expect("an error");
    let code = list[0]["code"].as_str().unwrap_or_default();
    (field.clone(), code.to_owned())
}

#[test]
fn codes_are_sent_when_selected_and_taken_once() {
    let double = Double::start();
    for user in ["gina", "ivan"] {
        let mut client = Client::new(&double);
        let shown = begin(&mut client, "linux-mfa", user);
        assert_eq!(double.last_code(user), None);
        let selected = json!({"selected_challenge": shown["device_challenges"][0]});
        let answer = client.answer("linux-mfa", &selected).json();
        assert_eq!(
            answer["response_errors"]["non_field_errors"][0]["string"],
            "Empty response"
        );
        let code = double.last_code(user).expect("no code was sent");
        let end = client.answer("linux-mfa", &json!({"code": format!(" {code} ")}));
        assert_eq!(end.component(), "xak-flow-redirect");
        assert_eq!(client.who().as_deref(), Some(user));

        let mut again = Client::new(&double);
        begin(&mut again, "linux-mfa", user);
        let answer = again.answer("linux-mfa", &json!({"code": code})).json();
        assert_eq!(
            first_error(&answer),
            ("code".to_owned(), "invalid".to_owned())
        );
    }
}

#[test]
fn a_push_blocks_until_the_phone_answers() {
    let double = Double::start();
    let pause = Duration::from_millis(150);
    double.world(|world| world.user_mut("duke").phone = Phone::Approve(pause));
    let mut client = Client::new(&double);
    begin(&mut client, "linux-mfa", "duke");
    let asked = Instant::now();
    client.answer("linux-mfa", &json!({"duo": 1}));
    assert!(asked.elapsed() >= pause);
    assert_eq!(client.who().as_deref(), Some("duke"));

    double.world(|world| world.user_mut("duke").phone = Phone::Deny(Duration::ZERO));
    let mut client = Client::new(&double);
    begin(&mut client, "linux-mfa", "duke");
    let answer = client.answer("linux-mfa", &json!({"duo": "1"})).json();
    assert_eq!(
        first_error(&answer),
        ("duo".to_owned(), "denied".to_owned())
    );
    assert_eq!(client.who(), None);
}

#[test]
fn a_phone_may_change_its_mind_while_the_push_waits() {
    let double = Double::start();
    double.world(|world| world.user_mut("duke").phone = Phone::Never);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            double.world(|world| {
                world.user_mut("duke").phone = Phone::Approve(Duration::ZERO);
            });
        });
        let mut client = Client::new(&double);
        begin(&mut client, "linux-mfa", "duke");
        client.answer("linux-mfa", &json!({"duo": 1}));
        assert_eq!(client.who().as_deref(), Some("duke"));
    });
}

#[test]
fn without_pause_nobody_waits() {
    let double = Double::builder().without_pause().start();
    let asked = Instant::now();
    let mut client = Client::new(&double);
    begin(&mut client, "pam-policy-timeout", "alice");
    assert_eq!(client.who().as_deref(), Some("alice"));
    let mut client = Client::new(&double);
    begin(&mut client, "linux-mfa", "zoe");
    client.answer("linux-mfa", &json!({"duo": 1}));
    assert_eq!(client.who().as_deref(), Some("zoe"));
    assert!(asked.elapsed() < Duration::from_secs(2));
}

#[test]
fn every_class_has_one_entry() {
    let double = Double::start();
    let shown = begin(&mut Client::new(&double), "linux-mfa", "zoe");
    let classes: Vec<&str> = shown["device_challenges"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|challenge| challenge["device_class"].as_str())
        .collect();
    assert_eq!(
        classes,
        ["static", "totp", "webauthn", "duo", "sms", "email"]
    );
}

#[test]
fn a_second_login_in_the_same_half_minute_needs_another_code() {
    let double = Double::start();
    for _ in 0..2 {
        let mut client = Client::new(&double);
        begin(&mut client, "linux-mfa", "bob");
        let code = double.totp_unused("bob");
        client.answer("linux-mfa", &json!({"code": code}));
        assert_eq!(client.who().as_deref(), Some("bob"));
    }
    double.advance(Duration::from_secs(90));
    let mut client = Client::new(&double);
    begin(&mut client, "linux-mfa", "bob");
    client.answer("linux-mfa", &json!({"code": double.totp_now("bob")}));
    assert_eq!(client.who().as_deref(), Some("bob"));
}

#[test]
fn a_recently_checked_user_is_not_asked_again() {
    let double = Double::start();
    let hour = Duration::from_secs(3600);
    double.world(|world| {
        let stage = Validate::new().last_auth_threshold(hour);
        world.add_flow(
            Flow::new("lately")
                .identification()
                .password()
                .bind(stage)
                .user_login(),
        );
    });
    let mut client = Client::new(&double);
    begin(&mut client, "lately", "carol");
    client.answer("lately", &json!({"code": "carol0000000"}));
    let mfa = client
        .cookies
        .get("authentik_mfa")
        .expect("the cookie")
        .clone();

    let mut again = Client::new(&double);
    again
        .cookies
        .insert("authentik_mfa".to_owned(), mfa.clone());
    begin(&mut again, "lately", "carol");
    assert_eq!(again.who().as_deref(), Some("carol"));

    let mut other = Client::new(&double);
    other
        .cookies
        .insert("authentik_mfa".to_owned(), mfa.clone());
    begin(&mut other, "lately", "bob");
    assert_eq!(
        other.who(),
        None,
        "the cookie of carol counts for another user"
    );

    double.advance(hour);
    let mut late = Client::new(&double);
    late.cookies.insert("authentik_mfa".to_owned(), mfa);
    begin(&mut late, "lately", "carol");
    assert_eq!(late.who(), None, "the cookie counts after an hour");
}

#[test]
fn each_class_but_one_can_be_set_up() {
    for (name, class) in [
        ("SMS code", "sms"),
        ("Mail code", "email"),
        ("Recovery codes", "static"),
        ("Duo push", "duo"),
        ("TOTP app", "totp"),
    ] {
        let double = Double::start();
        let mut client = Client::new(&double);
        let slug = "pam-mfa-enroll-all";
        let shown = begin(&mut client, slug, "alice");
        let stages = shown["configuration_stages"].as_array().expect("stages");
        let stage = stages
            .iter()
            .find(|stage| stage["name"] == name)
            .expect("the stage");
        let shown = client
            .answer(slug, &json!({"selected_stage": stage["pk"]}))
            .json();
        assert_eq!(
            shown["component"],
            format!("ak-stage-authenticator-{class}")
        );
        let answer = match class {
            "sms" => {
                let shown = client
                    .answer(slug, &json!({"phone_number": "+15550123"}))
                    .json();
                assert_eq!(shown["phone_number_required"], false);
                json!({"code": double.last_code("alice")})
            }
            "email" => json!({"code": double.last_code("alice")}),
            "totp" => {
                let url = shown["config_url"].as_str().expect("an address");
                let secret = url
                    .split("secret=")
                    .nth(1)
                    .and_then(|rest| rest.split('&').next());
                json!({"code": double.totp_of_secret(secret.expect("a secret"))})
            }
            _ => json!({}),
        };
        client.answer(slug, &answer);
        assert_eq!(client.who().as_deref(), Some("alice"), "{class}");
        double.world(|world| {
            let devices = &world.user("alice").devices;
            assert_eq!(devices.len(), 1, "{class}");
            assert_eq!(devices[0].class(), class);
        });
    }
}
