//! `check`: why logins fail, or would.

mod bindings;
mod certificate;
mod flows;
mod host_proof;
mod keys;
mod leftovers;
mod name_services;
mod network;
mod others;
mod people;
mod remembered;
mod running;
mod server;
mod stacks;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pam_authentik_flow::audit::{Audit, Trace};
use pam_authentik_flow::config::{AbsolutePath, Binding, Config, ConfigError};
use pam_authentik_flow::deadline::Deadline;
use pam_authentik_flow::host;
use pam_authentik_flow::http::{HttpsTransport, trusted_roots};
use pam_authentik_flow::login_context::LoginContext;

use super::arguments::Check;
use super::misnamed::{self, misnamed};
use super::remedy::of_config;
use super::report::{Head, Measure, Output, Report};
use super::setup::Setup;
use super::stack::Stacks;
use super::{CommandError, Exit, files, printed};

/// The limit for all requests together.
const LONGEST: Duration = Duration::from_secs(600);

/// Looks at everything, in the order in which a login meets it.
pub(crate) fn run(options: &Check) -> Result<Exit, CommandError> {
    let setup = Setup::of(&options.service)?;
    let head = Head {
        service: setup.service.clone(),
        config: setup.path().display().to_string(),
        offline: options.offline,
    };
    let output = match options {
        Check { json: true, .. } => Output::Json,
        Check { quiet: true, .. } => Output::Quiet,
        Check {
            prometheus: true, ..
        } => Output::Metrics,
        _ => Output::Text,
    };
    let mut report = Report::new(head, output);
    match setup.config() {
        Ok(config) => {
            configuration(&mut report, &setup, &config);
            bindings::stored(&mut report, &config, &options.state.state_dir);
            let stacks = Stacks::at(&options.service.folders.pam_dir);
            remembered::look(&mut report, &setup, &config, &stacks)?;
            let mut asked = Asked::default();
            reach(&mut report, options, &setup, &config, &mut asked);
            others::look(&mut report, options, &setup, &config, &mut asked)?;
        }
        Err(error) => {
            let (found, remedy) = of_config(&error);
            report.wrong("configuration.wrong", found, remedy);
            report.unknown(
                "authentik.not-asked",
                "not asked, because the configuration is wrong",
                None,
            );
        }
    }
    report.waits_for("playing through the PAM stacks");
    stacks::look(&mut report, options, &setup)?;
    if options.prometheus {
        return metrics(report, options.output.as_deref());
    }
    let is_well = report.is_well();
    printed(report.finish())?;
    Ok(match is_well {
        true => Exit::Success,
        false => Exit::Failure,
    })
}

/// Gives the report as metrics. What is wrong stands in them, so that the exit code can
/// say whether they were written.
fn metrics(report: Report, output: Option<&Path>) -> Result<Exit, CommandError> {
    match output {
        Some(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.into());
            // Another user runs node_exporter.
            files::write(
                &path,
                &report.metrics(),
                0o644,
                None,
                files::Existing::Replace,
            )?;
        }
        None => printed(report.finish())?,
    }
    Ok(Exit::Success)
}

fn configuration(report: &mut Report, setup: &Setup, config: &Config) {
    let whose = match &setup.place {
        Some(place) => format!("with the arguments of {place}"),
        None => "no stack of this service names the module yet".into(),
    };
    report.ok(
        "configuration.good",
        format!("the module can use it; {whose}"),
    );
    for path in misnamed(&setup.path()) {
        report.wrong(
            "configuration.misnamed",
            format!("{} is not read", path.display()),
            misnamed::REMEDY,
        );
    }
    if !host::runs_as_root() {
        report.unknown(
            "files.not-root",
            "this is not root: files that only root can read look wrong or missing here",
            Some("run it again as root".into()),
        );
    }
    if config.debug {
        report.warn(
            "configuration.debug",
            "the argument debug is set: every request is logged",
            "remove it from the stack when you no longer need the log",
        );
    }
    password_prompt(report, config);
}

/// Programs that type passwords look for "assword" in the prompt. They hang if the
/// prompt is in another language or set by the configuration.
fn password_prompt(report: &mut Report, config: &Config) {
    let prompt = &config.prompt.password;
    if !prompt.contains("assword") {
        report.warn(
            "password-prompt.word-missing",
            format!(
                "it is {prompt:?}: programs that wait for the word \"assword\" hang, such as sshpass, asyncssh and expect scripts"
            ),
            "if you use such a program, write password = \"Password:\" below [prompt], or below [services.sshd.prompt] for ssh alone",
        );
    }
}

/// What was already asked of which server. Services have much in common, so this saves
/// requests.
#[derive(Default)]
struct Asked(BTreeSet<String>);

impl Asked {
    /// Whether this is the first time that it is asked. Notes it.
    fn is_new(&mut self, config: &Config, what: &str, name: &str) -> bool {
        self.0
            .insert(format!("{} {what} {name}", server_of(config)))
    }

    fn has(&self, config: &Config, what: &str) -> bool {
        self.0.contains(&format!("{} {what} ", server_of(config)))
    }
}

/// The server and the way to it.
fn server_of(config: &Config) -> String {
    let Config {
        url,
        addresses,
        proxy,
        ca_file,
        ..
    } = config;
    format!("{url} {addresses:?} {proxy:?} {ca_file:?}")
}

/// The client of a login for the service of `setup`.
struct Way<'a> {
    setup: &'a Setup,
    config: &'a Config,
    context: LoginContext,
    deadline: Deadline,
    trace: Trace,
    /// The token of `[account]`, of this service or of another.
    token: Option<AbsolutePath>,
    /// Where the bindings are.
    state: PathBuf,
}

impl<'a> Way<'a> {
    fn of(options: &Check, setup: &'a Setup, config: &'a Config) -> Self {
        let token = config.account.as_ref();
        Self {
            setup,
            config,
            token: token.map(|rules| rules.token_file.clone()),
            state: options.state.state_dir.clone(),
            context: LoginContext {
                service: setup.service.clone(),
                host: host::host_name(),
                ..LoginContext::default()
            },
            deadline: Deadline::after(LONGEST),
            trace: Audit::trial(&setup.service, "check").trace(false),
        }
    }

    fn transport(&self) -> Result<HttpsTransport, ConfigError> {
        let (deadline, trace) = (self.deadline.clone(), self.trace.clone());
        HttpsTransport::for_login(self.config, &self.context, deadline, trace)
    }

    /// A transport that sends the token of `[account]`.
    fn lookup(&self) -> Option<Result<HttpsTransport, ConfigError>> {
        let token = self.token.as_ref()?;
        Some(HttpsTransport::for_lookup(
            self.config,
            token,
            &self.context,
            self.deadline.clone(),
            self.trace.clone(),
        ))
    }
}

/// Every step that needs the network. Stops at the first that makes the next ones
/// pointless.
fn reach(report: &mut Report, options: &Check, setup: &Setup, config: &Config, asked: &mut Asked) {
    let way = Way::of(options, setup, config);
    keys::look(report, config, &way.context);
    let Some(mut transport) = named_files(report, &way) else {
        return;
    };
    name_services::look(report, config);
    if options.offline {
        report.unknown("authentik.not-asked", "not asked, with --offline", None);
        return;
    }
    asked.is_new(config, "server", "");
    let is_up = answers(report, config, &mut transport);
    report.measure_of_server(Measure::ServerUp, &config.url.to_string(), is_up);
    if !is_up {
        return;
    }
    asked.is_new(config, "answers", "");
    questions(report, &way, &mut transport, asked);
    server::what_cannot_be_told(report);
}

/// Whether authentik answers as it should.
fn answers(report: &mut Report, config: &Config, transport: &mut HttpsTransport) -> bool {
    let Some(connected) = network::reach(report, config) else {
        return false;
    };
    report.waits_for(&format!("asking {}", config.url));
    certificate::look(report, config, connected, transport)
        && server::answers(report, config, transport)
}

/// The files that the configuration names.
fn named_files(report: &mut Report, way: &Way<'_>) -> Option<HttpsTransport> {
    let transport = match way.transport() {
        Ok(transport) => Some(transport),
        Err(error) => {
            let (found, remedy) = of_config(&error);
            report.wrong("files.wrong", found, remedy);
            None
        }
    }?;
    // A login parses only the certificates that the server's chain needs.
    if let Err(error) = trusted_roots(way.config) {
        let (found, remedy) = of_config(&error);
        report.wrong("files.wrong", found, remedy);
    }
    if let Some(rules) = &way.config.host {
        host_proof::file(report, rules);
    }
    Some(transport)
}

/// The flow, application and groups that the configuration names, unless they were
/// already checked.
fn questions(
    report: &mut Report,
    way: &Way<'_>,
    transport: &mut HttpsTransport,
    asked: &mut Asked,
) {
    let Way {
        config, context, ..
    } = way;
    if asked.is_new(config, "flow", config.flow.as_str()) {
        report.waits_for(&format!("asking for the flow {}", config.flow.as_str()));
        let is_good = server::flow(report, config, context, transport);
        if is_good && asked.is_new(config, "version", "") {
            flows::version(report, config, context, transport);
        }
        if is_good && config.outpost_token.is_some() {
            outpost(report, way);
        }
    }
    if asked.is_new(config, "users/me", "") {
        server::users_me(report, transport);
    }
    if let Some(slug) = config.access.application() {
        if asked.is_new(config, "application", slug.as_str()) {
            server::application(report, slug, transport);
        }
    }
    if let Some(rules) = &config.host {
        if asked.is_new(config, "host", &format!("{rules:?}")) {
            host_proof::ask(report, way, rules);
        }
    }
    report.waits_for("looking up groups and people");
    people::look(report, way, |what, name| asked.is_new(config, what, name));
    if config.user.bind != Binding::Never && asked.is_new(config, "bindings", "") {
        bindings::persons(report, way);
    }
    flows::others(report, config, transport, |slug| {
        asked.is_new(config, "other flow", slug)
    });
}

fn outpost(report: &mut Report, way: &Way<'_>) {
    let (deadline, trace) = (way.deadline.clone(), way.trace.clone());
    match HttpsTransport::with_forged_outpost(way.config, &way.context, deadline, trace) {
        Ok(mut forged) => flows::outpost(report, way.config, &way.context, &mut forged),
        Err(error) => {
            let (found, remedy) = of_config(&error);
            report.wrong("files.wrong", found, remedy);
        }
    }
}
