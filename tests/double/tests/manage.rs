//! The part of the API with which administrators create objects.

mod client;

use authentik_double::{Double, Token, Version};
use client::Client;
use serde_json::{Value, json};

const ADMIN: &str = "the-token-of-the-administrator";

fn double(version: Version) -> Double {
    let double = Double::builder().version(version);
    double
        .world(|world| world.add_token(Token::new(ADMIN, "akadmin")))
        .start()
}

fn administrator(double: &Double) -> Client {
    let mut client = Client::new(double);
    client
        .headers
        .push(("authorization".to_owned(), format!("Bearer {ADMIN}")));
    client
}

fn post(client: &mut Client, path: &str, body: Value) -> (u16, Value) {
    let answer = client.post(&format!("/api/v3/{path}/"), &body);
    (answer.status, answer.json())
}

fn delete(client: &mut Client, path: &str) -> u16 {
    let path = format!("/api/v3/{path}/");
    client
        .send("DELETE", &path, &[], None)
        .expect("an answer")
        .status
}

#[test]
fn missing_and_unknown_fields_of_a_body_are_refused() {
    for version in Version::ENDS {
        let double = double(version);
        let mut client = administrator(&double);
        let (status, complaints) = post(&mut client, "core/users", json!({"name": "New"}));
        assert_eq!(status, 400);
        assert_eq!(complaints, json!({"username": ["This field is required."]}));
        let user = json!({"name": "New", "username": "new", "active": true});
        let (status, complaints) = post(&mut client, "core/users", user);
        assert_eq!(status, 400);
        assert!(complaints["active"][0].is_string(), "{complaints}");
        let taken = json!({"name": "New", "username": "alice"});
        let (status, complaints) = post(&mut client, "core/users", taken);
        assert_eq!(status, 400);
        let unique = json!({"username": ["This field must be unique."]});
        assert_eq!(complaints, unique);
        let nowhere = "00000000-0000-0000-0000-000000000000";
        let binding = json!({"target": nowhere, "stage": nowhere, "order": 0});
        let (status, complaints) = post(&mut client, "flows/bindings", binding);
        assert_eq!(status, 400, "{complaints}");
        let (status, _) = post(
            &mut client,
            "policies/expression",
            json!({"name": "p", "expression": "import os"}),
        );
        assert_eq!(status, 400);
    }
}

#[test]
fn a_flow_that_is_bound_together_logs_in_until_it_is_taken_away() {
    for version in Version::ENDS {
        let double = double(version);
        let mut client = administrator(&double);
        let mut make = |path: &str, body: Value| {
            let (status, made) = post(&mut client, path, body);
            assert_eq!(status, 201, "{path}: {made}");
            made["pk"].clone()
        };
        let flow =
            json!({"name": "f", "slug": "mine", "title": "F", "designation": "authentication"});
        let flow = make("flows/instances", flow);
        let name = json!({"name": "i", "user_fields": ["username"]});
        let password = json!({"name": "p", "backends": ["authentik.core.auth.InbuiltBackend"]});
        let stages = [
            make("stages/identification", name),
            make("stages/password", password),
            make("stages/user_login", json!({"name": "l"})),
        ];
        for (order, stage) in (0..).zip(&stages) {
            let binding = json!({"target": flow, "stage": stage, "order": order});
            make("flows/bindings", binding);
        }
        let mut person = Client::new(&double);
        person.get(&client::executor("mine"));
        person.answer("mine", &json!({"uid_field": "alice"}));
        person.answer("mine", &json!({"password": "correct-horse"}));
        assert_eq!(person.who().as_deref(), Some("alice"));
        assert_eq!(delete(&mut client, "flows/instances/mine"), 204);
        assert_eq!(delete(&mut client, "flows/instances/mine"), 404);
        assert_eq!(person.get(&client::executor("mine")).status, 404);
    }
}

#[test]
fn only_a_superuser_with_a_token_makes_things() {
    let double = double(Version::V2026_8);
    let body = json!({"name": "g"});
    let mut nobody = Client::new(&double);
    assert_eq!(post(&mut nobody, "core/groups", body.clone()).0, 403);
    let mut alice = Client::new(&double);
    let token = "Bearer alice-api-token".to_owned();
    alice.headers.push(("authorization".to_owned(), token));
    assert_eq!(post(&mut alice, "core/groups", body.clone()).0, 405);
    assert_eq!(
        post(&mut administrator(&double), "core/groups", body).0,
        201
    );
}

/// A worker of authentik creates it after the outpost, so a client must ask again.
#[test]
fn the_token_of_an_outpost_is_there_a_moment_later() {
    let double = double(Version::V2025_10);
    let mut client = administrator(&double);
    let mut make = |path: &str, body: Value| {
        let (status, made) = post(&mut client, path, body);
        assert_eq!(status, 201, "{path}: {made}");
        made
    };
    let flow = json!({"name": "f", "slug": "f", "title": "F", "designation": "authorization"});
    let flow = make("flows/instances", flow)["pk"].clone();
    let provider = json!({"name": "p", "authorization_flow": flow, "invalidation_flow": flow});
    let provider = make("providers/ldap", provider)["pk"].clone();
    let outpost = json!({"name": "o", "type": "ldap", "providers": [provider], "config": {}});
    let outpost = make("outposts/instances", outpost);
    let identifier = outpost["token_identifier"].as_str().expect("an identifier");
    let path = format!("/api/v3/core/tokens/{identifier}/view_key/");
    assert_eq!(client.get(&path).status, 404);
    let key = client.get(&path).json()["key"].clone();
    assert!(key.is_string());
    let users = double.world(|world| world.users.len());
    let pk = outpost["pk"].as_str().expect("a uuid");
    assert_eq!(
        delete(&mut client, &format!("outposts/instances/{pk}")),
        204
    );
    assert_eq!(double.world(|world| world.users.len()), users - 1);
    assert_eq!(client.get(&path).status, 404);
}
