//! The leftovers of a change that was only half taken back, and names of services that
//! do not exist.

use std::path::{Path, PathBuf};

use pam_authentik_flow::config::read_sources;

use crate::cli::judge::Finding;
use crate::cli::report::Status;
use crate::cli::setup::Setup;
use crate::cli::stack::results::{Gates, Secret, Situation};
use crate::cli::stack::{Action, Code, CodeSet, Detail, Entry, Kind, Person, Stacks, play};
use crate::cli::suggest::nearest;
use crate::cli::switch::{kept, trial};

fn finding(id: &'static str, status: Status, what: String, remedy: String) -> Finding {
    Finding {
        id,
        status,
        what,
        remedy,
    }
}

/// Guards without the module, and a copy of `enable` without its lines.
pub(super) fn of_service(
    stacks: &Stacks,
    state: &Path,
    service: &str,
    auth: &[Entry],
    named: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if named {
        return findings;
    }
    let is_guard =
        |entry: &Entry| entry.name() == "pam_localuser.so" && entry.arguments == ["file=/dev/null"];
    if let Some(at) = auth.iter().position(is_guard) {
        let from = auth
            .get(at.saturating_sub(1))
            .filter(|entry| {
                entry.name() == "pam_succeed_if.so"
                    && matches!(entry.control.action(Code::SUCCESS), Action::Jump(_))
            })
            .or(auth.get(at));
        let places: Vec<String> = from
            .into_iter()
            .chain(auth.get(at))
            .map(Entry::place)
            .collect();
        let mut places = places;
        places.dedup();
        let root = Person::named("root");
        let situation = Situation {
            kind: Kind::Auth,
            service,
            person: &root,
            secret: Secret::Local,
            ours: CodeSet::ANY,
            gates: Gates::Open,
        };
        let codes = play(auth, Detail::Verdict, |_, entry| situation.results(entry)).codes();
        let harm = match codes.may_succeed() {
            true => "their jumps now lead to other lines",
            false => {
                "their jumps now skip the line that asks for the local password, so no local account gets in"
            }
        };
        findings.push(finding(
            "stack.orphaned-guards",
            Status::Wrong,
            format!(
                "{}: these lines belong to the module, which is gone: {harm}",
                places.join(", ")
            ),
            "remove these lines, too".into(),
        ));
    } else if kept(state, service) {
        findings.push(finding(
            "stack.block-gone",
            Status::Warning,
            format!(
                "enable put the module into {}, but its lines are gone: another program rewrote the file, or somebody removed them",
                stacks.path(service).display()
            ),
            format!("to put them back: authentik-flow enable {service}; to leave them out: authentik-flow disable {service}"),
        ));
    }
    findings
}

/// A change that waits to be confirmed, and its services. Root alone can read it.
pub(super) fn of_trial(state: &Path) -> Option<(String, Finding)> {
    let (services, seconds) = trial::waiting(state).ok().flatten()?;
    let found = finding(
        "stack.waits-for-confirm",
        Status::Warning,
        format!("this change (enable --try) takes itself back in {seconds} s"),
        "to keep it, log in a second time, and run there as root: authentik-flow confirm".into(),
    );
    Some((services, found))
}

/// `[services.NAME]` and `--service` for which there is no stack.
pub(super) fn of_names(setup: &Setup, services: &[String]) -> Vec<(String, Finding)> {
    let mut findings = Vec::new();
    let known = |name: &str| {
        // sudo-i and su-l follow sudo and su in the configuration.
        services.iter().any(|service| service == name)
    };
    if !services.is_empty() && !known(&setup.service) {
        findings.push((
            setup.service.clone(),
            finding(
                "stack.no-such-service",
                Status::Wrong,
                "there is no stack of that name".into(),
                hint("authentik-flow check --service", &setup.service, services),
            ),
        ));
    }
    for (name, path) in sections(setup) {
        if !known(&name) && !services.is_empty() {
            findings.push((
                name.clone(),
                finding(
                    "stack.section-without-service",
                    Status::Warning,
                    format!(
                        "[services.{name}] in {} names no service of this host",
                        path.display()
                    ),
                    hint("correct it to", &name, services),
                ),
            ));
        }
    }
    findings
}

/// The names of `[services.NAME]`, each with its file.
pub(super) fn sections(setup: &Setup) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for source in read_sources(&setup.path()).unwrap_or_default() {
        let table = std::str::from_utf8(&source.bytes)
            .ok()
            .and_then(|text| text.parse::<toml::Table>().ok());
        let named = table
            .as_ref()
            .and_then(|table| table.get("services"))
            .and_then(toml::Value::as_table);
        let names = named.into_iter().flat_map(toml::Table::keys);
        found.extend(names.map(|name| (name.clone(), source.path.clone())));
    }
    found
}

fn hint(what: &str, name: &str, services: &[String]) -> String {
    match nearest(name, services.iter().map(String::as_str)) {
        Some(near) => format!("{what} {near}"),
        None => "a service has the name of its file in /etc/pam.d".into(),
    }
}
