//! sshd: keyboard-interactive, the password method, and after a key.

use crate::case::{Case, Expected};
use crate::matrix::{Program, no_more, nothing, same};
use pam_harness::host::RealHost;

/// `id`, as the person runs it on the host, and its output.
const ID: [&str; 2] = ["id", "-u"];

fn id_of(host: &RealHost, user: &str) -> String {
    match user {
        "nosuch" => String::from("(nobody)"),
        _ => format!("{}\r\n", host.uid(user)),
    }
}

const INTERACTIVE: Program = Program {
    name: "ssh, keyboard-interactive",
    start: |host, user| {
        host.ssh(user)
            .option("PreferredAuthentications=keyboard-interactive")
            .option("NumberOfPasswordPrompts=1")
            .run(&ID)
    },
    welcome: id_of,
    leave: nothing,
    give_up: no_more,
    differs: same,
    shown: false,
};

#[test]
fn keyboard_interactive() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen");
    INTERACTIVE.goes_through_all_cases();
}

#[test]
fn the_password_method() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen");
    Program {
        name: "ssh, the password method",
        start: |host, user| {
            host.ssh(user)
                .by_password()
                .option("NumberOfPasswordPrompts=1")
                .run(&ID)
        },
        differs: |case, expected| {
            Ok(match case {
                // sshd gives the password to every prompt, so there is no code.
                Case::Code | Case::MistypedCode | Case::IdleConnections => Expected {
                    success: false,
                    log: "does the application answer every prompt alike?",
                    words: "Permission denied",
                },
                // It asks before it knows the user, and shows no texts of a module.
                _ => Expected {
                    words: "",
                    ..expected
                },
            })
        },
        ..INTERACTIVE
    }
    .goes_through_all_cases();
}

#[test]
fn a_key_and_then_authentik() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen");
    Program {
        name: "ssh, publickey and keyboard-interactive",
        start: |host, user| {
            host.ssh(user)
                .sshd("AuthenticationMethods publickey,keyboard-interactive")
                .with_key()
                .option("NumberOfPasswordPrompts=1")
                .run(&ID)
        },
        differs: |case, expected| {
            Ok(match case {
                // Without a key of theirs there is no question.
                Case::UnknownUser => Expected {
                    log: "",
                    words: "Permission denied (publickey)",
                    ..expected
                },
                _ => expected,
            })
        },
        ..INTERACTIVE
    }
    .goes_through_all_cases();
}

#[test]
fn a_key_alone_is_not_enough_where_both_are_asked_for() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen");
    let double = authentik_double::Double::start();
    let host = RealHost::new(&double).start();
    let ended = host
        .ssh("alice")
        .sshd("AuthenticationMethods publickey,keyboard-interactive")
        .with_key()
        .option("BatchMode=yes")
        .run(&ID)
        .finish();
    assert_eq!(ended.status, 255, "{}", ended.transcript);
    assert!(
        ended
            .transcript
            .contains("Permission denied (keyboard-interactive)"),
        "{}",
        ended.transcript
    );
}
