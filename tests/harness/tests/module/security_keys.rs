//! Security keys that are plugged in, through the real libpam: a virtual key behind
//! a node of a private `/dev`, and a double that verifies what it has signed.

use std::time::{Duration, Instant};

use authentik_double::{Device, Flow, User, Validate};
use pam_harness::virtual_key::{Credential, Event, Settings, Touch, VirtualKey};
use pam_harness::{Outcome, Pam};

use crate::bench::{Bench, PASSWORD};

/// Where the double is, without its port: the relying party.
const RP_ID: &str = "localhost";
const PIN: &str = "4711";
const TOUCH: &str = "Press Enter, then touch your security key: ";
const ASK_PIN: &str = "PIN of your security key (then touch it): ";
const INSERT: &str = "Insert your security key and press Enter: ";

/// A flow with a second factor, and somebody with a security key.
pub(crate) fn bench(validate: Validate, credentials: &[&Credential]) -> Bench {
    let devices = credentials
        .iter()
        .map(|credential| Device::security_key(&credential.id, &credential.point()));
    let user = devices.fold(User::new("kay"), |user, device| user.device(device));
    let flow = Flow::new("key")
        .identification()
        .password()
        .bind(validate)
        .user_login();
    let builder = authentik_double::Double::builder().without_pause();
    let bench = Bench::with(builder.world(move |world| {
        world.add_user(user);
        world.add_flow(flow);
    }));
    bench.section("[security_key]\nwhere = \"any\"")
}

/// kay at the prompt of a program that is no sshd, with this key.
pub(crate) fn kay(bench: &Bench, keys: &[&VirtualKey]) -> Pam {
    let pam = bench.pam_for("sudo", "key").rhost("").tty("pts/1");
    keys.iter()
        .fold(pam, |pam, key| pam.security_key(key))
        .user("kay")
        .account("kay", 1700)
}

fn settings(credential: &Credential) -> Settings {
    Settings {
        credentials: vec![credential.clone()],
        ..Settings::default()
    }
}

fn credential() -> Credential {
    Credential::new(RP_ID, "kay")
}

#[track_caller]
fn expect(outcome: &Outcome, code: &str, prompts: &[&str]) {
    assert_eq!(outcome.code().to_string(), code, "{}", outcome.transcript());
    assert_eq!(outcome.prompts(), prompts, "{}", outcome.transcript());
}

/// The line of the log that ends the login.
#[track_caller]
fn logged(outcome: &Outcome, part: &str) {
    let is_there = outcome.log().iter().any(|line| line.text.contains(part));
    assert!(is_there, "{part:?} is not in {}", outcome.transcript());
}

/// Logs kay in with a key: the password, then these answers.
fn log_in(bench: &Bench, key: &VirtualKey, answers: &[&str]) -> Outcome {
    let pam = kay(bench, &[key]).answer_secret(PASSWORD);
    answers
        .iter()
        .fold(pam, |pam, answer| pam.answer_secret(answer))
        .authenticate()
        .run()
}

fn required() -> Validate {
    Validate::new().user_verification_required()
}

#[test]
fn a_touch_is_enough_where_nobody_must_be_verified() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = log_in(&bench, &key, &[""]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    assert!(key.events().contains(&Event::Touched));
    // It has a PIN, and is asked for none.
    let key = VirtualKey::plug_in(Settings {
        pin: Some(PIN.into()),
        ..settings(&credential)
    });
    let outcome = log_in(&bench, &key, &[""]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    assert!(!key.commands().contains(&6), "{:?}", key.commands());
}

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
            pin: Some(PIN.into()),
            protocols: protocols.clone(),
            token_permissions,
            ..settings(&credential)
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
    let key = VirtualKey::plug_in(Settings {
        pin: Some(PIN.into()),
        ..settings(&credential)
    });
    let again = format!("That PIN was wrong. 7 tries are left.\n{ASK_PIN}");
    let outcome = log_in(&bench, &key, &["4712", PIN]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", ASK_PIN, &again]);
}

#[test]
fn three_wrong_pins_end_it_and_sudo_gets_no_more() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    let key = VirtualKey::plug_in(Settings {
        pin: Some(PIN.into()),
        ..settings(&credential)
    });
    let outcome = ["1111", "2222", "3333"]
        .iter()
        .fold(kay(&bench, &[&key]).answer_secret(PASSWORD), |pam, pin| {
            pam.answer_secret(pin)
        })
        .authenticate()
        .authenticate()
        .authenticate()
        .run();
    assert_eq!(outcome.code().to_string(), "PAM_MAXTRIES");
    assert_eq!(outcome.prompts().len(), 4, "{}", outcome.transcript());
    let tokens = key.events().into_iter().filter(
        |event| matches!(event, Event::Command(6, Some(request)) if request.at(6).is_some()),
    );
    assert_eq!(tokens.count(), 3);
}

#[test]
fn tries_are_left_for_elsewhere() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    let key = VirtualKey::plug_in(Settings {
        pin: Some(PIN.into()),
        tries: 4,
        ..settings(&credential)
    });
    let outcome = log_in(&bench, &key, &["1111", PIN]);
    assert_eq!(outcome.code().to_string(), "PAM_MAXTRIES");
    logged(
        &outcome,
        "3 tries are left for the PIN of the security key, and pin_reserve keeps them",
    );
    // One try was used, and the right PIN was not.
    let outcome = log_in(&bench, &key, &[PIN]);
    assert_eq!(outcome.code().to_string(), "PAM_MAXTRIES");
}

#[test]
fn a_blocked_pin_ends_it() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]).section("pin_reserve = 0");
    let key = VirtualKey::plug_in(Settings {
        pin: Some(PIN.into()),
        tries: 2,
        ..settings(&credential)
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
    assert_eq!(
        outcome.code().to_string(),
        "PAM_AUTH_ERR",
        "{}",
        outcome.transcript()
    );
    logged(
        &outcome,
        "authentik requires user verification, and the security key has no PIN",
    );
    assert!(!key.events().contains(&Event::Blinks));
    // One that verifies people itself needs none.
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
        pin: Some(PIN.into()),
        always_verifies: true,
        ..settings(&credential)
    });
    let outcome = log_in(&bench, &key, &[PIN]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", ASK_PIN]);
}

#[test]
fn a_key_may_leave_out_the_name_of_its_only_credential() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(Settings {
        omits_credential: true,
        ..settings(&credential)
    });
    expect(
        &log_in(&bench, &key, &[""]),
        "PAM_SUCCESS",
        &["Password: ", TOUCH],
    );
}

#[test]
fn a_long_list_is_cut_to_what_the_key_takes() {
    pam_harness::require_isolation!();
    let credential = credential();
    let others: Vec<Credential> = (0..20).map(|_| self::credential()).collect();
    let all: Vec<&Credential> = others.iter().chain([&credential]).collect();
    let bench = bench(Validate::new(), &all);
    for (max_list, looks) in [(8, 3), (1, 21)] {
        let key = VirtualKey::plug_in(Settings {
            max_list,
            ..settings(&credential)
        });
        let outcome = log_in(&bench, &key, &[""]);
        expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
        // It looks twice, before the prompt and behind it, and asks once for a touch.
        let asked = key.commands().iter().filter(|number| **number == 2).count();
        assert_eq!(asked, 2 * looks + 1, "{max_list}");
        let blinks = key
            .events()
            .iter()
            .filter(|event| **event == Event::Blinks)
            .count();
        assert_eq!(blinks, 1);
    }
}

#[test]
fn a_hidden_credential_shows_for_the_pin() {
    pam_harness::require_isolation!();
    let credential = credential().hidden();
    let other = self::credential();
    let bench = bench(Validate::new(), &[&other, &credential]);
    for protocols in [vec![1], vec![2]] {
        let key = VirtualKey::plug_in(Settings {
            pin: Some(PIN.into()),
            protocols,
            max_list: 1,
            ..settings(&credential)
        });
        let outcome = log_in(&bench, &key, &[PIN]);
        expect(&outcome, "PAM_SUCCESS", &["Password: ", ASK_PIN]);
    }
    // Another's key with a PIN may hide something, too; it does not.
    let key = VirtualKey::plug_in(Settings {
        pin: Some(PIN.into()),
        ..settings(&self::credential())
    });
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
fn a_key_that_nobody_touches_is_cancelled_in_time() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential])
        .section("timeout = \"1s\"")
        .section("[prompt]\nattempts = 1");
    let key = VirtualKey::plug_in(Settings {
        touch: Touch::Never,
        ..settings(&credential)
    });
    let begun = Instant::now();
    let outcome = log_in(&bench, &key, &[""]);
    expect(&outcome, "PAM_AUTH_ERR", &["Password: ", TOUCH]);
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(key.events().last(), Some(&Event::Cancelled));
    logged(&outcome, "nobody touched the security key in time");
}

#[test]
fn a_passkey_answers_where_no_credential_is_named() {
    pam_harness::require_isolation!();
    let credential = credential().passkey();
    let other = Credential::new(RP_ID, "somebody").passkey();
    let passwordless = Flow::new("key").bind(required()).user_login();
    let user = User::new("kay").device(Device::security_key(&credential.id, &credential.point()));
    let bench = Bench::with(authentik_double::Double::builder().without_pause().world(
        move |world| {
            world.add_user(user);
            world.add_flow(passwordless);
        },
    ));
    let bench = bench.section("[security_key]\nwhere = \"any\"\npasskey = true");
    for credentials in [
        vec![credential.clone()],
        vec![credential.clone(), other.clone()],
        vec![other.clone(), credential.clone()],
    ] {
        let key = VirtualKey::plug_in(Settings {
            credentials,
            pin: Some(PIN.into()),
            ..Settings::default()
        });
        let outcome = kay(&bench, &[&key]).answer_secret(PIN).authenticate().run();
        expect(&outcome, "PAM_SUCCESS", &[ASK_PIN]);
    }
}

/// What is asked at an identification stage that takes passkeys.
const PASSKEY: &str = "PIN of your security key (then touch it), or Enter to go on without it: ";

/// A flow that a passkey can begin, and kay who has one.
fn passkey_bench(credential: &Credential) -> Bench {
    let device = Device::security_key(&credential.id, &credential.point());
    let user = User::new("kay").device(device);
    let identification = authentik_double::Identification::new().with_passkey();
    let flow = Flow::new("key").bind(identification).user_login();
    let with_password = Flow::new("both")
        .bind(authentik_double::Identification::new().with_passkey())
        .password()
        .user_login();
    let builder = authentik_double::Double::builder()
        .version(authentik_double::Version::V2026_8)
        .without_pause();
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
    let allowed = "[security_key]\nwhere = \"any\"\npasskey = true";
    let with_pin = |credential: &Credential| {
        VirtualKey::plug_in(Settings {
            pin: Some(PIN.into()),
            ..settings(credential)
        })
    };
    let bench = passkey_bench(&credential).section(allowed);
    let outcome = kay(&bench, &[&with_pin(&credential)])
        .answer_secret(PIN)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[PASSKEY]);
    assert!(!bench.was_sent("uid_field"));
    // A wrong PIN, then the right one.
    let again = format!("That PIN was wrong. 7 tries are left.\n{PASSKEY}");
    let outcome = kay(&bench, &[&with_pin(&credential)])
        .answer_secret("9999")
        .answer_secret(PIN)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[PASSKEY, &again]);
    // A key that verifies people itself.
    let own = VirtualKey::plug_in(Settings {
        own_verification: true,
        ..settings(&credential)
    });
    let outcome = kay(&bench, &[&own])
        .answer_visible("")
        .expecting("Log in with your security key? Touch it after your answer. [Y/n]")
        .authenticate()
        .run();
    assert_eq!(
        outcome.code().to_string(),
        "PAM_SUCCESS",
        "{}",
        outcome.transcript()
    );
    // A key that cannot verify anybody proves nothing, and is not asked.
    let touch_alone = VirtualKey::plug_in(settings(&credential));
    let outcome = kay(&bench, &[&touch_alone]).authenticate().run();
    expect(&outcome, "PAM_AUTH_ERR", &[]);
    assert!(!touch_alone.events().contains(&Event::Blinks));
    // Without the permission of the configuration nothing is asked either.
    let bench = passkey_bench(&credential).section("[security_key]\nwhere = \"any\"");
    let outcome = kay(&bench, &[&with_pin(&credential)]).authenticate().run();
    expect(&outcome, "PAM_AUTH_ERR", &[]);
}

#[test]
fn whoever_has_no_passkey_goes_on_with_the_password_and_anothers_logs_nobody_in() {
    pam_harness::require_isolation!();
    let credential = credential().passkey();
    let bench = passkey_bench(&credential)
        .section("[security_key]\nwhere = \"any\"\npasskey = true")
        .top("flow = \"both\"");
    let key = VirtualKey::plug_in(Settings {
        pin: Some(PIN.into()),
        ..settings(&credential)
    });
    let outcome = kay(&bench, &[&key])
        .answer_secret("")
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[PASSKEY, "Password: "]);
    // A key that the server does not know is refused there, and is no wrong password.
    let strange = VirtualKey::plug_in(Settings {
        pin: Some(PIN.into()),
        ..settings(&self::credential().passkey())
    });
    let outcome = kay(&bench, &[&strange])
        .answer_secret(PIN)
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &[PASSKEY, "Password: "]);
    // kay's passkey logs in kay, and nobody else.
    let outcome = bench
        .pam_for("sudo", "both")
        .rhost("")
        .security_key(&key)
        .user("alice")
        .answer_secret(PIN)
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    assert_eq!(
        outcome.code().to_string(),
        "PAM_AUTH_ERR",
        "{}",
        outcome.transcript()
    );
    logged(&outcome, "the flow logged in another user: kay");
}

#[test]
fn a_person_who_declines_is_asked_again_and_a_key_that_is_pulled_out_is_told_of() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(Settings {
        touch: Touch::Declines,
        ..settings(&credential)
    });
    let outcome = log_in(&bench, &key, &["", "", ""]);
    let again = format!("The security key declined.\n{TOUCH}");
    expect(
        &outcome,
        "PAM_AUTH_ERR",
        &["Password: ", TOUCH, &again, &again],
    );

    let key = VirtualKey::plug_in(Settings {
        touch: Touch::PulledOut,
        ..settings(&credential)
    });
    let gone = format!("The security key was removed.\n{INSERT}");
    let pam = kay(&bench, &[&key])
        .answer_secret(PASSWORD)
        .answer_secret("");
    let outcome = pam.abort().authenticate().run();
    assert_eq!(
        outcome.prompts(),
        ["Password: ", TOUCH, &gone],
        "{}",
        outcome.transcript()
    );
}

#[test]
fn of_two_keys_the_one_that_is_touched_signs_and_the_other_is_cancelled() {
    pam_harness::require_isolation!();
    let (one, other) = (credential(), credential());
    let bench = bench(Validate::new(), &[&one, &other]);
    let idle = VirtualKey::plug_in(Settings {
        touch: Touch::Never,
        ..settings(&one)
    });
    let touched = VirtualKey::plug_in(settings(&other));
    let outcome = kay(&bench, &[&idle, &touched])
        .answer_secret(PASSWORD)
        .answer_secret("")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    assert_eq!(idle.events().last(), Some(&Event::Cancelled));
    assert!(touched.events().contains(&Event::Touched));
    // One that is not the person's is left alone.
    let strange = VirtualKey::plug_in(settings(&credential()));
    let outcome = kay(&bench, &[&strange, &touched])
        .answer_secret(PASSWORD)
        .answer_secret("")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    assert!(!strange.events().contains(&Event::Blinks));
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
fn whoever_has_no_key_plugged_in_is_asked_for_it() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let strange = VirtualKey::plug_in(settings(&self::credential()));
    let none = format!("There is no security key.\n{INSERT}");
    let outcome = kay(&bench, &[])
        .answer_secret(PASSWORD)
        .answer_secret("")
        .answer_secret("")
        .answer_secret("")
        .authenticate()
        .run();
    expect(
        &outcome,
        "PAM_AUTH_ERR",
        &["Password: ", INSERT, &none, &none],
    );
    logged(&outcome, "no security key is plugged in");
    let another = format!("That security key is not set up for this account.\n{INSERT}");
    let outcome = log_in(&bench, &strange, &["", "", ""]);
    expect(
        &outcome,
        "PAM_AUTH_ERR",
        &["Password: ", &another, &another, &another],
    );
    assert!(!strange.events().contains(&Event::Blinks));
}

#[test]
fn a_key_stands_in_the_menu_beside_the_others_where_it_is_plugged_in() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let secret = b"12345678901234567890";
    bench.double.world(|world| {
        if let Some(user) = world.users.iter_mut().find(|user| user.username == "kay") {
            *user = user.clone().device(Device::totp(secret));
        }
    });
    let menu = "Second factor:\n  1) security key: choose it, then touch it\n  \
                2) code from your authenticator app\nCode or option (1-2): ";
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = log_in(&bench, &key, &["1"]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", menu]);
    // A code can be typed there, too.
    let code = bench.double.totp_unused("kay");
    let outcome = log_in(&bench, &key, &[&code]);
    assert!(
        outcome.code() == pam_harness::Code::PAM_SUCCESS,
        "{}",
        outcome.transcript()
    );
    // Without the key nothing is new.
    bench.double.advance(Duration::from_secs(60));
    let code = bench.double.totp_unused("kay");
    let outcome = kay(&bench, &[])
        .answer_secret(PASSWORD)
        .answer_secret_to("Authentication code:", &code)
        .authenticate()
        .run();
    assert!(
        outcome.code() == pam_harness::Code::PAM_SUCCESS,
        "{}",
        outcome.transcript()
    );
}

#[test]
fn a_password_is_no_pin_and_a_pin_no_code() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(required(), &[&credential]);
    let pin = || {
        VirtualKey::plug_in(Settings {
            pin: Some(PIN.into()),
            ..settings(&credential)
        })
    };
    let sent_pins = |key: &VirtualKey| {
        let events = key.events().into_iter();
        let is_pin = |event: &Event| matches!(event, Event::Command(6, Some(request)) if request.at(6).is_some());
        events.filter(is_pin).count()
    };
    // An application that answers every hidden prompt with the password.
    let key = pin();
    let outcome = kay(&bench, &[&key])
        .answer_every_secret(PASSWORD)
        .authenticate()
        .run();
    assert_eq!(
        outcome.code().to_string(),
        "PAM_MAXTRIES",
        "{}",
        outcome.transcript()
    );
    assert_eq!(sent_pins(&key), 0);
    // The password of the stack, which authentik never sees.
    let key = pin();
    let outcome = kay(&bench, &[&key])
        .preset_authtok("stack-password")
        .answer_secret(PASSWORD)
        .answer_secret("stack-password")
        .answer_secret_to("That was your password, not the PIN.", PIN)
        .authenticate()
        .run();
    assert!(
        outcome.code() == pam_harness::Code::PAM_SUCCESS,
        "{}",
        outcome.transcript()
    );
    assert_eq!(sent_pins(&key), 1);
    // A PIN where the menu asks for a code.
    bench.double.world(|world| {
        if let Some(user) = world.users.iter_mut().find(|user| user.username == "kay") {
            *user = user.clone().device(Device::totp(b"12345678901234567890"));
        }
    });
    let key = pin();
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

#[test]
fn the_server_may_refuse_what_a_key_has_signed() {
    pam_harness::require_isolation!();
    let credential = credential();
    // The ID is that of the person's credential, and the public key another one.
    let mut forged = self::credential();
    forged.id.clone_from(&credential.id);
    let bench = bench(Validate::new(), &[&forged]);
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = log_in(&bench, &key, &["", "", ""]);
    assert_eq!(
        outcome.code().to_string(),
        "PAM_AUTH_ERR",
        "{}",
        outcome.transcript()
    );
    assert!(outcome.transcript().contains("Assertion failed"));
    logged(&outcome, "refused answer: user=kay what=\"security key\"");
}

#[test]
fn a_foreign_relying_party_and_a_login_from_afar_get_no_key() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(settings(&credential));
    for (service, rhost) in [("sshd", ""), ("sudo", "192.0.2.7"), ("sshd-session", "")] {
        let outcome = bench
            .pam_for(service, "key")
            .rhost(rhost)
            .security_key(&key)
            .user("kay")
            .account("kay", 1700)
            .answer_secret(PASSWORD)
            .authenticate()
            .run();
        assert_eq!(outcome.code().to_string(), "PAM_SERVICE_ERR", "{service}");
        assert!(
            outcome
                .transcript()
                .contains("a security key works only for somebody who sits at this host")
        );
    }
    let bench = self::bench(Validate::new(), &[&credential])
        .section("origin = \"https://login.example.com\"");
    let outcome = kay(&bench, &[&key])
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    assert_eq!(outcome.code().to_string(), "PAM_SERVICE_ERR");
    logged(&outcome, "which is not [security_key] rp_id");
    assert!(key.events().is_empty(), "{:?}", key.events());
}

#[test]
fn who_sits_here_is_proved_by_logind() {
    pam_harness::require_isolation!();
    pam_harness::require_root!();
    const SEAT: &str = "UID=1700\nUSER=kay\nACTIVE=1\nSTATE=active\nREMOTE=0\n\
        CLASS=user\nSEAT=seat0\nAUDIT={id}\n";
    let credential = credential();
    let bench = at_seat(&credential);
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = kay(&bench, &[&key])
        .session(SEAT)
        .answer_secret(PASSWORD)
        .answer_secret("")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    let key = VirtualKey::plug_in(settings(&credential));
    for (text, why) in [
        (
            SEAT.replace("REMOTE=0", "REMOTE=1"),
            "the session is remote",
        ),
        (SEAT.replace("SEAT=seat0\n", ""), "session has no seat"),
        (
            SEAT.replace("CLASS=user", "CLASS=manager"),
            "is of another class",
        ),
        (
            SEAT.replace("AUDIT={id}", "AUDIT=1234567"),
            "no session that logind knows",
        ),
        (
            SEAT.replace("ACTIVE=1", "ACTIVE=0"),
            "not in the foreground",
        ),
    ] {
        let outcome = kay(&bench, &[&key])
            .session(&text)
            .answer_secret(PASSWORD)
            .authenticate()
            .run();
        assert_eq!(outcome.code().to_string(), "PAM_SERVICE_ERR", "{why}");
        logged(&outcome, why);
    }
    let outcome = kay(&bench, &[&key])
        .answer_secret(PASSWORD)
        .authenticate()
        .run();
    logged(&outcome, "no session that logind knows");
    assert!(key.events().is_empty(), "{:?}", key.events());
}

/// The same as [`bench`], for who sits at this host alone.
fn at_seat(credential: &Credential) -> Bench {
    let device = Device::security_key(&credential.id, &credential.point());
    let user = User::new("kay").device(device);
    let flow = Flow::new("key")
        .identification()
        .password()
        .validate()
        .user_login();
    Bench::with(
        authentik_double::Double::builder()
            .without_pause()
            .world(move |world| {
                world.add_user(user);
                world.add_flow(flow);
            }),
    )
}

#[test]
fn a_locker_without_root_may_use_a_key_that_is_its_users() {
    pam_harness::require_isolation!(pam_harness::ordinary_user());
    pam_harness::require_root!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = kay(&bench, &[&key])
        .as_user(65534)
        .answer_secret(PASSWORD)
        .answer_secret_to(
            "There is a security key, but this program may not use it.",
            "",
        )
        .abort()
        .authenticate()
        .run();
    assert!(outcome.code() != pam_harness::Code::PAM_SUCCESS);
    key.belongs_to(65534);
    let outcome = kay(&bench, &[&key])
        .as_user(65534)
        .answer_secret(PASSWORD)
        .answer_secret("")
        .authenticate()
        .run();
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
}

#[test]
fn a_key_that_answers_anything_ends_in_an_error() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    for noise in [
        vec![vec![0; 64]],
        vec![vec![0xff; 64]],
        vec![vec![0xff, 0xff, 0xff, 0xff, 0x86, 0, 17]],
        vec![vec![0xff, 0xff, 0xff, 0xff, 0xbf, 0, 1, 6]],
        vec![vec![0xff, 0xff, 0xff, 0xff, 0xbb, 0, 1, 2]],
    ] {
        let key = VirtualKey::plug_in(Settings {
            noise: Some(noise.clone()),
            ..settings(&credential)
        });
        let good = VirtualKey::plug_in(settings(&credential));
        let begun = Instant::now();
        // The good one is found behind it.
        let outcome = kay(&bench, &[&key, &good])
            .answer_secret(PASSWORD)
            .answer_secret("")
            .authenticate()
            .run();
        assert!(
            outcome.code() == pam_harness::Code::PAM_SUCCESS,
            "{noise:?}: {}",
            outcome.transcript()
        );
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "{:?}",
            begun.elapsed()
        );
    }
}
