//! The limits that the caller of su and sudo has set: raised while the module works, and
//! restored before other code runs.

use std::time::Duration;

use authentik_double::{Double, Fault, Match};
use pam_harness::host::{RealHost, stacks};

use crate::case::PASSWORD;

/// Soft and hard limits, in the form of `ulimit`.
const LIMITS: [(&str, &str); 7] = [
    ("-v", "300000"),
    ("-d", "200000"),
    ("-s", "4096"),
    ("-n", "64"),
    ("-t", "100"),
    ("-f", "1000"),
    ("-l", "32"),
];

fn set() -> String {
    let set = LIMITS.map(|(option, value)| format!("ulimit {option} {value}; "));
    set.concat()
}

fn show() -> String {
    LIMITS
        .map(|(option, _)| format!("ulimit -S {option}; ulimit -H {option}; "))
        .concat()
}

fn expected() -> String {
    LIMITS
        .map(|(_, value)| format!("{value}\n{value}\n"))
        .concat()
}

/// `sudo -A` asks with a program of the caller's, which must not get higher limits.
#[test]
fn a_program_that_asks_has_the_callers_limits() {
    pam_harness::require_real_host!("sudo");
    let double = Double::start();
    let host = RealHost::new(&double).start();
    let askpass = format!(
        "#!/bin/bash\n{{ {} }} >/home/alice/limits\necho {PASSWORD}\n",
        show()
    );
    host.put("/home/alice/askpass", askpass.as_bytes(), 0o755, 2001);
    host.put("/home/alice/limits", b"", 0o666, 2001);
    let script = format!(
        "{} SUDO_ASKPASS=/home/alice/askpass exec sudo -k -A id -u",
        set()
    );
    let output = host.output("alice", &["bash", "-c", &script]);
    let said = format!("{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n", "{said}");
    let seen = host.read("/home/alice/limits").unwrap_or_default();
    assert_eq!(seen, expected(), "{said}");
}

/// The soft and the hard limits of the process su at this moment, in the order of
/// [`LIMITS`]; `None` is unlimited.
fn limits_of_su(host: &RealHost) -> Vec<(Option<u64>, Option<u64>)> {
    let read = "cat /proc/$(pgrep -x su | head -n 1)/limits";
    let output = host.output("root", &["sh", "-c", read]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let limits = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let line = line.unwrap_or_else(|| panic!("{name} is not in {text}"));
        let mut values = line.split_whitespace().map(|word| word.parse().ok());
        (values.next().flatten(), values.next().flatten())
    };
    [
        "Max address space",
        "Max data size",
        "Max stack size",
        "Max open files",
        "Max cpu time",
        "Max file size",
        "Max locked memory",
    ]
    .map(limits)
    .to_vec()
}

/// Only soft limits: to raise a hard one, root needs a capability that it lacks in some
/// containers.
#[test]
fn limits_are_raised_for_requests_and_back_for_the_conversation() {
    pam_harness::require_real_host!("su", "pgrep");
    let double = Double::start();
    let slow = Fault::on(Match::post("executor").nth(2));
    double.inject(slow.delay(Duration::from_secs(3)));
    // Debian's pam_limits would finally set them to its own defaults.
    let stack = stacks::all().into_iter().find(|(name, _)| name == "su");
    let stack = stack
        .expect("a stack for su")
        .1
        .replace("pam_limits.so", "pam_permit.so");
    let host = RealHost::new(&double).stack("su", &stack).start();
    let soft = set().replace("ulimit ", "ulimit -S ");
    let script = format!("{soft} exec su alice -c 'id -un; sleep 1'");
    let mut su = host.terminal("bob", &["bash", "-c", &script]);
    su.expect("assword:");
    let asked = limits_of_su(&host);
    let units = [1024, 1024, 1024, 1, 1, 1024, 1024];
    let set: Vec<Option<u64>> = LIMITS
        .iter()
        .zip(units)
        .map(|((_, value), unit)| value.parse::<u64>().ok().map(|value| value * unit))
        .collect();
    let soft: Vec<Option<u64>> = asked.iter().map(|(soft, _)| *soft).collect();
    assert_eq!(soft, set);
    su.send_secret(PASSWORD);
    std::thread::sleep(Duration::from_secs(1));
    let least = [None, None, Some(8 << 20), Some(1024), None, None, None];
    for (((soft, hard), least), (option, _)) in
        limits_of_su(&host).into_iter().zip(least).zip(LIMITS)
    {
        let reached = match (soft, least) {
            (None, _) => true,
            (Some(soft), Some(least)) => soft >= least || Some(soft) == hard,
            (Some(soft), None) => Some(soft) == hard,
        };
        assert!(reached, "{option}: {soft:?}, {hard:?}");
    }
    // su waits for the shell that it started. It sets its own limits for the address space,
    // files and their size.
    su.expect("alice");
    let after: Vec<Option<u64>> = limits_of_su(&host).iter().map(|(soft, _)| *soft).collect();
    for ((after, set), (option, _)) in after.iter().zip(&set).zip(LIMITS) {
        let is_its_own = ["-v", "-n", "-f"].contains(&option);
        assert!(is_its_own || after == set, "{option}: {after:?}");
    }
    let ended = su.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
}
