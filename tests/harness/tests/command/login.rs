//! `login` at a terminal.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use rexpect::session::{PtySession, spawn_command};

use crate::bench::{Bench, PASSWORD};

/// The limit for every step.
const LIMIT: Option<u64> = Some(20_000);

const OPEN: &str = "allow_any_user = true";
const ANYBODY: &str = "[user]\nrequire_account = false";

/// The command at a terminal. At its end the terminal reports its state.
fn terminal(bench: &Bench, arguments: &[&str]) -> PtySession {
    let command = bench.command(arguments);
    // A shell that handles Ctrl-C itself, and reports the state of the terminal.
    let script = "stty echo; echo \"shell $$\"; trap : INT; \"$@\"; echo \"exit $?\"; stty -a | tr ' ;' '\\n\\n' | grep -x -e echo -e -echo";
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", script, "sh"]).arg(command.get_program());
    shell.args(command.get_args()).env_clear();
    shell.env("PATH", "/usr/bin:/bin").env("NO_COLOR", "1");
    spawn_command(shell, LIMIT).unwrap()
}

/// Its output until it ends.
fn rest(mut session: PtySession) -> String {
    session.exp_eof().unwrap()
}

fn bench(flow: &str) -> Bench {
    let bench = Bench::new();
    bench.config(&format!("flow = \"{flow}\""), OPEN, ANYBODY);
    bench
}

/// A login in a terminal, which asks for the password.
fn log_in(bench: &Bench, user: &str) -> PtySession {
    let mut session = terminal(bench, &["login", "--user", user, "--config", "{config}"]);
    session.exp_string("Password: ").unwrap();
    session
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn the_right_password() {
    pam_harness::require_isolation!();
    let bench = bench("linux-login");
    let mut session = log_in(&bench, "alice");
    session.send_line(PASSWORD).unwrap();
    let rest = rest(session);
    has(
        &rest,
        &[
            "identification",
            "password",
            "whose session",
            " ms in authentik",
            "PAM_SUCCESS",
            "exit 0",
            "\necho",
        ],
    );
    assert!(
        !rest.contains(PASSWORD),
        "the terminal shows the password: {rest}"
    );
    assert_eq!(
        bench.double.active_sessions("alice"),
        0,
        "the session in authentik is still there"
    );
}

#[test]
fn a_wrong_password() {
    pam_harness::require_isolation!();
    let bench = bench("linux-login");
    let mut session = log_in(&bench, "alice");
    session.send_line("no such horse").unwrap();
    let rest = rest(session);
    has(
        &rest,
        &[
            "PAM_AUTH_ERR: a wrong or empty secret",
            "why: authentik refused the password",
            "exit 1",
            "\necho",
        ],
    );
    assert!(
        !rest.contains("horse"),
        "the terminal shows the password: {rest}"
    );
}

#[test]
fn a_password_and_a_code() {
    pam_harness::require_isolation!();
    let bench = bench("linux-mfa");
    let mut session = log_in(&bench, "bob");
    session.send_line(PASSWORD).unwrap();
    session.exp_string("code: ").unwrap();
    session.send_line(&bench.double.totp_unused("bob")).unwrap();
    let rest = rest(session);
    has(&rest, &["authenticator-validate", "PAM_SUCCESS", "exit 0"]);
}

#[test]
fn ctrl_c_gives_the_terminal_its_echo_back() {
    pam_harness::require_isolation!();
    let bench = bench("linux-login");
    let mut session = log_in(&bench, "alice");
    session.send("half a pass").unwrap();
    session.send_control('c').unwrap();
    let rest = rest(session);
    has(&rest, &["PAM_CONV_ERR", "exit 130", "\necho"]);
    assert!(!rest.contains("\n-echo"), "{rest}");
}

/// Killed at the prompt, it also restores the terminal.
#[test]
fn a_signal_to_end_does_so_as_well() {
    pam_harness::require_isolation!();
    let bench = bench("linux-login");
    let mut session = terminal(
        &bench,
        &["login", "--user", "alice", "--config", "{config}"],
    );
    let (_, shell) = session.exp_regex("shell [0-9]+").unwrap();
    let shell = shell.trim_start_matches("shell ").to_owned();
    session.exp_string("Password: ").unwrap();
    let children = format!("/proc/{shell}/task/{shell}/children");
    let child = std::fs::read_to_string(Path::new(&children)).unwrap();
    let child: i32 = child.trim().parse().unwrap();
    let killed = std::process::Command::new("kill")
        .arg(child.to_string())
        .status()
        .unwrap();
    assert!(killed.success() && killed.signal().is_none());
    let rest = rest(session);
    assert!(rest.contains("\necho"), "{rest}");
}

#[test]
fn a_user_who_is_left_alone_is_told_so() {
    pam_harness::require_isolation!();
    let bench = bench("linux-login");
    let run = bench.run(&["login", "--user", "root", "--config", "{config}"]);
    assert_eq!(run.status, 1);
    assert!(
        run.text.contains("PAM_IGNORE") && run.text.contains("allow_root"),
        "{}",
        run.text
    );
    assert!(bench.double.requests().is_empty());
}

/// Denied by a group: the flow succeeds, and the module denies.
#[test]
fn not_in_the_group() {
    pam_harness::require_isolation!();
    let bench = bench("linux-login");
    bench.config(
        "flow = \"linux-login\"",
        "groups = [\"no-such-group\"]",
        ANYBODY,
    );
    let mut session = log_in(&bench, "alice");
    session.send_line(PASSWORD).unwrap();
    let rest = rest(session);
    assert!(
        rest.contains("PAM_PERM_DENIED")
            && rest
                .contains("none of the groups of [access] groups (no-such-group); the user's are"),
        "{rest}"
    );
}
