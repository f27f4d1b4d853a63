//! Files that are copied, old, owned by another user, or cannot be written.

use super::bench::{Asked, DIRECTORY, Session, files, host, nothing_is_remembered, root, server};

/// Each change is undone by restoring the copy.
#[test]
fn a_copied_or_old_record_is_refused() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    let mut session = Session::ssh(&host, "duke");
    let record = format!("{DIRECTORY}/{}", files(&host, "session.")[0]);
    root(&host, &format!("cp -p {record} /root/copy"));
    for (what, change) in [
        ("another boot", "2s/./x/"),
        ("another audit session", "3s/$/1/"),
        ("another login user", "4s/.*/0/"),
        ("another user", "5s/.*/alice/"),
        ("another server", "7s/$/x/"),
        ("another flow", "8s/$/x/"),
        ("other factors", "9s/$/x/"),
        ("a number that another process had", "10s/ .*/ 1/"),
        ("another leader", "10s/.*/1 1/"),
        ("it is over", "12s/.*/SINCE/"),
        ("it comes from the future", "11s/^/9/;12s/^/9/"),
        ("no cookie", "13d"),
        ("half a record", "7,$d"),
    ] {
        let since = root(&host, &format!("sed -n 11p {record}"));
        let change = change.replace("SINCE", &since);
        root(&host, &format!("sed -i '{change}' {record}"));
        assert_eq!(session.sudo(), Asked::Push, "{what}");
        root(&host, &format!("cp -p /root/copy {record}"));
        assert_eq!(session.sudo(), Asked::Password, "{what}, undone");
    }

    for (what, change) in [
        ("a link", "mv {} {}.x; ln -s {}.x {}"),
        ("others can read it", "chmod 644 {}"),
        ("others can write it", "chmod 622 {}"),
        ("another owner", "chown 2001 {}"),
        ("no file", "rm {}; mkfifo {}"),
    ] {
        root(&host, &change.replace("{}", &record));
        assert_eq!(session.sudo(), Asked::Push, "{what}");
        root(
            &host,
            &format!("rm -f {record} {record}.x; cp -p /root/copy {record}"),
        );
    }
    root(&host, &format!("chmod 777 {DIRECTORY}"));
    assert_eq!(
        session.sudo(),
        Asked::Push,
        "a directory that everybody can write is trusted"
    );
    root(&host, &format!("chmod 700 {DIRECTORY}"));
    assert_eq!(session.sudo(), Asked::Password);

    // Another session, into which the record is copied.
    let mut other = Session::with_key(&host, "duke");
    assert!(other.run("cat /proc/self/sessionid >/tmp/id"));
    let id = root(&host, "cat /tmp/id");
    root(&host, &format!("cp -p /root/copy {DIRECTORY}/session.{id}"));
    assert_eq!(other.sudo(), Asked::Push, "a copied record is trusted");
}

#[test]
fn a_directory_that_cannot_be_used_refuses_nobody() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    let full = format!(
        "mkdir -m 700 {DIRECTORY} && mount -t tmpfs -o mode=0700,size=4k none {DIRECTORY} \
         && dd if=/dev/zero of={DIRECTORY}/x bs=4k count=1 2>/dev/null"
    );
    let empty = format!("umount {DIRECTORY}; rm -rf {DIRECTORY}");
    let link = format!("mkdir -m 700 /home/x; ln -s /home/x {DIRECTORY}");
    let file = format!("touch {DIRECTORY}");
    for (what, script) in [("full", &full), ("a link", &link), ("a file", &file)] {
        root(&host, script);
        let mut session = Session::ssh(&host, "duke");
        assert_eq!(session.sudo(), Asked::Push, "{what}");
        assert_eq!(root(&host, "ls -A /home/x 2>/dev/null || true"), "");
        session.leave();
        root(&host, &format!("{empty} 2>/dev/null; true"));
    }
}

/// The settings of sudo's caller have no effect.
#[test]
fn limits_and_umask_change_nothing() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    let mut session = Session::ssh(&host, "duke");
    for limit in ["ulimit -f 0", "umask 777", "ulimit -n 12", "cd /tmp"] {
        let sudo = format!("({limit}; sudo -k id -u)");
        assert_ne!(session.asks(&sudo), Asked::Refused, "{limit}");
        assert_eq!(session.sudo(), Asked::Password, "{limit}");
    }
    session.leave();
    nothing_is_remembered(&host);
}

/// Records that no session has taken, and those of a killed sshd, are removed at the next
/// login.
#[test]
fn leftover_records_are_removed() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo");
    let double = server();
    let host = host(&double);
    let mut session = Session::ssh(&host, "duke");
    let record = format!("{DIRECTORY}/{}", files(&host, "session.")[0]);
    let digits = "0123456789abcdef".repeat(2);
    root(
        &host,
        &format!(
            "cd {DIRECTORY}; sed '10s/.*/1 1/' {record} >session.4; touch handed-over.{digits}; \
             touch new.4194999; touch accepted; chmod 600 *"
        ),
    );
    let second = Session::ssh(&host, "duke");
    let left = files(&host, "");
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.contains(&"accepted".to_owned()), "{left:?}");
    second.leave();
    assert_eq!(session.sudo(), Asked::Password);
    // A login that is refused removes them, too.
    root(
        &host,
        &format!("cd {DIRECTORY}; touch handed-over.{digits}; chmod 600 *"),
    );
    let refused = host
        .ssh("duke")
        .option("PreferredAuthentications=keyboard-interactive")
        .option("NumberOfPasswordPrompts=1");
    let mut terminal = refused.run(&["true"]);
    terminal.answer("assword:", "wrong");
    terminal.finish();
    assert_eq!(files(&host, "handed-over."), [""; 0]);
    assert_eq!(session.sudo(), Asked::Password);
}
