//! `enable --try` and `confirm`, on hosts with the real sshd.

use std::time::{Duration, Instant};

use authentik_double::Double;
use pam_harness::Module;
use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;

use crate::bench::PASSWORD;
use crate::site::{STACK, STATE, Site};

impl Site {
    /// Waits until this is the stack.
    #[track_caller]
    fn becomes(&self, wanted: &str) -> Duration {
        let begun = Instant::now();
        while self.stack() != wanted {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the stack does not change back:\n{}",
                self.stack()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        begun.elapsed()
    }

    /// Whether a process still waits to restore the stack.
    fn is_waited_for(&self) -> bool {
        self.host
            .processes()
            .iter()
            .any(|name| name == "authentik-flow")
    }
}

/// Independent of the terminal and the shell in which it was typed.
#[test]
fn a_change_that_nobody_confirms_takes_itself_back() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = Site::new().with_sshd();
    for killed in [false, true] {
        let mut shell = site.host.terminal("root", &["sh"]);
        shell.send_line(&format!(
            "{} enable --try 8s sshd --local localadmin --state-dir {STATE}",
            site.command
        ));
        shell.expect("this change takes itself back after 8 s, also if this terminal is gone.");
        shell.expect("IF THE MACHINE IS STARTED AGAIN BEFORE, THE CHANGE STAYS");
        assert_ne!(site.stack(), site.before);
        if killed {
            // The shell and all processes of its session, and the shell last.
            shell.send_line(
                "read -r _ _ _ _ _ own _ </proc/$$/stat; \
                 for p in /proc/[0-9]*; do \
                 read -r _ _ _ _ _ sid _ <$p/stat && \
                 [ \"$sid\" = \"$own\" ] && [ $p != /proc/$$ ] && kill -9 ${p#/proc/}; \
                 done; echo all'-gone'; kill -9 $$",
            );
            shell.expect("all-gone");
        }
        // The terminal closes: SIGHUP to its processes.
        drop(shell);
        assert_ne!(
            site.stack(),
            site.before,
            "the change is taken back before its time"
        );
        let took = site.becomes(&site.before);
        assert!(took > Duration::from_secs(2), "{took:?}");
        let (status, text) = site.run(&["confirm"]);
        assert_eq!(status, 1, "{text}");
        for part in [
            "no change waits to be confirmed",
            "(sshd) is taken back: nobody has confirmed it in time.",
            "sshd: the file is as it was before, byte for byte",
        ] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
    }
    assert!(!site.is_waited_for(), "{:?}", site.host.processes());
    let lines = site.host.read(&format!("{STATE}/sshd.before"));
    assert_eq!(lines, None, "the copy of the stack is left over");
}

/// With systemd as the first process: after the time, after a power cut, and confirmed.
#[test]
fn with_systemd_a_change_does_not_outlive_a_start_unless_it_is_confirmed() {
    pam_harness::require_real_host!("systemctl", "unshare", "nsenter", "sudo");
    let double = Double::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    let text = pam_harness::host::configuration(&double, "linux-login");
    let text = text.replace("ca_file = \"/etc/security/authentik-ca.pem\"\n", "");
    std::fs::write(&config, text).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/command/booted.sh");
    let output = std::process::Command::new(script)
        .arg(pam_harness::host::command())
        .arg(Module::built().path())
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.code() == Some(77) {
        pam_harness::skip!("{}", said.lines().last().unwrap_or_default());
    }
    assert!(output.status.success(), "{said}");
    for part in [
        "taken back in time: ok",
        "taken back at the next start, before a login service: ok",
        "taken back at a later try: ok",
        "confirmed, and outlives a start: ok",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

/// Root confirms from another login, after a login that authentik accepted.
#[test]
fn a_change_stays_that_is_confirmed_from_a_second_login() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = Site::new().with_sshd();
    // Each program from now on belongs to its own login.
    site.host.session("USER=root\n");
    let mut first = site.host.terminal("root", &["sh"]);
    let command = site.command;
    first.send_line(&format!(
        "{command} enable --try 50s sshd --local localadmin --state-dir {STATE}"
    ));
    first.expect("run there as root: authentik-flow confirm");
    let after = site.stack();

    let (_, status) = site.run(&["status"]);
    assert!(status.contains("takes itself back in"), "{status}");
    let confirm = ["confirm", "--state-dir", STATE];
    first.send_line(&format!("{command} {}", confirm.join(" ")));
    first.expect("this is the login that made the change");
    // Neither the kernel nor logind knows the login of this process.
    let unknown = format!(
        "echo 4294967295 >/proc/self/loginuid; exec {command} {}",
        confirm.join(" ")
    );
    let output = site
        .host
        .output("root", &["unshare", "--cgroup", "sh", "-c", &unknown]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("unknown whether this is another login"),
        "{text}"
    );
    let in_second = || {
        let mut ssh = site
            .host
            .ssh("root")
            .run(&[&[command], &confirm[..]].concat());
        ssh.answer("assword:", LOCAL_ADMIN_PASSWORD);
        ssh.finish()
    };
    // Root's own login was not accepted by authentik.
    let refused = in_second();
    assert_eq!(refused.status, 1, "{}", refused.transcript);
    assert!(
        refused
            .transcript
            .contains("authentik has accepted no login by sshd since the change"),
        "{}",
        refused.transcript
    );
    // A login that authentik refused does not count, and a line that a user writes to the log
    // does not either.
    let mut ssh = site
        .host
        .ssh("alice")
        .option("PreferredAuthentications=keyboard-interactive")
        .option("NumberOfPasswordPrompts=1")
        .run(&["true"]);
    ssh.answer("assword:", "wrong");
    assert_ne!(ssh.finish().status, 0);
    let forged = "pam_authentik_flow(sshd:auth): PAM_SUCCESS: user=alice";
    site.host.output("alice", &["logger", "-t", "sshd", forged]);
    let path = "/run/pam_authentik_flow/accepted";
    let line = format!("echo 99999999999 sshd >>{path}");
    let output = site.host.output("alice", &["sh", "-c", &line]);
    assert!(!output.status.success());
    assert_eq!(in_second().status, 1);

    let mut ssh = site.host.ssh("alice").run(&["true"]);
    ssh.answer("assword:", PASSWORD);
    let ended = ssh.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    let output = site
        .host
        .output("alice", &[&[command], &confirm[..]].concat());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("run this as root"), "{text}");
    assert_eq!(site.stack(), after);
    let confirmed = in_second();
    assert_eq!(confirmed.status, 0, "{}", confirmed.transcript);
    assert!(
        confirmed
            .transcript
            .contains("sshd: confirmed, and stays as it is."),
        "{}",
        confirmed.transcript
    );
    assert_eq!(
        site.host.read(path),
        None,
        "the note of the login is left over"
    );
    let begun = Instant::now();
    while site.is_waited_for() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the process that takes the change back still runs"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(site.stack(), after);
    let (status, text) = site.run(&["disable", "sshd"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(site.stack(), site.before);
}

/// The earlier block is restored, not removed.
#[test]
fn the_block_that_was_there_before_comes_back() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = Site::new().with_sshd();
    site.enable(&["sshd", "--local", "localadmin"]);
    let first = site.stack();
    site.enable(&["sshd", "--local", "operator", "--try", "5s"]);
    let second = site.stack();
    assert!(second.contains("root:operator"), "{second}");
    // One at a time.
    for more in [&["--try", "5s"][..], &[]] {
        let (status, text) =
            site.run(&[&["enable", "sudo", "--local", "localadmin"], more].concat());
        assert_eq!(status, 1, "{text}");
        assert!(
            text.contains("a change of sshd waits to be confirmed"),
            "{text}"
        );
    }
    site.becomes(&first);
    // Waits until everything is restored.
    let _ = site.run(&["confirm"]);
    let kept = site.host.read(&format!("{STATE}/sshd.before"));
    assert_eq!(
        kept.as_ref(),
        Some(&site.before),
        "the copy is not the stack as it was"
    );
    // disable accepts it as its own block.
    let (status, text) = site.run(&["disable", "sshd"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(site.stack(), site.before);

    // The same after another change to the file meanwhile.
    site.enable(&["sshd", "--local", "localadmin"]);
    site.enable(&["sshd", "--local", "operator", "--try", "5s"]);
    let more = "session optional pam_mkhomedir.so\n";
    site.host.stack("sshd", &(site.stack() + more));
    site.becomes(&(first + more));
    let (status, text) = site.run(&["disable", "sshd"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(site.stack(), site.before.clone() + more);
}

/// Lines that somebody has changed meanwhile stay. The log, the terminals and each login say
/// so.
#[test]
fn later_changes_are_kept_and_reported() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = Site::new().with_sshd();
    for (from, to, part) in [
        (
            "user in root:localadmin",
            "user in root:localadmin:bob",
            "somebody has changed its lines",
        ),
        (
            "# END authentik-flow enable\n",
            "",
            "one of the two marks of its lines is gone",
        ),
        (
            "@include common-auth",
            "auth required pam_permit.so",
            "other auth lines of the file have changed",
        ),
    ] {
        let _ = site
            .host
            .output("root", &["rm", "-f", "/run/motd.d/90-authentik-flow"]);
        site.enable(&["sshd", "--local", "localadmin", "--try", "5s"]);
        let edited = site.stack().replace(from, to);
        assert_ne!(edited, site.stack());
        site.host.stack("sshd", &edited);
        let begun = Instant::now();
        let note = loop {
            if let Some(note) = site.host.read("/run/motd.d/90-authentik-flow") {
                break note;
            }
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(100));
        };
        assert!(
            note.contains(part) && note.contains("STILL THERE"),
            "{note}"
        );
        assert_eq!(site.stack(), edited);
        let log = site.host.new_log();
        let told = |line: &pam_harness::LogLine| line.text.contains(part);
        assert!(log.iter().any(told), "{part}: {log:?}");
        let (status, text) = site.run(&["confirm"]);
        assert!(status == 1 && text.contains(part), "{text}");
        site.host.stack("sshd", &site.before);
        let _ = site.run(&["disable", "sshd"]);
    }
}

/// A comment that an editor of long ago wrote, before the change or while it waits.
#[test]
fn bytes_that_are_not_utf8_keep_nothing_from_being_taken_back() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = Site::new().with_sshd();
    let add_comment = || {
        let shell = format!("printf '# f\\374r M\\374ller\\n' >>{STACK}");
        let output = site.host.output("root", &["sh", "-c", &shell]);
        assert!(output.status.success(), "{output:?}");
    };
    let sum = || {
        let output = site.host.output("root", &["sha256sum", STACK]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let names_module = || {
        let grep = ["grep", "-qa", "pam_authentik_flow", STACK];
        site.host.output("root", &grep).status.success()
    };
    let sum_with_another = || {
        add_comment();
        let sum = sum();
        let taken = site.host.output("root", &["sed", "-i", "$d", STACK]);
        assert!(taken.status.success(), "{taken:?}");
        sum
    };
    add_comment();
    let (before, with_another) = (sum(), sum_with_another());
    for (meanwhile, wanted) in [(false, &before), (true, &with_another)] {
        assert_eq!(sum(), before);
        site.enable(&["sshd", "--local", "localadmin", "--try", "5s"]);
        assert!(names_module());
        if meanwhile {
            add_comment();
        }
        let begun = Instant::now();
        while names_module() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it stays");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(sum(), *wanted, "meanwhile: {meanwhile}");
    }
}

/// `disable` ends a pending change.
#[test]
fn a_change_that_is_taken_out_is_not_taken_back_again() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = Site::new().with_sshd();
    site.enable(&["sshd", "--local", "localadmin", "--try", "5s"]);
    let (status, text) = site.run(&["disable", "sshd"]);
    assert_eq!(status, 0, "{text}");
    assert_eq!(site.stack(), site.before);
    // Lines that are added from now on stay.
    site.enable(&["sshd", "--local", "operator"]);
    let after = site.stack();
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(site.stack(), after);
    assert!(!site.is_waited_for());
}

/// Lockers, which do not run as root, read the bindings in this folder.
#[test]
fn everybody_can_read_the_folder_that_enable_makes_and_an_existing_one_keeps_its_mode() {
    pam_harness::require_real_host!("sshd", "sudo");
    let site = Site::new();
    let mode = || {
        let output = site.host.output("root", &["stat", "-c", "%a", STATE]);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    for (folder, wanted) in [("", "755"), ("mkdir -m 711 $2; ", "711")] {
        for trial in ["", "--try 1h "] {
            let line = format!(
                "rm -rf $2; {folder}umask 077; $1 enable sshd --local localadmin {trial}--state-dir $2"
            );
            let output = site
                .host
                .output("root", &["sh", "-c", &line, "sh", site.command, STATE]);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(mode(), wanted, "{trial}");
            let (status, text) = site.run(&["disable", "sshd"]);
            assert_eq!(status, 0, "{text}");
        }
    }
}

/// What should have taken it back was killed, or the machine was suspended.
#[test]
fn confirm_takes_back_what_nobody_confirmed_in_time() {
    pam_harness::require_real_host!("sshd", "ssh", "ssh-keygen", "sudo");
    let site = Site::new();
    site.host.session("USER=root\n");
    site.enable(&["sshd", "--local", "localadmin", "--try", "5s"]);
    let line = "for p in /proc/[0-9]*; do \
        grep -qs [t]ake-back $p/cmdline && kill -9 ${p#/proc/}; done; true";
    site.host.output("root", &["bash", "-c", line]);
    std::thread::sleep(Duration::from_secs(6));
    assert_ne!(site.stack(), site.before);
    let (status, text) = site.run(&["confirm"]);
    assert!(
        status == 1 && text.contains("the time is over, and the change is taken back now"),
        "{text}"
    );
    assert_eq!(site.stack(), site.before);
}
