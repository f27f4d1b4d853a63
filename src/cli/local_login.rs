//! `login --local`: a local account's password, through the stack of a service and the
//! real libpam.

use std::path::Path;

use pam_authentik_flow::conversation::Conversation;
use pam_authentik_flow::pam::{Attempt, Codes, Question};

use super::arguments::Login;
use super::stack::{Entry, Kind, Stacks};
use super::switch::proofs;
use super::terminal::Terminal;
use super::{CommandError, Exit, local, printed};

/// Tries the login of a local account, and records its success.
pub(crate) fn run(options: &Login, name: &str) -> Result<Exit, CommandError> {
    let service = options.service.service.as_str();
    if !nix::unistd::geteuid().is_root() {
        return Err(
            "--local: only root can try another account's password; run this as root".into(),
        );
    }
    if options.service.folders.pam_dir != Path::new("/etc/pam.d") {
        return Err("--local: libpam reads only /etc/pam.d; leave out --pam-dir".into());
    }
    if local::uid(name).is_none() {
        return Err(format!(
            "--local {name}: there is no such account on this host"
        ));
    }
    let stack = proofs::Stack::read(&options.service.folders.pam_dir, service)?;
    if let Some(names) = stack
        .names()
        .filter(|names| !names.iter().any(|n| n == name))
    {
        return Err(format!(
            "--local {name}: enable has not named {name} for {service}, only {}: authentik would be asked about them. To change that: authentik-flow enable {service}{}",
            names.join(", "),
            names
                .iter()
                .map(String::as_str)
                .chain([name])
                .filter(|name| *name != "root")
                .map(|name| format!(" --local {name}"))
                .collect::<String>()
        ));
    }
    // The lines of enable let this name pass the module by.
    let is_local_alone = stack.names().is_some() || !may_ask_authentik(options);
    let mut terminal = Terminal::new();
    let own_tty = nix::unistd::ttyname(std::io::stdin())
        .ok()
        .map(|path| path.display().to_string());
    let attempt = Attempt {
        service,
        user: name,
        // sshd sets this, too.
        tty: match service {
            "sshd" => Some("ssh"),
            _ => own_tty.as_deref(),
        },
        rhost: (service == "sshd").then_some("localhost"),
    };
    let codes = attempt
        .run(&mut |question| match question {
            Question::Hidden(text) => terminal.ask_secret(text, "password").ok(),
            Question::Shown(text) => terminal.ask(text, "answer").ok(),
            Question::Text(text) => {
                let _ = terminal.tell(text);
                None
            }
        })
        .map_err(|code| format!("libpam does not start: {code}"))?;
    if terminal.was_interrupted() {
        return Ok(Exit::Interrupted);
    }
    let proved = codes
        == Codes {
            auth: "PAM_SUCCESS",
            account: Some("PAM_SUCCESS"),
        };
    let said = match proved && !is_local_alone {
        true => format!(
            "Not proved: {name} gets in by {service} (auth and account: PAM_SUCCESS), but its stack names the module outside the lines of enable, so authentik may have accepted the password.\n  → authentik-flow enable {service} --local {name}, in place of those lines\n"
        ),
        false => words(name, service, codes),
    };
    printed(std::io::Write::write_all(
        &mut anstream::stdout(),
        said.as_bytes(),
    ))?;
    if !(proved && is_local_alone) {
        return Ok(Exit::Failure);
    }
    stack.keep_proof(&options.state.state_dir, name)?;
    Ok(Exit::Success)
}

/// Whether the stack names the module, or cannot be read.
fn may_ask_authentik(options: &Login) -> bool {
    let stacks = Stacks::at(&options.service.folders.pam_dir);
    let entries = stacks.entries(&options.service.service, Kind::Auth);
    entries.map_or(true, |entries| entries.iter().any(Entry::is_ours))
}

fn words(name: &str, service: &str, codes: Codes) -> String {
    match (codes.auth, codes.account) {
        ("PAM_SUCCESS", Some("PAM_SUCCESS")) => format!(
            "Proved: {name} gets in by {service} with the local password (auth and account: PAM_SUCCESS). This is for the stack as it is now.\n"
        ),
        ("PAM_SUCCESS", Some(account)) => format!(
            "Not proved: the password is right, but the account lines of {service} refuse {name}: {account}.\n  → look at the account itself (chage -l {name}) and at the account lines of /etc/pam.d/{service}\n"
        ),
        (auth, _) => format!(
            "Not proved: the auth lines of {service} refuse {name}: {auth}.\n  → was the password right? If so, look at the log (journalctl -e) and at /etc/pam.d/{service}: authentik-flow check\n"
        ),
    }
}
