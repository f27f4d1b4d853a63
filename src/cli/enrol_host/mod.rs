//! `enrol-host`: registers this host in authentik, so that it can prove which one it is.

mod authentik;
mod drop_in;
mod identity;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use pam_authentik_flow::config::{AbsolutePath, Config, HostRules, drop_in_directory};
use pam_authentik_flow::conversation::Conversation;
use pam_authentik_flow::host;
use pam_authentik_flow::secret::Secret;
use pam_authentik_flow::token_file::read_token;

use super::arguments::EnrolHost;
use super::files::{self, Existing};
use super::remedy::of_config;
use super::setup::Setup;
use super::terminal::Terminal;
use super::{CommandError, Exit, printed};
pub(super) use authentik::{Client, Verdict};

/// The file of the token, beside the configuration.
const TOKEN_FILE: &str = "authentik-host.token";
/// Only root may read it.
const TOKEN_MODE: u32 = 0o600;
/// The drop-in of the configuration with `[host]`.
const DROP_IN: &str = "50-host.toml";

/// Registers the host, and writes its token and `[host]`.
pub(crate) fn run(options: &EnrolHost) -> Result<Exit, CommandError> {
    let setup = Setup::of(&options.service)?;
    let config = setup.config().map_err(|error| {
        let (found, remedy) = of_config(&error);
        format!("{found}; {remedy}")
    })?;
    let plan = Plan::of(options, &setup, &config)?;
    say(&format!(
        "This host: {}, with the identifier {}, in {}.",
        plan.name,
        plan.rules.identifier.as_str(),
        config.url
    ))?;
    if options.dry_run {
        say("This was a dry run: authentik was asked nothing, and nothing is written.")?;
        return Ok(Exit::Success);
    }
    let Some(enrolment) = enrolment_token(options)? else {
        return Ok(Exit::Interrupted);
    };
    // The question may have waited long.
    plan.look_at_drop_in(&setup)?;
    let client = Client::new(&config, &setup.service);
    let identifier = plan.rules.identifier.as_str();
    let token = client.enrol(enrolment.expose().as_bytes(), identifier, &plan.name)?;
    plan.write(&token, &setup)?;
    tell(&client, &token, &plan)
}

/// What is to be done on this host.
struct Plan {
    name: String,
    rules: HostRules,
    /// The drop-in that is to be written; none if the configuration says the same already.
    drop_in: Option<PathBuf>,
}

impl Plan {
    /// Looks at what is there, before authentik is asked: a token that cannot be written
    /// would have replaced the host's old one for nothing.
    fn of(options: &EnrolHost, setup: &Setup, config: &Config) -> Result<Self, CommandError> {
        let path = setup.path();
        let beside = path.parent().unwrap_or(Path::new("/"));
        let token_file = match &config.host {
            Some(rules) => rules.token_file.as_path().to_owned(),
            None => beside.join(TOKEN_FILE),
        };
        let shown = token_file.display();
        if (config.host.is_some() || token_file.symlink_metadata().is_ok()) && !options.replace {
            return Err(format!(
                "this host has a token already ({shown}), and authentik would replace it; if that is what you want, add --replace"
            ));
        }
        let identifier = match (&options.identifier, &config.host) {
            (Some(identifier), _) => identifier.clone(),
            (None, Some(rules)) => rules.identifier.clone(),
            (None, None) => identity::derived()?,
        };
        let rules = HostRules {
            token_file: absolute(&token_file)?,
            identifier,
        };
        let drop_in = drop_in_directory(&path).join(DROP_IN);
        let is_said = config.host.as_ref() == Some(&rules);
        if !is_said && config.host.is_some() && !drop_in.exists() {
            return Err(format!(
                "the configuration has another [host] identifier; change it there, or leave out --identifier ({})",
                path.display()
            ));
        }
        let plan = Self {
            name: options.name.clone().unwrap_or_else(host::host_name),
            rules,
            drop_in: (!is_said).then_some(drop_in),
        };
        plan.look_at_drop_in(setup)?;
        if !options.dry_run {
            plan.try_to_write()?;
        }
        Ok(plan)
    }

    /// Whether the drop-in may be written: it holds nothing but `[host]`.
    fn look_at_drop_in(&self, setup: &Setup) -> Result<(), CommandError> {
        match &self.drop_in {
            Some(path) => drop_in::held(path, &self.rules, setup).map(drop),
            None => Ok(()),
        }
    }

    /// Whether the files can be written.
    fn try_to_write(&self) -> Result<(), CommandError> {
        files::try_in_folder_of(self.rules.token_file.as_path())?;
        let Some(drop_in) = &self.drop_in else {
            return Ok(());
        };
        files::make_folder_of(drop_in)?;
        files::try_in_folder_of(drop_in)
    }

    /// Writes the token, and then the drop-in that names it.
    fn write(&self, token: &Secret, setup: &Setup) -> Result<(), CommandError> {
        const AGAIN: &str = "authentik has registered the host, but its token is lost; fix this, then run the command again with --replace";
        let token_file = self.rules.token_file.as_path();
        files::write(
            token_file,
            token.expose(),
            TOKEN_MODE,
            None,
            Existing::Replace,
        )
        .map_err(|error| format!("{error}; {AGAIN}"))?;
        say(&format!(
            "{} is written: the token, for root alone.",
            token_file.display()
        ))?;
        let Some(path) = &self.drop_in else {
            return Ok(());
        };
        drop_in::write(path, &self.rules, setup)?;
        say(&format!("{} is written:", path.display()))?;
        for line in drop_in::text(&self.rules)
            .lines()
            .filter(|line| !line.starts_with('#'))
        {
            say(&format!("  {line}"))?;
        }
        self.read_back(setup)
    }

    /// Whether the module reads what was written.
    fn read_back(&self, setup: &Setup) -> Result<(), CommandError> {
        let found = setup.config().map_err(|error| {
            let (found, remedy) = of_config(&error);
            format!("the module cannot use the configuration now: {found}; {remedy}")
        })?;
        match found.host.as_ref() == Some(&self.rules) {
            true => Ok(()),
            false => Err(format!(
                "a later file overrides [host] for {}; authentik-flow config shows which",
                setup.service
            )),
        }
    }
}

/// Says whether authentik accepts the token, how to use it, and how to revoke it.
fn tell(client: &Client<'_>, token: &Secret, plan: &Plan) -> Result<Exit, CommandError> {
    let shown = plan.rules.token_file.as_path().display();
    let device = match client.ask(token.expose().as_bytes())? {
        Verdict::Accepted { device } => {
            say("authentik accepts the token.")?;
            device
        }
        Verdict::Refused => {
            return Err(format!(
                "authentik does not accept the token that it has just issued; is the connector disabled? The token is in {shown}"
            ));
        }
        Verdict::Unknown(why) => {
            say(&format!(
                "Unknown whether authentik accepts the token: {why}."
            ))?;
            None
        }
    };
    let url = client.url();
    // Not the token itself: every user can read the command line of curl.
    let id = device.as_deref().unwrap_or("DEVICE");
    say(&format!(
        "\nNext: in authentik, bind an endpoint stage of the same connector to the flow; then authentik-flow check\n\
         To revoke it: delete the device {} (Endpoint Devices, Devices). With the API: write the line\n\
         Authorization: Bearer TOKEN\n\
         into a file that only you can read, with the API token of an administrator, and run\n  \
         curl --request DELETE --header @FILE {url}/api/v3/endpoints/devices/{id}/",
        plan.name
    ))?;
    Ok(Exit::Success)
}

/// The enrolment token: from its file, typed without echo, or from a pipe. Never from the
/// command line, which every user of the host can read. `None` after Ctrl-C.
fn enrolment_token(options: &EnrolHost) -> Result<Option<Secret>, CommandError> {
    if let Some(path) = &options.token_file {
        let token = read_token(path).map_err(|fault| {
            let (found, remedy) = of_config(&fault.at(path, ""));
            format!("{found}; {remedy}")
        })?;
        let token = std::str::from_utf8(&token).map_err(|error| error.to_string())?;
        return Ok(Some(Secret::new(token.to_owned())));
    }
    let mut terminal = Terminal::new();
    let question = match std::io::stdin().is_terminal() {
        true => "The enrolment token, from the connector's page in authentik:",
        false => "The enrolment token, from standard input:",
    };
    let typed = match terminal.ask_secret(question, "token") {
        Ok(typed) => typed,
        Err(_) if terminal.was_interrupted() => return Ok(None),
        Err(_) => {
            return Err(
                "there is no enrolment token on standard input; name its file with --token-file"
                    .into(),
            );
        }
    };
    let token = Secret::new(typed.expose().trim().to_owned());
    match !token.is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Some(token)),
        false => Err("this is no token: a token is one word, as authentik shows it".into()),
    }
}

fn absolute(path: &Path) -> Result<AbsolutePath, CommandError> {
    let text = path
        .to_str()
        .ok_or_else(|| format!("{}: the path is not UTF-8", path.display()))?;
    AbsolutePath::parse(text)
}

fn say(line: &str) -> Result<(), CommandError> {
    printed(writeln!(anstream::stdout(), "{line}"))
}
