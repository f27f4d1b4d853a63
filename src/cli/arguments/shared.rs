//! Options that several subcommands have.

use std::path::PathBuf;

use clap::Args;

use super::values::service_name;

#[derive(Debug, Args)]
pub(crate) struct Service {
    /// The PAM service: a file in /etc/pam.d, and [services.NAME] in the configuration
    #[arg(long, short, value_name = "NAME", default_value = "sshd", value_parser = service_name)]
    pub(crate) service: String,

    /// The configuration file to read [default: config= in the service's stack, or
    /// /etc/security/pam_authentik_flow.toml]
    #[arg(long, short, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) folders: Folders,
}

#[derive(Debug, Args)]
pub(crate) struct Folders {
    /// The folder of the PAM stacks
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/etc/pam.d",
        hide_short_help = true
    )]
    pub(crate) pam_dir: PathBuf,

    /// The folder of the PAM modules [default: this system's]
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    pub(crate) module_dir: Option<PathBuf>,

    /// sshd's configuration file [default: sshd's own, unless --pam-dir is another folder]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(crate) sshd_config: Option<PathBuf>,
}

/// Which configuration of sshd goes with the stacks.
#[derive(Debug, Clone)]
pub(crate) enum SshdConfig {
    Own,
    File(PathBuf),
}

impl Folders {
    /// sshd's configuration; `None` if the stacks are not this host's own.
    pub(crate) fn sshd(&self) -> Option<SshdConfig> {
        match &self.sshd_config {
            Some(path) => Some(SshdConfig::File(path.clone())),
            None => (self.pam_dir == std::path::Path::new("/etc/pam.d")).then_some(SshdConfig::Own),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct State {
    /// The folder for copies and bindings. Never use /etc/pam.d: every file there is a service
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/lib/authentik-flow",
        hide_short_help = true
    )]
    pub(crate) state_dir: PathBuf,
}
