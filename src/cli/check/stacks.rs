//! The PAM stacks that name the module.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{leftovers, running};
use crate::cli::CommandError;
use crate::cli::arguments::Check;
use crate::cli::fallback;
use crate::cli::judge::{Finding, LeftAlone, guarded, judge, password};
use crate::cli::login_shells::{self, LoginShell};
use crate::cli::report::{Measure, Report, Status, Step};
use crate::cli::setup::{Setup, find_module};
use crate::cli::sshd::{Missing, Settings};
use crate::cli::stack::{Entry, Kind, MODULE, Stacks};
use crate::cli::sudo;
use crate::cli::switch::services::is_shared;
use crate::cli::ways;
use pam_authentik_flow::config::{Config, ConfigError};

/// Services that are not logins of a person at this host, and what happens if the
/// module is in their stack.
const BYSTANDERS: [(&str, &str); 6] = [
    (
        "polkit-1",
        "polkit's helper has no network, so nobody can authorise anything",
    ),
    ("cron", "every job asks for the account"),
    ("crond", "every job asks for the account"),
    ("atd", "every job asks for the account"),
    ("systemd-user", "no session starts while authentik is down"),
    ("other", "every service without its own file uses it"),
];

/// The ones that never ask for a password.
const ACCOUNT_ONLY: [&str; 4] = ["cron", "crond", "atd", "systemd-user"];

/// What the stacks say.
struct Look<'a> {
    stacks: &'a Stacks,
    options: &'a Check,
    setup: &'a Setup,
    /// The findings, each with its services.
    findings: BTreeMap<String, (Finding, Vec<String>)>,
    /// The files that name the module, each with the services that use them.
    files: BTreeMap<PathBuf, Vec<String>>,
    /// The modules that libpam loads for these lines.
    modules: BTreeSet<PathBuf>,
    /// The services that name the module, each with the accounts that log in there
    /// without authentik.
    services: Vec<(String, Vec<String>)>,
    unreadable: bool,
}

/// Looks through all stacks.
pub(super) fn look(
    report: &mut Report,
    options: &Check,
    setup: &Setup,
) -> Result<(), CommandError> {
    let folders = &options.service.folders;
    let stacks = Stacks::at(&folders.pam_dir);
    let mut look = Look {
        stacks: &stacks,
        options,
        setup,
        findings: BTreeMap::new(),
        files: BTreeMap::new(),
        modules: BTreeSet::new(),
        services: Vec::new(),
        unreadable: false,
    };
    let services = stacks.services();
    for service in services.iter().filter(|name| !is_shared(name)) {
        look.service(report, service)?;
    }
    let files = std::mem::take(&mut look.files);
    for (file, by) in &files {
        // sudo-i and su-l include the stacks of sudo and su on purpose.
        let own = by.iter().any(|service| stacks.path(service) == *file);
        if let Some(finding) = shared(file, by, own) {
            note(&mut look.findings, &by.join(", "), finding);
        }
    }
    if let Some((service, finding)) = leftovers::of_trial(&options.state.state_dir) {
        note(&mut look.findings, &service, finding);
    }
    for (service, finding) in leftovers::of_names(setup, &services) {
        note(&mut look.findings, &service, finding);
    }
    if !(look.services.is_empty() && look.unreadable) {
        show(report, &look.services, look.findings, setup);
    }
    running::look(report, &look.modules);
    Ok(())
}

impl Look<'_> {
    fn service(&mut self, report: &mut Report, service: &str) -> Result<(), CommandError> {
        let (auth, account, password) = match read(self.stacks, service) {
            Ok(stack) => stack,
            Err(problem) => {
                if mentions_module(self.stacks, service) {
                    self.unreadable = true;
                    report.wrong(
                        "stack.unreadable",
                        format!("{service}: libpam cannot read the stack: {problem}"),
                        "correct that line: until then nobody gets in by this service",
                    );
                    report.measure_of_service(Measure::StackGood, service, false);
                }
                return Ok(());
            }
        };
        let state = &self.options.state.state_dir;
        let lines = || auth.iter().chain(&account).chain(&password);
        let named = lines().any(Entry::is_ours);
        for finding in leftovers::of_service(self.stacks, state, service, &auth, named) {
            note(&mut self.findings, service, finding);
        }
        if !named {
            return Ok(());
        }
        self.modules(service, lines(), &account);
        let left_alone = self.configuration(service, &auth, &account)?;
        for finding in self.password(service, &password)? {
            note(&mut self.findings, service, finding);
        }
        for (kind, entries) in [(Kind::Auth, &auth), (Kind::Account, &account)] {
            for finding in judge(kind, service, entries, &account, &left_alone) {
                note(&mut self.findings, service, finding);
            }
        }
        if let Some(shell) = login_shells::left_out(self.stacks, service) {
            note(
                &mut self.findings,
                shell.service,
                without_module(self.stacks, shell),
            );
        }
        if let Some(left_out) = sudo::left_out(self.stacks, service) {
            let finding = Finding {
                id: "stack.sudo-leaves-out",
                status: Status::Warning,
                what: left_out.what(),
                remedy: left_out.remedy(self.stacks),
            };
            note(&mut self.findings, service, finding);
        }
        self.services
            .push((service.to_owned(), guarded(service, &auth)));
        self.way_in(report, service, &auth)
    }

    /// Whether a local way in is kept while authentik is down.
    fn way_in(
        &self,
        report: &mut Report,
        service: &str,
        auth: &[Entry],
    ) -> Result<(), CommandError> {
        let config = self.config_of(service)?;
        let rules = config.as_ref().ok().map(|config| &config.user);
        let folders = &self.options.service.folders;
        let kept = match auth.iter().any(Entry::is_ours) {
            true => ways::is_kept(service, auth, rules, folders),
            false => None,
        };
        if let Some(kept) = kept {
            report.measure_of_service(Measure::LocalWayIn, service, kept);
        }
        Ok(())
    }

    /// The configuration of a service, by the arguments in its stack.
    fn config_of(&self, service: &str) -> Result<Result<Config, ConfigError>, CommandError> {
        Ok(match self.options.service.service == service {
            true => self.setup.config(),
            false => Setup::for_service(service, None, self.stacks)?.config(),
        })
    }

    /// Whether the files exist that the lines name.
    fn modules<'e>(
        &mut self,
        service: &str,
        lines: impl Iterator<Item = &'e Entry>,
        account: &[Entry],
    ) {
        let only_account = ACCOUNT_ONLY.contains(&service);
        for entry in lines.filter(|entry| entry.is_ours()) {
            let counts = !only_account || account.iter().any(|a| a.place() == entry.place());
            let by = self.files.entry(entry.file.clone()).or_default();
            if counts && !by.iter().any(|known| known == service) {
                by.push(service.to_owned());
            }
            match find_module(&entry.module, &self.options.service.folders) {
                Ok(module) => _ = self.modules.insert(module),
                Err(places) => note(&mut self.findings, service, missing(entry, &places)),
            }
        }
    }

    /// Findings about lines that change passwords.
    fn password(&self, service: &str, entries: &[Entry]) -> Result<Vec<Finding>, CommandError> {
        let Some(ours) = entries.iter().find(|entry| entry.is_ours()) else {
            return Ok(Vec::new());
        };
        let config = Setup::for_service(service, None, self.stacks)?.config();
        if config.is_ok_and(|config| config.password_flow.is_none()) {
            return Ok(vec![Finding {
                id: "stack.password-without-flow",
                status: Status::Warning,
                what: format!(
                    "{}: this line does nothing, because [password] names no flow: the local password is changed",
                    ours.place()
                ),
                remedy: "write [password] and flow = \"SLUG\" into the configuration, or remove the line".into(),
            }]);
        }
        Ok(password::judge(service, entries))
    }

    /// Where the service's configuration and its stack do not fit each other.
    fn configuration(
        &mut self,
        service: &str,
        auth: &[Entry],
        account: &[Entry],
    ) -> Result<LeftAlone, CommandError> {
        let is_asked_for = self.options.service.service == service;
        let config = match self.config_of(service)? {
            Ok(config) => config,
            Err(error) => {
                if !is_asked_for {
                    let finding = Finding {
                        id: "stack.configuration-wrong",
                        status: Status::Wrong,
                        what: format!("the module cannot use its configuration: {error}"),
                        remedy: format!("authentik-flow check --service {service}"),
                    };
                    note(&mut self.findings, service, finding);
                }
                return Ok(LeftAlone::default());
            }
        };
        let mut found = fallback::findings(service, auth, account, &config);
        if config.account.is_some() && !account.iter().any(Entry::is_ours) {
            found.push(Finding {
                id: "stack.account-line-missing",
                status: Status::Wrong,
                what: "[account] token_file is set for this service, but no account line of its stack names the module: anyone with an SSH key gets in, and authentik is not asked".into(),
                remedy: format!(
                    "write account required pam_authentik_flow.so into {}, or take the service out of [account] services",
                    self.stacks.path(service).display()
                ),
            });
        }
        if service == "sshd" {
            found.extend(sshd(self.options, &config));
        }
        for finding in found {
            note(&mut self.findings, service, finding);
        }
        Ok(LeftAlone {
            root: !config.user.allow_root,
            names: config.user.ignore,
        })
    }
}

/// Settings of sshd with which the module does not work.
fn sshd(options: &Check, config: &Config) -> Vec<Finding> {
    let folders = &options.service.folders;
    let Some(source) = folders.sshd() else {
        return Vec::new();
    };
    match Settings::of("nobody", &source) {
        Ok(settings) => settings
            .missing(config.login_timeout.as_secs())
            .into_iter()
            .map(|Missing { is_wrong, what, line }| Finding {
                id: "stack.sshd-setting",
                status: match is_wrong {
                    true => Status::Wrong,
                    false => Status::Warning,
                },
                what,
                remedy: format!(
                    "authentik-flow enable sshd --sshd writes {line} into /etc/ssh/sshd_config.d/00-authentik-flow.conf and reloads sshd; or write it yourself, then sshd -t, and systemctl reload ssh"
                ),
            })
            .collect(),
        Err(why) => vec![Finding {
            id: "stack.sshd-unknown",
            status: Status::Unknown,
            what: format!("sshd's settings are not known: {why}"),
            remedy: "run sshd -T as root, and compare with the settings that the documentation names".into(),
        }],
    }
}

type Lines = (Vec<Entry>, Vec<Entry>, Vec<Entry>);

/// The lines for logins, for accounts and for passwords.
fn read(stacks: &Stacks, service: &str) -> Result<Lines, String> {
    Ok((
        stacks.entries(service, Kind::Auth)?,
        stacks.entries(service, Kind::Account)?,
        stacks.entries(service, Kind::Password)?,
    ))
}

fn mentions_module(stacks: &Stacks, service: &str) -> bool {
    stacks.text(service).contains(MODULE)
}

/// Adds a finding, or its service to one that is there.
fn note(findings: &mut BTreeMap<String, (Finding, Vec<String>)>, service: &str, finding: Finding) {
    let (_, services) = findings
        .entry(finding.what.clone())
        .or_insert_with(|| (finding, Vec::new()));
    if !services.iter().any(|known| known == service) {
        services.push(service.to_owned());
    }
}

fn without_module(stacks: &Stacks, shell: LoginShell) -> Finding {
    Finding {
        id: "stack.login-shell-left-out",
        status: Status::Warning,
        what: format!(
            "{} is a stack of its own without the module: `{}` asks authentik nothing",
            stacks.path(shell.service).display(),
            shell.typed
        ),
        remedy: format!(
            "to change that: authentik-flow enable {}, with the same --local",
            shell.service
        ),
    }
}

fn missing(entry: &Entry, places: &[PathBuf]) -> Finding {
    let places: Vec<String> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    Finding {
        id: "stack.module-missing",
        status: Status::Wrong,
        what: format!(
            "{}: libpam does not find the module: {} is not there",
            entry.place(),
            places.join(", ")
        ),
        remedy: "install the module there, or remove the line (authentik-flow disable)".into(),
    }
}

/// The findings about a file that several services use.
fn shared(file: &std::path::Path, by: &[String], own: bool) -> Option<Finding> {
    let touched: Vec<String> = BYSTANDERS
        .iter()
        .filter(|(name, _)| by.iter().any(|service| service == name))
        .map(|(name, why)| format!("{name} ({why})"))
        .collect();
    let shown = file.display();
    let remedy = "put the lines into the files of single services, such as sshd and sudo, and remove them from the shared one: authentik-flow enable sshd";
    let (status, what) = if by.iter().any(|service| service == "polkit-1") {
        (
            Status::Wrong,
            format!(
                "{shown} is included by more than logins: {}",
                touched.join("; ")
            ),
        )
    } else if !touched.is_empty() {
        (
            Status::Warning,
            format!(
                "{shown} is included by more than logins: {}",
                touched.join("; ")
            ),
        )
    } else if by.len() > 1 && !own {
        (
            Status::Warning,
            format!(
                "{shown} is included by {} services, which all ask authentik",
                by.len()
            ),
        )
    } else {
        return None;
    };
    Some(Finding {
        id: "stack.shared-file",
        status,
        what,
        remedy: remedy.into(),
    })
}

fn show(
    report: &mut Report,
    services: &[(String, Vec<String>)],
    findings: BTreeMap<String, (Finding, Vec<String>)>,
    setup: &Setup,
) {
    if services.is_empty() && findings.is_empty() {
        report.add(Step::new(
            "stack.none",
            Status::Ok,
            "none names the module yet",
            Some(format!(
                "when the other checks are good: authentik-flow enable {} --dry-run",
                setup.service
            )),
        ));
        return;
    }
    let mut findings: Vec<_> = findings.into_values().collect();
    findings.sort_by_key(|(finding, _)| finding.status != Status::Wrong);
    for (service, _) in services {
        let concerns = |by: &[String]| {
            by.iter()
                .any(|names| names.split(", ").any(|n| n == service))
        };
        let is_wrong = findings
            .iter()
            .any(|(finding, by)| finding.status == Status::Wrong && concerns(by));
        report.measure_of_service(Measure::StackGood, service, !is_wrong);
    }
    let mut touched = Vec::new();
    for (finding, by) in findings {
        let found = format!("{}: {}", by.join(", "), finding.what);
        let step = Step::new(finding.id, finding.status, found, Some(finding.remedy));
        report.add(step.of(&by));
        touched.extend(by);
    }
    // The healthy services, grouped by the accounts that log in there without
    // authentik.
    let mut well: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (service, guarded) in services {
        let is_touched = touched
            .iter()
            .any(|by| by.split(", ").any(|name| name == service));
        if !is_touched {
            well.entry(guarded.join(", ")).or_default().push(service);
        }
    }
    for (guarded, services) in well {
        let who = match guarded.is_empty() {
            true => String::new(),
            false => format!("; these log in without authentik: {guarded}"),
        };
        let found = format!(
            "{}: a refusal keeps people out, and a local way in is kept{who}",
            services.join(", ")
        );
        let services: Vec<String> = services.iter().map(|name| (*name).to_owned()).collect();
        report.add(Step::new("stack.good", Status::Ok, found, None).of(&services));
    }
}
