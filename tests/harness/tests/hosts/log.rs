//! The log under load: any local user can write to `/dev/log`, and so can keep
//! it full. Each login leaves its line all the same, or is counted.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::host::{RealHost, Terminal};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Where root counts the lines that were lost.
const LOST: &str = "/run/pam_authentik_flow/lost";
/// What the module waits for the log, in all.
const BUDGET: Duration = Duration::from_secs(2);
/// The most that a login takes without a log that hangs: TLS, four requests, and
/// a machine that is busy with other tests.
const LOGIN: Duration = Duration::from_secs(8);

/// A stack of the module alone. Others log with syslog(3), which waits without
/// end for a log that hangs.
const ALONE: &str = "auth required pam_authentik_flow.so\naccount required pam_permit.so\n";

fn host(double: &Double) -> RealHost {
    RealHost::new(double).stack("alone", ALONE).start()
}

fn su(host: &RealHost) -> Terminal {
    host.su("carol", &["alice", "-c", "id -un"])
}

/// An application of root's that logs alice in, after these commands.
fn alone(host: &RealHost, commands: &str) -> Terminal {
    host.application("root", commands, "alone", "alice")
}

#[track_caller]
fn succeeds(mut login: Terminal) {
    login.answer("assword:", PASSWORD);
    let ended = login.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
}

/// What the file says now.
fn counted(host: &RealHost) -> u64 {
    let text = host.read(LOST).unwrap_or_default();
    match text.trim() {
        "" => 0,
        number => number.parse().unwrap_or_else(|e| panic!("{text:?}: {e}")),
    }
}

/// The lines of successful logins, by their processes, and what all lines
/// `lost lines: count=N` say together.
fn logins_and_lost(host: &RealHost) -> (BTreeSet<u32>, u64) {
    let mut logins = BTreeSet::new();
    let mut lost = 0;
    for line in host.new_log() {
        if line.text.contains(":auth): PAM_SUCCESS: user=alice ") {
            logins.extend(line.pid);
        }
        if let Some((_, count)) = line.text.split_once("): lost lines: count=") {
            assert_eq!(line.priority, "warning", "{line}");
            lost += count.trim().parse::<u64>().expect("a number");
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
    let missing = u64::try_from(LOGINS - logins.len()).expect("a number");
    // A line that reports the lost ones may be lost itself, and is not counted.
    assert_eq!(reported + left, missing, "the rest is in the count");
}

/// The directory and the file, as root has them alone.
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
    assert_eq!(host.read(LOST), None, "nothing is made before it is needed");
    let (logins, _) = logins_and_lost(&host);
    assert_eq!(logins.len(), 1);

    host.pause_log(0);
    for number in 1..=3 {
        let begun = Instant::now();
        succeeds(alone(&host, ""));
        let took = begun.elapsed();
        println!("a login with a log that hangs: {took:.2?}");
        assert!(took < BUDGET + LOGIN, "{took:?}");
        // It has waited: the line could still have been written.
        assert!(took > BUDGET / 2, "{took:?}");
        assert_eq!(counted(&host), number);
    }
    modes_are_right(&host);

    // There is room for the login's own line, and none to say that others are
    // missing: they stay counted.
    host.resume_log();
    assert_eq!(logins_and_lost(&host), (BTreeSet::new(), 0));
    host.pause_log(1);
    succeeds(alone(&host, ""));
    assert_eq!(counted(&host), 3);
    host.resume_log();
    let (logins, reported) = logins_and_lost(&host);
    assert_eq!((logins.len(), reported), (1, 0));

    // The next one that reaches the log says so, once.
    for lost in [3, 0] {
        succeeds(alone(&host, ""));
        let (logins, reported) = logins_and_lost(&host);
        assert_eq!((logins.len(), reported), (1, lost));
        assert_eq!(counted(&host), 0);
    }

    // A log that refuses costs no time, and its lines are counted, too.
    let gone = host.output("root", &["sh", "-c", "umount /dev/log"]);
    assert!(gone.status.success(), "{gone:?}");
    let begun = Instant::now();
    succeeds(alone(&host, ""));
    assert!(begun.elapsed() < LOGIN, "{:?}", begun.elapsed());
    assert_eq!(counted(&host), 1);
}

/// su and sudo begin with what their caller has set.
#[test]
fn what_a_caller_sets_does_not_reach_the_count() {
    pam_harness::require_real_host!();
    let double = Double::start();
    let host = host(&double);
    host.pause_log(0);

    // SIGXFSZ would end the application in the middle of a login.
    succeeds(alone(&host, "ulimit -f 0"));
    assert_eq!(host.read(LOST), None, "not counted, and no empty file");

    succeeds(alone(&host, "umask 0777; cd /tmp"));
    assert_eq!(counted(&host), 1);
    modes_are_right(&host);
    succeeds(alone(&host, "umask 0"));
    assert_eq!(counted(&host), 2);
    modes_are_right(&host);

    // Somebody holds the lock: it is not waited for, and the login goes on.
    let mut holder = host.terminal("root", &["flock", LOST, "sh", "-c", "echo held; sleep 60"]);
    holder.expect("held");
    let begun = Instant::now();
    succeeds(alone(&host, ""));
    let took = begun.elapsed();
    assert!(took < BUDGET + LOGIN, "{took:?}");
    assert_eq!(counted(&host), 2);
    drop(holder);

    // Whoever has no rights of root counts nothing.
    succeeds(host.application("alice", "", "alone", "alice"));
    assert_eq!(counted(&host), 2);
}

/// A directory that others could write to, a link, and anything that is no file
/// is left alone.
#[test]
fn the_count_is_kept_in_a_file_of_roots_alone() {
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
    // A good one last: it is used, so the test sees what it looks for.
    let good = format!("{dir} echo 41 >lost; chmod 600 lost");
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
        let wanted = if is_good { "42" } else { "" };
        assert_eq!(written.trim(), wanted, "{commands}");
    }
}
