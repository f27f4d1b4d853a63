//! A host for one command, with its own accounts and name servers.

use crate::accounts::{self, Account};
use crate::runner;
use crate::script::IsolationPlan;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A host as one command sees it, without the machine's accounts and name servers. Its folder
/// is removed when this is dropped.
#[derive(Debug)]
pub struct Host {
    directory: tempfile::TempDir,
    plan: PathBuf,
}

impl Host {
    /// A host with these accounts, and with no name server that answers.
    ///
    /// # Panics
    ///
    /// When it cannot be set up: the test cannot continue.
    #[track_caller]
    pub fn with_accounts(accounts: &[Account]) -> Host {
        Host::with_files(accounts, &[])
    }

    /// The same. These files replace the machine's files in `/etc`, if the machine has them.
    ///
    /// # Panics
    ///
    /// When it cannot be set up.
    #[track_caller]
    pub fn with_files(accounts: &[Account], more: &[(&str, String)]) -> Host {
        let directory = must("a temporary directory", tempfile::tempdir());
        let scratch = directory.path().join("host");
        must("the host's folder", fs::create_dir(&scratch));
        let files = [
            ("/etc/passwd", accounts::passwd(accounts)),
            ("/etc/group", accounts::group(accounts)),
            ("/etc/nsswitch.conf", accounts::NSSWITCH.to_owned()),
            ("/etc/resolv.conf", String::from("nameserver 127.0.53.99\n")),
            ("/etc/hosts", String::from("127.0.0.1 localhost\n")),
        ];
        let more = more.iter().map(|(path, text)| (*path, text.clone()));
        let files = files
            .into_iter()
            .chain(more.filter(|(path, _)| Path::new(path).exists()))
            .enumerate()
            .map(|(number, (target, text))| {
                let source = scratch.join(number.to_string());
                must(target, fs::write(&source, text));
                (source, PathBuf::from(target))
            })
            .collect();
        let plan = IsolationPlan {
            keys: Vec::new(),
            session: None,
            state: None,
            scratch: scratch.clone(),
            files,
            dev_log: None,
        };
        let path = directory.path().join("plan.json");
        let json = must("the plan", serde_json::to_string(&plan));
        must("the plan", fs::write(&path, json));
        Host {
            directory,
            plan: path,
        }
    }

    /// Its folder, for the files of a test.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The command `authentik-flow` on this host, without variables.
    ///
    /// # Panics
    ///
    /// When it is not built.
    #[track_caller]
    pub fn authentik_flow(&self) -> Command {
        let mut command = self.run(&crate::module::command());
        command.env_clear().env("TERM", "xterm");
        command
    }

    /// Any command on this host.
    ///
    /// # Panics
    ///
    /// When the harness is not built.
    #[track_caller]
    pub fn run(&self, program: &Path) -> Command {
        let mut command = Command::new(must("pam-run", runner::pam_run()));
        command.arg("--within").arg(&self.plan).arg(program);
        command
    }
}

#[track_caller]
fn must<T, E: std::fmt::Display>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}
