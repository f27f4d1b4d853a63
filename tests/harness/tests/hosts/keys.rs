//! Users who log in to the real sshd with a key: the account stage looks them up.

use authentik_double::Double;
use pam_harness::host::{RealHost, configuration};

const ACCOUNT: &str = "[account]\ntoken_file = \"/etc/security/lookup.token\"\n";

fn host(double: &Double, more: &str) -> RealHost {
    let config = format!("{}\n{ACCOUNT}{more}", configuration(double, "linux-login"));
    RealHost::new(double)
        .config(&config)
        .file("/etc/security/lookup.token", "view-user-token\n", 0o600)
        .start()
}

/// The result of `id -un` over ssh with a key, the output, and the module's line.
fn come_with_a_key(host: &RealHost, user: &str) -> (i32, String, String) {
    host.new_lines();
    let ended = host
        .ssh(user)
        .with_key()
        .option("PreferredAuthentications=publickey")
        .run(&["id", "-un"])
        .finish();
    (ended.status, ended.transcript, host.new_lines().join("\n"))
}

#[test]
fn an_active_user_gets_in_and_a_deactivated_one_does_not() {
    pam_harness::require_real_host!("sshd", "ssh");
    let double = Double::start();
    let host = host(&double, "");
    let (status, seen, log) = come_with_a_key(&host, "alice");
    assert_eq!(status, 0, "{seen}\n{log}");
    assert!(seen.ends_with("alice\n"), "{seen}");
    assert!(log.contains("PAM_SUCCESS: user=alice"), "{log}");

    double.world(|world| world.user_mut("alice").active = false);
    let (status, seen, log) = come_with_a_key(&host, "alice");
    assert_eq!(status, 255, "{seen}\n{log}");
    assert!(!seen.contains("alice\n"), "{seen}");
    assert!(log.contains("PAM_ACCT_EXPIRED: user=alice"), "{log}");

    // Removed from authentik.
    double.world(|world| world.remove_user("alice"));
    let (status, seen, log) = come_with_a_key(&host, "alice");
    assert_eq!(status, 255, "{seen}\n{log}");
    assert!(log.contains("PAM_PERM_DENIED: user=alice"), "{log}");
}

#[test]
fn with_the_server_down_the_choice_of_the_configuration_holds() {
    pam_harness::require_real_host!("sshd", "ssh");
    for (choice, status) in [
        ("", 255),
        ("on_unavailable = \"deny\"\n", 255),
        ("on_unavailable = \"ignore\"\n", 0),
    ] {
        let double = Double::start();
        let host = host(&double, choice);
        drop(double);
        let (ended, seen, log) = come_with_a_key(&host, "alice");
        assert_eq!(ended, status, "{choice:?}: {seen}\n{log}");
    }
}

/// Root's key works whatever the state of the module and of authentik.
#[test]
fn the_way_in_stays_with_a_broken_configuration_and_without_the_module() {
    pam_harness::require_real_host!("sshd", "ssh");
    let double = Double::start();
    let host = host(&double, "");
    host.config("this is no configuration");
    let (status, seen, log) = come_with_a_key(&host, "root");
    assert_eq!(status, 0, "{seen}\n{log}");
    let (status, seen, log) = come_with_a_key(&host, "localadmin");
    assert_eq!(status, 0, "{seen}\n{log}");
    let (status, seen, _) = come_with_a_key(&host, "alice");
    assert_eq!(status, 255, "{seen}");
}

/// A password or a code that this module checked needs no look-up.
#[test]
fn a_user_who_logged_in_with_authentik_is_not_looked_up() {
    pam_harness::require_real_host!("sshd", "ssh");
    let double = Double::start();
    let host = host(&double, "");
    let mut ssh = host.ssh("alice").run(&["id", "-un"]);
    ssh.answer("assword", "correct-horse");
    assert_eq!(ssh.finish().status, 0);
    let looked_up = double
        .requests()
        .iter()
        .filter(|request| request.path == "/api/v3/core/users/")
        .count();
    assert_eq!(looked_up, 0);
}
