//! The endpoint stage and the enrolment of hosts, as authentik's source has them.

mod client;

use std::time::{SystemTime, UNIX_EPOCH};

use authentik_double::{
    Double, EnrolmentToken, Flow, HostDevice, HostToken, Policy, Stage, Token, Version,
};
use client::Client;
use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde_json::{Value, json};

const KEY: &str = "the-token-of-this-host";

/// The flows `optional` and `required`, and `racks`, which is for hosts of that group.
fn double(version: Version) -> Double {
    let double = Double::builder().version(version).start();
    double.world(|world| {
        let begin = |slug, required| Flow::new(slug).combined().bind(Stage::endpoint(required));
        for (slug, required) in [("optional", false), ("required", true)] {
            world.add_flow(begin(slug, required).user_login());
        }
        let elsewhere = Policy::check(|request| {
            let group = request.host.and_then(|host| host.access_group.as_deref());
            group != Some("racks")
        });
        let racks = begin("racks", false).deny("not here").only_if(elsewhere);
        world.add_flow(racks.user_login());
        world.add_host(HostDevice::new("this", KEY).access_group("racks"));
        world.add_host(HostDevice::new("other", "another-token"));
    });
    double
}

/// Goes as far as the endpoint stage, and gives back its challenge.
fn begin(client: &mut Client, slug: &str) -> String {
    let answer = json!({"uid_field": "alice", "password": "correct-horse"});
    let shown = client.answer(slug, &answer).json();
    assert_eq!(shown["component"], "ak-stage-endpoint-agent", "{shown}");
    shown["challenge"].as_str().expect("a challenge").to_owned()
}

fn claims(challenge: &str) -> Value {
    json!({"iss": "this", "aud": "goauthentik.io/platform/endpoint", "atc": challenge})
}

fn token(header: &Value, claims: &Value, key: &str) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let text = format!("{}.{}", part(header), part(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA512, key.as_bytes());
    let signature = hmac::sign(&key, text.as_bytes());
    format!("{text}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

fn signed(claims: &Value, key: &str) -> String {
    token(&json!({"alg": "HS512", "typ": "JWT"}), claims, key)
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a time after 1970").as_secs()
}

/// How a flow goes on after `response`: a component, or the words of an error.
fn outcome(double: &Double, slug: &str, response: impl FnOnce(&str) -> Value) -> String {
    let mut client = Client::new(double);
    let challenge = begin(&mut client, slug);
    let answer = client.answer(slug, &response(&challenge)).json();
    let error = &answer["response_errors"]["response"][0]["string"];
    let word = error.as_str().or(answer["component"].as_str());
    word.unwrap_or_default().to_owned()
}

const IN: &str = "xak-flow-redirect";
const DENIED: &str = "ak-stage-access-denied";
const INVALID: &str = "Invalid challenge response";

#[test]
fn the_right_token_is_the_host() {
    for version in [Version::V2025_12, Version::V2026_8] {
        let double = double(version);
        for slug in ["optional", "required", "racks"] {
            let end = outcome(
                &double,
                slug,
                |challenge| json!({"response": signed(&claims(challenge), KEY)}),
            );
            assert_eq!(end, IN, "{slug}");
        }
    }
}

#[test]
fn an_empty_answer_is_enough_for_an_optional_stage() {
    let double = double(Version::V2026_8);
    for answer in [json!({"response": null}), json!({})] {
        for (slug, end) in [("optional", IN), ("required", DENIED), ("racks", DENIED)] {
            assert_eq!(outcome(&double, slug, |_| answer.clone()), end, "{slug}");
        }
    }
    let blank = outcome(&double, "optional", |_| json!({"response": ""}));
    assert_eq!(blank, "This field may not be blank.");
    let crash = outcome(&double, "optional", |_| json!({"response": "x.y.z"}));
    assert_eq!(crash, "ak-stage-flow-error");
}

type Change = fn(&mut Value);

#[test]
fn a_token_with_anything_wrong_is_refused() {
    let double = double(Version::V2026_8);
    let changes: &[(Change, &str)] = &[
        (|claims| claims["iss"] = json!("other"), INVALID),
        (|claims| claims["iss"] = json!("nobody"), INVALID),
        (|claims| claims["aud"] = json!("somebody"), INVALID),
        (|claims| claims["aud"] = Value::Null, INVALID),
        (|claims| claims["atc"] = json!("earlier"), INVALID),
        (|claims| claims["iat"] = json!(now() + 86_400), INVALID),
        (|claims| claims["nbf"] = json!(now() + 86_400), INVALID),
        (|claims| claims["exp"] = json!(now() - 60), INVALID),
        (|claims| claims["iat"] = json!(now() - 86_400), IN),
        (|claims| claims["exp"] = json!(now() + 60), IN),
        (
            |claims| claims["aud"] = json!(["x", "goauthentik.io/platform/endpoint"]),
            IN,
        ),
    ];
    for (change, end) in changes {
        let mut shown = Value::Null;
        let seen = outcome(&double, "optional", |challenge| {
            let mut claims = claims(challenge);
            change(&mut claims);
            shown = claims.clone();
            json!({"response": signed(&claims, KEY)})
        });
        assert_eq!(seen, *end, "{shown}");
    }
    for (key, algorithm) in [("wrong", "HS512"), (KEY, "HS256"), (KEY, "none")] {
        let seen = outcome(&double, "optional", |challenge| {
            let header = json!({"alg": algorithm});
            json!({"response": token(&header, &claims(challenge), key)})
        });
        assert_eq!(seen, INVALID, "{key} {algorithm}");
    }
}

#[test]
fn an_answer_is_for_one_challenge_of_one_session() {
    let double = double(Version::V2026_8);
    let mut earlier = Client::new(&double);
    let challenge = begin(&mut earlier, "required");
    let answer = json!({"response": signed(&claims(&challenge), KEY)});
    assert_eq!(outcome(&double, "required", |_| answer.clone()), INVALID);
    // A refused answer brings another challenge.
    let wrong = json!({"response": signed(&claims("x"), KEY)});
    earlier.answer("required", &wrong);
    let again = earlier.answer("required", &answer).json();
    assert_ne!(again["challenge"], challenge);
    let second = again["challenge"].as_str().expect("a challenge");
    let answer = json!({"response": signed(&claims(second), KEY)});
    assert_eq!(earlier.answer("required", &answer).component(), IN);
}

#[test]
fn a_host_that_is_gone_or_has_no_token_proves_nothing() {
    let ends = |change: fn(&mut HostDevice)| {
        let double = double(Version::V2026_8);
        double.world(|world| change(&mut world.hosts[0]));
        ["optional", "required"].map(|slug| {
            outcome(
                &double,
                slug,
                |challenge| json!({"response": signed(&claims(challenge), KEY)}),
            )
        })
    };
    assert_eq!(ends(|host| host.expired = true), [INVALID; 2]);
    assert_eq!(ends(|host| host.identifier = "x".into()), [INVALID; 2]);
    assert_eq!(ends(|host| host.tokens.clear()), [IN, DENIED]);
    assert_eq!(
        ends(|host| host.tokens[0].connector = "another".into()),
        [IN, DENIED]
    );
    let double = double(Version::V2026_8);
    double.world(|world| world.add_token(Token::new("admin", "akadmin")));
    let uuid = double.world(|world| world.hosts[0].uuid.clone());
    let path = format!("/api/v3/endpoints/devices/{uuid}/");
    let mut client = Client::new(&double);
    let admin = ("authorization", "Bearer admin");
    let delete = |client: &mut Client| client.send("DELETE", &path, &[admin], None);
    assert_eq!(delete(&mut client).expect("an answer").status, 204);
    assert_eq!(delete(&mut client).expect("an answer").status, 404);
    assert_eq!(double.world(|world| world.hosts.len()), 1);
}

const ENROL: &str = "/api/v3/endpoints/agents/connectors/enroll/";
const CONFIG: &str = "/api/v3/endpoints/agents/connectors/agent_config/";

fn enrol(double: &Double, key: &str, body: &Value) -> (u16, Value) {
    let authorization = format!("Bearer {key}");
    let headers = [("authorization", authorization.as_str())];
    let body = body.to_string();
    let mut client = Client::new(double);
    let answer = client.send("POST", ENROL, &headers, Some(body.as_bytes()));
    let answer = answer.expect("an answer");
    (answer.status, answer.json())
}

fn config(double: &Double, authorization: &str) -> (u16, Value) {
    let headers = [("authorization", authorization)];
    let answer = Client::new(double).send("GET", CONFIG, &headers, None);
    let answer = answer.expect("an answer");
    (answer.status, answer.json())
}

#[test]
fn a_host_is_enrolled_and_a_second_time_its_token_is_replaced() {
    let double = double(Version::V2025_12);
    double.world(|world| {
        let mut token = EnrolmentToken::new("enrol-key");
        token.access_group = Some("racks".into());
        world.enrolment_tokens.push(token);
        let mut token = EnrolmentToken::new("old-key");
        token.expired = true;
        world.enrolment_tokens.push(token);
        let mut token = EnrolmentToken::new("off-key");
        token.connector = "off".into();
        world.enrolment_tokens.push(token);
        world.disabled_connectors.insert("off".into());
    });
    let fields = json!({"device_serial": "new-host", "device_name": "New host"});
    for key in ["wrong", "old-key", "off-key"] {
        assert_eq!(enrol(&double, key, &fields).0, 403, "{key}");
    }
    let (status, complaints) = enrol(&double, "enrol-key", &json!({"device_serial": " "}));
    assert_eq!(status, 400);
    assert_eq!(
        complaints,
        json!({
            "device_serial": ["This field may not be blank."],
            "device_name": ["This field is required."],
        })
    );
    let first = enrol(&double, "enrol-key", &fields);
    let second = enrol(&double, "enrol-key", &fields);
    assert_eq!((first.0, second.0), (200, 200));
    let token = |answer: &Value| answer["token"].as_str().expect("a token").to_owned();
    let (first, second) = (token(&first.1), token(&second.1));
    assert_eq!(config(&double, &format!("Bearer+agent {first}")).0, 403);
    assert_eq!(config(&double, &format!("Bearer {second}")).0, 403);
    let (status, found) = config(&double, &format!("Bearer+agent {second}"));
    assert_eq!(status, 200);
    let host = double.world(|world| world.hosts.last().cloned());
    let host = host.expect("a host");
    assert_eq!(found["device_id"], host.uuid.as_str());
    assert_eq!((host.name.as_str(), host.tokens.len()), ("New host", 1));
    assert_eq!(host.access_group.as_deref(), Some("racks"));
    // The token of another connector stays.
    double.world(|world| {
        let other = HostToken {
            connector: "other".into(),
            key: "other-key".into(),
        };
        world.hosts.last_mut().expect("a host").tokens.push(other);
    });
    enrol(&double, "enrol-key", &fields);
    assert_eq!(config(&double, "Bearer+agent other-key").0, 200);
    double.world(|world| world.disabled_connectors.insert("other".into()));
    assert_eq!(config(&double, "Bearer+agent other-key").0, 403);
}

#[test]
fn before_2025_12_there_is_no_such_api() {
    let double = double(Version::V2025_10);
    let fields = json!({"device_serial": "x", "device_name": "x"});
    assert_eq!(config(&double, &format!("Bearer+agent {KEY}")).0, 404);
    assert_eq!(enrol(&double, "enrol-key", &fields).0, 404);
}
