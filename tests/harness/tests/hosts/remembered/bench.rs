//! A host that remembers second factors, and the users in its sessions.

use authentik_double::{Device, Double, Flow, Phone, Validate};
use pam_harness::host::{RealHost, RealHostBuilder, Terminal, configuration};
use std::time::Duration;

pub(super) const PASSWORD: &str = "correct-horse";
pub(super) const DIRECTORY: &str = "/run/pam_authentik_flow";
/// The flow of all users: a password and a push.
pub(super) const FLOW: &str = "remembered";
const ASKED: &str = "Press Enter, then approve the push";

/// The result of a program that asks for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It asked for a password only.
    Password,
    /// It asked for a push too.
    Push,
    /// It was refused.
    Refused,
}

/// A server whose validate stage remembers devices, for duke and alice.
pub(super) fn server() -> Double {
    let double = Double::start();
    double.world(|world| {
        let hour = Duration::from_secs(3600);
        let factor = Validate::classes(&["duo"]).last_auth_threshold(hour);
        for slug in [FLOW, "remembered-elsewhere"] {
            let flow = Flow::new(slug).identification().password();
            world.add_flow(flow.bind(factor.clone()).user_login());
        }
        world.add_flow(
            Flow::new("code-alone")
                .identification()
                .bind(factor)
                .user_login(),
        );
        let alice = world.user_mut("alice");
        alice.devices.push(Device::duo().numbered(2));
        for name in ["alice", "duke"] {
            world.user_mut(name).phone = Phone::Approve(Duration::ZERO);
        }
    });
    double
}

/// Its host; `more` is added to `[second_factor]`.
pub(super) fn builder(double: &Double, more: &str) -> RealHostBuilder {
    let config = configuration(double, FLOW);
    RealHost::new(double).config(&format!(
        "{config}[second_factor]\nremember = \"session\"\n{more}"
    ))
}

pub(super) fn host(double: &Double) -> RealHost {
    builder(double, "").start()
}

/// How many logins have sent the remembered cookie since the last call.
pub(super) fn sent(double: &Double) -> usize {
    let requests = double.requests();
    double.clear_requests();
    let cookies = requests
        .iter()
        .filter_map(|request| request.header("cookie"));
    cookies
        .filter(|all| all.contains("authentik_mfa=") && !all.contains("authentik_session="))
        .count()
}

/// A session with a shell.
pub(super) struct Session {
    terminal: Terminal,
    number: u32,
}

impl Session {
    /// A login with keyboard-interactive, a password and a push.
    #[track_caller]
    pub(super) fn ssh(host: &RealHost, user: &str) -> Session {
        Session::ssh_with(host, user, &[])
    }

    /// The same with these options of the client.
    #[track_caller]
    pub(super) fn ssh_with(host: &RealHost, user: &str, options: &[&str]) -> Session {
        let mut ssh = host
            .ssh(user)
            .option("PreferredAuthentications=keyboard-interactive")
            .option("RequestTTY=force");
        for option in options {
            ssh = ssh.option(option);
        }
        let mut terminal = ssh.run(&["sh"]);
        terminal.answer("assword:", PASSWORD);
        terminal.answer(ASKED, "");
        Session::of(terminal)
    }

    /// A login with a key, without the module.
    #[track_caller]
    pub(super) fn with_key(host: &RealHost, user: &str) -> Session {
        let ssh = host.ssh(user).with_key().option("RequestTTY=force");
        Session::of(ssh.run(&["sh"]))
    }

    /// A session in a terminal in which a shell has started.
    #[track_caller]
    pub(super) fn of(mut terminal: Terminal) -> Session {
        terminal.expect("$ ");
        Session {
            terminal,
            number: 0,
        }
    }

    /// Runs a command that asks nothing, and returns its exit status.
    #[track_caller]
    pub(super) fn run(&mut self, command: &str) -> bool {
        self.try_answering(command, &[]) == Asked::Password
    }

    /// sudo in this session.
    #[track_caller]
    pub(super) fn sudo(&mut self) -> Asked {
        self.asks("sudo -k id -u")
    }

    /// A command that asks for a password, and possibly for a push.
    #[track_caller]
    pub(super) fn asks(&mut self, command: &str) -> Asked {
        self.try_answering(command, &[PASSWORD])
    }

    /// The same for a command that asks for several passwords.
    #[track_caller]
    pub(super) fn try_answering(&mut self, command: &str, passwords: &[&str]) -> Asked {
        self.number += 1;
        let (good, bad) = (
            format!("<{}:0>", self.number),
            format!("<{}:1>", self.number),
        );
        // The typed text differs from the text that it prints.
        let line = format!(
            "{command} && echo '<'{0}:0'>' || echo '<'{0}:1'>'",
            self.number
        );
        self.terminal.send_line(&line);
        for password in passwords {
            self.terminal.answer("assword", password);
        }
        let mut asked = Asked::Password;
        loop {
            match self
                .terminal
                // And not "3 incorrect password attempts", because Ctrl-C after that would end
                // the line that the shell must still run.
                .expect_or_end(&[&good, &bad, ASKED, "assword: ", "assword for "])
            {
                Some(0) => return asked,
                Some(1) => return Asked::Refused,
                Some(2) => {
                    asked = Asked::Push;
                    self.terminal.send_secret("");
                }
                Some(_) => {
                    self.terminal.send(b"\x03");
                }
                None => panic!(
                    "the session ended too early:\n{}",
                    self.terminal.transcript()
                ),
            }
        }
    }

    /// Leaves a process in the session that outlives it, like tmux. It waits for a file, and
    /// then calls sudo.
    #[track_caller]
    pub(super) fn leave_behind(&mut self) {
        let script = format!(
            "while [ ! -e /tmp/go ]; do sleep 0.05; done; \
             echo {PASSWORD} | sudo -S -k id -u >/tmp/out 2>&1; touch /tmp/done"
        );
        let started = format!("setsid sh -c '{script}' </dev/null >/dev/null 2>&1 &");
        assert!(self.run(&format!("{{ {started} }}")));
    }

    /// Logs out.
    #[track_caller]
    pub(super) fn leave(mut self) -> String {
        self.terminal.send_line("exit");
        self.terminal.finish().transcript
    }

    /// The terminal, whose programs go on.
    pub(super) fn into_terminal(self) -> Terminal {
        self.terminal
    }
}

/// Whether the remaining process has become root. It knows the password, and cannot approve a
/// push.
#[track_caller]
pub(super) fn left_behind_is_root(host: &RealHost) -> bool {
    host.put("/tmp/go", b"", 0o644, 0);
    for _ in 0..600 {
        if host.read("/tmp/done").is_some() {
            let output = host.read("/tmp/out").unwrap_or_default();
            for file in ["/tmp/go", "/tmp/done", "/tmp/out"] {
                host.remove(file);
            }
            return output
                .lines()
                .any(|line| line.ends_with('0') && !line.contains("incorrect"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the program in the background does not end");
}

/// Root runs a line of shell, which must succeed. Returns its output.
#[track_caller]
pub(super) fn root(host: &RealHost, script: &str) -> String {
    let output = host.output("root", &["sh", "-c", script]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The names of the module's files with this prefix.
#[track_caller]
pub(super) fn files(host: &RealHost, prefix: &str) -> Vec<String> {
    let listed = root(host, &format!("ls {DIRECTORY} 2>/dev/null || true"));
    let names = listed.lines().filter(|name| name.starts_with(prefix));
    names.map(str::to_owned).collect()
}

/// Waits until no session with a record remains.
#[track_caller]
pub(super) fn nothing_is_remembered(host: &RealHost) {
    for _ in 0..200 {
        if files(host, "session.").is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{:?}", files(host, ""));
}

/// The new lines of the log contain this part.
#[track_caller]
pub(super) fn log_has(host: &RealHost, part: &str) {
    let lines = host.new_lines();
    assert!(lines.iter().any(|line| line.contains(part)), "{lines:#?}");
}

/// They do not contain it.
#[track_caller]
pub(super) fn log_has_not(host: &RealHost, part: &str) {
    let lines = host.new_lines();
    assert!(!lines.iter().any(|line| line.contains(part)), "{lines:#?}");
}
