//! How a host is set up.

use super::inside::{Place, Plan};
use super::{CA, CONFIG, RealHost, programs, stacks};
use crate::accounts::{self, Account};
use crate::module::Module;
use crate::runner;
use crate::script::PluggedKey;
use crate::syslog::LogSocket;
use crate::virtual_key::VirtualKey;
use authentik_double::Double;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A host that is not started yet.
#[derive(Clone, Debug)]
#[must_use = "the host is started by `start`"]
pub struct RealHostBuilder {
    module: Option<Module>,
    config: String,
    ca: String,
    stacks: Vec<(String, String)>,
    accounts: Vec<Account>,
    files: Vec<(String, String, u32)>,
    packages: Option<PathBuf>,
    sshd: Option<String>,
    keys: Vec<PluggedKey>,
    systemd: bool,
}

/// Everyone may use sudo for everything, with their own password.
const SUDOERS: &str = "\
Defaults env_reset
Defaults !lecture
Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"
ALL ALL=(ALL:ALL) ALL
";

/// login asks once and ends. Otherwise it would ask for another name for a minute.
const LOGIN_DEFS: &str = "LOGIN_RETRIES 1\nLOGIN_TIMEOUT 60\nUID_MIN 1000\nUMASK 022\n";

const HOSTS: &str = "127.0.0.1 localhost host\n::1 localhost\n";

impl RealHostBuilder {
    pub(super) fn new(double: &Double) -> RealHostBuilder {
        let mut accounts = accounts::standard();
        let hash = accounts
            .iter()
            .find(|account| account.name == "localadmin")
            .map(|account| account.password.clone())
            .unwrap_or_default();
        // Root and `operator` have the same password as `localadmin`.
        for account in &mut accounts {
            if account.uid == 0 {
                account.password.clone_from(&hash);
            }
        }
        accounts.push(Account {
            password: hash,
            ..Account::new("operator", 2103)
        });
        RealHostBuilder {
            module: None,
            config: configuration(double, "linux-login"),
            ca: double.ca_pem().to_owned(),
            stacks: stacks::all(),
            accounts,
            files: Vec::new(),
            packages: None,
            sshd: None,
            keys: Vec::new(),
            systemd: true,
        }
    }

    /// Uses another module than the built one.
    pub fn module(mut self, module: Module) -> RealHostBuilder {
        self.module = Some(module);
        self
    }

    /// The module's configuration. The default is [`configuration`] with the flow
    /// `linux-login`.
    pub fn config(mut self, text: &str) -> RealHostBuilder {
        text.clone_into(&mut self.config);
        self
    }

    /// A service's stack. The default is the one in `conf/pam.d`.
    pub fn stack(mut self, service: &str, text: &str) -> RealHostBuilder {
        self.stacks.retain(|(name, _)| name != service);
        self.stacks.push((service.to_owned(), text.to_owned()));
        self
    }

    /// The services' stacks are the machine's own. From `conf/pam.d` only the ways to use
    /// authentik are installed, and no service includes them yet.
    pub fn own_stacks(mut self) -> RealHostBuilder {
        self.stacks
            .retain(|(name, _)| name.starts_with("authentik-"));
        self
    }

    /// Makes the packages that [`packages`](super::packages) found available as if they were
    /// installed.
    pub fn packages(mut self, directory: &Path) -> RealHostBuilder {
        self.packages = Some(directory.to_owned());
        self
    }

    /// The whole configuration of sshd, except its port, its key, and the lines that
    /// [`Ssh::sshd`](super::Ssh::sshd) adds.
    pub fn sshd(mut self, text: &str) -> RealHostBuilder {
        self.sshd = Some(text.to_owned());
        self
    }

    /// Adds an account, or replaces one.
    pub fn account(mut self, account: Account) -> RealHostBuilder {
        self.accounts.retain(|old| old.name != account.name);
        self.accounts.push(account);
        self
    }

    /// Removes the account of this name.
    pub fn without(mut self, name: &str) -> RealHostBuilder {
        self.accounts.retain(|account| account.name != name);
        self
    }

    /// Gives an account the local password
    /// [`LOCAL_ADMIN_PASSWORD`](crate::accounts::LOCAL_ADMIN_PASSWORD).
    ///
    /// # Panics
    ///
    /// When there is no such account.
    #[track_caller]
    pub fn local_password(self, name: &str) -> RealHostBuilder {
        let find = |name: &str| self.accounts.iter().find(|account| account.name == name);
        match (find(name), find("localadmin")) {
            (Some(account), Some(local)) => {
                let account = Account {
                    password: local.password.clone(),
                    ..account.clone()
                };
                self.account(account)
            }
            _ => panic!("there is no account {name}"),
        }
    }

    /// Adds a file that belongs to root, with these permission bits.
    pub fn file(mut self, path: &str, text: &str, mode: u32) -> RealHostBuilder {
        self.files.push((path.to_owned(), text.to_owned(), mode));
        self
    }

    /// This security key is plugged in.
    pub fn security_key(mut self, key: &VirtualKey) -> RealHostBuilder {
        self.keys.push(key.plugged());
        self
    }

    /// The first process is not systemd, as in many containers.
    pub fn without_systemd(mut self) -> RealHostBuilder {
        self.systemd = false;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it is not available: tests start with
    /// [`require_real_host!`](crate::require_real_host!).
    #[track_caller]
    pub fn start(self) -> RealHost {
        match self.try_start() {
            Ok(host) => host,
            Err(why) => panic!("{why}"),
        }
    }

    /// Starts it. The caller decides what to do if that is refused.
    ///
    /// # Errors
    ///
    /// Which step was refused.
    pub fn try_start(self) -> Result<RealHost, String> {
        let text = |e: std::io::Error| e.to_string();
        let program = runner::pam_run()
            .map_err(|e| e.to_string())?
            .with_file_name("host-run");
        let directory = tempfile::Builder::new()
            .prefix("host-")
            .tempdir()
            .map_err(text)?;
        let scratch = directory.path().join("scratch");
        fs::create_dir(&scratch).map_err(text)?;
        let dev_log = directory.path().join("log");
        let log = LogSocket::listen(&dev_log).map_err(text)?;
        let plan = Plan {
            scratch,
            dev_log,
            modules: programs::module_directory()?,
            packages: self.packages.clone(),
            keys: self.keys.clone(),
            systemd: self.systemd,
        };
        let module = match &self.module {
            Some(module) => module.clone(),
            None => Module::find()?,
        };
        let json = serde_json::to_string(&plan).map_err(|e| e.to_string())?;
        let mut root = Command::new(&program)
            .args(["host", &json])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let pid = match first_words(&mut root) {
            Ok(pid) => pid,
            Err(why) => {
                drop(root.stdin.take());
                let _ = root.wait();
                return Err(why);
            }
        };
        let host = RealHost {
            root,
            program,
            pid,
            accounts: self.accounts.clone(),
            log,
            taken: 0.into(),
            sshd: None.into(),
            sshd_settings: self.sshd.clone(),
            session: None.into(),
            place: Place::default().into(),
            directory,
        };
        let bytes = fs::read(module.path()).map_err(text)?;
        let installed = plan.modules.join("pam_authentik_flow.so");
        host.try_put(&installed.to_string_lossy(), &bytes, 0o644, 0)?;
        self.furnish(&host)?;
        Ok(host)
    }

    fn furnish(&self, host: &RealHost) -> Result<(), String> {
        let shadow: String = self
            .accounts
            .iter()
            .map(|account| format!("{}:*:20000::::::\n", account.name))
            .collect();
        let mut files = vec![
            (
                "/etc/passwd".into(),
                accounts::passwd(&self.accounts),
                0o644,
            ),
            ("/etc/group".into(), accounts::group(&self.accounts), 0o644),
            ("/etc/shadow".into(), shadow, 0o600),
            (
                "/etc/nsswitch.conf".into(),
                accounts::NSSWITCH.into(),
                0o644,
            ),
            ("/etc/hosts".into(), HOSTS.into(), 0o644),
            ("/etc/sudoers".into(), SUDOERS.into(), 0o440),
            ("/etc/login.defs".into(), LOGIN_DEFS.into(), 0o644),
            ("/etc/motd".into(), String::new(), 0o644),
            ("/etc/issue".into(), String::new(), 0o644),
            (CONFIG.into(), self.config.clone(), 0o644),
            (CA.into(), self.ca.clone(), 0o644),
        ];
        for (name, text) in &self.stacks {
            files.push((format!("/etc/pam.d/{name}"), text.clone(), 0o644));
        }
        files.extend(self.files.iter().cloned());
        for (path, text, mode) in files {
            host.try_put(&path, text.as_bytes(), mode, 0)
                .map_err(|why| format!("{path}: {why}"))?;
        }
        for account in self.accounts.iter().filter(|account| account.uid >= 1000) {
            // Without a home directory, login and ssh print a message.
            let path = format!("/home/{}/.hushlogin", account.name);
            host.try_put(&path, b"", 0o644, account.uid)?;
        }
        Ok(())
    }
}

/// The configuration of a host that uses this server's flow. It does not require the group
/// `linux-admins`, and leaves `operator` alone.
pub fn configuration(double: &Double, flow: &str) -> String {
    format!(
        "url = \"{}\"\nflow = \"{flow}\"\nca_file = \"{CA}\"\nfail_delay = \"0s\"\n\
         [user]\nignore = [\"operator\"]\n[access]\nallow_any_user = true\n",
        double.url()
    )
}

/// The first process's ID, once it is ready.
fn first_words(root: &mut std::process::Child) -> Result<u32, String> {
    // The two processes that report it write in any order.
    let (mut pid, mut ready) = (None, false);
    if let Some(output) = root.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match line.parse() {
                Ok(number) => pid = Some(number),
                Err(_) => ready = true,
            }
            if let (Some(pid), true) = (pid, ready) {
                return Ok(pid);
            }
        }
    }
    let mut why = String::new();
    if let Some(mut errors) = root.stderr.take() {
        let _ = errors.read_to_string(&mut why);
    }
    Err(why.trim().to_owned())
}
