//! Passkeys: a key that finds its own credential.

use super::{
    ANYWHERE, ASK_PIN, PIN, RP_ID, credential, ends_in, expect, kay, logged, required, settings,
    with_flow, with_pin,
};
use crate::bench::{Bench, PASSWORD};
use authentik_double::{Device, Double, Flow, Identification, User, Version};
use pam_harness::virtual_key::{Credential, Event, Settings, VirtualKey};

#[test]
fn a_passkey_answers_where_no_credential_is_named() {
    pam_harness::require_isolation!();
    let credential = credential().passkey();
    let other = Credential::new(RP_ID, "somebody").passkey();
    let passwordless = Flow::new("key").bind(required()).user_login();
    let bench = with_flow(passwordless, &[&credential]).section(ALLOWED);
    for credentials in [
        vec![credential.clone()],
        vec![credential.clone(), other.clone()],
        vec![other.clone(), credential.clone()],
    ] {
        let key = VirtualKey::plug_in(Settings {
            credentials,
            ..with_pin(&credential)
        });
        let outcome = kay(&bench, &[&key]).answer_secret(PIN).authenticate().run();
        expect(&outcome, "PAM_SUCCESS", &[ASK_PIN]);
    }
}

const ALLOWED: &str = "[security_key]\nwhere = \"any\"\npasskey = true";
/// The prompt at an identification stage that accepts passkeys.
const PASSKEY: &str = "PIN of your security key (then touch it), or Enter to go on without it: ";

/// A flow that can start with a passkey, and kay, who has one.
fn passkey_bench(credential: &Credential) -> Bench {
    let device = Device::security_key(&credential.id, &credential.point());
    let user = User::new("kay").device(device);
    let identification = Identification::new().with_passkey();
    let flow = Flow::new("key").bind(identification).user_login();
    let with_password = Flow::new("both")
        .bind(Identification::new().with_passkey())
        .password()
        .user_login();
    let builder = Double::builder().version(Version::V2026_8).without_pause();
    Bench::with(builder.world(move |world| {
        world.add_user(user);
        world.add_flow(flow);
        world.add_flow(with_password);
    }))
}

#[test]
fn a_passkey_stands_in_the_place_of_a_name_where_the_person_is_verified() {
    pam_harness::require_isolation!();
    let credential = credential().passkey();
    let plug_in = || VirtualKey::plug_in(with_pin(&credential));
    let bench = passkey_bench(&credential).section(ALLOWED);
    let outcome = kay(&bench, &[&plug_in()])
        .answer_secret(PIN)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[PASSKEY]);
    assert!(!bench.was_sent("uid_field"));
    // A wrong PIN, then the right one.
    let again = format!("That PIN was wrong. 7 tries are left.\n{PASSKEY}");
    let outcome = kay(&bench, &[&plug_in()])
        .answer_secret("9999")
        .answer_secret(PIN)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[PASSKEY, &again]);
    // A key that verifies users itself.
    let own = VirtualKey::plug_in(Settings {
        own_verification: true,
        ..settings(&credential)
    });
    let outcome = kay(&bench, &[&own])
        .answer_visible("")
        .expecting("Log in with your security key? Touch it after your answer. [Y/n]")
        .authenticate()
        .run();
    ends_in(&outcome, "PAM_SUCCESS");
    // A key that cannot verify users proves nothing, and is not asked.
    let touch_alone = VirtualKey::plug_in(settings(&credential));
    let outcome = kay(&bench, &[&touch_alone]).authenticate().run();
    expect(&outcome, "PAM_AUTH_ERR", &[]);
    assert!(!touch_alone.events().contains(&Event::Blinks));
    // Without the configuration's permission no key is asked either.
    let bench = passkey_bench(&credential).section(ANYWHERE);
    let outcome = kay(&bench, &[&plug_in()]).authenticate().run();
    expect(&outcome, "PAM_AUTH_ERR", &[]);
}

#[test]
fn without_a_passkey_the_password_is_asked_and_a_foreign_one_fails() {
    pam_harness::require_isolation!();
    let credential = credential().passkey();
    let bench = passkey_bench(&credential)
        .section(ALLOWED)
        .top("flow = \"both\"");
    let key = VirtualKey::plug_in(with_pin(&credential));
    let outcome = kay(&bench, &[&key])
        .answer_secret("")
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[PASSKEY, "Password: "]);
    // A key that the server does not know is refused by the server, and does not count as a
    // wrong password.
    let strange = VirtualKey::plug_in(with_pin(&self::credential().passkey()));
    let outcome = kay(&bench, &[&strange])
        .answer_secret(PIN)
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[PASSKEY, "Password: "]);
    // kay's passkey logs in only kay.
    let outcome = bench
        .pam_for("sudo", "both")
        .rhost("")
        .security_key(&key)
        .user("alice")
        .answer_secret(PIN)
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    ends_in(&outcome, "PAM_AUTH_ERR");
    logged(&outcome, "the flow logged in another user: kay");
}
