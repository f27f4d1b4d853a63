//! Arbitrary security keys against the module: CTAPHID, getInfo, the silent search, the
//! PIN, getAssertion and makeCredential.
//!
//! These must hold: no panic, and no wait beyond the deadline; nothing blinks and no PIN is
//! sent before the person was asked; a typed PIN is sent once, encrypted with a secret that was
//! agreed with the key before, and only if the key has more tries than the reserve; an answer
//! was sent by the key, for this request, by an allowed credential, after a touch; and no key
//! keeps blinking.

mod cbor;
mod device;
mod pin;
mod wire;
mod world;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::secret::Secret;
use pam_authentik_flow::security_key::{
    Keep, KeyAnswer, Look, NewCredential, NotSigned, Pin, Request, Wanted,
};

use crate::choices::Choices;
use device::{FuzzedKey, now};
use world::World;

/// How long a login may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The additional time: each key's answer to a CANCEL, and one look at it.
const SLACK: Duration = Duration::from_secs(3);

/// The result of a login with a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// A key has answered.
    Answered(KeyAnswer),
    /// None has answered, for this reason.
    Refused(String),
}

/// One login, with a request, a person and keys that depend on `bytes`.
///
/// # Panics
/// If one of these conditions is violated.
pub fn play(bytes: &[u8]) -> Ended {
    let mut choices = Choices::new(bytes);
    let request = request(&mut choices);
    let keys = choices.one_of(&[1, 2, 0]);
    let reserve = choices.one_of(&[3, 0, 8]);
    let pin = Secret::new("correct-4711-horse".into());
    let world = World::new(choices, request.clone(), pin.clone(), reserve);
    let world = Rc::new(RefCell::new(world));
    let deadline = Deadline::by(now, LIMIT);
    let begun = now().unwrap_or_default();
    let mut ended = Ended::Refused("a PIN is wanted again and again".into());
    for pin_wanted in [false, true] {
        world.borrow_mut().person_was_asked = false;
        let plugged: Vec<_> = (0..keys).map(|_| FuzzedKey::new(&world)).collect();
        let look = Look::at(plugged, &request, pin_wanted, &deadline);
        let typed = Pin { pin: &pin, reserve };
        let typed = match look.wanted() {
            Ok(Wanted::Pin) => Some(typed),
            Ok(Wanted::Touch) => None,
            Err(fault) => {
                ended = Ended::Refused(fault.to_string());
                break;
            }
        };
        world.borrow_mut().person_was_asked = true;
        world.borrow_mut().pins_written = 0;
        match look.answer(&request, Some("alice"), typed, &deadline) {
            Ok(answer) => {
                world.borrow().judge(&answer);
                ended = Ended::Answered(answer);
                break;
            }
            Err(NotSigned::PinWanted) => {}
            Err(NotSigned::Fault(fault)) => {
                ended = Ended::Refused(fault.to_string());
                break;
            }
        }
    }
    let took = now().unwrap_or_default().saturating_sub(begun);
    assert!(
        took <= LIMIT + SLACK,
        "the key took longer than the limit: {took:?}"
    );
    ended
}

/// A request: to sign with one credential, one of twenty, or any passkey, or to create one.
fn request(choices: &mut Choices<'_>) -> Request {
    let ids = |count: u8| (0..count).map(|n| vec![n; 16]).collect::<Vec<_>>();
    let kind = choices.byte() % 4;
    let bits = choices.byte();
    let new = NewCredential {
        rp_name: "authentik".into(),
        user_handle: vec![9; 32],
        user_name: "alice".into(),
        display_name: "Alice".into(),
        algorithms: vec![-7, -8, -257],
        exclude: ids(choices.one_of(&[0, 1, 20])),
        keep: choices.one_of(&[Keep::Preferred, Keep::Required, Keep::Discouraged]),
        verification_discouraged: bits & 2 != 0,
        without_attestation: bits & 4 != 0,
    };
    Request {
        rp_id: "authentik.test".into(),
        origin: "https://authentik.test".into(),
        challenge: "c".repeat(86),
        allow: match kind {
            0 => ids(1),
            1 => ids(20),
            _ => Vec::new(),
        },
        must_verify: bits & 1 != 0,
        new: (kind == 3).then_some(new),
    }
}
