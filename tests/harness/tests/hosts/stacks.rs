//! The stacks of `conf/pam.d`: each service with each of the ways to use authentik. Denied
//! users stay out, and there is a way in.

use crate::case::{LOCAL, PASSWORD};
use authentik_double::{Double, Flow};
use pam_harness::host::{RealHost, configuration, stacks};
use pam_harness::threads::spawn;

/// One of the ways asks for a local password first.
const SERVICES: [&str; 5] = ["sshd", "sudo", "su", "login", "locker"];
const NOWHERE: &str = "https://127.0.0.1:1";

struct Way {
    name: &'static str,
    /// Whether authentik asks only for a code, after the local password.
    second: bool,
    /// Whether the local password is enough while authentik is down.
    falls_back: bool,
}

/// What a user types at a service, and whether that let them in.
struct Bench {
    double: Double,
    host: RealHost,
    service: &'static str,
    way: &'static Way,
}

impl Bench {
    fn new(service: &'static str, way: &'static Way) -> Bench {
        let double = Double::builder()
            .world(|world| {
                world.add_flow(Flow::new("code").identification().validate().user_login());
            })
            .start();
        let host = RealHost::new(&double)
            .stack(service, &stacks::with_way(service, way.name))
            .local_password("alice")
            .local_password("bob")
            .start();
        Bench {
            double,
            host,
            service,
            way,
        }
    }

    /// The configuration with this flow, modified by `change`.
    fn configure(&self, flow: &str, change: impl FnOnce(String) -> String) {
        self.host.config(&change(configuration(&self.double, flow)));
    }

    /// Whether these answers, in this order, let `user` in. If there are more questions than
    /// answers, they do not. The second value is the screen.
    #[track_caller]
    fn lets_in(&self, user: &str, answers: &[&str]) -> (bool, String) {
        let host = &self.host;
        let mut terminal = match self.service {
            "sshd" => host
                .ssh(user)
                .option("PreferredAuthentications=keyboard-interactive")
                .option("NumberOfPasswordPrompts=1")
                .run(&["echo", "in"]),
            // As root, sudo asks only for another user.
            "sudo" => host.sudo(user, &["-k", "echo", "in"]),
            "su" => host.su("carol", &[user, "-c", "echo in"]),
            "locker" => host.locker(user),
            _ => {
                let mut terminal = host.login();
                terminal.expect("login: ").send_line(user);
                terminal
            }
        };
        let is_in = ["\r\nin\r\n", "\r\nunlocked:", "$ ", "# "];
        let words = [&["assword:", "assword for ", "code: "], is_in.as_slice()].concat();
        let mut answers = answers.iter();
        let mut success = false;
        while let Some(index) = terminal.expect_or_end(&words) {
            if index < 3 {
                match answers.next() {
                    Some(answer) => terminal.send_secret(answer),
                    None => terminal.send(b"\x04"),
                };
                continue;
            }
            success = true;
            if self.service == "login" {
                terminal.send_line("exit");
            }
            break;
        }
        if !success && answers.len() > 0 {
            return (
                false,
                format!("not all was asked for: {}", terminal.transcript()),
            );
        }
        let ended = terminal.finish();
        (success, ended.transcript)
    }

    #[track_caller]
    fn expect(&self, what: &str, user: &str, answers: &[&str], success: bool) {
        self.host.new_log();
        let (found, transcript) = self.lets_in(user, answers);
        let lines: Vec<String> = self
            .host
            .new_log()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            success,
            "{} with {}: {what}\n{transcript}\n{}",
            self.service,
            self.way.name,
            lines.join("\n")
        );
    }

    /// The local password, if the stack asks for it first, and these.
    fn behind_local<'a>(&self, answers: &[&'a str]) -> Vec<&'a str> {
        let first: &[&str] = if self.way.second { &[LOCAL] } else { &[] };
        [first, answers].concat()
    }

    /// The account that stands for root, because sudo and the locker do not ask root here:
    /// `localadmin` has the same place in each stack.
    fn ways_in(&self) -> &'static [&'static str] {
        match self.service {
            "sudo" => &["localadmin"],
            _ => &["root", "localadmin"],
        }
    }

    fn goes_through_all(&self) {
        let down = |text: String| text.replace(&self.double.url(), NOWHERE);
        let same = |text: String| text;
        let (flow, person) = if self.way.second {
            ("code", "bob")
        } else {
            ("linux-login", "alice")
        };
        let answer = if self.way.second {
            self.double.totp_unused("bob")
        } else {
            PASSWORD.to_owned()
        };

        self.configure(flow, same);
        self.expect("a good login", person, &self.behind_local(&[&answer]), true);
        // The local password, which denied users have too, is no way around.
        self.expect(
            "a wrong answer",
            person,
            &self.behind_local(&["000000", LOCAL, LOCAL]),
            false,
        );
        self.configure("linux-deny", same);
        let denied = self.behind_local(&[PASSWORD, LOCAL, LOCAL]);
        self.expect("denied", "alice", &denied, false);
        self.configure("linux-closed", same);
        self.expect("denied at once", "alice", &[LOCAL, LOCAL, LOCAL], false);
        self.configure("no-such-flow", same);
        self.expect(
            "a flow that is not there",
            "alice",
            &[LOCAL, LOCAL, LOCAL],
            false,
        );

        self.configure(flow, down);
        self.expect("authentik down", "alice", &[LOCAL], self.way.falls_back);
        self.expect(
            "authentik down, a wrong password",
            "alice",
            &["wrong", "wrong"],
            false,
        );
        self.expect("authentik down, left alone", "operator", &[LOCAL], true);
        self.expect(
            "left alone, a wrong password",
            "operator",
            &["wrong", "wrong"],
            false,
        );
        for user in self.ways_in() {
            self.expect("authentik down", user, &[LOCAL], true);
        }

        self.host.config("url = nonsense\n");
        self.expect("a broken configuration", "alice", &[LOCAL, LOCAL], false);
        self.expect(
            "a broken configuration, left alone",
            "operator",
            &[LOCAL, LOCAL],
            false,
        );
        for user in self.ways_in() {
            self.expect("a broken configuration", user, &[LOCAL], true);
            self.expect("a wrong password", user, &["wrong", "wrong"], false);
        }
        let modules = self.host.output("root", &["sh", "-c", "ls -d /lib/*/security/pam_authentik_flow.so /lib*/security/pam_authentik_flow.so 2>/dev/null"]);
        for path in String::from_utf8_lossy(&modules.stdout).lines() {
            self.host.remove(path);
        }
        self.expect("a module that is missing", "alice", &[LOCAL, LOCAL], false);
        for user in self.ways_in() {
            self.expect("a module that is missing", user, &[LOCAL], true);
        }
        if self.service == "sshd" {
            let ended = self
                .host
                .ssh("root")
                .with_key()
                .run(&["echo", "in"])
                .finish();
            assert_eq!(
                ended.transcript, "in\n",
                "root's key, a module that is missing"
            );
        }
    }
}

static ALONE: Way = Way {
    name: "authentik-alone",
    second: false,
    falls_back: false,
};
static SECOND: Way = Way {
    name: "authentik-second-factor",
    second: true,
    falls_back: false,
};
static FALLBACK: Way = Way {
    name: "authentik-fallback",
    second: false,
    falls_back: true,
};
static FAILLOCK: Way = Way {
    name: "authentik-faillock",
    second: false,
    falls_back: false,
};

/// All services side by side, because they mostly wait.
fn every_service(way: &'static Way) {
    std::thread::scope(|scope| {
        for service in SERVICES {
            spawn(scope, move || Bench::new(service, way).goes_through_all());
        }
    });
}

#[test]
fn authentik_alone() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "login");
    every_service(&ALONE);
}

#[test]
fn authentik_behind_the_local_password() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "login");
    every_service(&SECOND);
}

#[test]
fn the_local_password_when_authentik_is_down() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "login");
    every_service(&FALLBACK);
}

#[test]
fn a_lock_after_many_wrong_answers() {
    pam_harness::require_real_host!("sshd", "ssh", "sudo", "su", "login");
    every_service(&FAILLOCK);
}

/// A keyring takes the typed password. sshd's parent process sets the credentials, and does not
/// know the login of its child.
#[test]
fn later_modules_are_reached() {
    pam_harness::require_real_host!("sshd", "ssh");
    let double = Double::start();
    let line = "-auth       optional        pam_cap.so\n";
    let stack = stacks::text("sshd");
    assert!(stack.contains(line), "{stack}");
    let behind = "auth optional pam_exec.so expose_authtok /bin/sh /etc/keyring\n\
                  auth optional pam_env.so conffile=/dev/null envfile=/etc/mark\n";
    let host = RealHost::new(&double)
        .stack("sshd", &stack.replace(line, behind))
        .file("/etc/keyring", "tr -d '\\0' >/run/keyring\n", 0o644)
        .file("/etc/mark", "MARK=credentials\n", 0o644)
        .start();
    let mut ssh = host.ssh("alice").run(&["echo $MARK"]);
    ssh.answer("Password:", PASSWORD);
    let transcript = ssh.finish().transcript;
    assert!(transcript.ends_with("\ncredentials\n"), "{transcript}");
    assert_eq!(host.read("/run/keyring").as_deref(), Some(PASSWORD));
}

/// Three wrong answers in three logins lock the account, also for the right password. A denial
/// and a server that is down do not count.
#[test]
fn wrong_answers_are_counted_over_logins() {
    pam_harness::require_real_host!("su");
    let bench = Bench::new("su", &FAILLOCK);
    bench.configure("linux-deny", |text| text);
    for _ in 0..4 {
        bench.expect("denied", "alice", &[PASSWORD], false);
    }
    bench.configure("linux-login", |text| text);
    bench.expect("after denials", "alice", &[PASSWORD], true);
    for _ in 0..3 {
        bench.expect("a wrong password", "alice", &["wrong"], false);
    }
    let (success, transcript) = bench.lets_in("alice", &[]);
    assert!(!success, "{transcript}");
    bench
        .host
        .output("root", &["faillock", "--user", "alice", "--reset"]);
    bench.expect("unlocked", "alice", &[PASSWORD], true);
}
