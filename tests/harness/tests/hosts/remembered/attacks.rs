//! Users and sessions that get nothing: other users, other sessions, and what remains of a
//! session.

use super::bench::{
    Asked, DIRECTORY, PASSWORD, Session, builder, files, host, left_behind_is_root, log_has,
    nothing_is_remembered, root, sent, server,
};
use pam_harness::host::stacks;
use std::time::Duration;

#[test]
fn another_session_of_the_same_user_gets_nothing() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    let mut first = Session::ssh(&host, "duke");
    assert_eq!(first.sudo(), Asked::Password);
    // A session that started with a key has no second factor to remember.
    let mut second = Session::with_key(&host, "duke");
    assert_eq!(second.sudo(), Asked::Push);
    assert_eq!(
        second.sudo(),
        Asked::Push,
        "sudo remembers a second factor that it asked for itself"
    );
    // A process without an audit session: in a container, or a service.
    let mut none = host.sudo("duke", &["-k", "id", "-u"]);
    none.answer("assword", PASSWORD);
    none.answer("Press Enter", "");
    assert_eq!(none.finish().status, 0);
    assert_eq!(
        first.sudo(),
        Asked::Password,
        "the first session no longer remembers"
    );
}

/// su and sudo give another user a process in the session. authentik's cookie does not name a
/// user, so it must not even be sent for another one.
#[test]
fn another_user_in_the_session_gets_nothing() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su");
    let double = server();
    let host = host(&double);
    let mut session = Session::ssh(&host, "duke");
    assert_eq!(session.sudo(), Asked::Password);
    assert_eq!(sent(&double), 1);
    assert_eq!(session.asks("su duke -c true"), Asked::Push, "su");
    assert_eq!(session.asks("su alice -c true"), Asked::Push);
    assert_eq!(sent(&double), 0);
    // duke's own sudo sends it, and alice's sudo after it does not.
    let both = [PASSWORD, PASSWORD];
    let sudo = "sudo -k -u alice sudo -k id -u";
    assert_eq!(
        session.try_answering(sudo, &both),
        Asked::Push,
        "alice's own sudo is not asked for a push"
    );
    assert_eq!(sent(&double), 1);
    // The question is for duke, and alice has called: her process is in duke's session.
    host.put(
        "/etc/sudoers",
        b"Defaults:alice targetpw\nDefaults !lecture\nALL ALL=(ALL:ALL) ALL\n",
        0o440,
        0,
    );
    let sudo = "sudo -k -u alice sudo -k -u duke id -u";
    assert_eq!(session.try_answering(sudo, &both), Asked::Push, "targetpw");
    assert_eq!(sent(&double), 1);
    assert_eq!(session.sudo(), Asked::Password);
}

/// A process that setsid leaves is still in the audit session, like tmux. After the logout that
/// session is no longer alive.
#[test]
fn a_process_that_outlives_the_session_gets_nothing() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    let mut session = Session::ssh(&host, "duke");
    session.leave_behind();
    assert!(
        left_behind_is_root(&host),
        "the program did not become root while its session is open"
    );
    session.leave_behind();
    session.leave();
    nothing_is_remembered(&host);
    assert!(
        !left_behind_is_root(&host),
        "the program became root after the logout"
    );

    // sshd is killed, and does not close the session.
    let mut session = Session::ssh(&host, "duke");
    session.leave_behind();
    let record = files(&host, "session.");
    assert_eq!(record.len(), 1, "{record:?}");
    let leader = root(
        &host,
        &format!("sed -n 10p {DIRECTORY}/session.* | cut -d' ' -f1"),
    );
    root(&host, &format!("kill -9 {leader}"));
    drop(session.into_terminal());
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        files(&host, "session."),
        record,
        "the record is gone before sudo ran"
    );
    assert!(
        !left_behind_is_root(&host),
        "the program became root after the session was killed"
    );
    assert_eq!(
        files(&host, "session."),
        [""; 0],
        "sudo did not remove the record"
    );
}

#[test]
fn a_name_in_the_users_environment_is_ignored() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let stack = stacks::text("sshd").replace(
        "-session    optional        pam_authentik_flow.so",
        "session     required        pam_env.so user_readenv=1\n\
         -session    optional        pam_authentik_flow.so",
    );
    let local = "auth sufficient pam_unix.so\n";
    let host = builder(&double, "")
        .stack("sshd", &stack)
        .local_password("duke")
        .start();
    for by_key in [true, false] {
        // A login without a session: its record waits, and the user knows its name.
        let mut login = host.application("root", "", "sshd", "duke");
        login.answer("assword:", PASSWORD);
        login.answer("Press Enter", "");
        assert_eq!(login.finish().status, 0);
        let waiting = files(&host, "handed-over.");
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        let name = waiting[0].trim_start_matches("handed-over.");
        // As if it had come from the same client: the process alone is another one.
        root(
            &host,
            &format!("sed -i 5s/.*/127.0.0.1/ {DIRECTORY}/handed-over.*"),
        );
        let variable = format!("PAM_AUTHENTIK_FLOW_HANDED_OVER DEFAULT={name}\n");
        host.put(
            "/home/duke/.pam_environment",
            variable.as_bytes(),
            0o644,
            host.uid("duke"),
        );
        host.new_lines();
        let mut session = if by_key {
            Session::with_key(&host, "duke")
        } else {
            host.stack("sshd", &format!("{local}{stack}"));
            let ssh = host.ssh("duke").by_password().option("RequestTTY=force");
            let mut terminal = ssh.run(&["sh"]);
            terminal.answer("assword:", pam_harness::accounts::LOCAL_ADMIN_PASSWORD);
            Session::of(terminal)
        };
        log_has(&host, "reason=\"another login has handed it over\"");
        assert_eq!(files(&host, ""), [""; 0], "the record is still there");
        assert!(
            session.run("env | grep -c HANDED_OVER | grep -qx 0"),
            "unset"
        );
        assert_eq!(session.sudo(), Asked::Push, "by key: {by_key}");
    }
}

/// If a user restarts sshd from their own session, the new sshd is in that session.
#[test]
fn the_audit_session_of_the_user_who_started_sshd_is_not_used() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    // The first one makes the keys, and the client's configuration.
    Session::ssh(&host, "duke").leave();
    nothing_is_remembered(&host);
    for (admin, is_kept) in [("duke", false), ("alice", true)] {
        let uid = host.uid(admin);
        let port = if is_kept { 47_022 } else { 47_023 };
        let script = format!(
            "echo {uid} >/proc/self/loginuid; exec /usr/sbin/sshd -D -f /etc/ssh/sshd_config \
             -o ListenAddress=127.0.0.1:{port} -o Port={port} -o PidFile=none"
        );
        root(&host, "sed -i '/^ListenAddress/d' /etc/ssh/sshd_config");
        let _sshd = host.terminal("root", &["sh", "-c", &script]);
        std::thread::sleep(Duration::from_secs(1));
        host.new_lines();
        let mut session = Session::ssh_with(&host, "duke", &[&format!("Port={port}")]);
        if is_kept {
            // pam_loginuid has created a new session.
            assert_eq!(session.sudo(), Asked::Password);
        } else {
            log_has(
                &host,
                "second factor not remembered: rhost=127.0.0.1 user=duke reason=",
            );
            assert_eq!(session.sudo(), Asked::Push);
        }
        session.leave();
        nothing_is_remembered(&host);
    }
}

/// Without pam_loginuid before the module, no session has its own number.
#[test]
fn a_session_without_audit_remembers_nothing() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let loginuid = "-session    optional        pam_loginuid.so\n";
    let without = stacks::text("sshd").replace(loginuid, "");
    let behind = format!("{without}{loginuid}");
    for stack in [without, behind] {
        let host = builder(&double, "").stack("sshd", &stack).start();
        let mut session = Session::ssh(&host, "duke");
        log_has(&host, "pam_loginuid must stand before this module");
        assert_eq!(files(&host, ""), [""; 0]);
        assert_eq!(session.sudo(), Asked::Push);
    }
}
