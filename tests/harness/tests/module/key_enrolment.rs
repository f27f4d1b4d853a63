//! Security keys that are set up during a login: a virtual key creates the credential, and a
//! double verifies it as authentik does.

use authentik_double::{Device, DeviceKind, Double, Enrolment, Flow, Registration, User, Validate};
use pam_harness::Outcome;
use pam_harness::virtual_key::{
    Attestation, Credential, Event, Settings, Touch, Value, VirtualKey,
};

use crate::bench::{Bench, PASSWORD};
use crate::security_keys::{kay, log_in};

const PIN: &str = "4711";
const SETS_UP: &str = "This sets up a security key for your account.\n";
const TOUCH: &str = "Press Enter, then touch your security key: ";
const ASK_PIN: &str = "PIN of your security key (then touch it): ";
const INSERT: &str = "Insert your security key and press Enter: ";

/// A flow in which kay, who has no second factor, sets one up.
fn bench(kinds: &[Enrolment], registration: Registration) -> Bench {
    let flow = Flow::new("key")
        .identification()
        .password()
        .bind(Validate::new().configure(kinds))
        .user_login();
    let double = Double::builder().without_pause().world(move |world| {
        world.registration = registration;
        world.add_user(User::new("kay"));
        world.add_flow(flow);
    });
    Bench::with(double).section("[security_key]\nwhere = \"any\"")
}

fn key_bench() -> Bench {
    bench(&[Enrolment::Webauthn], Registration::default())
}

#[track_caller]
fn expect(outcome: &Outcome, code: &str, prompts: &[&str]) {
    assert_eq!(outcome.code().to_string(), code, "{}", outcome.transcript());
    assert_eq!(outcome.prompts(), prompts, "{}", outcome.transcript());
}

#[track_caller]
fn logged(outcome: &Outcome, part: &str) {
    let is_there = outcome.log().iter().any(|line| line.text.contains(part));
    assert!(is_there, "{part:?} is not in {}", outcome.transcript());
}

/// The security keys that kay has in authentik.
fn known(bench: &Bench) -> Vec<String> {
    let devices = bench
        .double
        .world(|world| world.user("kay").devices.clone());
    let key = |device: Device| match device.kind {
        DeviceKind::Webauthn { credential, .. } => Some(credential),
        _ => None,
    };
    devices.into_iter().filter_map(key).collect()
}

/// What the key was asked to create.
fn asked(key: &VirtualKey) -> Value {
    let made = key.events().into_iter().find_map(|event| match event {
        Event::Command(1, request) => request,
        _ => None,
    });
    made.expect("makeCredential")
}

fn keeps(request: &Value) -> bool {
    let keeps = request.at(7).and_then(|options| options.named("rk"));
    keeps == Some(&Value::Bool(true))
}

fn with_pin() -> Settings {
    Settings {
        pin: Some(PIN.into()),
        ..Settings::default()
    }
}

#[test]
fn a_key_without_a_pin_is_set_up_by_a_touch_and_logs_in_the_next_time() {
    pam_harness::require_isolation!();
    let bench = key_bench();
    let key = VirtualKey::plug_in(Settings::default());
    let first = format!("{SETS_UP}{TOUCH}");
    let outcome = log_in(&bench, &key, &[""]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", &first]);
    assert_eq!(known(&bench).len(), 1);
    assert!(!keeps(&asked(&key)), "{:?}", asked(&key));
    logged(
        &outcome,
        "stages=identification,password,authenticator-webauthn",
    );
    let outcome = log_in(&bench, &key, &[""]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    assert_eq!(known(&bench).len(), 1);
}

#[test]
fn a_key_with_a_pin_is_set_up_with_it_as_a_passkey_where_that_is_preferred() {
    pam_harness::require_isolation!();
    for (protocols, token_permissions) in [(vec![1], false), (vec![2, 1], true)] {
        let bench = key_bench();
        let key = VirtualKey::plug_in(Settings {
            protocols: protocols.clone(),
            token_permissions,
            ..with_pin()
        });
        let first = format!("{SETS_UP}{ASK_PIN}");
        let again = format!("That PIN was wrong. 7 tries are left.\n{ASK_PIN}");
        let outcome = log_in(&bench, &key, &["4712", PIN]);
        expect(&outcome, "PAM_SUCCESS", &["Password: ", &first, &again]);
        assert_eq!(known(&bench).len(), 1, "{protocols:?}");
        assert!(keeps(&asked(&key)), "{:?}", asked(&key));
        assert!(!bench.was_sent(PIN));
    }
}

#[test]
fn the_stages_requirements_reach_the_key() {
    pam_harness::require_isolation!();
    let asks = |resident_key, user_verification, attestation| Registration {
        resident_key,
        user_verification,
        attestation,
        ..Registration::default()
    };
    // A passkey is required, but no verification.
    let bench1 = bench(
        &[Enrolment::Webauthn],
        asks("required", "discouraged", "none"),
    );
    let key = VirtualKey::plug_in(Settings::default());
    let outcome = log_in(&bench1, &key, &[""]);
    expect(
        &outcome,
        "PAM_SUCCESS",
        &["Password: ", &format!("{SETS_UP}{TOUCH}")],
    );
    let request = asked(&key);
    assert!(keeps(&request));
    let name = |key: i64| request.at(key).and_then(|map| map.named("name")).cloned();
    assert_eq!(name(3), Some(Value::Text("kay".into())));
    let first = request.at(4).map(|list| match list {
        Value::Array(all) => all.first().cloned(),
        _ => None,
    });
    let alg = first
        .flatten()
        .and_then(|entry| entry.named("alg").cloned());
    assert_eq!(alg, Some(Value::Int(-7)));
    // authentik requests no attestation and gets none: the double accepts no signature with the
    // attestation `none`.
    assert_eq!(known(&bench1).len(), 1);
    // No passkey is requested.
    let bench2 = bench(
        &[Enrolment::Webauthn],
        asks("discouraged", "preferred", "direct"),
    );
    let key = VirtualKey::plug_in(Settings {
        attestation: Attestation::None,
        ..with_pin()
    });
    let outcome = log_in(&bench2, &key, &[PIN]);
    assert_eq!(outcome.code().to_string(), "PAM_SUCCESS", "{outcome}");
    assert!(!keeps(&asked(&key)));
}

#[test]
fn a_key_without_a_pin_is_not_set_up_where_one_is_required() {
    pam_harness::require_isolation!();
    let bench = bench(
        &[Enrolment::Webauthn],
        Registration {
            user_verification: "required",
            ..Registration::default()
        },
    );
    let key = VirtualKey::plug_in(Settings::default());
    let why = "That security key has no PIN, and a PIN is required here. Set one with your \
               browser or the maker's program.\n";
    let first = format!("{SETS_UP}{why}{INSERT}");
    let then = format!("{why}{INSERT}");
    let outcome = log_in(&bench, &key, &["", "", ""]);
    expect(
        &outcome,
        "PAM_AUTH_ERR",
        &["Password: ", &first, &then, &then],
    );
    assert!(known(&bench).is_empty());
    assert!(!key.commands().contains(&1), "{:?}", key.commands());
}

#[test]
fn the_person_learns_that_a_key_is_already_set_up() {
    pam_harness::require_isolation!();
    let flow = Flow::new("key")
        .identification()
        .password()
        .bind(Enrolment::Webauthn)
        .user_login();
    for hidden in [false, true] {
        let mut credential = Credential::new("localhost", "kay");
        credential.is_hidden = hidden;
        let device = Device::security_key(&credential.id, &credential.point());
        let flow = flow.clone();
        let double = Double::builder().without_pause().world(move |world| {
            world.registration.excludes = true;
            world.add_user(User::new("kay").device(device));
            world.add_flow(flow);
        });
        let bench = Bench::with(double).section("[security_key]\nwhere = \"any\"");
        let key = VirtualKey::plug_in(Settings {
            credentials: vec![credential],
            ..with_pin()
        });
        let told = "That security key is set up for this account already.\n";
        let (answers, first) = match hidden {
            false => (["", "", ""], format!("{SETS_UP}{told}{INSERT}")),
            true => ([PIN, PIN, PIN], format!("{SETS_UP}{ASK_PIN}")),
        };
        let outcome = log_in(&bench, &key, &answers);
        assert_eq!(outcome.code().to_string(), "PAM_AUTH_ERR", "{outcome}");
        assert_eq!(outcome.prompts().get(1), Some(&first.as_str()), "{outcome}");
        assert!(outcome.prompts().iter().any(|prompt| prompt.contains(told)));
        assert!(!key.commands().contains(&1), "{:?}", key.commands());
        assert_eq!(known(&bench).len(), 1);
        // Another key is set up beside it.
        let other = VirtualKey::plug_in(Settings::default());
        let outcome = log_in(&bench, &other, &[""]);
        assert_eq!(outcome.code().to_string(), "PAM_SUCCESS", "{outcome}");
        assert_eq!(known(&bench).len(), 2);
    }
}

#[test]
fn a_key_without_room_for_a_passkey_is_told() {
    pam_harness::require_isolation!();
    let bench = bench(
        &[Enrolment::Webauthn],
        Registration {
            resident_key: "required",
            ..Registration::default()
        },
    );
    let key = VirtualKey::plug_in(Settings {
        is_full: true,
        ..Settings::default()
    });
    let outcome = log_in(&bench, &key, &["", "", ""]);
    assert_eq!(outcome.code().to_string(), "PAM_AUTH_ERR", "{outcome}");
    let told = format!("That security key cannot keep another passkey.\n{TOUCH}");
    assert_eq!(outcome.prompts().get(2), Some(&told.as_str()), "{outcome}");
    assert!(known(&bench).is_empty());
}

#[test]
fn a_key_that_nobody_touches_is_not_set_up_and_does_not_go_on_to_blink() {
    pam_harness::require_isolation!();
    let bench = key_bench().section("timeout = \"1s\"");
    let key = VirtualKey::plug_in(Settings {
        touch: Touch::Never,
        ..Settings::default()
    });
    let outcome = log_in(&bench, &key, &["", "", ""]);
    assert_eq!(outcome.code().to_string(), "PAM_AUTH_ERR", "{outcome}");
    assert!(key.events().contains(&Event::Cancelled));
    assert!(known(&bench).is_empty());
}

#[test]
fn a_key_is_one_of_the_kinds_that_can_be_set_up_where_the_person_sits_here() {
    pam_harness::require_isolation!();
    let kinds = [Enrolment::Totp, Enrolment::Webauthn];
    let bench = bench(&kinds, Registration::default());
    let key = VirtualKey::plug_in(Settings::default());
    // Over ssh this choice does not exist: no key of this host is set up by a remote user.
    let outcome = bench
        .pam_for("sshd", "key")
        .security_key(&key)
        .user("kay")
        .account("kay", 1700)
        .answer_secret(PASSWORD)
        .answer_null()
        .authenticate()
        .run();
    let menu = outcome.prompts()[1];
    assert!(menu.contains("1) authenticator app"), "{menu}");
    assert!(!menu.contains("security key"), "{menu}");
    let outcome = kay(&bench, &[&key])
        .answer_secret(PASSWORD)
        .answer_visible("2")
        .answer_secret("")
        .authenticate()
        .run();
    assert_eq!(outcome.code().to_string(), "PAM_SUCCESS", "{outcome}");
    let menu = outcome.prompts()[1];
    assert!(menu.contains("2) security key (Security key)"), "{menu}");
    assert_eq!(known(&bench).len(), 1);
}

#[test]
fn a_user_who_is_elsewhere_sets_up_a_key_in_a_browser() {
    pam_harness::require_isolation!();
    let bench = key_bench();
    let key = VirtualKey::plug_in(Settings::default());
    let outcome = bench
        .pam_for("sshd", "key")
        .security_key(&key)
        .user("kay")
        .account("kay", 1700)
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    assert_eq!(outcome.code().to_string(), "PAM_SERVICE_ERR", "{outcome}");
    assert!(key.commands().is_empty(), "{:?}", key.commands());
    let shown = outcome.shown().join("\n");
    assert!(shown.contains("in a web browser first"), "{shown}");
    assert!(shown.contains("https://"), "{shown}");
    assert!(known(&bench).is_empty());
}

#[test]
fn a_key_that_was_set_up_in_this_login_proves_nobody() {
    pam_harness::require_isolation!();
    let flow = Flow::new("key")
        .identification()
        .bind(Enrolment::Webauthn)
        .user_login();
    let double = Double::builder().without_pause().world(move |world| {
        world.add_user(User::new("kay"));
        world.add_flow(flow);
    });
    let bench = Bench::with(double).section("[security_key]\nwhere = \"any\"");
    let key = VirtualKey::plug_in(Settings::default());
    let outcome = kay(&bench, &[&key]).answer_secret("").authenticate().run();
    assert_eq!(outcome.code().to_string(), "PAM_AUTH_ERR", "{outcome}");
    logged(&outcome, "cause=no-secret-accepted");
}
