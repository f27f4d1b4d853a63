//! A host with the machine's real sshd, sudo, su and login, and with the test's own stacks,
//! accounts and log. It runs in namespaces, and everything is removed at the end.
//!
//! ```no_run
//! use authentik_double::Double;
//! use pam_harness::host::RealHost;
//!
//! # fn test() {
//! pam_harness::require_real_host!("/usr/sbin/sshd", "ssh");
//! let double = Double::start();
//! let host = RealHost::new(&double).start();
//! let mut ssh = host.ssh("alice").run(&["id", "-un"]);
//! ssh.answer("Password:", "correct-horse");
//! let ended = ssh.finish();
//! assert_eq!(ended.status, 0);
//! assert!(ended.transcript.ends_with("alice\n"));
//! assert_eq!(host.new_lines().len(), 1);
//! # }
//! ```
//!
//! Inside, the machine's files can be read. `/etc` and the directory of the PAM modules have a
//! writable layer above them. `/run`, `/tmp`, `/home`, `/root` and the logs are empty. The
//! network is the machine's: the stand-in for authentik is reached as `localhost`, and sshd
//! listens there.

mod batch;
mod builder;
mod caller;
pub mod driver;
pub mod inside;
mod mounts;
mod programs;
mod ssh;
pub mod stacks;
mod terminal;

pub use crate::module::command;
pub use batch::{Finished, Limit, Run};
pub use builder::{RealHostBuilder, configuration};
pub use programs::{available, packages};
pub use ssh::Ssh;
pub use terminal::{Ended, Terminal};

use crate::accounts::Account;
use crate::syslog::{LogLine, LogSocket};
use authentik_double::Double;
use inside::{Job, Place};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;
use tempfile::TempDir;

/// A host that runs. When it is dropped, its processes are killed, and everything that was
/// written in it is removed.
pub struct RealHost {
    /// Ends the host when its standard input is closed.
    root: Child,
    program: PathBuf,
    pid: u32,
    accounts: Vec<Account>,
    log: LogSocket,
    /// How many lines of the log were returned.
    taken: Mutex<usize>,
    sshd: Mutex<Option<ssh::Daemon>>,
    /// Used instead of the default settings.
    sshd_settings: Option<String>,
    /// The session of the programs that start next.
    session: Mutex<Option<String>>,
    /// Where the programs run that start next.
    place: Mutex<Place>,
    directory: TempDir,
}

impl RealHost {
    /// A host that logs people in by this server, with the stacks of
    /// `conf/pam.d`.
    #[allow(
        clippy::new_ret_no_self,
        reason = "a host is described first, and started then"
    )]
    pub fn new(double: &Double) -> RealHostBuilder {
        RealHostBuilder::new(double)
    }

    // Programs.

    /// The ssh client of a person who wants to log in as `user`. The first call starts sshd.
    pub fn ssh(&self, user: &str) -> Ssh<'_> {
        Ssh::new(self, user)
    }

    /// sudo in a terminal, run by `user`.
    #[track_caller]
    pub fn sudo(&self, user: &str, arguments: &[&str]) -> Terminal {
        self.terminal(user, &[&["sudo"], arguments].concat())
    }

    /// su in a terminal, run by `user`.
    #[track_caller]
    pub fn su(&self, user: &str, arguments: &[&str]) -> Terminal {
        self.terminal(user, &[&["su"], arguments].concat())
    }

    /// login at a terminal, as getty starts it.
    #[track_caller]
    pub fn login(&self) -> Terminal {
        self.terminal("root", &["login"])
    }

    /// A screen locker: an application without privileges that asks for the secrets of the
    /// person who runs it, with the service `locker`.
    #[track_caller]
    pub fn locker(&self, user: &str) -> Terminal {
        self.terminal(user, &[inside::PROGRAM, "login-as", "locker", user])
    }

    /// An application of PAM that asks for the secrets of `account` with `service`, run by a
    /// shell of `user` after these commands. It logs nothing itself, whereas su would wait for
    /// a log that hangs.
    #[track_caller]
    pub fn application(
        &self,
        user: &str,
        commands: &str,
        service: &str,
        account: &str,
    ) -> Terminal {
        let program = inside::PROGRAM;
        let script = format!("{commands}\nexec {program} login-as {service} {account}");
        self.terminal(user, &["sh", "-c", &script])
    }

    /// An application of PAM, run by `user`, that asks for the secrets of `account` with
    /// `service`, and sets `terminal` as its terminal (`PAM_TTY`).
    #[track_caller]
    pub fn pretender(&self, user: &str, service: &str, account: &str, terminal: &str) -> Terminal {
        let words = [inside::PROGRAM, "login-as", service, account, terminal];
        self.terminal(user, &words)
    }

    /// A program in a terminal, run by `user` with the environment of a login.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    pub fn terminal(&self, user: &str, command: &[&str]) -> Terminal {
        let started = Terminal::start(|path| self.enter(&self.job(user, Some(path), command)));
        started.unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"))
    }

    /// Runs a program without a terminal until it ends.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    pub fn output(&self, user: &str, command: &[&str]) -> Output {
        let result = self
            .enter(&self.job(user, None, command))
            .stdin(Stdio::null())
            .output();
        result.unwrap_or_else(|e| panic!("{command:?} cannot be started: {e}"))
    }

    /// The programs that start from now on belong to a session, for which logind says this;
    /// `{id}` is replaced by its number.
    pub fn session(&self, text: &str) {
        let mut session = self.session.lock().unwrap_or_else(|e| e.into_inner());
        *session = Some(text.to_owned());
    }

    /// The programs that start from now on run in this namespace of networks, which is named by
    /// a path outside the host; in that of the host with `None`.
    pub fn network(&self, path: Option<&Path>) {
        let mut place = self.place.lock().unwrap_or_else(|e| e.into_inner());
        place.network = path.map(Path::to_owned);
    }

    /// Whether the programs that start from now on have the machine's process IDs. They still
    /// see the host's `/proc`.
    pub fn machines_pids(&self, has: bool) {
        let mut place = self.place.lock().unwrap_or_else(|e| e.into_inner());
        place.machines_pids = has;
    }

    // Files.

    /// Writes a file that belongs to root, with mode 0644, only in the host.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) {
        self.put(path, text.as_bytes(), 0o644, 0);
    }

    /// Writes a file with these permission bits for the user with this ID.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    #[track_caller]
    pub fn put(&self, path: &str, text: &[u8], mode: u32, owner: u32) {
        if let Err(why) = self.try_put(path, text, mode, owner) {
            panic!("{path} cannot be written: {why}");
        }
    }

    /// The contents of a file of the host; nothing if it does not exist.
    #[track_caller]
    pub fn read(&self, path: &str) -> Option<String> {
        let output = self.output("root", &["cat", path]);
        let text = || String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then(text)
    }

    /// Removes a file.
    #[track_caller]
    pub fn remove(&self, path: &str) {
        let output = self.output("root", &["rm", "-r", path]);
        assert!(output.status.success(), "{path} cannot be removed");
    }

    /// A socket at `path` in the host, where this process listens, and every user of the host
    /// may connect. It replaces a file there.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[track_caller]
    pub fn listen(&self, path: &str) -> UnixListener {
        match self.try_listen(Path::new(path)) {
            Ok(listener) => listener,
            Err(e) => panic!("no socket {path}: {e}"),
        }
    }

    fn try_listen(&self, path: &Path) -> io::Result<UnixListener> {
        let mounts = File::open(format!("/proc/{}/ns/mnt", self.pid))?;
        let listen = || {
            // A thread with a root directory of its own may enter other mounts.
            unshare(CloneFlags::CLONE_FS)?;
            setns(&mounts, CloneFlags::CLONE_NEWNS)?;
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            let _ = fs::remove_file(path);
            let listener = UnixListener::bind(path)?;
            fs::set_permissions(path, Permissions::from_mode(0o666))?;
            Ok(listener)
        };
        std::thread::scope(|scope| scope.spawn(listen).join())
            .unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
    }

    /// Replaces the stack of a service by one of `conf/pam.d`, or by a text.
    #[track_caller]
    pub fn stack(&self, service: &str, text: &str) {
        self.write(&format!("/etc/pam.d/{service}"), text);
    }

    /// Replaces the module's configuration; the next login reads it.
    #[track_caller]
    pub fn config(&self, text: &str) {
        self.write(CONFIG, text);
    }

    /// Copies the command `authentik-flow` into the host, and returns its path there.
    ///
    /// # Panics
    ///
    /// When it is not built, or cannot be written.
    #[track_caller]
    pub fn install_command(&self) -> &'static str {
        const PATH: &str = "/run/authentik-flow";
        match std::fs::read(crate::module::command()) {
            Ok(bytes) => self.put(PATH, &bytes, 0o755, 0),
            Err(e) => panic!("the command cannot be read: {e}"),
        }
        PATH
    }

    // The log.

    /// What reached the host's `/dev/log` so far.
    ///
    /// # Panics
    ///
    /// When it cannot be read.
    #[track_caller]
    pub fn log(&self) -> Vec<LogLine> {
        match self.log.so_far(&self.directory.path().join("log")) {
            Ok(lines) => lines,
            Err(e) => panic!("the log cannot be read: {e}"),
        }
    }

    /// The lines since the last call.
    #[track_caller]
    pub fn new_log(&self) -> Vec<LogLine> {
        let lines = self.log();
        let mut taken = self.taken.lock().unwrap_or_else(|e| e.into_inner());
        let new = lines.get(*taken..).unwrap_or_default().to_vec();
        *taken = lines.len();
        new
    }

    /// The module's own lines among those of [`new_log`](RealHost::new_log).
    #[track_caller]
    pub fn new_lines(&self) -> Vec<String> {
        let lines = self.new_log().into_iter();
        lines
            .filter(|line| line.text.contains("pam_authentik_flow("))
            .map(|line| line.text)
            .collect()
    }

    /// From now on nobody reads the host's `/dev/log`, and its queue has room for this many
    /// lines.
    ///
    /// # Panics
    ///
    /// When it cannot be filled.
    #[track_caller]
    pub fn pause_log(&self, room: usize) {
        if let Err(e) = self.log.pause(&self.directory.path().join("log"), room) {
            panic!("cannot write the test's lines into the log: {e}");
        }
    }

    /// The log is read again from now on.
    pub fn resume_log(&self) {
        self.log.resume();
    }

    /// `user` writes to the host's log without a pause, at most for this long. The flood ends
    /// when the terminal is dropped. Its lines are not kept: see
    /// [`flood_lines`](RealHost::flood_lines).
    #[track_caller]
    pub fn flood(&self, user: &str, most: Duration) -> Terminal {
        let seconds = most.as_secs().to_string();
        self.terminal(user, &[inside::PROGRAM, "flood", &seconds])
    }

    /// How many lines of the flood were read.
    pub fn flood_lines(&self) -> u64 {
        self.log.flood()
    }

    /// Its namespace of mounts, as `/proc/PID/ns/mnt` names it.
    ///
    /// # Panics
    ///
    /// When its first process is gone.
    #[track_caller]
    pub fn mount_namespace(&self) -> PathBuf {
        let path = format!("/proc/{}/ns/mnt", self.pid);
        std::fs::read_link(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// The names of the processes in the host, without the first one.
    pub fn processes(&self) -> Vec<String> {
        let script = "for p in /proc/[0-9]*; do [ $p = /proc/1 ] || [ $p = /proc/$$ ] || cat $p/comm; done 2>/dev/null";
        let output = self.output("root", &["sh", "-c", script]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let names = text.lines().filter(|name| *name != "cat");
        names.map(str::to_owned).collect()
    }

    /// The user ID of an account.
    ///
    /// # Panics
    ///
    /// When the host has none of this name.
    #[track_caller]
    pub fn uid(&self, user: &str) -> u32 {
        match self.accounts.iter().find(|account| account.name == user) {
            Some(account) => account.uid,
            None => panic!("this host has no account {user}"),
        }
    }

    fn job(&self, user: &str, terminal: Option<PathBuf>, command: &[&str]) -> Job {
        let uid = self.uid(user);
        let home = if uid == 0 {
            String::from("/root")
        } else {
            format!("/home/{user}")
        };
        let variables = [
            ("HOME", home.as_str()),
            ("USER", user),
            ("LOGNAME", user),
            ("SHELL", "/bin/sh"),
            ("TERM", "vt100"),
            ("LANG", "C.UTF-8"),
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
        ];
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Job::Run {
            terminal,
            user: (uid, uid),
            environment: variables.iter().map(owned).collect(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            session: self
                .session
                .lock()
                .unwrap_or_else(|e| e.into_inner())
                .clone(),
            place: self.place.lock().unwrap_or_else(|e| e.into_inner()).clone(),
        }
    }

    /// The command that does a job inside.
    fn enter(&self, job: &Job) -> Command {
        // A job consists of strings and numbers, so it can be serialised.
        let job = serde_json::to_string(job).unwrap_or_default();
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["enter", &self.pid.to_string(), &job]);
        command
    }

    fn try_put(&self, path: &str, text: &[u8], mode: u32, owner: u32) -> Result<(), String> {
        let job = Job::Put {
            path: Path::new(path).to_owned(),
            mode,
            owner,
        };
        let mut child = self
            .enter(&job)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        if let Some(mut input) = child.stdin.take() {
            // If it cannot be read, the reader reports why.
            let _ = input.write_all(text);
        }
        let output = child.wait_with_output().map_err(|e| e.to_string())?;
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

impl Drop for RealHost {
    fn drop(&mut self) {
        drop(self.root.stdin.take());
        // Its first process ends, and the kernel kills all others.
        let _ = self.root.wait();
    }
}

/// Where the module looks for its configuration.
pub(crate) const CONFIG: &str = "/etc/security/pam_authentik_flow.toml";
/// The certificate of the stand-in's authority.
pub(crate) const CA: &str = "/etc/security/authentik-ca.pem";
