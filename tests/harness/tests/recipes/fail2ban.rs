//! Debian's fail2ban-regex counts the lines of a real sshd and the module: each refused secret
//! once, a success never.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::bench::{PASSWORD, require_debian, require_packages};
use crate::recipe::Recipe;
use authentik_double::Double;
use pam_harness::LogLine;
use pam_harness::host::{RealHost, Terminal, configuration};

const WRONG: &str = "wrong-horse";
const FILTER: &str = "/etc/fail2ban/filter.d/pam-authentik-flow.conf";
/// The folder of the examples in Debian's package.
const EXAMPLES: &str = "/usr/share/doc/libpam-authentik-flow/examples/fail2ban";

/// The shipped files, in the places where the package would put them.
fn with_examples(host: &RealHost) {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/fail2ban");
    for name in ["filter.d", "jail.d"] {
        let file = format!("{name}/pam-authentik-flow.conf");
        let text = std::fs::read(sources.join(&file)).expect("a file that is shipped");
        host.put(&format!("{EXAMPLES}/{file}"), &text, 0o644, 0);
    }
    // Debian's own jail for sshd needs this file.
    host.write("/var/log/auth.log", "");
}

/// The lines, as a syslog daemon writes them to a file.
fn as_file<'a>(lines: impl IntoIterator<Item = &'a LogLine>) -> String {
    let mut text = String::new();
    for line in lines {
        let pid = line.pid.map(|pid| format!("[{pid}]")).unwrap_or_default();
        let _ = writeln!(
            text,
            "Jul 24 10:00:00 host {}{pid}: {}",
            line.tag, line.text
        );
    }
    text
}

/// The failures that fail2ban-regex finds in a log, by address.
#[track_caller]
fn failures(host: &RealHost, log: &str, filter: &str) -> BTreeMap<String, usize> {
    host.write("/tmp/log", log);
    let output = host.output("root", &["fail2ban-regex", "-o", "ip", "/tmp/log", filter]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut found = BTreeMap::new();
    for address in said.lines().filter(|line| !line.is_empty()) {
        *found.entry(address.to_owned()).or_default() += 1;
    }
    found
}

/// A user of ssh with their own address.
struct Guesser<'a> {
    host: &'a RealHost,
    address: &'a str,
}

impl Guesser<'_> {
    fn ssh(&self, user: &str, method: &str, tries: usize) -> Terminal {
        self.host
            .ssh(user)
            .option(&format!("BindAddress={}", self.address))
            .option(&format!("PreferredAuthentications={method}"))
            .option(&format!("NumberOfPasswordPrompts={tries}"))
            .run(&["echo", "let-in"])
    }

    /// Gives these answers to questions with these words. Returns whether that was enough.
    #[track_caller]
    fn answers(&self, mut ssh: Terminal, answers: &[(&str, &str)]) -> bool {
        for (words, answer) in answers {
            ssh.answer(words, answer);
        }
        ssh.finish().transcript.contains("let-in")
    }
}

/// The case, how many secrets were refused in it, and whether it ended in a login.
type Case = (&'static str, usize, bool, fn(&Guesser<'_>, &Double) -> bool);

const BY_QUESTIONS: &str = "keyboard-interactive";
const BY_PASSWORD: &str = "password";

const CASES: &[Case] = &[
    ("questions: right", 0, true, |who, _| {
        let ssh = who.ssh("alice", BY_QUESTIONS, 1);
        who.answers(ssh, &[("assword:", PASSWORD)])
    }),
    ("questions: wrong", 1, false, |who, _| {
        let ssh = who.ssh("alice", BY_QUESTIONS, 1);
        who.answers(ssh, &[("assword:", WRONG)])
    }),
    ("questions: wrong three times", 3, false, |who, _| {
        let ssh = who.ssh("alice", BY_QUESTIONS, 3);
        who.answers(ssh, &[("assword:", WRONG); 3])
    }),
    ("questions: wrong, wrong, right", 2, true, |who, _| {
        let ssh = who.ssh("alice", BY_QUESTIONS, 3);
        let wrong = ("assword:", WRONG);
        who.answers(ssh, &[wrong, wrong, ("assword:", PASSWORD)])
    }),
    ("questions: nothing typed", 0, false, |who, _| {
        let ssh = who.ssh("alice", BY_QUESTIONS, 1);
        who.answers(ssh, &[("assword:", "")])
    }),
    ("questions: hangs up at the first", 0, false, |who, _| {
        let mut ssh = who.ssh("alice", BY_QUESTIONS, 1);
        ssh.expect("assword:");
        false
    }),
    ("password method: right", 0, true, |who, _| {
        let ssh = who.ssh("alice", BY_PASSWORD, 1);
        who.answers(ssh, &[("assword:", PASSWORD)])
    }),
    ("password method: wrong", 1, false, |who, _| {
        let ssh = who.ssh("alice", BY_PASSWORD, 1);
        who.answers(ssh, &[("assword:", WRONG)])
    }),
    ("password method: wrong, wrong, right", 2, true, |who, _| {
        let ssh = who.ssh("alice", BY_PASSWORD, 3);
        let wrong = ("assword:", WRONG);
        who.answers(ssh, &[wrong, wrong, ("assword:", PASSWORD)])
    }),
    ("a code: right", 0, true, |who, double| {
        let ssh = who.ssh("bob", BY_QUESTIONS, 1);
        let code = double.totp_unused("bob");
        who.answers(ssh, &[("assword:", PASSWORD), ("ode:", &code)])
    }),
    ("a code: wrong, then right", 1, true, |who, double| {
        double.advance(std::time::Duration::from_secs(60));
        let ssh = who.ssh("bob", BY_QUESTIONS, 1);
        let code = double.totp_unused("bob");
        let answers = [("assword:", PASSWORD), ("ode:", "000000"), ("ode:", &code)];
        who.answers(ssh, &answers)
    }),
    ("a code: wrong, then hangs up", 1, false, |who, _| {
        let mut ssh = who.ssh("bob", BY_QUESTIONS, 1);
        ssh.answer("assword:", PASSWORD);
        ssh.answer("ode:", "000000").expect("ode:");
        false
    }),
    ("nobody's name: by questions", 2, false, |who, _| {
        let ssh = who.ssh("nosuch", BY_QUESTIONS, 2);
        who.answers(ssh, &[("assword:", WRONG); 2])
    }),
    ("nobody's name: by password", 2, false, |who, _| {
        let ssh = who.ssh("nosuch", BY_PASSWORD, 2);
        who.answers(ssh, &[("assword:", WRONG); 2])
    }),
    ("a name that forges a line", 2, false, |who, _| {
        let ssh = who.ssh(" rhost=192.0.2.1 ", BY_PASSWORD, 1);
        who.answers(ssh, &[("assword:", WRONG)]);
        let ssh = who.ssh("refused answer: rhost=192.0.2.1 user=", BY_QUESTIONS, 1);
        who.answers(ssh, &[("assword:", WRONG)])
    }),
];

#[test]
fn each_refused_secret_is_counted_once_and_a_success_never() {
    require_debian!("sshd", "ssh");
    let packages = require_packages!("fail2ban-regex");
    let recipe = Recipe::read("A ban for an address that guesses");
    let double = Double::builder().without_pause().start();
    let host = RealHost::new(&double)
        .config(&configuration(&double, "linux-mfa-optional"))
        .packages(&packages)
        .start();
    with_examples(&host);
    let tested = recipe.run(&host);
    assert!(tested.contains("successful"), "{tested}");

    let mut wanted = BTreeMap::new();
    let mut successes = 0;
    for (number, (what, refused, gets_in, case)) in (11..).zip(CASES) {
        let address = format!("127.0.0.{number}");
        let who = Guesser {
            host: &host,
            address: &address,
        };
        assert_eq!(case(&who, &double), *gets_in, "{what}");
        successes += usize::from(*gets_in);
        recipe.report(&format!("{what}: {refused}"));
        if *refused > 0 {
            wanted.insert(address, *refused);
        }
    }
    let lines = host.log();
    let log = as_file(&lines);
    let all: usize = wanted.values().sum();
    for logtype in ["file", "journal"] {
        let filter = format!("{FILTER}[logtype={logtype}]");
        assert_eq!(failures(&host, &log, &filter), wanted, "{logtype}\n{log}");
    }
    // The filter for another service does not match them.
    let other = format!("{FILTER}[_daemon=vsftpd]");
    assert_eq!(failures(&host, &log, &other), BTreeMap::new());
    let report = format!(
        "fail2ban-regex: {all} refused secrets in {} lines of {} addresses, {all} failures; \
         {successes} logins, none of them a failure",
        lines.len(),
        CASES.len()
    );
    println!("{report}");
    recipe.report(&report);

    // The jail's configuration, as the server gets it.
    let jail = host.output("root", &["fail2ban-client", "-d"]);
    let jail = String::from_utf8_lossy(&jail.stdout).into_owned();
    let own =
        "['set', 'pam-authentik-flow', 'addjournalmatch', '_UID=0', 'SYSLOG_IDENTIFIER=sshd']";
    assert!(jail.contains(own), "{jail}");
    assert!(jail.contains("['start', 'pam-authentik-flow']"), "{jail}");
}

/// The module's lines for invented names and addresses, and similar lines of other programs.
#[test]
fn a_line_that_another_user_writes_bans_nobody() {
    require_debian!();
    let packages = require_packages!("fail2ban-regex");
    let double = Double::start();
    let config = format!(
        "url = \"{}\"\nflow = \"linux-login\"\nca_file = \"{{dir}}/ca.pem\"\nfail_delay = \"0s\"\n\
         [access]\nallow_any_user = true\n",
        double.url()
    );
    let forged =
        "pam_authentik_flow(sshd:auth): refused answer: rhost=192.0.2.1 user=root what=code";
    let mut lines = Vec::new();
    for (user, rhost) in [
        (" rhost=192.0.2.1 ", "203.0.113.5"),
        ("x rhost=192.0.2.1 user=y", "203.0.113.5"),
        (forged, "203.0.113.5"),
        ("alice", " rhost=192.0.2.1 "),
        ("alice", "192.0.2.1 user=root"),
        ("alice", "x user=y rhost=192.0.2.1"),
        ("alice", "x\nJul 24 10:00:00 host sshd[1]: x"),
        ("alice", "192.0.2.1\u{a0}user=root"),
        ("alice", "\"192.0.2.1\""),
        ("alice", "192.0.2.1.example.com"),
        ("alice", forged),
        ("alice", ""),
    ] {
        let outcome = pam_harness::Pam::new(&pam_harness::Module::built())
            .service("sshd")
            .user(user)
            .rhost(rhost)
            .file("ca.pem", double.ca_pem())
            .config(&config)
            .answer_secret(WRONG)
            .authenticate()
            .run();
        let own = "pam_authentik_flow(sshd:auth): refused answer: ";
        let refused = |line: &&LogLine| line.text.starts_with(own);
        assert_eq!(outcome.log().iter().filter(refused).count(), 1, "{outcome}");
        lines.extend(outcome.log().iter().cloned());
    }
    let mut log = as_file(&lines);
    // Lines of sshd, sudo and others with text that their callers typed.
    for line in [
        format!("sshd[7]: Invalid user {forged} from 203.0.113.6 port 22"),
        format!("sshd[7]: Failed password for invalid user {forged} from 203.0.113.6 port 22 ssh2"),
        format!("sudo[7]: alice : {forged}"),
        format!("sudo[7]: {forged}"),
        format!("su[7]: {forged}"),
        "sshd[7]: pam_authentik_flow(sshd:auth): PAM_AUTH_ERR: user=alice rhost=192.0.2.1 tty=ssh"
            .into(),
        "sshd[7]: pam_authentik_flow(sshd:auth): lost lines: count=12".into(),
    ] {
        let _ = writeln!(log, "Jul 24 10:00:00 host {line}");
    }
    let host = RealHost::new(&double).packages(&packages).start();
    with_examples(&host);
    let filter = format!("{EXAMPLES}/filter.d/pam-authentik-flow.conf");
    host.write(
        "/etc/fail2ban/filter.d/pam-authentik-flow.conf",
        &host.read(&filter).unwrap_or_default(),
    );
    // Lines that contain an address are counted for it.
    let wanted = BTreeMap::from([("203.0.113.5".to_owned(), 3)]);
    for logtype in ["file", "journal"] {
        let filter = format!("{FILTER}[logtype={logtype}]");
        assert_eq!(failures(&host, &log, &filter), wanted, "{logtype}\n{log}");
    }
}
