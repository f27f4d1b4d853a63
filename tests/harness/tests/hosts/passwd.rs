//! The real passwd in a terminal, and whether the old and the new password work at sshd
//! afterwards.

use authentik_double::Double;
use pam_harness::host::{RealHost, configuration};

const OLD: &str = "correct-horse";
const NEW: &str = "battery-staple-9";

fn host(double: &Double) -> RealHost {
    let section = "[password]\nflow = \"default-password-change\"\n";
    let config = format!("{}\n{section}", configuration(double, "linux-login"));
    RealHost::new(double).config(&config).start()
}

fn ssh(host: &RealHost, password: &str) -> i32 {
    let mut ssh = host
        .ssh("alice")
        .option("PreferredAuthentications=keyboard-interactive")
        .option("NumberOfPasswordPrompts=1")
        .run(&["true"]);
    ssh.answer("assword", password);
    ssh.finish().status
}

#[test]
fn after_a_change_only_the_new_password_works() {
    pam_harness::require_real_host!("sshd", "ssh", "passwd");
    let double = Double::start();
    let host = host(&double);
    let mut passwd = host.terminal("alice", &["passwd"]);
    passwd.answer("Current password:", OLD);
    // authentik's policy refuses the first one.
    passwd.answer("New password:", "short");
    passwd.answer("Retype new password:", "short");
    passwd.answer("New password:", NEW);
    passwd.answer("Retype new password:", NEW);
    let ended = passwd.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    assert!(
        ended.transcript.contains("updated successfully"),
        "{}",
        ended.transcript
    );
    assert_eq!(ssh(&host, OLD), 255);
    assert_eq!(ssh(&host, NEW), 0);
}

#[test]
fn a_wrong_old_password_changes_nothing() {
    pam_harness::require_real_host!("passwd");
    let double = Double::start();
    let host = host(&double);
    let mut passwd = host.terminal("alice", &["passwd"]);
    passwd.answer("Current password:", "wrong");
    let ended = passwd.finish();
    assert_ne!(ended.status, 0, "{}", ended.transcript);
    assert_eq!(
        double.world(|world| world.user("alice").password.clone()),
        OLD
    );
}

#[test]
fn a_local_account_changes_its_local_password_with_authentik_down() {
    pam_harness::require_real_host!("passwd");
    let double = Double::start();
    let host = host(&double);
    drop(double);
    host.config("this is no configuration");
    let before = host.read("/etc/shadow").unwrap_or_default()
        + &host.read("/etc/passwd").unwrap_or_default();
    let mut passwd = host.terminal("root", &["passwd", "localadmin"]);
    passwd.answer("New password:", "a-local-secret-7");
    passwd.answer("Retype new password:", "a-local-secret-7");
    let ended = passwd.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    let after = host.read("/etc/shadow").unwrap_or_default()
        + &host.read("/etc/passwd").unwrap_or_default();
    assert_ne!(before, after, "{}", ended.transcript);
}
