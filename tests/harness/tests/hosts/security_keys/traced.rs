//! The effects of a login with a security key on its process, observed with strace.

use super::{AT_SEAT, Bench, PIN};
use crate::case::PASSWORD;
use authentik_double::Validate;
use pam_harness::host::{RealHost, configuration};
use pam_harness::virtual_key::{Event, Settings};
use std::collections::BTreeSet;

/// Only the module, so that everything in the trace comes from it.
const STACK: &str = "auth required pam_authentik_flow.so\naccount required pam_permit.so\n";
const CALLS: &str = "trace=execve,execveat,clone,clone3,fork,vfork,open,openat,openat2,creat";
/// The start of a keyboard's report descriptor.
const KEYBOARD: [u8; 6] = [0x05, 0x01, 0x09, 0x06, 0xa1, 0x01];

/// Logs kay in with an application that does nothing else, and returns its trace.
fn trace(host: &RealHost, answers: &[(&str, &str)]) -> Vec<String> {
    let command = [
        "strace",
        "-f",
        "-qq",
        "-e",
        CALLS,
        "-o",
        "/tmp/trace",
        "/run/host-run",
        "login-as",
        "traced",
        "kay",
    ];
    let mut terminal = host.terminal("root", &command);
    for (words, answer) in answers {
        terminal.answer(words, answer);
    }
    let ended = terminal.finish();
    let text = host.read("/tmp/trace").unwrap_or_default();
    assert_eq!(ended.status, 0, "{}\n{text}", ended.transcript);
    text.lines().map(str::to_owned).collect()
}

/// The paths that were opened, with flags.
fn opened(trace: &[String]) -> BTreeSet<String> {
    let opens = trace.iter().filter(|line| line.contains(" open"));
    opens
        .filter_map(|line| {
            // 17 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3
            let (_, rest) = line.split_once('"')?;
            let (path, rest) = rest.split_once('"')?;
            let (flags, _) = rest.strip_prefix(", ")?.split_once([')', ','])?;
            Some(format!("{path} {flags}"))
        })
        .collect()
}

#[test]
fn a_key_starts_no_process_and_opens_its_node_alone() {
    pam_harness::require_real_host!();
    let packages = pam_harness::require_packages!("strace");
    let settings = Settings {
        pin: Some(PIN.into()),
        ..Settings::default()
    };
    let bench = Bench::new(Validate::new().user_verification_required(), settings);
    let host = bench
        .host()
        .packages(&packages)
        .stack("traced", STACK)
        .start();
    host.session(AT_SEAT);
    // A keyboard has a node too.
    let keyboard = "/sys/class/hidraw/hidraw3";
    host.write(&format!("{keyboard}/dev"), "240:3\n");
    let descriptor = format!("{keyboard}/device/report_descriptor");
    host.put(&descriptor, &KEYBOARD, 0o644, 0);
    host.write("/dev/hidraw3", "");

    host.config(&configuration(&bench.double, "linux-login"));
    let without = trace(&host, &[("assword", PASSWORD)]);
    host.config(&configuration(&bench.double, "key"));
    let with = trace(&host, &[("assword", PASSWORD), ("PIN of", PIN)]);
    assert!(bench.key.events().contains(&Event::Touched));

    for (name, lines) in [("without a key", &without), ("with a key", &with)] {
        // 17 execve("/run/host-run", …) = 0
        let starts = |line: &&String| {
            let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            !call.starts_with("open") && !call.starts_with("creat")
        };
        let started: Vec<&String> = lines.iter().filter(starts).collect();
        // Only what strace itself started.
        assert_eq!(started.len(), 1, "{name}: {started:#?}");
        assert!(
            started[0].contains("execve(\"/run/host-run\""),
            "{started:?}"
        );
    }
    let more: Vec<String> = opened(&with)
        .difference(&opened(&without))
        .map(|line| replace_number(line))
        .collect();
    assert_eq!(
        more,
        [
            "/dev/hidraw7 O_RDWR|O_NOCTTY|O_NONBLOCK|O_NOFOLLOW|O_CLOEXEC",
            "/proc/self/sessionid O_RDONLY|O_CLOEXEC",
            "/proc/self/stat O_RDONLY|O_CLOEXEC",
            "/run/systemd/sessions/N O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC",
            "/sys/class/hidraw O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_DIRECTORY",
            "/sys/class/hidraw/hidraw3/device/report_descriptor O_RDONLY|O_CLOEXEC",
            "/sys/class/hidraw/hidraw7/dev O_RDONLY|O_CLOEXEC",
            "/sys/class/hidraw/hidraw7/device/report_descriptor O_RDONLY|O_CLOEXEC",
        ],
        "{more:#?}"
    );
}

/// The session's number differs each time.
fn replace_number(line: &str) -> String {
    match line.split_once("/sessions/") {
        Some((before, after)) => {
            let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}/sessions/N{rest}")
        }
        None => line.to_owned(),
    }
}
