//! The transcript of what a person sees, kept in the repository.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::{RealHost, configuration};
use std::time::Duration;

/// One login with a second factor, and sudo in the session that it opened.
#[test]
fn ssh_with_a_second_factor_and_sudo_after_it() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let double = Double::start();
    let host = RealHost::new(&double)
        .config(&configuration(&double, "linux-mfa"))
        .start();
    let mut ssh = host
        .ssh("bob")
        .option("PreferredAuthentications=keyboard-interactive")
        .run(&[]);
    ssh.answer("Password: ", PASSWORD);
    ssh.answer("code: ", &double.totp_unused("bob"));
    ssh.expect("$ ").send_line("id -un");
    ssh.expect("$ ").send_line("sudo id -un");
    // Each code is accepted once.
    double.advance(Duration::from_secs(60));
    ssh.answer("password for bob: ", PASSWORD);
    ssh.answer("code: ", &double.totp_unused("bob"));
    ssh.expect("$ ").send_line("exit");
    let ended = ssh.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    let seen = format!("$ ssh bob@host\n{}", ended.transcript);
    let kept = include_str!("transcripts/ssh-then-sudo.txt");
    assert_eq!(seen, kept, "what a person sees:\n{seen}");
    let lines = host.new_lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
}
