//! PINs: when one is required, how it reaches the key, and when no more are tried.

use super::{
    ASK_PIN, PIN, TOUCH, bench, credential, ends_in, expect, kay, log_in, logged, pins_given,
    required, settings, with_pin,
};
use crate::bench::PASSWORD;
use authentik_double::{Device, Validate};
use pam_harness::virtual_key::{Credential, Event, Settings, Touch, VirtualKey};
use std::time::Duration;

#[test]
fn a_pin_goes_to_the_key_by_both_protocols_and_by_the_token_of_ctap_2_0() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    for (protocols, token_permissions) in [
        (vec![1], true),
        (vec![2], true),
        (vec![2, 1], true),
        (vec![1], false),
        (vec![3, 1, 2], false),
    ] {
        let key = VirtualKey::plug_in(Settings {
            protocols: protocols.clone(),
            token_permissions,
            ..with_pin(&credential)
        });
        let outcome = log_in(&bench, &key, &[PIN]);
        expect(&outcome, "PAM_SUCCESS", &["Password: ", ASK_PIN]);
        assert!(key.events().contains(&Event::Touched), "{protocols:?}");
    }
    assert!(!bench.was_sent(PIN));
}

#[test]
fn a_wrong_pin_says_how_many_tries_are_left() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    let key = VirtualKey::plug_in(with_pin(&credential));
    let again = format!("That PIN was wrong. 7 tries are left.\n{ASK_PIN}");
    let outcome = log_in(&bench, &key, &["4712", PIN]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", ASK_PIN, &again]);
}

#[test]
fn three_wrong_pins_end_it_and_sudo_gets_no_more() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    let key = VirtualKey::plug_in(with_pin(&credential));
    let outcome = ["1111", "2222", "3333"]
        .iter()
        .fold(kay(&bench, &[&key]).answer_secret(PASSWORD), |pam, pin| {
            pam.answer_secret(pin)
        })
        .authenticate()
        .authenticate()
        .authenticate()
        .run();
    ends_in(&outcome, "PAM_MAXTRIES");
    assert_eq!(outcome.prompts().len(), 4, "{}", outcome.transcript());
    assert_eq!(pins_given(&key), 3);
}

#[test]
fn tries_are_left_for_elsewhere() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    let key = VirtualKey::plug_in(Settings {
        tries: 4,
        ..with_pin(&credential)
    });
    let outcome = log_in(&bench, &key, &["1111", PIN]);
    ends_in(&outcome, "PAM_MAXTRIES");
    logged(
        &outcome,
        "3 tries are left for the PIN of the security key, and pin_reserve keeps them",
    );
    // One try was used, and the right PIN was not tried.
    let outcome = log_in(&bench, &key, &[PIN]);
    ends_in(&outcome, "PAM_MAXTRIES");
}

#[test]
fn a_blocked_pin_ends_it() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]).section("pin_reserve = 0");
    let key = VirtualKey::plug_in(Settings {
        tries: 2,
        ..with_pin(&credential)
    });
    let one = format!("That PIN was wrong. One try is left.\n{ASK_PIN}");
    let outcome = log_in(&bench, &key, &["1111", "2222"]);
    expect(&outcome, "PAM_MAXTRIES", &["Password: ", ASK_PIN, &one]);
    logged(
        &outcome,
        "the PIN of the security key is blocked: the key must be reset",
    );
}

#[test]
fn verification_that_is_required_needs_a_pin() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    let key = VirtualKey::plug_in(settings(&credential));
    let pam = kay(&bench, &[&key]).answer_secret(PASSWORD);
    let outcome = pam
        .answer_secret_to(
            "That security key has no PIN, and a PIN is required here.",
            "",
        )
        .answer_secret("")
        .answer_secret("")
        .authenticate()
        .run();
    ends_in(&outcome, "PAM_AUTH_ERR");
    logged(
        &outcome,
        "authentik requires user verification, and the security key has no PIN",
    );
    assert!(!key.events().contains(&Event::Blinks));
    // A key that verifies users itself needs none.
    let key = VirtualKey::plug_in(Settings {
        own_verification: true,
        ..settings(&credential)
    });
    let outcome = log_in(&bench, &key, &[""]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
}

#[test]
fn a_key_that_always_verifies_gets_its_pin() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(Settings {
        always_verifies: true,
        ..with_pin(&credential)
    });
    let outcome = log_in(&bench, &key, &[PIN]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", ASK_PIN]);
}

#[test]
fn a_hidden_credential_shows_for_the_pin() {
    pam_harness::require_isolation!();
    let credential = credential().hidden();
    let other = self::credential();
    let bench = bench(Validate::new(), &[&other, &credential]);
    for protocols in [vec![1], vec![2]] {
        let key = VirtualKey::plug_in(Settings {
            protocols,
            max_list: 1,
            ..with_pin(&credential)
        });
        let outcome = log_in(&bench, &key, &[PIN]);
        expect(&outcome, "PAM_SUCCESS", &["Password: ", ASK_PIN]);
    }
    // Another user's key with a PIN might have a hidden credential; this one has none.
    let key = VirtualKey::plug_in(with_pin(&self::credential()));
    let pam = kay(&bench, &[&key])
        .answer_secret(PASSWORD)
        .answer_secret(PIN);
    let outcome = pam
        .answer_secret_to("That security key is not set up for this account.", "")
        .abort()
        .authenticate()
        .run();
    assert!(outcome.code() != pam_harness::Code::PAM_SUCCESS);
    assert!(!key.events().contains(&Event::Blinks));
}

#[test]
fn with_two_keys_the_pin_goes_to_the_one_that_is_touched() {
    pam_harness::require_isolation!();
    let (one, other) = (credential(), credential());
    let bench = bench(required(), &[&one, &other]);
    let with = |credential: &Credential, pin: &str, touch| {
        VirtualKey::plug_in(Settings {
            pin: Some(pin.into()),
            touch,
            ..settings(credential)
        })
    };
    let idle = with(&one, "9999", Touch::Never);
    let touched = with(&other, PIN, Touch::After(Duration::from_millis(50)));
    let outcome = kay(&bench, &[&idle, &touched])
        .answer_secret(PASSWORD)
        .answer_secret(PIN)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["Password: ", ASK_PIN]);
    assert!(!idle.commands().contains(&6), "{:?}", idle.commands());
}

#[test]
fn a_password_is_not_a_pin_and_a_pin_is_not_a_code() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    let plug_in = || VirtualKey::plug_in(with_pin(&credential));
    // An application that answers every hidden prompt with the password.
    let key = plug_in();
    let outcome = kay(&bench, &[&key])
        .answer_every_secret(PASSWORD)
        .authenticate()
        .run();
    ends_in(&outcome, "PAM_MAXTRIES");
    assert_eq!(pins_given(&key), 0);
    // The password of the stack, which authentik never gets.
    let key = plug_in();
    let outcome = kay(&bench, &[&key])
        .preset_authtok("stack-password")
        .answer_secret(PASSWORD)
        .answer_secret("stack-password")
        .answer_secret_to("That was your password, not the PIN.", PIN)
        .authenticate()
        .run();
    ends_in(&outcome, "PAM_SUCCESS");
    assert_eq!(pins_given(&key), 1);
    // A PIN at the prompt of the menu.
    bench.double.world(|world| {
        let user = world.user_mut("kay");
        *user = user.clone().device(Device::totp(b"12345678901234567890"));
    });
    let key = plug_in();
    let outcome = kay(&bench, &[&key])
        .answer_secret(PASSWORD)
        .answer_secret_to("1) security key", "1")
        .answer_secret_to(ASK_PIN, "123456")
        .answer_secret_to(ASK_PIN, "")
        .answer_secret_to("1) security key", "123456")
        .abort()
        .expecting("That was the PIN of your security key, not a code. It was not sent.")
        .authenticate()
        .run();
    assert!(outcome.code() != pam_harness::Code::PAM_SUCCESS);
    assert!(!bench.was_sent("123456"));
}
