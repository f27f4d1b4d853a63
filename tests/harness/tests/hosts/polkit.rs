//! pkexec, through polkit's own helper, which uses the PAM service `polkit-1`.

use crate::case::PASSWORD;
use authentik_double::Double;
use pam_harness::accounts::Account;
use pam_harness::host::{RealHost, Terminal, configuration};
use std::time::Duration;

/// The `login_timeout`, and how long the user takes for the first answer.
const LIMIT: &str = "login_timeout = \"2s\"\n";
const LATE: Duration = Duration::from_secs(5);

const STACK: &str = "\
auth     include   authentik-alone
account  required  pam_permit.so
session  required  pam_permit.so
";

/// carol may act as an administrator with her own secrets.
const RULE: &str =
    "polkit.addAdminRule(function(action, subject) { return [\"unix-user:carol\"]; });\n";

/// A shell with the polkit agent that asks in its terminal, as a desktop has its own agent. The
/// agent in pkexec works only in sessions of logind.
const PKEXEC: &str = "\
mkfifo /tmp/ready
pkttyagent --process $$ --notify-fd 3 3>/tmp/ready &
cat /tmp/ready
rm /tmp/ready
pkexec id -un
status=$?
kill $!
exit $status
";

struct Polkit {
    host: RealHost,
    _daemons: [Terminal; 2],
}

impl Polkit {
    fn start(double: &Double, packages: &std::path::Path, flow: &str) -> Polkit {
        let host = RealHost::new(double)
            .packages(packages)
            .config(&format!("{LIMIT}{}", configuration(double, flow)))
            .account(Account::new("messagebus", 103))
            .account(Account::new("polkitd", 104))
            .file("/etc/polkit-1/rules.d/10-test.rules", RULE, 0o644)
            .file("/etc/shells", "/bin/sh\n", 0o644)
            .stack("polkit-1", STACK)
            .start();
        // The package's own script sets the bit, and that of dbus creates the directory.
        let script = "chmod 4755 $(command -v pkexec) && mkdir -p /run/dbus && \
                      chmod 755 /etc/polkit-1 /etc/polkit-1/rules.d";
        let made = host.output("root", &["sh", "-c", script]);
        assert!(made.status.success(), "{made:?}");
        let bus = host.terminal(
            "root",
            &["dbus-daemon", "--system", "--nofork", "--nopidfile"],
        );
        wait_for(&host, "test -S /run/dbus/system_bus_socket");
        let polkitd = host.terminal("root", &["/usr/lib/polkit-1/polkitd", "--no-debug"]);
        wait_for(
            &host,
            "dbus-send --system --print-reply --dest=org.freedesktop.DBus / \
             org.freedesktop.DBus.GetNameOwner string:org.freedesktop.PolicyKit1",
        );
        Polkit {
            host,
            _daemons: [bus, polkitd],
        }
    }

    fn pkexec(&self) -> Terminal {
        self.host.terminal("carol", &["sh", "-c", PKEXEC])
    }
}

/// Waits until a command of root's works.
#[track_caller]
fn wait_for(host: &RealHost, command: &str) {
    for _ in 0..200 {
        let output = host.output("root", &["sh", "-c", command]);
        if output.status.success() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{command} did not work in time");
}

#[test]
fn pkexec_asks_all_questions_and_waits_for_the_first_answer() {
    pam_harness::require_real_host!();
    let packages = pam_harness::require_packages!("pkexec", "dbus-daemon", "dbus-send");
    let double = Double::builder().without_pause().start();
    let polkit = Polkit::start(&double, &packages, "linux-mfa");

    // The dialog of a desktop is open long before the user types.
    let mut terminal = polkit.pkexec();
    terminal.expect("Password:");
    std::thread::sleep(LATE);
    terminal.send_secret(PASSWORD);
    terminal.answer("Authentication code:", "carol0000000");
    let ended = terminal.finish();
    assert_eq!(ended.status, 0, "{}", ended.transcript);
    assert!(ended.transcript.contains("root\n"), "{}", ended.transcript);
    let lines = polkit.host.new_lines();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("polkit-1:auth): PAM_SUCCESS: user=carol")),
        "{lines:#?}"
    );

    let mut terminal = polkit.pkexec();
    terminal.answer("Password:", "wrong");
    let ended = terminal.finish();
    assert_eq!(ended.status, 127, "{}", ended.transcript);
    assert!(!ended.transcript.contains("root\n"), "{}", ended.transcript);
    // The person reads the reason.
    assert!(
        ended.transcript.contains("That password was not accepted."),
        "{}",
        ended.transcript
    );
}
