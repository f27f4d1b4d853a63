//! The command line.

mod shared;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use pam_authentik_flow::config::{HostIdentifier, Slug};

pub(crate) use shared::{Folders, Service, SshdConfig, State};
pub(crate) use values::{Address, address};
use values::{account_name, bound_name, device_name, patience, service_name};

const EXIT_CODES: &str = "\
Exit codes:
  0    all is well: nothing is wrong, the login is proved, the change is made
  1    something is wrong or was refused, and what to do is said
  2    the command line is wrong
  130  Ctrl-C at a prompt";

/// Checks, tries and switches pam_authentik_flow.so, the PAM module that logs
/// people in by running an authentik flow.
///
/// On a new host: init, check, login, and only then enable, with a root shell
/// kept open until a second login has worked.
#[derive(Debug, Parser)]
#[command(name = "authentik-flow", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(infer_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find out why logins fail, or would: changes nothing, asks for no password
    ///
    /// Reads the configuration as the module does for the service, asks authentik
    /// step by step, and plays through the PAM stacks that name the module. Each
    /// line has a sign: ✓ well, ! to be looked at, ✗ wrong, ? cannot be told from
    /// here. Below it the command says what to do. Run it as root: the tokens are root's.
    #[command(after_help = EXIT_CODES)]
    Check(Check),

    /// Show on one screen what holds: services, the way in, sshd, the logins of today
    ///
    /// Changes nothing and asks nothing over the network. For each service that asks
    /// authentik it says by which lines, and who gets in while authentik is down.
    #[command(after_help = EXIT_CODES)]
    Status(Status),

    /// Say why somebody can or cannot log in, without a password
    ///
    /// Looks at the account, the configuration, the lines of the stack, sshd's own
    /// rules, pam_faillock, the groups that the token of [account] can see, and today's
    /// log. Run it as root.
    #[command(after_help = EXIT_CODES)]
    Explain(Explain),

    /// Log in here in the terminal, with the module's own code, without PAM
    ///
    /// Nothing is changed on this host, and the session in authentik is ended as
    /// after any login. Shows each stage with the time that authentik took, then
    /// the PAM code that the module would give, and what it means.
    #[command(after_help = EXIT_CODES)]
    Login(Login),

    /// Show the configuration of a service, and where each value comes from
    ///
    /// Tokens and keys are named by their files and never shown.
    #[command(after_help = EXIT_CODES)]
    Config(Config),

    /// Put the module into the PAM stack of a service, and keep a copy
    ///
    /// Writes one block in front of the local password: root and the accounts of
    /// --local skip the module, and a success of the module skips the lines that ask
    /// for the local password, which are printed. Shows the change first. Plays the
    /// stack through before and after, and refuses what would let in or keep out
    /// somebody else. Keep a root shell open until a second login has worked.
    #[command(after_help = EXIT_CODES)]
    Enable(Enable),

    /// Keep the change of `enable --try`: run it as root, from a second login
    ///
    /// Refuses until authentik has accepted a login by each service that was changed, and
    /// in the login from which the change was made.
    #[command(after_help = EXIT_CODES)]
    Confirm(Confirm),

    /// Take back the change of `enable --try` when its time is over
    #[command(hide = true)]
    TakeBack(TakeBack),

    /// Take the module out again: the block that `enable` has written
    ///
    /// What else has changed in the file stays. Where somebody has changed the block
    /// itself, its lines are shown, and the next service is looked at.
    #[command(after_help = EXIT_CODES)]
    Disable(Disable),

    /// Bind an account of this host to a person of authentik, whatever their name becomes
    ///
    /// With [user] bind = "uid" the first login does it. Without --uid the person is
    /// looked up with the token of [account]: it is whoever has the account's name in
    /// authentik. An account that belongs to another person stays as it is unless you
    /// add --replace. Run it as root.
    #[command(after_help = EXIT_CODES)]
    Bind(Bind),

    /// Register this host in authentik, so that it can prove which one it is
    ///
    /// Takes an enrolment token of an agent connector: from --token-file, typed, or on
    /// standard input, never on the command line. Writes the host's own token and [host],
    /// and says how to revoke it. authentik has this since 2025.12. Run it as root.
    #[command(after_help = EXIT_CODES)]
    EnrolHost(EnrolHost),

    /// Write a first configuration; asks nothing over the network
    ///
    /// Overwrites none that somebody has changed. Without --url, on a terminal, it asks
    /// for the address, the flow, the group and the outpost's token.
    #[command(after_help = EXIT_CODES)]
    Init(Init),

    /// Print the completions for a shell
    ///
    /// For bash: authentik-flow completions bash > /etc/bash_completion.d/authentik-flow
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) service: Service,

    /// Ask nothing over the network: look at the configuration and the PAM stacks alone
    #[arg(long)]
    pub(crate) offline: bool,

    /// Print only what is wrong, and nothing if all is well
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Print JSON, for programs: the schema is check.schema.json beside the documentation
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,

    /// Print metrics in Prometheus's text format, for node_exporter's textfile collector
    #[arg(long, conflicts_with_all = ["quiet", "json"])]
    pub(crate) prometheus: bool,

    /// Write the metrics to this file, which is replaced as a whole
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) folders: Folders,

    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The name of the account, as it is typed at a login
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) service: Service,

    /// Ask nothing over the network
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Who logs in [default: you; root is asked]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// Try a local account's password instead, through the service's stack and the real
    /// libpam: authentik is not asked
    #[arg(long, value_name = "NAME", value_parser = account_name, conflicts_with_all = ["user", "config"])]
    pub(crate) local: Option<String>,

    #[command(flatten)]
    pub(crate) service: Service,

    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(flatten)]
    pub(crate) service: Service,
}

#[derive(Debug, Args)]
pub(crate) struct Enable {
    /// The services: files in /etc/pam.d, such as sshd or sudo
    #[arg(required = true, value_name = "SERVICE", value_parser = service_name)]
    pub(crate) services: Vec<String>,

    /// Show the change and write nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    /// A local account that logs in without authentik, whatever state it is in; root
    /// always does. Each must have a local password; root's may be locked if another has
    /// one. For sshd name one beside root. May be given again
    /// [default: as the lines say that are there, or root alone]
    #[arg(long, value_name = "NAME", value_parser = account_name)]
    pub(crate) local: Vec<String>,

    /// Write the settings of sshd that are missing into
    /// /etc/ssh/sshd_config.d/00-authentik-flow.conf, and reload sshd
    #[arg(long)]
    pub(crate) sshd: bool,

    /// Take the change back after this time, such as 10m, unless `authentik-flow confirm`
    /// is run from a second login before
    #[arg(long = "try", value_name = "TIME", value_parser = patience)]
    pub(crate) trial: Option<Duration>,

    /// The module's configuration, where it is not the default one
    #[arg(long, short, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) folders: Folders,

    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Confirm {
    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct TakeBack {
    /// Wait until the time is over
    #[arg(long)]
    pub(crate) wait: bool,

    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Disable {
    /// The services, as they were given to enable
    #[arg(required_unless_present = "all", value_name = "SERVICE", value_parser = service_name)]
    pub(crate) services: Vec<String>,

    /// Every service in whose stack enable has put the module
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,

    /// Take the lines out although the others let everybody in, or keep a local account out
    #[arg(long)]
    pub(crate) force: bool,

    /// Show the change and write nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) folders: Folders,

    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct Bind {
    /// The accounts of this host
    #[arg(required_unless_present = "all", value_name = "NAME", value_parser = bound_name)]
    pub(crate) accounts: Vec<String>,

    /// Every account that is bound, to whoever has its name now: for an authentik that
    /// was set up again, which gives everybody another uid
    #[arg(long, conflicts_with_all = ["accounts", "uid"])]
    pub(crate) all: bool,

    /// The person's uid in authentik, instead of a look-up: it is in the answer of the
    /// API at /api/v3/core/users/
    #[arg(long, value_name = "UID")]
    pub(crate) uid: Option<String>,

    /// Bind the account even if it belongs to another person now
    #[arg(long)]
    pub(crate) replace: bool,

    /// Bind the account to nobody: the next login does it again
    #[arg(long, conflicts_with_all = ["uid", "replace"])]
    pub(crate) remove: bool,

    /// Show the change and write nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) service: Service,

    #[command(flatten)]
    pub(crate) state: State,
}

#[derive(Debug, Args)]
pub(crate) struct EnrolHost {
    /// What authentik knows the host by, in the place of a serial number
    /// [default: that of the configuration, or one derived from /etc/machine-id]
    #[arg(long, value_name = "ID", value_parser = HostIdentifier::parse)]
    pub(crate) identifier: Option<HostIdentifier>,

    /// What administrators see in authentik [default: the host's name]
    #[arg(long, value_name = "NAME", value_parser = device_name)]
    pub(crate) name: Option<String>,

    /// The file with the enrolment token: root's, mode 600 [default: it is asked, or read
    /// from standard input]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Replace the token that the host has: authentik ends the old one at once
    #[arg(long)]
    pub(crate) replace: bool,

    /// Show what would be registered, and ask authentik nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) service: Service,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where authentik is, such as https://authentik.example.com. The address of a flow,
    /// as the browser shows it, does as well
    #[arg(long, value_parser = address)]
    pub(crate) url: Option<Address>,

    /// The slug of the flow that people log in with
    /// [default: that of the address, or linux-login]
    #[arg(long, value_name = "SLUG", value_parser = Slug::parse)]
    pub(crate) flow: Option<Slug>,

    /// A group of authentik whose members may log in; may be given again
    /// [default: linux-users]
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Vec<String>,

    /// The file of the outpost's token, for a flow that requires an outpost
    #[arg(long, value_name = "PATH")]
    pub(crate) outpost_token_file: Option<PathBuf>,

    /// The certificate of the CA that issued the server's, where the system's bundle lacks it
    #[arg(long, value_name = "PATH")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Write the file again, also if somebody has changed it; it is kept as FILE.before
    #[arg(long)]
    pub(crate) force: bool,

    /// The file to write
    #[arg(
        long,
        short,
        value_name = "PATH",
        default_value = "/etc/security/pam_authentik_flow.toml"
    )]
    pub(crate) config: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
