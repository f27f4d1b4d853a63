//! The invariant, with some thousand logins that proptest makes up.

use std::cell::Cell;
use std::collections::BTreeMap;

use login_invariant::play::{Played, play};
use login_invariant::targets;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Enough that each of the reasons below comes up, and no more than a few seconds.
const LOGINS: u32 = 4_000;

/// Nobody is let in whom the model refuses; and so that this shows something,
/// many are let in, and many are refused who would have been let in but for one
/// thing.
#[test]
fn nobody_is_let_in_whom_the_exchange_does_not_prove() {
    let (let_in, near) = (Cell::new(0), Cell::new(0));
    let reasons = std::cell::RefCell::new(BTreeMap::<&str, u32>::new());
    // Mostly as everybody should do, so that most logins come near their end.
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
    assert!(let_in.get() > LOGINS / 50, "{} let in", let_in.get());
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

/// No byte at all is a login as it should be.
#[test]
fn a_login_as_it_should_be_is_let_in() {
    for access in 0..5 {
        let played = play(&[access]);
        assert_eq!(played.refused, None, "{played:?}");
        assert_eq!(played.must_not, None);
    }
}

/// The seeds of all fuzzers, and what they have found so far.
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
