//! sudo, in a terminal and from a pipe.

use crate::case::{Case, Expected};
use crate::matrix::{Program, no_more, nothing};

const WHO_RUNS_IT: &str = "sudo asks about the person who runs it, who has an account";

/// The result of a case with sudo.
fn differs(case: Case, expected: Expected) -> Result<Expected, &'static str> {
    match case {
        Case::UnknownUser => Err(WHO_RUNS_IT),
        // sudo makes modules silent, but it shows prompts.
        Case::WrongPassword | Case::Denied | Case::ServerDown => Ok(Expected {
            words: "",
            ..expected
        }),
        _ => Ok(expected),
    }
}

const TERMINAL: Program = Program {
    name: "sudo",
    start: |host, user| host.sudo(user, &["-k", "id", "-u"]),
    welcome: |_, _| String::from("\r\n0\r\n"),
    leave: nothing,
    give_up: no_more,
    differs,
    shown: false,
};

#[test]
fn in_a_terminal() {
    pam_harness::require_real_host!("sudo");
    TERMINAL.goes_through_all_cases();
}

#[test]
fn from_a_pipe() {
    pam_harness::require_real_host!("sudo");
    Program {
        name: "sudo -S",
        // Typed text goes through the pipe, one line at a time.
        start: |host, user| host.terminal(user, &["sh", "-c", "cat | sudo -S -k id -u"]),
        leave: |terminal| {
            terminal.send(b"\x04");
        },
        shown: true,
        ..TERMINAL
    }
    .goes_through_all_cases();
}
