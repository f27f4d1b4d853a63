//! The log under load: every local user can write to `/dev/log` and keep it full. Each login
//! still leaves its line, or is counted.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::{RealHost, Terminal};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Where root counts lost lines.
const LOST: &str = "/run/pam_authentik_flow/lost";
/// How long the module waits for the log in total.
const BUDGET: Duration = Duration::from_secs(2);
/// The longest time of a login apart from a log that hangs: TLS, four requests, and a machine
/// that is busy with other tests.
const LOGIN: Duration = Duration::from_secs(8);

/// A stack with only the module. Other modules log with syslog(3), which waits without a limit
/// for a log that hangs.
const ALONE: &str = "auth required pam_authentik_flow.so\naccount required pam_permit.so\n";

fn host(double: &Double) -> RealHost {
    RealHost::new(double).stack("alone", ALONE).start()
}

fn su(host: &RealHost) -> Terminal {
    host.su("carol", &["alice", "-c", "id -un"])
}

/// An application of root's that logs alice in after these commands.
fn alone(host: &RealHost, commands: &str) -> Terminal {
    host.application("root", commands, "alone", "alice")
}

#[track_caller]
fn succeeds(mut login: Terminal) {
    login.answer("assword:", PASSWORD);
    let ended = login.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
}

/// How many lines are counted now: one byte each, in the file and in those that a report has
/// claimed.
fn counted(host: &RealHost) -> usize {
    let output = host.output("root", &["sh", "-c", &format!("cat {LOST}*")]);
    output.stdout.len()
}

/// The lines of successful logins, by process, and the sum of all lines `lost lines: count=N`.
fn logins_and_lost(host: &RealHost) -> (BTreeSet<u32>, usize) {
    let mut logins = BTreeSet::new();
    let mut lost = 0;
    for line in host.new_log() {
        if line.text.contains(":auth): PAM_SUCCESS: user=alice ") {
            logins.extend(line.pid);
        }
        if let Some((_, count)) = line.text.split_once("): lost lines: count=") {
            assert_eq!(line.priority, "warning", "{line}");
            lost += count.trim().parse::<usize>().expect("a number");
        }
    }
    (logins, lost)
}

#[test]
fn a_flood_of_the_log_hides_no_login() {
    const LOGINS: usize = 200;
    const AT_ONCE: usize = 4;
    pam_harness::require_real_host!("su");
    let double = Double::start();
    let host = host(&double);
    let flood = host.flood("mallory", Duration::from_secs(300));
    let deadline = Instant::now() + Duration::from_secs(30);
    while host.flood_lines() < 1000 {
        assert!(Instant::now() < deadline, "{}", flood.transcript());
        std::thread::sleep(Duration::from_millis(10));
    }

    let begun = Instant::now();
    for _ in 0..LOGINS / AT_ONCE {
        let logins: Vec<_> = (0..AT_ONCE).map(|_| su(&host)).collect();
        logins.into_iter().for_each(succeeds);
    }
    let took = begun.elapsed();
    let flooded = host.flood_lines();
    // It has not ended by itself.
    assert_eq!(flood.transcript(), "");
    drop(flood);

    let (logins, reported) = logins_and_lost(&host);
    let left = counted(&host);
    println!(
        "{LOGINS} logins in {took:.0?} while {flooded} lines of a flood were read: {} have a line \
         of their own, {reported} were reported as lost, {left} are still in the count",
        logins.len(),
    );
    assert!(logins.len() >= 195, "{} of {LOGINS}", logins.len());
    let missing = LOGINS - logins.len();
    // A line that reports lost ones may itself be lost, and is not counted.
    assert_eq!(
        reported + left,
        missing,
        "lines are lost, and not counted as lost"
    );
}

/// The directory and the file, which belong to root and only root can write.
#[track_caller]
fn modes_are_right(host: &RealHost) {
    let modes = host.output(
        "root",
        &["stat", "-c", "%a %u", "/run/pam_authentik_flow", LOST],
    );
    assert_eq!(String::from_utf8_lossy(&modes.stdout), "700 0\n600 0\n");
}

#[test]
fn a_log_that_hangs_costs_two_seconds_and_is_counted() {
    pam_harness::require_real_host!();
    let double = Double::start();
    let host = host(&double);
    succeeds(alone(&host, ""));
    assert_eq!(
        host.read(LOST),
        None,
        "the file of lost lines exists although no line is lost"
    );
    let (logins, _) = logins_and_lost(&host);
    assert_eq!(logins.len(), 1);

    host.pause_log(0);
    for number in 1..=3 {
        let begun = Instant::now();
        succeeds(alone(&host, ""));
        let took = begun.elapsed();
        println!("a login with a log that hangs: {took:.2?}");
        assert!(took < BUDGET + LOGIN, "{took:?}");
        // It has waited, because the line could still have been written.
        assert!(took > BUDGET / 2, "{took:?}");
        assert_eq!(counted(&host), number);
    }
    modes_are_right(&host);

    // There is room for the login's own line, but not for the report, so the lines stay
    // counted.
    host.resume_log();
    assert_eq!(logins_and_lost(&host), (BTreeSet::new(), 0));
    host.pause_log(1);
    succeeds(alone(&host, ""));
    assert_eq!(counted(&host), 3);
    host.resume_log();
    let (logins, reported) = logins_and_lost(&host);
    assert_eq!((logins.len(), reported), (1, 0));

    // The next login that reaches the log reports it once.
    for lost in [3, 0] {
        succeeds(alone(&host, ""));
        let (logins, reported) = logins_and_lost(&host);
        assert_eq!((logins.len(), reported), (1, lost));
        assert_eq!(counted(&host), 0);
    }

    // A log that refuses lines costs no time, and the lines are counted too.
    let gone = host.output("root", &["sh", "-c", "umount /dev/log"]);
    assert!(gone.status.success(), "{gone:?}");
    let begun = Instant::now();
    succeeds(alone(&host, ""));
    assert!(begun.elapsed() < LOGIN, "{:?}", begun.elapsed());
    assert_eq!(counted(&host), 1);
}

/// su and sudo start with the caller's settings.
#[test]
fn a_callers_settings_do_not_affect_the_count() {
    pam_harness::require_real_host!();
    let double = Double::start();
    let host = host(&double);
    host.pause_log(0);

    // SIGXFSZ would end the application during a login.
    succeeds(alone(&host, "ulimit -f 0"));
    assert_eq!(
        host.read(LOST),
        None,
        "the file of lost lines exists although it cannot be written"
    );

    succeeds(alone(&host, "umask 0777; cd /tmp"));
    assert_eq!(counted(&host), 1);
    modes_are_right(&host);
    succeeds(alone(&host, "umask 0"));
    assert_eq!(counted(&host), 2);
    modes_are_right(&host);

    // A process without root's rights counts nothing.
    succeeds(host.application("alice", "", "alone", "alice"));
    assert_eq!(counted(&host), 2);
}

/// A caller can stop su while it reports a count. Then the next login reports it.
#[test]
fn a_report_that_was_stopped_is_made_by_another_login() {
    pam_harness::require_real_host!();
    let double = Double::start();
    let host = host(&double);
    let claimed = |seconds_ago: u64, lines: usize| {
        let script = format!(
            "cd /run/pam_authentik_flow || {{ mkdir -m 700 /run/pam_authentik_flow; cd /run/pam_authentik_flow; }}
             umask 077
             now=$(cut -d. -f1 /proc/uptime)
             printf '%0{lines}d' 0 >lost.$(( (now - {seconds_ago}) * 1000 )).1.0",
        );
        let output = host.output("root", &["sh", "-c", &script]);
        assert!(output.status.success(), "{output:?}");
    };
    // The machine may have started a moment ago. Then the other record is "of another boot".
    claimed(60, 5);
    claimed(0, 3);
    succeeds(alone(&host, ""));
    let (logins, reported) = logins_and_lost(&host);
    assert_eq!((logins.len(), reported), (1, 5));
    assert_eq!(
        counted(&host),
        3,
        "the count changed, although another process reports these lines"
    );

    std::thread::sleep(Duration::from_secs(11));
    succeeds(alone(&host, ""));
    let (logins, reported) = logins_and_lost(&host);
    assert_eq!((logins.len(), reported), (1, 3));
    assert_eq!(counted(&host), 0);
}

/// A login is several calls on one handle. Together they wait no longer than one.
#[test]
fn the_calls_of_a_login_share_the_wait_for_the_log() {
    pam_harness::require_real_host!();
    let double = Double::start();
    let host = RealHost::new(&double)
        .stack(
            "alone",
            "auth required pam_authentik_flow.so\n\
             auth required pam_authentik_flow.so\n\
             account required pam_permit.so\n",
        )
        .start();
    host.pause_log(0);
    let begun = Instant::now();
    let mut login = alone(&host, "");
    login.answer("assword:", PASSWORD);
    succeeds(login);
    let took = begun.elapsed();
    println!("two lines of a stack with a log that hangs: {took:.2?}");
    assert!(took > BUDGET / 2, "{took:?}");
    assert!(took < BUDGET * 2, "{took:?}");
    assert_eq!(counted(&host), 2, "not one lost line for each call");
}

/// A directory that others can write to, a link, and everything that is not a file are not
/// used.
#[test]
fn the_count_is_in_a_file_of_root() {
    pam_harness::require_real_host!();
    let double = Double::start();
    let host = host(&double);
    host.pause_log(0);
    let shell = |script: &str| {
        let output = host.output("root", &["sh", "-c", script]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let dir = "mkdir -m 700 /run/pam_authentik_flow; cd /run/pam_authentik_flow;";
    let bad = [
        "ln -s /tmp/elsewhere /run/pam_authentik_flow".to_owned(),
        "mkdir -m 777 /run/pam_authentik_flow".to_owned(),
        "mkdir -m 700 /run/pam_authentik_flow; chown carol /run/pam_authentik_flow".to_owned(),
        "touch /run/pam_authentik_flow".to_owned(),
        format!("{dir} touch /tmp/elsewhere/x; ln -s /tmp/elsewhere/x lost"),
        format!("{dir} mkfifo -m 600 lost"),
        format!("{dir} mkdir -m 700 lost"),
        format!("{dir} touch lost; chmod 666 lost"),
        format!("{dir} touch lost; chmod 600 lost; chown carol lost"),
    ];
    // The last one is good and is used, which proves that the test can see the difference.
    let good = format!("{dir} printf . >lost; chmod 600 lost");
    for (commands, is_good) in bad.iter().map(|bad| (bad, false)).chain([(&good, true)]) {
        shell(&format!(
            "rm -rf /run/pam_authentik_flow /tmp/elsewhere; mkdir /tmp/elsewhere; {commands}"
        ));
        let begun = Instant::now();
        succeeds(alone(&host, ""));
        let took = begun.elapsed();
        assert!(took < BUDGET + LOGIN, "{commands}: {took:?}");
        let written = shell(
            "find /tmp/elsewhere -type f -size +0; cd /run/pam_authentik_flow && test -f lost && cat lost",
        );
        let wanted = if is_good { ".." } else { "" };
        assert_eq!(written.trim(), wanted, "{commands}");
    }
}
