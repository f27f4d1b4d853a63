//! A push that is chosen in a menu: the person is told before the module waits for it.

use crate::case::PASSWORD;
use authentik_double::{Double, Phone};
use pam_harness::host::{RealHost, configuration};
use std::time::Duration;

#[test]
fn a_push_from_the_menu_says_that_it_waits_before_it_does() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = Double::start();
    double.world(|world| world.user_mut("zoe").phone = Phone::Approve(Duration::from_secs(3)));
    let host = RealHost::new(&double)
        .config(&configuration(&double, "linux-mfa"))
        .start();

    let mut sudo = host.sudo("zoe", &["id", "-un"]);
    sudo.answer("password for zoe:", PASSWORD);
    sudo.answer("Code or option (1-5):", "3");
    sudo.expect("Approve the push on your phone now.");
    // authentik has not sent the push yet.
    assert_eq!(host.new_lines(), Vec::<String>::new());
    let ended = sudo.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);

    // sshd would show that text only after the wait, so a prompt contains it.
    let mut ssh = host
        .ssh("zoe")
        .option("PreferredAuthentications=keyboard-interactive")
        .run(&["id", "-un"]);
    ssh.answer("Password:", PASSWORD);
    // The factor that was used last is the first option.
    ssh.answer("Code or option (1-5):", "1");
    ssh.answer("Press Enter, then approve the push on your phone:", "");
    let ended = ssh.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    assert!(
        !ended.transcript.contains("Approve the push"),
        "{}",
        ended.transcript
    );
}
