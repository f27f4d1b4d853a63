//! The way a test describes a transaction.

mod person;

use crate::accounts::{self, Account};
use crate::codes::{Call, Item, flags};
use crate::later::Later;
use crate::module::Module;
use crate::outcome::Outcome;
use crate::runner::HarnessError;
use crate::script::{Limit, PluggedKey, ProcessOptions, ScriptedAnswer, Step};
use crate::stage;
use crate::virtual_key::VirtualKey;
use std::path::PathBuf;
use std::time::Duration;

/// The state of `/dev/log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    Captured,
    Missing,
    Stuck,
}

/// A transaction with the real libpam, before it is run.
///
/// In the texts of [`Pam::stack`], [`Pam::arguments`], [`Pam::config`] and
/// [`Pam::file`] stand `{module}`, `{config}` and `{dir}` for the paths of the
/// module, of its configuration, and of the test's private directory; in a
/// stack also `{arguments}` for the module's arguments, and `{preset}`,
/// `{capture}` and `{capture_password}` for the lines that set and read
/// `PAM_AUTHTOK`.
///
/// Answers are expected in the order in which they are given here, over all calls. The test
/// fails if a prompt has no answer, if an answer has no prompt, or if an answer does not fit
/// its prompt.
#[derive(Clone, Debug)]
pub struct Pam {
    pub(crate) module: PathBuf,
    pub(crate) stack: Option<String>,
    pub(crate) arguments: String,
    pub(crate) config: Option<String>,
    pub(crate) config_mode: u32,
    /// Name, text, mode.
    pub(crate) files: Vec<(String, String, u32)>,
    pub(crate) service: String,
    pub(crate) user: Option<String>,
    pub(crate) items: Vec<(Item, String)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) answers: Vec<ScriptedAnswer>,
    /// By the place of their answer among `answers`.
    pub(crate) later: Vec<(usize, Later)>,
    pub(crate) scan: Option<Later>,
    pub(crate) every_secret: Option<String>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) overlays: Vec<(PathBuf, String)>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) process: ProcessOptions,
    pub(crate) log: Log,
    pub(crate) isolated: bool,
    pub(crate) keys: Vec<PluggedKey>,
    pub(crate) session: Option<String>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) uid: Option<u32>,
    pub(crate) preset_authtok: Option<String>,
    pub(crate) capture_authtok: bool,
    pub(crate) timeout: Duration,
    next_items: Vec<(Item, String)>,
    flags: i32,
}

impl Pam {
    /// A transaction with this module, for the service `test` and no user yet.
    pub fn new(module: &Module) -> Pam {
        Pam {
            module: module.path().to_owned(),
            stack: None,
            arguments: String::from("config={config}"),
            config: None,
            config_mode: 0o600,
            files: Vec::new(),
            service: String::from("test"),
            user: None,
            items: Vec::new(),
            steps: Vec::new(),
            answers: Vec::new(),
            later: Vec::new(),
            scan: None,
            every_secret: None,
            accounts: accounts::standard(),
            overlays: Vec::new(),
            environment: Vec::new(),
            process: ProcessOptions::default(),
            log: Log::Captured,
            isolated: true,
            keys: Vec::new(),
            session: None,
            state: None,
            uid: None,
            preset_authtok: None,
            capture_authtok: false,
            timeout: Duration::from_secs(120),
            next_items: Vec::new(),
            flags: 0,
        }
    }

    // The user who asks, and the account that is wanted.

    /// The service's name.
    pub fn service(mut self, name: &str) -> Pam {
        self.service = name.to_owned();
        self
    }

    /// `PAM_USER`. If it is not set, the module asks for the name, as for login.
    pub fn user(mut self, name: &str) -> Pam {
        self.user = Some(name.to_owned());
        self
    }

    /// `PAM_RHOST`; login sets the empty string.
    pub fn rhost(self, host: &str) -> Pam {
        self.item(Item::Rhost, host)
    }

    /// `PAM_TTY`; sshd sets `ssh`.
    pub fn tty(self, name: &str) -> Pam {
        self.item(Item::Tty, name)
    }

    /// `PAM_RUSER`: the user who asks, for sudo and su.
    pub fn ruser(self, name: &str) -> Pam {
        self.item(Item::Ruser, name)
    }

    /// Any item, set before the first call.
    pub fn item(mut self, item: Item, value: &str) -> Pam {
        self.items.push((item, value.to_owned()));
        self
    }

    /// An item that the application sets before the next call.
    pub fn then_item(mut self, item: Item, value: &str) -> Pam {
        self.next_items.push((item, value.to_owned()));
        self
    }

    // The stack and the module.

    /// The service's stack. The default has only the module in each of the four groups.
    pub fn stack(mut self, text: &str) -> Pam {
        self.stack = Some(text.to_owned());
        self
    }

    /// The module's arguments. The default is `config={config}`.
    pub fn arguments(mut self, arguments: &str) -> Pam {
        self.arguments = arguments.to_owned();
        self
    }

    /// The module's configuration, a file with mode 0600.
    pub fn config(mut self, text: &str) -> Pam {
        self.config = Some(text.to_owned());
        self
    }

    /// The configuration's permission bits.
    pub fn config_mode(mut self, mode: u32) -> Pam {
        self.config_mode = mode;
        self
    }

    /// Another file in the private directory, with mode 0600. A name that ends in
    /// `/` makes a directory, see [`Pam::file_with_mode`].
    pub fn file(self, name: &str, text: &str) -> Pam {
        self.file_with_mode(name, text, 0o600)
    }

    /// Another file in the private directory, with these permission bits.
    pub fn file_with_mode(mut self, name: &str, text: &str, mode: u32) -> Pam {
        self.files.push((name.to_owned(), text.to_owned(), mode));
        self
    }

    // The calls.

    /// Adds `pam_authenticate`; sudo repeats it on the same handle.
    pub fn authenticate(self) -> Pam {
        self.call(Call::Authenticate)
    }

    /// Adds `pam_setcred`, with `PAM_ESTABLISH_CRED` among its flags.
    pub fn setcred(mut self) -> Pam {
        self.flags |= flags::PAM_ESTABLISH_CRED;
        self = self.call(Call::Setcred);
        self.flags &= !flags::PAM_ESTABLISH_CRED;
        self
    }

    /// Adds `pam_acct_mgmt`.
    pub fn acct_mgmt(self) -> Pam {
        self.call(Call::AcctMgmt)
    }

    /// Adds `pam_open_session`.
    pub fn open_session(self) -> Pam {
        self.call(Call::OpenSession)
    }

    /// Adds `pam_close_session`.
    pub fn close_session(self) -> Pam {
        self.call(Call::CloseSession)
    }

    /// Adds `pam_chauthtok`.
    pub fn chauthtok(self) -> Pam {
        self.call(Call::Chauthtok)
    }

    /// Adds a call.
    pub fn call(mut self, call: Call) -> Pam {
        let items = std::mem::take(&mut self.next_items);
        let flags = self.flags;
        self.steps.push(Step { call, flags, items });
        self
    }

    /// Flags of the calls that are added later.
    pub fn flags(mut self, flags: i32) -> Pam {
        self.flags = flags;
        self
    }

    /// `PAM_SILENT`, as sudo sets it, for the calls that are added later.
    pub fn silent(self) -> Pam {
        let flags = self.flags | flags::PAM_SILENT;
        self.flags(flags)
    }

    // PAM_AUTHTOK.

    /// The stack finds `PAM_AUTHTOK` already set, by a module before it.
    pub fn preset_authtok(mut self, text: &str) -> Pam {
        self.preset_authtok = Some(text.to_owned());
        self
    }

    /// Reads `PAM_AUTHTOK` right after the module, for [`Outcome::authtok`]. This starts a
    /// child process, so tests of what the module leaves behind do not use it.
    pub fn capture_authtok(mut self) -> Pam {
        self.capture_authtok = true;
        self
    }

    // The host.

    /// Adds an account, or changes an account's user ID.
    pub fn account(mut self, name: &str, uid: u32) -> Pam {
        self.accounts.retain(|account| account.name != name);
        self.accounts.push(Account::new(name, uid));
        self
    }

    /// No account of this name.
    pub fn without_account(mut self, name: &str) -> Pam {
        self.accounts.retain(|account| account.name != name);
        self
    }

    /// This text over a file of the machine that exists, `/etc/resolv.conf`
    /// for example, as the transaction sees it.
    pub fn overlay(mut self, path: &str, text: &str) -> Pam {
        self.overlays.push((PathBuf::from(path), text.to_owned()));
        self
    }

    /// There is no `/dev/log`, as in many containers.
    pub fn log_missing(mut self) -> Pam {
        self.log = Log::Missing;
        self
    }

    /// `/dev/log` is full and nobody reads it.
    pub fn log_stuck(mut self) -> Pam {
        self.log = Log::Stuck;
        self
    }

    /// This security key is plugged in.
    pub fn security_key(mut self, key: &VirtualKey) -> Pam {
        self.keys.push(key.plugged());
        self
    }

    /// The process belongs to a session, for which logind says this; `{id}` is replaced by its
    /// number. Needs root.
    pub fn session(mut self, text: &str) -> Pam {
        self.session = Some(text.to_owned());
        self
    }

    /// This directory is `/var/lib/authentik-flow`, where the module stores data that outlives
    /// a login.
    pub fn state(mut self, directory: &std::path::Path) -> Pam {
        self.state = Some(directory.to_owned());
        self
    }

    /// Uses the machine as it is, with its accounts and its `/dev/log`.
    pub fn without_isolation(mut self) -> Pam {
        self.isolated = false;
        self
    }

    // The process.

    /// A variable of the environment, which is otherwise empty.
    pub fn env(mut self, name: &str, value: &str) -> Pam {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The properties of the process that calls libpam.
    pub fn process(mut self, process: ProcessOptions) -> Pam {
        self.process = process;
        self
    }

    /// Descriptors 0, 1 and 2 are closed.
    pub fn close_standard_fds(mut self) -> Pam {
        self.process.close_standard_fds = true;
        self
    }

    /// A soft limit that applies during a call.
    pub fn limit(mut self, limit: Limit, value: u64) -> Pam {
        self.process.limits.push((limit, value));
        self
    }

    /// The whole process runs as this user, as a screen locker does. Only root can do this.
    /// [`crate::ordinary_user`] returns one, or nothing for an ordinary user, who needs no
    /// other.
    pub fn as_user(mut self, uid: impl Into<Option<u32>>) -> Pam {
        self.uid = uid.into();
        self
    }

    /// How long it may take before it is killed and the test fails. The default is two minutes.
    pub fn timeout(mut self, limit: Duration) -> Pam {
        self.timeout = limit;
        self
    }

    // Run it.

    /// Runs it.
    ///
    /// # Panics
    ///
    /// If the script did not fit (see [`Pam`]), if the process died, or if the namespace is not
    /// available: tests start with [`require_isolation!`](crate::require_isolation!).
    #[track_caller]
    pub fn run(self) -> Outcome {
        match self.try_run() {
            Ok(outcome) => match outcome.check() {
                Ok(()) => outcome,
                Err(why) => panic!("{why}\n{outcome}"),
            },
            Err(e) => panic!("{e}"),
        }
    }

    /// Runs it. The caller decides what to do if the script did not fit: see
    /// [`Outcome::check`].
    ///
    /// # Errors
    /// What prevented it from running to its end.
    pub fn try_run(self) -> Result<Outcome, HarnessError> {
        stage::play(&self)
    }
}
