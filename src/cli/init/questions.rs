//! What `init` asks on a terminal.

use std::io::Write;
use std::path::Path;

use pam_authentik_flow::config::Slug;
use pam_authentik_flow::conversation::Conversation;

use super::{FLOW, Values, ca_file_of, groups_of, token_file_of};
use crate::cli::arguments::{Address, Init, address};
use crate::cli::files::{self, Existing};
use crate::cli::terminal::Terminal;
use crate::cli::{CommandError, printed};

/// The file for a token that is typed.
const TOKEN_FILE: &str = "/etc/security/authentik-outpost.token";
/// Only root may read it.
const TOKEN_MODE: u32 = 0o600;

/// Asks for the values that the options leave out. `None` after Ctrl-C.
pub(super) fn ask(options: &Init) -> Result<Option<Values>, CommandError> {
    let mut terminal = Terminal::new();
    match questions(&mut terminal, options) {
        Ok(values) => Ok(Some(values)),
        Err(_) if terminal.was_interrupted() => Ok(None),
        Err(error) => Err(error),
    }
}

fn questions(terminal: &mut Terminal, options: &Init) -> Result<Values, CommandError> {
    let ca_file = ca_file_of(options)?;
    let given = token_file_of(options)?;
    let Address { url, flow } = until_right(
        terminal,
        "Where is authentik, such as https://authentik.example.com?",
        address,
    )?;
    let flow = match (&options.flow, flow) {
        (Some(flow), _) => flow.clone(),
        (None, found) => {
            let default = found.map_or(FLOW.to_owned(), |flow| flow.as_str().to_owned());
            let question = format!("Which flow do people log in with? Its slug [{default}]:");
            until_right(terminal, &question, |text| {
                Slug::parse(if text.is_empty() { &default } else { text })
            })?
        }
    };
    let mut groups = groups_of(options);
    if options.group.is_empty() {
        let question = format!(
            "Which group of authentik may log in? [{}]:",
            groups.join(", ")
        );
        let typed = answer(terminal, &question)?;
        if !typed.is_empty() {
            groups = vec![typed];
        }
    }
    let outpost_token_file = match given {
        Some(path) => Some(path),
        None => token(terminal)?,
    };
    Ok(Values {
        url,
        flow,
        groups,
        ca_file,
        outpost_token_file,
    })
}

/// Asks for the outpost's token, and writes it into its own file.
fn token(terminal: &mut Terminal) -> Result<Option<String>, CommandError> {
    let path = Path::new(TOKEN_FILE);
    if path.is_file() {
        return Ok(Some(TOKEN_FILE.into()));
    }
    let typed = terminal
        .ask_secret(
            "The outpost's token, if the flow requires an outpost [none]:",
            "token",
        )
        .map_err(|error| error.to_string())?;
    let token = typed.expose().trim();
    if token.is_empty() {
        return Ok(None);
    }
    files::write(path, token, TOKEN_MODE, None, Existing::Keep)?;
    Ok(Some(TOKEN_FILE.into()))
}

fn answer(terminal: &mut Terminal, question: &str) -> Result<String, CommandError> {
    let typed = terminal
        .ask(question, "answer")
        .map_err(|error| error.to_string())?;
    Ok(typed.expose().trim().to_owned())
}

/// Asks until the answer can be used.
fn until_right<T>(
    terminal: &mut Terminal,
    question: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, CommandError> {
    loop {
        let typed = answer(terminal, question)?;
        match read(&typed) {
            Ok(value) => return Ok(value),
            Err(problem) => {
                printed(writeln!(anstream::stdout(), "{typed:?}: {problem}"))?;
            }
        }
    }
}
