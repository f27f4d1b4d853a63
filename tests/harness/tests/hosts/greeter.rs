//! greetd with its text greeter: it asks for the password when it has the name, and the user
//! answers much later.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::{RealHost, configuration, packages};
use std::time::Duration;

/// greetd on the terminal that it was started on, and a session that leaves a file.
const GREETD: &str = "\
[terminal]
vt = \"none\"
[default_session]
command = \"/etc/greetd/greeter\"
user = \"root\"
";

/// agreety needs its own terminal, which is usually a VT.
const AGREETY: &str = "\
#!/bin/sh
exec script --quiet --command \"/usr/sbin/agreety --cmd 'touch /tmp/logged-in'\" /dev/null
";

/// Like conf/pam.d/authentik-faillock, with greetd's name for the greeter.
const STACK: &str = "\
auth    include     authentik-faillock
account required    pam_unix.so
session required    pam_permit.so
";

const GREETER: &str = "account required pam_permit.so\nsession required pam_permit.so\n";

/// The `login_timeout` of the logins, and how long the user takes.
const LIMIT: &str = "login_timeout = \"2s\"\n";
const LATE: Duration = Duration::from_secs(12);
/// The file that the session leaves.
const LOGGED_IN: &str = "/tmp/logged-in";

/// How many failures pam_faillock has recorded for alice, after the two header lines.
fn counted(host: &RealHost) -> usize {
    let output = host.output("root", &["faillock", "--user", "alice"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("alice:"), "{text}");
    text.lines().count() - 2
}

#[test]
fn a_right_password_ten_seconds_after_login_timeout_logs_in() {
    pam_harness::require_real_host!("faillock", "script");
    let unpacked = match packages(&["greetd", "agreety"]) {
        Ok(unpacked) => unpacked,
        Err(reason) => pam_harness::skip!("{reason}"),
    };
    let double = Double::start();
    let host = RealHost::new(&double)
        .packages(&unpacked)
        .config(&format!("{LIMIT}{}", configuration(&double, "linux-login")))
        .file("/etc/greetd/config.toml", GREETD, 0o644)
        .file("/etc/greetd/greeter", AGREETY, 0o755)
        .stack("greetd", STACK)
        .stack("greetd-greeter", GREETER)
        .start();
    let mut greeter = host.terminal("root", &["greetd"]);
    greeter.expect("login:");
    let mut answer = |password: &str, after: Duration| {
        greeter.send_line("alice").expect("assword:");
        std::thread::sleep(after);
        greeter.send_secret(password);
        // The greeter is shown again: the session has ended, or was refused.
        greeter.expect("login:");
        // A refused answer has a line of its own, beside that of the login.
        let lines: Vec<String> = host
            .new_lines()
            .into_iter()
            .filter(|line| !line.contains("refused answer:"))
            .collect();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        lines.concat()
    };

    let line = answer(PASSWORD, LATE);
    assert!(line.contains("PAM_SUCCESS: user=alice"), "{line}");
    let owner = host.output("root", &["stat", "--format", "%U", LOGGED_IN]);
    assert_eq!(String::from_utf8_lossy(&owner.stdout), "alice\n");
    assert_eq!(counted(&host), 0);
    assert_eq!(double.active_sessions("alice"), 0);

    // A wrong answer counts whenever it comes. The next right one logs in.
    host.remove(LOGGED_IN);
    let late = Duration::from_millis(2500);
    for (password, after, count) in [
        ("wrong", late, 1),
        ("wrong", Duration::ZERO, 2),
        (PASSWORD, late, 0),
    ] {
        let line = answer(password, after);
        assert_eq!(line.contains("PAM_AUTH_ERR:"), count > 0, "{line}");
        assert_eq!(counted(&host), count, "{line}");
    }
    assert!(host.read(LOGGED_IN).is_some());
}
