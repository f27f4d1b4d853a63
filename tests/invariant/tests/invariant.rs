//! The invariant, with several thousand logins from proptest.

use std::cell::Cell;
use std::collections::BTreeMap;

use login_invariant::play::{Played, play};
use login_invariant::{key, targets};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Enough for each of the reasons below to occur, within a few seconds.
const LOGINS: u32 = 12_000;

/// A user that the model refuses never gets in. To prove that the test works, many get in, and many
/// are refused because of exactly one deviation.
#[test]
fn nobody_gets_in_without_a_proof_in_the_exchange() {
    let (let_in, near) = (Cell::new(0), Cell::new(0));
    let reasons = std::cell::RefCell::new(BTreeMap::<&str, u32>::new());
    // Mostly correct behaviour, so that most logins get near their end.
    let byte = prop_oneof![12 => Just(0_u8), 1 => 1_u8..40, 1 => any::<u8>()];
    let bytes = proptest::collection::vec(byte, 0..60);
    let config = Config {
        cases: LOGINS,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&bytes, |bytes| {
        let Played {
            refused, must_not, ..
        } = play(&bytes);
        match (refused, must_not) {
            (None, _) => let_in.set(let_in.get() + 1),
            (Some(_), Some(reason)) => *reasons.borrow_mut().entry(reason).or_default() += 1,
            (Some(_), None) => near.set(near.get() + 1),
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let reasons = reasons.into_inner();
    println!(
        "{LOGINS} logins: {} let in, {} refused by the module alone, the others for {reasons:#?}",
        let_in.get(),
        near.get()
    );
    assert!(
        let_in.get() > LOGINS / 50,
        "too few logins succeed, so the test shows little: {}",
        let_in.get()
    );
    for reason in [
        "no secret was accepted",
        "the redirect is not final",
        "nobody is logged in",
        "somebody else is logged in",
        "the account is not active",
        "somebody is impersonated",
        "the account is of another type",
        "not in the group",
        "two groups have this name",
        "the application is not open",
        "the flow was denied",
        "somebody broke off",
    ] {
        assert!(reasons.contains_key(reason), "never: {reason}");
    }
}

/// Every login with one deviation from a good one, with the consequences of that deviation:
/// each right answer of the server is replaced by each other answer.
#[test]
fn without_any_single_step_nobody_gets_in_without_a_proof() {
    let (mut let_in, mut refused) = (0, 0);
    for place in 6..13 {
        for deed in 1..36 {
            for detail in 0..12 {
                let mut bytes = [0_u8; 14];
                bytes[place] = deed;
                bytes[place + 1] = detail;
                match play(&bytes).refused {
                    None => let_in += 1,
                    Some(_) => refused += 1,
                }
            }
        }
    }
    assert!(let_in > 100 && refused > 1_000, "{let_in} and {refused}");
}

/// An empty input is a correct login.
#[test]
fn a_login_as_it_should_be_is_let_in() {
    for access in 0..5 {
        let played = play(&[access]);
        assert_eq!(played.refused, None, "{played:?}");
        assert_eq!(played.must_not, None);
    }
}

/// The seeds of all fuzzers, and their findings so far.
#[test]
fn every_target_takes_its_seeds() {
    let seeds = login_invariant::seeds::all();
    assert!(seeds.len() > 200, "{}", seeds.len());
    for (name, run) in targets::ALL {
        let own: Vec<_> = seeds.iter().filter(|seed| seed.target == name).collect();
        assert!(!own.is_empty(), "{name} has no seeds");
        own.iter().for_each(|seed| run(&seed.bytes));
        run(&[]);
    }
}

/// A name with an invisible character is another name, and not one of our stages.
#[test]
fn a_component_is_taken_at_its_very_name() {
    for component in [
        "ak-stage-dummy\\u200b",
        " ak-stage-dummy",
        "ak-stage-dummy\\n",
    ] {
        let mut bytes = vec![1, 0];
        let body = format!("{{\"component\":\"{component}\",\"name\":\"x\"}}");
        bytes.extend_from_slice(body.as_bytes());
        targets::challenge(&bytes);
    }
}

/// A refused code cancels everything before its stage. A flow that restarts after it asks for
/// everything again, and a login that gives all of it succeeds.
#[test]
fn a_login_proved_again_after_a_refused_code_is_accepted() {
    let played = play(&[
        2, 1, 0, 6, 1, 0x30, 1, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0x43, 0, 0x80, 6, 1,
    ]);
    assert_eq!(played.refused, None, "{played:?}");
}

/// An empty input is a key that signs when it is touched. With a PIN it needs the PIN.
#[test]
fn a_key_as_it_should_be_answers() {
    for (bytes, what) in [
        (&[][..], "one credential"),
        (&[1], "one of twenty"),
        (&[0, 1, 0, 0, 0, 0, 2], "the PIN"),
        (
            &[0, 1, 0, 0, 0, 0, 2 + 16],
            "the PIN, for a token with permissions",
        ),
        (
            &[0, 1, 0, 0, 0, 0, 2, 0, 1],
            "the PIN, by the first protocol",
        ),
        (&[0, 0, 0, 0, 1], "two keys"),
        (&[2], "a passkey"),
        (&[3], "a new credential"),
        (
            &[3, 1, 0, 1, 0, 0, 2 + 16],
            "a new credential, kept, with a PIN",
        ),
        (&[3, 4], "a new credential, without attestation"),
    ] {
        let ended = key::play(bytes);
        assert!(
            matches!(ended, key::Ended::Answered(_)),
            "{what}: {ended:?}"
        );
    }
}

/// A key that shows an excluded credential is not set up again.
#[test]
fn a_key_that_is_already_set_up_is_reported_as_such() {
    for bytes in [&[3, 0, 1][..], &[3, 0, 2], &[3, 1, 1, 0, 0, 0, 2 + 16]] {
        let ended = key::play(bytes);
        let words = "the security key is set up for this account already";
        assert_eq!(ended, key::Ended::Refused(words.into()));
    }
}

/// A key that shows nothing, and then answers with something that was not requested.
#[test]
fn a_key_that_answers_with_another_credential_is_refused() {
    let refused = |bytes: &[u8], words: &str| {
        assert_eq!(key::play(bytes), key::Ended::Refused(words.into()));
    };
    // It signs with another credential than it has shown.
    let signs = [&[0; 17][..], &[0, 0, 0, 1]].concat();
    refused(
        &signs,
        "the security key failed: it signed with another credential",
    );
    // It says that it has no excluded credential, and creates exactly that one.
    let profile = [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let makes = [&[3, 0, 1, 0, 0, 0][..], &profile, &[0, 0, 1, 0x2e]].concat();
    refused(
        &makes,
        "the security key is set up for this account already",
    );
    // It is always busy.
    let busy = [&[0; 17][..], &[17]].concat();
    refused(&busy, "the security key failed: it is busy");
}

/// Keys with arbitrary answers, for several thousand logins: see `login_invariant::key`.
#[test]
fn no_key_breaks_what_must_hold() {
    let (answered, refused) = (Cell::new(0_u32), Cell::new(0_u32));
    let byte = prop_oneof![12 => Just(0_u8), 2 => 1_u8..24, 1 => any::<u8>()];
    let bytes = proptest::collection::vec(byte, 0..60);
    let config = Config {
        cases: 4_000,
        failure_persistence: None,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&bytes, |bytes| {
        let count = match key::play(&bytes) {
            key::Ended::Answered(_) => &answered,
            key::Ended::Refused(_) => &refused,
        };
        count.set(count.get() + 1);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(
        answered.get() > 100 && refused.get() > 1_000,
        "{answered:?} {refused:?}"
    );
}
