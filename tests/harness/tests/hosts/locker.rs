//! A screen locker: a program that the person runs, without root.

use crate::case::Case;
use crate::matrix::{Program, no_more, nothing};

#[test]
fn without_root() {
    pam_harness::require_real_host!();
    Program {
        name: "a locker without root",
        start: |host, user| host.locker(user),
        welcome: |_, _| String::from("\r\nunlocked: PAM_SUCCESS"),
        leave: nothing,
        give_up: no_more,
        differs: |case, expected| match case {
            Case::UnknownUser => Err("a locker asks about the person who runs it"),
            _ => Ok(expected),
        },
        shown: false,
    }
    .goes_through_all_cases();
}
