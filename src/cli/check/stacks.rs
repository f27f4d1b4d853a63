//! The PAM stacks that name the module.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::Refusal;
use crate::cli::arguments::Service;
use crate::cli::fallback;
use crate::cli::judge::{Finding, LeftAlone, judge};
use crate::cli::login_shells::{self, LoginShell};
use crate::cli::report::{Report, Status};
use crate::cli::setup::{Setup, find_module};
use crate::cli::stack::{Entry, Kind, MODULE, Stacks};

const NAME: &str = "PAM stacks";

/// Services that are no login of a person at this host, and what becomes of
/// them when the module is in their stack.
const BYSTANDERS: [(&str, &str); 6] = [
    (
        "polkit-1",
        "polkit's helper has no network, so nobody can authorise anything",
    ),
    ("cron", "every job asks for the account"),
    ("crond", "every job asks for the account"),
    ("atd", "every job asks for the account"),
    ("systemd-user", "no session starts while authentik is down"),
    (
        "other",
        "every service without a file of its own goes by it",
    ),
];

/// Those of them that never ask anybody for a password.
const ACCOUNT_ONLY: [&str; 4] = ["cron", "crond", "atd", "systemd-user"];

/// Looks through all stacks.
#[allow(clippy::too_many_lines, reason = "not split yet")]
pub(super) fn look(report: &mut Report, options: &Service, setup: &Setup) -> Result<(), Refusal> {
    let stacks = Stacks::at(&options.folders.pam_dir);
    // What was found, and for which services.
    let mut findings: BTreeMap<String, (Finding, Vec<String>)> = BTreeMap::new();
    // Files that name the module, and the services that come by them.
    let mut files: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    let mut services = Vec::new();
    let mut unreadable = false;
    for service in stacks
        .services()
        .into_iter()
        .filter(|name| !is_only_included(name))
    {
        let (auth, account) = match read(&stacks, &service) {
            Ok(stack) => stack,
            Err(problem) => {
                if mentions_module(&stacks, &service) {
                    unreadable = true;
                    report.wrong(
                        NAME,
                        format!("{service}: libpam cannot read the stack: {problem}"),
                        "correct that line: until then nobody gets in by this service",
                    );
                }
                continue;
            }
        };
        let ours: Vec<&Entry> = auth
            .iter()
            .chain(&account)
            .filter(|e| e.is_ours())
            .collect();
        if ours.is_empty() {
            continue;
        }
        let only_account = ACCOUNT_ONLY.contains(&service.as_str());
        for entry in &ours {
            let counts = !only_account || account.iter().any(|a| a.place() == entry.place());
            let by = files.entry(entry.file.clone()).or_default();
            if counts && !by.contains(&service) {
                by.push(service.clone());
            }
            if let Err(places) = find_module(&entry.module, &options.folders) {
                note(&mut findings, &service, missing(entry, &places));
            }
        }
        let config = if options.service == service {
            setup.config()
        } else {
            Setup::for_service(&service, None, &stacks)?.config()
        };
        let left_alone = match config {
            Ok(config) => {
                for finding in fallback::findings(&service, &auth, &account, &config) {
                    note(&mut findings, &service, finding);
                }
                LeftAlone {
                    root: !config.user.allow_root,
                    names: config.user.ignore,
                }
            }
            Err(error) => {
                if options.service != service {
                    let what = format!("what the module is to read is wrong: {error}");
                    let remedy = format!("authentik-flow check --service {service}");
                    note(
                        &mut findings,
                        &service,
                        Finding {
                            status: Status::Wrong,
                            what,
                            remedy,
                        },
                    );
                }
                LeftAlone::default()
            }
        };
        for (kind, entries) in [(Kind::Auth, &auth), (Kind::Account, &account)] {
            for finding in judge(kind, entries, &account, &left_alone) {
                note(&mut findings, &service, finding);
            }
        }
        if let Some(shell) = login_shells::left_out(&stacks, &service) {
            note(&mut findings, shell.service, without_module(&stacks, shell));
        }
        services.push(service);
    }
    for (file, by) in &files {
        // Those of sudo and su are included by sudo-i and su-l on purpose.
        let own = by.iter().any(|service| stacks.path(service) == *file);
        if let Some(finding) = shared(file, by, own) {
            note(&mut findings, &by.join(", "), finding);
        }
    }
    if !(services.is_empty() && unreadable) {
        show(report, &services, findings, setup);
    }
    Ok(())
}

/// Whether a file is by its name no program's service, but for others to include.
fn is_only_included(name: &str) -> bool {
    const SHARED: [&str; 8] = [
        "system-auth",
        "system-login",
        "system-local-login",
        "system-remote-login",
        "password-auth",
        "fingerprint-auth",
        "smartcard-auth",
        "postlogin",
    ];
    SHARED.contains(&name) || name.starts_with("common-") || name.starts_with("base-")
}

fn read(stacks: &Stacks, service: &str) -> Result<(Vec<Entry>, Vec<Entry>), String> {
    Ok((
        stacks.entries(service, Kind::Auth)?,
        stacks.entries(service, Kind::Account)?,
    ))
}

fn mentions_module(stacks: &Stacks, service: &str) -> bool {
    std::fs::read_to_string(stacks.path(service)).is_ok_and(|text| text.contains(MODULE))
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
        status: Status::Warning,
        what: format!(
            "{} is a stack of its own without the module: `{}` asks authentik nothing",
            stacks.path(shell.service).display(),
            shell.typed
        ),
        remedy: format!(
            "if that is not meant: authentik-flow enable {}, with the same --local",
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
        status: Status::Wrong,
        what: format!(
            "{}: libpam does not find the module: {} is not there",
            entry.place(),
            places.join(", ")
        ),
        remedy: "install the module there, or take the line out (authentik-flow disable)".into(),
    }
}

/// What is to be said of a file that several services come by.
fn shared(file: &std::path::Path, by: &[String], own: bool) -> Option<Finding> {
    let touched: Vec<String> = BYSTANDERS
        .iter()
        .filter(|(name, _)| by.iter().any(|service| service == name))
        .map(|(name, why)| format!("{name} ({why})"))
        .collect();
    let shown = file.display();
    let remedy = "put the lines into the files of the services that are meant, such as sshd and sudo, and take them out of the shared one: authentik-flow enable sshd";
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
        status,
        what,
        remedy: remedy.into(),
    })
}

fn show(
    report: &mut Report,
    services: &[String],
    findings: BTreeMap<String, (Finding, Vec<String>)>,
    setup: &Setup,
) {
    if services.is_empty() {
        report.add(
            NAME,
            Status::Ok,
            "none names the module yet",
            Some(format!(
                "when the rest is well: authentik-flow enable {} --dry-run",
                setup.service
            )),
        );
        return;
    }
    let mut findings: Vec<_> = findings.into_values().collect();
    findings.sort_by_key(|(finding, _)| finding.status != Status::Wrong);
    let mut touched = Vec::new();
    for (finding, by) in findings {
        let found = format!("{}: {}", by.join(", "), finding.what);
        touched.extend(by);
        report.add(NAME, finding.status, found, Some(finding.remedy));
    }
    let well: Vec<&str> = services
        .iter()
        .filter(|service| {
            !touched
                .iter()
                .any(|by| by.split(", ").any(|name| name == *service))
        })
        .map(String::as_str)
        .collect();
    if !well.is_empty() {
        report.ok(
            NAME,
            format!(
                "{}: a refusal refuses, and a local way in is kept",
                well.join(", ")
            ),
        );
    }
}
