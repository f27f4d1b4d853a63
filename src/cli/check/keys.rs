//! `check`: the security keys that are plugged in here, for who sits here.

use pam_authentik_flow::config::Config;
use pam_authentik_flow::login_context::LoginContext;
use pam_authentik_flow::security_key::{AtThisHost, plugged_in};

use super::super::report::Report;

/// Lists the keys that are plugged in, and who may open them. Sends nothing to a key.
pub(super) fn look(report: &mut Report, config: &Config, context: &LoginContext) {
    let rules = &config.security_key;
    if !rules.enabled {
        return;
    }
    // From elsewhere nobody can use a key of this host, so there is nothing to check.
    let Ok(here) = AtThisHost::prove(context, rules.place) else {
        return;
    };
    let found = plugged_in(&here);
    let names: Vec<String> = found
        .keys
        .iter()
        .map(|key| format!("hidraw{}", key.number()))
        .collect();
    match names.as_slice() {
        [] if found.refused.is_empty() => report.ok("security-keys.none", "none is plugged in"),
        [] => {}
        names => report.ok(
            "security-keys.plugged-in",
            format!("plugged in: {}", names.join(", ")),
        ),
    }
    for (number, why) in &found.refused {
        report.warn(
            "security-keys.not-allowed",
            format!("hidraw{number} is one, but this user may not use it: {why}"),
            "programs without root, such as screen lockers, need udev's rule uaccess for it",
        );
    }
}
