//! Stacks that fall back to something else while authentik is unavailable, in
//! programs where that takes `addresses`.

use pam_authentik_flow::config::Config;

use super::judge::Finding;
use super::report::Status;
use super::stack::{Action, Code, Entry};

/// Services of set-uid programs. There the module takes a server for unavailable
/// only at addresses that no resolver chose: see pam_authentik_flow(8).
const SETUID: [&str; 5] = ["sudo", "sudo-i", "su", "su-l", "doas"];

/// Whether a fallback of this service could never be used: its program is set-uid,
/// and the configuration names no addresses.
pub(crate) fn is_without_effect(service: &str, config: &Config) -> bool {
    SETUID.contains(&service) && !config.has_fixed_addresses()
}

/// What is to be said of a stack that makes an exception for an authentik that is
/// unavailable, and of an account rule that does.
pub(crate) fn findings(
    service: &str,
    auth: &[Entry],
    account: &[Entry],
    config: &Config,
) -> Vec<Finding> {
    const REMEDY: &str =
        "write addresses = [\"192.0.2.10\"], with the server's own, into the configuration";
    if !is_without_effect(service, config) {
        return Vec::new();
    }
    let mut places: Vec<String> = auth
        .iter()
        .filter(|entry| entry.is_ours() && goes_on(entry))
        .map(Entry::place)
        .collect();
    let ignores = config
        .account
        .as_ref()
        .is_some_and(|rules| rules.on_unavailable == pam_authentik_flow::config::Fallback::Ignore);
    if ignores && account.iter().any(Entry::is_ours) {
        places.push("[account] on_unavailable = \"ignore\"".into());
    }
    places
        .into_iter()
        .map(|place| Finding {
            id: "stack.fallback-without-addresses",
            status: Status::Warning,
            what: format!(
                "{place}: this exception for an authentik that is down is never made in {service}: its caller can disturb the resolver, so it needs `addresses`, or an IP address in `url`, and no `proxy`"
            ),
            remedy: REMEDY.into(),
        })
        .collect()
}

/// Whether the stack goes on where the module says that authentik is unavailable.
fn goes_on(entry: &Entry) -> bool {
    !matches!(
        entry.control.action(Code::AUTHINFO_UNAVAIL),
        Action::Die | Action::Bad
    )
}
