//! What to do about a wrong configuration, and about a failed login.

use std::path::Path;

use pam_authentik_flow::config::{ConfigError, Place};
use pam_authentik_flow::error::{LoginError, Obstacle};
use pam_authentik_flow::fault::ServerFault;

use super::suggest::nearest;

/// The example, with every key in its table.
const EXAMPLE: &str = include_str!("../../conf/pam_authentik_flow.toml");

/// The error of a configuration, and what to do about it.
pub(crate) fn of_config(error: &ConfigError) -> (String, String) {
    let shown = error.to_string();
    if let Place::File(path) = &error.place {
        if error.problem.starts_with("cannot be read") {
            return (shown, of_unreadable(path));
        }
    }
    if let Some(explained) = of_unknown_key(error) {
        return explained;
    }
    // "what is wrong; what to write", "what is wrong: what to do".
    for separator in ["; ", ": write ", ": run "] {
        if let Some((found, remedy)) = shown.rsplit_once(separator) {
            let verb = separator.trim_start_matches([':', ';', ' ']);
            return (found.into(), format!("{verb}{remedy}"));
        }
    }
    (
        shown,
        "correct it there; then authentik-flow config shows the values in use".into(),
    )
}

fn of_unreadable(path: &Path) -> String {
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let is_configuration = path
                .extension()
                .is_some_and(|extension| extension == "toml");
            match is_configuration {
                true => "write one: authentik-flow init --url https://authentik.example.com".into(),
                false => "put the file there, or correct the path in the configuration".into(),
            }
        }
        Ok(metadata) if metadata.is_symlink() => {
            "a link is not followed here: name the file itself".into()
        }
        _ => "run this as root, or allow the user who runs it to read the file".into(),
    }
}

/// A key that does not belong to its table: misspelt, or of another table.
fn of_unknown_key(error: &ConfigError) -> Option<(String, String)> {
    let rest = error.problem.strip_prefix("unknown key ")?;
    let (key, allowed) = rest.split_once("; allowed here: ")?;
    let key = key.trim_matches('"');
    let allowed: Vec<&str> = allowed.split(", ").collect();
    let Place::Line(path, line) = &error.place else {
        return None;
    };
    let table = table_above(path, *line);
    let place = match &table {
        Some(table) => format!("below [{table}]"),
        None => "at the top".into(),
    };
    let found = format!("{}:{line}: unknown key {key:?} {place}", path.display());
    let others: Vec<String> = keys_of_example()
        .filter(|(_, known)| *known == key)
        .map(|(table, _)| match table {
            Some(table) => format!("below [{table}]"),
            None => "at the top of the file, above the first line in brackets".into(),
        })
        .collect();
    let remedy = match (others.is_empty(), nearest(key, allowed.iter().copied())) {
        (false, _) => format!("move this line: {key} belongs {}", others.join(", or ")),
        (true, Some(near)) => format!("write {near}"),
        (true, None) => format!("remove it; {place} you can write: {}", allowed.join(", ")),
    };
    Some((found, remedy))
}

/// The table of a line.
fn table_above(path: &Path, line: usize) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let lines = text.lines().take(line);
    let headers = lines.filter_map(|line| line.trim().strip_prefix('['));
    let last = headers.last()?;
    last.split(']').next().map(str::to_owned)
}

/// Each key of the example with its table, including keys that are commented out.
fn keys_of_example() -> impl Iterator<Item = (Option<&'static str>, &'static str)> {
    let mut table = None;
    EXAMPLE.lines().filter_map(move |line| {
        let line = line.trim_start_matches('#');
        if let Some(header) = line.strip_prefix('[') {
            table = header.split(']').next();
            return None;
        }
        let (key, _) = line.split_once(" = ")?;
        let is_key = key
            .chars()
            .all(|sign| sign.is_ascii_lowercase() || sign == '_');
        let of_services = table.is_some_and(|table| table.starts_with("services"));
        (is_key && !of_services).then_some((table, key))
    })
}

/// What to do about a failed login of `user`.
pub(crate) fn of_login(error: &LoginError, user: &str) -> String {
    const LOG: &str = "look at authentik's own log (Events, Logs in the admin interface)";
    match error {
        LoginError::Rejected { .. } | LoginError::Empty { .. } => {
            "try again; if it is right, set a new one in authentik".into()
        }
        LoginError::Restarted { .. } => {
            "try again; if it is right, check whether the flow has that stage a second time after the password, and remove it there".into()
        }
        LoginError::Unsendable { .. } => "try again with what authentik knows".into(),
        LoginError::CodesUsedUp { .. }
        | LoginError::AnswersUsedUp { .. }
        | LoginError::TooManyAttempts { .. } => format!(
            "wait a few minutes and try again; for codes compare the clocks (authentik-flow check); else {LOG}"
        ),
        LoginError::RestartedTooOften(_) => format!("{LOG}: the flow repeats itself"),
        LoginError::LateAnswer => "try again, and answer sooner; or raise login_timeout".into(),
        LoginError::MessageNotSent { .. } => {
            "look at the SMS or e-mail stage in authentik, and at its gateway".into()
        }
        LoginError::PushRefused { .. } | LoginError::PushUnanswered => {
            "approve it on the phone in time; push_timeout says how long that is".into()
        }
        LoginError::SecurityKey(_) => "plug the key in, and try again".into(),
        LoginError::Declined(_) => "answer yes, if you consent".into(),
        LoginError::Denied { .. }
        | LoginError::DeniedWithContinue
        | LoginError::ApplicationDenied { .. } => format!(
            "look at the policies and bindings that deny {user}; if the flow requires an outpost, also look at [outpost] token_file"
        ),
        LoginError::HostNotProved { .. } => {
            "authentik-flow enrol-host registers this host; authentik-flow check says whether its token is accepted".into()
        }
        LoginError::NobodyLoggedIn => {
            "add a user login stage to the end of the flow, and make sure that no policy skips it".into()
        }
        LoginError::NoSecretAccepted => "add a password stage to the flow".into(),
        LoginError::SessionRefused | LoginError::Inactive | LoginError::Deactivated => {
            format!("in authentik, activate {user}")
        }
        LoginError::SomebodyElse { .. } => {
            format!("log in as {user}; or set [user] name, domain or lowercase to map the names")
        }
        LoginError::Impersonated | LoginError::NotCurrent => {
            "end the impersonation in authentik, and try again".into()
        }
        LoginError::NameOfAnotherAccount | LoginError::ShortName(_) => {
            "change [user] lowercase or domain, or rename one of the accounts".into()
        }
        LoginError::AccountType { .. } => {
            format!("in authentik, change the type of {user}; or allow it in [user] types")
        }
        LoginError::NotInGroup { wanted, .. } => {
            format!("in authentik, add {user} to one of {wanted}; or correct [access] groups")
        }
        LoginError::AmbiguousGroup { .. } => {
            "write the UUID of the group you mean, from the address of its page".into()
        }
        LoginError::AnotherPerson { actual: None, .. } => format!(
            "if {user} was renamed in authentik, rename the account here, too; if {user} left, delete it, and run authentik-flow bind --remove {user}"
        ),
        LoginError::AnotherPerson { .. } => format!(
            "if the account now belongs to the person with that name: authentik-flow bind --replace {user}"
        ),
        LoginError::NotBound => format!("authentik-flow bind {user}"),
        LoginError::NotInAuthentik => format!("create {user} in authentik"),
        LoginError::ApplicationNeedsPerson => "write groups below [access], too".into(),
        LoginError::LookupForbidden { .. }
        | LoginError::LookupSeesNobody
        | LoginError::UnknownFlow { .. }
        | LoginError::UnknownApplication { .. } => "authentik-flow check says what to write".into(),
        LoginError::Skipped(_) => {
            format!("nothing, if {user} logs in with a local password; otherwise change [user]")
        }
        LoginError::UnknownAccount => format!(
            "create the account first (useradd {user}); authentik-flow explain {user} says more"
        ),
        LoginError::ImpossibleName(_) => "write the name as getent passwd shows it".into(),
        _ => of_host_or_server(error),
    }
}

/// The same for failures that have nothing to do with the person.
fn of_host_or_server(error: &LoginError) -> String {
    match error {
        LoginError::Config(error) => of_config(error).1,
        LoginError::Unavailable(proof) => of_fault(proof.fault()),
        LoginError::LookupSkipped(proof) => of_fault(proof.fault()),
        LoginError::Server { fault, .. } | LoginError::LookupFailed(fault) => of_fault(fault),
        LoginError::Unsupported { reason, .. } => of_obstacle(reason),
        LoginError::Host(_) => {
            "fix this host first: descriptors, memory, the account database".into()
        }
        LoginError::Conversation => "answer the questions; a pipe needs a line for each".into(),
        LoginError::Bug(_) => "report it, with the text above".into(),
        // The others concern a person or passwd.
        _ => "authentik-flow check says what is wrong with the set-up".into(),
    }
}

fn of_fault(fault: &ServerFault) -> String {
    match fault {
        ServerFault::FlowError | ServerFault::UnexpectedAnswer(_) => {
            "look at authentik's own log (Events, Logs in the admin interface)".into()
        }
        ServerFault::Throttled => "wait, or exempt this host from the rate limit".into(),
        ServerFault::NotReady => "wait a minute, and try again".into(),
        _ => "authentik-flow check shows where the connection to authentik fails".into(),
    }
}

fn of_obstacle(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::RedirectStage => {
            "unbind the redirect stage; or write skip_redirects = true below [prompt]".into()
        }
        Obstacle::FactorNotAllowed => {
            "enrol one that is allowed; or change second_factor below [prompt]".into()
        }
        Obstacle::Passkey => "to allow it, write passkey = true below [security_key]".into(),
        Obstacle::ForeignRelyingParty(_) => "correct rp_id below [security_key]".into(),
        Obstacle::SecondPrompt => {
            "set code_separator below [prompt], or name a flow that asks once".into()
        }
        Obstacle::SecurityKey | Obstacle::KeyNotHere(_) | Obstacle::NoFactor => {
            "enrol a second factor that works at a prompt, such as an authenticator app, in authentik".into()
        }
        Obstacle::EndsSession => "name a login flow in `flow`".into(),
        _ => "name a flow without that stage in `flow`: a separate one for terminals".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The hint for an unknown key in the last line of a file.
    fn of(text: &str, allowed: &str) -> (String, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let line = text.lines().count();
        let key = text.lines().last().unwrap().split(' ').next().unwrap();
        let problem = format!("unknown key {key:?}; allowed here: {allowed}");
        let (found, remedy) = of_config(&ConfigError::at_line(file.path(), line, problem));
        let path = file.path().display().to_string();
        (found.replace(&path, "FILE"), remedy)
    }

    #[test]
    fn an_unknown_key_is_said_with_its_table_and_what_was_meant() {
        let prompt = "language, password, code";
        assert_eq!(
            of("[prompt]\ntoken_file = \"x\"\n", prompt),
            (
                "FILE:2: unknown key \"token_file\" below [prompt]".into(),
                "move this line: token_file belongs below [account], or below [outpost], or below [host]".into()
            )
        );
        assert_eq!(
            of("[prompt]\nproxy = \"x\"\n", prompt).1,
            "move this line: proxy belongs at the top of the file, above the first line in brackets"
        );
        assert_eq!(
            of("flwo = \"x\"\n", "url, flow, access"),
            (
                "FILE:1: unknown key \"flwo\" at the top".into(),
                "write flow".into()
            )
        );
        assert_eq!(
            of("[prompt]\nsomething = 1\n", prompt).1,
            "remove it; below [prompt] you can write: language, password, code"
        );
    }

    #[test]
    fn the_example_has_every_table() {
        for known in [
            (None, "url"),
            (Some("account"), "token_file"),
            (Some("security_key"), "rp_id"),
        ] {
            assert!(keys_of_example().any(|key| key == known), "{known:?}");
        }
        assert!(!keys_of_example().any(|(table, _)| table == Some("services.sudo")));
    }
}
