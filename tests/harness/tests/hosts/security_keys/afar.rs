//! The ways in which a remote user reaches a host with a key in it, through the real programs.
//! They know the password. The key must not blink for any of them, because its owner might
//! touch it.

use super::{AT_SEAT, Bench, KAY};
use crate::case::PASSWORD;
use crate::matrix::write_table;
use authentik_double::Validate;
use pam_harness::host::{RealHost, Terminal, stacks};
use pam_harness::virtual_key::{Event, Settings};
use std::fmt::Write;

/// Replaces pam_systemd: it writes the file that logind would write about a session.
const LOGIND: &str = "\
#!/bin/sh
id=$(cat /proc/self/sessionid)
remote=0
[ -z \"$PAM_RHOST\" ] || remote=1
mkdir -p /run/systemd/sessions
cat >/run/systemd/sessions/$id <<END
UID=2200
USER=$PAM_USER
ACTIVE=1
STATE=active
REMOTE=$remote
REMOTE_HOST=$PAM_RHOST
TYPE=tty
CLASS=user
SERVICE=$PAM_SERVICE
AUDIT=$id
END
";
const SYSTEMD: &str = "-session    optional        pam_systemd.so";
const STAND_IN: &str = "session required pam_exec.so quiet /etc/logind-stand-in";

/// One way.
struct Way {
    name: &'static str,
    /// What logind says about the session in which the program starts.
    session: String,
    start: fn(&RealHost) -> Terminal,
    /// Why the module refuses.
    why: &'static str,
}

fn ssh(host: &RealHost, command: &[&str]) -> Terminal {
    host.ssh("kay")
        .with_key()
        .option("PreferredAuthentications=publickey")
        .option("RequestTTY=force")
        .run(command)
}

const SUDO: [&str; 4] = ["sudo", "-k", "id", "-un"];
const TOUCH: &str = "touch your security key: ";
const FROM_AFAR: &str = "logind says that the session is remote";
const NO_SESSION: &str = "this process belongs to no session that logind knows";

fn ways() -> Vec<Way> {
    let way = |name, session: &str, start, why| Way {
        name,
        session: session.to_owned(),
        start,
        why,
    };
    let changed = |from: &str, to: &str| {
        assert!(AT_SEAT.contains(from), "{from}");
        AT_SEAT.replace(from, to)
    };
    vec![
        // sshd is started by a user at the seat, so it is in their session.
        way(
            "ssh, by password",
            AT_SEAT,
            |host| {
                let ssh = host.ssh("kay");
                ssh.option("PreferredAuthentications=keyboard-interactive")
                    .option("NumberOfPasswordPrompts=1")
                    .run(&["id", "-un"])
            },
            "this service is for logins over a network",
        ),
        way(
            "sudo in a session of ssh",
            AT_SEAT,
            |host| ssh(host, &SUDO),
            FROM_AFAR,
        ),
        way(
            "su in a session of ssh",
            AT_SEAT,
            |host| ssh(host, &["su", "kay", "-c", "id"]),
            FROM_AFAR,
        ),
        way(
            "sudo in tmux that was started in a session of ssh",
            AT_SEAT,
            |host| ssh(host, &["tmux", "new-session", "sudo -k id -un"]),
            FROM_AFAR,
        ),
        way(
            "sudo in tmux that goes on when its session of ssh has ended",
            &changed("REMOTE=0", "REMOTE=0\nREMOTE_HOST=::1")
                .replace("STATE=active", "STATE=closing"),
            |host| host.terminal("kay", &["tmux", "new-session", "sudo -k id -un"]),
            FROM_AFAR,
        ),
        way(
            "sudo in tmux that goes on when its session at the seat has ended",
            &changed("ACTIVE=1\nSTATE=active", "ACTIVE=0\nSTATE=closing"),
            |host| host.terminal("kay", &["tmux", "new-session", "sudo -k id -un"]),
            "not in the foreground",
        ),
        way(
            "sudo in a service of the user's manager (systemd-run --user)",
            &changed("CLASS=user\nSEAT=seat0\nVTNR=1", "CLASS=manager"),
            |host| host.terminal("kay", &SUDO),
            "of another class",
        ),
        way(
            "sudo in a service of the user's manager that claims a seat",
            &changed("CLASS=user", "CLASS=manager"),
            |host| host.terminal("kay", &SUDO),
            "of another class",
        ),
        way(
            "sudo without a session of logind (cron)",
            &changed("AUDIT={id}", "AUDIT=1"),
            |host| host.terminal("kay", &SUDO),
            NO_SESSION,
        ),
        way(
            "login for another host (PAM_RHOST), as telnetd starts it",
            AT_SEAT,
            |host| host.terminal("root", &["login", "-h", "192.0.2.7", "kay"]),
            "the application names a remote host (PAM_RHOST)",
        ),
        way(
            "login in a terminal that is none of the console's",
            &changed("AUDIT={id}", "AUDIT=1"),
            |host| host.terminal("root", &["login", "kay"]),
            NO_SESSION,
        ),
        way(
            "a program of kay's that names itself login, and its terminal tty1",
            &changed("AUDIT={id}", "AUDIT=1"),
            |host| host.pretender("kay", "login", "kay", "tty1"),
            NO_SESSION,
        ),
        way(
            "a program of kay's that names itself a greeter, and its terminal tty1",
            &changed("AUDIT={id}", "AUDIT=1"),
            |host| host.pretender("kay", "gdm-password", "kay", "/dev/tty1"),
            NO_SESSION,
        ),
        way(
            "a program of root's that names itself login, and its terminal tty1",
            &changed("AUDIT={id}", "AUDIT=1"),
            |host| host.pretender("root", "login", "kay", "tty1"),
            NO_SESSION,
        ),
    ]
}

#[test]
fn no_key_blinks_for_somebody_from_afar() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo", "su", "login");
    let packages = pam_harness::require_packages!("tmux");
    let bench = Bench::new(Validate::new(), Settings::default());
    let mut builder = bench
        .host()
        .packages(&packages)
        .file("/etc/logind-stand-in", LOGIND, 0o755)
        .file(
            "/etc/sudoers",
            "Defaults !lecture\nDefaults passwd_tries=1\nALL ALL=(ALL:ALL) ALL\n",
            0o440,
        )
        .file("/run/systemd/seats/seat0", "IS_SEAT0=1\n", 0o644)
        .stack("gdm-password", &stacks::text("locker"));
    for service in ["sshd", "su", "login"] {
        let text = stacks::text(service);
        assert!(text.contains(SYSTEMD), "{text}");
        builder = builder.stack(service, &text.replace(SYSTEMD, STAND_IN));
    }
    let host = builder.start();
    let mut table = String::new();
    for way in ways() {
        host.session(&way.session);
        host.new_log();
        let mut terminal = (way.start)(&host);
        terminal.answer("assword", PASSWORD);
        // Nobody answers its further questions.
        terminal.expect_or_end(&["somebody who sits at this host", "login: ", TOUCH]);
        drop(terminal);
        let lines = host.new_lines().join(" | ");
        let events = bench.key.events();
        let _ = writeln!(table, "{}\n    log {lines}", way.name);
        assert!(lines.contains(way.why), "{}: {lines}", way.name);
        assert!(!lines.contains("PAM_SUCCESS"), "{}: {lines}", way.name);
        assert!(events.is_empty(), "{}: {events:?}", way.name);
    }
    write_table("a key and somebody from afar", &table);

    // A user at the seat makes the same key blink, with the same programs.
    host.session(AT_SEAT);
    for start in [
        |host: &RealHost| host.terminal("kay", &SUDO),
        |host: &RealHost| host.terminal("kay", &["tmux", "new-session", "sudo -k id -un"]),
        |host: &RealHost| host.terminal("root", &["login", "kay"]),
    ] {
        let before = blinks(&bench);
        let mut terminal = start(&host);
        terminal.answer("assword", PASSWORD);
        terminal.answer(TOUCH, "");
        terminal.expect_or_end(&["root", "$ "]);
        drop(terminal);
        assert_eq!(blinks(&bench), before + 1);
    }
    assert_eq!(host.uid("kay"), KAY);
}

fn blinks(bench: &Bench) -> usize {
    let events = bench.key.events();
    events.iter().filter(|it| **it == Event::Blinks).count()
}
