//! The log with a real journald: the fields of each line, and the line only once.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::{RealHost, Terminal};
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

const JOURNALD: &str = "/lib/systemd/systemd-journald";
const ALONE: &str = "auth required pam_authentik_flow.so\naccount required pam_permit.so\n";
/// Fields that identify the lines of a login.
const OUTCOME: &str = "31f6def20e834b32ba57d8a619730e2a";
const REFUSED_ANSWER: &str = "25995380e60c47e897186dc7dde583a0";

/// Puts `/dev/log` where systemd has it. The socket that the tests read becomes that of a
/// syslog daemon, to which journald forwards its lines.
const AS_SYSTEMD: &str = r#"
    mkdir -p /run/systemd/journal /run/log/journal
    touch /run/systemd/journal/syslog
    mount --bind /dev/log /run/systemd/journal/syslog
    # What is mounted at /dev/log cannot be replaced by a link: a /dev of its own can.
    mkdir /run/dev
    mount -t tmpfs -o mode=0755 none /run/dev
    for node in /dev/*; do
        copy=/run/dev/${node#/dev/}
        if [ "$node" = /dev/log ]; then ln -s /run/systemd/journal/dev-log "$copy"
        elif [ -L "$node" ]; then cp -P "$node" "$copy"
        elif [ -d "$node" ]; then mkdir "$copy"; mount --bind "$node" "$copy"
        else touch "$copy"; mount --bind "$node" "$copy"; fi
    done
    mount --rbind /run/dev /dev
    [ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id
    mkdir -p /etc/systemd
    printf '[Journal]\nStorage=volatile\nForwardToSyslog=yes\nRateLimitBurst=0\n' >/etc/systemd/journald.conf
"#;

macro_rules! require_journald {
    () => {
        pam_harness::require_real_host!("su");
        if !Path::new(JOURNALD).exists() {
            pam_harness::skip!("systemd-journald is not installed");
        }
    };
}

fn root(host: &RealHost, script: &str) -> String {
    let output = host.output("root", &["sh", "-ec", script]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{script}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn wait_for(host: &RealHost, path: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !host.output("root", &["test", "-S", path]).status.success() {
        assert!(Instant::now() < deadline, "there is no {path}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A host where journald runs as long as the second value exists.
fn with_journald(double: &Double) -> (RealHost, Terminal) {
    let host = RealHost::new(double).stack("alone", ALONE).start();
    root(&host, AS_SYSTEMD);
    let daemon = host.terminal("root", &[JOURNALD]);
    wait_for(&host, "/run/systemd/journal/socket");
    wait_for(&host, "/run/systemd/journal/dev-log");
    host.new_log();
    (host, daemon)
}

fn su(host: &RealHost, password: &str) -> i32 {
    let mut su = host.su("carol", &["alice", "-c", "true"]);
    su.answer("assword:", password);
    su.finish().status
}

/// The entries of the journal that match, as `journalctl -o json` gives them.
fn entries(host: &RealHost, matches: &str) -> Vec<Value> {
    let text = root(
        host,
        &format!("journalctl --sync; journalctl --quiet --no-pager -o json {matches}"),
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn journald_has_the_fields_and_syslog_the_line_once() {
    require_journald!();
    let double = Double::start();
    let (host, _daemon) = with_journald(&double);
    assert_ne!(su(&host, "wrong-horse"), 0);
    assert_eq!(su(&host, PASSWORD), 0);

    let outcomes = entries(&host, &format!("MESSAGE_ID={OUTCOME}"));
    assert_eq!(outcomes.len(), 2, "{outcomes:#?}");
    let [refusal, outcome] = [&outcomes[0], &outcomes[1]];
    for (name, value) in [
        ("PAM_AUTHENTIK_FLOW_CODE", "PAM_AUTH_ERR"),
        ("PAM_AUTHENTIK_FLOW_CAUSE", "wrong-answer"),
        ("PRIORITY", "5"),
    ] {
        assert_eq!(refusal[name], value, "{name} of {refusal:#}");
    }
    let reason = refusal["PAM_AUTHENTIK_FLOW_REASON"].as_str().unwrap();
    assert!(
        reason.starts_with("authentik refused the password: \""),
        "{reason}"
    );
    for (name, value) in [
        ("PAM_AUTHENTIK_FLOW_CODE", "PAM_SUCCESS"),
        ("PAM_AUTHENTIK_FLOW_ENTRY", "auth"),
        ("PAM_AUTHENTIK_FLOW_FLOW", "linux-login"),
        ("PAM_AUTHENTIK_FLOW_SERVICE", "su"),
        ("PAM_AUTHENTIK_FLOW_STAGES", "identification,password"),
        ("PAM_AUTHENTIK_FLOW_USER", "alice"),
        ("PRIORITY", "6"),
        ("SYSLOG_FACILITY", "10"),
        ("SYSLOG_IDENTIFIER", "su"),
        ("_COMM", "su"),
        ("_TRANSPORT", "journal"),
    ] {
        assert_eq!(outcome[name], value, "{name} of {outcome:#}");
    }
    let text = |name: &str| outcome[name].as_str().unwrap_or_default().to_owned();
    assert!(text("PAM_AUTHENTIK_FLOW_MS").parse::<u32>().is_ok());
    assert_eq!(text("SYSLOG_PID"), text("_PID"));
    // su runs with its caller's uid, so `_UID=0` would exclude it.
    assert_eq!(text("_UID"), host.uid("carol").to_string());
    let message = text("MESSAGE");
    assert!(
        message.starts_with("pam_authentik_flow(su:auth): PAM_SUCCESS: user=alice "),
        "{message}"
    );

    let refused = entries(
        &host,
        &format!("MESSAGE_ID={REFUSED_ANSWER} PAM_AUTHENTIK_FLOW_WHAT=password"),
    );
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert_eq!(refused[0]["PAM_AUTHENTIK_FLOW_USER"], "alice");
    assert_eq!(refused[0]["PRIORITY"], "5");

    // The daemon behind journald gets each line once, and so does the journal.
    let lines: Vec<_> = host
        .new_log()
        .into_iter()
        .filter(|line| line.text.contains("pam_authentik_flow("))
        .collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].text.contains("refused answer: "));
    assert_eq!(lines[2].text.trim_end(), message);
    assert_eq!(lines[2].pid.unwrap().to_string(), text("_PID"));
    for line in &lines {
        assert_eq!((line.facility, line.tag.as_str()), ("authpriv", "su"));
    }
    let all = entries(&host, "SYSLOG_IDENTIFIER=su");
    let ours = |entry: &&Value| {
        let text = entry["MESSAGE"].as_str().unwrap_or_default();
        text.starts_with("pam_authentik_flow(")
    };
    assert_eq!(all.iter().filter(ours).count(), 3, "{all:#?}");
}

#[test]
fn without_the_journals_socket_lines_go_by_syslog() {
    require_journald!();
    let double = Double::start();
    let (host, daemon) = with_journald(&double);
    drop(daemon);
    root(
        &host,
        r"
        pkill -x systemd-journal || true
        rm -f /run/systemd/journal/socket /run/systemd/journal/dev-log
        touch /run/systemd/journal/dev-log
        mount --bind /run/systemd/journal/syslog /run/systemd/journal/dev-log
        ",
    );
    // Nobody listens at an old socket.
    for script in [
        "true",
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind(\"/run/systemd/journal/socket\")'",
    ] {
        root(&host, script);
        assert_eq!(su(&host, PASSWORD), 0);
        let lines = host.new_lines();
        assert_eq!(lines.len(), 1, "{script}: {lines:#?}");
        assert!(lines[0].contains("PAM_SUCCESS"), "{lines:#?}");
    }
}

/// Every local user can fill the socket of a journald that hangs.
#[test]
fn a_journal_that_hangs_costs_two_seconds_and_is_counted() {
    require_journald!();
    let double = Double::start();
    let (host, _daemon) = with_journald(&double);
    root(&host, "pkill -STOP -x systemd-journal");
    let filled = host.output(
        "mallory",
        &[
            "python3",
            "-c",
            "import socket\ns = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.setblocking(False)\ns.connect('/run/systemd/journal/socket')\nn = 0\ntry:\n    while True:\n        s.send(b'MESSAGE=x\\n')\n        n += 1\nexcept BlockingIOError:\n    print(n)",
        ],
    );
    assert!(filled.status.success(), "{filled:?}");
    let begun = Instant::now();
    let mut login = host.application("root", "", "alone", "alice");
    login.answer("assword:", PASSWORD);
    let ended = login.finish();
    let took = begun.elapsed();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(
        took > Duration::from_millis(1900),
        "{took:?}: the login did not wait for the log"
    );
    assert_eq!(root(&host, "cat /run/pam_authentik_flow/lost"), ".");
    root(&host, "pkill -CONT -x systemd-journal");
}
