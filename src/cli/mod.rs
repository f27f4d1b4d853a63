//! The command `authentik-flow`.

mod arguments;
mod bind;
mod check;
mod codes;
mod enrol_host;
mod explain;
mod fallback;
mod files;
mod init;
mod judge;
mod local;
mod local_login;
mod locale;
mod login;
mod login_shells;
mod logins;
mod misnamed;
mod programs;
mod provenance;
mod remedy;
mod report;
mod setup;
mod sshd;
mod stack;
mod status;
mod sudo;
mod suggest;
mod switch;
mod terminal;
mod ways;

use std::io::Write;
use std::process::ExitCode;

use anstyle::AnsiColor;
use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};

/// How the command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// All is well; the login is proved.
    Success,
    /// Something is wrong or refused.
    Failure,
    /// Ctrl-C, as shells report it.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            // 2 is clap's, for a usage that is wrong.
            Exit::Failure => Self::from(1),
            Exit::Interrupted => Self::from(130),
        }
    }
}

/// Why a command failed: what is wrong, and what to do.
type CommandError = String;

/// Runs the command.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Check(options) => check::run(&options),
        Command::Status(options) => status::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Login(options) => match &options.local {
            Some(name) => local_login::run(&options, name),
            None => login::run(&options),
        },
        Command::Config(options) => provenance::run(&options),
        Command::Enable(options) => switch::enable(&options),
        Command::Confirm(options) => switch::trial::confirm(&options),
        Command::TakeBack(options) => switch::trial::take_back(&options),
        Command::Disable(options) => switch::disable(&options),
        Command::Bind(options) => bind::run(&options),
        Command::EnrolHost(options) => enrol_host::run(&options),
        Command::Init(options) => init::run(&options),
        Command::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "authentik-flow",
                &mut std::io::stdout(),
            );
            Ok(Exit::Success)
        }
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            let red = AnsiColor::Red.on_default().bold();
            // If standard error is closed, nobody reads it.
            let _ = writeln!(anstream::stderr(), "{red}authentik-flow:{red:#} {error}");
            Exit::Failure.into()
        }
    }
}

/// The result of a write to standard output. If the reader has closed it, that is no
/// error.
fn printed(result: std::io::Result<()>) -> Result<(), CommandError> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}
