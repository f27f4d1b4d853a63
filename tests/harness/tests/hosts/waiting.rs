//! Programs that open a prompt long before it is answered, and programs that wait for a word in
//! it.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::{RealHost, configuration};
use std::time::Duration;

/// sudo's prompt waits for five minutes, and without a limit with `passwd_timeout=0`.
#[test]
fn sudo_takes_an_answer_after_login_timeout() {
    pam_harness::require_real_host!("sudo");
    let double = Double::builder().without_pause().start();
    let config = configuration(&double, "linux-mfa");
    let host = RealHost::new(&double)
        .config(&format!("login_timeout = \"2s\"\n{config}"))
        .start();
    let mut terminal = host.sudo("carol", &["-k", "id", "-un"]);
    terminal.expect("assword");
    std::thread::sleep(Duration::from_secs(4));
    terminal.send_secret(PASSWORD);
    terminal.answer("Authentication code:", "carol0000000");
    let ended = terminal.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    assert!(ended.transcript.contains("root\n"), "{}", ended.transcript);
    let lines = host.new_lines();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains("PAM_SUCCESS: user=carol"), "{lines:#?}");
}

/// sshpass waits for "assword:". A prompt in another language makes it wait without an end, and
/// a prompt in the configuration solves that.
#[test]
fn sshpass_needs_its_word_in_the_prompt() {
    pam_harness::require_real_host!("sshd", "ssh");
    let packages = pam_harness::require_packages!("sshpass");
    let double = Double::builder().without_pause().start();
    let config = configuration(&double, "linux-login");
    let german = format!("{config}\n[prompt]\nlanguage = \"de\"\n");
    let host = RealHost::new(&double)
        .packages(&packages)
        .config(&german)
        .start();
    // Starts sshd, and shows the prompt of a person.
    let mut person = host.ssh("alice").run(&["true"]);
    person.answer("Passwort:", PASSWORD);
    assert_eq!(person.finish().status, 0);

    let command = [
        "timeout",
        "5",
        "sshpass",
        "-p",
        PASSWORD,
        "ssh",
        "alice@host",
        "id",
        "-un",
    ];
    let output = host.output("root", &command);
    assert_eq!(output.status.code(), Some(124), "{output:?}");

    host.config(&format!(
        "{german}[services.sshd.prompt]\npassword = \"Password:\"\n"
    ));
    let output = host.output("root", &command);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "alice\n");
}
