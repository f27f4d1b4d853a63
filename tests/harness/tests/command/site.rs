//! A host with the machine's own stacks and programs, and the command on it.

use authentik_double::Double;
use pam_harness::accounts::LOCAL_ADMIN_PASSWORD;
use pam_harness::host::{RealHost, RealHostBuilder};

/// sshd's stack.
pub(crate) const STACK: &str = "/etc/pam.d/sshd";
/// Where the command stores its changes.
pub(crate) const STATE: &str = "/run/state";

pub(crate) struct Site {
    /// It answers as long as this exists.
    _double: Double,
    pub(crate) host: RealHost,
    pub(crate) command: &'static str,
    /// sshd's stack, before any change.
    pub(crate) before: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::with(|host| host)
    }

    /// A host with special properties.
    pub(crate) fn with(change: impl FnOnce(RealHostBuilder) -> RealHostBuilder) -> Self {
        let double = Double::builder().without_pause().start();
        let host = change(RealHost::new(&double).own_stacks()).start();
        let command = host.install_command();
        let before = host.read(STACK).unwrap();
        Self {
            _double: double,
            host,
            command,
            before,
        }
    }

    /// Starts sshd, as the first client would.
    pub(crate) fn with_sshd(self) -> Self {
        let mut ssh = self.host.ssh("localadmin").run(&["true"]);
        ssh.answer("assword:", LOCAL_ADMIN_PASSWORD);
        assert_eq!(ssh.finish().status, 0);
        self
    }

    /// Makes sshd's key, for a host without a running sshd.
    pub(crate) fn with_host_key(self) -> Self {
        let key = "ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/host_key";
        let made = self.host.output("root", &["sh", "-c", key]);
        assert!(made.status.success(), "{made:?}");
        self
    }

    /// sshd's stack as it is now.
    pub(crate) fn stack(&self) -> String {
        self.host.read(STACK).unwrap()
    }

    /// The command without a terminal: its exit status and its output.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        let words = [&[self.command], arguments, &["--state-dir", STATE]].concat();
        let output = self.host.output("root", &words);
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    /// Runs `enable` with these arguments, and expects success.
    #[track_caller]
    pub(crate) fn enable(&self, arguments: &[&str]) -> String {
        let (status, text) = self.run(&[&["enable"], arguments].concat());
        assert_eq!(status, 0, "{text}");
        text
    }
}
