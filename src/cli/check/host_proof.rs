//! `check`: whether authentik accepts the token of this host.

use pam_authentik_flow::config::HostRules;
use pam_authentik_flow::token_file::read_token;

use super::super::enrol_host::{Client, Verdict};
use super::super::remedy::of_config;
use super::super::report::Report;
use super::Way;

/// Whether the module would use the token's file.
pub(super) fn file(report: &mut Report, rules: &HostRules) {
    let path = rules.token_file.as_path();
    match read_token(path) {
        Ok(_) => {}
        Err(fault) if fault.needs_root() => {
            report.unknown(
                "host.unreadable",
                format!(
                    "this is not root, so {} cannot be read: a service that runs as this user cannot prove which host it is on",
                    path.display()
                ),
                Some("run it again as root".into()),
            );
        }
        Err(fault) => {
            let (found, remedy) = of_config(&fault.at(path, ""));
            report.wrong("files.wrong", found, remedy);
        }
    }
}

/// Asks authentik about the token.
pub(super) fn ask(report: &mut Report, way: &Way<'_>, rules: &HostRules) {
    let Ok(token) = read_token(rules.token_file.as_path()) else {
        return;
    };
    let path = rules.token_file.as_path().display();
    let client = Client::new(way.config, &way.setup.service);
    match client.ask(&token) {
        Ok(Verdict::Accepted { .. }) => report.ok(
            "host.accepted",
            format!(
                "authentik accepts the token of this host ({path}); only a login shows whether it belongs to the identifier {}",
                rules.identifier.as_str()
            ),
        ),
        Ok(Verdict::Refused) => report.wrong(
            "host.refused",
            format!(
                "authentik does not accept the token of this host ({path}): it was revoked or replaced, or its connector is disabled"
            ),
            "register the host again: authentik-flow enrol-host --replace",
        ),
        Ok(Verdict::Unknown(why)) => report.unknown(
            "host.unknown",
            format!("unknown whether authentik accepts the token of this host: {why}"),
            None,
        ),
        Err(problem) => report.unknown("host.unknown", problem, None),
    }
}
