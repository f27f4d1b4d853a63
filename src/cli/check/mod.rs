//! `check`: why logins fail, or would.

mod certificate;
mod flows;
mod keys;
mod leftovers;
mod network;
mod people;
mod server;
mod stacks;

use std::time::Duration;

use pam_authentik_flow::audit::Audit;
use pam_authentik_flow::config::{Config, ConfigError, Place};
use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::host;
use pam_authentik_flow::http::{HttpsTransport, trusted_roots};
use pam_authentik_flow::login_context::LoginContext;

use super::arguments::Check;
use super::report::Report;
use super::setup::Setup;
use super::{CommandError, Exit, printed};

/// How long all requests may take together.
const LONGEST: Duration = Duration::from_secs(600);

/// Looks at everything, in the order in which a login meets it.
pub(crate) fn run(options: &Check) -> Result<Exit, CommandError> {
    let setup = Setup::of(&options.service)?;
    let mut report = Report::new(
        &setup.service,
        setup.path().display().to_string(),
        options.json,
    );
    match setup.config() {
        Ok(config) => {
            configuration(&mut report, &setup, &config);
            reach(&mut report, &setup, &config);
        }
        Err(error) => {
            let (found, remedy) = explain(&error);
            report.wrong("configuration", found, remedy);
            report.unknown(
                "authentik",
                "nothing is asked of it as long as the configuration is wrong",
                None,
            );
        }
    }
    stacks::look(&mut report, options, &setup)?;
    let is_well = report.is_well();
    printed(report.finish())?;
    Ok(match is_well {
        true => Exit::Success,
        false => Exit::Failure,
    })
}

fn configuration(report: &mut Report, setup: &Setup, config: &Config) {
    let whose = match &setup.place {
        Some(place) => format!("with the arguments of {place}"),
        None => "no stack of this service names the module yet".into(),
    };
    report.ok("configuration", format!("the module can use it; {whose}"));
    if !host::runs_as_root() {
        report.unknown(
            "files",
            "this is not root: what root alone can read looks wrong here, or is not seen",
            Some("run it again as root".into()),
        );
    }
    if config.debug {
        report.warn(
            "configuration",
            "the argument debug is set: every request is logged",
            "take it out of the stack when you have seen enough",
        );
    }
    password_prompt(report, config);
}

/// Programs that log in for somebody look for "assword" in what they are asked. They
/// hang at a prompt in another language, and at one that the configuration words.
fn password_prompt(report: &mut Report, config: &Config) {
    let prompt = &config.prompt.password;
    if !prompt.contains("assword") {
        report.warn(
            "password prompt",
            format!(
                "it is {prompt:?}: programs that wait for the word \"assword\" hang, such as sshpass, asyncssh and expect scripts"
            ),
            "if you use such a program, write password = \"Password:\" below [prompt], or below [services.sshd.prompt] for ssh alone",
        );
    }
}

/// Everything that needs the network, as far as it goes.
fn reach(report: &mut Report, setup: &Setup, config: &Config) {
    let context = LoginContext {
        service: setup.service.clone(),
        host: host::host_name(),
        ..LoginContext::default()
    };
    keys::look(report, config, &context);
    let trace = Audit::trial(&setup.service, "check").trace(false);
    let deadline = Deadline::after(LONGEST);
    let mut transport =
        match HttpsTransport::for_login(config, &context, deadline.clone(), trace.clone()) {
            Ok(transport) => transport,
            Err(error) => {
                let (found, remedy) = explain(&error);
                report.wrong("files", found, remedy);
                return;
            }
        };
    // A login parses no more of a bundle than the server needs.
    if let Err(error) = trusted_roots(config) {
        let (found, remedy) = explain(&error);
        report.wrong("files", found, remedy);
    }
    let Some(connected) = network::reach(report, config) else {
        return;
    };
    if !certificate::look(report, config, connected, &mut transport)
        || !server::answers(report, config, &mut transport)
    {
        return;
    }
    let is_good = server::flow(report, config, &context, &mut transport);
    if is_good {
        flows::version(report, config, &context, &mut transport);
    }
    if is_good && config.outpost_token.is_some() {
        let (deadline, trace) = (deadline.clone(), trace.clone());
        match HttpsTransport::with_forged_outpost(config, &context, deadline, trace) {
            Ok(mut forged) => flows::outpost(report, config, &context, &mut forged),
            Err(error) => {
                let (found, remedy) = explain(&error);
                report.wrong("files", found, remedy);
            }
        }
    }
    server::users_me(report, &mut transport);
    server::application(report, config, &mut transport);
    people::look(report, setup, config, || {
        let rules = config.account.as_ref()?;
        Some(HttpsTransport::for_lookup(
            config,
            &rules.token_file,
            &context,
            deadline,
            trace,
        ))
    });
    flows::others(report, config, &mut transport);
    server::what_cannot_be_told(report);
}

/// What is wrong with the configuration, and what to do: its own words hold
/// both, but for a file that is not there.
fn explain(error: &ConfigError) -> (String, String) {
    let shown = error.to_string();
    if let Place::File(path) = &error.place {
        if error.problem.starts_with("cannot be read") {
            let remedy = match path.symlink_metadata() {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    if path
                        .extension()
                        .is_some_and(|extension| extension == "toml")
                    {
                        "write one: authentik-flow init --url https://authentik.example.com"
                    } else {
                        "put the file there, or correct the path in the configuration"
                    }
                }
                Ok(metadata) if metadata.is_symlink() => {
                    "a link is not followed here: name the file itself"
                }
                _ => "run this as root, or let the one read it who runs it",
            };
            return (shown, remedy.into());
        }
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
        "correct it there; authentik-flow config shows what holds, once it can be read".into(),
    )
}
