//! The machine does not affect a test, and a test does not affect the machine.

use crate::{local, stack};
use pam_harness::accounts::{LOCAL_ADMIN_PASSWORD, PEOPLE};
use std::fs;

/// Queries the account database, as a module would.
fn account(name: &str) -> pam_harness::Pam {
    stack("auth required pam_permit.so\naccount required pam_succeed_if.so quiet uid >= 2000")
        .user(name)
}

#[test]
fn accounts_are_the_tests_own() {
    pam_harness::require_isolation!();
    for name in PEOPLE.into_iter().chain(["localadmin"]) {
        assert_eq!(account(name).acct_mgmt().run().code(), "PAM_SUCCESS");
    }
    for name in ["root", "daemon", "sshd"] {
        assert_eq!(account(name).acct_mgmt().run().code(), "PAM_AUTH_ERR");
    }
    // The machine's users do not exist here.
    for name in ["games", "mail", "xyzzy"] {
        let run = account(name).acct_mgmt().run();
        assert_eq!(run.code(), "PAM_USER_UNKNOWN", "{name}");
    }
}

#[test]
fn accounts_can_be_added_changed_and_taken_away() {
    pam_harness::require_isolation!();
    let run = account("newcomer").account("newcomer", 3000).acct_mgmt();
    assert_eq!(run.run().code(), "PAM_SUCCESS");
    let run = account("alice").account("alice", 500).acct_mgmt();
    assert_eq!(run.run().code(), "PAM_AUTH_ERR");
    let run = account("alice").without_account("alice").acct_mgmt();
    assert_eq!(run.run().code(), "PAM_USER_UNKNOWN");
}

#[test]
fn the_machine_stays_as_it_is() {
    pam_harness::require_isolation!();
    let look = || {
        (
            fs::read("/etc/passwd").unwrap(),
            fs::read("/etc/nsswitch.conf").ok(),
            fs::symlink_metadata("/dev/log").is_ok(),
            fs::read_to_string("/proc/self/mounts").unwrap(),
        )
    };
    let before = look();
    let run = local()
        .answer_secret(LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(run.code(), "PAM_SUCCESS");
    assert_eq!(look(), before);
}

#[test]
fn the_log_is_the_tests_own() {
    pam_harness::require_isolation!();
    let warns = || {
        stack("auth required pam_warn.so\nauth required pam_permit.so")
            .service("sshd")
            .rhost("192.0.2.7")
            .tty("ssh")
            .ruser("bob")
            .authenticate()
    };
    let run = warns().run();
    let [line] = run.log() else {
        panic!("the log does not have exactly one line: {run}");
    };
    assert_eq!((line.facility, line.priority), ("authpriv", "notice"));
    assert_eq!(line.tag, "pam-run");
    assert!(line.text.starts_with("pam_warn(sshd:auth)"), "{line}");
    for part in ["user=[alice]", "rhost=[192.0.2.7]", "terminal=[ssh]"] {
        assert!(line.text.contains(part), "{part}: {line}");
    }

    let run = warns().log_missing().run();
    assert_eq!(run.code(), "PAM_SUCCESS");
    assert!(run.log().is_empty());
}

#[test]
fn a_log_that_nobody_reads_blocks_its_writers() {
    pam_harness::require_isolation!();
    // pam_warn logs with syslog(3), which blocks, so the socket is really full.
    let run = stack("auth required pam_warn.so")
        .log_stuck()
        .timeout(std::time::Duration::from_millis(500))
        .authenticate()
        .try_run();
    assert!(
        matches!(run, Err(pam_harness::HarnessError::Timeout(_))),
        "{run:?}"
    );
}

#[test]
fn other_files_can_be_covered() {
    pam_harness::require_isolation!();
    let run = stack("auth required pam_exec.so stdout /bin/cat /etc/resolv.conf")
        .overlay("/etc/resolv.conf", "nameserver 192.0.2.53\n")
        .authenticate()
        .run();
    if !std::path::Path::new("/etc/resolv.conf").exists() {
        pam_harness::skip!("this machine has no /etc/resolv.conf to cover");
    }
    assert_eq!(run.shown(), ["nameserver 192.0.2.53"], "{run}");
}

#[test]
fn an_ordinary_user_has_the_same() {
    let user = pam_harness::ordinary_user();
    pam_harness::require_isolation!(user);
    let run = local()
        .as_user(user)
        .capture_authtok()
        .answer_secret(LOCAL_ADMIN_PASSWORD)
        .authenticate()
        .run();
    assert_eq!(run.code(), "PAM_SUCCESS", "{run}");
    assert_eq!(run.authtok(), Some(LOCAL_ADMIN_PASSWORD));
    assert_ne!(run.report().before.ids[..3], [0, 0, 0]);

    let run = stack("auth required pam_warn.so")
        .as_user(user)
        .authenticate()
        .run();
    assert_eq!(run.log().len(), 1, "{run}");
    let run = account("eve").as_user(user).acct_mgmt().run();
    assert_eq!(run.code(), "PAM_SUCCESS");
}

#[test]
fn the_machine_can_be_seen_as_it_is() {
    let name = "localadmin";
    let run = stack("account required pam_succeed_if.so quiet user = root")
        .user("root")
        .without_isolation()
        .acct_mgmt()
        .run();
    assert_eq!(run.code(), "PAM_SUCCESS");
    let known = fs::read_to_string("/etc/passwd")
        .unwrap()
        .lines()
        .any(|line| line.starts_with(&format!("{name}:")));
    if !known {
        let run = account(name).without_isolation().acct_mgmt().run();
        assert_eq!(run.code(), "PAM_USER_UNKNOWN");
    }
}
