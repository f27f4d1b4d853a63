//! su asks for the secret of the target user.

use crate::case::{Case, Expected};
use crate::matrix::{Program, no_more, nothing};

#[test]
fn to_another_user() {
    pam_harness::require_real_host!("su");
    Program {
        name: "su",
        start: |host, user| host.su("carol", &[user, "-c", "id -u"]),
        welcome: |host, user| match user {
            "nosuch" => String::from("(nobody)"),
            _ => format!("{}\r\n", host.uid(user)),
        },
        leave: nothing,
        give_up: no_more,
        differs: |case, expected| {
            Ok(match case {
                // su looks the name up itself and asks nobody.
                Case::UnknownUser => Expected {
                    log: "",
                    words: "does not exist",
                    ..expected
                },
                _ => expected,
            })
        },
        shown: false,
    }
    .goes_through_all_cases();
}
