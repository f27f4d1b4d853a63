//! A server that says nothing: down for sshd, which nobody holds up; and no
//! reason for an exception in sudo and su, whose callers can stop, freeze and
//! starve them until any limit has passed.

use authentik_double::Double;
use pam_harness::host::{RealHost, configuration, stacks};

fn host(double: &Double) -> RealHost {
    let config = format!(
        "request_timeout = \"1s\"\n{}",
        configuration(double, "linux-login")
    );
    let mut builder = RealHost::new(double)
        .config(&config)
        .local_password("alice");
    for service in ["sshd", "sudo", "su"] {
        builder = builder.stack(service, &stacks::with_way(service, "authentik-fallback"));
    }
    builder.start()
}

#[test]
fn time_is_no_exception_for_those_who_can_make_it_pass() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su");
    let double = Double::builder().mute().start();
    let host = host(&double);

    let mut ssh = host
        .ssh("alice")
        .option("PreferredAuthentications=keyboard-interactive")
        .run(&["id", "-un"]);
    ssh.answer("assword", pam_harness::accounts::LOCAL_ADMIN_PASSWORD);
    let ended = ssh.finish();
    let log = host.new_lines().join("\n");
    assert!(log.contains("PAM_AUTHINFO_UNAVAIL"), "{log}");
    assert_eq!(ended.status, 0, "{}\n{log}", ended.transcript);

    for command in [&["sudo", "id", "-u"][..], &["su", "alice", "-c", "id -un"]] {
        let user = if command[0] == "su" { "bob" } else { "alice" };
        let mut terminal = host.terminal(user, command);
        // The stack's local password is never asked for.
        let asked = terminal.expect_or_end(&["assword: ", "password for"]);
        assert_eq!(asked, None, "{}", terminal.transcript());
        let ended = terminal.finish();
        let log = host.new_lines().join("\n");
        assert_ne!(ended.status, 0, "{}", ended.transcript);
        assert!(log.contains("PAM_AUTH_ERR"), "{log}");
        assert!(log.contains("could have held it up"), "{log}");
    }
}
