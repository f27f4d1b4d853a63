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
  0    success: no problem was found, the login is proved, or the change is made
  1    a problem was found, or something was refused; the output says what to do
  2    the command line is wrong
  130  Ctrl-C at a prompt";

/// Sets up, checks and tries pam_authentik_flow.so, the PAM module that logs
/// people in with an authentik flow.
///
/// On a new host, run init, check, login, and only then enable. Keep a root shell
/// open until a second login has worked.
#[derive(Debug, Parser)]
#[command(name = "authentik-flow", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(infer_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find out why logins fail or would fail, without a password
    ///
    /// Reads the configuration of the service as the module does, asks authentik step
    /// by step, and plays through the PAM stacks that name the module. Each line has a
    /// sign: ✓ good, ! needs a look, ✗ wrong, ? unknown. Below the line, the command
    /// says what to do. It changes nothing. Run it as root, because only root can read
    /// the tokens.
    #[command(after_help = EXIT_CODES)]
    Check(Check),

    /// Show which services ask authentik, who gets in without it, sshd, and today's
    /// logins
    ///
    /// For each service, it shows the lines that ask authentik, and who gets in while
    /// authentik is down. It changes nothing and does not use the network.
    #[command(after_help = EXIT_CODES)]
    Status(Status),

    /// Say why a user can or cannot log in, without a password
    ///
    /// Looks at the account, the configuration, the lines of the stack, sshd's own
    /// rules, pam_faillock, the groups that the token of [account] can see, and today's
    /// log. Run it as root.
    #[command(after_help = EXIT_CODES)]
    Explain(Explain),

    /// Log in here in the terminal, with the module's own code, without PAM
    ///
    /// Changes nothing on this host, and ends the session in authentik as after any
    /// login. Shows each stage with the time that authentik took, then the PAM code
    /// that the module would return, and what the code means.
    #[command(after_help = EXIT_CODES)]
    Login(Login),

    /// Show the configuration of a service, and where each value comes from
    ///
    /// For a token or a key, it shows the name of the file, never the content.
    #[command(after_help = EXIT_CODES)]
    Config(Config),

    /// Put the module into the PAM stack of a service, and keep a copy of the stack
    ///
    /// Writes one block in front of the local password. Root and the accounts of
    /// --local skip the module. After a success of the module, the stack skips the
    /// lines that ask for the local password; the command prints these lines. It shows
    /// the change first. It plays the stack through before and after, and refuses a
    /// change that lets in or keeps out anyone else. Keep a root shell open until a
    /// second login has worked.
    #[command(after_help = EXIT_CODES)]
    Enable(Enable),

    /// Keep the change of `enable --try`: run it as root, from a second login
    ///
    /// Refuses in the login that made the change. Also refuses until authentik has
    /// accepted a login by each service that was changed.
    #[command(after_help = EXIT_CODES)]
    Confirm(Confirm),

    /// Take back the change of `enable --try` when its time is over
    #[command(hide = true)]
    TakeBack(TakeBack),

    /// Remove the block that `enable` wrote
    ///
    /// All other changes in the file stay. If somebody has changed the block itself,
    /// the command shows its lines, leaves them, and goes on with the next service.
    #[command(after_help = EXIT_CODES)]
    Disable(Disable),

    /// Bind an account of this host to a person in authentik, even if their name
    /// changes
    ///
    /// With [user] bind = "uid", the first login does this. Without --uid, the command
    /// looks up the person who has the account's name in authentik, with the token of
    /// [account]. An account that is bound to another person stays as it is unless you
    /// add --replace. Run it as root.
    #[command(after_help = EXIT_CODES)]
    Bind(Bind),

    /// Register this host in authentik, so that it can prove which host it is
    ///
    /// Takes an enrolment token of an agent connector: from --token-file, from the
    /// terminal, or from standard input, never from the command line. Writes the host's
    /// own token and [host], and says how to revoke it. authentik 2025.12 or newer is
    /// required. Run it as root.
    #[command(after_help = EXIT_CODES)]
    EnrolHost(EnrolHost),

    /// Write a first configuration, without the network
    ///
    /// Never overwrites a file that somebody has changed, unless you add --force.
    /// Without --url, on a terminal, it asks for the address, the flow, the group and
    /// the outpost's token.
    #[command(after_help = EXIT_CODES)]
    Init(Init),

    /// Print the completions for a shell
    ///
    /// For bash: authentik-flow completions bash > /etc/bash_completion.d/authentik-flow
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) service: Service,

    /// Do not use the network: check only the configuration and the PAM stacks
    #[arg(long)]
    pub(crate) offline: bool,

    /// Print only problems, and nothing if there are none
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Print JSON for programs; check.schema.json in the documentation describes it
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,

    /// Print metrics in Prometheus's text format, for node_exporter's textfile collector
    #[arg(long, conflicts_with_all = ["quiet", "json"])]
    pub(crate) prometheus: bool,

    /// Write the metrics to this file; it is replaced as a whole
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
    /// The account's name, as the user types it at a login
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) service: Service,

    /// Do not use the network
    #[arg(long)]
    pub(crate) offline: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The user who logs in [default: you; root must type a name]
    #[arg(long, short, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// Try the local password of this account, through the service's stack and the real
    /// libpam; authentik is not asked
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
    /// The services: names of files in /etc/pam.d, such as sshd or sudo
    #[arg(required = true, value_name = "SERVICE", value_parser = service_name)]
    pub(crate) services: Vec<String>,

    /// Show the change and write nothing
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    /// A local account that logs in without authentik, even while authentik is up; root
    /// always does. Each account must have a local password; root's may be locked if
    /// another account has one. For sshd, name an account besides root. You can give
    /// this option several times [default: the accounts that the block already names,
    /// or only root]
    #[arg(long, value_name = "NAME", value_parser = account_name)]
    pub(crate) local: Vec<String>,

    /// Write the missing sshd settings into
    /// /etc/ssh/sshd_config.d/00-authentik-flow.conf, and reload sshd
    #[arg(long)]
    pub(crate) sshd: bool,

    /// Take the change back after this time, such as 10m, unless you run
    /// `authentik-flow confirm` from a second login before then
    #[arg(long = "try", value_name = "TIME", value_parser = patience)]
    pub(crate) trial: Option<Duration>,

    /// The module's configuration file, if it is not the default one
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
    /// The services, as you gave them to enable
    #[arg(required_unless_present = "all", value_name = "SERVICE", value_parser = service_name)]
    pub(crate) services: Vec<String>,

    /// All services whose stack has a block of enable
    #[arg(long, conflicts_with = "services")]
    pub(crate) all: bool,

    /// Remove the block even if the other lines let everybody in, or keep a local account out
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

    /// Bind every bound account again, to the person who has its name now. Use this
    /// after authentik was set up again, because everybody then has another uid
    #[arg(long, conflicts_with_all = ["accounts", "uid"])]
    pub(crate) all: bool,

    /// The person's uid in authentik, instead of a look-up; the API shows it at
    /// /api/v3/core/users/
    #[arg(long, value_name = "UID")]
    pub(crate) uid: Option<String>,

    /// Bind the account even if it is bound to another person
    #[arg(long)]
    pub(crate) replace: bool,

    /// Remove the binding of the account; the next login binds it again
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
    /// The identifier of this host in authentik, in the place of a serial number
    /// [default: the one in the configuration, or one derived from /etc/machine-id]
    #[arg(long, value_name = "ID", value_parser = HostIdentifier::parse)]
    pub(crate) identifier: Option<HostIdentifier>,

    /// The name that administrators see in authentik [default: the host's name]
    #[arg(long, value_name = "NAME", value_parser = device_name)]
    pub(crate) name: Option<String>,

    /// The file with the enrolment token; it must belong to root, with mode 600
    /// [default: type the token, or send it to standard input]
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Replace the token of the host; authentik revokes the old one at once
    #[arg(long)]
    pub(crate) replace: bool,

    /// Show what would be registered, without asking authentik
    #[arg(long, short = 'n')]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) service: Service,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The address of authentik, such as https://authentik.example.com. The address of
    /// a flow, as the browser shows it, works too
    #[arg(long, value_parser = address)]
    pub(crate) url: Option<Address>,

    /// The slug of the flow that people log in with [default: the flow in the address,
    /// or linux-login]
    #[arg(long, value_name = "SLUG", value_parser = Slug::parse)]
    pub(crate) flow: Option<Slug>,

    /// A group in authentik whose members may log in. You can give this option several
    /// times [default: linux-users]
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Vec<String>,

    /// The file with the outpost's token, for a flow that requires an outpost
    #[arg(long, value_name = "PATH")]
    pub(crate) outpost_token_file: Option<PathBuf>,

    /// The certificate of the server's CA, if it is not in the system's bundle
    #[arg(long, value_name = "PATH")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Write the file even if somebody has changed it; the old one is kept as FILE.before
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
