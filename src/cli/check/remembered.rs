//! `check`: what `[second_factor] remember = "session"` needs of the stacks and the kernel.

use std::path::Path;

use pam_authentik_flow::config::{Config, Remember};
use pam_authentik_flow::second_factor::is_sudo;

use super::super::report::Report;
use super::super::setup::Setup;
use super::super::stack::{Entry, Kind, Stacks};
use crate::cli::CommandError;

const LINE: &str = "-session optional pam_authentik_flow.so";

/// Says whether a login by the service of `setup` can remember a second factor, and
/// whether sudo asks in the same way.
pub(super) fn look(
    report: &mut Report,
    setup: &Setup,
    config: &Config,
    stacks: &Stacks,
) -> Result<(), CommandError> {
    let service = setup.service.as_str();
    if config.second_factor.remember != Remember::Session || is_sudo(service) {
        return Ok(());
    }
    if !Path::new("/proc/self/sessionid").exists() {
        report.warn(
            "second-factor.no-audit",
            "this kernel has no audit sessions, so no second factor is remembered",
            "use a kernel with CONFIG_AUDITSYSCALL, or write remember = \"never\" below [second_factor]",
        );
        return Ok(());
    }
    let path = stacks.path(service);
    let path = path.display();
    let entries = stacks.entries(service, Kind::Session).unwrap_or_default();
    let Some(own) = entries.iter().position(Entry::is_ours) else {
        report.warn(
            "second-factor.no-session-line",
            format!("no session line of {path} names the module, so no second factor is remembered there"),
            format!("add this line after the one of pam_loginuid.so: {LINE}"),
        );
        return Ok(());
    };
    let mut before = entries.iter().take(own);
    if !before.any(|entry| entry.name() == "pam_loginuid.so") {
        report.warn(
            "second-factor.no-audit-session",
            format!("in {path} the module comes before pam_loginuid.so, or pam_loginuid.so is missing, so no second factor is remembered there"),
            format!("move this line after pam_loginuid.so: {LINE}"),
        );
        return Ok(());
    }
    let path = setup.path();
    let named = stacks.naming_module().iter().any(|name| name == "sudo");
    let path = (!named).then_some(path.as_path());
    let sudo = Setup::for_service("sudo", path, stacks)?;
    match sudo.config() {
        Ok(sudo) if sudo.second_factor.remember == Remember::Never => report.warn(
            "second-factor.sudo-asks",
            format!("{service} remembers a second factor, but sudo asks for it each time"),
            "remove remember = \"never\" from [services.sudo.second_factor], or write it below [second_factor]",
        ),
        Ok(sudo) if sudo.prompt.second_factor != config.prompt.second_factor => report.warn(
            "second-factor.other-factors",
            format!("sudo may use other second factors than {service}: a factor that one has accepted does not count for the other"),
            "set the same [prompt] second_factor for both, or write remember = \"never\" below [second_factor]",
        ),
        Ok(sudo) if sudo.flow != config.flow || sudo.url.to_string() != config.url.to_string() => report.warn(
            "second-factor.other-flow",
            format!(
                "sudo uses the flow {}, and {service} uses {}: a factor that one has accepted does not count for the other",
                sudo.flow.as_str(),
                config.flow.as_str()
            ),
            "use the same flow for both, or write remember = \"never\" below [second_factor]",
        ),
        Ok(sudo) => report.ok(
            "second-factor.remembered",
            format!(
                "sudo does not ask again in a session of {service}, for {} s at most, if the flow's validate stage has a last_auth_threshold",
                sudo.second_factor
                    .remember_for
                    .min(config.second_factor.remember_for)
                    .as_secs()
            ),
        ),
        // What is wrong is said of sudo itself.
        Err(_) => {}
    }
    Ok(())
}
