//! Keys that are touched, and those that are not: what users are asked, and for which key.

use super::{
    INSERT, TOUCH, bench, credential, ends_in, expect, kay, log_in, logged, settings, with_pin,
};
use crate::bench::PASSWORD;
use authentik_double::{Device, Validate};
use pam_harness::virtual_key::{Credential, Event, Settings, Touch, VirtualKey};
use std::time::{Duration, Instant};

#[test]
fn a_touch_is_enough_where_nobody_must_be_verified() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential]);
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = log_in(&bench, &key, &[""]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    assert!(key.events().contains(&Event::Touched));
    // It has a PIN, but none is required.
    let key = VirtualKey::plug_in(with_pin(&credential));
    let outcome = log_in(&bench, &key, &[""]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", TOUCH]);
    assert!(!key.commands().contains(&6), "{:?}", key.commands());
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
        // It searches twice, before and after the prompt, and asks once for a touch.
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
    // A key without the user's credential is left alone.
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
fn a_key_that_is_not_plugged_in_is_asked_for() {
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
        let user = world.user_mut("kay");
        *user = user.clone().device(Device::totp(secret));
    });
    let menu = "Second factor:\n  1) security key: choose it, then touch it\n  \
                2) code from your authenticator app\nCode or option (1-2): ";
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = log_in(&bench, &key, &["1"]);
    expect(&outcome, "PAM_SUCCESS", &["Password: ", menu]);
    // A code can be typed at this prompt too.
    let code = bench.double.totp_unused("kay");
    let outcome = log_in(&bench, &key, &[&code]);
    ends_in(&outcome, "PAM_SUCCESS");
    // Without the key nothing changes.
    bench.double.advance(Duration::from_secs(60));
    let code = bench.double.totp_unused("kay");
    let outcome = kay(&bench, &[])
        .answer_secret(PASSWORD)
        .answer_secret_to("Authentication code:", &code)
        .authenticate()
        .run();
    ends_in(&outcome, "PAM_SUCCESS");
}

#[test]
fn the_server_may_refuse_what_a_key_has_signed() {
    pam_harness::require_isolation!();
    let credential = credential();
    // The ID is that of the user's credential, but the public key is another one.
    let mut forged = self::credential();
    forged.id.clone_from(&credential.id);
    let bench = bench(Validate::new(), &[&forged]);
    let key = VirtualKey::plug_in(settings(&credential));
    let outcome = log_in(&bench, &key, &["", "", ""]);
    ends_in(&outcome, "PAM_AUTH_ERR");
    assert!(outcome.transcript().contains("Assertion failed"));
    logged(&outcome, "refused answer: user=kay what=\"security key\"");
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
        // The good answer is found after it.
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

/// Before its first report, after INIT, and after the first report of what it should sign.
#[test]
fn a_key_that_stops_reading_ends_in_time() {
    pam_harness::require_isolation!();
    let credential = credential();
    let bench = bench(Validate::new(), &[&credential])
        .section("timeout = \"1s\"")
        .section("[prompt]\nattempts = 1");
    for reads in 0..4 {
        let key = VirtualKey::plug_in(Settings {
            reads: Some(reads),
            ..settings(&credential)
        });
        let begun = Instant::now();
        let outcome = kay(&bench, &[&key])
            .answer_every_secret(PASSWORD)
            .authenticate()
            .run();
        ends_in(&outcome, "PAM_AUTH_ERR");
        assert!(
            begun.elapsed() < Duration::from_secs(15),
            "{reads}: {:?}",
            begun.elapsed()
        );
    }
}
