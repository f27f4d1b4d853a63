//! The real sshd on a loopback port, and the real ssh that talks to it.

use super::programs::find_program;
use super::{RealHost, Terminal};
use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// An sshd that runs.
pub(super) struct Daemon {
    port: u16,
    /// It ends with the host.
    child: Child,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Empty in the test's own host, and removed with it.
const ROOT_HOME: &str = "/root";
const KEY: &str = "/etc/ssh/host_key";
const CONFIG: &str = "/etc/ssh/sshd_config";

/// The configuration of sshd, without its port. Of two lines with the same setting the first
/// counts.
const SETTINGS: &str = "\
UsePAM yes
PermitRootLogin yes
KbdInteractiveAuthentication yes
PasswordAuthentication yes
PrintMotd no
PrintLastLog no
UseDNS no
MaxAuthTries 20
";

/// An ssh client that is not started yet.
#[must_use = "the client is started by `run`"]
pub struct Ssh<'a> {
    host: &'a RealHost,
    user: String,
    options: Vec<String>,
    key: bool,
    sshd: String,
}

impl<'a> Ssh<'a> {
    pub(super) fn new(host: &'a RealHost, user: &str) -> Ssh<'a> {
        Ssh {
            host,
            user: user.to_owned(),
            options: Vec::new(),
            key: false,
            sshd: String::new(),
        }
    }

    /// Logs in by the password method: ssh asks for the password by itself.
    pub fn by_password(self) -> Ssh<'a> {
        self.option("PreferredAuthentications=password")
    }

    /// The person has a key that the account trusts.
    pub fn with_key(mut self) -> Ssh<'a> {
        self.key = true;
        self
    }

    /// An option of the client, as `-o` takes it.
    pub fn option(mut self, option: &str) -> Ssh<'a> {
        self.options.push(option.to_owned());
        self
    }

    /// A line of sshd's configuration, valid from the first client of this host on:
    /// `AuthenticationMethods publickey,keyboard-interactive`.
    pub fn sshd(mut self, line: &str) -> Ssh<'a> {
        self.sshd.push_str(line);
        self.sshd.push('\n');
        self
    }

    /// Starts it: `ssh USER@host COMMAND…`. Without a command it starts a shell.
    ///
    /// # Panics
    ///
    /// When sshd or ssh cannot be started.
    #[track_caller]
    pub fn run(self, command: &[&str]) -> Terminal {
        let host = self.host;
        {
            let mut sshd = host.sshd.lock().unwrap_or_else(|e| e.into_inner());
            if sshd.is_none() {
                *sshd = Some(start(host, &self.sshd));
            }
        }
        if self.key {
            trust_key(host, &self.user);
        }
        let target = format!("{}@host", self.user);
        let identity = of_root("id_ed25519");
        let mut words = vec!["ssh"];
        for option in &self.options {
            words.extend(["-o", option]);
        }
        if self.key {
            words.extend(["-i", &identity]);
        }
        words.push(&target);
        words.extend(command);
        host.terminal("root", &words)
    }
}

/// The directory of the client's files. The client is root of the test's own host.
fn of_root(name: &str) -> String {
    format!("{ROOT_HOME}/.ssh/{name}")
}

/// Makes the keys, and starts sshd on a free port.
#[track_caller]
fn start(host: &RealHost, lines: &str) -> Daemon {
    let (private, public) = make_key(host);
    host.put(KEY, private.as_bytes(), 0o600, 0);
    // The name of its process is the service that it passes to PAM.
    let Some(sshd) = find_program("sshd") else {
        panic!("sshd is not installed");
    };
    let sshd = sshd.to_string_lossy().into_owned();
    let settings = host.sshd_settings.as_deref().unwrap_or(SETTINGS);
    for _ in 0..10 {
        let port = free_port();
        host.put(
            CONFIG,
            format!("ListenAddress 127.0.0.1:{port}\nHostKey {KEY}\n{lines}{settings}").as_bytes(),
            0o600,
            0,
        );
        let mut child = host
            .enter(&host.job("root", None, &[&sshd, "-D", "-f", CONFIG]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("sshd: {e}"));
        if answers(port, &mut child) {
            let known = format!("host {public}\n");
            host.put(&of_root("known_hosts"), known.as_bytes(), 0o600, 0);
            let client = format!(
                "Host host\n  HostName 127.0.0.1\n  Port {port}\n  HostKeyAlias host\n  \
                 GlobalKnownHostsFile /dev/null\n"
            );
            host.put(&of_root("config"), client.as_bytes(), 0o600, 0);
            return Daemon { port, child };
        }
        // Another program took the port meanwhile: use the next one.
        let _ = child.kill();
        let _ = child.wait();
    }
    let lines: Vec<String> = host.log().iter().map(ToString::to_string).collect();
    panic!("sshd does not start:\n{}", lines.join("\n"))
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_or(0, |address| address.port())
}

/// Whether an SSH server answers at this port, before the child ends.
fn answers(port: u16, child: &mut Child) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return false;
        }
        let mut greeting = [0; 4];
        let read = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).and_then(|mut stream| {
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.read_exact(&mut greeting)
        });
        if read.is_ok() {
            return &greeting == b"SSH-";
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A new key: the private and the public half.
#[track_caller]
fn make_key(host: &RealHost) -> (String, String) {
    let directory = host.directory.path();
    let path = directory.join("key");
    if !path.exists() {
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
            .arg(&path)
            .status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "ssh-keygen makes no key"
        );
    }
    let read = |path: &std::path::Path| fs::read_to_string(path).unwrap_or_default();
    let public = read(&path.with_extension("pub"));
    (read(&path), public.trim().to_owned())
}

/// Gives the person a key that the account trusts. One key is enough for a host that exists for
/// one test, so it is the host key too.
#[track_caller]
fn trust_key(host: &RealHost, user: &str) {
    let (private, public) = make_key(host);
    host.put(&of_root("id_ed25519"), private.as_bytes(), 0o600, 0);
    if let Some(account) = host.accounts.iter().find(|account| account.name == user) {
        let home = if account.uid == 0 {
            String::from(ROOT_HOME)
        } else {
            format!("/home/{user}")
        };
        let path = format!("{home}/.ssh/authorized_keys");
        host.put(&path, public.as_bytes(), 0o600, account.uid);
    }
}

impl RealHost {
    /// The port of its sshd, once there is one.
    pub fn ssh_port(&self) -> Option<u16> {
        let sshd = self.sshd.lock().unwrap_or_else(|e| e.into_inner());
        sshd.as_ref().map(|daemon| daemon.port)
    }
}
